# What tells when a promise is broken: metrics made of the logs, alarms on them, and who hears of it.
# RUNBOOK.md says of each alarm what it means and what to do; functions and queues bring their own.

locals {
  # Only where Vector carries the lines; land tells less, and AWS tells its lag.
  vector = local.machine == 1

  container_log = { for name, group in aws_cloudwatch_log_group.containers : name => group.name }
  logs = {
    aggregate = module.aggregate.log_group
    audit     = module.audit.log_group
    repair    = module.repair.log_group
    ingest    = local.container_log.ingest
    carrier   = local.vector ? local.container_log.vector : one(module.land[*].log_group)
  }

  # A program logs a line, and CloudWatch makes a metric of it: nothing in the VPC has to reach it,
  # and a metric that is only written when something is wrong costs nothing else. A test holds each
  # pattern against its program.
  usual = { value = "1", statistic = "Sum", periods = 1, most = 0, silence = "notBreaching", wanted = true, period = 300 }
  promises = { for name, promise in {
    # Of several folds of five minutes the freshest: one of an old minute does not alarm.
    freshness = {
      log       = "aggregate"
      pattern   = "{ $.fields.figures = \"folded\" && $.fields.age_seconds = * }"
      value     = "$.fields.age_seconds"
      statistic = "Minimum"
      periods   = 2
      most      = var.freshness_alarm
      silence   = "breaching"
      means     = "The newest trade that was folded is too old, or nothing is folded."
    }
    # A minute is folded for each of its objects: so the most of one fold, not the sum.
    missing = {
      log       = "aggregate"
      pattern   = "{ $.fields.figures = \"folded\" && $.fields.missing > 0 }"
      value     = "$.fields.missing"
      statistic = "Maximum"
      means     = "Trades are missing inside a minute that was folded."
    }
    unfillable = {
      log       = "repair"
      pattern   = "{ $.fields.figures = \"repaired\" && $.fields.unfillable > 0 }"
      value     = "$.fields.unfillable"
      statistic = "Maximum"
      means     = "Gaps of the last three days are given up: their exchange has not told their trades."
    }
    # What is known to be missing, and what nobody had noticed: a symbol that fell silent, a sum that
    # is wrong.
    different = {
      log       = "audit"
      pattern   = "{ $.fields.figures = \"audited\" && $.fields.disagreeing > 0 }"
      value     = "$.fields.disagreeing"
      statistic = "Maximum"
      period    = 3600
      means     = "Rows differ from the exchange's own candles."
    }
    quarantined = {
      log       = "aggregate"
      pattern   = "{ $.fields.figures = \"folded\" && $.fields.quarantined > 0 }"
      value     = "$.fields.quarantined"
      statistic = "Maximum"
      means     = "aggregate refused lines or objects."
    }
    skipped = {
      log     = "ingest"
      pattern = "?\"trades are missing, ids\" ?\"trades may be missing since\""
      means   = "The exchange's ids went on without some trades, or cannot tell whether they did."
    }
    unreadable = {
      log     = "ingest"
      pattern = "\": unreadable frame: \""
      means   = "ingest cannot read what the exchange sends."
    }
    # It asks again every five minutes at the latest, and says so.
    refused = {
      log     = "ingest"
      pattern = "?\"it is asked for again in\" ?\"is it spelt as there?\""
      means   = "An exchange refuses, or does not know, what ingest asks of it."
    }
    # A book that is lost and found once is nothing; one that breaks again is asked for every five
    # minutes in the end.
    books = {
      log     = "ingest"
      pattern = "?\"a book is out of step\" ?\"no change of any book for\""
      periods = 3
      wanted  = var.books
      means   = "Order books are out of step with the exchange's, again and again."
    }
    stalled = {
      log     = "ingest"
      pattern = "\"has acknowledged nothing for\""
      means   = "Lines of ingest are not acknowledged."
    }
    undelivered = {
      log     = "ingest"
      pattern = "\"has not acknowledged within\""
      means   = "ingest ended with lines that were not acknowledged."
    }
    dead = {
      log     = "carrier"
      pattern = local.vector ? "{ $.figures = \"dead\" }" : "{ $.fields.message = \"*belong nowhere*\" }"
      value   = local.vector ? "1" : "$.fields.count"
      means   = "Lines belong to no minute and lie in dead/."
    }
    discarded = {
      log     = "carrier"
      pattern = "ERROR \"Events dropped\""
      wanted  = local.vector
      means   = "Vector gave lines up."
    }
    lag = {
      log       = "carrier"
      pattern   = "{ $.figures = \"lag\" }"
      value     = "$.lines"
      statistic = "Maximum"
      periods   = 3
      most      = var.lag_alarm
      silence   = "breaching"
      wanted    = local.vector
      means     = "Vector is far behind Kafka, or tells nothing."
    }
  } : name => merge(local.usual, promise) if try(promise.wanted, true) }

  database = { DBInstanceIdentifier = aws_db_instance.this.identifier }

  # What AWS measures by itself.
  measured = { for name, it in {
    "database-disk" = {
      metric     = ["AWS/RDS", "FreeStorageSpace"]
      dimensions = local.database
      statistic  = "Minimum"
      least      = 2 * 1024 * 1024 * 1024
      silence    = "breaching"
      means      = "The database has less than 2 GB left, or is gone."
    }
    "database-cpu" = {
      metric     = ["AWS/RDS", "CPUUtilization"]
      dimensions = local.database
      statistic  = "Average"
      most       = 90
      means      = "The database works at its limit."
    }
    machine = {
      metric     = ["AWS/EC2", "StatusCheckFailed"]
      dimensions = { InstanceId = one(aws_instance.ingest[*].id) }
      statistic  = "Maximum"
      most       = 0
      silence    = "breaching"
      wanted     = local.machine == 1
      means      = "The machine of ingest fails AWS's checks, or is gone."
    }
    lag = {
      metric     = ["AWS/Lambda", "IteratorAge"]
      dimensions = { FunctionName = one(module.land[*].name) }
      statistic  = "Maximum"
      most       = 10 * 60 * 1000
      silence    = "breaching"
      wanted     = local.machine == 0
      means      = "land is ten minutes behind the stream, or reads nothing."
    }
  } : name => merge({ least = null, most = null, silence = "notBreaching" }, it) if try(it.wanted, true) }
}

