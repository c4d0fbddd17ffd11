//! The order books of one feed: updates -> lines, and which books must be asked for anew; publishes
//! nothing, and asks nobody.

use std::collections::HashMap;
use std::time::Duration;

use market::book::{Broken, Interval};
use market::{BookLine, BookUpdate, Exchange, Recorder, Symbol, Time};
use tokio::time::Instant;
use tracing::warn;

use crate::board::Place;
use crate::config::Feed;

/// Updates tell the exchange's time, and come some time later: an interval is over when none of it
/// is under way any more.
const ON_THE_WAY_MICROS: u64 = 2_000_000;
/// After so long without any update it is not known whether the books stand still: lines wait.
const STANDING: Duration = Duration::from_secs(5);

pub(super) struct Books {
    exchange: Exchange,
    recorders: HashMap<Symbol, Recorder>,
    place: Place,
    silence: Duration,
    /// When the last update came.
    heard: Instant,
}

/// What became of updates, or of time.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    pub(super) lines: Vec<BookLine>,
    /// Books that are out of step with the exchange's, and begin anew.
    pub(super) broken: Vec<Symbol>,
}

impl Books {
    /// `None` if the feed asks for no books.
    pub(super) fn of(feed: &Feed, place: Place) -> Option<Books> {
        let recorder = |symbol: &Symbol| {
            let recorder = Recorder::new(feed.exchange, symbol.clone(), Interval::SECOND);
            (symbol.clone(), recorder)
        };
        feed.books.then(|| Books {
            exchange: feed.exchange,
            recorders: feed.symbols.iter().map(recorder).collect(),
            place,
            silence: feed.silence,
            heard: Instant::now(),
        })
    }

    pub(super) fn apply(&mut self, updates: Vec<BookUpdate>) -> Outcome {
        self.heard = Instant::now();
        let mut outcome = Outcome::default();
        for update in updates {
            // What was not asked for has no book.
            let Some(recorder) = self.recorders.get_mut(&update.symbol) else { continue };
            let (symbol, received) = (update.symbol.clone(), update.received);
            if let Err(why) = recorder.apply(update, &mut outcome.lines) {
                complain(self.exchange, &why);
                outcome.broken.push(symbol.clone());
            }
            self.place.book(&symbol, recorder.book(), received);
        }
        outcome
    }

    /// Time has passed; `now` is the receiver's.
    pub(super) fn advance(&mut self, now: Time) -> Outcome {
        let mut outcome = Outcome::default();
        let silent = self.heard.elapsed();
        if silent >= self.silence {
            warn!("{}: no change of any book for {} s", self.exchange, silent.as_secs());
            self.heard = Instant::now();
            self.reset(now);
            outcome.broken = self.recorders.keys().cloned().collect();
        }
        let Ok(over) = Time::from_micros(now.micros() - ON_THE_WAY_MICROS as i64) else {
            return outcome;
        };
        if silent >= STANDING {
            return outcome;
        }
        for (symbol, recorder) in &mut self.recorders {
            if let Err(why) = recorder.advance(over, &mut outcome.lines) {
                complain(self.exchange, &why);
                outcome.broken.push(symbol.clone());
                self.place.book(symbol, recorder.book(), now);
            }
        }
        outcome
    }

    /// Trades show that the connection drops messages of this symbol.
    pub(super) fn doubt(&mut self, symbol: &Symbol, now: Time) -> Outcome {
        let Some(recorder) = self.recorders.get_mut(symbol) else { return Outcome::default() };
        recorder.reset();
        self.place.book(symbol, recorder.book(), now);
        Outcome { broken: vec![symbol.clone()], ..Outcome::default() }
    }

    /// Another connection begins: its books begin anew.
    pub(super) fn reset(&mut self, now: Time) {
        for (symbol, recorder) in &mut self.recorders {
            recorder.reset();
            self.place.book(symbol, recorder.book(), now);
        }
    }
}

fn complain(exchange: Exchange, why: &Broken) {
    warn!(%exchange, "{exchange}: a book is out of step: {why}");
}
