//! Some minutes of an exchange's market, as it tells of them; of each the same.

use market::trade::fill;
use market::{Exchange, Ids, Side, Source, Trade};
use tests::trades::{NOON, SECOND, symbol, time};

/// Of history: a page has a thousand.
pub(super) const PER_SECOND: u64 = 15;
const MINUTES: i64 = 6;

pub(super) fn instrument(exchange: Exchange) -> &'static str {
    match exchange {
        Exchange::Binance | Exchange::Bybit | Exchange::BybitSpot => "BTCUSDT",
        Exchange::Deribit => "BTC_USDC-PERPETUAL",
        Exchange::Coinbase | Exchange::Kraken => "BTC-USD",
    }
}

/// Trades from noon on; Binance's are aggregates of one to three fills.
pub(super) fn market(exchange: Exchange, source: Source) -> Vec<Trade> {
    let mut id = 5_000;
    let trade = |at: u64| {
        let fills = if exchange == Exchange::Binance { 1 + at % 3 } else { 1 };
        let ids = Ids::range(id, id + fills - 1).expect("ids");
        id += fills;
        let micros = NOON + at as i64 * SECOND / PER_SECOND as i64 / 1_000 * 1_000;
        Trade {
            exchange: exchange.name(),
            symbol: symbol(instrument(exchange)),
            time: time(micros),
            side: if at.is_multiple_of(3) { Side::Sell } else { Side::Buy },
            fill: fill(&format!("{}.50", 43_000 + at % 17), "0.00123000").expect("a fill"),
            ids,
            received: time(micros),
            source,
            marks: Default::default(),
        }
    };
    (0..MINUTES as u64 * 60 * PER_SECOND).map(trade).collect()
}
