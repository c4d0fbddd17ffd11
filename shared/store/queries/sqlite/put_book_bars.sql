-- Writes rows of books given as one JSON array, by the rule of put_bars.sql: the row of more
-- objects stays, and of equally many that of more lines, then of the greater fingerprint.
insert into book_bars (
    exchange, symbol, minute, mid_open, mid_high, mid_low, mid_close, update_count,
    quoted_micros, spread_seconds, bid_size_seconds, ask_size_seconds, ofi, line_count,
    duplicate_count, conflict_count, quarantined_count, object_count, fingerprint, updated_at
)
select
    value ->> 'exchange', value ->> 'symbol', value ->> 'minute', value ->> 'mid_open',
    value ->> 'mid_high', value ->> 'mid_low', value ->> 'mid_close', value ->> 'update_count',
    value ->> 'quoted_micros', value ->> 'spread_seconds', value ->> 'bid_size_seconds',
    value ->> 'ask_size_seconds', value ->> 'ofi', value ->> 'line_count',
    value ->> 'duplicate_count', value ->> 'conflict_count', value ->> 'quarantined_count',
    value ->> 'object_count', value ->> 'fingerprint', strftime('%Y-%m-%dT%H:%M:%f000Z', 'now')
from json_each($1)
where true -- without it SQLite takes the 'on' below for a join's
on conflict (exchange, symbol, minute) do update set
    mid_open = excluded.mid_open, mid_high = excluded.mid_high, mid_low = excluded.mid_low,
    mid_close = excluded.mid_close, update_count = excluded.update_count,
    quoted_micros = excluded.quoted_micros, spread_seconds = excluded.spread_seconds,
    bid_size_seconds = excluded.bid_size_seconds, ask_size_seconds = excluded.ask_size_seconds,
    ofi = excluded.ofi, line_count = excluded.line_count,
    duplicate_count = excluded.duplicate_count, conflict_count = excluded.conflict_count,
    quarantined_count = excluded.quarantined_count, object_count = excluded.object_count,
    fingerprint = excluded.fingerprint, updated_at = excluded.updated_at
where (excluded.object_count, excluded.line_count, excluded.fingerprint)
    > (book_bars.object_count, book_bars.line_count, book_bars.fingerprint)
