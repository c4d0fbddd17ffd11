-- Audits of one symbol that begin at ? or later and before ?, ascending, at most ?, as JSON.
select cast(json_object(
    'exchange', exchange, 'symbol', symbol,
    'from', date_format(from_minute, '%Y-%m-%dT%H:%i:%sZ'),
    'to', date_format(to_minute, '%Y-%m-%dT%H:%i:%sZ'),
    'audited_at', date_format(audited_at, '%Y-%m-%dT%H:%i:%s.%fZ'),
    'found', json_extract(found, '$')
) as char) as audit
from audits
where exchange = ? and symbol = ? and from_minute >= str_to_date(?, '%Y-%m-%dT%H:%i:%sZ')
    and from_minute < str_to_date(?, '%Y-%m-%dT%H:%i:%sZ')
order by from_minute
limit ?
