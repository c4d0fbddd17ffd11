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
      length(var.zones) >= 2 && length(var.zones) <= 4 && length(distinct(var.zones)) == length(var.zones)
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
    condition     = alltrue([for key in keys(var.tags) : !startswith(lower(key), "aws:") && key != "Project"])
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
  description = "Folder of what is built before: <function>/bootstrap.zip and certificates/layer.zip."
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
    condition     = can(cidrnetmask(var.network_cidr)) && try(tonumber(split("/", var.network_cidr)[1]) <= 24, false)
    error_message = "network_cidr: an IPv4 block of /16 to /24, such as 10.20.0.0/16."
  }
}

variable "log_days" {
  description = "Days for which logs are kept."
  type        = number
  default     = 30

  validation {
    condition     = contains([1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731], var.log_days)
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
  description = "Major version of the engine, null for the one that the tests name; RDS takes its newest minor one."
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
    condition     = var.query_concurrency == -1 || (var.query_concurrency >= 1 && var.query_concurrency <= 1000)
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
