-- Bars of one symbol with ? <= minute < ?, ascending, at most ?; goes on from bar.sql.
where exchange = ? and symbol = ? and minute >= str_to_date(?, '%Y-%m-%dT%H:%i:%sZ')
    and minute < str_to_date(?, '%Y-%m-%dT%H:%i:%sZ')
order by minute
limit ?
