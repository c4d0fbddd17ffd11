//! What each exchange bears, by its own documents where it says so; asks nothing.
//!
//! | exchange | documented | asked here |
//! |---|---|---|
//! | Binance | weight 6000 a minute and address; 429 and then 418 are bans | half of it |
//! | Bybit | 600 requests in 5 seconds and address; 403 is a ban of ten minutes | a sixth |
//! | Deribit | 20 requests a second, by a library's word; 32 connections | half of it |
//! | Coinbase | 10 requests a second and address | half of it |
//! | Kraken | about one a second and address, by its clients' word | one in 1.2 seconds |
//!
//! An address is shared with whatever else runs there, ingest's snapshots for one.

use std::time::Duration;

use market::Exchange;

/// Attempts at one request: with pauses up to 1, 2, 4, 8 and 16 seconds, so that a short outage
/// passes, and a Lambda's quarter of an hour does not.
pub(crate) const ATTEMPTS: u32 = 6;
pub(crate) const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// The longest that an exchange is waited for on its own word: weights count by the minute. What
/// is longer is a ban, and its end somebody else's to wait for.
pub(crate) const MAX_WAIT: Duration = Duration::from_secs(90);
/// What a ban lasts of which the answer does not tell.
pub(crate) const BAN: Duration = Duration::from_secs(600);
pub(crate) const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// For one answer; a page has some hundred kilobytes.
pub(crate) const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);
/// A page of 1000 trades has 200 KB at most, one of candles less.
pub(crate) const ANSWER_BYTES: u64 = 8 << 20;

/// For a whole file, of some tens of megabytes.
pub(crate) const FILE_TIMEOUT: Duration = Duration::from_secs(300);
/// What a day's file may have: a Lambda's own disk has 512 MB, and the busiest days of the busiest
/// symbols have had some 100 MB.
pub(crate) const FILE_BYTES: u64 = 400 << 20;

pub(crate) struct Limits {
    pub(crate) rest: &'static str,
    pub(crate) old: &'static str,
    /// Empty where no files are published.
    pub(crate) archive: &'static str,
    /// Between two requests, for each unit of weight.
    pub(crate) pace: Duration,
    /// What a page of trades and one of candles weigh.
    pub(crate) trades: u32,
    pub(crate) candles: u32,
    /// The most that a page of each holds.
    pub(crate) trades_page: u64,
    pub(crate) candles_page: i64,
    /// How many minutes back it has candles; where it is said, it has one for each of them.
    pub(crate) candles_reach: Option<i64>,
}

pub(crate) fn of(exchange: Exchange) -> Limits {
    let one = Limits {
        rest: "",
        old: "",
        archive: "",
        pace: Duration::ZERO,
        trades: 1,
        candles: 1,
        trades_page: 1_000,
        candles_page: 1_000,
        candles_reach: None,
    };
    match exchange {
        Exchange::Binance => Limits {
            rest: "https://data-api.binance.vision",
            old: "https://data-api.binance.vision",
            archive: "https://data.binance.vision",
            pace: Duration::from_millis(20),
            trades: 4,
            candles: 2,
            ..one
        },
        Exchange::Bybit => Limits {
            rest: "https://api.bybit.com",
            old: "https://api.bybit.com",
            archive: "https://public.bybit.com",
            pace: Duration::from_millis(50),
            ..one
        },
        Exchange::BybitSpot => Limits { trades_page: 60, ..of(Exchange::Bybit) },
        Exchange::Deribit => Limits {
            rest: "https://www.deribit.com",
            // The other one keeps trades for a day.
            old: "https://history.deribit.com",
            pace: Duration::from_millis(100),
            ..one
        },
        Exchange::Coinbase => Limits {
            rest: "https://api.exchange.coinbase.com",
            old: "https://api.exchange.coinbase.com",
            pace: Duration::from_millis(200),
            candles_page: 300,
            ..one
        },
        Exchange::Kraken => Limits {
            rest: "https://api.kraken.com",
            old: "https://api.kraken.com",
            pace: Duration::from_millis(1_200),
            candles_page: 720,
            candles_reach: Some(720),
            ..one
        },
    }
}
