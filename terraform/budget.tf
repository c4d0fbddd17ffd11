# A letter before the bill is a surprise; it stops nothing.

resource "aws_budgets_budget" "this" {
  count = var.budget == null ? 0 : 1

  name         = local.name
  budget_type  = "COST"
  limit_amount = tostring(var.budget.dollars)
  limit_unit   = "USD"
  time_unit    = "MONTHLY"

  # What this stack costs, where the tag Project is activated for billing; else nothing would match,
  # so by default it is the whole account.
  dynamic "cost_filter" {
    for_each = var.budget.by_tag ? [format("user:Project$%s", var.name)] : []

    content {
      name   = "TagKeyValue"
      values = [cost_filter.value]
    }
  }

  notification {
    comparison_operator        = "GREATER_THAN"
    threshold                  = 80
    threshold_type             = "PERCENTAGE"
    notification_type          = "ACTUAL"
    subscriber_email_addresses = [var.budget.email]
  }

  notification {
    comparison_operator        = "GREATER_THAN"
    threshold                  = 100
    threshold_type             = "PERCENTAGE"
    notification_type          = "FORECASTED"
    subscriber_email_addresses = [var.budget.email]
  }
}
