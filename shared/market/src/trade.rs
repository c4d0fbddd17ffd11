//! The trade line: the one form in which a trade travels (Kafka value, S3 line, file); knows
//! nothing of any exchange's own spelling.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::decimal::{Fill, shortened};
use crate::time::{Minute, Time};

/// Raw trades that one line may cover. The largest real aggregate trades have some thousands of
/// fills; a line with more is a broken id, and would make a count meaningless.
const MAX_FILLS: u64 = 1_000_000;
/// Ids are stored as 64-bit signed integers.
const MAX_ID: u64 = i64::MAX as u64;

/// Why a line is no trade: the field and what it held, or where its JSON is not what it should be.
#[derive(Debug, thiserror::Error)]
pub enum LineError {
    #[error("not a JSON object")]
    NoObject,
    #[error("not the expected JSON: {0}")]
    Json(#[from] serde_json::Error),
    #[error("{field}: {why}")]
    Field { field: &'static str, why: String },
}

/// A field's error, for decoders that build trades from an exchange's own fields.
pub fn field_error(field: &'static str, why: impl fmt::Display) -> LineError {
    LineError::Field { field, why: why.to_string() }
}

macro_rules! name {
    ($(#[$doc:meta])* $name:ident, $what:literal, $allowed:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(Box<str>);

        impl $name {
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = String;

            fn from_str(text: &str) -> Result<$name, String> {
                let allowed: fn(u8) -> bool = $allowed;
                if (1..=32).contains(&text.len()) && text.bytes().all(allowed) {
                    Ok($name(text.into()))
                } else {
                    Err(format!("{:?} is not {}", shortened(text), $what))
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str(&self.0)
            }
        }

        impl TryFrom<String> for $name {
            type Error = String;

            fn try_from(text: String) -> Result<$name, String> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> String {
                name.0.into()
            }
        }
    };
}

name! {
    /// An exchange, or one market of it: `binance`, `bybit-spot`.
    ExchangeName,
    "an exchange (1 to 32 of a-z 0-9 _ -, such as \"binance\")",
    |byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-')
}
name! {
    /// The instrument's own name at its exchange, with `/` written as `-`.
    Symbol,
    "a symbol (1 to 32 of A-Z 0-9 . _ -, such as \"BTCUSDT\")",
    |byte| matches!(byte, b'A'..=b'Z' | b'0'..=b'9' | b'.' | b'_' | b'-')
}

macro_rules! word {
    ($(#[$doc:meta])* $name:ident, $($(#[$what:meta])* $variant:ident = $word:literal),+) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name { $($(#[$what])* $variant),+ }

        impl $name {
            pub fn as_str(self) -> &'static str {
                match self { $($name::$variant => $word),+ }
            }
        }

        impl FromStr for $name {
            type Err = String;

            fn from_str(text: &str) -> Result<$name, String> {
                match text {
                    $($word => Ok($name::$variant),)+
                    _ => Err(format!("{:?} is none of{}", shortened(text), concat!($(" ", $word),+))),
                }
            }
        }
    };
}

word! {
    /// The taker's side: `Buy` means that the taker bought.
    Side, Buy = "buy", Sell = "sell"
}
word! {
    /// Where a line came from. The order is the rank in a conflict: the exchange's records come
    /// before what a socket happened to deliver.
    Source, Rest = "rest", Archive = "archive", Ws = "ws"
}

/// What identifies a trade within its exchange and symbol.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Ids {
    /// The contiguous raw trade ids that the line covers; equal but for aggregate trades.
    Range { first: u64, last: u64 },
    /// An id without order: it tells duplicates, and proves no gap.
    Opaque(Box<str>),
}

impl Ids {
    pub fn range(first: u64, last: u64) -> Result<Ids, LineError> {
        if first > last {
            return Err(field_error("last_id", format!("{last} is before first_id {first}")));
        }
        if last > MAX_ID {
            return Err(field_error("last_id", format!("{last} is above {MAX_ID}")));
        }
        if last - first >= MAX_FILLS {
            let fills = last - first + 1;
            return Err(field_error(
                "last_id",
                format!("covers {fills} trades, more than {MAX_FILLS}"),
            ));
        }
        Ok(Ids::Range { first, last })
    }

    pub fn opaque(id: &str) -> Result<Ids, LineError> {
        let allowed =
            |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b':');
        if (1..=64).contains(&id.len()) && id.bytes().all(allowed) {
            return Ok(Ids::Opaque(id.into()));
        }
        Err(field_error("id", format!("{:?} is not 1 to 64 of A-Z a-z 0-9 - _ . :", shortened(id))))
    }

    /// How many raw trades the line covers.
    pub fn count(&self) -> u64 {
        match self {
            Ids::Range { first, last } => last - first + 1,
            Ids::Opaque(_) => 1,
        }
    }
}

/// One trade, or one aggregate trade of several fills at one price and time.
///
/// `Display` prints the trade line, without a newline; [`Trade::from_line`] reads it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trade {
    pub exchange: ExchangeName,
    pub symbol: Symbol,
    /// The exchange's trade time: it alone decides the minute.
    pub time: Time,
    pub side: Side,
    pub fill: Fill,
    pub ids: Ids,
    /// Our receive time; decides nothing.
    pub received: Time,
    pub source: Source,
}

impl Trade {
    /// Reads one trade line. Unknown fields are passed over, so that an older reader folds what a
    /// newer writer adds.
    pub fn from_line(line: &[u8]) -> Result<Trade, LineError> {
        // serde would take an array of the same values for the object.
        if !line.trim_ascii_start().starts_with(b"{") {
            return Err(LineError::NoObject);
        }
        let line: Line<'_> = serde_json::from_slice(line)?;
        if line.inverse == Some(true) {
            return Err(field_error("inverse", "inverse contracts are not folded by this version"));
        }
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
        })
    }

    pub fn minute(&self) -> Minute {
        self.time.minute()
    }
}

