# The bucket of trades, from which every row can be made again, and what it tells `aggregate`.

locals {
  # The world shares one space of names; the account makes it this one's.
  bucket = "${local.name}-trades-${local.account}-${var.region}"
  # What `lake::key::EVENT_FILTER` says: a test holds the two together.
  event_prefix = "raw/"
  event_suffix = ".ndjson.gz"
}

resource "aws_s3_bucket" "trades" {
  #checkov:skip=CKV_AWS_18:Access logs would be more objects than the trades are.
  #checkov:skip=CKV_AWS_144:A second region doubles the price of what the exchanges still have.
  #checkov:skip=CKV_AWS_145:Public market data: S3's own key is enough, and one of KMS costs a request each.
  bucket        = local.bucket
  force_destroy = !var.protect
}

resource "aws_s3_bucket_public_access_block" "trades" {
  bucket                  = aws_s3_bucket.trades.id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_ownership_controls" "trades" {
  bucket = aws_s3_bucket.trades.id

  rule {
    object_ownership = "BucketOwnerEnforced"
  }
}

resource "aws_s3_bucket_server_side_encryption_configuration" "trades" {
  bucket = aws_s3_bucket.trades.id

  rule {
    apply_server_side_encryption_by_default {
      sse_algorithm = "AES256"
    }
  }
}

# Objects are written once: a second version is a mistake, or a delivery that was repeated.
resource "aws_s3_bucket_versioning" "trades" {
  bucket = aws_s3_bucket.trades.id

  versioning_configuration {
    status = "Enabled"
  }
}

# No line expires: rows are made of these objects. None is moved to a colder class either, for those
# charge 128 KB of each object and a transition, which for a minute's object is more than they save.
resource "aws_s3_bucket_lifecycle_configuration" "trades" {
  bucket = aws_s3_bucket.trades.id

  rule {
    id     = "versions"
    status = "Enabled"

    filter {}

    noncurrent_version_expiration {
      noncurrent_days = 30
    }

    expiration {
      expired_object_delete_marker = true
    }
  }

  rule {
    id     = "answers"
    status = "Enabled"

    # Athena's, which can be asked again.
    filter {
      prefix = local.athena_results
    }

    expiration {
      days = 7
    }
  }

  rule {
    id     = "uploads"
    status = "Enabled"

    filter {}

    abort_incomplete_multipart_upload {
      days_after_initiation = 7
    }
  }

  depends_on = [aws_s3_bucket_versioning.trades]
}

resource "aws_s3_bucket_policy" "trades" {
  bucket = aws_s3_bucket.trades.id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "TlsOnly"
      Effect    = "Deny"
      Principal = "*"
      Action    = "s3:*"
      Resource  = [aws_s3_bucket.trades.arn, "${aws_s3_bucket.trades.arn}/*"]
      Condition = { Bool = { "aws:SecureTransport" = "false" } }
    }]
  })

  # A public policy is refused; whether this one is, S3 decides while the block is being made.
  depends_on = [aws_s3_bucket_public_access_block.trades]
}

# A bucket has one of these: another function that wants to be told of objects adds its queue here.
resource "aws_s3_bucket_notification" "trades" {
  bucket = aws_s3_bucket.trades.id

  queue {
    id            = "aggregate"
    queue_arn     = module.aggregate_queue.arn
    events        = ["s3:ObjectCreated:*"]
    filter_prefix = local.event_prefix
    filter_suffix = local.event_suffix
  }

  # S3 tries at once whether it may send.
  depends_on = [module.aggregate_queue]
}
