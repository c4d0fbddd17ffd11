-- The symbols with their first and last minute and the time of their newest trade, as JSON. Steps
-- from one symbol to the next along the primary key: its cost grows with the symbols, not the rows.
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
),
spans (exchange, symbol, first_minute, last_minute) as (
    select
        exchange, symbol,
        (select min(minute) from bars as b where b.exchange = s.exchange and b.symbol = s.symbol),
        (select max(minute) from bars as b where b.exchange = s.exchange and b.symbol = s.symbol)
    from symbols as s where symbol is not null
)
select json_object(
        'exchange', spans.exchange, 'symbol', spans.symbol,
        'first_minute', first_minute,
        'last_minute', last_minute,
        'last_time', last_time
    ) as symbol
from spans join bars on bars.exchange = spans.exchange and bars.symbol = spans.symbol
    and bars.minute = spans.last_minute
order by spans.exchange, spans.symbol
