-- Rows of one symbol with $3 <= minute < $4 at which trades are missing, ascending, at most $5, as
-- JSON: what of each and of the row before it tells its gaps, which market::gap reads. With them
-- comes the first row of all, whose neighbour before is not among them.
with spans as (
    select
        minute, first_id, last_id, first_time, last_time, missing_count,
        lag(last_id) over by_minute as before_last_id,
        lag(last_time) over by_minute as before_last_time
    from bars
    where exchange = $1 and symbol = $2 and minute >= $3 and minute < $4
    window by_minute as (order by minute)
)
select json_object(
    'minute', minute,
    'row', json_object(
        'first_id', first_id, 'last_id', last_id, 'missing_count', missing_count,
        'first_time', first_time,
        'last_time', last_time
    ),
    'before_last_id', before_last_id,
    'before_last_time', before_last_time
) as gap
from spans
where missing_count > 0 or first_id > before_last_id + 1 or before_last_time is null
order by minute
limit $5
