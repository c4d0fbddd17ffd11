-- What came of comparing bars with the exchange's own candles; see store::StoredAudit. One row for
-- each span that was audited: a later audit that begins at the same minute replaces it.
create table audits (
    exchange text collate "C" not null,
    symbol text collate "C" not null,
    from_minute timestamptz not null,
    to_minute timestamptz not null,
    compared_count bigint not null,
    equal_count bigint not null,
    missing_here_count bigint not null,
    missing_there_count bigint not null,
    -- market::Audit as JSON: all of it, with the differences
    found text not null,
    audited_at timestamptz not null,
    primary key (exchange, symbol, from_minute),
    check (from_minute < to_minute and equal_count between 0 and compared_count),
    check (missing_here_count >= 0 and missing_there_count >= 0)
);
