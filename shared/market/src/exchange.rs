//! The exchanges: one file each for how it spells a trade, and the one `match` over them. Opens no
//! connection; the sockets are `infra/ingest`'s.

use std::fmt;
use std::str::FromStr;

use serde::Deserialize;

use crate::time::Time;
use crate::trade::{ExchangeName, LineError, Source, Symbol, Trade, field_error};

mod binance;

/// The exchanges whose own messages can be read. A new one also goes into [`Exchange::ALL`], by
/// which its name is found: the compiler does not ask for that.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Exchange {
    Binance,
}

/// What one websocket message says about trades.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message {
    /// One trade, or several.
    Trades(Vec<Trade>),
    /// The exchange is about to close the connection.
    Closing,
    /// Anything else: acknowledgements, books, a record that the exchange has voided.
    Other,
}

/// One record of a REST page of trades.
#[derive(Debug)]
pub struct Record<'a> {
    /// The record's own bytes, and where they begin in the page.
    pub text: &'a str,
    pub offset: usize,
    pub outcome: Result<Found, LineError>,
}

/// What a readable record of a REST page is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// A trade and the id by which pages are walked.
    Trade { page_id: u64, trade: Trade },
    /// A record that the exchange has voided: no price, no size, yet its page id is taken.
    Tombstone { page_id: u64 },
}

impl Found {
    /// The id by which pages are walked: contiguous over trades and tombstones.
    pub fn page_id(&self) -> u64 {
        match self {
            Found::Trade { page_id, .. } | Found::Tombstone { page_id } => *page_id,
        }
    }
}

impl Exchange {
    pub const ALL: [Exchange; 1] = [Exchange::Binance];

    pub fn as_str(self) -> &'static str {
        match self {
            Exchange::Binance => "binance",
        }
    }

    /// The name that this exchange's trades carry.
    pub fn name(self) -> ExchangeName {
        self.as_str().parse().expect("each exchange's own name is a name")
    }

    /// Reads one websocket message.
    pub fn decode(self, message: &str, received: Time) -> Result<Message, LineError> {
        match self {
            Exchange::Binance => binance::decode(message, received),
        }
    }

    /// Reads the body of a REST answer that lists trades of one symbol. Fails if the body is no
    /// such list; a record in it that is no trade is an outcome of its own.
    pub fn decode_page<'a>(
        self,
        symbol: &Symbol,
        body: &'a str,
        received: Time,
        source: Source,
    ) -> Result<Vec<Record<'a>>, LineError> {
        match self {
            Exchange::Binance => binance::decode_page(symbol, body, received, source),
        }
    }
}

impl fmt::Display for Exchange {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.as_str())
    }
}

impl FromStr for Exchange {
    type Err = String;

    fn from_str(text: &str) -> Result<Exchange, String> {
        let known = || Exchange::ALL.map(Exchange::as_str).join(", ");
        let found = Exchange::ALL.into_iter().find(|exchange| exchange.as_str() == text);
        found.ok_or_else(|| format!("{text:?} is none of the exchanges known here: {}", known()))
    }
}

/// The JSON array that pages of several exchanges are, as its records' own text.
fn records(body: &str) -> Result<Vec<(usize, &str)>, LineError> {
    let rows: Vec<&serde_json::value::RawValue> = serde_json::from_str(body)?;
    let start = body.as_ptr() as usize;
    Ok(rows.into_iter().map(|row| (row.get().as_ptr() as usize - start, row.get())).collect())
}

/// Reads an object; serde alone would take an array of the same values for one.
fn object<'a, T: Deserialize<'a>>(text: &'a str) -> Result<T, LineError> {
    if text.trim_ascii_start().starts_with('{') {
        Ok(serde_json::from_str(text)?)
    } else {
        Err(LineError::NoObject)
    }
}

/// A symbol as the exchange wrote it.
fn symbol(text: &str) -> Result<Symbol, LineError> {
    text.parse().map_err(|why: String| field_error("symbol", why))
}
