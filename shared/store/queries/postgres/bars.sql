-- Bars of one symbol with $3 <= minute < $4, ascending, at most $5; goes on from bar.sql.
where exchange = $1 and symbol = $2 and minute >= $3::timestamptz and minute < $4::timestamptz
order by minute
limit $5
