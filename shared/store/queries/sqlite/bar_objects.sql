-- How many objects each row of one symbol with $3 <= minute < $4 was folded from, as JSON.
select json_object('minute', minute, 'object_count', object_count) as objects
from bars
where exchange = $1 and symbol = $2 and minute >= $3 and minute < $4
order by minute
