-- A bar as JSON, decimals as their exact text: what bars.sql and bar_before.sql begin with.
select json_build_object(
    'exchange', exchange, 'symbol', symbol,
    'minute', to_char(minute at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'),
    'open', open::text, 'high', high::text, 'low', low::text, 'close', close::text,
    'buy_count', buy_count, 'sell_count', sell_count,
    'buy_base_volume', buy_base_volume::text, 'sell_base_volume', sell_base_volume::text,
    'buy_quote_volume', buy_quote_volume::text,
    'sell_quote_volume', sell_quote_volume::text, 'first_id', first_id, 'last_id', last_id,
    'first_time', to_char(first_time at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
    'last_time', to_char(last_time at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
    'trade_count', trade_count, 'missing_count', missing_count,
    'duplicate_count', duplicate_count, 'conflict_count', conflict_count,
    'quarantined_count', quarantined_count, 'object_count', object_count,
    'fingerprint', fingerprint,
    'updated_at', to_char(updated_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')
)::text as bar
from bars
