# What holds of a stack of any size: terraform test -filter=tests/profile.tftest.hcl -var-file=scaled.tfvars

mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  artifacts_dir = "./tests/artifacts"
}

run "profile" {
  command = apply

  assert {
    condition     = module.aggregate_queue.visibility >= 6 * module.aggregate.timeout
    error_message = "A message that comes back while its function still runs is folded twice at a time."
  }

  # Of some 80 connections of the smallest class; query, Grafana and the owner want some too.
  assert {
    condition     = var.aggregate_concurrency <= (endswith(var.database_class, "micro") ? 20 : 200)
    error_message = "aggregate takes more connections than the database has."
  }
}
