-- The names of the symbols that have rows here, as JSON. Steps from one symbol to the next along the
-- primary key, as symbols.sql does.
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
select json_build_array(exchange, symbol)::text as name
from symbols where symbol is not null
order by exchange, symbol
