-- The nearest bar of one symbol with minute < $3; goes on from bar.sql.
where exchange = $1 and symbol = $2 and minute < $3
order by minute desc
limit 1
