# `aggregate`: S3 tells its queue of an object, and it folds the object's minute into rows.

locals {
  aggregate = {
    # A minute of the busiest exchanges folds in two seconds; S3 may be slow.
    timeout = 60
    # Objects that arrive within it, and of one minute, are one fold.
    window = 5
    batch  = 100
  }
}

module "aggregate_queue" {
  source = "./modules/queue"

  name            = "aggregate"
  prefix          = local.name
  timeout         = local.aggregate.timeout
  window          = local.aggregate.window
  alarm_topic_arn = aws_sns_topic.alarms.arn

  senders = {
    Bucket = { service = "s3.amazonaws.com", arn = aws_s3_bucket.trades.arn, account = local.account }
  }
}

module "aggregate" {
  source = "./modules/function"

  name    = "aggregate"
  common  = local.function
  memory  = var.aggregate_memory
  timeout = local.aggregate.timeout
  network = local.inside
  layers  = [aws_lambda_layer_version.certificates.arn]

  environment = merge(local.database_environment["tickfold_writer"], {
    BUCKET = aws_s3_bucket.trades.id
  })

  # It must not be able to write where its events come from: it would call itself without end.
  statements = {
    Database = local.database_statement["tickfold_writer"]
    List = {
      actions   = ["s3:ListBucket"]
      resources = [aws_s3_bucket.trades.arn]
      condition = { StringLike = { "s3:prefix" = ["raw/*", "quarantine/*"] } }
    }
    Read = {
      actions   = ["s3:GetObject"]
      resources = ["${aws_s3_bucket.trades.arn}/raw/*", "${aws_s3_bucket.trades.arn}/quarantine/*"]
    }
    Quarantine = {
      actions   = ["s3:PutObject"]
      resources = ["${aws_s3_bucket.trades.arn}/quarantine/*"]
    }
    Queue = {
      actions   = ["sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"]
      resources = [module.aggregate_queue.arn]
    }
  }

  # The program may need the tables that its version brings.
  depends_on = [aws_lambda_invocation.migrate]
}

resource "aws_lambda_event_source_mapping" "aggregate" {
  event_source_arn                   = module.aggregate_queue.arn
  function_name                      = module.aggregate.arn
  batch_size                         = local.aggregate.batch
  maximum_batching_window_in_seconds = local.aggregate.window
  # Without it one bad message would bring back all others of its batch, or none.
  function_response_types = ["ReportBatchItemFailures"]

  # Each holds one connection of the database. What waits stays in the queue and counts no attempt.
  scaling_config {
    maximum_concurrency = var.aggregate_concurrency
  }
}
