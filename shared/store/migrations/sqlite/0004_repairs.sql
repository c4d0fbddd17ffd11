-- What was tried to fill a gap, and what came of it; see store::Repair for what each column means.
-- A gap itself is in no table: the ids of bars tell it.
create table repairs (
    exchange text not null,
    symbol text not null,
    first_missing_id integer not null,
    last_missing_id integer not null,
    missing_count integer not null,
    from_time text not null,
    to_time text not null,
    -- that of to_time: the row at which the gap was found
    minute text not null,
    attempts integer not null,
    outcome text not null,
    -- null where nothing went wrong
    reason text,
    last_attempt text not null,
    -- null when there will be none
    next_attempt text,
    -- null unless the exchange asked to be left alone
    throttled_until text,
    primary key (exchange, symbol, first_missing_id),
    check (outcome in ('open', 'filled', 'unfillable')),
    check (missing_count > 0 and last_missing_id >= first_missing_id and attempts >= 0)
) strict, without rowid;
