-- Writes bars given as one JSON array. A row that is there changes only if the new version is
-- greater. More objects come first: the objects of a minute are only ever added, so that a fold of
-- a superset always wins, and a stale fold that commits late changes nothing. The other two decide
-- between folds of equally many objects, the same way whoever commits first.
insert into bars (
    exchange, symbol, minute, open, high, low, close, buy_count, sell_count,
    buy_base_volume, sell_base_volume, buy_quote_volume, sell_quote_volume, first_id,
    last_id, first_time, last_time, trade_count, missing_count, duplicate_count,
    conflict_count, quarantined_count, object_count, fingerprint, updated_at
)
select
    exchange, symbol, minute, open, high, low, close, buy_count, sell_count,
    buy_base_volume, sell_base_volume, buy_quote_volume, sell_quote_volume, first_id,
    last_id, first_time, last_time, trade_count, missing_count, duplicate_count,
    conflict_count, quarantined_count, object_count, fingerprint, now()
from json_to_recordset($1::json) as bar (
    exchange text, symbol text, minute timestamptz, open numeric, high numeric,
    low numeric, close numeric, buy_count bigint, sell_count bigint,
    buy_base_volume numeric, sell_base_volume numeric, buy_quote_volume numeric,
    sell_quote_volume numeric, first_id bigint, last_id bigint, first_time timestamptz,
    last_time timestamptz, trade_count bigint, missing_count bigint,
    duplicate_count bigint, conflict_count bigint, quarantined_count bigint,
    object_count bigint, fingerprint text
)
-- Two writers lock the rows of a minute in the same order.
order by exchange, symbol, minute
on conflict (exchange, symbol, minute) do update set
    open = excluded.open, high = excluded.high, low = excluded.low, close = excluded.close,
    buy_count = excluded.buy_count, sell_count = excluded.sell_count,
    buy_base_volume = excluded.buy_base_volume,
    sell_base_volume = excluded.sell_base_volume,
    buy_quote_volume = excluded.buy_quote_volume,
    sell_quote_volume = excluded.sell_quote_volume, first_id = excluded.first_id,
    last_id = excluded.last_id, first_time = excluded.first_time,
    last_time = excluded.last_time, trade_count = excluded.trade_count,
    missing_count = excluded.missing_count, duplicate_count = excluded.duplicate_count,
    conflict_count = excluded.conflict_count,
    quarantined_count = excluded.quarantined_count, object_count = excluded.object_count,
    fingerprint = excluded.fingerprint, updated_at = excluded.updated_at
where (excluded.object_count, excluded.trade_count, excluded.fingerprint)
    > (bars.object_count, bars.trade_count, bars.fingerprint)
