-- The account of query, Grafana and QuickSight: it reads, and the server lets it do nothing else.
-- Run it after the migrations, in their database; twice is once. It is no migration because an
-- account belongs to the server and not to one database, and because making one is a right that not
-- every owner of a database has. It cannot log in before it is unlocked, with IAM (iam.sql) or a
-- password:
--     alter user tickfold_readonly identified by '...' account unlock;
create user if not exists tickfold_readonly account lock;
grant select on bars to tickfold_readonly;
grant select on candles to tickfold_readonly;
grant select on minute_totals to tickfold_readonly;
grant select on book_bars to tickfold_readonly;
grant select on repairs to tickfold_readonly;
grant select on audits to tickfold_readonly;
