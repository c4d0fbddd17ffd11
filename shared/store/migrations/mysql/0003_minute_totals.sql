-- The bars by taker's side, _b bought and _s sold, under the names of the sheets this replaces: btc
-- is the symbol's base unit and usd its quote unit, whatever the symbol. timestamp is the open time
-- in UTC, total_btc a sum of sizes, total_usd a sum of price x size, avg their quotient: the average
-- price by volume, with 18 decimals, null without volume.
create sql security invoker view minute_totals as
select
    exchange, symbol, minute as `timestamp`,
    buy_count as total_count_b, sell_count as total_count_s,
    buy_base_volume as total_btc_b, sell_base_volume as total_btc_s,
    buy_quote_volume as total_usd_b, sell_quote_volume as total_usd_s,
    -- A division by zero is null whatever the mode of the session.
    round(buy_quote_volume / nullif(buy_base_volume, 0), 18) as avg_b,
    round(sell_quote_volume / nullif(sell_base_volume, 0), 18) as avg_s
from bars;
