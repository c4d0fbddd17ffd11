//! Trades for tests, made up in the shape of the trade line; real recordings are in `captures`.

use std::fmt::Display;

use market::trade::{Marks, fill};
use market::{ExchangeName, Ids, Side, Source, Symbol, Time, Trade};

/// 2026-11-20T12:00:00Z.
pub const NOON: i64 = 1_795_176_000_000_000;
pub const SECOND: i64 = 1_000_000;
pub const MINUTE: i64 = 60 * SECOND;

pub fn time(micros: i64) -> Time {
    Time::from_micros(micros).expect("a time between 2009 and 2100")
}

pub fn name(exchange: &str) -> ExchangeName {
    exchange.parse().expect("an exchange name")
}

pub fn symbol(symbol: &str) -> Symbol {
    symbol.parse().expect("a symbol")
}

/// A trade of binance's BTCUSDT with one raw id; change what the test is about.
pub fn trade(id: u64, micros: i64) -> Trade {
    Trade {
        exchange: name("binance"),
        symbol: symbol("BTCUSDT"),
        time: time(micros),
        side: if id.is_multiple_of(3) { Side::Sell } else { Side::Buy },
        fill: fill(&format!("{}.{:02}000000", 43_000 + id % 17, id % 100), "0.00123000")
            .expect("a price and a size"),
        ids: Ids::range(id, id).expect("an id"),
        received: time(micros + 80_000),
        source: Source::Ws,
        marks: Marks::default(),
    }
}

/// `count` trades with ids from `first_id`, spread evenly over `minutes` minutes from noon.
pub fn trades(first_id: u64, count: u64, minutes: i64) -> Vec<Trade> {
    let step = minutes * MINUTE / count as i64;
    (0..count).map(|at| trade(first_id + at, NOON + at as i64 * step)).collect()
}

/// Lines of trades or books as an object's bytes before compression.
pub fn lines<'a, L: Display + 'a>(lines: impl IntoIterator<Item = &'a L>) -> String {
    lines.into_iter().map(|line| format!("{line}\n")).collect()
}
