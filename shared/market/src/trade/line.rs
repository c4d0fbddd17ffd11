//! The trade line as text: written, read, and what can still be told of a line that is refused.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{ExchangeName, Ids, LineError, Marks, Symbol, Trade, field_error, fill, inverse_fill};
use crate::time::{Minute, Time};

impl Trade {
    /// Reads one trade line. Unknown fields are passed over, so that an older reader folds what a
    /// newer writer adds.
    pub fn from_line(line: &[u8]) -> Result<Trade, LineError> {
        // serde would take an array of the same values for the object.
        if !line.trim_ascii_start().starts_with(b"{") {
            return Err(LineError::NoObject);
        }
        let line: Line<'_> = serde_json::from_slice(line)?;
        let fill = if line.inverse == Some(true) { inverse_fill } else { fill };
        let liquidation = line.liquidation.map(|word| word.parse()).transpose();
        Ok(Trade {
            exchange: line.exchange.parse().map_err(|why: String| field_error("exchange", why))?,
            symbol: line.symbol.parse().map_err(|why: String| field_error("symbol", why))?,
            time: Time::from_micros(line.time).map_err(|why| field_error("time", why))?,
            side: line.side.parse().map_err(|why: String| field_error("side", why))?,
            fill: fill(&line.price, &line.size)?,
            ids: match (line.first_id, line.last_id, line.id) {
                (Some(first), Some(last), None) => Ids::range(first, last)?,
                (None, None, Some(id)) => Ids::opaque(&id)?,
                _ => return Err(field_error("id", "a line has first_id and last_id, or id")),
            },
            received: Time::from_micros(line.received)
                .map_err(|why| field_error("received", why))?,
            source: line.source.parse().map_err(|why: String| field_error("source", why))?,
            marks: Marks {
                block: line.block == Some(true),
                liquidation: liquidation.map_err(|why: String| field_error("liquidation", why))?,
            },
        })
    }
}

impl fmt::Display for Trade {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            out,
            r#"{{"exchange":"{}","symbol":"{}","time":{},"side":"{}","price":"{}","size":"{}",{}"#,
            self.exchange,
            self.symbol,
            self.time.micros(),
            self.side.as_str(),
            self.fill.price(),
            self.fill.size(),
            if self.fill.is_inverse() { "\"inverse\":true," } else { "" },
        )?;
        match &self.ids {
            Ids::Range { first, last } => write!(out, r#""first_id":{first},"last_id":{last},"#)?,
            Ids::Opaque(id) => write!(out, r#""id":"{id}","#)?,
        }
        let (received, source) = (self.received.micros(), self.source.as_str());
        write!(out, r#""received":{received},"source":"{source}""#)?;
        if self.marks.block {
            out.write_str(r#","block":true"#)?;
        }
        if let Some(whose) = self.marks.liquidation {
            write!(out, r#","liquidation":"{}""#, whose.as_str())?;
        }
        out.write_str("}")
    }
}

/// The line as JSON types; a key that stands twice is an error of serde's.
#[derive(Deserialize)]
struct Line<'a> {
    #[serde(borrow)]
    exchange: Cow<'a, str>,
    #[serde(borrow)]
    symbol: Cow<'a, str>,
    time: i64,
    #[serde(borrow)]
    side: Cow<'a, str>,
    #[serde(borrow)]
    price: Cow<'a, str>,
    #[serde(borrow)]
    size: Cow<'a, str>,
    inverse: Option<bool>,
    first_id: Option<u64>,
    last_id: Option<u64>,
    id: Option<Cow<'a, str>>,
    received: i64,
    #[serde(borrow)]
    source: Cow<'a, str>,
    block: Option<bool>,
    #[serde(borrow)]
    liquidation: Option<Cow<'a, str>>,
}

/// What can still be read of a refused line, of a trade or of a book: which symbol and minute it
/// would have belonged to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Traces {
    pub exchange: Option<ExchangeName>,
    pub symbol: Option<Symbol>,
    pub minute: Option<Minute>,
    /// Whether it names levels, as a book's line does and a trade's does not.
    pub levels: bool,
}

/// Each field apart: one that is broken hides none of the others.
#[derive(Deserialize)]
struct TracesOfLine<'a> {
    #[serde(borrow)]
    exchange: Option<&'a RawValue>,
    #[serde(borrow)]
    symbol: Option<&'a RawValue>,
    #[serde(borrow)]
    time: Option<&'a RawValue>,
    #[serde(borrow)]
    bids: Option<&'a RawValue>,
    #[serde(borrow)]
    asks: Option<&'a RawValue>,
}

