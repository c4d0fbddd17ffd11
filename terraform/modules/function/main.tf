# One Lambda function: its program, its role, its log, and alarms for what fails in it; not what
# calls it.

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
  # Lambda wants it unique in the account; what it is called elsewhere is var.name.
  function_name = "${var.common.prefix}-${var.name}"
  function_arn = join(":", [
    var.common.arn, "lambda", var.common.region, var.common.account, "function", local.function_name,
  ])
  program = "${var.common.functions_dir}/${coalesce(var.package, var.name)}/bootstrap.zip"

  # EC2 names no network interface that does not exist yet, so AWS asks for these on everything.
  interface_actions = [
    "ec2:AssignPrivateIpAddresses",
    "ec2:CreateNetworkInterface",
    "ec2:DeleteNetworkInterface",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSubnets",
    "ec2:UnassignPrivateIpAddresses",
  ]
  interfaces = [
    { Sid = "Interfaces", Effect = "Allow", Action = local.interface_actions, Resource = "*" },
    {
      # Lambda itself uses them, with the function's role; the program never may.
      Sid       = "InterfacesAreLambdas"
      Effect    = "Deny"
      Action    = local.interface_actions
      Resource  = "*"
      Condition = { ArnEquals = { "lambda:SourceFunctionArn" = [local.function_arn] } }
    },
  ]
}

resource "aws_cloudwatch_log_group" "this" {
  #checkov:skip=CKV_AWS_158:Logs hold no secret and no price that is not public; CloudWatch encrypts them with its own key.
  #checkov:skip=CKV_AWS_338:How long logs are worth their price is the user's choice, var.log_days.
  name              = "/aws/lambda/${local.function_name}"
  retention_in_days = var.common.log_days
}

resource "aws_iam_role" "this" {
  name        = local.function_name
  description = "What the function ${var.name} may do."

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "lambda.amazonaws.com" }
    }]
  })
}

resource "aws_iam_role_policy" "this" {
  #checkov:skip=CKV_AWS_355:Only Interfaces names everything, as AWS wants it; see interface_actions.
  #checkov:skip=CKV_AWS_290:The same, and the program is denied what Lambda is allowed there.
  name = var.name
  role = aws_iam_role.this.id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(
      [{
        Sid      = "Log"
        Effect   = "Allow"
        Action   = ["logs:CreateLogStream", "logs:PutLogEvents"]
        Resource = ["${aws_cloudwatch_log_group.this.arn}:log-stream:*"]
      }],
      [for it in local.interfaces : it if var.network != null],
      [for sid, it in var.statements : merge(
        { Sid = sid, Effect = "Allow", Action = it.actions, Resource = it.resources },
        { for key, value in { Condition = it.condition } : key => value if length(value) > 0 },
      )],
    )
  })
}

resource "aws_lambda_function" "this" {
  #checkov:skip=CKV_AWS_50:Traces would need an interface endpoint for each function inside the VPC.
  #checkov:skip=CKV_AWS_115:Concurrency is limited where the function is called: a new account can reserve none.
  #checkov:skip=CKV_AWS_116:What calls a function keeps what failed: a queue with its DLQ, a stream, or the caller.
  #checkov:skip=CKV_AWS_117:Only functions that speak to the database stand in the VPC, see var.network.
  #checkov:skip=CKV_AWS_173:The environment holds no secret: functions log in to the database by IAM.
  #checkov:skip=CKV_AWS_272:The zip is built where the plan is made and is pinned by its hash.
  function_name                  = local.function_name
  description                    = "tickfold: functions/${coalesce(var.package, var.name)}"
  role                           = aws_iam_role.this.arn
  runtime                        = "provided.al2023"
  architectures                  = ["arm64"]
  handler                        = "bootstrap"
  filename                       = local.program
  source_code_hash               = filebase64sha256(local.program)
  memory_size                    = var.memory
  timeout                        = var.timeout
  reserved_concurrent_executions = var.concurrency
  layers                         = var.layers

  environment {
    variables = var.environment
  }

  # Start and end of every call are Lambda's own lines, which would cost more than the program's.
  logging_config {
    log_group             = aws_cloudwatch_log_group.this.name
    log_format            = "JSON"
    application_log_level = "INFO"
    system_log_level      = "WARN"
  }

  dynamic "vpc_config" {
    for_each = var.network[*]

    content {
      subnet_ids         = vpc_config.value.subnet_ids
      security_group_ids = vpc_config.value.security_group_ids
    }
  }

  # Lambda makes the network interfaces with this policy, while it makes the function.
  depends_on = [aws_iam_role_policy.this]
}

resource "aws_cloudwatch_metric_alarm" "this" {
  for_each = { for name, alarm in {
    errors    = { metric = "Errors", means = "failed" }
    throttles = { metric = "Throttles", means = "did not start, for too many run at the same time" }
  } : name => alarm if contains(var.alarms, name) }

  alarm_name          = "${local.function_name}-${each.key}"
  alarm_description   = "Calls of ${var.name} ${each.value.means}. What to do: terraform/RUNBOOK.md, ${each.key}."
  namespace           = "AWS/Lambda"
  metric_name         = each.value.metric
  dimensions          = { FunctionName = aws_lambda_function.this.function_name }
  statistic           = "Sum"
  period              = 300
  evaluation_periods  = 1
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  treat_missing_data  = "notBreaching"
  alarm_actions       = [var.common.alarm_topic_arn]
  ok_actions          = [var.common.alarm_topic_arn]
}
