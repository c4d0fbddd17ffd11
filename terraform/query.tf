# `query`: answers what the HTTP API of api.tf passes on; reads rows and changes none, and asks
# ingest for what is now (live.tf).

module "query" {
  source = "./modules/function"

  name        = "query"
  common      = local.function
  memory      = var.query_memory
  concurrency = var.query_concurrency
  # The gateway waits for 30 seconds at most.
  timeout     = 29
  network     = local.live.network
  layers      = [aws_lambda_layer_version.certificates.arn]
  environment = merge(local.database_environment["tickfold_readonly"], local.live.environment)

  statements = {
    Database = local.database_statement["tickfold_readonly"]
  }

  # The program may need the tables that its version brings.
  depends_on = [aws_lambda_invocation.migrate]
}
