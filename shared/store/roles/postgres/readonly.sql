-- The role of query, Grafana and QuickSight: it reads, and the server lets it do nothing else. Run
-- it after the migrations, as their owner; twice is once. It is no migration because a role belongs
-- to the server and not to one database, and because making one is a right that not every owner of
-- a database has. It cannot log in before it has a password, or IAM (iam.sql):
--     alter role tickfold_readonly password '...';
do $$
begin
    if not exists (select from pg_roles where rolname = 'tickfold_readonly') then
        create role tickfold_readonly login;
    end if;
end
$$;
-- A dashboard must not hold up the writers, nor run on after its viewer left.
alter role tickfold_readonly set statement_timeout = '30s';
alter role tickfold_readonly set default_transaction_read_only = on;
grant usage on schema public to tickfold_readonly;
grant select on bars, candles, minute_totals, book_bars, repairs, audits to tickfold_readonly;
