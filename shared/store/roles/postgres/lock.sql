-- One at a time, to the end of the transaction: two that make the same role, or grant it the same,
-- would fail each other. The number means nothing; sqlx's lock of the migrations has another one.
select pg_advisory_xact_lock(7230179468214631007);
