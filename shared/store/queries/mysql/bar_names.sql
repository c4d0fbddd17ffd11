-- The names of the symbols that have rows here, as JSON. Grouping by the head of the primary key
-- steps from one symbol to the next, as symbols.sql does.
select cast(json_array(exchange, symbol) as char) as name
from bars
group by exchange, symbol
order by exchange, symbol
