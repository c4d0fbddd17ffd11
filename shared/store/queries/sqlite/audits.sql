-- Audits of one symbol that begin at $3 or later and before $4, ascending, at most $5, as JSON.
select json_object(
    'exchange', exchange, 'symbol', symbol, 'from', from_minute, 'to', to_minute,
    'audited_at', audited_at, 'found', json(found)
) as audit
from audits
where exchange = $1 and symbol = $2 and from_minute >= $3 and from_minute < $4
order by from_minute
limit $5
