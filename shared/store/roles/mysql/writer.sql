-- The account of whoever writes rows, repairs and audits: it reads and writes rows, and the server lets it do nothing
-- else; no row is ever deleted. Run it after the migrations, in their database; twice is once. It is
-- locked until it can log in, as tickfold_readonly is.
create user if not exists tickfold_writer account lock;
grant select, insert, update on bars to tickfold_writer;
grant select, insert, update on book_bars to tickfold_writer;
grant select, insert, update on repairs to tickfold_writer;
grant select, insert, update on audits to tickfold_writer;
