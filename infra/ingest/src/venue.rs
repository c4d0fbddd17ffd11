//! What each exchange asks of whoever connects to it: addresses, subscriptions, limits, lifetimes,
//! and the one `match` over the exchanges; opens no connection itself.

use std::time::Duration;

use market::{Exchange, Symbol};

use crate::config::Feed;

mod binance;
mod bybit;
mod coinbase;
mod deribit;
mod kraken;

/// A thousand times the largest trade message; what is larger is not meant for us.
const MAX_TRADES: usize = 1 << 20;

/// Snapshots of whole books have some megabytes.
const MAX_BOOKS: usize = 16 << 20;

/// The terms of one feed's connections.
#[derive(Debug, Clone)]
pub(crate) struct Terms {
    pub(crate) url: String,
    /// The least time between two attempts to connect, for all feeds of this process together.
    pub(crate) connect_every: Duration,
    /// The longest message in bytes; what is longer ends the connection.
    pub(crate) max_message: usize,
    /// What is said once connected; `None` where the address says it all.
    pub(crate) subscription: Option<Subscription>,
    /// Whether ids of trades are contiguous, so that a missing one shows.
    pub(crate) contiguous: bool,
}

/// How a connection is told what to bring.
#[derive(Debug, Clone)]
pub(crate) struct Subscription {
    pub(crate) channels: Vec<Channel>,
    /// Said before all else.
    pub(crate) opening: Option<String>,
    /// Puts a request with this id into the exchange's words; all channels are of one kind.
    pub(crate) say: fn(Verb, u64, &[&str]) -> String,
    /// Channels that one request may name.
    pub(crate) per_request: usize,
    /// The least time between two messages of ours on one connection.
    pub(crate) say_every: Duration,
    pub(crate) answer: Answer,
    /// What is said in what intervals, so that the connection is kept.
    pub(crate) keep_alive: Option<(Duration, &'static str)>,
}

/// One stream of one symbol.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Channel {
    /// As an acknowledgement names it; before the first point is its kind.
    pub(crate) name: String,
    pub(crate) symbol: Symbol,
    pub(crate) carries: Carries,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Carries {
    Trades,
    Book,
    Context,
    /// What proves that no trade is missing.
    Heartbeat,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verb {
    Subscribe,
    Unsubscribe,
}

/// How a request is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answer {
    /// Once, for all its channels together.
    Whole,
    /// Once, by the list of the channels that were accepted: the others are silently dropped.
    List,
    /// Once for each channel.
    Each,
}

/// Where a feed is listened to, without the path: its exchange's public address for market data,
/// unless it names another one.
pub(crate) fn base_url(feed: &Feed) -> &str {
    feed.url.as_deref().unwrap_or(match feed.exchange {
        Exchange::Binance => binance::BASE_URL,
        Exchange::Bybit | Exchange::BybitSpot => bybit::BASE_URL,
        Exchange::Deribit => deribit::BASE_URL,
        Exchange::Coinbase => coinbase::BASE_URL,
        Exchange::Kraken => kraken::BASE_URL,
    })
}

/// The terms of a feed; fails if the exchange cannot serve it over one connection.
pub(crate) fn terms(feed: &Feed) -> Result<Terms, String> {
    let mut terms = match feed.exchange {
        Exchange::Binance => binance::terms(feed),
        Exchange::Bybit | Exchange::BybitSpot => bybit::terms(feed),
        Exchange::Deribit => deribit::terms(feed),
        Exchange::Coinbase => coinbase::terms(feed),
        Exchange::Kraken => kraken::terms(feed),
    }?;
    if let (Some(every), Some(subscription)) = (feed.keep_alive, &mut terms.subscription)
        && let Some((by_default, _)) = &mut subscription.keep_alive
    {
        *by_default = every;
    }
    Ok(terms)
}

/// The longest message that a feed is meant to get.
fn max_message(feed: &Feed) -> usize {
    if feed.books { MAX_BOOKS } else { MAX_TRADES }
}

/// One channel for each symbol, as `name` calls it.
fn channels(feed: &Feed, carries: Carries, name: impl Fn(&Symbol) -> String) -> Vec<Channel> {
    let channel = |symbol: &Symbol| Channel { name: name(symbol), symbol: symbol.clone(), carries };
    feed.symbols.iter().map(channel).collect()
}

/// The same, if the feed asks for books.
fn books(feed: &Feed, name: impl Fn(&Symbol) -> String) -> Vec<Channel> {
    if feed.books { channels(feed, Carries::Book, name) } else { vec![] }
}

/// Fails with what to do if one connection cannot carry that many channels.
fn check_count(channels: &[Channel], max: usize) -> Result<(), String> {
    let count = channels.len();
    if count <= max {
        return Ok(());
    }
    let split = "split the symbols over several feeds";
    Err(format!("{count} channels, but a connection serves {max}: {split}"))
}

/// `"one","two"`: the names of channels and symbols hold nothing that JSON writes otherwise.
fn quoted<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    let quote = |name: &str| format!("\"{name}\"");
    names.into_iter().map(quote).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests;
