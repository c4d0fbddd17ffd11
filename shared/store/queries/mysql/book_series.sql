-- The pairs of exchange and symbol that have rows of books, as JSON. Grouping by the head of the primary key
-- reads one row for each: its cost grows with the symbols, not the rows.
select cast(json_object('exchange', exchange, 'symbol', symbol) as char) as series
from (select exchange, symbol from book_bars group by exchange, symbol) as pairs
order by exchange, symbol
