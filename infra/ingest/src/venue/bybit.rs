//! Bybit v5, linear contracts and spot: addresses, topics and limits of their public websockets;
//! decodes nothing.
//!
//! Source: Bybit's "V5 API" documents, "WebSocket Stream: Connect" and "Rate Limit Rules".
//!
//! Ids of trades prove no gap here: a connection that was lost may have cost trades.

use std::time::Duration;

use market::Exchange;

use super::{Answer, Carries, Subscription, Terms, Verb, base_url, books, max_message, quoted};
use crate::config::Feed;

pub(super) const BASE_URL: &str = "wss://stream.bybit.com";
/// Documented limit of all topics of one connection together, in characters.
const MAX_TOPICS: usize = 21_000;
/// Documented for spot; linear contracts have no limit, and no need of more.
const PER_REQUEST: usize = 10;
/// No rate of messages is documented; at this one a full connection is subscribed in a minute.
const SAY_EVERY: Duration = Duration::from_millis(100);
/// The client pings; every 20 seconds are recommended.
const PING: (Duration, &str) = (Duration::from_secs(20), r#"{"op":"ping"}"#);
/// 500 connections in 5 minutes are allowed to an IP address, or one in 600 ms; a fifth is left to
/// whatever else connects from here.
const CONNECT_EVERY: Duration = Duration::from_millis(750);

pub(super) fn terms(feed: &Feed) -> Result<Terms, String> {
    let market = if feed.exchange == Exchange::BybitSpot { "spot" } else { "linear" };
    let mut channels =
        super::channels(feed, Carries::Trades, |symbol| format!("publicTrade.{symbol}"));
    // Of 50 levels, the fewest above the one.
    channels.extend(books(feed, |symbol| format!("orderbook.50.{symbol}")));
    if feed.context && feed.exchange == Exchange::Bybit {
        channels
            .extend(super::channels(feed, Carries::Context, |symbol| format!("tickers.{symbol}")));
    }
    let length: usize = channels.iter().map(|channel| channel.name.len() + 3).sum();
    if length > MAX_TOPICS {
        let split = "split the symbols over several feeds";
        return Err(format!("{length} characters of topics, above {MAX_TOPICS}: {split}"));
    }
    Ok(Terms {
        url: format!("{}/v5/public/{market}", base_url(feed)),
        connect_every: CONNECT_EVERY,
        max_message: max_message(feed),
        subscription: Some(Subscription {
            channels,
            opening: None,
            say,
            per_request: PER_REQUEST,
            say_every: SAY_EVERY,
            answer: Answer::Whole,
            keep_alive: Some(PING),
        }),
        contiguous: false,
    })
}

fn say(verb: Verb, id: u64, channels: &[&str]) -> String {
    let op = match verb {
        Verb::Subscribe => "subscribe",
        Verb::Unsubscribe => "unsubscribe",
    };
    let args = quoted(channels.iter().copied());
    format!(r#"{{"req_id":"{id}","op":"{op}","args":[{args}]}}"#)
}
