# `repair`: every five minutes it has minutes folded again that S3 told nobody of, and asks exchanges
# for trades that are missing. One program that is deployed twice, as in migrate.tf: outside the VPC
# are the exchanges and the queue, inside is the database.

locals {
  repair = {
    timeout = { inside = 60, outside = 300 }
    schedules = {
      # What it sweeps then the program knows.
      minutes = { rate = "rate(5 minutes)", input = {} }
      # Events that were lost for longer, and objects that came late: three days.
      days = { rate = "rate(1 day)", input = { minutes = 4320 } }
    }
  }
}

module "repair_database" {
  source = "./modules/function"

  name        = "repair-database"
  package     = "repair"
  common      = local.function
  memory      = 256
  timeout     = local.repair.timeout.inside
  network     = local.inside
  layers      = [aws_lambda_layer_version.certificates.arn]
  alarms      = []
  environment = local.database_environment["tickfold_writer"]

  statements = {
    Database = local.database_statement["tickfold_writer"]
  }

  # The program may need the tables that its version brings.
  depends_on = [aws_lambda_invocation.migrate]
}

module "repair" {
  source = "./modules/function"

  name    = "repair"
  common  = local.function
  memory  = 512
  timeout = local.repair.timeout.outside
  alarms  = ["errors"]

  environment = {
    REPAIR_FUNCTION = module.repair_database.name
    BUCKET          = aws_s3_bucket.trades.id
    QUEUE_URL       = module.aggregate_queue.url
  }

  # It writes no row: what it writes to raw/ is folded like everything there.
  statements = {
    Inside = {
      actions   = ["lambda:InvokeFunction"]
      resources = [module.repair_database.arn]
    }
    List = {
      actions   = ["s3:ListBucket"]
      resources = [aws_s3_bucket.trades.arn]
      condition = { StringLike = { "s3:prefix" = ["raw/*", "quarantine/strays/*"] } }
    }
    Read = {
      actions = ["s3:GetObject"]
      resources = [
        "${aws_s3_bucket.trades.arn}/raw/trades/*",
        "${aws_s3_bucket.trades.arn}/quarantine/strays/trades/*",
      ]
    }
    Trades = {
      actions   = ["s3:PutObject"]
      resources = ["${aws_s3_bucket.trades.arn}/raw/trades/*"]
    }
    Queue = {
      actions   = ["sqs:SendMessage"]
      resources = [module.aggregate_queue.arn]
    }
  }
}

resource "aws_cloudwatch_event_rule" "repair" {
  for_each = local.repair.schedules

  name                = "${local.name}-repair-${each.key}"
  description         = "Calls repair."
  schedule_expression = each.value.rate
}

resource "aws_cloudwatch_event_target" "repair" {
  for_each = local.repair.schedules

  rule  = aws_cloudwatch_event_rule.repair[each.key].name
  arn   = module.repair.arn
  input = jsonencode(each.value.input)

  # The next call does what this one could not: late is as good as never.
  retry_policy {
    maximum_event_age_in_seconds = 300
    maximum_retry_attempts       = 0
  }
}

resource "aws_lambda_permission" "repair" {
  for_each = local.repair.schedules

  statement_id  = "schedule-${each.key}"
  action        = "lambda:InvokeFunction"
  function_name = module.repair.name
  principal     = "events.amazonaws.com"
  source_arn    = aws_cloudwatch_event_rule.repair[each.key].arn
}

# A second try beside the next call would ask for the same trades.
resource "aws_lambda_function_event_invoke_config" "repair" {
  function_name                = module.repair.name
  maximum_event_age_in_seconds = 300
  maximum_retry_attempts       = 0
}
