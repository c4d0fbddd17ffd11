# What can be chosen, with a default wherever there is a sound one; nothing is made here.

variable "name" {
  description = "Prefix of every name that has to be unique in the account."
  type        = string
  default     = "tickfold"

  # An S3 bucket's name, the longest that is made of it, may have 63 characters.
  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{0,18}[a-z0-9]$", var.name))
    error_message = "name: 2 to 20 of a-z 0-9 -, beginning with a letter and not ending with -."
  }
}

variable "region" {
  description = "Region of everything but the budget."
  type        = string
  default     = "us-east-1"

  validation {
    condition     = can(regex("^[a-z]{2}(-[a-z]+)+-[1-9]$", var.region))
    error_message = "region: a region's code, such as eu-central-1."
  }
}

variable "zones" {
  description = "Letters of the region's availability zones to use; RDS wants two."
  type        = list(string)
  default     = ["a", "b"]

  validation {
    condition = (
      length(var.zones) >= 2 && length(var.zones) <= 4
      && length(distinct(var.zones)) == length(var.zones)
      && alltrue([for zone in var.zones : can(regex("^[a-z]$", zone))])
    )
    error_message = "zones: 2 to 4 different letters, such as [\"a\", \"b\"]."
  }
}

variable "tags" {
  description = "Tags of everything that can have tags, beside Project."
  type        = map(string)
  default     = {}

  validation {
    condition = alltrue([
      for key in keys(var.tags) : !startswith(lower(key), "aws:") && key != "Project"
    ])
    error_message = "tags: neither Project, which is var.name, nor a key that begins with aws:."
  }
}

variable "protect" {
  description = "Keep data from being destroyed: the database refuses deletion and leaves a snapshot, a bucket or registry with something in it stays."
  type        = bool
  default     = true
  nullable    = false
}

variable "artifacts_dir" {
  description = "Folder of what is built before: FUNCTION/bootstrap.zip and certificates/layer.zip."
  type        = string
  default     = "../target/lambda"

  validation {
    condition     = var.artifacts_dir != "" && !endswith(var.artifacts_dir, "/")
    error_message = "artifacts_dir: a folder, without a slash at its end."
  }
}

variable "stream" {
  description = "What carries the lines from ingest to S3: kafka (beside ingest, with Vector), kinesis (with land) or msk."
  type        = string
  default     = "kafka"

  validation {
    condition     = contains(["kafka", "kinesis", "msk"], var.stream)
    error_message = "stream: kafka, kinesis or msk."
  }
}

variable "network_cidr" {
  description = "Addresses of the VPC."
  type        = string
  default     = "10.20.0.0/16"

  # Eight subnets of at least 32 addresses.
  validation {
    condition = (
      can(cidrnetmask(var.network_cidr))
      && try(tonumber(split("/", var.network_cidr)[1]) <= 24, false)
    )
    error_message = "network_cidr: an IPv4 block of /16 to /24, such as 10.20.0.0/16."
  }
}

variable "log_days" {
  description = "Days for which logs are kept."
  type        = number
  default     = 30

  validation {
    condition = contains(
      [1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731], var.log_days
    )
    error_message = "log_days: one of CloudWatch's: 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731."
  }
}

variable "database_engine" {
  description = "What keeps the rows: postgres or mysql."
  type        = string
  default     = "postgres"

  validation {
    condition     = contains(["postgres", "mysql"], var.database_engine)
    error_message = "database_engine: postgres or mysql."
  }
}

variable "database_version" {
  description = "Major version of the engine, null for 17 of postgres and 8.4 of mysql; RDS takes its newest minor one."
  type        = string
  default     = null

  validation {
    condition = var.database_version == null || contains(
      var.database_engine == "postgres" ? ["15", "16", "17"] : ["8.0", "8.4"],
      coalesce(var.database_version, "none"),
    )
    error_message = "database_version: 15, 16 or 17 of postgres, 8.0 or 8.4 of mysql."
  }
}

variable "database_class" {
  description = "Size of the database's machine."
  type        = string
  default     = "db.t4g.micro"

  validation {
    condition     = can(regex("^db\\.[a-z0-9]+\\.[a-z0-9]+$", var.database_class))
    error_message = "database_class: a class of RDS, such as db.t4g.micro."
  }
}

