-- Rows of one symbol with ? <= minute < ? at which trades are missing, ascending, at most ?, as
-- JSON: what of each and of the row before it tells its gaps, which market::gap reads. With them
-- comes the first row of all, whose neighbour before is not among them.
with spans as (
    select
        minute, first_id, last_id, first_time, last_time, missing_count,
        lag(last_id) over by_minute as before_last_id,
        lag(last_time) over by_minute as before_last_time
    from bars
    where exchange = ? and symbol = ? and minute >= str_to_date(?, '%Y-%m-%dT%H:%i:%sZ')
        and minute < str_to_date(?, '%Y-%m-%dT%H:%i:%sZ')
    window by_minute as (order by minute)
)
select cast(json_object(
    'minute', date_format(minute, '%Y-%m-%dT%H:%i:%sZ'),
    'row', json_object(
        'first_id', first_id, 'last_id', last_id, 'missing_count', missing_count,
        'first_time', date_format(first_time, '%Y-%m-%dT%H:%i:%s.%fZ'),
        'last_time', date_format(last_time, '%Y-%m-%dT%H:%i:%s.%fZ')
    ),
    'before_last_id', before_last_id,
    'before_last_time', date_format(before_last_time, '%Y-%m-%dT%H:%i:%s.%fZ')
) as char) as gap
from spans
where missing_count > 0 or first_id > before_last_id + 1 or before_last_time is null
order by minute
limit ?
