# What tells when a promise is broken: metrics made of the logs, alarms on them, and who hears of it.
# RUNBOOK.md says of each alarm what it means and what to do; functions and queues bring their own.

locals {
  # A program logs a line, and CloudWatch makes a metric of it: nothing in the VPC has to reach it,
  # and a metric that is only written when something is wrong costs nothing else. A test holds each
  # pattern against a line of its program.
  figures = merge(
    {
      freshness   = { log = module.aggregate.log_group, pattern = "{ $.fields.figures = \"folded\" && $.fields.age_seconds = * }", value = "$.fields.age_seconds" }
      missing     = { log = module.aggregate.log_group, pattern = "{ $.fields.figures = \"folded\" && $.fields.missing > 0 }", value = "$.fields.missing" }
      quarantined = { log = module.aggregate.log_group, pattern = "{ $.fields.figures = \"folded\" && $.fields.quarantined > 0 }", value = "$.fields.quarantined" }
      skipped     = { log = local.container_log.ingest, pattern = "\"trades are missing, ids\"", value = "1" }
      unreadable  = { log = local.container_log.ingest, pattern = "\"unreadable frame\"", value = "1" }
      undelivered = { log = local.container_log.ingest, pattern = "\"has not acknowledged within\"", value = "1" }
      stalled     = { log = local.container_log.ingest, pattern = "\"has acknowledged nothing for\"", value = "1" }
    },
    local.machine == 0 ? {
      dead = { log = one(module.land[*].log_group), pattern = "{ $.fields.message = \"*belong nowhere*\" }", value = "$.fields.count" }
      } : {
      dead      = { log = local.container_log.vector, pattern = "{ $.figures = \"dead\" }", value = "1" }
      discarded = { log = local.container_log.vector, pattern = "ERROR \"Events dropped\"", value = "1" }
      lag       = { log = local.container_log.vector, pattern = "{ $.figures = \"lag\" }", value = "$.lines" }
    },
  )
  container_log = { for name, group in aws_cloudwatch_log_group.containers : name => group.name }

  # Of a figure, and of a metric that AWS itself keeps. Where silence is a failure, it alarms too.
  own_alarms = merge(
    {
      freshness   = { statistic = "Minimum", periods = 2, most = var.freshness_alarm, silence = "breaching", means = "The newest trade that was folded is too old, or nothing is folded." }
      missing     = { statistic = "Maximum", periods = 1, most = 0, silence = "notBreaching", means = "Trades are missing inside a minute that was folded." }
      quarantined = { statistic = "Maximum", periods = 1, most = 0, silence = "notBreaching", means = "Lines or objects were refused by aggregate." }
      skipped     = { statistic = "Sum", periods = 1, most = 0, silence = "notBreaching", means = "The exchange's ids went on without some trades." }
      unreadable  = { statistic = "Sum", periods = 1, most = 0, silence = "notBreaching", means = "ingest cannot read what the exchange sends." }
      undelivered = { statistic = "Sum", periods = 1, most = 0, silence = "notBreaching", means = "ingest ended with lines that nobody acknowledged." }
      stalled     = { statistic = "Sum", periods = 1, most = 0, silence = "notBreaching", means = "Lines of ingest are not acknowledged." }
      dead        = { statistic = "Sum", periods = 1, most = 0, silence = "notBreaching", means = "Lines belong to no minute and lie in dead/." }
    },
    local.machine == 0 ? {} : {
      discarded = { statistic = "Sum", periods = 1, most = 0, silence = "notBreaching", means = "Vector gave lines up." }
      lag       = { statistic = "Maximum", periods = 3, most = var.lag_alarm, silence = "breaching", means = "Vector is far behind Kafka, or tells nothing." }
    },
  )
  aws_alarms = merge(
    {
      "database-disk" = { namespace = "AWS/RDS", metric = "FreeStorageSpace", dimensions = { DBInstanceIdentifier = aws_db_instance.this.identifier }, statistic = "Minimum", least = 2 * 1024 * 1024 * 1024, most = null, silence = "breaching", means = "The database has less than 2 GB left, or is gone." }
      "database-cpu"  = { namespace = "AWS/RDS", metric = "CPUUtilization", dimensions = { DBInstanceIdentifier = aws_db_instance.this.identifier }, statistic = "Average", least = null, most = 90, silence = "notBreaching", means = "The database works at its limit." }
    },
    local.machine == 0 ? {
      lag = { namespace = "AWS/Lambda", metric = "IteratorAge", dimensions = { FunctionName = one(module.land[*].name) }, statistic = "Maximum", least = null, most = 600000, silence = "breaching", means = "land is ten minutes behind the stream, or reads nothing." }
      } : {
      machine = { namespace = "AWS/EC2", metric = "StatusCheckFailed", dimensions = { InstanceId = one(aws_instance.ingest[*].id) }, statistic = "Maximum", least = null, most = 0, silence = "breaching", means = "The machine of ingest does not answer AWS, or is gone." }
    },
  )
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
  for_each = local.figures

  name           = each.key
  log_group_name = each.value.log
  pattern        = each.value.pattern

  metric_transformation {
    namespace = local.name
    name      = each.key
    value     = each.value.value
  }
}

resource "aws_cloudwatch_metric_alarm" "figures" {
  for_each = local.own_alarms

  alarm_name          = "${local.name}-${each.key}"
  alarm_description   = "${each.value.means} What to do: terraform/RUNBOOK.md, ${each.key}."
  namespace           = local.name
  metric_name         = aws_cloudwatch_log_metric_filter.figures[each.key].metric_transformation[0].name
  statistic           = each.value.statistic
  period              = 300
  evaluation_periods  = each.value.periods
  comparison_operator = "GreaterThanThreshold"
  threshold           = each.value.most
  treat_missing_data  = each.value.silence
  alarm_actions       = [aws_sns_topic.alarms.arn]
  ok_actions          = [aws_sns_topic.alarms.arn]
}

resource "aws_cloudwatch_metric_alarm" "aws" {
  for_each = local.aws_alarms

  alarm_name          = "${local.name}-${each.key}"
  alarm_description   = "${each.value.means} What to do: terraform/RUNBOOK.md, ${each.key}."
  namespace           = each.value.namespace
  metric_name         = each.value.metric
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