variable "database_gigabytes" {
  description = "Disk of the database at first, and how far RDS may let it grow."
  type        = object({ first = number, most = number })
  default     = { first = 20, most = 100 }

  validation {
    condition = (
      var.database_gigabytes.first >= 20 && var.database_gigabytes.most <= 65536
      && var.database_gigabytes.most > var.database_gigabytes.first
    )
    error_message = "database_gigabytes: at least 20 at first, and most above first, up to 65536."
  }
}

variable "database_two_zones" {
  description = "Keep a second database machine in another zone, which takes over when the first fails; it costs as much again."
  type        = bool
  default     = false
  nullable    = false
}

variable "database_backup_days" {
  description = "Days back to any second of which the database can be restored."
  type        = number
  default     = 7

  validation {
    condition     = var.database_backup_days >= 1 && var.database_backup_days <= 35
    error_message = "database_backup_days: 1 to 35."
  }
}

variable "backfill_memory" {
  description = "Megabytes of the backfill function; a day of a million trades took 18, but processors come with it."
  type        = number
  default     = 512

  validation {
    condition     = var.backfill_memory >= 256 && var.backfill_memory <= 10240
    error_message = "backfill_memory: 256 to 10240 megabytes."
  }
}

variable "aggregate_memory" {
  description = "Megabytes of the aggregate function; processors come with them, one whole at 1769."
  type        = number
  default     = 512

  validation {
    condition     = var.aggregate_memory >= 256 && var.aggregate_memory <= 10240
    error_message = "aggregate_memory: 256 to 10240 megabytes."
  }
}

variable "aggregate_concurrency" {
  description = "How many aggregate functions may run at a time; each holds one connection of the database."
  type        = number
  default     = 5

  # SQS knows no smaller limit than 2. The smallest database has some 80 connections.
  validation {
    condition     = var.aggregate_concurrency >= 2 && var.aggregate_concurrency <= 1000
    error_message = "aggregate_concurrency: 2 to 1000."
  }
}

variable "query_memory" {
  description = "Megabytes of the query function."
  type        = number
  default     = 256

  validation {
    condition     = var.query_memory >= 128 && var.query_memory <= 10240
    error_message = "query_memory: 128 to 10240 megabytes."
  }
}

variable "query_concurrency" {
  description = "How many query functions may run at a time, -1 for the account's limit; a new account has only 10 and can reserve none."
  type        = number
  default     = -1

  validation {
    condition = (
      var.query_concurrency == -1 || (var.query_concurrency >= 1 && var.query_concurrency <= 1000)
    )
    error_message = "query_concurrency: -1, or 1 to 1000."
  }
}

variable "land_memory" {
  description = "Megabytes of the land function, where the stream is Kinesis."
  type        = number
  default     = 256

  validation {
    condition     = var.land_memory >= 128 && var.land_memory <= 10240
    error_message = "land_memory: 128 to 10240 megabytes."
  }
}

variable "compact_memory" {
  description = "Megabytes of the compact function; it holds half a million trades and a few minutes of an exchange, which took 196."
  type        = number
  default     = 1024

  validation {
    condition     = var.compact_memory >= 512 && var.compact_memory <= 10240
    error_message = "compact_memory: 512 to 10240 megabytes."
  }
}

variable "api_auth" {
  description = "Who may ask the API: iam, requests that are signed by a role which may invoke it, or jwt, bearers of a token."
  type        = string
  default     = "iam"

  validation {
    condition     = contains(["iam", "jwt"], var.api_auth)
    error_message = "api_auth: iam or jwt."
  }
}

variable "api_jwt_issuer" {
  description = "Who issues the tokens, where api_auth is jwt: an OpenID provider's address."
  type        = string
  default     = null

  validation {
    condition     = var.api_auth == "jwt" ? can(regex("^https://[^/]+", var.api_jwt_issuer)) : true
    error_message = "api_jwt_issuer: api_auth = \"jwt\" needs the issuer's address, beginning with https://."
  }
}

variable "api_jwt_audience" {
  description = "Whom the tokens are meant for, where api_auth is jwt: the client's id at the issuer."
  type        = list(string)
  default     = []

  validation {
    condition     = var.api_auth != "jwt" || length(var.api_jwt_audience) > 0
    error_message = "api_jwt_audience: api_auth = \"jwt\" needs at least one audience."
  }
}

variable "api_rate" {
  description = "Requests that the API takes: per second, and at once."
  type        = object({ per_second = number, burst = number })
  default     = { per_second = 20, burst = 40 }

  validation {
    condition     = var.api_rate.per_second >= 1 && var.api_rate.burst >= var.api_rate.per_second
    error_message = "api_rate: at least 1 per second, and a burst of at least that."
  }
}

