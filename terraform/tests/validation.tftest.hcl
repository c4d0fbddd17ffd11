# What is refused before anything is made.

mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  artifacts_dir = "./tests/artifacts"
}

run "none_of_it" {
  command = plan

  variables {
    name          = "Tickfold"
    region        = "Frankfurt"
    zones         = ["a", "a"]
    tags          = { Project = "another" }
    artifacts_dir = "tests/artifacts/"
    network_cidr  = "10.0.0.0/28"
    log_days      = 2

    stream          = "pigeon"
    database_engine = "oracle"
    api_auth        = "none"

    database_class        = "t4g.micro"
    database_gigabytes    = { first = 10, most = 5 }
    database_backup_days  = 0
    aggregate_memory      = 64
    backfill_memory       = 64
    aggregate_concurrency = 1
    query_memory          = 64
    query_concurrency     = 0
    land_memory           = 64
    api_rate              = { per_second = 10, burst = 5 }
  }

  expect_failures = [
    var.name, var.region, var.zones, var.tags, var.artifacts_dir, var.network_cidr, var.log_days,
    var.stream, var.database_engine, var.api_auth,
    var.database_class, var.database_gigabytes, var.database_backup_days,
    var.aggregate_memory, var.backfill_memory, var.aggregate_concurrency, var.query_memory, var.query_concurrency,
    var.land_memory, var.api_rate,
  ]
}

run "what_does_not_go_together" {
  command = plan

  variables {
    database_engine  = "mysql"
    database_version = "17"
    api_auth         = "jwt"
  }

  expect_failures = [var.database_version, var.api_jwt_issuer, var.api_jwt_audience]
}
