-- One row per exchange, symbol and UTC minute; see market::Bar for what each column means.
-- numeric without a scale keeps what was written, digit for digit; the code refuses what has more
-- than 38 digits, so that every supported database holds the same rows.
create table bars (
    exchange text collate "C" not null,
    symbol text collate "C" not null,
    minute timestamptz not null,
    open numeric not null,
    high numeric not null,
    low numeric not null,
    close numeric not null,
    buy_count bigint not null,
    sell_count bigint not null,
    buy_base_volume numeric not null,
    sell_base_volume numeric not null,
    buy_quote_volume numeric not null,
    sell_quote_volume numeric not null,
    -- null where the exchange's ids are not contiguous
    first_id bigint,
    last_id bigint,
    first_time timestamptz not null,
    last_time timestamptz not null,
    trade_count bigint not null,
    -- null = unknown
    missing_count bigint,
    duplicate_count bigint not null,
    conflict_count bigint not null,
    quarantined_count bigint not null,
    object_count bigint not null,
    fingerprint text collate "C" not null,
    updated_at timestamptz not null,
    primary key (exchange, symbol, minute),
    -- numeric knows NaN, and NaN is greater than every number: these refuse it as well.
    check (low > 0 and high < 'Infinity' and low <= least(open, close) and high >= greatest(open, close)),
    check (buy_base_volume >= 0 and buy_base_volume < 'Infinity'),
    check (sell_base_volume >= 0 and sell_base_volume < 'Infinity'),
    check (buy_quote_volume >= 0 and buy_quote_volume < 'Infinity'),
    check (sell_quote_volume >= 0 and sell_quote_volume < 'Infinity'),
    check (trade_count > 0 and trade_count = buy_count + sell_count)
);
