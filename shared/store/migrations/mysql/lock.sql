-- Lets one at a time change tables and rights, as long as its connection lasts; not 1 if another
-- one has taken longer than these seconds. MariaDB has no lock that waits for ever.
select get_lock('tickfold.migrate', 600)
