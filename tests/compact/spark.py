"""Sums each minute of the files below a folder with Spark: a JSON object a line."""

import json
import sys

from pyspark.sql import SparkSession

spark = (
    SparkSession.builder.master("local[2]")
    .config("spark.ui.enabled", "false")
    .config("spark.driver.bindAddress", "127.0.0.1")
    .config("spark.driver.host", "127.0.0.1")
    .config("spark.sql.session.timeZone", "UTC")
    .config("spark.sql.shuffle.partitions", "2")
    .getOrCreate()
)
spark.read.parquet(sys.argv[1]).createOrReplaceTempView("trades")
minutes = spark.sql(
    """
    select
        exchange, symbol, unix_micros(time) div 60000000 as minute,
        cast(min_by(price, at) as string) as open,
        cast(max(price) as string) as high, cast(min(price) as string) as low,
        cast(max_by(price, at) as string) as close,
        coalesce(sum(trades) filter (where side = 'buy'), 0) as buy_count,
        coalesce(sum(trades) filter (where side = 'sell'), 0) as sell_count,
        cast(coalesce(sum(base_volume) filter (where side = 'buy'), 0) as string) as buy_base_volume,
        cast(coalesce(sum(base_volume) filter (where side = 'sell'), 0) as string) as sell_base_volume,
        cast(coalesce(sum(quote_volume) filter (where side = 'buy'), 0) as string) as buy_quote_volume,
        cast(coalesce(sum(quote_volume) filter (where side = 'sell'), 0) as string) as sell_quote_volume,
        min(first_id) as first_id, max(last_id) as last_id,
        unix_micros(min(time)) as first_time, unix_micros(max(time)) as last_time
    from (
        select *, coalesce(last_id - first_id + 1, 1) as trades,
            struct(time, first_id, id) as at
        from trades
    )
    group by exchange, symbol, minute
    """
)
for row in minutes.collect():
    print(json.dumps(row.asDict()))
