-- What was tried to fill a gap, and what came of it; see store::Repair for what each column means.
-- A gap itself is in no table: the ids of bars tell it. Types and the one key are as those of bars.
create table repairs (
    exchange varchar(32) character set ascii collate ascii_bin not null,
    symbol varchar(32) character set ascii collate ascii_bin not null,
    first_missing_id bigint not null,
    last_missing_id bigint not null,
    missing_count bigint not null,
    from_time datetime(6) not null,
    to_time datetime(6) not null,
    -- that of to_time: the row at which the gap was found
    minute datetime not null,
    attempts bigint not null,
    outcome varchar(16) character set ascii collate ascii_bin not null,
    -- null where nothing went wrong; what an exchange says is in no certain alphabet
    reason varchar(500) character set utf8mb4,
    last_attempt datetime(6) not null,
    -- null when there will be none
    next_attempt datetime(6),
    -- null unless the exchange asked to be left alone
    throttled_until datetime(6),
    primary key (exchange, symbol, first_missing_id),
    check (outcome in ('open', 'filled', 'unfillable')),
    check (missing_count > 0 and last_missing_id >= first_missing_id and attempts >= 0)
) engine = InnoDB;
