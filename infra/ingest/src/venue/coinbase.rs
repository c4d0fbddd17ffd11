//! Coinbase Exchange: address, channels and limits of its public websocket; decodes nothing.
//!
//! Source: Coinbase's "Exchange" documents, "WebSocket Overview", "Channels" and "Rate Limits".
//!
//! Requests have no ids: they are answered in their order. A connection without a subscription is
//! closed after five seconds. Nobody pings; a `heartbeat` of each product tells its newest trade.

use std::time::Duration;

use super::{
    Answer, Carries, Subscription, Terms, Verb, base_url, books, channels, check_count,
    max_message, quoted,
};
use crate::config::Feed;

pub(super) const BASE_URL: &str = "wss://ws-feed.exchange.coinbase.com";
/// No limit is documented; a thousand products do not exist.
const MAX_CHANNELS: usize = 2_000;
/// All of a kind in one request, so that all are subscribed within the five seconds.
const PER_REQUEST: usize = 1_000;
/// 8 requests are allowed in a second.
const SAY_EVERY: Duration = Duration::from_millis(250);
/// The same limit counts attempts to connect.
const CONNECT_EVERY: Duration = Duration::from_millis(500);

pub(super) fn terms(feed: &Feed) -> Result<Terms, String> {
    let mut channels = [("matches", Carries::Trades), ("heartbeat", Carries::Heartbeat)]
        .map(|(kind, carries)| channels(feed, carries, |symbol| format!("{kind}.{symbol}")))
        .concat();
    // `level2` would need an account.
    channels.extend(books(feed, |symbol| format!("level2_batch.{symbol}")));
    check_count(&channels, MAX_CHANNELS)?;
    Ok(Terms {
        url: base_url(feed).to_owned(),
        connect_every: CONNECT_EVERY,
        max_message: max_message(feed),
        subscription: Some(Subscription {
            channels,
            opening: None,
            say,
            per_request: PER_REQUEST,
            say_every: SAY_EVERY,
            answer: Answer::List,
            keep_alive: None,
        }),
        contiguous: true,
    })
}

fn say(verb: Verb, _: u64, channels: &[&str]) -> String {
    let word = match verb {
        Verb::Subscribe => "subscribe",
        Verb::Unsubscribe => "unsubscribe",
    };
    let kind = channels.first().map_or("", |name| name.split('.').next().unwrap_or_default());
    let products = channels.iter().filter_map(|name| name.split_once('.'));
    let products = quoted(products.map(|(_, product)| product));
    format!(r#"{{"type":"{word}","product_ids":[{products}],"channels":["{kind}"]}}"#)
}
