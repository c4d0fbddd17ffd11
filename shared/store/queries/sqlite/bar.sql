-- A bar as JSON, decimals as their exact text: what bars.sql and bar_before.sql begin with.
select json_object(
    'exchange', exchange, 'symbol', symbol, 'minute', minute, 'open', open, 'high', high,
    'low', low, 'close', close, 'buy_count', buy_count, 'sell_count', sell_count,
    'buy_base_volume', buy_base_volume, 'sell_base_volume', sell_base_volume,
    'buy_quote_volume', buy_quote_volume, 'sell_quote_volume', sell_quote_volume,
    'first_id', first_id, 'last_id', last_id, 'first_time', first_time,
    'last_time', last_time, 'trade_count', trade_count, 'missing_count', missing_count,
    'duplicate_count', duplicate_count, 'conflict_count', conflict_count,
    'quarantined_count', quarantined_count, 'object_count', object_count,
    'fingerprint', fingerprint, 'updated_at', updated_at
) as bar
from bars
