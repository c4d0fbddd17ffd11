# What holds of every stack, and what each choice adds and removes; the provider is mocked.

mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  artifacts_dir = "./tests/artifacts"
}

run "by_default" {
  command = apply

  assert {
    condition     = module.aggregate_queue.visibility >= 6 * module.aggregate.timeout
    error_message = "A message that comes back while its function still runs is folded twice at a time."
  }

  assert {
    condition = (
      contains(aws_lambda_event_source_mapping.aggregate.function_response_types, "ReportBatchItemFailures")
      && aws_lambda_event_source_mapping.aggregate.maximum_batching_window_in_seconds == 5
      && aws_lambda_event_source_mapping.aggregate.scaling_config[0].maximum_concurrency == 5
    )
    error_message = "One bad message must fail alone, and a batch must not flood the database."
  }

  assert {
    condition = alltrue([
      for function in [module.aggregate, module.query, module.migrate, module.migrate_database, module.repair, module.repair_database, module.audit, module.audit_database, module.compact] :
      function.architectures == tolist(["arm64"])
    ])
    error_message = "make package builds for arm64."
  }

  assert {
    condition = (
      aws_vpc_security_group_ingress_rule.database_from_functions.cidr_ipv4 == null
      && !aws_db_instance.this.publicly_accessible
    )
    error_message = "No address reaches the database."
  }

  assert {
    condition = (
      module.backfill_queue.visibility >= 6 * module.backfill.timeout
      && toset(keys(aws_scheduler_schedule.backfill)) == toset(["binance-BTCUSDT", "binance-ETHUSDT"])
      && strcontains(aws_scheduler_schedule.backfill["binance-BTCUSDT"].target[0].input, "\"symbol\":\"BTCUSDT\",\"before\":\"<aws.scheduler.scheduled-time>\"")
    )
    error_message = "Every night each symbol's day before is filled in, and one day once at a time."
  }

  assert {
    condition     = aws_vpc_endpoint.s3.route_table_ids == toset([aws_route_table.public.id, aws_route_table.private.id])
    error_message = "Without the endpoint in both tables S3 is reached by nobody inside, or for money."
  }

  assert {
    condition = (
      aws_db_instance.this.storage_encrypted && aws_db_instance.this.deletion_protection
      && !aws_db_instance.this.skip_final_snapshot && !aws_s3_bucket.trades.force_destroy
      && aws_db_instance.this.iam_database_authentication_enabled && aws_db_instance.this.manage_master_user_password
    )
    error_message = "Data is encrypted and kept, and no password is in the state."
  }

  assert {
    condition     = aws_apigatewayv2_route.all.authorization_type == "AWS_IAM" && length(aws_apigatewayv2_authorizer.jwt) == 0
    error_message = "By default the API is signed for."
  }

  assert {
    condition     = length(module.land) == 0 && length(aws_lambda_event_source_mapping.land) == 0
    error_message = "Beside Kafka there is nothing to land."
  }

  assert {
    condition     = output.functions == { aggregate = "tickfold-aggregate", audit = "tickfold-audit", backfill = "tickfold-backfill", compact = "tickfold-compact", migrate = "tickfold-migrate", query = "tickfold-query", repair = "tickfold-repair" }
    error_message = "A function is called as its folder is."
  }
}

run "kinesis_adds_land" {
  command = apply

  variables {
    stream = "kinesis"
  }

  assert {
    condition     = length(module.land) == 1 && aws_lambda_event_source_mapping.land[0].maximum_retry_attempts == -1
    error_message = "land writes what the stream has, and never gives up a record."
  }
}

run "jwt_mysql_and_no_protection" {
  command = plan

  variables {
    api_auth         = "jwt"
    api_jwt_issuer   = "https://issuer.example.com/pool"
    api_jwt_audience = ["client"]
    database_engine  = "mysql"
    protect          = false
  }

  assert {
    condition = (
      aws_apigatewayv2_route.all.authorization_type == "JWT"
      && length(aws_apigatewayv2_authorizer.jwt) == 1
    )
    error_message = "Tokens are asked for."
  }

  assert {
    condition     = aws_apigatewayv2_route.health.authorization_type == "NONE"
    error_message = "What watches health has no token."
  }

  assert {
    condition = (
      aws_db_parameter_group.this.family == "mysql8.4"
      && one(aws_db_parameter_group.this.parameter).name == "require_secure_transport"
    )
    error_message = "MySQL refuses connections without TLS too."
  }

  assert {
    condition     = aws_vpc_security_group_ingress_rule.database_from_functions.from_port == 3306
    error_message = "MySQL has its own port."
  }

  assert {
    condition = (
      !aws_db_instance.this.deletion_protection && aws_db_instance.this.skip_final_snapshot
      && aws_s3_bucket.trades.force_destroy
    )
    error_message = "One variable lets everything go."
  }
}
