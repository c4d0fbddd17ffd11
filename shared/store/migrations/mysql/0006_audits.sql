-- What came of comparing bars with the exchange's own candles; see store::StoredAudit. One row for
-- each span that was audited: a later audit that begins at the same minute replaces it.
create table audits (
    exchange varchar(32) character set ascii collate ascii_bin not null,
    symbol varchar(32) character set ascii collate ascii_bin not null,
    from_minute datetime not null,
    to_minute datetime not null,
    compared_count bigint not null,
    equal_count bigint not null,
    missing_here_count bigint not null,
    missing_there_count bigint not null,
    -- market::Audit as JSON: all of it, with the differences
    found mediumtext character set ascii collate ascii_bin not null,
    audited_at datetime(6) not null,
    primary key (exchange, symbol, from_minute),
    check (from_minute < to_minute and equal_count between 0 and compared_count),
    check (missing_here_count >= 0 and missing_there_count >= 0)
) engine = InnoDB;
