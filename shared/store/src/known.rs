//! Gaps with what came of filling them, page by page: what a reader wants to know of a range. It
//! finds no gap and tries nothing.

use std::collections::BTreeMap;

use market::{Gap, Minute, Time};
use serde::{Deserialize, Serialize};

use crate::{Gaps, Outcome, Range, Repair, Store, StoreError};

/// What was tried, of one page: a page ends where there is more.
const MAX_REPAIRS: u32 = 10_000;

/// A gap that is there, or was until it was filled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KnownGap {
    /// That of the row at which it was found.
    pub minute: Minute,
    #[serde(flatten)]
    pub gap: Gap,
    pub state: Outcome,
    pub reason: Option<String>,
    pub attempts: u32,
    pub last_attempt: Option<Time>,
    pub next_attempt: Option<Time>,
}

/// Some of a range.
#[derive(Debug)]
pub struct KnownGaps {
    /// In the order of their minutes.
    pub gaps: Vec<KnownGap>,
    /// The first minute that was not looked at; `None` when all were.
    pub next: Option<Minute>,
    /// Whether there never was any, as of a symbol that is not known.
    pub is_empty: bool,
}

impl Store {
    /// All gaps that are there at rows of a range, and those that were and are filled;
    /// `range.limit` counts the rows with gaps.
    pub async fn known_gaps(&self, range: &Range) -> Result<KnownGaps, StoreError> {
        let Gaps { gaps, next } = self.gaps(range).await?;
        let end = next.unwrap_or(range.to);
        let of_page = Range { to: end, limit: MAX_REPAIRS, ..range.clone() };
        let repairs = self.repairs(&of_page).await?;
        let more = repairs.last().filter(|_| repairs.len() == MAX_REPAIRS as usize);
        let (end, next) = match more.map(|repair| repair.gap.minute()) {
            Some(end) => (end, Some(end)),
            None => (end, next),
        };
        let is_empty = gaps.is_empty() && repairs.is_empty();
        Ok(KnownGaps { gaps: known(gaps, repairs, end), next, is_empty })
    }
}

fn known(gaps: Vec<Gap>, repairs: Vec<Repair>, end: Minute) -> Vec<KnownGap> {
    let tried = repairs.into_iter().map(|repair| (repair.gap.first_missing_id, repair));
    let mut tried: BTreeMap<u64, Repair> = tried.collect();
    let there = gaps.into_iter().map(|gap| {
        let repair = tried.remove(&gap.first_missing_id);
        KnownGap::new(gap, repair)
    });
    let mut known: Vec<KnownGap> = there.collect();
    let filled = tried.into_values().filter(|repair| repair.outcome == Outcome::Filled);
    known.extend(filled.map(|repair| KnownGap {
        state: Outcome::Filled,
        ..KnownGap::new(repair.gap.clone(), Some(repair))
    }));
    known.retain(|gap| gap.minute < end);
    known.sort_by_key(|known| (known.minute, known.gap.first_missing_id));
    known
}

impl KnownGap {
    /// A gap that is there: one that was filled and is there again is open.
    fn new(gap: Gap, repair: Option<Repair>) -> KnownGap {
        let state = match repair.as_ref().map(|repair| repair.outcome) {
            Some(Outcome::Unfillable) => Outcome::Unfillable,
            Some(Outcome::Open | Outcome::Filled) | None => Outcome::Open,
        };
        KnownGap {
            minute: gap.minute(),
            gap,
            state,
            reason: repair.as_ref().and_then(|repair| repair.reason.clone()),
            attempts: repair.as_ref().map_or(0, |repair| repair.attempts),
            last_attempt: repair.as_ref().map(|repair| repair.last_attempt),
            next_attempt: repair.as_ref().and_then(|repair| repair.next_attempt),
        }
    }
}
