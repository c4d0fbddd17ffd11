# `backfill`: every night what each exchange says of the day before becomes objects of what was not
# recorded; other days when a message asks for them.

locals {
  backfill = {
    # A day by pages at a request a second takes minutes, by a file less than one.
    timeout = 900
    # A spot file of Bybit's numbers its rows, which are other ids than those that were recorded.
    feeds = [for feed in var.feeds : feed if feed.exchange != "bybit-spot"]
  }

  # Every symbol of every feed, by a name that a schedule may have.
  backfilled = merge([for feed in local.backfill.feeds : {
    for symbol in feed.symbols : "${feed.exchange}-${symbol}" => { exchange = feed.exchange, symbol = symbol }
  }]...)
}

module "backfill_queue" {
  source = "./modules/queue"

  name    = "backfill"
  prefix  = local.name
  timeout = local.backfill.timeout
  window  = 0
  # The file of a day may appear hours after its end: a message comes again every hour and a half.
  attempts        = 12
  alarms          = ["dlq-depth"]
  alarm_topic_arn = aws_sns_topic.alarms.arn
}

module "backfill" {
  source = "./modules/function"

  name        = "backfill"
  common      = local.function
  memory      = var.backfill_memory
  timeout     = local.backfill.timeout
  environment = { BUCKET = aws_s3_bucket.trades.id }
  # Nothing waits for it: what failed comes again, and what was given up alarms.
  alarms = []

  # It adds objects, and can take none away; rows it does not know.
  statements = {
    List = {
      actions   = ["s3:ListBucket"]
      resources = [aws_s3_bucket.trades.arn]
      condition = { StringLike = { "s3:prefix" = ["raw/*", "quarantine/*"] } }
    }
    Read = {
      actions   = ["s3:GetObject"]
      resources = ["${aws_s3_bucket.trades.arn}/raw/*", "${aws_s3_bucket.trades.arn}/quarantine/strays/*"]
    }
    Objects = {
      actions   = ["s3:PutObject"]
      resources = ["${aws_s3_bucket.trades.arn}/raw/trades/*", "${aws_s3_bucket.trades.arn}/backfill/*"]
    }
    Queue = {
      actions   = ["sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"]
      resources = [module.backfill_queue.arn]
    }
  }
}

resource "aws_lambda_event_source_mapping" "backfill" {
  event_source_arn        = module.backfill_queue.arn
  function_name           = module.backfill.arn
  batch_size              = 1
  function_response_types = ["ReportBatchItemFailures"]

  # The exchanges count requests by address; two is the least that Lambda takes.
  scaling_config {
    maximum_concurrency = 2
  }
}

# The message tells when it was sent; the function takes the day before that.
resource "aws_scheduler_schedule" "backfill" {
  #checkov:skip=CKV_AWS_297:It holds an exchange and a symbol; AWS encrypts it with its own key.
  for_each = local.backfilled

  name                         = "${local.name}-backfill-${each.key}"
  description                  = "Fills in yesterday of ${each.value.symbol} at ${each.value.exchange}."
  schedule_expression          = "cron(30 0 * * ? *)"
  schedule_expression_timezone = "UTC"

  flexible_time_window {
    mode = "OFF"
  }

  target {
    arn      = module.backfill_queue.arn
    role_arn = aws_iam_role.backfill_schedule.arn
    # jsonencode would write the brackets of what AWS fills in as other characters.
    input = format(
      "{\"exchange\":\"%s\",\"symbol\":\"%s\",\"before\":\"<aws.scheduler.scheduled-time>\"}",
      each.value.exchange, each.value.symbol,
    )
  }
}

resource "aws_iam_role" "backfill_schedule" {
  name        = "${local.name}-backfill-schedule"
  description = "What the schedules of backfill may do."

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "scheduler.amazonaws.com" }
      Condition = { StringEquals = { "aws:SourceAccount" = local.account } }
    }]
  })
}

resource "aws_iam_role_policy" "backfill_schedule" {
  name = "backfill-schedule"
  role = aws_iam_role.backfill_schedule.id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid      = "Queue"
      Effect   = "Allow"
      Action   = ["sqs:SendMessage"]
      Resource = [module.backfill_queue.arn]
    }]
  })
}
