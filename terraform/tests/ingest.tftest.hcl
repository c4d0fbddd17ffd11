# What ingest, its stream, its alarms and its bill are made of; the provider is mocked.

mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  artifacts_dir = "./tests/artifacts"
}

run "kafka_on_one_machine" {
  command = apply

  assert {
    condition = (
      aws_instance.ingest[0].metadata_options[0].http_tokens == "required"
      && aws_instance.ingest[0].root_block_device[0].encrypted && aws_ebs_volume.kafka[0].encrypted
      && aws_instance.ingest[0].vpc_security_group_ids == toset([aws_security_group.ingest.id])
    )
    error_message = "The machine hands out no credentials without a token, writes nothing in plain, and is in no other group."
  }

  assert {
    condition = (
      aws_vpc_security_group_ingress_rule.ingest_from_live[0].cidr_ipv4 == null
      && contains(local.live.network.security_group_ids, aws_vpc_security_group_ingress_rule.ingest_from_live[0].referenced_security_group_id)
      && local.live.environment.LIVE_URL == "http://${aws_instance.ingest[0].private_ip}:9101"
    )
    error_message = "query, and nobody else, reaches the live state where it is."
  }

  assert {
    condition     = aws_volume_attachment.kafka[0].stop_instance_before_detaching && aws_instance.ingest[0].user_data_replace_on_change
    error_message = "Another machine takes the disk over as the last one left it."
  }

  # EC2 takes 16 KB, of what base64 says.
  assert {
    condition     = length(aws_instance.ingest[0].user_data_base64) * 3 / 4 < 16384
    error_message = "The user data is too long."
  }

  assert {
    condition     = length(aws_kinesis_stream.trades) == 0 && length(aws_ecs_service.ingest) == 0 && length(aws_msk_cluster.this) == 0
    error_message = "One stream is enough."
  }

  assert {
    condition     = keys(aws_cloudwatch_metric_alarm.figures) == ["books", "dead", "different", "discarded", "freshness", "lag", "missing", "quarantined", "refused", "skipped", "stalled", "undelivered", "unfillable", "unreadable"]
    error_message = "A promise has no alarm."
  }

  assert {
    condition     = alltrue([for name in ["freshness", "lag"] : aws_cloudwatch_metric_alarm.figures[name].treat_missing_data == "breaching"])
    error_message = "Silence of what always speaks is a failure."
  }

  assert {
    condition     = length(aws_budgets_budget.this) == 0 && length(aws_sns_topic_subscription.alarms) == 0 && length(aws_cloudwatch_dashboard.this) == 1
    error_message = "Nobody is written to who was not named."
  }

  assert {
    condition     = length(aws_grafana_workspace.this) == 0 && length(aws_quicksight_data_source.this) == 0 && length(aws_security_group.viewers) == 0
    error_message = "Nobody looks into the database who was not asked for."
  }
}

