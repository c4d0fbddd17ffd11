-- Decimals stay text, digit for digit, but compare and sort as the numbers they are: by a collation
-- that the code brings, and SQLite's own shell as well. And a column refuses what is no number.
-- SQLite cannot change a column: the table is made anew.
create table ordered_bars (
    exchange text not null,
    symbol text not null,
    minute text not null,
    open text collate decimal not null,
    high text collate decimal not null,
    low text collate decimal not null,
    close text collate decimal not null,
    buy_count integer not null,
    sell_count integer not null,
    buy_base_volume text collate decimal not null,
    sell_base_volume text collate decimal not null,
    buy_quote_volume text collate decimal not null,
    sell_quote_volume text collate decimal not null,
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
    -- Digits, and perhaps a point and digits: no sign, no exponent, no NaN, no infinity.
    check (open glob '[0-9]*' and open not glob '*.' and trim(open, '0123456789') in ('', '.')),
    check (high glob '[0-9]*' and high not glob '*.' and trim(high, '0123456789') in ('', '.')),
    check (low glob '[0-9]*' and low not glob '*.' and trim(low, '0123456789') in ('', '.')),
    check (close glob '[0-9]*' and close not glob '*.' and trim(close, '0123456789') in ('', '.')),
    check (
        buy_base_volume glob '[0-9]*' and buy_base_volume not glob '*.'
        and trim(buy_base_volume, '0123456789') in ('', '.')
    ),
    check (
        sell_base_volume glob '[0-9]*' and sell_base_volume not glob '*.'
        and trim(sell_base_volume, '0123456789') in ('', '.')
    ),
    check (
        buy_quote_volume glob '[0-9]*' and buy_quote_volume not glob '*.'
        and trim(buy_quote_volume, '0123456789') in ('', '.')
    ),
    check (
        sell_quote_volume glob '[0-9]*' and sell_quote_volume not glob '*.'
        and trim(sell_quote_volume, '0123456789') in ('', '.')
    ),
    check (low > '0' and low <= min(open, close) and high >= max(open, close)),
    check (trade_count > 0 and trade_count = buy_count + sell_count)
) strict, without rowid;

insert into ordered_bars select * from bars;
drop table bars;
alter table ordered_bars rename to bars;
