-- A bar as JSON, decimals as their exact text: what bars.sql and bar_before.sql begin with.
select cast(json_object(
    'exchange', exchange, 'symbol', symbol,
    'minute', date_format(minute, '%Y-%m-%dT%H:%i:%sZ'), 'open', cast(open as char),
    'high', cast(high as char), 'low', cast(low as char), 'close', cast(close as char),
    'buy_count', buy_count, 'sell_count', sell_count,
    'buy_base_volume', cast(buy_base_volume as char),
    'sell_base_volume', cast(sell_base_volume as char),
    'buy_quote_volume', cast(buy_quote_volume as char),
    'sell_quote_volume', cast(sell_quote_volume as char), 'first_id', first_id,
    'last_id', last_id, 'first_time', date_format(first_time, '%Y-%m-%dT%H:%i:%s.%fZ'),
    'last_time', date_format(last_time, '%Y-%m-%dT%H:%i:%s.%fZ'), 'trade_count', trade_count,
    'missing_count', missing_count, 'duplicate_count', duplicate_count,
    'conflict_count', conflict_count, 'quarantined_count', quarantined_count,
    'object_count', object_count, 'fingerprint', fingerprint,
    'updated_at', date_format(updated_at, '%Y-%m-%dT%H:%i:%s.%fZ')
) as char) as bar
from bars
