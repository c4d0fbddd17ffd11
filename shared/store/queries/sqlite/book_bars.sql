-- Rows of one symbol's books with $3 <= minute < $4, ascending, at most $5, as JSON: decimals as
-- their exact text.
select json_object(
    'exchange', exchange, 'symbol', symbol, 'minute', minute, 'mid_open', mid_open,
    'mid_high', mid_high, 'mid_low', mid_low, 'mid_close', mid_close,
    'update_count', update_count, 'quoted_micros', quoted_micros,
    'spread_seconds', spread_seconds, 'bid_size_seconds', bid_size_seconds,
    'ask_size_seconds', ask_size_seconds, 'ofi', ofi, 'line_count', line_count,
    'duplicate_count', duplicate_count, 'conflict_count', conflict_count,
    'quarantined_count', quarantined_count, 'object_count', object_count,
    'fingerprint', fingerprint, 'updated_at', updated_at
) as book_bar
from book_bars
where exchange = $1 and symbol = $2 and minute >= $3 and minute < $4
order by minute
limit $5
