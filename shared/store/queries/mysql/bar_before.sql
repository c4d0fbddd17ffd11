-- The nearest bar of one symbol with minute < ?; goes on from bar.sql.
where exchange = ? and symbol = ? and minute < str_to_date(?, '%Y-%m-%dT%H:%i:%sZ')
order by minute desc
limit 1
