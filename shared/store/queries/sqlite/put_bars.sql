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
    value ->> 'exchange', value ->> 'symbol', value ->> 'minute', value ->> 'open',
    value ->> 'high', value ->> 'low', value ->> 'close', value ->> 'buy_count',
    value ->> 'sell_count', value ->> 'buy_base_volume', value ->> 'sell_base_volume',
    value ->> 'buy_quote_volume', value ->> 'sell_quote_volume', value ->> 'first_id',
    value ->> 'last_id', value ->> 'first_time', value ->> 'last_time',
    value ->> 'trade_count', value ->> 'missing_count', value ->> 'duplicate_count',
    value ->> 'conflict_count', value ->> 'quarantined_count', value ->> 'object_count',
    value ->> 'fingerprint', strftime('%Y-%m-%dT%H:%M:%f000Z', 'now')
from json_each($1)
where true -- without it SQLite takes the 'on' below for a join's
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
