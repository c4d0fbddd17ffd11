-- Writes one audit. Of those that begin at the same minute the one that goes furthest stays, and of
-- those that go as far the latest.
-- Columns are set from left to right: behind `audited_at` it is the new one's where the new one stays,
-- and `to_minute` is still the old one's.
insert into audits (
    exchange, symbol, from_minute, to_minute, compared_count, equal_count, missing_here_count,
    missing_there_count, found, audited_at
)
values (
    ?, ?, str_to_date(?, '%Y-%m-%dT%H:%i:%sZ'), str_to_date(?, '%Y-%m-%dT%H:%i:%sZ'), ?, ?, ?, ?, ?,
    str_to_date(?, '%Y-%m-%dT%H:%i:%s.%fZ')
)
on duplicate key update
    audited_at = case
        when values(to_minute) > to_minute then values(audited_at)
        when values(to_minute) = to_minute then greatest(values(audited_at), audited_at)
        else audited_at
    end,
    compared_count = if(audited_at = values(audited_at) and values(to_minute) >= to_minute,
        values(compared_count), compared_count),
    equal_count = if(audited_at = values(audited_at) and values(to_minute) >= to_minute,
        values(equal_count), equal_count),
    missing_here_count = if(audited_at = values(audited_at) and values(to_minute) >= to_minute,
        values(missing_here_count), missing_here_count),
    missing_there_count = if(audited_at = values(audited_at) and values(to_minute) >= to_minute,
        values(missing_there_count), missing_there_count),
    found = if(audited_at = values(audited_at) and values(to_minute) >= to_minute,
        values(found), found),
    to_minute = greatest(values(to_minute), to_minute)
