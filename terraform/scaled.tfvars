# Hundreds of symbols of several exchanges, and a database that outlives its machine.

stream = "kinesis"

kinesis_shards   = 4
ingest_container = { cpu = 512, memory = 1024 }

database_class       = "db.t4g.medium"
database_gigabytes   = { first = 100, most = 1000 }
database_two_zones   = true
database_backup_days = 14

aggregate_memory      = 1769
aggregate_concurrency = 20
query_memory          = 512
land_memory           = 1024

api_rate = { per_second = 200, burst = 400 }
log_days = 90
