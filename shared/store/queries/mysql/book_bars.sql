-- Rows of one symbol's books with ? <= minute < ?, ascending, at most ?, as JSON: decimals as
-- their exact text.
select cast(json_object(
    'exchange', exchange, 'symbol', symbol, 'minute', date_format(minute, '%Y-%m-%dT%H:%i:%sZ'),
    'mid_open', cast(mid_open as char), 'mid_high', cast(mid_high as char),
    'mid_low', cast(mid_low as char), 'mid_close', cast(mid_close as char),
    'update_count', update_count, 'quoted_micros', quoted_micros,
    'spread_seconds', cast(spread_seconds as char),
    'bid_size_seconds', cast(bid_size_seconds as char),
    'ask_size_seconds', cast(ask_size_seconds as char), 'ofi', cast(ofi as char),
    'line_count', line_count, 'duplicate_count', duplicate_count,
    'conflict_count', conflict_count, 'quarantined_count', quarantined_count,
    'object_count', object_count, 'fingerprint', fingerprint,
    'updated_at', date_format(updated_at, '%Y-%m-%dT%H:%i:%s.%fZ')
) as char) as book_bar
from book_bars
where exchange = ? and symbol = ? and minute >= str_to_date(?, '%Y-%m-%dT%H:%i:%sZ')
    and minute < str_to_date(?, '%Y-%m-%dT%H:%i:%sZ')
order by minute
limit ?