/// Price and size of an exchange's decimal strings.
pub fn fill(price: &str, size: &str) -> Result<Fill, LineError> {
    let price = price.parse().map_err(|why| field_error("price", why))?;
    let size = size.parse().map_err(|why| field_error("size", why))?;
    Fill::new(price, size).map_err(|why| field_error("size", why))
}

impl fmt::Display for Trade {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            out,
            r#"{{"exchange":"{}","symbol":"{}","time":{},"side":"{}","price":"{}","size":"{}","#,
            self.exchange,
            self.symbol,
            self.time.micros(),
            self.side.as_str(),
            self.fill.price(),
            self.fill.size(),
        )?;
        match &self.ids {
            Ids::Range { first, last } => write!(out, r#""first_id":{first},"last_id":{last},"#)?,
            Ids::Opaque(id) => write!(out, r#""id":"{id}","#)?,
        }
        write!(
            out,
            r#""received":{},"source":"{}"}}"#,
            self.received.micros(),
            self.source.as_str()
        )
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
}

/// What can still be read of a refused line: which symbol and minute it would have belonged to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Traces {
    pub exchange: Option<ExchangeName>,
    pub symbol: Option<Symbol>,
    pub minute: Option<Minute>,
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
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str = r#"{"exchange":"binance","symbol":"BTCUSDT","time":1700000000120000,"side":"buy","price":"43000.01000000","size":"0.00123000","first_id":100,"last_id":105,"received":1700000000123456,"source":"ws"}"#;
    const OPAQUE: &str = r#"{"exchange":"bybit","symbol":"BTCUSDT","time":1700000000120000,"side":"sell","price":"43000.5","size":"0.001","id":"2290000000-aa","received":1700000000123456,"source":"rest"}"#;

    fn read(line: &str) -> Result<Trade, String> {
        Trade::from_line(line.as_bytes()).map_err(|error| error.to_string())
    }

    #[test]
    fn a_line_is_read_and_written_byte_for_byte() {
        for line in [LINE, OPAQUE] {
            assert_eq!(read(line).expect(line).to_string(), line);
        }
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
                "\"side\":\"buy\",",
                "\"side\":\"buy\",\"inverse\":true,",
                "inverse: inverse contracts",
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
    }
}
