# Where everything is, and the next command to type.

output "api_url" {
  description = "Address of the HTTP API, without a slash at its end."
  value       = aws_apigatewayv2_api.this.api_endpoint
}

output "api_health" {
  description = "Asks whether the rows are fresh; it needs no credentials."
  value       = "curl --fail ${aws_apigatewayv2_api.this.api_endpoint}/v1/health"
}

output "api_symbols" {
  description = "Asks what there is, with the credentials of the environment, or with a token of the issuer."
  value = join(" ", concat(
    ["curl --fail ${aws_apigatewayv2_api.this.api_endpoint}/v1/symbols"],
    local.jwt ? ["--header \"Authorization: Bearer $TOKEN\""] : [
      "--aws-sigv4 aws:amz:${var.region}:execute-api",
      "--user \"$AWS_ACCESS_KEY_ID:$AWS_SECRET_ACCESS_KEY\"",
      "--header \"x-amz-security-token: $AWS_SESSION_TOKEN\"",
    ],
  ))
}

output "bucket" {
  description = "Name of the bucket of trades."
  value       = aws_s3_bucket.trades.id
}

output "database_host" {
  description = "Host of the database, reachable from inside the VPC."
  value       = aws_db_instance.this.address
}

output "database_url" {
  description = "URL of the database for an account that only reads; it logs in by IAM."
  value       = local.database_environment["tickfold_readonly"].DATABASE_URL
}

output "database_secret" {
  description = "ARN of the secret with the name and the password of the database's owner."
  value       = aws_db_instance.this.master_user_secret[0].secret_arn
}

output "functions" {
  description = "Names of the functions in the account, by their folders."
  value = merge(
    {
      aggregate = module.aggregate.name
      audit     = module.audit.name
      backfill  = module.backfill.name
      compact   = module.compact.name
      migrate   = module.migrate.name
      query     = module.query.name
      repair    = module.repair.name
    },
    { for land in module.land : "land" => land.name },
  )
}

output "athena" {
  description = "Where trades are asked for as a table: Athena's workgroup, its database and table."
  value = {
    workgroup = aws_athena_workgroup.this.name
    table     = "${aws_glue_catalog_database.this.name}.${aws_glue_catalog_table.trades.name}"
  }
}

output "logs_of_aggregate" {
  description = "Follows what aggregate says."
  value       = "aws logs tail --region ${var.region} --follow ${module.aggregate.log_group}"
}

output "migrate" {
  description = "Brings the database to the programs' version once more."
  value       = "aws lambda invoke --region ${var.region} --function-name ${module.migrate.name} /dev/stdout"
}

output "redrive" {
  description = "Sends what lies in the DLQ of aggregate through it once more, after its cause is gone."
  value       = "aws sqs start-message-move-task --region ${var.region} --source-arn ${module.aggregate_queue.dlq_arn}"
}

output "registry" {
  description = "Where the image of ingest goes, with the tag of var.ingest_image_tag."
  value       = "${aws_ecr_repository.ingest.repository_url}:${var.ingest_image_tag}"
}

output "ingest_machine" {
  description = "The machine of ingest, for `aws ssm start-session --target`; null where the stream is Kinesis."
  value       = one(aws_instance.ingest[*].id)
}

output "logs_of_ingest" {
  description = "Follows what ingest says."
  value       = "aws logs tail --region ${var.region} --follow ${aws_cloudwatch_log_group.containers["ingest"].name}"
}

output "dashboard" {
  description = "Address of the dashboard, null without one."
  value       = var.dashboard ? "https://${var.region}.console.aws.amazon.com/cloudwatch/home?region=${var.region}#dashboards/dashboard/${local.name}" : null
}
