//! What one message says about an order book, whatever exchange it came from; keeps no book.

use crate::decimal::{NumberError, Price, Size};
use crate::time::Time;
use crate::trade::{LineError, Symbol, field_error};

/// One price of one side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Level {
    pub price: Price,
    /// What stands there now; `None` if nothing is left.
    pub size: Option<Size>,
}

impl Level {
    /// Refuses a number of more than 12 decimals that count: times a span of seconds, which has
    /// six, it would need more than the 18 that are kept. No exchange writes more than ten.
    pub fn read(price: &str, size: &str) -> Result<Level, LineError> {
        let price: Price = price.parse().map_err(|why| field_error("price", why))?;
        let size = match size.parse::<Size>() {
            Ok(size) => Some(size),
            Err(NumberError::NotPositive(_)) => None,
            Err(why) => return Err(field_error("size", why)),
        };
        for number in [Some(price.value()), size.map(Size::value)].into_iter().flatten() {
            if number.checked_seconds(1).is_none() {
                let why = format!("{number} has more than 12 decimals, and so no exact average");
                return Err(field_error("level", why));
            }
        }
        Ok(Level { price, size })
    }
}

/// A change of one symbol's book, or all of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BookUpdate {
    pub symbol: Symbol,
    /// The exchange's time; where it tells none, our receive time.
    pub time: Time,
    pub received: Time,
    pub form: Form,
    pub proof: Proof,
    /// In any order.
    pub bids: Vec<Level>,
    pub asks: Vec<Level>,
    /// Whether sizes are in quote units.
    pub inverse: bool,
}

/// What an update is to what is known already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// A beginning: the whole book, which continues nothing.
    Snapshot,
    /// The whole book again, which replaces the one before.
    Image,
    /// The levels that changed.
    Change,
}

/// What proves that an update continues the one before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Proof {
    /// Nothing: neither loss nor repetition can be told from it.
    None,
    /// The contiguous update ids that it covers (Binance, Bybit); of a snapshot the last one.
    Range { first: u64, last: u64 },
    /// The id before it, which is not its own less one (Deribit); `None` in a snapshot.
    Follows { previous: Option<u64>, id: u64 },
    /// The CRC32 of the best ten levels of each side afterwards (Kraken).
    Checksum(u32),
}
