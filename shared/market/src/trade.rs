//! The trade line: the one form in which a trade travels (Kafka value, S3 line, file); knows
//! nothing of any exchange's own spelling.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::decimal::{Fill, NumberError, Price, Size, shortened};
use crate::time::{Minute, Time};

pub use line::Traces;

mod line;

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
word! {
    /// Whose order of a trade was a forced one.
    Liquidation, Taker = "taker", Maker = "maker", Both = "both"
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
    pub marks: Marks,
}

/// What is out of the ordinary with a trade. It counts like any other, and is told apart by these;
/// they are no part of its identity, since not every source of an exchange tells them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Marks {
    /// Agreed upon outside the book.
    pub block: bool,
    pub liquidation: Option<Liquidation>,
}

impl Trade {
    pub fn minute(&self) -> Minute {
        self.time.minute()
    }
}

/// Price and size of an exchange's decimal strings.
pub fn fill(price: &str, size: &str) -> Result<Fill, LineError> {
    fill_by(Fill::new, price, size)
}

/// The same for a contract that is sized in quote units.
pub fn inverse_fill(price: &str, size: &str) -> Result<Fill, LineError> {
    fill_by(Fill::inverse, price, size)
}

fn fill_by(
    make: fn(Price, Size) -> Result<Fill, NumberError>,
    price: &str,
    size: &str,
) -> Result<Fill, LineError> {
    let price = price.parse().map_err(|why| field_error("price", why))?;
    let size = size.parse().map_err(|why| field_error("size", why))?;
    make(price, size).map_err(|why| field_error("size", why))
}
