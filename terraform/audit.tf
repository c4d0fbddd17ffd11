# `audit`: three times a day it holds the rows of a third of a day against the exchanges' own candles.
# One program that is deployed twice, as in repair.tf: outside the VPC are the exchanges, inside is
# the database.

module "audit_database" {
  source = "./modules/function"

  name        = "audit-database"
  package     = "audit"
  common      = local.function
  memory      = 256
  timeout     = 60
  network     = local.inside
  layers      = [aws_lambda_layer_version.certificates.arn]
  alarms      = []
  environment = local.database_environment["tickfold_writer"]

  statements = {
    Database = local.database_statement["tickfold_writer"]
  }

  # The program may need the tables that its version brings.
  depends_on = [aws_lambda_invocation.migrate]
}

module "audit" {
  source = "./modules/function"

  name   = "audit"
  common = local.function
  memory = 256
  # Exchanges are asked at the pace that they allow; what is not done by then the next call does.
  timeout     = 900
  alarms      = ["errors"]
  environment = { AUDIT_FUNCTION = module.audit_database.name }

  statements = {
    Inside = {
      actions   = ["lambda:InvokeFunction"]
      resources = [module.audit_database.arn]
    }
  }
}

# Forty minutes behind the end of a third, so that what is late has come and `repair` has asked for
# what is missing; and often, since Kraken has candles of its last twelve hours alone. A call that
# fails is made again twice, and does what is still to be done.
module "audit_schedule" {
  source = "./modules/schedule"

  name         = "audit"
  common       = local.function
  function_arn = module.audit.arn
  expression   = "cron(40 0,8,16 * * ? *)"
}
