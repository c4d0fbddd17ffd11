//! One short session with each exchange, in the documented shapes, from its messages to trade
//! lines, book lines and what else a feed must do; no recording is needed for it.

use std::fmt::Write;

use market::book::Interval;
use market::exchange::Message;
use market::{Exchange, Recorder, Time};

/// When the messages are received: the second they tell of.
fn received() -> Time {
    Time::from_micros(1_700_000_000_100_000).expect("time")
}

/// What a session comes to, one line for each thing: trade and book lines as they are, all else
/// after `#`.
fn transcript(exchange: Exchange, messages: &str) -> String {
    let (mut out, mut lines) = (String::new(), Vec::new());
    let mut recorder = None;
    for message in messages.lines() {
        match exchange.decode(message, received()).unwrap_or_else(|why| panic!("{why}: {message}"))
        {
            Message::Trades(trades) => {
                trades.iter().for_each(|trade| writeln!(out, "{trade}").expect("memory"));
            }
            Message::Books(books) => {
                for update in books {
                    let new = || Recorder::new(exchange, update.symbol.clone(), Interval::SECOND);
                    let recorder = recorder.get_or_insert_with(new);
                    recorder.apply(update, &mut lines).expect("a chain");
                }
            }
            Message::Context(it) => {
                let figures = [it.funding_rate, it.open_interest, it.mark_price, it.index_price];
                let figures = figures.map(|it| it.map(|it| it.to_string()));
                writeln!(out, "# Context {} {figures:?}", it.symbol).expect("memory");
            }
            Message::Heartbeat { newest: Some((symbol, id)) } => {
                writeln!(out, "# Heartbeat {symbol} {id}").expect("memory");
            }
            other => writeln!(out, "# {other:?}").expect("memory"),
        }
    }
    let end = Time::from_micros(1_700_000_001_000_000).expect("time");
    recorder.expect("a book").advance(end, &mut lines).expect("small sums");
    lines.iter().for_each(|line| writeln!(out, "{line}").expect("memory"));
    out
}

macro_rules! session {
    ($test:ident, $exchange:expr, $name:literal) => {
        #[test]
        fn $test() {
            let messages = include_str!(concat!("sessions/", $name, ".ndjson"));
            let expected = include_str!(concat!("sessions/", $name, ".lines"));
            assert_eq!(transcript($exchange, messages), expected);
        }
    };
}

session!(binance, Exchange::Binance, "binance");
session!(bybit, Exchange::Bybit, "bybit");
session!(deribit, Exchange::Deribit, "deribit");
session!(coinbase, Exchange::Coinbase, "coinbase");
session!(kraken, Exchange::Kraken, "kraken");
