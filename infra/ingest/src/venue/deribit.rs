//! Deribit: address, channels and limits of its JSON-RPC by websocket; decodes nothing.
//!
//! Source: Deribit's API documents, "JSON-RPC over websocket", "Subscriptions" and "Rate limits".
//!
//! Channels that do not exist are left out of the answer without a word. Channels of 100 ms are
//! the fastest that need no account.

use std::time::Duration;

use super::{
    Answer, Carries, Subscription, Terms, Verb, base_url, books, check_count, max_message, quoted,
};
use crate::config::Feed;

pub(super) const BASE_URL: &str = "wss://www.deribit.com";
/// Clients report a limit of 500 to one request; a connection has no need of more.
const MAX_CHANNELS: usize = 500;
/// Few, so that a request that is refused whole holds up few.
const PER_REQUEST: usize = 50;
/// 3.3 requests to subscribe are allowed in a second.
const SAY_EVERY: Duration = Duration::from_millis(500);
/// Asks the server for its heartbeats, and for the requests among them that must be answered: a
/// connection that is half open is then closed from there.
const HEARTBEAT: &str =
    r#"{"jsonrpc":"2.0","id":0,"method":"public/set_heartbeat","params":{"interval":30}}"#;
/// 32 connections at a time are allowed to an IP address; of attempts nothing is documented.
const CONNECT_EVERY: Duration = Duration::from_millis(1_000);

pub(super) fn terms(feed: &Feed) -> Result<Terms, String> {
    let mut channels =
        super::channels(feed, Carries::Trades, |symbol| format!("trades.{symbol}.100ms"));
    channels.extend(books(feed, |symbol| format!("book.{symbol}.100ms")));
    if feed.context {
        let name = |symbol: &market::Symbol| format!("ticker.{symbol}.100ms");
        channels.extend(super::channels(feed, Carries::Context, name));
    }
    check_count(&channels, MAX_CHANNELS)?;
    Ok(Terms {
        url: format!("{}/ws/api/v2", base_url(feed)),
        connect_every: CONNECT_EVERY,
        max_message: max_message(feed),
        subscription: Some(Subscription {
            channels,
            opening: Some(HEARTBEAT.to_owned()),
            say,
            per_request: PER_REQUEST,
            say_every: SAY_EVERY,
            answer: Answer::List,
            keep_alive: None,
        }),
        contiguous: true,
    })
}

fn say(verb: Verb, id: u64, channels: &[&str]) -> String {
    let method = match verb {
        Verb::Subscribe => "public/subscribe",
        Verb::Unsubscribe => "public/unsubscribe",
    };
    let channels = quoted(channels.iter().copied());
    format!(
        r#"{{"jsonrpc":"2.0","id":{id},"method":"{method}","params":{{"channels":[{channels}]}}}}"#
    )
}
