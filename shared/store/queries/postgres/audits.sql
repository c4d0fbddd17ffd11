-- Audits of one symbol that begin at $3 or later and before $4, ascending, at most $5, as JSON.
select json_build_object(
    'exchange', exchange, 'symbol', symbol,
    'from', to_char(from_minute at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'),
    'to', to_char(to_minute at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'),
    'audited_at', to_char(audited_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
    'found', found::json
)::text as audit
from audits
where exchange = $1 and symbol = $2 and from_minute >= $3::timestamptz
    and from_minute < $4::timestamptz
order by from_minute
limit $5
