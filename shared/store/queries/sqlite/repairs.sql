-- What was tried to fill the gaps found at rows of one symbol with $3 <= minute < $4, ascending, at
-- most $5, as JSON.
select json_object(
    'exchange', exchange, 'symbol', symbol, 'first_missing_id', first_missing_id,
    'last_missing_id', last_missing_id, 'missing_count', missing_count, 'from_time', from_time,
    'to_time', to_time, 'attempts', attempts, 'outcome', outcome, 'reason', reason,
    'last_attempt', last_attempt, 'next_attempt', next_attempt, 'throttled_until', throttled_until
) as repair
from repairs
where exchange = $1 and symbol = $2 and minute >= $3 and minute < $4
order by minute, first_missing_id
limit $5
