-- The newest migration that was applied whole.
select max(version) from _sqlx_migrations where success
