# `audit`: it holds the rows of each third of a day against the exchanges' own candles, when it is
# over, and again while something disagrees.
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

# Every hour, forty minutes behind the end of a third: then what is late has come and `repair` has
# asked for what is missing. Most calls find that nothing is due. Kraken has candles of its last
# twelve hours alone, so there what disagrees is looked at again only so often.
module "audit_schedule" {
  source = "./modules/schedule"

  name         = "audit"
  common       = local.function
  function_arn = module.audit.arn
  expression   = "cron(40 * * * ? *)"
}
