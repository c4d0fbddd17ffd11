//! One symbol's order book, kept from an exchange's updates under its own rule of integrity; knows
//! no exchange's spelling, and nothing of time.
//!
//! * [`BookUpdate`]: what a message says of a book.
//! * [`Book`]: the levels now, or the error that asks for a new subscription.
//! * [`Recorder`]: a book over time -> one [`BookLine`] per interval in which it changed.
//! * [`BookFold`]: a set of lines -> one [`BookBar`] per symbol and minute.

use std::cmp::Reverse;
use std::collections::{BTreeMap, VecDeque};

use crate::decimal::{Decimal, Price, Size};
use crate::exchange::Exchange;
use crate::trade::Symbol;

pub(crate) use bar::imbalance;
pub use bar::{BookBar, BookFold};
pub use line::{BookLine, Interval, Mid};
pub use recorder::Recorder;
pub use update::{BookUpdate, Form, Level, Proof};

mod bar;
mod line;
mod recorder;
mod update;

/// Levels of each side that are recorded.
pub const TOP: usize = 10;
/// Changes that wait for a snapshot by REST: at ten a second for a minute and a half, of which a
/// request takes a second.
const MAX_EARLY: usize = 1_000;

/// Why a book is not known any more. Until the next snapshot it stays empty; all of them mean: ask
/// for one, by a new subscription or by REST.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Broken {
    #[error("{symbol}: update {found} of the book came where {expected} was due; subscribe anew")]
    Gap { symbol: Symbol, expected: u64, found: u64 },
    #[error(
        "{symbol}: the book's checksum is {ours}, the exchange's {theirs}, so an update was lost; \
         subscribe anew"
    )]
    Checksum { symbol: Symbol, ours: u32, theirs: u32 },
    #[error(
        "{symbol}: the book's bid {bid} is not below its ask {ask}, so an update was lost; \
         subscribe anew"
    )]
    Crossed { symbol: Symbol, bid: Price, ask: Price },
    #[error("{symbol}: the snapshot ends with {last}, before update {first}; ask for a newer one")]
    Stale { symbol: Symbol, last: u64, first: u64 },
    #[error("{symbol}: an update is {seconds} s later than the one before; subscribe anew")]
    Leap { symbol: Symbol, seconds: u64 },
    #[error("{symbol}: sums over the book need more than 38 digits; subscribe anew")]
    TooLarge { symbol: Symbol },
}

/// What became of an update.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Applied {
    /// It is in the book.
    Done,
    /// It was in the book before.
    Old,
    /// Nothing is known yet that it could change.
    Waiting,
}

/// A level that stands.
pub type Standing = (Price, Size);

/// The best bid and the best ask, as far as there are any.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Best {
    pub bid: Option<Standing>,
    pub ask: Option<Standing>,
}

#[derive(Debug, Clone)]
pub struct Book {
    symbol: Symbol,
    /// Levels of each side that the exchange keeps; see [`Exchange::book_depth`].
    depth: Option<usize>,
    /// Whether the snapshot comes apart from the changes, which then wait for it.
    joined: bool,
    state: State,
}

#[derive(Debug, Clone)]
enum State {
    Waiting { early: VecDeque<BookUpdate> },
    Known(Levels),
}

#[derive(Debug, Clone, Default)]
struct Levels {
    bids: BTreeMap<Reverse<Decimal>, Standing>,
    asks: BTreeMap<Decimal, Standing>,
    /// The last update id; `None` where there are none.
    last: Option<u64>,
}

impl Book {
    pub fn new(exchange: Exchange, symbol: Symbol) -> Book {
        let joined = match exchange {
            Exchange::Binance => true,
            Exchange::Bybit
            | Exchange::BybitSpot
            | Exchange::Deribit
            | Exchange::Coinbase
            | Exchange::Kraken => false,
        };
        let state = State::Waiting { early: VecDeque::new() };
        Book { symbol, depth: exchange.book_depth(), joined, state }
    }

    /// Whether there is a book at all.
    pub fn is_known(&self) -> bool {
        matches!(self.state, State::Known(_))
    }

    /// Forgets everything: the connection was lost, or trades show that it drops messages.
    pub fn reset(&mut self) {
        self.state = State::Waiting { early: VecDeque::new() };
    }

    /// Takes an update. After an error the book is empty and waits for a snapshot.
    pub fn apply(&mut self, update: BookUpdate) -> Result<Applied, Broken> {
        debug_assert_eq!(self.symbol, update.symbol, "one book, one symbol");
        let outcome = match (update.form, &mut self.state) {
            (Form::Snapshot, _) => self.begin(&update),
            (Form::Image, State::Waiting { .. }) => self.replace(&update, None),
            (Form::Image, State::Known(levels)) => {
                let last = levels.last;
                self.replace(&update, last)
            }
            (Form::Change, State::Waiting { early }) => {
                if self.joined {
                    // The oldest are the ones that a snapshot holds already.
                    if early.len() == MAX_EARLY {
                        early.pop_front();
                    }
                    early.push_back(update);
                }
                return Ok(Applied::Waiting);
            }
            (Form::Change, State::Known(levels)) => {
                levels.change(&self.symbol, self.depth, &update)
            }
        };
        if let Err(why) = &outcome
            && !matches!(why, Broken::Stale { .. })
        {
            self.reset();
        }
        outcome
    }