variable "feeds" {
  description = "What is listened to: an exchange (binance, bybit, bybit-spot, deribit, coinbase or kraken) and its own names of the instruments, with - for /; of binance also which stream of trades, aggTrade or trade."
  type = list(object({
    exchange = string
    symbols  = list(string)
    stream   = optional(string)
  }))
  default = [{ exchange = "binance", symbols = ["BTCUSDT", "ETHUSDT"] }]

  validation {
    condition     = length(var.feeds) > 0 && length(distinct(var.feeds[*].exchange)) == length(var.feeds)
    error_message = "feeds: at least one, and one for an exchange: its symbols go into one list."
  }

  validation {
    condition = alltrue([for feed in var.feeds :
      contains(["binance", "bybit", "bybit-spot", "deribit", "coinbase", "kraken"], feed.exchange)
    ])
    error_message = "feeds: an exchange is binance, bybit, bybit-spot, deribit, coinbase or kraken."
  }

  validation {
    condition = alltrue([for feed in var.feeds :
      length(feed.symbols) > 0 && length(distinct(feed.symbols)) == length(feed.symbols)
      && alltrue([for symbol in feed.symbols : can(regex("^[A-Z0-9._-]{1,32}$", symbol))])
    ])
    error_message = "feeds: an exchange's symbols, at least one and none twice, are 1 to 32 of A-Z 0-9 . _ -."
  }

  validation {
    condition = alltrue([for feed in var.feeds :
      feed.stream == null || (feed.exchange == "binance" && contains(["aggTrade", "trade"], coalesce(feed.stream, "none")))
    ])
    error_message = "feeds: stream is aggTrade or trade, and of binance alone."
  }
}

variable "books" {
  description = "Record order books too, as a line for each symbol and second; there are twice as many objects then."
  type        = bool
  default     = true
  nullable    = false
}

variable "spreads" {
  description = "Which symbols the live state sets against each other, each as exchange and symbol: { of = \"binance BTCUSDT\", against = \"kraken BTC-USD\" }. Both are among the feeds."
  type        = list(object({ of = string, against = string }))
  default     = []

  validation {
    condition     = length(var.spreads) == 0 || (var.books && var.stream != "kinesis")
    error_message = "spreads: they are made of books, by one ingest that reads both: books = true, and a stream other than kinesis."
  }

  validation {
    condition = alltrue([for name in flatten([for spread in var.spreads : [spread.of, spread.against]]) :
      contains(flatten([for feed in var.feeds : [for symbol in feed.symbols : "${feed.exchange} ${symbol}"]]), name)
    ])
    error_message = "spreads: exchange and symbol with a space between, such as \"binance BTCUSDT\", and both in feeds."
  }
}

variable "ingest_image_tag" {
  description = "Tag of ingest's image in this stack's registry; `make deploy` makes it of what the image is made of. A new one replaces the machine, which takes some minutes."
  type        = string
  default     = "1"

  validation {
    condition     = can(regex("^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$", var.ingest_image_tag)) && var.ingest_image_tag != "latest"
    error_message = "ingest_image_tag: a tag that names one version, not latest."
  }
}

variable "ingest_machine" {
  description = "Size of the machine of Kafka, Vector and ingest, where the stream is not Kinesis; 2 GB of memory at least."
  type        = string
  default     = "t4g.small"

  validation {
    condition     = can(regex("^(t4g|m7g|m8g|c7g|c8g|r7g|r8g)\\.[a-z0-9]+$", var.ingest_machine)) && !contains(["t4g.nano", "t4g.micro"], var.ingest_machine)
    error_message = "ingest_machine: a type with an arm64 processor and 2 GB or more, such as t4g.small or m7g.medium."
  }
}

variable "ingest_container" {
  description = "Size of each container of ingest, where the stream is Kinesis: units of a processor, of which it has 1024, and megabytes."
  type        = object({ cpu = number, memory = number })
  default     = { cpu = 256, memory = 512 }

  validation {
    condition = contains(
      lookup({ 256 = [512, 1024, 2048], 512 = [1024, 2048, 3072, 4096], 1024 = [2048, 3072, 4096, 5120, 6144, 7168, 8192] }, var.ingest_container.cpu, []),
      var.ingest_container.memory,
    )
    error_message = "ingest_container: a pair that Fargate has, such as 256 and 512, 512 and 1024, or 1024 and 2048."
  }
}

