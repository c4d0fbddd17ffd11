-- The pairs of exchange and symbol that have bars, as JSON. Steps from one to the next along the
-- primary key: its cost grows with the symbols, not the rows.
with recursive
exchanges (exchange) as (
    select min(exchange) from bars
    union all
    select (select min(exchange) from bars where exchange > exchanges.exchange)
    from exchanges where exchanges.exchange is not null
),
symbols (exchange, symbol) as (
    select exchange, (select min(symbol) from bars where bars.exchange = exchanges.exchange)
    from exchanges where exchange is not null
    union all
    select exchange, (
        select min(symbol) from bars
        where bars.exchange = symbols.exchange and bars.symbol > symbols.symbol
    )
    from symbols where symbol is not null
)
select json_object('exchange', exchange, 'symbol', symbol) as series
from symbols where symbol is not null
order by exchange, symbol
