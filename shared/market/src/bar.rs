//! The bar: one row of the answer, and what is derived of it; how it comes about, `fold` knows.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::decimal::Decimal;
use crate::time::{Minute, Time};
use crate::trade::{ExchangeName, Symbol};

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BarKey {
    pub exchange: ExchangeName,
    pub symbol: Symbol,
    pub minute: Minute,
}

impl fmt::Display for BarKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} {} {}", self.exchange, self.symbol, self.minute)
    }
}

/// One row. The field names are the column names everywhere: JSON, CSV, SQL, API.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bar {
    pub exchange: ExchangeName,
    pub symbol: Symbol,
    /// Open time, UTC.
    pub minute: Minute,
    /// Open and close go by `(time, first_id)`.
    pub open: Decimal,
    pub high: Decimal,
    pub low: Decimal,
    pub close: Decimal,
    /// Raw trades in which the taker bought.
    pub buy_count: u64,
    pub sell_count: u64,
    pub buy_base_volume: Decimal,
    pub sell_base_volume: Decimal,
    /// Sum of price x size.
    pub buy_quote_volume: Decimal,
    pub sell_quote_volume: Decimal,
    /// Smallest and largest raw trade id; `None` where ids are not contiguous.
    pub first_id: Option<u64>,
    pub last_id: Option<u64>,
    pub first_time: Time,
    pub last_time: Time,
    /// Distinct raw trades: `buy_count + sell_count`.
    pub trade_count: u64,
    /// Ids between `first_id` and `last_id` that no trade covers; `None` = unknown.
    pub missing_count: Option<u64>,
    /// Lines that only repeat trades of this bar.
    pub duplicate_count: u64,
    /// Lines dropped because they contradict a trade of this bar.
    pub conflict_count: u64,
    /// Refused lines that were, or may have been, trades of this bar.
    pub quarantined_count: u64,
    /// Objects (or files) that the bar was folded from.
    pub object_count: u64,
    /// Hash of the distinct trades: equal trades, equal fingerprint.
    pub fingerprint: Fingerprint,
}

impl Bar {
    pub fn key(&self) -> BarKey {
        let (exchange, symbol) = (self.exchange.clone(), self.symbol.clone());
        BarKey { exchange, symbol, minute: self.minute }
    }

    /// Buy and sell together, in base units.
    pub fn base_volume(&self) -> Option<Decimal> {
        self.buy_base_volume.checked_add(self.sell_base_volume)
    }

    /// Buy and sell together, in quote units.
    pub fn quote_volume(&self) -> Option<Decimal> {
        self.buy_quote_volume.checked_add(self.sell_quote_volume)
    }

    /// Base volume bought less base volume sold.
    pub fn volume_delta(&self) -> Option<Decimal> {
        self.buy_base_volume.checked_sub(self.sell_base_volume)
    }

    /// Quote volume / base volume, rounded half to even at 18 decimals.
    pub fn vwap(&self) -> Option<Decimal> {
        self.quote_volume()?.checked_div_rounded(self.base_volume()?)
    }
}

/// XXH3-64 over ids, time, side, price and size of the distinct trades in the order of their ids;
/// printed as 16 hexadecimal digits, so that text and number compare alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Fingerprint(pub(crate) u64);

impl From<Fingerprint> for String {
    fn from(fingerprint: Fingerprint) -> String {
        format!("{:016x}", fingerprint.0)
    }
}

impl TryFrom<String> for Fingerprint {
    type Error = std::num::ParseIntError;

    fn try_from(text: String) -> Result<Fingerprint, Self::Error> {
        u64::from_str_radix(&text, 16).map(Fingerprint)
    }
}
