//! The trades that bars are made of, each of them once, for whoever keeps the trades themselves; by
//! the rules of the fold, and no others.

use std::collections::BTreeMap;

use super::{Entry, distinct};
use crate::bar::BarKey;
use crate::trade::Trade;

/// What is left of one symbol's trades of one minute.
#[derive(Debug, PartialEq, Eq)]
pub struct Kept {
    /// In the order of time, then of ids. They cover as many raw trades as the bar counts.
    pub trades: Vec<Trade>,
    /// Lines that only repeat them.
    pub duplicate_count: u64,
    /// Lines that contradict them.
    pub conflict_count: u64,
}

/// Drops what the fold drops. Depends on the *set* of trades only: of lines that are equal for a
/// bar the one that was received first is kept.
pub fn keep(mut trades: Vec<Trade>) -> BTreeMap<BarKey, Kept> {
    trades.sort_by_key(|trade| {
        let (marks, fill) = (&trade.marks, &trade.fill);
        (trade.received, marks.block, marks.liquidation, fill.price(), fill.size())
    });
    let mut minutes: BTreeMap<BarKey, Vec<Entry>> = BTreeMap::new();
    for (at, trade) in trades.iter().enumerate() {
        let at = u32::try_from(at).expect("a minute's trades fit into memory");
        let (key, entry) = Entry::of(trade.clone(), at);
        minutes.entry(key).or_default().push(entry);
    }
    let kept = minutes.into_iter().map(|(key, entries)| {
        let mut kept = distinct(entries);
        kept.entries
            .sort_unstable_by(|one, other| (one.time, &one.id).cmp(&(other.time, &other.id)));
        let trades = kept.entries.iter().map(|entry| trades[entry.at as usize].clone()).collect();
        let (duplicate_count, conflict_count) = (kept.duplicate_count, kept.conflict_count);
        (key, Kept { trades, duplicate_count, conflict_count })
    });
    kept.collect()
}
