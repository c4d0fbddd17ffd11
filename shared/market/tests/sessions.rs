//! One short session with each exchange, in the documented shapes, from its messages to trade
//! lines, book lines and what else a feed must do; no recording is needed for it.

use std::fmt::Write;

use market::book::Interval;
use market::exchange::Message;
use market::{Exchange, Recorder, Symbol, Time};
use proptest::prelude::*;
use proptest::sample::{Index, select};

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

/// The messages of the session with an exchange.
fn session(exchange: Exchange) -> &'static str {
    match exchange {
        Exchange::Binance => include_str!("sessions/binance.ndjson"),
        Exchange::Bybit | Exchange::BybitSpot => include_str!("sessions/bybit.ndjson"),
        Exchange::Deribit => include_str!("sessions/deribit.ndjson"),
        Exchange::Coinbase => include_str!("sessions/coinbase.ndjson"),
        Exchange::Kraken => include_str!("sessions/kraken.ndjson"),
    }
}

macro_rules! session {
    ($test:ident, $exchange:expr, $name:literal) => {
        #[test]
        fn $test() {
            let expected = include_str!(concat!("sessions/", $name, ".lines"));
            assert_eq!(transcript($exchange, session($exchange)), expected);
        }
    };
}

session!(binance, Exchange::Binance, "binance");
session!(bybit, Exchange::Bybit, "bybit");
session!(deribit, Exchange::Deribit, "deribit");
session!(coinbase, Exchange::Coinbase, "coinbase");
session!(kraken, Exchange::Kraken, "kraken");

#[test]
fn no_exchange_takes_anothers_messages_for_trades_or_books() {
    let spelling = |exchange: Exchange| match exchange {
        // Both markets of it spell alike; which one it is, the connection knows.
        Exchange::BybitSpot => Exchange::Bybit,
        other => other,
    };
    for reader in Exchange::ALL {
        for writer in Exchange::ALL.into_iter().filter(|it| spelling(*it) != spelling(reader)) {
            for message in session(writer).lines() {
                let read = reader.decode(message, received());
                let taken = matches!(
                    read,
                    Ok(Message::Trades(_) | Message::Partly { .. } | Message::Books(_))
                );
                assert!(!taken, "{reader}: {message}");
            }
        }
    }
}

#[test]
fn a_symbol_and_its_spelling_are_one_to_one() {
    let symbol: Symbol = "BTC-USD".parse().expect("a symbol");
    for exchange in Exchange::ALL {
        let spelt = exchange.spelling(&symbol);
        let expected = if exchange == Exchange::Kraken { "BTC/USD" } else { "BTC-USD" };
        assert_eq!(spelt, expected, "{exchange}");
        assert_eq!(exchange.as_str().parse(), Ok(exchange));
    }
}

/// Pieces that a message can be broken with.
const PIECES: [&str; 14] = [
    "null",
    "0",
    "-1",
    "1e400",
    "\"\"",
    "{}",
    "[]",
    "[[",
    "\"e\":",
    "18446744073709551616",
    "\\u0000",
    "true",
    "é",
    ",",
];

proptest! {
    #![proptest_config(ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::with_cases(2_000)
    })]

    /// Whatever comes, a decoder says what it is or why not, and the line of each trade that it
    /// makes is read back.
    #[test]
    fn a_broken_message_breaks_nothing(
        exchange in select(Exchange::ALL.to_vec()),
        message in any::<Index>(),
        cuts in prop::collection::vec((any::<Index>(), 0usize..12, select(PIECES.to_vec())), 1..4),
    ) {
        let messages: Vec<_> = session(exchange).lines().collect();
        let mut message = message.get(&messages).to_string();
        for (at, length, piece) in cuts {
            let start = message.floor_char_boundary(at.index(message.len() + 1));
            let end = message.ceil_char_boundary((start + length).min(message.len()));
            message.replace_range(start..end, piece);
        }
        match exchange.decode(&message, received()) {
            Ok(Message::Trades(trades) | Message::Partly { trades, .. }) => {
                for trade in trades {
                    let line = trade.to_string();
                    let read = market::Trade::from_line(line.as_bytes());
                    prop_assert_eq!(read.map_err(|why| why.to_string()), Ok(trade), "{}", line);
                }
            }
            Ok(Message::Books(books)) => {
                let symbol = books.first().map(|update| update.symbol.clone());
                let new = |symbol| Recorder::new(exchange, symbol, Interval::SECOND);
                let (mut recorder, mut lines) = (symbol.map(new), Vec::new());
                for update in books {
                    let _ = recorder.as_mut().expect("one").apply(update, &mut lines);
                }
            }
            Ok(_) | Err(_) => {}
        }
        let symbol: Symbol = "BTC-USD".parse().expect("a symbol");
        let _ = exchange.decode_page(&symbol, &message, received(), market::Source::Rest);
        let _ = exchange.decode_book(&symbol, &message, received());
    }
}
