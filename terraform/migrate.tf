# `migrate`: the apply brings the database to the programs' version, before they run. One program
# that is deployed twice: only outside the VPC is there a way to Secrets Manager, only inside one to
# the database, and an endpoint between the two would cost half of what the database does.

locals {
  # Long enough for a table that is written anew; the one outside waits for the one inside.
  migrate_timeout = { inside = 280, outside = 300 }
}

module "migrate_database" {
  source = "./modules/function"

  name    = "migrate-database"
  package = "migrate"
  common  = local.function
  memory  = 256
  timeout = local.migrate_timeout.inside
  network = local.inside
  layers  = [aws_lambda_layer_version.certificates.arn]
  alarms  = []

  # Who logs in, and with which password, comes with the call.
  environment = {
    DATABASE_URL = "${var.database_engine}://${local.database_address}"
    DATABASE_CA  = local.database_ca
  }
}

module "migrate" {
  source = "./modules/function"

  name    = "migrate"
  common  = local.function
  memory  = 256
  timeout = local.migrate_timeout.outside

  environment = {
    MIGRATE_SECRET   = aws_db_instance.this.master_user_secret[0].secret_arn
    MIGRATE_FUNCTION = module.migrate_database.name
  }

  statements = {
    Secret = {
      actions   = ["secretsmanager:GetSecretValue"]
      resources = [aws_db_instance.this.master_user_secret[0].secret_arn]
    }
    Inside = {
      actions   = ["lambda:InvokeFunction"]
      resources = [module.migrate_database.arn]
    }
  }
}

# Called again with each new program and each new database; an error of its ends the apply, with
# the old functions still in place.
resource "aws_lambda_invocation" "migrate" {
  function_name = module.migrate.name
  input         = jsonencode({})

  triggers = {
    program  = module.migrate.code
    database = aws_db_instance.this.resource_id
  }

  # The way to the database is to be there, on both of its sides.
  depends_on = [
    module.migrate_database,
    aws_vpc_security_group_ingress_rule.database_from_functions,
    aws_vpc_security_group_egress_rule.functions_to_database,
  ]

  lifecycle {
    postcondition {
      condition     = jsondecode(self.result).logins == "iam"
      error_message = "The database lets no account log in with IAM, so no function would reach it: is iam_database_authentication_enabled still true, and is it RDS?"
    }
  }
}
