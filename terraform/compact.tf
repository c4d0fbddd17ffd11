# `compact`: each night the day that is over becomes Parquet, beside the lines that it is made of.
# It stands outside the VPC, for it speaks to the bucket alone.

module "compact" {
  source = "./modules/function"

  name   = "compact"
  common = local.function
  memory = var.compact_memory
  # The longest that Lambda lets anything run: what is not done by then, the next call does.
  timeout     = 900
  alarms      = ["errors"]
  environment = { BUCKET = aws_s3_bucket.trades.id }

  # It reads lines and never writes any: a file can be made again, a line cannot.
  statements = {
    List = {
      actions   = ["s3:ListBucket"]
      resources = [aws_s3_bucket.trades.arn]
      condition = {
        StringLike = { "s3:prefix" = ["raw/trades/*", "quarantine/strays/trades/*", "parquet/*"] }
      }
    }
    Read = {
      actions = ["s3:GetObject"]
      resources = [
        "${aws_s3_bucket.trades.arn}/raw/trades/*",
        "${aws_s3_bucket.trades.arn}/quarantine/strays/trades/*",
        "${aws_s3_bucket.trades.arn}/parquet/*",
      ]
    }
    Files = {
      actions   = ["s3:PutObject"]
      resources = ["${aws_s3_bucket.trades.arn}/parquet/*"]
    }
  }
}

# Two hours behind midnight what was late has come, and what a repair could fetch; what comes later
# still is in the files a day later.
module "compact_schedule" {
  source = "./modules/schedule"

  name         = "compact"
  common       = local.function
  function_arn = module.compact.arn
  expression   = "cron(0 2 * * ? *)"
}
