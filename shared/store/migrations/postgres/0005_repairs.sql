-- What was tried to fill a gap, and what came of it; see store::Repair for what each column means.
-- A gap itself is in no table: the ids of bars tell it.
create table repairs (
    exchange text collate "C" not null,
    symbol text collate "C" not null,
    first_missing_id bigint not null,
    last_missing_id bigint not null,
    missing_count bigint not null,
    from_time timestamptz not null,
    to_time timestamptz not null,
    -- that of to_time: the row at which the gap was found
    minute timestamptz not null,
    attempts bigint not null,
    outcome text collate "C" not null,
    -- null where nothing went wrong
    reason text,
    last_attempt timestamptz not null,
    -- null when there will be none
    next_attempt timestamptz,
    -- null unless the exchange asked to be left alone
    throttled_until timestamptz,
    primary key (exchange, symbol, first_missing_id),
    check (outcome in ('open', 'filled', 'unfillable')),
    check (missing_count > 0 and last_missing_id >= first_missing_id and attempts >= 0)
);
