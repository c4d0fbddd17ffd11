# One page of what the alarms watch, and of the work that is done.

locals {
  function_names = concat([module.aggregate.name, module.query.name, module.repair.name, module.audit.name, module.backfill.name, module.compact.name], module.land[*].name)

  # A metric, and what it is of; a figure of alarms.tf is of the whole stack.
  charts = [
    {
      title   = "Age of the newest trade, seconds"
      stat    = "Minimum"
      metrics = [for name in ["freshness"] : [local.name, name] if contains(keys(local.promises), name)]
    },
    {
      title   = "Missing, given up, different, quarantined, dead"
      stat    = "Maximum"
      metrics = [for name in ["missing", "unfillable", "different", "quarantined", "dead"] : [local.name, name] if contains(keys(local.promises), name)]
    },
    {
      title   = "ingest: skipped, unreadable, refused, books, stalled, undelivered"
      stat    = "Sum"
      metrics = [for name in ["skipped", "unreadable", "refused", "books", "stalled", "undelivered"] : [local.name, name] if contains(keys(local.promises), name)]
    },
    {
      title   = "Vector: lines behind, lines given up"
      stat    = "Maximum"
      metrics = [for name in ["lag", "discarded"] : [local.name, name] if contains(keys(local.promises), name)]
    },
    {
      title   = "aggregate: messages that wait, and the DLQ"
      stat    = "Maximum"
      metrics = [for of in [module.aggregate_queue.name, module.aggregate_queue.dlq_name] : concat(["AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName"], [of])]
    },
    {
      title   = "land: behind the stream, ms"
      stat    = "Maximum"
      metrics = [for of in module.land[*].name : concat(["AWS/Lambda", "IteratorAge", "FunctionName"], [of])]
    },
    {
      title   = "Kinesis: lines"
      stat    = "Sum"
      metrics = [for of in aws_kinesis_stream.trades[*].name : concat(["AWS/Kinesis", "IncomingRecords", "StreamName"], [of])]
    },
    {
      title   = "Functions: calls"
      stat    = "Sum"
      metrics = [for of in local.function_names : concat(["AWS/Lambda", "Invocations", "FunctionName"], [of])]
    },
    {
      title   = "Functions: errors"
      stat    = "Sum"
      metrics = [for of in local.function_names : concat(["AWS/Lambda", "Errors", "FunctionName"], [of])]
    },
    {
      title   = "Functions: duration, ms"
      stat    = "p99"
      metrics = [for of in local.function_names : concat(["AWS/Lambda", "Duration", "FunctionName"], [of])]
    },
    {
      title   = "Database: processor, %"
      stat    = "Average"
      metrics = [for of in [aws_db_instance.this.identifier] : concat(["AWS/RDS", "CPUUtilization", "DBInstanceIdentifier"], [of])]
    },
    {
      title   = "Database: connections"
      stat    = "Maximum"
      metrics = [for of in [aws_db_instance.this.identifier] : concat(["AWS/RDS", "DatabaseConnections", "DBInstanceIdentifier"], [of])]
    },
    {
      title   = "Database: free bytes"
      stat    = "Minimum"
      metrics = [for of in [aws_db_instance.this.identifier] : concat(["AWS/RDS", "FreeStorageSpace", "DBInstanceIdentifier"], [of])]
    },
    {
      title   = "Machine: processor, %"
      stat    = "Average"
      metrics = [for of in aws_instance.ingest[*].id : concat(["AWS/EC2", "CPUUtilization", "InstanceId"], [of])]
    },
  ]
}

resource "aws_cloudwatch_dashboard" "this" {
  count = var.dashboard ? 1 : 0

  dashboard_name = local.name
  dashboard_body = jsonencode({
    widgets = [for at, chart in [for chart in local.charts : chart if length(chart.metrics) > 0] : {
      type   = "metric"
      x      = (at % 3) * 8
      y      = floor(at / 3) * 6
      width  = 8
      height = 6
      properties = {
        title   = chart.title
        region  = var.region
        view    = "timeSeries"
        period  = 300
        stat    = chart.stat
        metrics = chart.metrics
      }
    }]
  })
}
