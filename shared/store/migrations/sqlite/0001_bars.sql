-- One row per exchange, symbol and UTC minute; see market::Bar for what each column means.
-- Decimals and times are text: exact, and times in one fixed form sort as they should.
create table bars (
    exchange text not null,
    symbol text not null,
    minute text not null,
    open text not null,
    high text not null,
    low text not null,
    close text not null,
    buy_count integer not null,
    sell_count integer not null,
    buy_base_volume text not null,
    sell_base_volume text not null,
    buy_quote_volume text not null,
    sell_quote_volume text not null,
    -- null where the exchange's ids are not contiguous
    first_id integer,
    last_id integer,
    first_time text not null,
    last_time text not null,
    trade_count integer not null,
    -- null = unknown
    missing_count integer,
    duplicate_count integer not null,
    conflict_count integer not null,
    quarantined_count integer not null,
    object_count integer not null,
    fingerprint text not null,
    updated_at text not null,
    primary key (exchange, symbol, minute),
    check (trade_count > 0 and trade_count = buy_count + sell_count)
) strict, without rowid;
