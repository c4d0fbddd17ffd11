# Amazon Managed Grafana, where var.grafana says so: the workspace and its way to the database. Its
# data source and dashboards are those of infra/grafana, which nothing here can load into it.

locals {
  grafana = var.grafana ? 1 : 0
  viewers = max(local.grafana, local.quicksight)
}

resource "aws_grafana_workspace" "this" {
  count = local.grafana

  name                     = local.name
  description              = "Candles, volumes and what is missing."
  account_access_type      = "CURRENT_ACCOUNT"
  authentication_providers = ["AWS_SSO"]
  permission_type          = "CUSTOMER_MANAGED"
  role_arn                 = aws_iam_role.grafana[0].arn
  grafana_version          = "10.4"

  vpc_configuration {
    subnet_ids         = local.private_subnet_ids
    security_group_ids = [aws_security_group.viewers[0].id]
  }
}

# A workspace has to have a role; this one may do nothing.
resource "aws_iam_role" "grafana" {
  count = local.grafana

  name        = "${local.name}-grafana"
  description = "Of the workspace, which reads the database and nothing of AWS."

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "grafana.amazonaws.com" }
      Condition = { StringEquals = { "aws:SourceAccount" = local.account } }
    }]
  })
}

# Grafana's and QuickSight's interfaces inside the VPC.
resource "aws_security_group" "viewers" {
  count = local.viewers

  name        = "${local.name}-viewers"
  description = "Grafana and QuickSight: reach the database, and nobody reaches them."
  vpc_id      = aws_vpc.this.id

  tags = { Name = "${local.name}-viewers" }
}

resource "aws_vpc_security_group_egress_rule" "viewers_to_database" {
  count = local.viewers

  security_group_id            = aws_security_group.viewers[0].id
  description                  = "The database."
  referenced_security_group_id = aws_security_group.database.id
  ip_protocol                  = "tcp"
  from_port                    = local.database_port
  to_port                      = local.database_port
}

resource "aws_vpc_security_group_ingress_rule" "database_from_viewers" {
  count = local.viewers

  security_group_id            = aws_security_group.database.id
  description                  = "Grafana and QuickSight, which log in as who may only read."
  referenced_security_group_id = aws_security_group.viewers[0].id
  ip_protocol                  = "tcp"
  from_port                    = local.database_port
  to_port                      = local.database_port
}
