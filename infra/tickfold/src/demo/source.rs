//! Where a demo's trades come from: the simulated exchange or the real one; opens neither.

use anyhow::Context;
use market::{Exchange, Symbol};

use super::folder::Mode;
use super::history::Rest;
use super::instruments::INSTRUMENTS;

/// A day fills the page's chart.
const SIMULATED_MINUTES: i64 = 24 * 60;
/// Of a simulated exchange nobody needs more than the page can show at once.
const SIMULATED_MINUTES_MAX: i64 = 7 * 24 * 60;
/// A busy symbol makes a hundred pages of trades an hour, and Binance gives out some fifteen
/// hundred a minute before it shuts a door.
const LIVE_MINUTES: i64 = 60;
/// Public, without a key, and apart from the servers where people trade.
const LIVE_REST: &str = "https://data-api.binance.vision";
const LIVE_SYMBOLS: [&str; 3] = ["BTCUSDT", "ETHUSDT", "SOLUSDT"];

pub(super) struct Source {
    pub(super) mode: Mode,
    pub(super) exchange: Exchange,
    pub(super) symbols: Vec<Symbol>,
    /// How much history a new folder gets.
    pub(super) history_minutes: i64,
    /// How much history a later start loads at most.
    pub(super) history_minutes_max: i64,
}

pub(super) fn simulated() -> Source {
    Source {
        mode: Mode::Simulated,
        exchange: Exchange::Binance,
        symbols: INSTRUMENTS.iter().map(|instrument| symbol(instrument.symbol)).collect(),
        history_minutes: SIMULATED_MINUTES,
        history_minutes_max: SIMULATED_MINUTES_MAX,
    }
}

/// Fails if the exchange does not answer: before a folder is made for it.
pub(super) async fn live() -> anyhow::Result<Source> {
    let reached = live_rest()?.ping().await;
    reached.with_context(|| {
        format!("cannot reach {LIVE_REST} (without --live the demo needs no network)")
    })?;
    Ok(Source {
        mode: Mode::Live,
        exchange: Exchange::Binance,
        symbols: LIVE_SYMBOLS.iter().map(|name| symbol(name)).collect(),
        history_minutes: LIVE_MINUTES,
        history_minutes_max: LIVE_MINUTES,
    })
}

pub(super) fn live_rest() -> anyhow::Result<Rest> {
    Rest::new(LIVE_REST, false)
}

fn symbol(name: &str) -> Symbol {
    name.parse().expect("a symbol written here is one")
}