impl Traces {
    /// Tells nothing of a line that gives a field twice: neither need be the right one.
    pub fn of(line: &[u8]) -> Traces {
        let Ok(line) = serde_json::from_slice::<TracesOfLine<'_>>(line) else {
            return Traces::default();
        };
        let text = |field: Option<&RawValue>| -> Option<String> {
            serde_json::from_str(field?.get()).ok()
        };
        let time = line.time.and_then(|time| serde_json::from_str(time.get()).ok());
        Traces {
            exchange: text(line.exchange).and_then(|name| name.parse().ok()),
            symbol: text(line.symbol).and_then(|name| name.parse().ok()),
            minute: time.and_then(|time| Time::from_micros(time).ok()).map(Time::minute),
            levels: line.bids.or(line.asks).is_some(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Liquidation;
    use super::*;

    const LINE: &str = r#"{"exchange":"binance","symbol":"BTCUSDT","time":1700000000120000,"side":"buy","price":"43000.01000000","size":"0.00123000","first_id":100,"last_id":105,"received":1700000000123456,"source":"ws"}"#;
    const OPAQUE: &str = r#"{"exchange":"bybit","symbol":"BTCUSDT","time":1700000000120000,"side":"sell","price":"43000.5","size":"0.001","id":"2290000000-aa","received":1700000000123456,"source":"rest"}"#;

    const INVERSE: &str = r#"{"exchange":"deribit","symbol":"BTC-PERPETUAL","time":1700000000120000,"side":"buy","price":"37240.5","size":"20.0","inverse":true,"first_id":92836831,"last_id":92836831,"received":1700000000123456,"source":"ws","block":true,"liquidation":"both"}"#;

    fn read(line: &str) -> Result<Trade, String> {
        Trade::from_line(line.as_bytes()).map_err(|error| error.to_string())
    }

    #[test]
    fn a_line_is_read_and_written_byte_for_byte() {
        for line in [LINE, OPAQUE, INVERSE] {
            assert_eq!(read(line).expect(line).to_string(), line);
        }
    }

    #[test]
    fn an_inverse_lines_size_is_its_quote_volume() {
        let trade = read(INVERSE).expect("a trade");
        assert_eq!(trade.fill.quote().to_string(), "20");
        assert_eq!(trade.fill.base().to_string(), "0.000537049717377586");
        let marks = Marks { block: true, liquidation: Some(Liquidation::Both) };
        assert_eq!(trade.marks, marks);
        let plain = INVERSE.replace("true", "false").replace(r#","liquidation":"both""#, "");
        let trade = read(&plain).expect("a trade");
        assert_eq!(trade.fill.quote().to_string(), "744810");
        assert_eq!(trade.marks, Marks::default());
    }

    #[test]
    fn every_refusal_names_its_field() {
        for (from, to, expected) in [
            ("43000.01000000", "4.3e4", "price: \"4.3e4\" is not a plain decimal"),
            ("43000.01000000", "NaN", "price: \"NaN\" is not a plain decimal"),
            ("\"43000.01000000\"", "NaN", "expected value"),
            ("0.00123000", "Infinity", "size: \"Infinity\" is not a plain decimal"),
            ("0.00123000", "-1", "size: \"-1\" is not a plain decimal"),
            ("0.00123000", "0.0", "size: \"0.0\" is not greater than zero"),
            ("0.00123000", "0.00000000000000001", "size: 43000.01 x 0.00000000000000001"),
            ("BTCUSDT", "btc/usdt", "symbol: \"btc/usdt\" is not a symbol"),
            ("BTCUSDT", "BTC\\u0000", "symbol: \"BTC\\0\" is not a symbol"),
            ("binance", "Binance", "exchange: \"Binance\" is not an exchange"),
            ("\"buy\"", "\"Buy\"", "side: \"Buy\" is none of buy sell"),
            ("\"ws\"", "\"web\"", "source: \"web\" is none of rest archive ws"),
            ("1700000000120000", "1700000000120", "time: 1700000000120 is no time between"),
            ("\"last_id\":105", "\"last_id\":99", "last_id: 99 is before first_id 100"),
            ("\"last_id\":105", "\"last_id\":9000000", "last_id: covers 8999901 trades"),
            ("\"last_id\":105", "\"id\":\"x\"", "id: a line has first_id and last_id, or id"),
            ("\"side\":\"buy\"", "\"side\":\"buy\",\"side\":\"sell\"", "duplicate field `side`"),
            ("\"43000.01000000\"", "43000.01", "invalid type: floating point"),
            (
                "\"ws\"",
                "\"ws\",\"liquidation\":\"T\"",
                "liquidation: \"T\" is none of taker maker both",
            ),
            ("}", "}}", "trailing characters"),
        ] {
            let error = read(&LINE.replacen(from, to, 1)).expect_err(to);
            assert!(error.contains(expected), "{to}: {error}");
        }
        let array = r#"["binance","BTCUSDT",1700000000120000,"buy","1","1",null,1,1,null,1700000000120000,"ws"]"#;
        assert_eq!(read(array), Err("not a JSON object".into()));
        assert!(read("").is_err());
        assert!(Trade::from_line(b"\xff\xfe").is_err());
    }

    #[test]
    fn a_newer_writers_field_is_passed_over() {
        assert_eq!(read(&LINE.replace("}", r#","venue_flag":[1]}"#)), read(LINE));
    }

    #[test]
    fn a_refused_line_still_tells_where_it_belonged() {
        let traces = Traces::of(LINE.replace("43000.01000000", "-1").as_bytes());
        assert_eq!(traces.symbol.expect("symbol").as_str(), "BTCUSDT");
        assert_eq!(traces.minute.expect("minute").to_string(), "2023-11-14T22:13:00Z");
        assert_eq!(Traces::of(b"{\"exchange\":"), Traces::default());
        let twice = LINE.replace("\"side\"", "\"symbol\":\"ETHUSDT\",\"side\"");
        assert_eq!(Traces::of(twice.as_bytes()), Traces::default());
        let timeless = Traces::of(LINE.replace("1700000000120000", "\"noon\"").as_bytes());
        assert_eq!((timeless.symbol.is_some(), timeless.minute), (true, None));
        assert!(!timeless.levels && Traces::of(br#"{"asks":[["1"]]}"#).levels);
    }
}
