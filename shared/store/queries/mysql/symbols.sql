-- The symbols with their first and last minute and the time of their newest trade, as JSON. Grouping
-- by the head of the primary key reads its two ends for each symbol: its cost grows with the
-- symbols, not the rows.
select cast(json_object(
        'exchange', spans.exchange, 'symbol', spans.symbol,
        'first_minute', date_format(first_minute, '%Y-%m-%dT%H:%i:%sZ'),
        'last_minute', date_format(last_minute, '%Y-%m-%dT%H:%i:%sZ'),
        'last_time', date_format(last_time, '%Y-%m-%dT%H:%i:%s.%fZ')
    ) as char) as symbol
from (
    select exchange, symbol, min(minute) as first_minute, max(minute) as last_minute
    from bars
    group by exchange, symbol
) as spans
join bars on bars.exchange = spans.exchange and bars.symbol = spans.symbol
    and bars.minute = spans.last_minute
order by spans.exchange, spans.symbol
