//! Book lines of one minute -> its row; knows neither objects nor databases.
//!
//! A row depends on the *set* of lines only: order and repetition change nothing but the counts of
//! repetition themselves.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

use super::line::{BookLine, Mid};
use crate::bar::{BarKey, Fingerprint};
use crate::decimal::Decimal;
use crate::fold::FoldError;
use crate::time::{Minute, Time};
use crate::trade::{ExchangeName, Symbol};

/// Digits of a ratio: enough to tell any two books apart that a person would.
const RATIO_DECIMALS: u32 = 6;

/// One row. The field names are the column names everywhere: JSON, CSV, SQL, API.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BookBar {
    pub exchange: ExchangeName,
    pub symbol: Symbol,
    /// Open time, UTC.
    pub minute: Minute,
    /// The middle between best bid and best ask; `None` if a side was empty all the time.
    pub mid_open: Option<Decimal>,
    pub mid_high: Option<Decimal>,
    pub mid_low: Option<Decimal>,
    pub mid_close: Option<Decimal>,
    /// How often price or size of the best bid or ask changed.
    pub update_count: u64,
    /// How long both sides stood and were seen; 60,000,000 is the whole minute.
    pub quoted_micros: u64,
    /// Sums over that time, exact: spread times seconds, and the sizes of the best ten levels of
    /// each side times seconds.
    pub spread_seconds: Decimal,
    pub bid_size_seconds: Decimal,
    pub ask_size_seconds: Decimal,
    /// Order flow imbalance, in the unit of sizes: positive if buyers pressed.
    #[serde(with = "crate::decimal::signed")]
    pub ofi: Decimal,
    /// Distinct lines.
    pub line_count: u64,
    /// Lines that only repeat others of this row.
    pub duplicate_count: u64,
    /// Lines dropped because they tell of a time that another one tells of.
    pub conflict_count: u64,
    /// Refused lines that were, or may have been, of this row.
    pub quarantined_count: u64,
    /// Objects (or files) that the row was folded from.
    pub object_count: u64,
    /// Hash of the distinct lines: equal lines, equal fingerprint.
    pub fingerprint: Fingerprint,
}

impl BookBar {
    pub fn key(&self) -> BarKey {
        let (exchange, symbol) = (self.exchange.clone(), self.symbol.clone());
        BarKey { exchange, symbol, minute: self.minute }
    }

    /// The time-weighted average of the spread, rounded half to even at 18 decimals.
    pub fn spread(&self) -> Option<Decimal> {
        let second = Decimal::from(1_000_000);
        let micros = Decimal::from(self.quoted_micros);
        self.spread_seconds.checked_mul_div_rounded(second, micros, crate::decimal::DECIMALS)
    }

    /// How much more stood at the bid than at the ask, of all that stood: from -1 to 1, of the
    /// best ten levels and their time-weighted average sizes, rounded at 6 decimals.
    pub fn imbalance(&self) -> Option<Decimal> {
        imbalance(self.bid_size_seconds, self.ask_size_seconds)
    }
}

/// `(bid - ask) / (bid + ask)`; `None` where nothing stands.
pub(crate) fn imbalance(bid: Decimal, ask: Decimal) -> Option<Decimal> {
    let (more, all) = (bid.checked_sub(ask)?, bid.checked_add(ask)?);
    more.checked_mul_div_rounded(Decimal::from(1), all, RATIO_DECIMALS)
}

/// Lines on their way to rows.
#[derive(Debug, Default)]
pub struct BookFold {
    minutes: BTreeMap<BarKey, Vec<Entry>>,
}

/// A line as the fold orders it: the earlier interval first, and of one interval the line that
/// tells of most; the first one wins. When it was received is no part of it.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Entry {
    time: Time,
    since: Time,
    quoted_micros: Reverse<u64>,
    updates: Reverse<u64>,
    text: String,
    end: Time,
    mid: Option<Mid>,
    /// Spread, bids, asks, order flow.
    sums: [Decimal; 4],
}

impl BookFold {
    pub fn add(&mut self, line: BookLine) {
        let key = BarKey {
            exchange: line.exchange.clone(),
            symbol: line.symbol.clone(),
            minute: line.minute(),
        };
        let entry = Entry {
            time: line.time,
            since: line.since,
            quoted_micros: Reverse(line.quoted_micros),
            updates: Reverse(line.updates),
            end: line.end(),
            mid: line.mid,
            sums: [line.spread_seconds, line.bid_size_seconds, line.ask_size_seconds, line.ofi],
            text: BookLine { received: line.time, ..line }.to_string(),
        };
        self.minutes.entry(key).or_default().push(entry);
    }

    /// The rows in the order of exchange, symbol and minute. A row that cannot be told exactly is
    /// an error of its own and holds up no other.
    pub fn bars(self) -> impl Iterator<Item = Result<BookBar, FoldError>> {
        self.minutes.into_iter().map(|(key, entries)| bar(key, entries))
    }
}

fn bar(key: BarKey, mut entries: Vec<Entry>) -> Result<BookBar, FoldError> {
    entries.sort_unstable();
    let all = entries.len();
    entries.dedup();
    let duplicate_count = (all - entries.len()) as u64;
    let distinct = entries.len();
    let mut told_until = None;
    entries.retain(|entry| {
        let apart = told_until.is_none_or(|until| entry.since >= until);
        if apart {
            told_until = Some(entry.end);
        }
        apart
    });
    let mids = entries.iter().filter_map(|entry| entry.mid);
    let mid = mids.reduce(Mid::before);
    let sum = |at: usize, column| {
        let mut numbers = entries.iter().map(|entry| entry.sums[at]);
        let sum = numbers.try_fold(Decimal::ZERO, Decimal::checked_add);
        sum.ok_or_else(|| FoldError { key: key.clone(), column })
    };
    let text: String = entries.iter().map(|entry| entry.text.as_str()).collect();
    Ok(BookBar {
        mid_open: mid.map(|mid| mid.open),
        mid_high: mid.map(|mid| mid.high),
        mid_low: mid.map(|mid| mid.low),
        mid_close: mid.map(|mid| mid.close),
        update_count: entries.iter().map(|entry| entry.updates.0).sum(),
        quoted_micros: entries.iter().map(|entry| entry.quoted_micros.0).sum(),
        spread_seconds: sum(0, "spread_seconds")?,
        bid_size_seconds: sum(1, "bid_size_seconds")?,
        ask_size_seconds: sum(2, "ask_size_seconds")?,
        ofi: sum(3, "ofi")?,
        line_count: entries.len() as u64,
        duplicate_count,
        conflict_count: (distinct - entries.len()) as u64,
        quarantined_count: 0,
        object_count: 0,
        fingerprint: Fingerprint(xxh3_64(text.as_bytes())),
        exchange: key.exchange,
        symbol: key.symbol,
        minute: key.minute,
    })
}

#[cfg(test)]
mod tests;
