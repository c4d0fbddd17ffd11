//! Gaps as data: the ids that no trade of a row and its neighbours covers, and what that says of a
//! bar; knows no database, and fills nothing.
//!
//! Neighbours are the nearest rows of the same exchange and symbol, however many empty minutes lie
//! between: contiguous ids prove that those minutes had no trade.

use serde::{Deserialize, Serialize};

use crate::bar::Bar;
use crate::time::{Minute, Time};
use crate::trade::{ExchangeName, Symbol};

/// How long after its end a minute's trades may still be on their way.
pub const GRACE_MINUTES: i64 = 5;

/// The grace is over: only a repair still changes the row.
pub fn is_final(minute: Minute, now: Time) -> bool {
    minute.plus(GRACE_MINUTES).end() <= now
}

/// Trades that are known to be missing, in one place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gap {
    pub exchange: ExchangeName,
    pub symbol: Symbol,
    /// The missing ids lie from this one to `last_missing_id`. Between two rows they are all that
    /// do; inside a row there may be others among them, which only its objects can tell.
    pub first_missing_id: u64,
    pub last_missing_id: u64,
    pub missing_count: u64,
    /// Exchange time of a trade before the first of them.
    pub from_time: Time,
    /// Exchange time of a trade behind the last of them. Its minute is that of the row at which the
    /// gap was found.
    pub to_time: Time,
}

impl Gap {
    /// The row at which it was found: the one that it is inside of, or the one behind it.
    pub fn minute(&self) -> Minute {
        self.to_time.minute()
    }

    /// Whether every id from the first to the last is missing.
    pub fn is_whole(&self) -> bool {
        self.last_missing_id - self.first_missing_id == self.missing_count - 1
    }

    pub fn overlaps(&self, other: &Gap) -> bool {
        (&self.exchange, &self.symbol) == (&other.exchange, &other.symbol)
            && self.first_missing_id <= other.last_missing_id
            && other.first_missing_id <= self.last_missing_id
    }
}

/// What of a row tells gaps.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Span {
    pub first_id: Option<u64>,
    pub last_id: Option<u64>,
    pub missing_count: Option<u64>,
    pub first_time: Time,
    pub last_time: Time,
}

impl From<&Bar> for Span {
    fn from(bar: &Bar) -> Span {
        Span {
            first_id: bar.first_id,
            last_id: bar.last_id,
            missing_count: bar.missing_count,
            first_time: bar.first_time,
            last_time: bar.last_time,
        }
    }
}

/// The gaps at one row: the one between it and its neighbour before, then the one inside it.
pub fn gaps_at(
    exchange: &ExchangeName,
    symbol: &Symbol,
    before: Option<&Span>,
    row: &Span,
) -> Vec<Gap> {
    let gap = |first: Option<u64>, last: Option<u64>, count: Option<u64>, from_time, to_time| {
        Some(Gap {
            exchange: exchange.clone(),
            symbol: symbol.clone(),
            first_missing_id: first?,
            last_missing_id: last?,
            missing_count: count.filter(|count| *count > 0)?,
            from_time,
            to_time,
        })
    };
    let outside = before.and_then(|before| {
        let first = before.last_id.map(|id| id + 1);
        let last = row.first_id.and_then(|id| id.checked_sub(1));
        gap(first, last, between(before, row), before.last_time, row.first_time)
    });
    let (first, last) =
        (row.first_id.map(|id| id + 1), row.last_id.and_then(|id| id.checked_sub(1)));
    let inside = gap(first, last, row.missing_count, row.first_time, row.last_time);
    outside.into_iter().chain(inside).collect()
}

/// The ids from `first` to `last` that none of these ranges covers, as ranges in their order.
pub fn uncovered(
    first: u64,
    last: u64,
    covered: impl IntoIterator<Item = (u64, u64)>,
) -> Vec<(u64, u64)> {
    let mut covered: Vec<(u64, u64)> = covered.into_iter().collect();
    covered.sort_unstable();
    let (mut left, mut next) = (Vec::new(), first);
    for (from, to) in covered {
        if next > last {
            break;
        }
        if from > next {
            left.push((next, last.min(from - 1)));
        }
        let Some(behind) = to.checked_add(1) else { return left };
        next = next.max(behind);
    }
    if next <= last {
        left.push((next, last));
    }
    left
}

/// Ids missing between two neighbouring bars; `None` where ids prove nothing: they are not
/// contiguous at this exchange, or the bars' ids overlap.
pub fn missing_between(earlier: &Bar, later: &Bar) -> Option<u64> {
    between(&earlier.into(), &later.into())
}

fn between(earlier: &Span, later: &Span) -> Option<u64> {
    later.first_id?.checked_sub(earlier.last_id?)?.checked_sub(1)
}

/// What is known of a bar, the better before the worse: of several bars together the greatest is
/// true.
///
/// A known gap outweighs all else, since it is a fact; then what can never be known by itself, then
/// what time will tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Completeness {
    /// Contiguous ids prove that no trade is missing.
    Complete,
    /// Nothing is known to be missing, and it cannot be proved yet: trades may be on their way, or
    /// there is no row behind it.
    Open,
    /// It cannot be proved: the ids are not contiguous or overlap a neighbour's, nothing is there
    /// before it, or lines were refused or contradicted.
    Unknown,
    /// Trades are known to be missing, inside it or between it and a neighbour.
    Gap,
}

/// What the ids of a bar and its neighbours prove.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Proof {
    /// Ids missing between the bar before and this one; `None` = unknown.
    pub missing_before: Option<u64>,
    /// Ids missing between this bar and the one behind; `None` = unknown.
    pub missing_after: Option<u64>,
    pub completeness: Completeness,
}

impl Proof {
    pub fn of(before: Option<&Bar>, bar: &Bar, behind: Option<&Bar>, now: Time) -> Proof {
        let missing_before = before.and_then(|before| missing_between(before, bar));
        let missing_after = behind.and_then(|behind| missing_between(bar, behind));
        let known = [missing_before, bar.missing_count, missing_after];
        // Behind the newest bar nothing is overlapped and nothing is proved.
        let after = if behind.is_none() { Some(0) } else { missing_after };
        let completeness = if known.iter().flatten().any(|count| *count > 0) {
            Completeness::Gap
        } else if bar.quarantined_count > 0
            || bar.conflict_count > 0
            || [missing_before, bar.missing_count, after].contains(&None)
        {
            Completeness::Unknown
        } else if behind.is_none() || !is_final(bar.minute, now) {
            Completeness::Open
        } else {
            Completeness::Complete
        };
        Proof { missing_before, missing_after, completeness }
    }
}

#[cfg(test)]
mod tests;
