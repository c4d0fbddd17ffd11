-- One row per exchange, symbol and UTC minute; see market::Bar for what each column means.
-- Names compare by their bytes, as everywhere else; decimals are as wide as the code's; datetime has
-- no time zone and holds UTC. One unique key only: a second one would let a write meet two rows.
create table bars (
    exchange varchar(32) character set ascii collate ascii_bin not null,
    symbol varchar(32) character set ascii collate ascii_bin not null,
    minute datetime not null,
    open decimal(38, 18) not null,
    high decimal(38, 18) not null,
    low decimal(38, 18) not null,
    close decimal(38, 18) not null,
    buy_count bigint not null,
    sell_count bigint not null,
    buy_base_volume decimal(38, 18) not null,
    sell_base_volume decimal(38, 18) not null,
    buy_quote_volume decimal(38, 18) not null,
    sell_quote_volume decimal(38, 18) not null,
    -- null where the exchange's ids are not contiguous
    first_id bigint,
    last_id bigint,
    first_time datetime(6) not null,
    last_time datetime(6) not null,
    trade_count bigint not null,
    -- null = unknown
    missing_count bigint,
    duplicate_count bigint not null,
    conflict_count bigint not null,
    quarantined_count bigint not null,
    object_count bigint not null,
    fingerprint varchar(64) character set ascii collate ascii_bin not null,
    updated_at datetime(6) not null,
    primary key (exchange, symbol, minute),
    check (low > 0 and low <= least(open, close) and high >= greatest(open, close)),
    check (buy_base_volume >= 0 and sell_base_volume >= 0),
    check (buy_quote_volume >= 0 and sell_quote_volume >= 0),
    check (trade_count > 0 and trade_count = buy_count + sell_count)
) engine = InnoDB;
