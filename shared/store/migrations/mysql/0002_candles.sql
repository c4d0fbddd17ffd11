-- The bars under the names that charting tools look for; Grafana maps a candlestick by them. time is
-- the open time in UTC; volume is that of both sides, in base units. Whoever asks needs the right to
-- read bars: a view with the rights of its maker would end with that account.
create sql security invoker view candles as
select
    exchange, symbol, minute as `time`, open, high, low, close,
    buy_base_volume + sell_base_volume as volume
from bars;
