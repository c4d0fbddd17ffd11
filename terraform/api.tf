# The HTTP API in front of `query`: who may ask, and how often; it knows none of the answers.

locals {
  jwt = var.api_auth == "jwt"
}

resource "aws_apigatewayv2_api" "this" {
  name          = "${local.name}-query"
  description   = "Bars, symbols and health of ${local.name}."
  protocol_type = "HTTP"
}

resource "aws_apigatewayv2_integration" "query" {
  api_id                 = aws_apigatewayv2_api.this.id
  integration_type       = "AWS_PROXY"
  integration_uri        = module.query.invoke_arn
  payload_format_version = "2.0"
}

resource "aws_apigatewayv2_authorizer" "jwt" {
  count = local.jwt ? 1 : 0

  api_id           = aws_apigatewayv2_api.this.id
  name             = "jwt"
  authorizer_type  = "JWT"
  identity_sources = ["$request.header.Authorization"]

  jwt_configuration {
    issuer   = var.api_jwt_issuer
    audience = var.api_jwt_audience
  }
}

resource "aws_apigatewayv2_route" "all" {
  api_id             = aws_apigatewayv2_api.this.id
  route_key          = "$default"
  target             = "integrations/${aws_apigatewayv2_integration.query.id}"
  authorization_type = local.jwt ? "JWT" : "AWS_IAM"
  authorizer_id      = local.jwt ? aws_apigatewayv2_authorizer.jwt[0].id : null
}

# Whether the database answers and how old the data is: what watches this has no credentials.
resource "aws_apigatewayv2_route" "health" {
  #checkov:skip=CKV_AWS_309:It tells no row, and it has to be open to what watches it.
  api_id             = aws_apigatewayv2_api.this.id
  route_key          = "GET /v1/health"
  target             = "integrations/${aws_apigatewayv2_integration.query.id}"
  authorization_type = "NONE"
}

resource "aws_apigatewayv2_stage" "default" {
  api_id      = aws_apigatewayv2_api.this.id
  name        = "$default"
  auto_deploy = true

  # What an open route may cost is bounded by this.
  default_route_settings {
    throttling_rate_limit  = var.api_rate.per_second
    throttling_burst_limit = var.api_rate.burst
  }

  access_log_settings {
    destination_arn = aws_cloudwatch_log_group.api.arn

    format = jsonencode({
      time    = "$context.requestTime"
      request = "$context.requestId"
      from    = "$context.identity.sourceIp"
      method  = "$context.httpMethod"
      path    = "$context.path"
      status  = "$context.status"
      bytes   = "$context.responseLength"
      millis  = "$context.responseLatency"
      error   = "$context.integrationErrorMessage"
    })
  }
}

resource "aws_cloudwatch_log_group" "api" {
  #checkov:skip=CKV_AWS_158:Addresses and paths; CloudWatch encrypts them with its own key.
  #checkov:skip=CKV_AWS_338:How long logs are worth their price is the user's choice, var.log_days.
  name              = "/aws/apigateway/${local.name}-query"
  retention_in_days = var.log_days
}

resource "aws_lambda_permission" "api" {
  statement_id  = "api"
  function_name = module.query.name
  action        = "lambda:InvokeFunction"
  principal     = "apigateway.amazonaws.com"
  # Any stage and route of this API.
  source_arn = "${aws_apigatewayv2_api.this.execution_arn}/*/*"
}

# The function tells of a database that does not answer by a status, not by an error of its own.
resource "aws_cloudwatch_metric_alarm" "unanswered" {
  alarm_name          = "${local.name}-query-unanswered"
  alarm_description   = "The API answers with errors of its own. What to do: terraform/RUNBOOK.md, unanswered."
  namespace           = "AWS/ApiGateway"
  metric_name         = "5xx"
  dimensions          = { ApiId = aws_apigatewayv2_api.this.id }
  statistic           = "Sum"
  period              = 300
  evaluation_periods  = 2
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  treat_missing_data  = "notBreaching"
  alarm_actions       = [aws_sns_topic.alarms.arn]
  ok_actions          = [aws_sns_topic.alarms.arn]
}
