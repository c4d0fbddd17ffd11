-- The bars by taker's side, _b bought and _s sold, under the names of the sheets this replaces: btc
-- is the symbol's base unit and usd its quote unit, whatever the symbol. Flat and without a time
-- zone, as QuickSight wants it.
create view minute_totals as
select
    exchange, symbol, minute at time zone 'UTC' as "timestamp",
    buy_count as total_count_b, sell_count as total_count_s,
    buy_base_volume as total_btc_b, sell_base_volume as total_btc_s,
    buy_quote_volume as total_usd_b, sell_quote_volume as total_usd_s,
    -- The wide dividend has the division itself keep more decimals than are kept here.
    round(buy_quote_volume::numeric(76, 38) / nullif(buy_base_volume, 0), 18) as avg_b,
    round(sell_quote_volume::numeric(76, 38) / nullif(sell_base_volume, 0), 18) as avg_s
from bars;
comment on view minute_totals is 'What takers bought (_b) and sold (_s) in each minute';
comment on column minute_totals."timestamp" is 'Open time, UTC';
comment on column minute_totals.total_count_b is 'Trades';
comment on column minute_totals.total_count_s is 'Trades';
comment on column minute_totals.total_btc_b is 'Sum of sizes, in base units';
comment on column minute_totals.total_btc_s is 'Sum of sizes, in base units';
comment on column minute_totals.total_usd_b is 'Sum of price x size, in quote units';
comment on column minute_totals.total_usd_s is 'Sum of price x size, in quote units';
comment on column minute_totals.avg_b is
    'Average price by volume, in quote units per base unit, 18 decimals; null without volume';
comment on column minute_totals.avg_s is
    'Average price by volume, in quote units per base unit, 18 decimals; null without volume';
