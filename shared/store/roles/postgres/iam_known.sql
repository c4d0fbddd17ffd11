-- Whether this server lets roles log in with IAM: on RDS, those who are members of this one.
select count(*) from pg_roles where rolname = 'rds_iam'