run "kinesis_on_fargate" {
  command = apply

  variables {
    stream = "kinesis"
    feeds = [
      { exchange = "binance", symbols = ["BTCUSDT"] },
      { exchange = "kraken", symbols = ["BTC-USD"] },
    ]
  }

  assert {
    condition     = keys(aws_ecs_service.ingest) == ["binance", "kraken"] && length(aws_kinesis_stream.trades) == 1
    error_message = "Each exchange is a container."
  }

  assert {
    condition = alltrue([
      for service in aws_ecs_service.ingest : service.desired_count == 1
      && service.deployment_minimum_healthy_percent == 0 && service.deployment_maximum_percent == 100
    ])
    error_message = "While two run, every trade is written twice."
  }

  assert {
    condition = alltrue([
      for name, task in aws_ecs_task_definition.ingest :
      contains(jsondecode(task.container_definitions)[0].environment, { name = "INGEST_BOOKS", value = "true" })
      && contains(jsondecode(task.container_definitions)[0].environment, { name = "INGEST_EXCHANGE", value = name })
      && !contains(jsondecode(task.container_definitions)[0].environment[*].name, "INGEST_STREAM")
    ])
    error_message = "Each reads books, and none is told of a stream that its exchange has not."
  }

  assert {
    condition     = alltrue([for task in aws_ecs_task_definition.ingest : task.runtime_platform[0].cpu_architecture == "ARM64"])
    error_message = "The image is built for arm64."
  }

  assert {
    condition     = length(aws_instance.ingest) == 0 && length(aws_ebs_volume.kafka) == 0 && length(aws_iam_role.machine) == 0
    error_message = "There is no machine to pay."
  }

  assert {
    condition     = contains(keys(aws_cloudwatch_metric_alarm.aws), "lag") && !contains(keys(aws_cloudwatch_metric_alarm.figures), "lag")
    error_message = "land's lag is AWS's own metric."
  }

  assert {
    condition     = length(aws_vpc_security_group_ingress_rule.ingest_from_live) == 0 && length(local.live.environment) == 0
    error_message = "Nobody connects to a container, whose address does not last."
  }
}

run "msk" {
  command = plan

  variables {
    stream = "msk"
  }

  assert {
    condition     = length(aws_msk_cluster.this) == 1 && length(aws_instance.ingest) == 1 && length(aws_ebs_volume.kafka) == 0
    error_message = "MSK keeps the lines, Vector still needs a machine."
  }

  assert {
    condition     = alltrue([for rule in aws_vpc_security_group_ingress_rule.msk_from_ingest : rule.cidr_ipv4 == null])
    error_message = "Vector comes without a login: nothing but its machine may connect."
  }
}

run "who_is_told" {
  command = plan

  variables {
    alarm_email = "someone@example.com"
    budget      = { dollars = 40, email = "someone@example.com" }
    dashboard   = false
  }

  assert {
    condition     = length(aws_budgets_budget.this) == 1 && length(aws_sns_topic_subscription.alarms) == 1 && length(aws_cloudwatch_dashboard.this) == 0
    error_message = "Each can be turned on and off."
  }
}

run "spreads_of_known_books" {
  command = plan

  variables {
    books   = false
    spreads = [{ of = "binance BTCUSDT", against = "kraken BTC-USD" }]
  }

  expect_failures = [var.spreads]
}

run "trades_alone" {
  command = plan

  variables {
    books = false
  }

  assert {
    condition     = local.topics == ["binance.trades"] && !contains(keys(aws_cloudwatch_metric_alarm.figures), "books")
    error_message = "What is not read needs neither a topic nor an alarm."
  }
}

run "topics_of_several_exchanges" {
  command = plan

  variables {
    feeds = [
      { exchange = "binance", symbols = ["BTCUSDT"], stream = "trade" },
      { exchange = "bybit-spot", symbols = ["BTCUSDT"] },
    ]
  }

  assert {
    condition     = local.topics == ["binance.trades", "binance.books", "bybit-spot.trades", "bybit-spot.books"]
    error_message = "ingest writes to two topics of each exchange."
  }
}

run "a_stream_of_another_exchange" {
  command = plan

  variables {
    feeds = [{ exchange = "kraken", symbols = ["BTC-USD"], stream = "trade" }]
  }

  expect_failures = [var.feeds]
}

run "an_exchange_that_nobody_knows" {
  command = plan

  variables {
    feeds = [{ exchange = "moon", symbols = ["BTC-USD"] }]
  }

  expect_failures = [var.feeds]
}

run "impossible_choices" {
  command = plan

  variables {
    feeds            = [{ exchange = "binance", symbols = [] }]
    ingest_image_tag = "latest"
    ingest_machine   = "t3.small"
    ingest_container = { cpu = 256, memory = 4096 }
    freshness_alarm  = 60
  }

  expect_failures = [var.feeds, var.ingest_image_tag, var.ingest_machine, var.ingest_container, var.freshness_alarm]
}
