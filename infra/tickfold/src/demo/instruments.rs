//! What is traded on the simulated exchanges, and the exact numbers it is traded in; trades nothing.

use std::fmt;

/// Prices and sizes are counted in units of 10^-8.
const UNITS: i64 = 100_000_000;

/// One instrument of the simulated market.
#[derive(Debug)]
pub struct Instrument {
    pub symbol: &'static str,
    /// Around which the price wanders, in ticks.
    pub(super) price: i64,
    /// In units of 10^-8.
    pub(super) tick: i64,
    /// The smallest step of a size, in units of 10^-8.
    pub(super) lot: i64,
    /// A large but ordinary size, in lots.
    pub(super) lots: u64,
    pub(super) first_id: u64,
    pub(super) first_raw_id: u64,
    /// The same coin elsewhere, whose price this one follows at a small distance.
    pub(super) leader: Option<&'static Instrument>,
}

/// Of the simulated Binance.
pub static INSTRUMENTS: [Instrument; 3] = [
    Instrument {
        symbol: "BTCUSDT",
        price: 6_400_000,
        tick: UNITS / 100,
        lot: UNITS / 100_000,
        lots: 20_000,
        first_id: 3_412_000_001,
        first_raw_id: 4_925_000_001,
        leader: None,
    },
    Instrument {
        symbol: "ETHUSDT",
        price: 320_000,
        tick: UNITS / 100,
        lot: UNITS / 10_000,
        lots: 40_000,
        first_id: 1_730_000_001,
        first_raw_id: 2_210_000_001,
        leader: None,
    },
    Instrument {
        symbol: "SOLUSDT",
        price: 15_000,
        tick: UNITS / 100,
        lot: UNITS / 1_000,
        lots: 80_000,
        first_id: 520_000_001,
        first_raw_id: 810_000_001,
        leader: None,
    },
];

/// Of the simulated Coinbase, where each trade has one id.
pub static FOLLOWERS: [Instrument; 2] = [
    Instrument {
        symbol: "BTC-USD",
        lot: UNITS / 100_000_000,
        lots: 20_000_000,
        first_id: 780_000_001,
        first_raw_id: 780_000_001,
        leader: Some(&INSTRUMENTS[0]),
        ..INSTRUMENTS[0]
    },
    Instrument {
        symbol: "ETH-USD",
        lot: UNITS / 100_000_000,
        lots: 400_000_000,
        first_id: 610_000_001,
        first_raw_id: 610_000_001,
        leader: Some(&INSTRUMENTS[1]),
        ..INSTRUMENTS[1]
    },
];

/// A number of units of 10^-8; prints with 8 decimals, as Binance writes it, or with two, which
/// hold a price of Coinbase's: `{:.2}`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Units(pub(super) i64);

impl fmt::Display for Units {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let decimals = out.precision().map_or(8, |decimals| decimals.min(8));
        let digits = format!("{:08}", self.0 % UNITS);
        write!(out, "{}.{}", self.0 / UNITS, &digits[..decimals])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_print_as_the_exchange_writes_them() {
        assert_eq!(Units(4_300_001_000_000).to_string(), "43000.01000000");
        assert_eq!(Units(123_000).to_string(), "0.00123000");
        assert_eq!(format!("{:.2}", Units(4_300_001_000_000)), "43000.01");
    }
}
