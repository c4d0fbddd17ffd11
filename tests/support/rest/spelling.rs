//! How each exchange's REST interface spells trades and candles; the other way round than `market`
//! reads them, from the exchanges' documents.

use market::{Bar, Exchange, Ids, Minute, Side, Time, Trade};

use super::Question;

/// What stands before the rows of an answer, the rows, and what stands behind.
type Page = (String, Vec<String>, String);

/// `None` where there is no such address.
pub(super) fn page(exchange: Exchange, all: &[Trade], question: &Question<'_>) -> Option<Page> {
    match (exchange, question.path) {
        (Exchange::Binance, "/api/v3/aggTrades") => {
            Some(agg_trades(&of_symbol(all, question), question))
        }
        (Exchange::Binance, "/api/v3/klines") => Some(klines(&of_symbol(all, question), question)),
        (Exchange::Bybit | Exchange::BybitSpot, "/v5/market/recent-trade") => {
            Some(recent(all, question))
        }
        (Exchange::Bybit | Exchange::BybitSpot, "/v5/market/kline") => {
            Some(bybit_klines(all, question))
        }
        (Exchange::Coinbase, path) if path.ends_with("/trades") => Some(matches(all, question)),
        (Exchange::Coinbase, path) if path.ends_with("/candles") => Some(candles(all, question)),
        (Exchange::Deribit, path) if path.contains("/get_last_trades_by_instrument") => {
            Some(last_trades(all, question))
        }
        (Exchange::Deribit, path) if path.ends_with("chart_data") => Some(chart(all, question)),
        (Exchange::Kraken, "/0/public/Trades") => Some(kraken_trades(all, question)),
        (Exchange::Kraken, "/0/public/OHLC") => Some(ohlc(all, question)),
        _ => None,
    }
}

/// Binance's ids of records are each symbol's own.
fn of_symbol(all: &[Trade], question: &Question<'_>) -> Vec<Trade> {
    let symbol = &question.query["symbol"];
    all.iter().filter(|trade| trade.symbol.as_str() == symbol).cloned().collect()
}

fn ids(trade: &Trade) -> (i64, i64) {
    match &trade.ids {
        Ids::Range { first, last } => (*first as i64, *last as i64),
        Ids::Opaque(_) => (0, 0),
    }
}

fn millis(trade: &Trade) -> i64 {
    trade.time.micros() / 1_000
}

/// The aggregate ids count the records, from 1.
fn agg_trades(all: &[Trade], question: &Question<'_>) -> Page {
    let limit = question.limit("limit", 500, 1_000);
    let from = question.number("fromId").unwrap_or(0);
    let start = question.number("startTime").unwrap_or(0);
    let rows = (1..).zip(all).filter(|(id, trade)| *id >= from && millis(trade) >= start);
    let row = |(id, trade): (i64, &Trade)| {
        let ((first, last), maker) = (ids(trade), trade.side == Side::Sell);
        let time = if question.micros { trade.time.micros() } else { millis(trade) };
        let (price, size) = (trade.fill.price(), trade.fill.size());
        format!(
            r#"{{"a":{id},"p":"{price}","q":"{size}","f":{first},"l":{last},"T":{time},"m":{maker},"M":true}}"#
        )
    };
    ("[".into(), rows.take(limit).map(row).collect(), "]".into())
}

fn recent(all: &[Trade], question: &Question<'_>) -> Page {
    let spot = question.query["category"] == "spot";
    let limit = question.limit("limit", 500, if spot { 60 } else { 1_000 });
    let row = |trade: &Trade| {
        let Ids::Opaque(id) = &trade.ids else { panic!("Bybit's ids are opaque") };
        let side = if trade.side == Side::Buy { "Buy" } else { "Sell" };
        let (symbol, price, size) = (&trade.symbol, trade.fill.price(), trade.fill.size());
        format!(
            r#"{{"execId":"{id}","symbol":"{symbol}","price":"{price}","size":"{size}","side":"{side}","time":"{}","isBlockTrade":false}}"#,
            millis(trade)
        )
    };
    let before = r#"{"retCode":0,"retMsg":"OK","result":{"list":["#;
    (before.into(), all.iter().rev().take(limit).map(row).collect(), "]}}".into())
}

