//! Binance spot: `aggTrade` and `trade` stream messages and REST `aggTrades`; no books, no account.
//!
//! Source: Binance's "Web Socket Streams" and "REST API" documents for the spot market.
//!
//! ```json
//! {"e":"aggTrade","E":1700000000125,"s":"BTCUSDT","a":9,"p":"43000.01000000","q":"0.00123000","f":100,"l":105,"T":1700000000120,"m":false,"M":true}
//! {"e":"trade","E":1700000000125,"s":"BTCUSDT","t":100,"p":"43000.01000000","q":"0.00123000","T":1700000000120,"m":false,"M":true}
//! {"stream":"btcusdt@aggTrade","data":{...one of the above...}}
//! {"e":"serverShutdown","E":1700000000125}
//! ```
//! `p` price in quote units, `q` size in base units, `T` trade time (milliseconds, or microseconds
//! where the connection asked for them), `f` and `l` the first and last raw trade id, `a` the id by
//! which REST pages are walked, `m` true if the *buyer was the maker*: then the taker sold.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{Exchange, Found, Message, Record, object, records, symbol};
use crate::time::Time;
use crate::trade::{Ids, LineError, Marks, Side, Source, Symbol, Trade, field_error, fill};

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow)]
    e: Option<Cow<'a, str>>,
    #[serde(borrow)]
    data: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct AggTrade<'a> {
    #[serde(borrow)]
    s: Option<Cow<'a, str>>,
    a: u64,
    #[serde(borrow)]
    p: Cow<'a, str>,
    #[serde(borrow)]
    q: Cow<'a, str>,
    f: i64,
    l: i64,
    #[serde(rename = "T")]
    time: i64,
    m: bool,
}

#[derive(Deserialize)]
struct RawTrade<'a> {
    #[serde(borrow)]
    s: Cow<'a, str>,
    t: u64,
    #[serde(borrow)]
    p: Cow<'a, str>,
    #[serde(borrow)]
    q: Cow<'a, str>,
    #[serde(rename = "T")]
    time: i64,
    m: bool,
}

pub(super) fn decode(message: &str, received: Time) -> Result<Message, LineError> {
    let mut event: Envelope<'_> = object(message)?;
    let mut payload = message;
    if let Some(data) = event.data {
        payload = data.get();
        // The answer to a subscription has no object here, and is nobody's trade.
        if !payload.starts_with('{') {
            return Ok(Message::Other);
        }
        event = object(payload)?;
    }
    match event.e.as_deref() {
        Some("aggTrade") => {
            let row: AggTrade<'_> = object(payload)?;
            let name = row.s.as_ref().ok_or_else(|| field_error("symbol", "\"s\" is missing"))?;
            match row.read(symbol(name)?, received, Source::Ws)? {
                Found::Trade { trade, .. } => Ok(Message::Trades(vec![trade])),
                Found::Tombstone { .. } => Ok(Message::Other),
            }
        }
        Some("trade") => {
            let row: RawTrade<'_> = object(payload)?;
            Ok(Message::Trades(vec![row.read(received)?]))
        }
        Some("serverShutdown") => Ok(Message::Closing),
        _ => Ok(Message::Other),
    }
}

pub(super) fn decode_page<'a>(
    symbol: &Symbol,
    body: &'a str,
    received: Time,
    source: Source,
) -> Result<Vec<Record<'a>>, LineError> {
    let read = |text: &str| {
        let row: AggTrade<'_> = object(text)?;
        row.read(symbol.clone(), received, source)
    };
    let rows = records(body)?.into_iter();
    Ok(rows.map(|(offset, text)| Record { text, offset, outcome: read(text) }).collect())
}

