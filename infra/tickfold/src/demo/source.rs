//! Where a demo's trades and books come from: the simulated exchanges or the real one. Opens
//! sockets to neither.

use std::time::Duration;

use anyhow::Context;
use history::{History, Places};
use ingest::{Named, Spread};
use market::{Exchange, Minute, Symbol};

use super::coinbase::SimulatedCoinbase;
use super::exchange::SimulatedExchange;
use super::folder::Mode;
use super::instruments::{FOLLOWERS, INSTRUMENTS, Instrument};

/// A day fills the page's chart.
const SIMULATED_MINUTES: i64 = 24 * 60;
/// Of a simulated exchange nobody needs more than the page can show at once.
const SIMULATED_MINUTES_MAX: i64 = 7 * 24 * 60;
/// A busy symbol makes a hundred pages of trades an hour, and Binance gives out some fifteen
/// hundred a minute before it shuts a door.
const LIVE_MINUTES: i64 = 60;
/// Coinbase begins so much later than Binance: a day of it too would double the time to the start.
pub const COINBASE_LATER_MINUTES: i64 = 20 * 60;
const LIVE_SYMBOLS: [&str; 3] = ["BTCUSDT", "ETHUSDT", "SOLUSDT"];
const REACHED_WITHIN: Duration = Duration::from_secs(10);

pub(super) struct Source {
    pub(super) mode: Mode,
    /// How much history a new folder gets.
    pub(super) history_minutes: i64,
    /// How much history a later start loads at most.
    pub(super) history_minutes_max: i64,
}

/// One exchange, as it is asked and listened to.
pub(super) struct Listing {
    pub(super) exchange: Exchange,
    pub(super) symbols: Vec<Symbol>,
    pub(super) history: History,
    /// There is nothing before it.
    pub(super) from: Minute,
    /// Base of its sockets' address; `None` is the public one.
    pub(super) url: Option<String>,
    /// What it is as long as it is simulated.
    _running: Running,
}

enum Running {
    Elsewhere,
    Binance { _exchange: SimulatedExchange },
    Coinbase { _exchange: SimulatedCoinbase },
}

pub(super) fn simulated() -> Source {
    Source {
        mode: Mode::Simulated,
        history_minutes: SIMULATED_MINUTES,
        history_minutes_max: SIMULATED_MINUTES_MAX,
    }
}

/// Fails if the exchange does not answer: before a folder is made for it.
pub(super) async fn live() -> anyhow::Result<Source> {
    let rest = Places::of(Exchange::Binance).rest;
    reach(&format!("{rest}/api/v3/ping")).await.with_context(|| {
        format!("cannot reach {rest} (without --live the demo needs no network)")
    })?;
    Ok(Source {
        mode: Mode::Live,
        history_minutes: LIVE_MINUTES,
        history_minutes_max: LIVE_MINUTES,
    })
}

/// Whether anybody answers there at all.
async fn reach(url: &str) -> anyhow::Result<()> {
    // The first one in a process counts, and each of them would do.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = reqwest::Client::builder().timeout(REACHED_WITHIN).build()?;
    let answer = client.get(url).send().await.and_then(reqwest::Response::error_for_status);
    answer.map_err(reqwest::Error::without_url).with_context(|| url.to_owned())?;
    Ok(())
}

impl Source {
    /// Starts what is simulated.
    pub(super) async fn open(&self, seed: u64, anchor: Minute) -> anyhow::Result<Vec<Listing>> {
        if self.mode == Mode::Live {
            return Ok(vec![Listing {
                exchange: Exchange::Binance,
                symbols: LIVE_SYMBOLS.iter().map(|name| symbol(name)).collect(),
                history: History::new(Exchange::Binance, Places::of(Exchange::Binance))?,
                from: anchor,
                url: None,
                _running: Running::Elsewhere,
            }]);
        }
        let binance = SimulatedExchange::start(seed, anchor).await?;
        let coinbase = SimulatedCoinbase::start(seed, anchor).await?;
        Ok(vec![
            Listing {
                exchange: Exchange::Binance,
                symbols: symbols(&INSTRUMENTS),
                history: History::new(Exchange::Binance, Places::local(&binance.rest_url()))?,
                from: anchor,
                url: Some(binance.socket_url()),
                _running: Running::Binance { _exchange: binance },
            },
            Listing {
                exchange: Exchange::Coinbase,
                symbols: symbols(&FOLLOWERS),
                history: History::new(Exchange::Coinbase, Places::local(&coinbase.rest_url()))?,
                from: anchor.plus(COINBASE_LATER_MINUTES),
                url: Some(coinbase.socket_url()),
                _running: Running::Coinbase { _exchange: coinbase },
            },
        ])
    }
}

/// The coins that are on both of these exchanges.
pub(super) fn spreads(listings: &[Listing]) -> Vec<Spread> {
    let [first, second] = listings else { return vec![] };
    let named = |listing: &Listing, instrument: &Instrument| Named {
        exchange: listing.exchange,
        symbol: symbol(instrument.symbol),
    };
    let spread = |follower: &Instrument| {
        let leader = follower.leader?;
        Some(Spread { of: named(first, leader), against: named(second, follower) })
    };
    FOLLOWERS.iter().filter_map(spread).collect()
}

fn symbols(instruments: &[Instrument]) -> Vec<Symbol> {
    instruments.iter().map(|instrument| symbol(instrument.symbol)).collect()
}

fn symbol(name: &str) -> Symbol {
    name.parse().expect("a symbol written here is one")
}
