-- The bars under the names that charting tools look for; Grafana maps a candlestick by them.
create view candles as
select
    exchange, symbol, minute as time, open, high, low, close,
    buy_base_volume + sell_base_volume as volume
from bars;
comment on view candles is 'One candle per exchange, symbol and minute';
comment on column candles.time is 'Open time';
comment on column candles.volume is 'Both sides, in base units';
