-- The role of whoever writes rows, repairs and audits: it reads and writes rows, and the server lets it do nothing
-- else; no row is ever deleted. Run it after the migrations, as their owner; twice is once. It logs
-- in as tickfold_readonly does.
do $$
begin
    if not exists (select from pg_roles where rolname = 'tickfold_writer') then
        create role tickfold_writer login;
    end if;
end
$$;
grant usage on schema public to tickfold_writer;
grant select, insert, update on bars, book_bars, repairs, audits to tickfold_writer;
