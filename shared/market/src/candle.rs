//! A minute as an exchange itself tells it: what rows are compared with. No row is made of it.

use serde::{Deserialize, Serialize};

use crate::decimal::Decimal;
use crate::time::Minute;

/// An exchange's own candle of one minute. What an exchange does not tell is `None`.
///
/// A minute without a trade is a flat candle at some exchanges and no candle at others.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Candle {
    pub minute: Minute,
    pub open: Decimal,
    pub high: Decimal,
    pub low: Decimal,
    pub close: Decimal,
    /// In base units; of Deribit's inverse contracts rounded by it.
    pub base_volume: Decimal,
    pub quote_volume: Option<Decimal>,
    /// Raw trades.
    pub trade_count: Option<u64>,
    /// Of it, what takers bought.
    pub buy_base_volume: Option<Decimal>,
    pub buy_quote_volume: Option<Decimal>,
    /// Quote volume / base volume, cut off and not rounded at the price's decimals.
    pub vwap: Option<Decimal>,
}

impl Candle {
    /// What every exchange tells; the rest is to be filled in.
    pub(crate) fn new(minute: Minute, prices: [Decimal; 4], base_volume: Decimal) -> Candle {
        let [open, high, low, close] = prices;
        Candle {
            minute,
            open,
            high,
            low,
            close,
            base_volume,
            quote_volume: None,
            trade_count: None,
            buy_base_volume: None,
            buy_quote_volume: None,
            vwap: None,
        }
    }

    /// Whether the exchange tells of no trade in it.
    pub fn is_empty(&self) -> bool {
        self.base_volume == Decimal::ZERO && self.trade_count.unwrap_or(0) == 0
    }
}
