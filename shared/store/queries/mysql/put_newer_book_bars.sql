-- The second half: rows of books whose key is there change by the rule of put_newer_bars.sql: the
-- row of more objects stays, and of equally many that of more lines, then of the greater
-- fingerprint.
update json_table(?, '$[*]' columns (
    exchange varchar(32) character set ascii collate ascii_bin path '$.exchange' error on error,
    symbol varchar(32) character set ascii collate ascii_bin path '$.symbol' error on error,
    minute varchar(32) path '$.minute' error on error,
    mid_open decimal(38, 18) path '$.mid_open' error on error,
    mid_high decimal(38, 18) path '$.mid_high' error on error,
    mid_low decimal(38, 18) path '$.mid_low' error on error,
    mid_close decimal(38, 18) path '$.mid_close' error on error,
    update_count bigint path '$.update_count' error on error,
    quoted_micros bigint path '$.quoted_micros' error on error,
    spread_seconds decimal(38, 18) path '$.spread_seconds' error on error,
    bid_size_seconds decimal(38, 18) path '$.bid_size_seconds' error on error,
    ask_size_seconds decimal(38, 18) path '$.ask_size_seconds' error on error,
    ofi decimal(38, 18) path '$.ofi' error on error,
    line_count bigint path '$.line_count' error on error,
    duplicate_count bigint path '$.duplicate_count' error on error,
    conflict_count bigint path '$.conflict_count' error on error,
    quarantined_count bigint path '$.quarantined_count' error on error,
    object_count bigint path '$.object_count' error on error,
    fingerprint varchar(64) character set ascii collate ascii_bin path '$.fingerprint' error on error
)) as book_bar
-- In this order: one look-up by key for each row given, never a scan of all that are stored.
straight_join book_bars on book_bars.exchange = book_bar.exchange
    and book_bars.symbol = book_bar.symbol
    and book_bars.minute = str_to_date(book_bar.minute, '%Y-%m-%dT%H:%i:%sZ')
set
    book_bars.mid_open = book_bar.mid_open, book_bars.mid_high = book_bar.mid_high,
    book_bars.mid_low = book_bar.mid_low, book_bars.mid_close = book_bar.mid_close,
    book_bars.update_count = book_bar.update_count,
    book_bars.quoted_micros = book_bar.quoted_micros,
    book_bars.spread_seconds = book_bar.spread_seconds,
    book_bars.bid_size_seconds = book_bar.bid_size_seconds,
    book_bars.ask_size_seconds = book_bar.ask_size_seconds, book_bars.ofi = book_bar.ofi,
    book_bars.line_count = book_bar.line_count,
    book_bars.duplicate_count = book_bar.duplicate_count,
    book_bars.conflict_count = book_bar.conflict_count,
    book_bars.quarantined_count = book_bar.quarantined_count,
    book_bars.object_count = book_bar.object_count,
    book_bars.fingerprint = book_bar.fingerprint, book_bars.updated_at = utc_timestamp(6)
where (book_bar.object_count, book_bar.line_count, book_bar.fingerprint)
    > (book_bars.object_count, book_bars.line_count, book_bars.fingerprint)
