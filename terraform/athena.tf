# The Parquet files as a table of Athena, which costs nothing until somebody asks: Glue's catalogue
# knows the columns, and finds the files by their names instead of by a crawler.

locals {
  athena_results = "athena/"
}

resource "aws_glue_catalog_database" "this" {
  name        = replace(local.name, "-", "_")
  description = "tickfold: trades as Parquet."
}

# A test holds the columns against functions/compact.
resource "aws_glue_catalog_table" "trades" {
  name          = "trades"
  database_name = aws_glue_catalog_database.this.name
  description   = "Each distinct trade once, sorted by time within a file; see functions/compact."
  table_type    = "EXTERNAL_TABLE"

  parameters = {
    EXTERNAL       = "TRUE"
    classification = "parquet"

    "projection.enabled"         = "true"
    "projection.exchange.type"   = "enum"
    "projection.exchange.values" = "binance,bybit,bybit-spot,deribit,coinbase,kraken"
    # A query has to name its symbols: one that a list here lacked would silently have no trades.
    "projection.symbol.type"    = "injected"
    "projection.date.type"      = "date"
    "projection.date.format"    = "yyyy-MM-dd"
    "projection.date.range"     = "2017-01-01,NOW"
    "storage.location.template" = "s3://${local.bucket}/parquet/trades/exchange=$${exchange}/symbol=$${symbol}/date=$${date}/"
  }

  dynamic "partition_keys" {
    for_each = ["exchange", "symbol", "date"]

    content {
      name = partition_keys.value
      type = "string"
    }
  }

  storage_descriptor {
    location      = "s3://${local.bucket}/parquet/trades/"
    input_format  = "org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat"
    output_format = "org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat"

    ser_de_info {
      serialization_library = "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe"
    }

    dynamic "columns" {
      for_each = [
        { name = "time", type = "timestamp" },
        { name = "side", type = "string" },
        { name = "price", type = "decimal(38,18)" },
        { name = "size", type = "decimal(38,18)" },
        { name = "inverse", type = "boolean" },
        { name = "base_volume", type = "decimal(38,18)" },
        { name = "quote_volume", type = "decimal(38,18)" },
        { name = "first_id", type = "bigint" },
        { name = "last_id", type = "bigint" },
        { name = "id", type = "string" },
        { name = "received", type = "timestamp" },
        { name = "source", type = "string" },
        { name = "block", type = "boolean" },
        { name = "liquidation", type = "string" },
      ]

      content {
        name = columns.value.name
        type = columns.value.type
      }
    }
  }
}

# Whoever may use it also needs the bucket, in their own name: the group gives no right.
resource "aws_athena_workgroup" "this" {
  name          = local.name
  description   = "tickfold: questions to the Parquet files."
  force_destroy = true

  configuration {
    enforce_workgroup_configuration    = true
    publish_cloudwatch_metrics_enabled = false
    # 50 cents: a year of ten busy symbols, if all columns are asked for.
    bytes_scanned_cutoff_per_query = 100 * 1024 * 1024 * 1024

    result_configuration {
      output_location = "s3://${aws_s3_bucket.trades.id}/${local.athena_results}"

      encryption_configuration {
        encryption_option = "SSE_S3"
      }
    }
  }
}
