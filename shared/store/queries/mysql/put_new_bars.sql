-- The first half of putting bars, given as one JSON array: those whose key is not there yet. Another
-- writer may add the same key at the same time; then this fails on its primary key, and succeeds
-- when it is run again. Without IGNORE, which would let wrong rows pass along with known ones.
insert into bars (
    exchange, symbol, minute, open, high, low, close, buy_count, sell_count, buy_base_volume,
    sell_base_volume, buy_quote_volume, sell_quote_volume, first_id, last_id, first_time,
    last_time, trade_count, missing_count, duplicate_count, conflict_count, quarantined_count,
    object_count, fingerprint, updated_at
)
select
    bar.exchange, bar.symbol, str_to_date(bar.minute, '%Y-%m-%dT%H:%i:%sZ'), bar.open,
    bar.high, bar.low, bar.close, bar.buy_count, bar.sell_count, bar.buy_base_volume,
    bar.sell_base_volume, bar.buy_quote_volume, bar.sell_quote_volume, bar.first_id,
    bar.last_id, str_to_date(bar.first_time, '%Y-%m-%dT%H:%i:%s.%fZ'),
    str_to_date(bar.last_time, '%Y-%m-%dT%H:%i:%s.%fZ'), bar.trade_count, bar.missing_count,
    bar.duplicate_count, bar.conflict_count, bar.quarantined_count, bar.object_count,
    bar.fingerprint, utc_timestamp(6)
from json_table(?, '$[*]' columns (
    exchange varchar(32) character set ascii collate ascii_bin path '$.exchange' error on error,
    symbol varchar(32) character set ascii collate ascii_bin path '$.symbol' error on error,
    minute varchar(32) path '$.minute' error on error,
    open decimal(38, 18) path '$.open' error on error,
    high decimal(38, 18) path '$.high' error on error,
    low decimal(38, 18) path '$.low' error on error,
    close decimal(38, 18) path '$.close' error on error,
    buy_count bigint path '$.buy_count' error on error,
    sell_count bigint path '$.sell_count' error on error,
    buy_base_volume decimal(38, 18) path '$.buy_base_volume' error on error,
    sell_base_volume decimal(38, 18) path '$.sell_base_volume' error on error,
    buy_quote_volume decimal(38, 18) path '$.buy_quote_volume' error on error,
    sell_quote_volume decimal(38, 18) path '$.sell_quote_volume' error on error,
    first_id bigint path '$.first_id' error on error,
    last_id bigint path '$.last_id' error on error,
    first_time varchar(32) path '$.first_time' error on error,
    last_time varchar(32) path '$.last_time' error on error,
    trade_count bigint path '$.trade_count' error on error,
    missing_count bigint path '$.missing_count' error on error,
    duplicate_count bigint path '$.duplicate_count' error on error,
    conflict_count bigint path '$.conflict_count' error on error,
    quarantined_count bigint path '$.quarantined_count' error on error,
    object_count bigint path '$.object_count' error on error,
    fingerprint varchar(64) character set ascii collate ascii_bin path '$.fingerprint' error on error
)) as bar
left join bars as stored on stored.exchange = bar.exchange and stored.symbol = bar.symbol
    and stored.minute = str_to_date(bar.minute, '%Y-%m-%dT%H:%i:%sZ')
where stored.minute is null
-- Two writers lock the rows of a minute in the same order.
order by 1, 2, 3
