-- One row per exchange, symbol and UTC minute of order books; see market::BookBar for what each
-- column means. Types and the one key are as those of bars.
create table book_bars (
    exchange varchar(32) character set ascii collate ascii_bin not null,
    symbol varchar(32) character set ascii collate ascii_bin not null,
    minute datetime not null,
    -- null where a side was empty all the time
    mid_open decimal(38, 18),
    mid_high decimal(38, 18),
    mid_low decimal(38, 18),
    mid_close decimal(38, 18),
    update_count bigint not null,
    -- 60,000,000 is the whole minute
    quoted_micros bigint not null,
    spread_seconds decimal(38, 18) not null,
    bid_size_seconds decimal(38, 18) not null,
    ask_size_seconds decimal(38, 18) not null,
    -- the one column that may be below zero
    ofi decimal(38, 18) not null,
    line_count bigint not null,
    duplicate_count bigint not null,
    conflict_count bigint not null,
    quarantined_count bigint not null,
    object_count bigint not null,
    fingerprint varchar(64) character set ascii collate ascii_bin not null,
    updated_at datetime(6) not null,
    primary key (exchange, symbol, minute),
    check (
        (mid_open is null) = (mid_high is null) and (mid_open is null) = (mid_low is null)
        and (mid_open is null) = (mid_close is null)
    ),
    check (mid_low >= 0),
    check (mid_low <= least(mid_open, mid_close) and mid_high >= greatest(mid_open, mid_close)),
    check (spread_seconds >= 0 and bid_size_seconds >= 0 and ask_size_seconds >= 0),
    check (quoted_micros between 0 and 60000000 and update_count >= 0 and line_count > 0)
) engine = InnoDB;
