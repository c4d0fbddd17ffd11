# RDS, which keeps the rows: encrypted, reached from inside the VPC only, logged in to by IAM. Its
# tables and accounts are made by migrate.tf.

locals {
  engines = {
    postgres = {
      port    = 5432
      version = "17"
      # A connection without TLS is refused.
      parameters = { "rds.force_ssl" = "1" }
      logs       = ["postgresql", "upgrade"]
    }
    mysql = {
      port       = 3306
      version    = "8.4"
      parameters = { "require_secure_transport" = "ON" }
      logs       = ["error"]
    }
  }

  engine           = local.engines[var.database_engine]
  database_port    = local.engine.port
  database_version = coalesce(var.database_version, local.engine.version)
  database_name    = "tickfold"
  # Without a user: each function says its own.
  database_address = "${aws_db_instance.this.endpoint}/${local.database_name}"

  # A function's environment for its user. The layer of `certificates` puts the file there.
  database_ca = "/opt/global-bundle.pem"
  database_environment = {
    for user in ["tickfold_writer", "tickfold_readonly"] : user => {
      DATABASE_URL  = "${var.database_engine}://${user}@${local.database_address}"
      DATABASE_AUTH = "iam"
      DATABASE_CA   = local.database_ca
    }
  }
  # What a role needs to log in as that user, and as no other.
  database_statement = {
    for user in ["tickfold_writer", "tickfold_readonly"] : user => {
      actions = ["rds-db:connect"]
      resources = [join(":", [
        local.arn, "rds-db", var.region, local.account, "dbuser",
        "${aws_db_instance.this.resource_id}/${user}",
      ])]
    }
  }
}

# AWS's own authorities, which vouch for RDS and are in no other program's list.
resource "aws_lambda_layer_version" "certificates" {
  layer_name               = "${local.name}-certificates"
  description              = "global-bundle.pem of truststore.pki.rds.amazonaws.com"
  filename                 = "${local.functions_dir}/certificates/layer.zip"
  source_code_hash         = filebase64sha256("${local.functions_dir}/certificates/layer.zip")
  compatible_architectures = ["arm64"]
  compatible_runtimes      = ["provided.al2023"]
}

resource "aws_db_subnet_group" "this" {
  name        = local.name
  description = "Where nothing comes in from the internet."
  subnet_ids  = local.private_subnet_ids
}

resource "aws_db_parameter_group" "this" {
  name_prefix = "${local.name}-${var.database_engine}-"
  description = "TLS or nothing."
  family      = "${var.database_engine}${local.database_version}"

  dynamic "parameter" {
    for_each = local.engine.parameters

    content {
      name  = parameter.key
      value = parameter.value
    }
  }

  lifecycle {
    create_before_destroy = true
  }
}

# RDS would make them itself, and keep them for ever.
resource "aws_cloudwatch_log_group" "database" {
  #checkov:skip=CKV_AWS_158:No statement and no value is logged; CloudWatch encrypts with its own key.
  #checkov:skip=CKV_AWS_338:How long logs are worth their price is the user's choice, var.log_days.
  for_each = toset(local.engine.logs)

  name              = "/aws/rds/instance/${local.name}/${each.key}"
  retention_in_days = var.log_days
}

resource "aws_db_instance" "this" {
  #checkov:skip=CKV_AWS_118:The metrics that alarms need come without the agent of enhanced monitoring.
  #checkov:skip=CKV_AWS_157:A second machine costs as much again: var.database_two_zones, on in scaled.tfvars.
  #checkov:skip=CKV_AWS_293:On, unless the user says with var.protect that the data may go.
  #checkov:skip=CKV_AWS_353:Performance insights are not there for the smallest classes.
  #checkov:skip=CKV2_AWS_30:Statements would be most of the log, and they are few and known.
  #checkov:skip=CKV2_AWS_69:The parameter group refuses connections without TLS, by the engine's own parameter.
  identifier     = local.name
  engine         = var.database_engine
  engine_version = local.database_version
  instance_class = var.database_class
  multi_az       = var.database_two_zones

  storage_type          = "gp3"
  allocated_storage     = var.database_gigabytes.first
  max_allocated_storage = var.database_gigabytes.most
  storage_encrypted     = true

  db_name  = local.database_name
  port     = local.database_port
  username = "tickfold"
  # RDS makes it, keeps it in Secrets Manager and changes it every week; it is in no state file.
  manage_master_user_password         = true
  iam_database_authentication_enabled = true

  db_subnet_group_name   = aws_db_subnet_group.this.name
  vpc_security_group_ids = [aws_security_group.database.id]
  publicly_accessible    = false
  parameter_group_name   = aws_db_parameter_group.this.name
  ca_cert_identifier     = "rds-ca-rsa2048-g1"

  backup_retention_period    = var.database_backup_days
  copy_tags_to_snapshot      = true
  delete_automated_backups   = !var.protect
  deletion_protection        = var.protect
  skip_final_snapshot        = !var.protect
  final_snapshot_identifier  = "${local.name}-final"
  auto_minor_version_upgrade = true
  # Only ever to what var.database_version says.
  allow_major_version_upgrade = true
  # Not in the night: whoever applies wants to see it done. What arrives meanwhile waits in the queue.
  apply_immediately = true

  enabled_cloudwatch_logs_exports = local.engine.logs

  depends_on = [aws_cloudwatch_log_group.database]
}
