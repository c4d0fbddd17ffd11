-- The first half of putting rows of books, given as one JSON array: those whose key is not
-- there yet, as put_new_bars.sql does it.
insert into book_bars (
    exchange, symbol, minute, mid_open, mid_high, mid_low, mid_close, update_count,
    quoted_micros, spread_seconds, bid_size_seconds, ask_size_seconds, ofi, line_count,
    duplicate_count, conflict_count, quarantined_count, object_count, fingerprint, updated_at
)
select
    book_bar.exchange, book_bar.symbol, str_to_date(book_bar.minute, '%Y-%m-%dT%H:%i:%sZ'),
    book_bar.mid_open, book_bar.mid_high, book_bar.mid_low, book_bar.mid_close,
    book_bar.update_count, book_bar.quoted_micros, book_bar.spread_seconds,
    book_bar.bid_size_seconds, book_bar.ask_size_seconds, book_bar.ofi, book_bar.line_count,
    book_bar.duplicate_count, book_bar.conflict_count, book_bar.quarantined_count,
    book_bar.object_count, book_bar.fingerprint, utc_timestamp(6)
from json_table(?, '$[*]' columns (
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
left join book_bars as stored on stored.exchange = book_bar.exchange
    and stored.symbol = book_bar.symbol
    and stored.minute = str_to_date(book_bar.minute, '%Y-%m-%dT%H:%i:%sZ')
where stored.minute is null
-- Two writers lock the rows of a minute in the same order.
order by 1, 2, 3
