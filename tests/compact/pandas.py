"""Sums each minute of the files below a folder with pandas: a JSON object a line."""

import json
import sys

import pandas

trades = pandas.read_parquet(sys.argv[1], dtype_backend="pyarrow")
trades = trades.sort_values(["time", "first_id", "id"])
trades["minute"] = trades["time"].astype("int64[pyarrow]") // 60_000_000
# A row without ids is one trade.
trades["count"] = (trades["last_id"] - trades["first_id"] + 1).fillna(1)


def decimal(value):
    return f"{value:f}"


def number(value):
    return None if pandas.isna(value) else int(value)


for (exchange, symbol, minute), of in trades.groupby(["exchange", "symbol", "minute"]):
    row = {
        "exchange": exchange,
        "symbol": symbol,
        "minute": minute,
        "open": decimal(of["price"].iloc[0]),
        "high": decimal(of["price"].max()),
        "low": decimal(of["price"].min()),
        "close": decimal(of["price"].iloc[-1]),
        "first_id": number(of["first_id"].min()),
        "last_id": number(of["last_id"].max()),
        "first_time": number(of["time"].astype("int64[pyarrow]").min()),
        "last_time": number(of["time"].astype("int64[pyarrow]").max()),
    }
    for side in ["buy", "sell"]:
        its = of[of["side"] == side]
        row[f"{side}_count"] = number(its["count"].sum())
        for volume in ["base_volume", "quote_volume"]:
            row[f"{side}_{volume}"] = decimal(its[volume].sum())
    print(json.dumps(row))
