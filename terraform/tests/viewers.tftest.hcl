# Grafana and QuickSight, where they are asked for; the provider is mocked.

mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  artifacts_dir = "./tests/artifacts"
}

run "viewers" {
  command = plan

  variables {
    grafana = true
    quicksight = {
      principal_arn = "arn:aws:quicksight:us-east-1:123456789012:user/default/someone"
      secret_arn    = "arn:aws:secretsmanager:us-east-1:123456789012:secret:viewer"
    }
  }

  assert {
    condition     = length(aws_grafana_workspace.this) == 1 && length(aws_quicksight_data_set.minute_totals) == 1 && length(aws_security_group.viewers) == 1
    error_message = "Grafana and QuickSight are there when they are asked for."
  }

  assert {
    condition     = aws_quicksight_data_source.this[0].type == "POSTGRESQL" && !aws_quicksight_data_source.this[0].ssl_properties[0].disable_ssl
    error_message = "The database refuses who does not encrypt."
  }
}

run "quicksight_without_a_secret" {
  command = plan

  variables {
    quicksight = { principal_arn = "arn:aws:quicksight:us-east-1:123456789012:user/default/someone", secret_arn = "password" }
  }

  expect_failures = [var.quicksight]
}
