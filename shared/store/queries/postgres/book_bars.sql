-- Rows of one symbol's books with $3 <= minute < $4, ascending, at most $5, as JSON: decimals as
-- their exact text.
select json_build_object(
    'exchange', exchange, 'symbol', symbol,
    'minute', to_char(minute at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'),
    'mid_open', mid_open::text, 'mid_high', mid_high::text, 'mid_low', mid_low::text,
    'mid_close', mid_close::text, 'update_count', update_count, 'quoted_micros', quoted_micros,
    'spread_seconds', spread_seconds::text, 'bid_size_seconds', bid_size_seconds::text,
    'ask_size_seconds', ask_size_seconds::text, 'ofi', ofi::text, 'line_count', line_count,
    'duplicate_count', duplicate_count, 'conflict_count', conflict_count,
    'quarantined_count', quarantined_count, 'object_count', object_count,
    'fingerprint', fingerprint,
    'updated_at', to_char(updated_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')
)::text as book_bar
from book_bars
where exchange = $1 and symbol = $2 and minute >= $3::timestamptz and minute < $4::timestamptz
order by minute
limit $5