variable "kafka_gigabytes" {
  description = "Disk of Kafka beside ingest; an hour of a thousand trades a second is 1 GB."
  type        = number
  default     = 4

  validation {
    condition     = var.kafka_gigabytes >= 2 && var.kafka_gigabytes <= 1000
    error_message = "kafka_gigabytes: 2 to 1000."
  }
}

variable "kafka_partitions" {
  description = "Partitions of a new topic; one that is there keeps its own."
  type        = number
  default     = 6

  validation {
    condition     = var.kafka_partitions >= 1 && var.kafka_partitions <= 100
    error_message = "kafka_partitions: 1 to 100."
  }
}

variable "kafka_retention_minutes" {
  description = "How long Kafka keeps a line: as long as Vector may be away."
  type        = number
  default     = 60

  validation {
    condition     = var.kafka_retention_minutes >= 10 && var.kafka_retention_minutes <= 10080
    error_message = "kafka_retention_minutes: 10 minutes to 7 days."
  }
}

variable "kinesis_shards" {
  description = "Shards, where the stream is Kinesis: each takes 1 MB and 1000 lines a second."
  type        = number
  default     = 1

  validation {
    condition     = var.kinesis_shards >= 1 && var.kinesis_shards <= 200
    error_message = "kinesis_shards: 1 to 200."
  }
}

variable "msk_machine" {
  description = "Size of each of MSK's two brokers, where the stream is msk."
  type        = string
  default     = "kafka.t3.small"

  validation {
    condition     = can(regex("^kafka\\.[a-z0-9]+\\.[a-z0-9]+$", var.msk_machine))
    error_message = "msk_machine: a type of MSK's, such as kafka.t3.small."
  }
}

variable "alarm_email" {
  description = "Who is told of alarms; AWS asks this address once whether it wants that. Null tells nobody but the topic."
  type        = string
  default     = null

  validation {
    condition     = var.alarm_email == null || can(regex("^[^@ ]+@[^@ ]+$", var.alarm_email))
    error_message = "alarm_email: an address, or null."
  }
}

variable "freshness_alarm" {
  description = "Seconds that the newest trade may be old before there is an alarm; 90 are normal."
  type        = number
  default     = 300

  validation {
    condition     = var.freshness_alarm >= 120
    error_message = "freshness_alarm: at least 120 seconds: a minute is folded up to 90 s after its end."
  }
}

variable "lag_alarm" {
  description = "Lines of a partition that Vector may be behind before there is an alarm; up to 75 s of them are normal."
  type        = number
  default     = 100000

  validation {
    condition     = var.lag_alarm >= 1000
    error_message = "lag_alarm: at least 1000 lines."
  }
}

variable "budget" {
  description = "Dollars a month and who is told when 80 % are spent or more is to be expected; null for none. by_tag counts this stack alone, once the tag Project is activated for billing."
  type        = object({ dollars = number, email = string, by_tag = optional(bool, false) })
  default     = null

  validation {
    condition     = try(var.budget.dollars >= 1 && can(regex("^[^@ ]+@[^@ ]+$", var.budget.email)), var.budget == null)
    error_message = "budget: at least one dollar, and an address."
  }
}

variable "dashboard" {
  description = "Make a dashboard in CloudWatch."
  type        = bool
  default     = true
  nullable    = false
}

variable "grafana" {
  description = "Make a workspace of Amazon Managed Grafana beside the database; it needs IAM Identity Center in the account, and costs 9 USD a month for each who edits."
  type        = bool
  default     = false
  nullable    = false
}

variable "quicksight" {
  description = "Who may use the data set of QuickSight, a user or a group of its, and the secret with username and password of a database account that may only read; null for no QuickSight."
  type        = object({ principal_arn = string, secret_arn = string })
  default     = null

  validation {
    condition = var.quicksight == null || (
      can(regex("^arn:[^:]+:quicksight:", var.quicksight.principal_arn))
      && can(regex("^arn:[^:]+:secretsmanager:", var.quicksight.secret_arn))
    )
    error_message = "quicksight: the ARN of a user or group of QuickSight, and that of a secret of Secrets Manager."
  }
}

variable "machine_reaches_database" {
  description = "Let a session on the machine of ingest reach the database, for work by hand; off again when it is done."
  type        = bool
  default     = false
  nullable    = false

  validation {
    condition     = !var.machine_reaches_database || var.stream != "kinesis"
    error_message = "machine_reaches_database: where the stream is Kinesis there is no machine."
  }
}
