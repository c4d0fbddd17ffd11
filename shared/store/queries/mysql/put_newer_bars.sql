-- The second half: bars whose key is there change if the new version is greater. This database's
-- upsert knows no condition, and sqlx has it count rows that it left alone: hence two statements.
-- More objects come first: the objects of a minute are only ever added, so that a fold of a superset
-- always wins, and a stale fold that commits late changes nothing. The other two decide between folds
-- of equally many objects, the same way whoever commits first.
update json_table(?, '$[*]' columns (
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
-- In this order: one look-up by key for each bar given, never a scan of all that are stored.
straight_join bars on bars.exchange = bar.exchange and bars.symbol = bar.symbol
    and bars.minute = str_to_date(bar.minute, '%Y-%m-%dT%H:%i:%sZ')
set
    bars.open = bar.open, bars.high = bar.high, bars.low = bar.low, bars.close = bar.close,
    bars.buy_count = bar.buy_count, bars.sell_count = bar.sell_count,
    bars.buy_base_volume = bar.buy_base_volume, bars.sell_base_volume = bar.sell_base_volume,
    bars.buy_quote_volume = bar.buy_quote_volume,
    bars.sell_quote_volume = bar.sell_quote_volume, bars.first_id = bar.first_id,
    bars.last_id = bar.last_id,
    bars.first_time = str_to_date(bar.first_time, '%Y-%m-%dT%H:%i:%s.%fZ'),
    bars.last_time = str_to_date(bar.last_time, '%Y-%m-%dT%H:%i:%s.%fZ'),
    bars.trade_count = bar.trade_count, bars.missing_count = bar.missing_count,
    bars.duplicate_count = bar.duplicate_count, bars.conflict_count = bar.conflict_count,
    bars.quarantined_count = bar.quarantined_count, bars.object_count = bar.object_count,
    bars.fingerprint = bar.fingerprint, bars.updated_at = utc_timestamp(6)
where (bar.object_count, bar.trade_count, bar.fingerprint)
    > (bars.object_count, bars.trade_count, bars.fingerprint)
