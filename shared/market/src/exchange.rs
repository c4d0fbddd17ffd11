//! The exchanges: one file each for how it spells trades and books, and the one `match` over them.
//! Opens no connection; the sockets are `infra/ingest`'s.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use crate::book::BookUpdate;
use crate::candle::Candle;
use crate::time::Time;
use crate::trade::{ExchangeName, LineError, Source, Symbol, field_error};

pub use message::{Context, Found, Message, Record};

mod binance;
mod bybit;
mod coinbase;
mod deribit;
mod kraken;
mod message;
mod wire;

/// The exchanges whose own messages can be read. A new one also goes into [`Exchange::ALL`], by
/// which its name is found: the compiler does not ask for that.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Exchange {
    Binance,
    /// Bybit's linear contracts.
    Bybit,
    BybitSpot,
    Deribit,
    Coinbase,
    Kraken,
}

impl Exchange {
    pub const ALL: [Exchange; 6] = [
        Exchange::Binance,
        Exchange::Bybit,
        Exchange::BybitSpot,
        Exchange::Deribit,
        Exchange::Coinbase,
        Exchange::Kraken,
    ];

    /// Where two markets of an exchange give one name to two instruments, the market is part of
    /// the exchange's name here.
    pub fn as_str(self) -> &'static str {
        match self {
            Exchange::Binance => "binance",
            Exchange::Bybit => "bybit",
            Exchange::BybitSpot => "bybit-spot",
            Exchange::Deribit => "deribit",
            Exchange::Coinbase => "coinbase",
            Exchange::Kraken => "kraken",
        }
    }

    /// The name that this exchange's trades carry.
    pub fn name(self) -> ExchangeName {
        self.as_str().parse().expect("each exchange's own name is a name")
    }

    /// A symbol as this exchange spells it in its channels.
    pub fn spelling(self, symbol: &Symbol) -> Cow<'_, str> {
        match self {
            Exchange::Kraken => Cow::Owned(kraken::spelling(symbol)),
            Exchange::Binance
            | Exchange::Bybit
            | Exchange::BybitSpot
            | Exchange::Deribit
            | Exchange::Coinbase => Cow::Borrowed(symbol.as_str()),
        }
    }

    /// A symbol as this exchange spells it in the addresses of its REST interface and files.
    pub fn rest_spelling(self, symbol: &Symbol) -> Cow<'_, str> {
        match self {
            Exchange::Kraken => Cow::Owned(kraken::rest_spelling(symbol)),
            Exchange::Binance
            | Exchange::Bybit
            | Exchange::BybitSpot
            | Exchange::Deribit
            | Exchange::Coinbase => Cow::Borrowed(symbol.as_str()),
        }
    }

    /// Levels of each side that its book channel keeps: what falls behind them it does not say.
    /// `None` where every level that vanishes is said.
    pub fn book_depth(self) -> Option<usize> {
        match self {
            Exchange::Kraken => Some(kraken::BOOK_DEPTH),
            Exchange::Binance
            | Exchange::Bybit
            | Exchange::BybitSpot
            | Exchange::Deribit
            | Exchange::Coinbase => None,
        }
    }

    /// Reads one websocket message. An error is about this message alone: the feed goes on.
    pub fn decode(self, message: &str, received: Time) -> Result<Message, LineError> {
        match self {
            Exchange::Binance => binance::decode(message, received),
            Exchange::Bybit | Exchange::BybitSpot => bybit::decode(self, message, received),
            Exchange::Deribit => deribit::decode(message, received),
            Exchange::Coinbase => coinbase::decode(message, received),
            Exchange::Kraken => kraken::decode(message, received),
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
            Exchange::Bybit | Exchange::BybitSpot => {
                bybit::decode_page(self, symbol, body, received, source)
            }
            Exchange::Deribit => deribit::decode_page(symbol, body, received, source),
            Exchange::Coinbase => coinbase::decode_page(symbol, body, received, source),
            Exchange::Kraken => kraken::decode_page(symbol, body, received, source),
        }
    }

    /// Where the page behind this one begins, where the ids of its trades do not tell: Kraken's
    /// `last`, in nanoseconds.
    pub fn decode_cursor(self, body: &str) -> Result<Option<u64>, LineError> {
        match self {
            Exchange::Kraken => kraken::decode_cursor(body).map(Some),
            Exchange::Binance
            | Exchange::Bybit
            | Exchange::BybitSpot
            | Exchange::Deribit
            | Exchange::Coinbase => Ok(None),
        }
    }

    /// Reads the body of a REST answer that lists candles of a minute each, in the order of time.
    /// The last one may be of a minute that goes on, where the answer does not tell.
    pub fn decode_candles(self, body: &str) -> Result<Vec<Candle>, LineError> {
        match self {
            Exchange::Binance => binance::decode_candles(body),
            Exchange::Bybit | Exchange::BybitSpot => bybit::decode_candles(body),
            Exchange::Deribit => deribit::decode_candles(body),
            Exchange::Coinbase => coinbase::decode_candles(body),
            Exchange::Kraken => kraken::decode_candles(body),
        }
    }

    /// Reads one row of a day's file of trades, where the exchange publishes such; `None` is the
    /// row that names the columns.
    pub fn decode_row(
        self,
        symbol: &Symbol,
        row: &str,
        received: Time,
    ) -> Result<Option<Found>, LineError> {
        match self {
            Exchange::Binance => binance::decode_row(symbol, row, received),
            Exchange::Bybit | Exchange::BybitSpot => bybit::decode_row(self, symbol, row, received),
            Exchange::Deribit | Exchange::Coinbase | Exchange::Kraken => {
                Err(field_error("row", format!("{self} publishes no files of trades")))
            }
        }
    }

    /// Reads the body of a REST answer that is one symbol's book, where its stream of changes
    /// begins with none.
    pub fn decode_book(
        self,
        symbol: &Symbol,
        body: &str,
        received: Time,
    ) -> Result<BookUpdate, LineError> {
        match self {
            Exchange::Binance => binance::decode_book(symbol, body, received),
            Exchange::Bybit
            | Exchange::BybitSpot
            | Exchange::Deribit
            | Exchange::Coinbase
            | Exchange::Kraken => {
                Err(field_error("book", format!("{self} sends its snapshots by websocket")))
            }
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
