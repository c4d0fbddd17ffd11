-- From then on a token is the only password they have.
grant rds_iam to tickfold_readonly, tickfold_writer;