fn matches(all: &[Trade], question: &Question<'_>) -> Page {
    let limit = question.limit("limit", 1_000, 1_000);
    let after = question.number("after").unwrap_or(i64::MAX);
    let row = |trade: &Trade| {
        // The maker's.
        let side = if trade.side == Side::Buy { "sell" } else { "buy" };
        let (price, size, time) = (trade.fill.price(), trade.fill.size(), trade.time);
        format!(
            r#"{{"trade_id":{},"side":"{side}","size":"{size}","price":"{price}","time":"{time}"}}"#,
            ids(trade).0
        )
    };
    let older = all.iter().rev().filter(|trade| ids(trade).0 < after);
    ("[".into(), older.take(limit).map(row).collect(), "]".into())
}

fn last_trades(all: &[Trade], question: &Question<'_>) -> Page {
    let limit = question.limit("count", 10, 1_000);
    let within = |trade: &&Trade| {
        let least = |key| question.number(key).unwrap_or(0);
        let most = |key| question.number(key).unwrap_or(i64::MAX);
        (least("start_seq")..=most("end_seq")).contains(&ids(trade).0)
            && (least("start_timestamp")..=most("end_timestamp")).contains(&millis(trade))
    };
    let row = |trade: &Trade| {
        let side = trade.side.as_str();
        let (name, price, size) = (&trade.symbol, trade.fill.price(), trade.fill.size());
        format!(
            r#"{{"trade_seq":{},"trade_id":"x","timestamp":{},"price":{price},"amount":{size},"direction":"{side}","instrument_name":"{name}"}}"#,
            ids(trade).0,
            millis(trade)
        )
    };
    let mut rows: Vec<_> = all.iter().filter(within).collect();
    if question.query.get("sorting").is_none_or(|order| order != "asc") {
        rows.reverse();
    }
    let before = r#"{"jsonrpc":"2.0","result":{"trades":["#;
    (
        before.into(),
        rows.into_iter().take(limit).map(row).collect(),
        r#"],"has_more":true}}"#.into(),
    )
}

/// Its clock counts nanoseconds, of which a row shows seven digits and `last` all.
fn nanos(trade: &Trade) -> i64 {
    trade.time.micros() * 1_000 + 417
}

