-- What was tried to fill the gaps found at rows of one symbol with ? <= minute < ?, ascending, at
-- most ?, as JSON.
select cast(json_object(
    'exchange', exchange, 'symbol', symbol, 'first_missing_id', first_missing_id,
    'last_missing_id', last_missing_id, 'missing_count', missing_count,
    'from_time', date_format(from_time, '%Y-%m-%dT%H:%i:%s.%fZ'),
    'to_time', date_format(to_time, '%Y-%m-%dT%H:%i:%s.%fZ'), 'attempts', attempts,
    'outcome', outcome, 'reason', reason,
    'last_attempt', date_format(last_attempt, '%Y-%m-%dT%H:%i:%s.%fZ'),
    'next_attempt', date_format(next_attempt, '%Y-%m-%dT%H:%i:%s.%fZ'),
    'throttled_until', date_format(throttled_until, '%Y-%m-%dT%H:%i:%s.%fZ')
) as char) as repair
from repairs
where exchange = ? and symbol = ? and minute >= str_to_date(?, '%Y-%m-%dT%H:%i:%sZ')
    and minute < str_to_date(?, '%Y-%m-%dT%H:%i:%sZ')
order by minute, first_missing_id
limit ?
