//! A book over time -> one line per interval in which it changed; reads no clock: time is what the
//! updates tell, and what the caller says that has passed.

use super::line::{BookLine, Interval, Mid};
use super::{Applied, Best, Book, BookUpdate, Broken, Form, Standing, TOP};
use crate::decimal::Decimal;
use crate::exchange::Exchange;
use crate::time::Time;
use crate::trade::{ExchangeName, Symbol};

/// How much later than all before an update may be. Whoever calls [`Recorder::advance`] never comes
/// near it in a quiet market, so that what does is a clock gone wrong.
const MAX_QUIET_SECONDS: u64 = 600;

/// Keeps one symbol's book and writes down what it was.
///
/// A line is about the time from the one before (at most from the start of its minute) to the end
/// of its interval. It is written when that time has passed, if the best [`TOP`] levels changed in
/// the interval; and at the end of a minute also if nothing did, so that the lines of a minute tell
/// of all of it. What was under way when a book broke is not written: no line reaches across a
/// break, and the time before it is missing in `quoted_micros`.
#[derive(Debug, Clone)]
pub struct Recorder {
    exchange: ExchangeName,
    interval: Interval,
    book: Book,
    symbol: Symbol,
    running: Option<Running>,
}

/// What is under way.
#[derive(Debug, Clone)]
struct Running {
    /// Start of the interval.
    start: Time,
    /// What the next line is about begins here.
    since: Time,
    /// What is summed up ends here.
    until: Time,
    changed: bool,
    bids: Vec<Standing>,
    asks: Vec<Standing>,
    quote: Option<Quote>,
    inverse: bool,
    received: Time,
    sums: Sums,
}

/// What both sides together make, while they stand.
#[derive(Debug, Clone, Copy)]
struct Quote {
    spread: Decimal,
    mid: Decimal,
    bid_size: Decimal,
    ask_size: Decimal,
}

#[derive(Debug, Clone, Default)]
struct Sums {
    mid: Option<Mid>,
    updates: u64,
    quoted_micros: u64,
    spread_seconds: Decimal,
    bid_size_seconds: Decimal,
    ask_size_seconds: Decimal,
    ofi: Decimal,
}

impl Recorder {
    pub fn new(exchange: Exchange, symbol: Symbol, interval: Interval) -> Recorder {
        let book = Book::new(exchange, symbol.clone());
        Recorder { exchange: exchange.name(), interval, book, symbol, running: None }
    }

    /// The book as it is.
    pub fn book(&self) -> &Book {
        &self.book
    }

    /// Forgets everything: the connection was lost, or trades show that it drops messages.
    pub fn reset(&mut self) {
        self.book.reset();
        self.running = None;
    }

    /// Takes an update, and adds to `lines` those that its time completes. An update that is told
    /// to be earlier than another counts from when that one did.
    pub fn apply(
        &mut self,
        update: BookUpdate,
        lines: &mut Vec<BookLine>,
    ) -> Result<Applied, Broken> {
        let outcome = self.observe(update, lines);
        if outcome.is_err() {
            self.running = None;
        }
        outcome
    }

    /// Adds to `lines` those that are complete at `now`: a time that no update will be earlier
    /// than, since what is, is not counted any more from its own time.
    pub fn advance(&mut self, now: Time, lines: &mut Vec<BookLine>) -> Result<(), Broken> {
        let Some(running) = &mut self.running else { return Ok(()) };
        let write = |running: &Running| running.line(&self.exchange, &self.symbol, self.interval);
        let fits = running.advance(now, self.interval, |running| lines.push(write(running)));
        fits.ok_or_else(|| self.too_large())
    }

    fn observe(
        &mut self,
        update: BookUpdate,
        lines: &mut Vec<BookLine>,
    ) -> Result<Applied, Broken> {
        let BookUpdate { form, time, received, inverse, .. } = update;
        if let Some(running) = self.running.as_ref().filter(|_| form != Form::Snapshot) {
            let seconds = time.since(running.until) / 1_000_000;
            if seconds > MAX_QUIET_SECONDS {
                self.reset();
                return Err(Broken::Leap { symbol: self.symbol.clone(), seconds });
            }
            self.advance(time, lines)?;
        }
        let before = self.book.best();
        let applied = self.book.apply(update)?;
        if applied != Applied::Done {
            return Ok(applied);
        }
        let noted = match &mut self.running {
            Some(running) if form != Form::Snapshot => running.note(&self.book, before, received),
            _ => {
                // A snapshot's own time is that of its last change, which can be long ago.
                let now = time.max(received);
                self.running = Running::begin(&self.book, now, received, inverse, self.interval);
                self.running.as_ref().map(|_| ())
            }
        };
        noted.map(|()| Applied::Done).ok_or_else(|| self.too_large())
    }

    fn too_large(&mut self) -> Broken {
        self.reset();
        Broken::TooLarge { symbol: self.symbol.clone() }
    }
}

impl Running {
    fn begin(
        book: &Book,
        now: Time,
        received: Time,
        inverse: bool,
        interval: Interval,
    ) -> Option<Running> {
        let (bids, asks) = book.top(TOP);
        let quote = Quote::of(&bids, &asks)?;
        let mid = quote.map(|quote| Mid::from(quote.mid));
        Some(Running {
            start: now.floor(interval.micros()),
            since: now,
            until: now,
            changed: true,
            bids,
            asks,
            quote,
            inverse,
            received,
            sums: Sums { mid, ..Sums::default() },
        })
    }

