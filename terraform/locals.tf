# The words that the other files share; every name is made of them.

locals {
  name    = var.name
  account = data.aws_caller_identity.current.account_id
  # arn:aws, or that of China or of GovCloud.
  arn = "arn:${data.aws_partition.current.partition}"

  functions_dir = var.artifacts_dir

  public_subnet_ids  = [for zone in var.zones : aws_subnet.public[zone].id]
  private_subnet_ids = [for zone in var.zones : aws_subnet.private[zone].id]

  # Of a function that speaks to the database.
  inside = {
    subnet_ids         = local.private_subnet_ids
    security_group_ids = [aws_security_group.functions.id]
  }

  # What every function has in common.
  function = {
    prefix          = local.name
    account         = local.account
    arn             = local.arn
    region          = var.region
    functions_dir   = local.functions_dir
    log_days        = var.log_days
    alarm_topic_arn = aws_sns_topic.alarms.arn
  }
}
