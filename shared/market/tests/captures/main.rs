//! Recorded market data, read by the decoders and held against what the exchanges themselves said.
//! The recordings are no part of the project: they lie in the folder that `TICKFOLD_CAPTURES`
//! names, and without it these tests say visibly that they were skipped.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::PathBuf;

use flate2::read::MultiGzDecoder;
use market::exchange::{Exchange, Message};
use market::{Book, BookLine, BookUpdate, Recorder, Symbol, Time, Trade};

mod audit;
mod binance;
mod bybit;
mod coinbase;
mod deribit;
mod kraken;

/// A recording's bytes; `None`, and a line that says so, where there is none.
fn bytes(test: &str, name: &str) -> Option<Vec<u8>> {
    let Some(folder) = std::env::var_os("TICKFOLD_CAPTURES") else {
        let _ = writeln!(io::stderr(), "SKIPPED: {test}: TICKFOLD_CAPTURES is not set");
        return None;
    };
    let path = PathBuf::from(folder).join(name);
    let mut file = File::open(path).expect("the recording is in TICKFOLD_CAPTURES");
    let mut bytes = Vec::new();
    if name.ends_with(".gz") {
        MultiGzDecoder::new(file).read_to_end(&mut bytes).expect("the recording is whole");
    } else {
        file.read_to_end(&mut bytes).expect("the recording is whole");
    }
    Some(bytes)
}

fn text(test: &str, name: &str) -> Option<String> {
    bytes(test, name).map(|bytes| String::from_utf8(bytes).expect("UTF-8"))
}

/// When messages were received: recordings do not all say, and nothing depends on it.
fn received() -> Time {
    Time::from_micros(1_577_836_800_000_000).expect("the year 2020 is a time")
}

fn symbol(text: &str) -> Symbol {
    text.parse().expect("a symbol")
}

fn decode(exchange: Exchange, message: &str) -> Message {
    exchange.decode(message, received()).unwrap_or_else(|why| panic!("{why}: {message}"))
}

/// What a feed does with messages, as far as it can be done without a socket.
#[derive(Default)]
struct Feed {
    /// Messages of each kind.
    counts: BTreeMap<&'static str, usize>,
    trades: Vec<Trade>,
    updates: BTreeMap<Symbol, Vec<BookUpdate>>,
    recorders: BTreeMap<Symbol, Recorder>,
    /// What became of the updates of books.
    applied: BTreeMap<String, usize>,
    lines: Vec<BookLine>,
}

impl Feed {
    fn take(&mut self, exchange: Exchange, message: Message) {
        let kind = match message {
            Message::Trades(trades) => {
                self.trades.extend(trades);
                "trades"
            }
            Message::Books(books) => {
                books.into_iter().for_each(|update| self.apply(exchange, update));
                "books"
            }
            Message::Partly { .. } => panic!("{message:?}"),
            Message::Context(_) => "context",
            Message::Heartbeat { .. } => "heartbeat",
            Message::Ping { .. } => "ping",
            Message::Ack { .. } => "ack",
            Message::Refused { .. } => "refused",
            Message::Closing => "closing",
            Message::Other => "other",
            Message::Unknown { .. } => panic!("{message:?}"),
        };
        *self.counts.entry(kind).or_default() += 1;
    }

    fn apply(&mut self, exchange: Exchange, update: BookUpdate) {
        let symbol = update.symbol.clone();
        self.updates.entry(symbol.clone()).or_default().push(update.clone());
        let recorder = self
            .recorders
            .entry(symbol.clone())
            .or_insert_with(|| Recorder::new(exchange, symbol, market::book::Interval::SECOND));
        let applied = recorder.apply(update, &mut self.lines);
        let applied = applied.unwrap_or_else(|broken| panic!("{broken}"));
        *self.applied.entry(format!("{applied:?}")).or_default() += 1;
    }

    fn counts(&self) -> Vec<(&'static str, usize)> {
        self.counts.iter().map(|(kind, count)| (*kind, *count)).collect()
    }

    fn applied(&self) -> Vec<(&str, usize)> {
        self.applied.iter().map(|(what, count)| (what.as_str(), *count)).collect()
    }

    fn book(&self, name: &str) -> &Book {
        self.recorders[&symbol(name)].book()
    }

    /// Leaves each update out in turn, and counts how often the next one of its symbol shows that;
    /// fails where it does not, and the book is another one.
    fn holes_found(&self, exchange: Exchange) -> usize {
        let mut found = 0;
        for (symbol, updates) in &self.updates {
            let mut book = Book::new(exchange, symbol.clone());
            for pair in updates.windows(2) {
                let (mut without, was_known) = (book.clone(), book.is_known());
                book.apply(pair[0].clone()).expect("it is whole");
                // Without its first snapshot there is no book, and nothing to be out of step.
                if !was_known {
                    continue;
                }
                let mut with = book.clone();
                with.apply(pair[1].clone()).expect("it is whole");
                match without.apply(pair[1].clone()) {
                    Err(_) => found += 1,
                    Ok(_) => assert_eq!(with.top(1_000), without.top(1_000), "{:?}", pair[0]),
                }
            }
        }
        found
    }

    /// Trades of a symbol; fails unless their ids follow one another.
    fn contiguous(&self, name: &str) -> Vec<&Trade> {
        let trades: Vec<_> =
            self.trades.iter().filter(|trade| trade.symbol.as_str() == name).collect();
        for pair in trades.windows(2) {
            assert_eq!(span(pair[1]).0, span(pair[0]).1 + 1, "{} {}", pair[0], pair[1]);
        }
        trades
    }
}

/// First and last id.
fn span(trade: &Trade) -> (u64, u64) {
    match trade.ids {
        market::Ids::Range { first, last } => (first, last),
        market::Ids::Opaque(_) => panic!("{trade} has no contiguous id"),
    }
}

/// Each line read back is the line, and the lines of a symbol tell of no time twice.
fn check_lines(lines: &[BookLine]) {
    let mut until: BTreeMap<&Symbol, Time> = BTreeMap::new();
    for line in lines {
        let text = line.to_string();
        assert_eq!(&BookLine::from_line(text.as_bytes()).expect(&text), line);
        if let Some(before) = until.insert(&line.symbol, line.end()) {
            assert!(line.since >= before, "{text}");
        }
    }
}
