# One page of what the alarms watch, and of the work that is done.

locals {
  # `metrics` as CloudWatch writes them: namespace, name, then dimensions.
  own_metric      = { for name in keys(local.figures) : name => [local.name, name] }
  function_names  = concat([module.aggregate.name, module.query.name], module.land[*].name)
  aggregate_queue = { work = module.aggregate_queue.name, dead = module.aggregate_queue.dlq_name }

  charts = concat(
    [
      { title = "Age of the newest trade, seconds", stat = "Minimum", metrics = [local.own_metric.freshness] },
      { title = "Missing, quarantined, dead", stat = "Maximum", metrics = [local.own_metric.missing, local.own_metric.quarantined, local.own_metric.dead] },
      { title = "ingest: skipped, unreadable, stalled, undelivered", stat = "Sum", metrics = [for name in ["skipped", "unreadable", "stalled", "undelivered"] : local.own_metric[name]] },
      { title = "aggregate: messages that wait, and the DLQ", stat = "Maximum", metrics = [for queue in values(local.aggregate_queue) : ["AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName", queue]] },
      { title = "Functions: calls", stat = "Sum", metrics = [for name in local.function_names : ["AWS/Lambda", "Invocations", "FunctionName", name]] },
      { title = "Functions: errors", stat = "Sum", metrics = [for name in local.function_names : ["AWS/Lambda", "Errors", "FunctionName", name]] },
      { title = "Functions: duration, ms", stat = "p99", metrics = [for name in local.function_names : ["AWS/Lambda", "Duration", "FunctionName", name]] },
      { title = "Database: processor, %", stat = "Average", metrics = [["AWS/RDS", "CPUUtilization", "DBInstanceIdentifier", aws_db_instance.this.identifier]] },
      { title = "Database: connections", stat = "Maximum", metrics = [["AWS/RDS", "DatabaseConnections", "DBInstanceIdentifier", aws_db_instance.this.identifier]] },
      { title = "Database: free bytes", stat = "Minimum", metrics = [["AWS/RDS", "FreeStorageSpace", "DBInstanceIdentifier", aws_db_instance.this.identifier]] },
    ],
    local.machine == 1 ? [
      { title = "Vector: lines behind, lines given up", stat = "Maximum", metrics = [local.own_metric.lag, local.own_metric.discarded] },
      { title = "Machine: processor, %", stat = "Average", metrics = [["AWS/EC2", "CPUUtilization", "InstanceId", aws_instance.ingest[0].id]] },
    ] : [],
    local.machine == 0 ? [
      { title = "land: behind the stream, ms", stat = "Maximum", metrics = [["AWS/Lambda", "IteratorAge", "FunctionName", module.land[0].name]] },
      { title = "Kinesis: lines", stat = "Sum", metrics = [["AWS/Kinesis", "IncomingRecords", "StreamName", aws_kinesis_stream.trades[0].name]] },
    ] : [],
  )
}

resource "aws_cloudwatch_dashboard" "this" {
  count = var.dashboard ? 1 : 0

  dashboard_name = local.name
  dashboard_body = jsonencode({
    widgets = [for at, chart in local.charts : {
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