fn kraken_trades(all: &[Trade], question: &Question<'_>) -> Page {
    let limit = question.limit("count", 1_000, 1_000);
    let since = question.number("since").unwrap_or(0);
    let page: Vec<_> = all.iter().filter(|trade| nanos(trade) > since).take(limit).collect();
    let row = |trade: &&Trade| {
        let side = if trade.side == Side::Buy { "b" } else { "s" };
        let micros = trade.time.micros();
        let (price, size) = (trade.fill.price(), trade.fill.size());
        format!(
            r#"["{price}","{size}",{}.{:06}4,"{side}","l","",{}]"#,
            micros / 1_000_000,
            micros % 1_000_000,
            ids(trade).0
        )
    };
    let last = page.last().map_or(since, |trade| nanos(trade));
    let behind = format!(r#"],"last":"{last}"}}}}"#);
    let before = r#"{"error":[],"result":{"XPAIR":["#;
    (before.into(), page.iter().map(row).collect(), behind)
}

/// Bars of a span of minutes, from what the exchange has.
fn bars(all: &[Trade], from: i64, to: i64) -> Vec<Bar> {
    let minute = |millis: i64| Time::from_millis_or_micros(millis).map(Time::minute);
    let from = minute(from).unwrap_or(Minute::MIN);
    let to = minute(to).unwrap_or(Minute::MAX);
    let bars = market::fold(all.iter().cloned()).expect("small sums");
    bars.into_iter().filter(|bar| (from..=to).contains(&bar.minute)).collect()
}

fn seconds(bar: &Bar) -> i64 {
    bar.minute.start().micros() / 1_000_000
}

fn klines(all: &[Trade], question: &Question<'_>) -> Page {
    let limit = question.limit("limit", 500, 1_000);
    let (from, to) = (question.number("startTime"), question.number("endTime"));
    let row = |bar: Bar| {
        let Bar { open, high, low, close, trade_count, .. } = &bar;
        let open_time = bar.minute.start().micros() / if question.micros { 1 } else { 1_000 };
        format!(
            r#"[{open_time},"{open}","{high}","{low}","{close}","{}",0,"{}",{trade_count},"{}","{}","0"]"#,
            bar.base_volume().expect("fits"),
            bar.quote_volume().expect("fits"),
            bar.buy_base_volume,
            bar.buy_quote_volume
        )
    };
    let bars = bars(all, from.unwrap_or(0), to.unwrap_or(i64::MAX));
    ("[".into(), bars.into_iter().take(limit).map(row).collect(), "]".into())
}

fn bybit_klines(all: &[Trade], question: &Question<'_>) -> Page {
    let limit = question.limit("limit", 200, 1_000);
    let (from, to) = (question.number("start"), question.number("end"));
    let row = |bar: Bar| {
        let Bar { open, high, low, close, .. } = &bar;
        let (base, quote) = (bar.base_volume(), bar.quote_volume());
        let (base, quote) = (base.expect("fits"), quote.expect("fits"));
        let time = seconds(&bar) * 1_000;
        format!(r#"["{time}","{open}","{high}","{low}","{close}","{base}","{quote}"]"#)
    };
    let bars = bars(all, from.unwrap_or(0), to.unwrap_or(i64::MAX));
    let before = r#"{"retCode":0,"retMsg":"OK","result":{"list":["#;
    (before.into(), bars.into_iter().rev().take(limit).map(row).collect(), "]}}".into())
}

fn candles(all: &[Trade], question: &Question<'_>) -> Page {
    let time = |key: &str| {
        let text = question.query.get(key).expect("start and end");
        text.parse::<Time>().expect("a time").micros() / 1_000
    };
    let row = |bar: Bar| {
        let Bar { open, high, low, close, .. } = &bar;
        let base = bar.base_volume().expect("fits");
        format!("[{},{low},{high},{open},{close},{base}]", seconds(&bar))
    };
    let bars = bars(all, time("start"), time("end"));
    ("[".into(), bars.into_iter().rev().take(300).map(row).collect(), "]".into())
}

fn chart(all: &[Trade], question: &Question<'_>) -> Page {
    let (from, to) = (question.number("start_timestamp"), question.number("end_timestamp"));
    let bars = bars(all, from.unwrap_or(0), to.unwrap_or(i64::MAX));
    let column = |name: &str, of: &dyn Fn(&Bar) -> String| {
        format!(r#""{name}":[{}]"#, bars.iter().map(of).collect::<Vec<_>>().join(","))
    };
    let columns = vec![
        column("ticks", &|bar| (seconds(bar) * 1_000).to_string()),
        column("open", &|bar| bar.open.to_string()),
        column("high", &|bar| bar.high.to_string()),
        column("low", &|bar| bar.low.to_string()),
        column("close", &|bar| bar.close.to_string()),
        column("volume", &|bar| bar.base_volume().expect("fits").to_string()),
        column("cost", &|bar| bar.quote_volume().expect("fits").to_string()),
    ];
    (r#"{"jsonrpc":"2.0","result":{"#.into(), columns, "}}".into())
}

/// The last 720 bars, and all of them later than `since`; the running one stands behind `last`.
fn ohlc(all: &[Trade], question: &Question<'_>) -> Page {
    let since = question.number("since").unwrap_or(0);
    let bars = bars(all, 0, i64::MAX);
    let newest = bars.len().saturating_sub(720);
    let bars: Vec<_> = bars[newest..].iter().filter(|bar| seconds(bar) > since).collect();
    let row = |bar: &&Bar| {
        let Bar { open, high, low, close, trade_count, .. } = bar;
        let (vwap, base) = (bar.vwap().expect("volume"), bar.base_volume().expect("fits"));
        let time = seconds(bar);
        format!(r#"[{time},"{open}","{high}","{low}","{close}","{vwap}","{base}",{trade_count}]"#)
    };
    let last = bars.iter().rev().nth(1).map_or(0, |bar| seconds(bar));
    let before = r#"{"error":[],"result":{"XPAIR":["#;
    let behind = format!(r#"],"last":{last}}}}}"#);
    (before.into(), bars.iter().map(row).collect(), behind)
}
