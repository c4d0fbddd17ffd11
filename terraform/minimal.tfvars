# One symbol or a few, on the smallest machines: what the cost table is counted for.

stream = "kafka"
# They are twice the objects, lines and folds, for some 0.70 USD a month.
books = false

database_class     = "db.t4g.micro"
database_gigabytes = { first = 20, most = 100 }
database_two_zones = false

aggregate_memory      = 512
aggregate_concurrency = 5

log_days = 30
