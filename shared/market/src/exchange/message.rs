//! What an exchange's message can be, whatever exchange sent it; reads none.

use crate::book::BookUpdate;
use crate::decimal::Decimal;
use crate::trade::{LineError, Symbol, Trade};

/// What one websocket message says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message {
    /// One trade, or several.
    Trades(Vec<Trade>),
    /// Some trades of a message, and why its others cannot be read.
    Partly {
        trades: Vec<Trade>,
        refused: Vec<String>,
    },
    /// Changes of books, mostly one.
    Books(Vec<BookUpdate>),
    Context(Context),
    /// The connection lives; with the newest trade id of a symbol, where the exchange tells it.
    Heartbeat {
        newest: Option<(Symbol, u64)>,
    },
    /// The exchange wants to hear `answer`, or it closes the connection.
    Ping {
        answer: String,
    },
    /// A request was granted: its id, where it had one, and the channels, where they are named.
    ///
    /// A channel is spelt as the exchange spells it in a request; where a request gives channel
    /// and symbol apart, as `channel.symbol`.
    Ack {
        request: Option<String>,
        channels: Vec<String>,
    },
    /// A request was refused, or something that was sent could not be read.
    Refused {
        request: Option<String>,
        channel: Option<String>,
        why: String,
    },
    /// The exchange is about to close the connection.
    Closing,
    /// Known, and of no use here: candles, a record that the exchange has voided.
    Other,
    /// Nothing that is known here. `kind` is what it calls itself: to be counted, and logged once
    /// of each kind.
    Unknown {
        kind: String,
    },
}

/// What an exchange says of a derivative beside its trades and book. What stays as it was, some
/// exchanges do not say again: `None` is no news.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Context {
    pub symbol: Symbol,
    /// What longs pay shorts; may be negative. At Bybit of the coming settlement, at Deribit of
    /// the last eight hours.
    pub funding_rate: Option<Decimal>,
    /// In the unit of the instrument's sizes.
    pub open_interest: Option<Decimal>,
    pub mark_price: Option<Decimal>,
    pub index_price: Option<Decimal>,
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
    /// A trade and the id by which pages are walked; none at Bybit, which has no pages.
    Trade { page_id: Option<u64>, trade: Trade },
    /// A record that the exchange has voided: no price, no size, yet its page id is taken.
    Tombstone { page_id: u64 },
}

impl Found {
    /// The id by which pages are walked: contiguous over trades and tombstones.
    pub fn page_id(&self) -> Option<u64> {
        match self {
            Found::Trade { page_id, .. } => *page_id,
            Found::Tombstone { page_id } => Some(*page_id),
        }
    }
}
