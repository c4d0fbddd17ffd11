"""Sums each minute of the files below a folder with DuckDB: a JSON object a line."""

import json
import sys

import duckdb

minutes = duckdb.sql(
    """
    select
        exchange, symbol, epoch_us(time) // 60000000 as minute,
        first(price order by time, first_id, id)::varchar as open,
        max(price)::varchar as high, min(price)::varchar as low,
        last(price order by time, first_id, id)::varchar as close,
        coalesce(sum(trades) filter (side = 'buy'), 0)::bigint as buy_count,
        coalesce(sum(trades) filter (side = 'sell'), 0)::bigint as sell_count,
        coalesce(sum(base_volume) filter (side = 'buy'), 0)::varchar as buy_base_volume,
        coalesce(sum(base_volume) filter (side = 'sell'), 0)::varchar as sell_base_volume,
        coalesce(sum(quote_volume) filter (side = 'buy'), 0)::varchar as buy_quote_volume,
        coalesce(sum(quote_volume) filter (side = 'sell'), 0)::varchar as sell_quote_volume,
        min(first_id) as first_id, max(last_id) as last_id,
        epoch_us(min(time)) as first_time, epoch_us(max(time)) as last_time
    from (
        select *, coalesce(last_id - first_id + 1, 1) as trades
        from read_parquet($files, hive_partitioning = true)
    )
    group by exchange, symbol, minute
    order by exchange, symbol, minute
    """,
    params={"files": sys.argv[1] + "/*/*/*/*.parquet"},
)
for row in minutes.fetchall():
    print(json.dumps(dict(zip(minutes.columns, row))))
