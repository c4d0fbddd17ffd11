-- Writes rows of books given as one JSON array, by the rule of put_bars.sql: the row of more
-- objects stays, and of equally many that of more lines, then of the greater fingerprint.
insert into book_bars (
    exchange, symbol, minute, mid_open, mid_high, mid_low, mid_close, update_count,
    quoted_micros, spread_seconds, bid_size_seconds, ask_size_seconds, ofi, line_count,
    duplicate_count, conflict_count, quarantined_count, object_count, fingerprint, updated_at
)
select
    exchange, symbol, minute, mid_open, mid_high, mid_low, mid_close, update_count,
    quoted_micros, spread_seconds, bid_size_seconds, ask_size_seconds, ofi, line_count,
    duplicate_count, conflict_count, quarantined_count, object_count, fingerprint, now()
from json_to_recordset($1::json) as book_bar (
    exchange text, symbol text, minute timestamptz, mid_open numeric, mid_high numeric,
    mid_low numeric, mid_close numeric, update_count bigint, quoted_micros bigint,
    spread_seconds numeric, bid_size_seconds numeric, ask_size_seconds numeric, ofi numeric,
    line_count bigint, duplicate_count bigint, conflict_count bigint, quarantined_count bigint,
    object_count bigint, fingerprint text
)
-- Two writers lock the rows of a minute in the same order.
order by exchange, symbol, minute
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
