//! Binance spot's market data streams: their address and their limits; decodes nothing.
//!
//! Source: Binance's "WebSocket Streams for Binance" document for the spot market.

use std::time::Duration;

use super::{Terms, base_url, max_message};
use crate::config::{Feed, Stream};

/// The host for market data only: it knows no accounts, and its port 443 passes most firewalls.
pub(super) const BASE_URL: &str = "wss://data-stream.binance.vision";
/// Documented limit of one connection.
const MAX_STREAMS: usize = 1024;
/// Longer addresses are refused without a word; clients have measured the limit to be 8,004.
const MAX_URL: usize = 8_000;
/// 300 attempts in 5 minutes are allowed to an IP address, or one a second; a fifth is left to
/// whatever else connects from here.
const CONNECT_EVERY: Duration = Duration::from_millis(1_250);

pub(super) fn terms(feed: &Feed) -> Result<Terms, String> {
    let count = feed.symbols.len();
    let split = "split the symbols over several feeds";
    let most = if feed.books { MAX_STREAMS / 2 } else { MAX_STREAMS };
    if count > most {
        return Err(format!("{count} symbols, but a connection serves {most}: {split}"));
    }
    let kind = match feed.stream {
        Stream::AggTrade => "aggTrade",
        Stream::Trade => "trade",
    };
    let name = |symbol: &market::Symbol| format!("{}@{kind}", symbol.as_str().to_ascii_lowercase());
    // The best 20 levels, whole each time: no loss can put them out of step.
    let book =
        |symbol: &market::Symbol| format!("{}@depth20@100ms", symbol.as_str().to_ascii_lowercase());
    let books = feed.symbols.iter().filter(|_| feed.books).map(book);
    let names: Vec<_> = feed.symbols.iter().map(name).chain(books).collect();
    // The published daily archives are in microseconds; with milliseconds here a live trade and
    // its archived self would contradict each other.
    let url = format!("{}/stream?streams={}&timeUnit=MICROSECOND", base_url(feed), names.join("/"));
    if url.len() > MAX_URL {
        let length = url.len();
        return Err(format!(
            "{count} symbols make an address of {length} characters, above {MAX_URL}: {split}"
        ));
    }
    Ok(Terms {
        url,
        connect_every: CONNECT_EVERY,
        max_message: max_message(feed),
        subscription: None,
        contiguous: true,
    })
}

#[cfg(test)]
mod tests {
    use market::{Exchange, Symbol};

    use super::*;

    fn feed(symbols: usize, width: usize) -> Feed {
        let symbol = |number| format!("{number:0>width$}").parse().expect("a symbol");
        Feed::new(Exchange::Binance, (0..symbols).map(symbol).collect::<Vec<Symbol>>())
    }

    #[test]
    fn the_address_names_every_stream_in_lower_case() {
        let symbols = ["BTCUSDT", "ETHBTC"].map(|symbol| symbol.parse().expect("symbol"));
        let mut feed = Feed::new(Exchange::Binance, symbols.to_vec());
        assert_eq!(
            terms(&feed).expect("terms").url,
            "wss://data-stream.binance.vision/stream?streams=btcusdt@aggTrade/ethbtc@aggTrade&timeUnit=MICROSECOND"
        );
        feed.stream = Stream::Trade;
        feed.url = Some("ws://127.0.0.1:8080".to_owned());
        assert_eq!(
            terms(&feed).expect("terms").url,
            "ws://127.0.0.1:8080/stream?streams=btcusdt@trade/ethbtc@trade&timeUnit=MICROSECOND"
        );
    }

    #[test]
    fn what_one_connection_cannot_carry_is_refused() {
        let too_many = terms(&feed(1025, 4)).expect_err("1025 streams");
        assert!(too_many.starts_with("1025 symbols, but a connection serves 1024"), "{too_many}");
        let too_long = terms(&feed(500, 9)).expect_err("500 streams");
        assert!(too_long.starts_with("500 symbols make an address of 95"), "{too_long}");
        assert!(terms(&feed(400, 9)).is_ok());
    }
}
