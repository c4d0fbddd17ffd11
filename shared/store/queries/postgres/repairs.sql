-- What was tried to fill the gaps found at rows of one symbol with $3 <= minute < $4, ascending, at
-- most $5, as JSON.
select json_build_object(
    'exchange', exchange, 'symbol', symbol, 'first_missing_id', first_missing_id,
    'last_missing_id', last_missing_id, 'missing_count', missing_count,
    'from_time', to_char(from_time at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
    'to_time', to_char(to_time at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
    'attempts', attempts, 'outcome', outcome, 'reason', reason,
    'last_attempt', to_char(last_attempt at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
    'next_attempt', to_char(next_attempt at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
    'throttled_until', to_char(throttled_until at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')
)::text as repair
from repairs
where exchange = $1 and symbol = $2 and minute >= $3::timestamptz and minute < $4::timestamptz
order by minute, first_missing_id
limit $5
