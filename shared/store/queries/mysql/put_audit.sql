-- Writes one audit. Of those that begin at the same minute the one that goes furthest stays, and of
-- those that go as far the latest.
-- Columns are set from left to right, so that those which decide come last.
insert into audits (
    exchange, symbol, from_minute, to_minute, compared_count, equal_count, missing_here_count,
    missing_there_count, found, audited_at
)
values (
    ?, ?, str_to_date(?, '%Y-%m-%dT%H:%i:%sZ'), str_to_date(?, '%Y-%m-%dT%H:%i:%sZ'), ?, ?, ?, ?, ?,
    str_to_date(?, '%Y-%m-%dT%H:%i:%s.%fZ')
)
on duplicate key update
    compared_count = if(
        values(to_minute) > to_minute or (values(to_minute) = to_minute and values(audited_at) >= audited_at),
        values(compared_count), compared_count
    ),
    equal_count = if(
        values(to_minute) > to_minute or (values(to_minute) = to_minute and values(audited_at) >= audited_at),
        values(equal_count), equal_count
    ),
    missing_here_count = if(
        values(to_minute) > to_minute or (values(to_minute) = to_minute and values(audited_at) >= audited_at),
        values(missing_here_count), missing_here_count
    ),
    missing_there_count = if(
        values(to_minute) > to_minute or (values(to_minute) = to_minute and values(audited_at) >= audited_at),
        values(missing_there_count), missing_there_count
    ),
    found = if(
        values(to_minute) > to_minute or (values(to_minute) = to_minute and values(audited_at) >= audited_at),
        values(found), found
    ),
    audited_at = if(
        values(to_minute) > to_minute or (values(to_minute) = to_minute and values(audited_at) >= audited_at),
        values(audited_at), audited_at
    ),
    to_minute = greatest(values(to_minute), to_minute)
