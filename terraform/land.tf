# `land`: a batch of the Kinesis stream becomes the objects that Vector would have written; only
# where the stream is Kinesis.

locals {
  land = var.stream == "kinesis" ? 1 : 0
}

module "land" {
  count  = local.land
  source = "./modules/function"

  name        = "land"
  common      = local.function
  memory      = var.land_memory
  timeout     = 60
  environment = { BUCKET = aws_s3_bucket.trades.id }

  statements = {
    Stream = {
      actions = [
        "kinesis:DescribeStream",
        "kinesis:DescribeStreamSummary",
        "kinesis:GetRecords",
        "kinesis:GetShardIterator",
        "kinesis:ListShards",
      ]
      resources = [aws_kinesis_stream.trades[0].arn]
    }
    Objects = {
      actions   = ["s3:PutObject"]
      resources = ["${aws_s3_bucket.trades.arn}/raw/*", "${aws_s3_bucket.trades.arn}/dead/*"]
    }
  }
}

resource "aws_lambda_event_source_mapping" "land" {
  count = local.land

  event_source_arn  = aws_kinesis_stream.trades[0].arn
  function_name     = module.land[0].arn
  starting_position = "TRIM_HORIZON"
  # Most of a minute is one object; what Lambda hands over at a time is 6 MB at most.
  batch_size                         = 10000
  maximum_batching_window_in_seconds = 60
  function_response_types            = ["ReportBatchItemFailures"]
  # Retried until it is written or the stream forgets it: giving up would lose trades. A line that
  # cannot be read holds nothing up, for `land` puts it aside.
  maximum_retry_attempts         = -1
  maximum_record_age_in_seconds  = -1
  bisect_batch_on_function_error = true
}
