-- The pairs of exchange and symbol that have rows of books, as JSON. Steps from one to the next along the
-- primary key: its cost grows with the symbols, not the rows.
with recursive
exchanges (exchange) as (
    select min(exchange) from book_bars
    union all
    select (select min(exchange) from book_bars where exchange > exchanges.exchange)
    from exchanges where exchanges.exchange is not null
),
symbols (exchange, symbol) as (
    select exchange, (select min(symbol) from book_bars where book_bars.exchange = exchanges.exchange)
    from exchanges where exchange is not null
    union all
    select exchange, (
        select min(symbol) from book_bars
        where book_bars.exchange = symbols.exchange and book_bars.symbol > symbols.symbol
    )
    from symbols where symbol is not null
)
select json_object('exchange', exchange, 'symbol', symbol) as series
from symbols where symbol is not null
order by exchange, symbol
