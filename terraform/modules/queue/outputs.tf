# What the rest of the stack, and its tests, need to know of a queue.

output "arn" {
  description = "ARN of the queue."
  value       = aws_sqs_queue.this.arn
}

output "url" {
  description = "URL of the queue."
  value       = aws_sqs_queue.this.url
}

output "name" {
  description = "Name of the queue."
  value       = aws_sqs_queue.this.name
}

output "dlq_arn" {
  description = "ARN of the DLQ."
  value       = aws_sqs_queue.dead.arn
}

output "dlq_name" {
  description = "Name of the DLQ."
  value       = aws_sqs_queue.dead.name
}

output "visibility" {
  description = "Seconds for which a delivered message is hidden."
  value       = aws_sqs_queue.this.visibility_timeout_seconds
}

output "alarms" {
  description = "Names of the queue's alarms."
  value       = [for alarm in aws_cloudwatch_metric_alarm.this : alarm.alarm_name]
}
