-- Writes one audit. What is stored of a later one that begins at the same minute stays.
-- Columns are set from left to right, so that the one which decides comes last.
insert into audits (
    exchange, symbol, from_minute, to_minute, compared_count, equal_count, missing_here_count,
    missing_there_count, found, audited_at
)
values (
    ?, ?, str_to_date(?, '%Y-%m-%dT%H:%i:%sZ'), str_to_date(?, '%Y-%m-%dT%H:%i:%sZ'), ?, ?, ?, ?, ?,
    str_to_date(?, '%Y-%m-%dT%H:%i:%s.%fZ')
)
on duplicate key update
    to_minute = if(values(audited_at) >= audited_at, values(to_minute), to_minute),
    compared_count = if(values(audited_at) >= audited_at, values(compared_count), compared_count),
    equal_count = if(values(audited_at) >= audited_at, values(equal_count), equal_count),
    missing_here_count = if(values(audited_at) >= audited_at, values(missing_here_count), missing_here_count),
    missing_there_count = if(values(audited_at) >= audited_at, values(missing_there_count), missing_there_count),
    found = if(values(audited_at) >= audited_at, values(found), found),
    audited_at = if(values(audited_at) >= audited_at, values(audited_at), audited_at)
