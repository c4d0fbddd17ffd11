//! Kraken spot, websocket v2: address, channels and limits; decodes nothing.
//!
//! Source: Kraken's "Spot WebSocket API v2" documents, and "What are the API rate limits?".
//!
//! A request names one channel and many pairs, and is answered for each pair apart.

use std::time::Duration;

use market::{Exchange, Symbol};

use super::{
    Answer, Carries, Subscription, Terms, Verb, base_url, books, channels, check_count,
    max_message, quoted,
};
use crate::config::Feed;

pub(super) const BASE_URL: &str = "wss://ws.kraken.com";
/// No limit is documented; this many pairs keep a connection busy.
const MAX_CHANNELS: usize = 500;
const PER_REQUEST: usize = 100;
/// A limit is documented without its number.
const SAY_EVERY: Duration = Duration::from_millis(500);
/// The server closes a connection on which nothing is said for a minute.
const PING: (Duration, &str) = (Duration::from_secs(30), r#"{"method":"ping"}"#);
/// Some 150 attempts in 10 minutes are allowed to an IP address; a fifth is left to whatever else
/// connects from here.
const CONNECT_EVERY: Duration = Duration::from_secs(5);

pub(super) fn terms(feed: &Feed) -> Result<Terms, String> {
    feed.symbols.iter().try_for_each(check_pair)?;
    let pair = |symbol: &Symbol| Exchange::Kraken.spelling(symbol).into_owned();
    let mut channels = channels(feed, Carries::Trades, |symbol| format!("trade.{}", pair(symbol)));
    channels.extend(books(feed, |symbol| format!("book.{}", pair(symbol))));
    check_count(&channels, MAX_CHANNELS)?;
    Ok(Terms {
        url: format!("{}/v2", base_url(feed)),
        connect_every: CONNECT_EVERY,
        max_message: max_message(feed),
        subscription: Some(Subscription {
            channels,
            opening: None,
            say,
            per_request: PER_REQUEST,
            say_every: SAY_EVERY,
            answer: Answer::Each,
            keep_alive: Some(PING),
        }),
        contiguous: true,
    })
}

fn check_pair(symbol: &Symbol) -> Result<(), String> {
    match symbol.as_str().split('-').collect::<Vec<_>>()[..] {
        [base, quote] if !base.is_empty() && !quote.is_empty() => Ok(()),
        _ => Err(format!("{symbol} is not a pair such as BTC-USD")),
    }
}

fn say(verb: Verb, id: u64, channels: &[&str]) -> String {
    let method = match verb {
        Verb::Subscribe => "subscribe",
        Verb::Unsubscribe => "unsubscribe",
    };
    let kind = channels.first().map_or("", |name| name.split('.').next().unwrap_or_default());
    let pairs = quoted(channels.iter().filter_map(|name| Some(name.split_once('.')?.1)));
    // The last trades before are known, or their ids show that they are not.
    let more = match (kind, verb) {
        ("trade", Verb::Subscribe) => r#","snapshot":false"#.to_owned(),
        ("book", _) => {
            let depth = Exchange::Kraken.book_depth();
            depth.map_or(String::new(), |depth| format!(r#","depth":{depth}"#))
        }
        _ => String::new(),
    };
    format!(
        r#"{{"method":"{method}","params":{{"channel":"{kind}","symbol":[{pairs}]{more}}},"req_id":{id}}}"#
    )
}
