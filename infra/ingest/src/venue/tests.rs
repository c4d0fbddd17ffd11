//! What each exchange is sent: the address and the requests, in the exchange's own words.

use super::*;

fn feed(exchange: Exchange, symbols: &[&str]) -> Feed {
    let symbol = |text: &&str| text.parse().expect("a symbol");
    Feed::new(exchange, symbols.iter().map(symbol).collect())
}

/// The address, and the request for all channels of the first one's kind.
fn said(exchange: Exchange, symbols: &[&str], verb: Verb) -> (String, String) {
    let terms = terms(&feed(exchange, symbols)).expect("terms");
    let subscription = terms.subscription.expect("a subscription");
    let kind = |name: &str| name.split('.').next().map(str::to_owned);
    let names: Vec<_> = subscription.channels.iter().map(|channel| &*channel.name).collect();
    let first = kind(names[0]);
    let names: Vec<_> = names.into_iter().filter(|name| kind(name) == first).collect();
    (terms.url, (subscription.say)(verb, 7, &names))
}

#[test]
fn each_exchange_is_asked_in_its_own_words() {
    for (exchange, symbols, url, request) in [
        (
            Exchange::Bybit,
            ["BTCUSDT", "ETHUSDT"],
            "wss://stream.bybit.com/v5/public/linear",
            r#"{"req_id":"7","op":"subscribe","args":["publicTrade.BTCUSDT","publicTrade.ETHUSDT"]}"#,
        ),
        (
            Exchange::BybitSpot,
            ["BTCUSDT", "ETHUSDT"],
            "wss://stream.bybit.com/v5/public/spot",
            r#"{"req_id":"7","op":"subscribe","args":["publicTrade.BTCUSDT","publicTrade.ETHUSDT"]}"#,
        ),
        (
            Exchange::Deribit,
            ["BTC-PERPETUAL", "BTC_USDC"],
            "wss://www.deribit.com/ws/api/v2",
            r#"{"jsonrpc":"2.0","id":7,"method":"public/subscribe","params":{"channels":["trades.BTC-PERPETUAL.100ms","trades.BTC_USDC.100ms"]}}"#,
        ),
        (
            Exchange::Coinbase,
            ["BTC-USD", "ETH-USD"],
            "wss://ws-feed.exchange.coinbase.com",
            r#"{"type":"subscribe","product_ids":["BTC-USD","ETH-USD"],"channels":["matches"]}"#,
        ),
        (
            Exchange::Kraken,
            ["BTC-USD", "ETH-USD"],
            "wss://ws.kraken.com/v2",
            r#"{"method":"subscribe","params":{"channel":"trade","symbol":["BTC/USD","ETH/USD"],"snapshot":false},"req_id":7}"#,
        ),
    ] {
        let expected = (url.to_owned(), request.to_owned());
        assert_eq!(said(exchange, &symbols, Verb::Subscribe), expected, "{exchange}");
    }
}

#[test]
fn what_is_wanted_no_more_is_said_in_the_same_words() {
    for (exchange, symbol, request) in [
        (
            Exchange::Bybit,
            "BTCUSDT",
            r#"{"req_id":"7","op":"unsubscribe","args":["publicTrade.BTCUSDT"]}"#,
        ),
        (
            Exchange::Deribit,
            "BTC_USDC",
            r#"{"jsonrpc":"2.0","id":7,"method":"public/unsubscribe","params":{"channels":["trades.BTC_USDC.100ms"]}}"#,
        ),
        (
            Exchange::Coinbase,
            "BTC-USD",
            r#"{"type":"unsubscribe","product_ids":["BTC-USD"],"channels":["matches"]}"#,
        ),
        (
            Exchange::Kraken,
            "BTC-USD",
            r#"{"method":"unsubscribe","params":{"channel":"trade","symbol":["BTC/USD"]},"req_id":7}"#,
        ),
    ] {
        assert_eq!(said(exchange, &[symbol], Verb::Unsubscribe).1, request, "{exchange}");
    }
}

#[test]
fn what_one_connection_cannot_carry_is_refused() {
    let many =
        |count: usize| -> Vec<String> { (0..count).map(|n| format!("A{n:0>6}-B")).collect() };
    for (exchange, count, why) in [
        (Exchange::Bybit, 1_000, "24000 characters of topics, above 21000: split"),
        (Exchange::BybitSpot, 1_000, "24000 characters of topics, above 21000: split"),
        (Exchange::Deribit, 501, "501 channels, but a connection serves 500: split"),
        (Exchange::Coinbase, 1_001, "2002 channels, but a connection serves 2000: split"),
        (Exchange::Kraken, 501, "501 channels, but a connection serves 500: split"),
    ] {
        let names = many(count);
        let names: Vec<_> = names.iter().map(String::as_str).collect();
        let refusal = terms(&feed(exchange, &names)).expect_err("too many");
        assert!(refusal.starts_with(why), "{exchange}: {refusal}");
        assert!(terms(&feed(exchange, &names[..500])).is_ok(), "{exchange}");
    }
    let refusal = terms(&feed(Exchange::Kraken, &["XBTUSD"])).expect_err("no pair");
    assert_eq!(refusal, "XBTUSD is not a pair such as BTC-USD");
}

#[test]
fn context_is_asked_for_where_there_is_any_and_somebody_looks() {
    for (exchange, symbol, expected) in [
        (Exchange::Bybit, "BTCUSDT", &["publicTrade.BTCUSDT", "tickers.BTCUSDT"][..]),
        (Exchange::BybitSpot, "BTCUSDT", &["publicTrade.BTCUSDT"]),
        (
            Exchange::Deribit,
            "BTC-PERPETUAL",
            &["trades.BTC-PERPETUAL.100ms", "ticker.BTC-PERPETUAL.100ms"],
        ),
    ] {
        let feed = Feed { context: true, ..feed(exchange, &[symbol]) };
        let subscription = terms(&feed).expect("terms").subscription.expect("a subscription");
        let names: Vec<_> = subscription.channels.iter().map(|channel| &*channel.name).collect();
        assert_eq!(names, expected);
    }
}