    /// Ends the intervals that are over at `now`; `None` if a sum does not fit.
    fn advance(
        &mut self,
        now: Time,
        interval: Interval,
        mut write: impl FnMut(&Running),
    ) -> Option<()> {
        while now >= self.start.plus(interval.micros()) {
            let end = self.start.plus(interval.micros());
            self.sum_up(end)?;
            let minute_ends = end == end.minute().start();
            if self.changed || (minute_ends && self.sums.quoted_micros > 0) {
                write(self);
            }
            if self.changed || minute_ends {
                let mid = self.quote.map(|quote| Mid::from(quote.mid));
                self.sums = Sums { mid, ..Sums::default() };
                (self.since, self.changed) = (end, false);
            }
            self.start = end;
        }
        self.sum_up(now)
    }

    /// Counts the state that stood until `to`; `None` if a sum does not fit.
    fn sum_up(&mut self, to: Time) -> Option<()> {
        let micros = to.since(self.until);
        self.until = self.until.max(to);
        let Some(quote) = self.quote else { return Some(()) };
        let add = |sum: &mut Decimal, number: Decimal| {
            *sum = sum.checked_add(number.checked_seconds(micros)?)?;
            Some(())
        };
        self.sums.quoted_micros += micros;
        add(&mut self.sums.spread_seconds, quote.spread)?;
        add(&mut self.sums.bid_size_seconds, quote.bid_size)?;
        add(&mut self.sums.ask_size_seconds, quote.ask_size)
    }

    /// Takes in what the book has become; `None` if a sum does not fit.
    fn note(&mut self, book: &Book, before: Best, received: Time) -> Option<()> {
        self.received = received;
        let (bids, asks) = book.top(TOP);
        if (&bids, &asks) == (&self.bids, &self.asks) {
            return Some(());
        }
        (self.bids, self.asks, self.changed) = (bids, asks, true);
        self.quote = Quote::of(&self.bids, &self.asks)?;
        let best = book.best();
        if best != before {
            self.sums.updates += 1;
            self.sums.ofi = self.sums.ofi.checked_add(order_flow(before, best)?)?;
        }
        if let Some(Quote { mid, .. }) = self.quote {
            self.sums.mid = Some(self.sums.mid.map_or(Mid::from(mid), |all| all.then(mid)));
        }
        Some(())
    }

    fn line(&self, exchange: &ExchangeName, symbol: &Symbol, interval: Interval) -> BookLine {
        BookLine {
            exchange: exchange.clone(),
            symbol: symbol.clone(),
            time: self.start,
            interval,
            since: self.since,
            bids: self.bids.clone(),
            asks: self.asks.clone(),
            inverse: self.inverse,
            mid: self.sums.mid,
            updates: self.sums.updates,
            quoted_micros: self.sums.quoted_micros,
            spread_seconds: self.sums.spread_seconds,
            bid_size_seconds: self.sums.bid_size_seconds,
            ask_size_seconds: self.sums.ask_size_seconds,
            ofi: self.sums.ofi,
            received: self.received,
        }
    }
}

impl Quote {
    /// `Some(None)` where a side is empty; `None` if a sum does not fit.
    fn of(bids: &[Standing], asks: &[Standing]) -> Option<Option<Quote>> {
        let total = |levels: &[Standing]| {
            let sizes = levels.iter().map(|(_, size)| size.value());
            sizes.into_iter().try_fold(Decimal::ZERO, Decimal::checked_add)
        };
        let (Some((bid, _)), Some((ask, _))) = (bids.first(), asks.first()) else {
            return Some(None);
        };
        Some(Some(Quote {
            spread: ask.value().checked_sub(bid.value())?,
            mid: bid.value().checked_middle(ask.value())?,
            bid_size: total(bids)?,
            ask_size: total(asks)?,
        }))
    }
}

/// The order flow of one change of the best prices, after Cont, Kukanov and Stoikov, "The Price
/// Impact of Order Book Events" (2014): what was added to the best bid or taken from the best ask,
/// less what was taken from the best bid or added to the best ask.
///
/// With P and q the best price and its size, n the event:
/// `e = [Pb(n) >= Pb(n-1)] qb(n) - [Pb(n) <= Pb(n-1)] qb(n-1)
///    - [Pa(n) <= Pa(n-1)] qa(n) + [Pa(n) >= Pa(n-1)] qa(n-1)`.
/// A side that is empty before or after has no flow. `None` if a sum does not fit.
fn order_flow(before: Best, after: Best) -> Option<Decimal> {
    let mut flow = Decimal::ZERO;
    if let (Some((was, had)), Some((is, has))) = (before.bid, after.bid) {
        if is.value() >= was.value() {
            flow = flow.checked_add(has.value())?;
        }
        if is.value() <= was.value() {
            flow = flow.checked_sub(had.value())?;
        }
    }
    if let (Some((was, had)), Some((is, has))) = (before.ask, after.ask) {
        if is.value() <= was.value() {
            flow = flow.checked_sub(has.value())?;
        }
        if is.value() >= was.value() {
            flow = flow.checked_add(had.value())?;
        }
    }
    Some(flow)
}

#[cfg(test)]
mod tests;
