-- One row per exchange, symbol and UTC minute of order books; see market::BookBar for what each
-- column means. Decimals are text that a collation orders, as those of bars.
create table book_bars (
    exchange text not null,
    symbol text not null,
    minute text not null,
    -- null where a side was empty all the time
    mid_open text collate decimal,
    mid_high text collate decimal,
    mid_low text collate decimal,
    mid_close text collate decimal,
    update_count integer not null,
    -- 60,000,000 is the whole minute
    quoted_micros integer not null,
    spread_seconds text collate decimal not null,
    bid_size_seconds text collate decimal not null,
    ask_size_seconds text collate decimal not null,
    -- the one column that may be below zero
    ofi text collate decimal not null,
    line_count integer not null,
    duplicate_count integer not null,
    conflict_count integer not null,
    quarantined_count integer not null,
    object_count integer not null,
    fingerprint text not null,
    updated_at text not null,
    primary key (exchange, symbol, minute),
    -- Digits, and perhaps a point and digits: no exponent, no NaN, no infinity.
    check (
        mid_open glob '[0-9]*' and mid_open not glob '*.'
        and trim(mid_open, '0123456789') in ('', '.')
    ),
    check (
        mid_high glob '[0-9]*' and mid_high not glob '*.'
        and trim(mid_high, '0123456789') in ('', '.')
    ),
    check (
        mid_low glob '[0-9]*' and mid_low not glob '*.'
        and trim(mid_low, '0123456789') in ('', '.')
    ),
    check (
        mid_close glob '[0-9]*' and mid_close not glob '*.'
        and trim(mid_close, '0123456789') in ('', '.')
    ),
    check (
        spread_seconds glob '[0-9]*' and spread_seconds not glob '*.'
        and trim(spread_seconds, '0123456789') in ('', '.')
    ),
    check (
        bid_size_seconds glob '[0-9]*' and bid_size_seconds not glob '*.'
        and trim(bid_size_seconds, '0123456789') in ('', '.')
    ),
    check (
        ask_size_seconds glob '[0-9]*' and ask_size_seconds not glob '*.'
        and trim(ask_size_seconds, '0123456789') in ('', '.')
    ),
    -- With at most one sign before it.
    check (
        ltrim(ofi, '-') glob '[0-9]*' and ofi not glob '--*' and ofi not glob '*.'
        and trim(ltrim(ofi, '-'), '0123456789') in ('', '.')
    ),
    check (
        (mid_open is null) = (mid_high is null) and (mid_open is null) = (mid_low is null)
        and (mid_open is null) = (mid_close is null)
    ),
    check (mid_low <= min(mid_open, mid_close) and mid_high >= max(mid_open, mid_close)),
    check (quoted_micros between 0 and 60000000 and update_count >= 0 and line_count > 0)
) strict, without rowid;