    /// The best `count` levels of each side, best first.
    pub fn top(&self, count: usize) -> (Vec<Standing>, Vec<Standing>) {
        match &self.state {
            State::Waiting { .. } => (vec![], vec![]),
            State::Known(levels) => (
                levels.bids.values().take(count).copied().collect(),
                levels.asks.values().take(count).copied().collect(),
            ),
        }
    }

    pub fn best(&self) -> Best {
        match &self.state {
            State::Waiting { .. } => Best::default(),
            State::Known(levels) => levels.best(),
        }
    }

    fn begin(&mut self, update: &BookUpdate) -> Result<Applied, Broken> {
        let mut levels = Levels::of(&self.symbol, update)?;
        if let State::Waiting { early } = &self.state
            && let (Some(last), Some(first)) = (levels.last, first_after(early, levels.last))
            && first > last + 1
        {
            // The changes stay: a newer snapshot will meet them.
            return Err(Broken::Stale { symbol: self.symbol.clone(), last, first });
        }
        if let State::Waiting { early } = &mut self.state {
            for change in std::mem::take(early) {
                levels.change(&self.symbol, self.depth, &change)?;
            }
        }
        self.state = State::Known(levels);
        Ok(Applied::Done)
    }

    fn replace(&mut self, update: &BookUpdate, last: Option<u64>) -> Result<Applied, Broken> {
        let levels = Levels::of(&self.symbol, update)?;
        // Of two connections the slower one brings what was there before.
        if last.is_some() && levels.last <= last {
            return Ok(Applied::Old);
        }
        self.state = State::Known(levels);
        Ok(Applied::Done)
    }
}

/// Where the first early change begins that a snapshot does not hold.
fn first_after(early: &VecDeque<BookUpdate>, snapshot: Option<u64>) -> Option<u64> {
    let ranges = early.iter().filter_map(|update| match update.proof {
        Proof::Range { first, last } => Some((first, last)),
        Proof::None | Proof::Follows { .. } | Proof::Checksum(_) => None,
    });
    ranges.filter(|(_, last)| Some(*last) > snapshot).map(|(first, _)| first).next()
}

impl Levels {
    fn of(symbol: &Symbol, update: &BookUpdate) -> Result<Levels, Broken> {
        let last = match update.proof {
            Proof::Range { last, .. } => Some(last),
            Proof::Follows { id, .. } => Some(id),
            Proof::None | Proof::Checksum(_) => None,
        };
        let mut levels = Levels { last, ..Levels::default() };
        levels.put(update);
        levels.check(symbol, update)?;
        Ok(levels)
    }

    fn change(
        &mut self,
        symbol: &Symbol,
        depth: Option<usize>,
        update: &BookUpdate,
    ) -> Result<Applied, Broken> {
        let gap = |expected, found| Broken::Gap { symbol: symbol.clone(), expected, found };
        match (update.proof, self.last) {
            (Proof::Range { last, .. }, Some(known)) if last <= known => return Ok(Applied::Old),
            (Proof::Range { first, last }, Some(known)) => {
                if first > known + 1 {
                    return Err(gap(known + 1, first));
                }
                self.last = Some(last);
            }
            (Proof::Follows { id, .. }, Some(known)) if id <= known => return Ok(Applied::Old),
            (Proof::Follows { previous, id }, Some(known)) => {
                if previous != Some(known) {
                    return Err(gap(known, previous.unwrap_or_default()));
                }
                self.last = Some(id);
            }
            (Proof::None | Proof::Checksum(_), _) | (_, None) => {}
        }
        self.put(update);
        if let Some(depth) = depth {
            while self.bids.len() > depth {
                self.bids.pop_last();
            }
            while self.asks.len() > depth {
                self.asks.pop_last();
            }
        }
        self.check(symbol, update)?;
        Ok(Applied::Done)
    }

    fn put(&mut self, update: &BookUpdate) {
        for Level { price, size } in &update.bids {
            match size {
                Some(size) => self.bids.insert(Reverse(price.value()), (*price, *size)),
                None => self.bids.remove(&Reverse(price.value())),
            };
        }
        for Level { price, size } in &update.asks {
            match size {
                Some(size) => self.asks.insert(price.value(), (*price, *size)),
                None => self.asks.remove(&price.value()),
            };
        }
    }

    fn check(&self, symbol: &Symbol, update: &BookUpdate) -> Result<(), Broken> {
        if let Proof::Checksum(theirs) = update.proof {
            let ours = self.checksum();
            if ours != theirs {
                return Err(Broken::Checksum { symbol: symbol.clone(), ours, theirs });
            }
        }
        if let Best { bid: Some((bid, _)), ask: Some((ask, _)) } = self.best()
            && bid.value() >= ask.value()
        {
            return Err(Broken::Crossed { symbol: symbol.clone(), bid, ask });
        }
        Ok(())
    }

    fn best(&self) -> Best {
        Best { bid: self.bids.values().next().copied(), ask: self.asks.values().next().copied() }
    }

    /// Kraken's: the CRC32 of the best ten asks and then the best ten bids, best first, each as
    /// the digits of its price and of its size without point and leading zeros.
    fn checksum(&self) -> u32 {
        let mut hash = crc32fast::Hasher::new();
        for (price, size) in self.asks.values().take(TOP).chain(self.bids.values().take(TOP)) {
            for number in [price.to_string(), size.to_string()] {
                let digits = number.replace('.', "");
                hash.update(digits.trim_start_matches('0').as_bytes());
            }
        }
        hash.finalize()
    }
}

#[cfg(test)]
mod tests;
