-- Writes one audit. Of those that begin at the same minute the one that goes furthest stays, and of
-- those that go as far the latest.
insert into audits (
    exchange, symbol, from_minute, to_minute, compared_count, equal_count, missing_here_count,
    missing_there_count, found, audited_at
)
values ($1, $2, $3::timestamptz, $4::timestamptz, $5, $6, $7, $8, $9, $10::timestamptz)
on conflict (exchange, symbol, from_minute) do update set
    to_minute = excluded.to_minute,
    compared_count = excluded.compared_count, equal_count = excluded.equal_count,
    missing_here_count = excluded.missing_here_count,
    missing_there_count = excluded.missing_there_count, found = excluded.found,
    audited_at = excluded.audited_at
where excluded.to_minute > audits.to_minute
    or (excluded.to_minute = audits.to_minute and excluded.audited_at >= audits.audited_at)
