# QuickSight over the view `minute_totals`, where var.quicksight says so: its way into the VPC, the
# data source and the data set. Analyses are the user's; a subscription to QuickSight has to be there.

locals {
  quicksight = var.quicksight == null ? 0 : 1
  # What someone may do who looks at the data, and may not change it.
  quicksight_see = {
    source = ["quicksight:DescribeDataSource", "quicksight:DescribeDataSourcePermissions", "quicksight:PassDataSource"]
    set = [
      "quicksight:DescribeDataSet",
      "quicksight:DescribeDataSetPermissions",
      "quicksight:DescribeIngestion",
      "quicksight:ListIngestions",
      "quicksight:PassDataSet",
    ]
  }

  # A test holds them against the view.
  minute_totals = {
    exchange      = "STRING"
    symbol        = "STRING"
    timestamp     = "DATETIME"
    total_count_b = "INTEGER"
    total_count_s = "INTEGER"
    total_btc_b   = "DECIMAL"
    total_btc_s   = "DECIMAL"
    total_usd_b   = "DECIMAL"
    total_usd_s   = "DECIMAL"
    avg_b         = "DECIMAL"
    avg_s         = "DECIMAL"
  }
}

resource "aws_quicksight_vpc_connection" "this" {
  count = local.quicksight

  vpc_connection_id  = local.name
  name               = local.name
  role_arn           = aws_iam_role.quicksight[0].arn
  security_group_ids = [aws_security_group.viewers[0].id]
  subnet_ids         = local.private_subnet_ids

  depends_on = [aws_iam_role_policy.quicksight]
}

resource "aws_quicksight_data_source" "this" {
  count = local.quicksight

  data_source_id = local.name
  name           = local.name
  type           = var.database_engine == "postgres" ? "POSTGRESQL" : "MYSQL"

  parameters {
    dynamic "postgresql" {
      for_each = var.database_engine == "postgres" ? [1] : []

      content {
        host     = aws_db_instance.this.address
        port     = local.database_port
        database = local.database_name
      }
    }

    dynamic "mysql" {
      for_each = var.database_engine == "mysql" ? [1] : []

      content {
        host     = aws_db_instance.this.address
        port     = local.database_port
        database = local.database_name
      }
    }
  }

  credentials {
    secret_arn = var.quicksight.secret_arn
  }

  ssl_properties {
    disable_ssl = false
  }

  vpc_connection_properties {
    vpc_connection_arn = aws_quicksight_vpc_connection.this[0].arn
  }

  permission {
    principal = var.quicksight.principal_arn
    actions   = local.quicksight_see.source
  }
}

resource "aws_quicksight_data_set" "minute_totals" {
  count = local.quicksight

  data_set_id = "${local.name}-minute-totals"
  name        = "minute_totals"
  # The rows as they are: a copy would be old, and repaired minutes would stay wrong in it.
  import_mode = "DIRECT_QUERY"

  physical_table_map {
    physical_table_map_id = "minute-totals"

    relational_table {
      data_source_arn = aws_quicksight_data_source.this[0].arn
      schema          = var.database_engine == "postgres" ? "public" : local.database_name
      name            = "minute_totals"

      dynamic "input_columns" {
        for_each = local.minute_totals

        content {
          name = input_columns.key
          type = input_columns.value
        }
      }
    }
  }

  permissions {
    principal = var.quicksight.principal_arn
    actions   = local.quicksight_see.set
  }
}

resource "aws_iam_role" "quicksight" {
  count = local.quicksight

  name        = "${local.name}-quicksight"
  description = "With it QuickSight makes its network interfaces in the private subnets."

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "quicksight.amazonaws.com" }
      Condition = { StringEquals = { "aws:SourceAccount" = local.account } }
    }]
  })
}

resource "aws_iam_role_policy" "quicksight" {
  #checkov:skip=CKV_AWS_355:EC2 names no network interface that does not exist yet, so AWS asks for these on everything.
  #checkov:skip=CKV_AWS_290:The same.
  count = local.quicksight

  name = "quicksight"
  role = aws_iam_role.quicksight[0].id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid    = "Interfaces"
      Effect = "Allow"
      Action = [
        "ec2:CreateNetworkInterface",
        "ec2:DeleteNetworkInterface",
        "ec2:DescribeSecurityGroups",
        "ec2:DescribeSubnets",
        "ec2:ModifyNetworkInterfaceAttribute",
      ]
      Resource = "*"
    }]
  })
}
