-- Lets one at a time change tables and rights, as long as its connection lasts: two that make the
-- same role would fail each other. The number means nothing but this.
select 1::bigint from pg_advisory_lock(7230179468214631007)
