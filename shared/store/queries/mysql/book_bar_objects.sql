-- How many objects each row of one symbol with ? <= minute < ? was folded from, as JSON.
select cast(json_object(
    'minute', date_format(minute, '%Y-%m-%dT%H:%i:%sZ'), 'object_count', object_count
) as char) as objects
from book_bars
where exchange = ? and symbol = ? and minute >= str_to_date(?, '%Y-%m-%dT%H:%i:%sZ')
    and minute < str_to_date(?, '%Y-%m-%dT%H:%i:%sZ')
order by minute