impl AggTrade<'_> {
    fn read(&self, symbol: Symbol, received: Time, source: Source) -> Result<Found, LineError> {
        // Since April 2022 invalid duplicates stand in the records with p = q = 0 and f = l = -1.
        if self.f == -1 && self.l == -1 {
            return Ok(Found::Tombstone { page_id: self.a });
        }
        let id = |field, id: i64| {
            u64::try_from(id).map_err(|_| field_error(field, format!("{id} is negative")))
        };
        let ids = Ids::range(id("first_id", self.f)?, id("last_id", self.l)?)?;
        let row = Row {
            symbol,
            ids,
            price: &self.p,
            size: &self.q,
            time: self.time,
            buyer_is_maker: self.m,
        };
        Ok(Found::Trade { page_id: self.a, trade: row.trade(received, source)? })
    }
}

impl RawTrade<'_> {
    fn read(&self, received: Time) -> Result<Trade, LineError> {
        let (symbol, ids) = (symbol(&self.s)?, Ids::range(self.t, self.t)?);
        let row = Row {
            symbol,
            ids,
            price: &self.p,
            size: &self.q,
            time: self.time,
            buyer_is_maker: self.m,
        };
        row.trade(received, Source::Ws)
    }
}

/// What both kinds of record say.
struct Row<'a> {
    symbol: Symbol,
    ids: Ids,
    price: &'a str,
    size: &'a str,
    time: i64,
    buyer_is_maker: bool,
}

