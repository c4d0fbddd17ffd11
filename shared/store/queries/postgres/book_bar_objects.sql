-- How many objects each row of one symbol with $3 <= minute < $4 was folded from, as JSON.
select json_build_object(
    'minute', to_char(minute at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'),
    'object_count', object_count
)::text as objects
from book_bars
where exchange = $1 and symbol = $2 and minute >= $3::timestamptz and minute < $4::timestamptz
order by minute
