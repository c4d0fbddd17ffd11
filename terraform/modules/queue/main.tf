# A queue of SQS and its DLQ, with alarms for messages that wait too long or were given up; neither
# its sender nor its function.

terraform {
  required_version = ">= 1.10"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 5.100"
    }
  }
}

locals {
  # As long as SQS keeps a message: longer than any outage that is to be ridden out.
  keep_seconds = 14 * 24 * 3600
  # AWS: six times the function's timeout, and the window beside it. A message that came back
  # sooner would be folded twice at the same time, and counted as failed.
  visibility = 6 * var.timeout + var.window

  alarms = {
    "dlq-depth" = {
      queue  = aws_sqs_queue.dead.name
      metric = "ApproximateNumberOfMessagesVisible"
      most   = 0
      means  = "Messages of ${var.name} were given up after ${var.attempts} attempts and wait in its DLQ."
    }
    "queue-age" = {
      queue  = aws_sqs_queue.this.name
      metric = "ApproximateAgeOfOldestMessage"
      most   = var.age_alarm
      means  = "The oldest message of ${var.name} waits too long."
    }
    "queue-depth" = {
      queue  = aws_sqs_queue.this.name
      metric = "ApproximateNumberOfMessagesVisible"
      most   = var.depth_alarm
      means  = "More messages wait for ${var.name} than it takes away."
    }
  }
}

resource "aws_sqs_queue" "this" {
  name                       = "${var.prefix}-${var.name}"
  visibility_timeout_seconds = local.visibility
  message_retention_seconds  = local.keep_seconds
  receive_wait_time_seconds  = 20
  sqs_managed_sse_enabled    = true

  redrive_policy = jsonencode({
    deadLetterTargetArn = aws_sqs_queue.dead.arn
    maxReceiveCount     = var.attempts
  })
}

resource "aws_sqs_queue" "dead" {
  name                      = "${var.prefix}-${var.name}-dlq"
  message_retention_seconds = local.keep_seconds
  sqs_managed_sse_enabled   = true
}

resource "aws_sqs_queue_redrive_allow_policy" "dead" {
  queue_url = aws_sqs_queue.dead.url

  redrive_allow_policy = jsonencode({
    redrivePermission = "byQueue"
    sourceQueueArns   = [aws_sqs_queue.this.arn]
  })
}

resource "aws_sqs_queue_policy" "this" {
  queue_url = aws_sqs_queue.this.url

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(
      [for sid, it in var.senders : {
        Sid       = sid
        Effect    = "Allow"
        Principal = { Service = it.service }
        Action    = "sqs:SendMessage"
        Resource  = aws_sqs_queue.this.arn
        Condition = {
          ArnEquals    = { "aws:SourceArn" = it.arn }
          StringEquals = { "aws:SourceAccount" = it.account }
        }
      }],
      [{
        Sid       = "TlsOnly"
        Effect    = "Deny"
        Principal = "*"
        Action    = "sqs:*"
        Resource  = aws_sqs_queue.this.arn
        Condition = { Bool = { "aws:SecureTransport" = "false" } }
      }],
    )
  })
}

resource "aws_cloudwatch_metric_alarm" "this" {
  for_each = { for name, alarm in local.alarms : name => alarm if contains(var.alarms, name) }

  alarm_name          = "${var.prefix}-${var.name}-${each.key}"
  alarm_description   = "${each.value.means} What to do: terraform/RUNBOOK.md, ${each.key}."
  namespace           = "AWS/SQS"
  metric_name         = each.value.metric
  dimensions          = { QueueName = each.value.queue }
  statistic           = "Maximum"
  period              = 300
  evaluation_periods  = 1
  comparison_operator = "GreaterThanThreshold"
  threshold           = each.value.most
  treat_missing_data  = "notBreaching"
  alarm_actions       = [var.alarm_topic_arn]
  ok_actions          = [var.alarm_topic_arn]
}