impl Row<'_> {
    fn trade(self, received: Time, source: Source) -> Result<Trade, LineError> {
        Ok(Trade {
            exchange: Exchange::Binance.name(),
            symbol: self.symbol,
            time: Time::from_millis_or_micros(self.time).map_err(|why| field_error("time", why))?,
            side: if self.buyer_is_maker { Side::Sell } else { Side::Buy },
            fill: fill(self.price, self.size)?,
            ids: self.ids,
            received,
            source,
            marks: Marks::default(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AGG: &str = r#"{"e":"aggTrade","E":1700000000125,"s":"BTCUSDT","a":9,"p":"43000.01000000","q":"0.00123000","f":100,"l":105,"T":1700000000120,"m":false,"M":true}"#;
    const RAW: &str = r#"{"e":"trade","E":1700000000125,"s":"BTCUSDT","t":100,"p":"43000.01000000","q":"0.00123000","b":88,"a":50,"T":1700000000120,"m":true,"M":true}"#;
    const PAGE: &str = r#"[
{"a":9,"p":"0.00141342","q":"23.00000000","f":100,"l":101,"T":1570752011620,"m":true,"M":true},
{"a":10,"p":"0","q":"0","f":-1,"l":-1,"T":1570752011620,"m":true,"M":true},
{"a":11,"p":"0.00141266","q":"x","f":102,"l":102,"T":1570752011620,"m":false,"M":true},
{"a":12,"p":"0.00141266","q":"8.00000000","f":102,"l":102,"T":1570752017964123,"m":false,"M":true}]"#;

    fn received() -> Time {
        Time::from_micros(1_700_000_000_200_000).expect("time")
    }

    fn check(message: &str, line: &str) {
        let read = decode(message, received()).expect(message);
        let Message::Trades(trades) = read else { panic!("{message}: {read:?}") };
        assert_eq!(trades.iter().map(Trade::to_string).collect::<Vec<_>>(), [line]);
    }

    #[test]
    fn an_aggregate_trade_covers_its_raw_ids_and_m_false_is_a_taker_buy() {
        let line = r#"{"exchange":"binance","symbol":"BTCUSDT","time":1700000000120000,"side":"buy","price":"43000.01000000","size":"0.00123000","first_id":100,"last_id":105,"received":1700000000200000,"source":"ws"}"#;
        check(AGG, line);
        check(&format!(r#"{{"stream":"btcusdt@aggTrade","data":{AGG}}}"#), line);
        let micros = AGG.replace("1700000000120,", "1700000000120007,");
        check(&micros, &line.replace("1700000000120000", "1700000000120007"));
    }

    #[test]
    fn a_raw_trade_is_its_own_range_and_m_true_is_a_taker_sell() {
        let line = r#"{"exchange":"binance","symbol":"BTCUSDT","time":1700000000120000,"side":"sell","price":"43000.01000000","size":"0.00123000","first_id":100,"last_id":100,"received":1700000000200000,"source":"ws"}"#;
        check(RAW, line);
        check(&format!(r#"{{"stream":"btcusdt@trade","data":{RAW}}}"#), line);
    }

    #[test]
    fn messages_without_a_trade_are_told_apart() {
        for (message, expected) in [
            (r#"{"result":null,"id":1}"#, Message::Other),
            (
                r#"{"u":400900217,"s":"BNBUSDT","b":"25.3","B":"31.2","a":"25.4","A":"40.6"}"#,
                Message::Other,
            ),
            (
                r#"{"stream":"btcusdt@depth","data":{"e":"depthUpdate","E":1,"s":"BTCUSDT","b":[],"a":[]}}"#,
                Message::Other,
            ),
            (r#"{"e":"serverShutdown","E":1700000000125}"#, Message::Closing),
            (
                r#"{"stream":"!serverShutdown","data":{"e":"serverShutdown","E":1}}"#,
                Message::Closing,
            ),
        ] {
            assert_eq!(decode(message, received()).expect(message), expected, "{message}");
        }
    }

    #[test]
    fn what_cannot_be_a_trade_is_refused_with_its_reason() {
        for (from, to, expected) in [
            ("\"0.00123000\"", "\"0\"", "size: \"0\" is not greater than zero"),
            ("\"43000.01000000\"", "43000.01", "invalid type"),
            ("\"f\":100", "\"f\":-2", "first_id: -2 is negative"),
            ("\"l\":105", "\"l\":99", "last_id: 99 is before first_id 100"),
            ("\"T\":1700000000120", "\"T\":17", "time: 17000 is no time"),
            ("\"s\":\"BTCUSDT\",", "", "symbol: \"s\" is missing"),
            ("\"m\":false,", "", "missing field `m`"),
            ("\"a\":9,", "\"a\":9,\"a\":9,", "duplicate field `a`"),
        ] {
            let error = decode(&AGG.replacen(from, to, 1), received()).expect_err(to).to_string();
            assert!(error.contains(expected), "{to}: {error}");
        }
        let array = r#"["trade",null]"#;
        let error = decode(array, received()).expect_err(array).to_string();
        assert_eq!(error, "not a JSON object");
        assert!(decode("{not json", received()).is_err());
        assert!(decode("", received()).is_err());
    }

    #[test]
    fn a_page_keeps_its_tombstones_ids_and_refuses_only_the_bad_record() {
        let symbol = "XRPETH".parse().expect("symbol");
        let page = decode_page(&symbol, PAGE, received(), Source::Rest).expect("a page");
        let ids: Vec<_> =
            page.iter().map(|record| record.outcome.as_ref().map(Found::page_id).ok()).collect();
        assert_eq!(ids, [Some(9), Some(10), None, Some(12)]);
        assert!(matches!(page[1].outcome, Ok(Found::Tombstone { page_id: 10 })));
        assert!(
            page[2].text.starts_with(r#"{"a":11"#)
                && PAGE[page[2].offset..].starts_with(page[2].text)
        );
        let Ok(Found::Trade { trade, .. }) = &page[3].outcome else { panic!("{:?}", page[3]) };
        assert_eq!(
            trade.to_string(),
            r#"{"exchange":"binance","symbol":"XRPETH","time":1570752017964123,"side":"buy","price":"0.00141266","size":"8.00000000","first_id":102,"last_id":102,"received":1700000000200000,"source":"rest"}"#
        );
        assert!(
            decode_page(
                &symbol,
                r#"{"code":-1121,"msg":"Invalid symbol."}"#,
                received(),
                Source::Rest
            )
            .is_err()
        );
    }
}