# Everything that alarms, functions' and queues' alarms too, speaks through this.
resource "aws_sns_topic" "alarms" {
  #checkov:skip=CKV_AWS_26:It carries names and thresholds of alarms; with AWS's own key CloudWatch could not write to it.
  name = "${local.name}-alarms"
}

resource "aws_sns_topic_policy" "alarms" {
  arn = aws_sns_topic.alarms.arn

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "Alarms"
      Effect    = "Allow"
      Principal = { Service = "cloudwatch.amazonaws.com" }
      Action    = "sns:Publish"
      Resource  = aws_sns_topic.alarms.arn
      Condition = { StringEquals = { "aws:SourceAccount" = local.account } }
    }]
  })
}

resource "aws_sns_topic_subscription" "alarms" {
  count = var.alarm_email == null ? 0 : 1

  topic_arn = aws_sns_topic.alarms.arn
  protocol  = "email"
  endpoint  = var.alarm_email
}

resource "aws_cloudwatch_log_metric_filter" "figures" {
  for_each = local.promises

  name           = each.key
  log_group_name = local.logs[each.value.log]
  pattern        = each.value.pattern

  metric_transformation {
    namespace = local.name
    name      = each.key
    value     = each.value.value
  }
}

resource "aws_cloudwatch_metric_alarm" "figures" {
  for_each = local.promises

  alarm_name          = "${local.name}-${each.key}"
  alarm_description   = "${each.value.means} What to do: terraform/RUNBOOK.md, ${each.key}."
  namespace           = local.name
  metric_name         = aws_cloudwatch_log_metric_filter.figures[each.key].metric_transformation[0].name
  statistic           = each.value.statistic
  period              = each.value.period
  evaluation_periods  = each.value.periods
  comparison_operator = "GreaterThanThreshold"
  threshold           = each.value.most
  treat_missing_data  = each.value.silence
  alarm_actions       = [aws_sns_topic.alarms.arn]
  ok_actions          = [aws_sns_topic.alarms.arn]
}

resource "aws_cloudwatch_metric_alarm" "aws" {
  for_each = local.measured

  alarm_name          = "${local.name}-${each.key}"
  alarm_description   = "${each.value.means} What to do: terraform/RUNBOOK.md, ${each.key}."
  namespace           = each.value.metric[0]
  metric_name         = each.value.metric[1]
  dimensions          = each.value.dimensions
  statistic           = each.value.statistic
  period              = 300
  evaluation_periods  = 3
  comparison_operator = each.value.least == null ? "GreaterThanThreshold" : "LessThanThreshold"
  threshold           = coalesce(each.value.least, each.value.most)
  treat_missing_data  = each.value.silence
  alarm_actions       = [aws_sns_topic.alarms.arn]
  ok_actions          = [aws_sns_topic.alarms.arn]
}
