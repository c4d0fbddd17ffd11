# Calls one function again and again by the clock; what it then does is the function's.

terraform {
  required_version = ">= 1.10"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 5.100"
    }
  }
}

resource "aws_iam_role" "this" {
  name        = "${var.common.prefix}-${var.name}-schedule"
  description = "Calls the function ${var.name} by the clock."

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "scheduler.amazonaws.com" }
      Condition = { StringEquals = { "aws:SourceAccount" = var.common.account } }
    }]
  })
}

resource "aws_iam_role_policy" "this" {
  name = var.name
  role = aws_iam_role.this.id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid      = "Call"
      Effect   = "Allow"
      Action   = ["lambda:InvokeFunction"]
      Resource = [var.function_arn]
    }]
  })
}

# A call that fails is made again twice, by Lambda, and then the function's alarm tells of it.
resource "aws_scheduler_schedule" "this" {
  #checkov:skip=CKV_AWS_297:It holds no secret: AWS's own key is enough.
  name                         = "${var.common.prefix}-${var.name}"
  description                  = "tickfold: calls ${var.name}"
  schedule_expression          = var.expression
  schedule_expression_timezone = "UTC"

  flexible_time_window {
    mode = "OFF"
  }

  target {
    arn      = var.function_arn
    role_arn = aws_iam_role.this.arn
    input    = jsonencode(var.event)
  }

  # Its first call may come at once.
  depends_on = [aws_iam_role_policy.this]
}
