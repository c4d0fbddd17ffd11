-- One row per exchange, symbol and UTC minute of order books; see market::BookBar for what each
-- column means. numeric without a scale keeps what was written, digit for digit.
create table book_bars (
    exchange text collate "C" not null,
    symbol text collate "C" not null,
    minute timestamptz not null,
    -- null where a side was empty all the time
    mid_open numeric,
    mid_high numeric,
    mid_low numeric,
    mid_close numeric,
    update_count bigint not null,
    -- 60,000,000 is the whole minute
    quoted_micros bigint not null,
    spread_seconds numeric not null,
    bid_size_seconds numeric not null,
    ask_size_seconds numeric not null,
    -- the one column that may be below zero
    ofi numeric not null,
    line_count bigint not null,
    duplicate_count bigint not null,
    conflict_count bigint not null,
    quarantined_count bigint not null,
    object_count bigint not null,
    fingerprint text collate "C" not null,
    updated_at timestamptz not null,
    primary key (exchange, symbol, minute),
    check (
        (mid_open is null) = (mid_high is null) and (mid_open is null) = (mid_low is null)
        and (mid_open is null) = (mid_close is null)
    ),
    -- numeric knows NaN, and NaN is greater than every number: these refuse it as well.
    check (mid_low >= 0 and mid_high < 'Infinity'),
    check (mid_low <= least(mid_open, mid_close) and mid_high >= greatest(mid_open, mid_close)),
    check (spread_seconds >= 0 and spread_seconds < 'Infinity'),
    check (bid_size_seconds >= 0 and bid_size_seconds < 'Infinity'),
    check (ask_size_seconds >= 0 and ask_size_seconds < 'Infinity'),
    check (ofi > '-Infinity' and ofi < 'Infinity'),
    check (quoted_micros between 0 and 60000000 and update_count >= 0 and line_count > 0)
);
