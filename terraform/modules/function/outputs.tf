# What the rest of the stack, and its tests, need to know of a function.

output "name" {
  description = "Name of the function in the account."
  value       = aws_lambda_function.this.function_name
}

output "arn" {
  description = "ARN of the function."
  value       = aws_lambda_function.this.arn
}

output "invoke_arn" {
  description = "What a gateway calls."
  value       = aws_lambda_function.this.invoke_arn
}

output "code" {
  description = "Hash of the program: it changes when the program does."
  value       = aws_lambda_function.this.source_code_hash
}

output "role_name" {
  description = "Name of the function's role."
  value       = aws_iam_role.this.name
}

output "log_group" {
  description = "Name of the function's log group."
  value       = aws_cloudwatch_log_group.this.name
}

output "timeout" {
  description = "Seconds after which a call is ended."
  value       = aws_lambda_function.this.timeout
}

output "architectures" {
  description = "Processors that the function runs on."
  value       = aws_lambda_function.this.architectures
}

output "alarms" {
  description = "Names of the function's alarms."
  value       = [for alarm in aws_cloudwatch_metric_alarm.this : alarm.alarm_name]
}
