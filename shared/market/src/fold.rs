//! A set of trades -> one bar per symbol and minute; knows neither objects nor databases.
//!
//! A bar depends on the *set* of trades only: order and repetition change nothing but the counts
//! of repetition themselves.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use xxhash_rust::xxh3::Xxh3Default;

use crate::bar::{Bar, BarKey, Fingerprint};
use crate::decimal::Decimal;
use crate::time::Time;
use crate::trade::{Ids, Side, Source, Trade};

pub use kept::{Kept, keep};

mod kept;

/// A sum left the 38 digits that a row holds. The trades are kept; no wrong row is made of them.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{key}: {column} needs more than 38 digits")]
pub struct FoldError {
    pub key: BarKey,
    pub column: &'static str,
}

/// The sources of one exchange cut a trade's time at different digits: Kraken's REST tells a float
/// of some hundred nanoseconds, older files of Binance milliseconds. Told so close by two sources,
/// it is one time.
const SAME_TIME_MICROS: u64 = 1_000;

/// Trades on their way to bars.
#[derive(Debug, Default)]
pub struct Fold {
    minutes: BTreeMap<BarKey, Vec<Entry>>,
}

/// What a bar needs of a trade. The order of the fields is the rule of conflicts: of lines with
/// the same first id the one that covers more comes first, then the exchange's records before the
/// socket's, then the smaller values; the first one wins.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Entry {
    id: EntryId,
    source: Source,
    time: Time,
    side: Side,
    price: Decimal,
    /// As the exchange wrote it; in an inverse contract that is the quote volume.
    size: Decimal,
    base: Decimal,
    quote: Decimal,
    /// Which trade it was of those that were added; of equal ones the first is kept.
    at: u32,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum EntryId {
    Range { first: u64, last: Reverse<u64> },
    Opaque(Box<str>),
}

impl Fold {
    pub fn add(&mut self, trade: Trade) {
        let (key, entry) = Entry::of(trade, 0);
        self.minutes.entry(key).or_default().push(entry);
    }

    /// The bars in the order of exchange, symbol and minute. A bar that cannot be told exactly is
    /// an error of its own and holds up no other.
    pub fn bars(self) -> impl Iterator<Item = Result<Bar, FoldError>> {
        self.minutes.into_iter().map(|(key, entries)| bar(key, entries))
    }
}

/// Bars of trades, where all of them must succeed.
pub fn fold(trades: impl IntoIterator<Item = Trade>) -> Result<Vec<Bar>, FoldError> {
    let mut fold = Fold::default();
    trades.into_iter().for_each(|trade| fold.add(trade));
    fold.bars().collect()
}

fn bar(key: BarKey, entries: Vec<Entry>) -> Result<Bar, FoldError> {
    let Distinct { entries, duplicate_count, conflict_count } = distinct(entries);
    let by_time = |entry: &&Entry| (entry.time, entry.id.clone());
    let open = entries.iter().min_by_key(by_time).expect("a group has an entry");
    let close = entries.iter().max_by_key(by_time).expect("a group has an entry");
    let prices = || entries.iter().map(|entry| entry.price);
    let (buy, sell) = (Flow::of(&key, &entries, Side::Buy)?, Flow::of(&key, &entries, Side::Sell)?);
    let trade_count = buy.count + sell.count;
    let ids = id_span(&entries);
    Ok(Bar {
        open: open.price,
        high: prices().max().expect("a group has an entry"),
        low: prices().min().expect("a group has an entry"),
        close: close.price,
        buy_count: buy.count,
        sell_count: sell.count,
        buy_base_volume: buy.base_volume,
        sell_base_volume: sell.base_volume,
        buy_quote_volume: buy.quote_volume,
        sell_quote_volume: sell.quote_volume,
        first_id: ids.map(|(first, _)| first),
        last_id: ids.map(|(_, last)| last),
        first_time: open.time,
        last_time: close.time,
        trade_count,
        missing_count: ids.map(|(first, last)| last - first + 1 - trade_count),
        duplicate_count,
        conflict_count,
        quarantined_count: 0,
        object_count: 0,
        fingerprint: fingerprint(&entries),
        exchange: key.exchange,
        symbol: key.symbol,
        minute: key.minute,
    })
}

struct Distinct {
    /// In the order of their ids; no raw id is covered twice.
    entries: Vec<Entry>,
    duplicate_count: u64,
    conflict_count: u64,
}

/// Drops what is covered already: the same trade again, raw trades of an aggregate that is here,
/// and what contradicts a trade that goes before it.
fn distinct(mut entries: Vec<Entry>) -> Distinct {
    entries.sort_unstable();
    let mut found = Distinct { entries: Vec::new(), duplicate_count: 0, conflict_count: 0 };
    // Raw trades of the last entry that was kept.
    let mut parts = Vec::new();
    for entry in entries {
        match found.entries.last().map_or(Overlap::None, |kept| overlap(kept, &entry)) {
            Overlap::None => {
                found.settle(std::mem::take(&mut parts));
                found.entries.push(entry);
            }
            Overlap::Same => found.duplicate_count += 1,
            Overlap::Part => parts.push(entry),
            Overlap::Contradiction => found.conflict_count += 1,
        }
    }
    found.settle(parts);
    found
}

impl Distinct {
    /// Raw trades repeat their aggregate if they add up to it, as far as they are here.
    fn settle(&mut self, parts: Vec<Entry>) {
        let Some(whole) = self.entries.last().filter(|_| !parts.is_empty()) else { return };
        let of_parts = distinct(parts);
        let count: u64 = of_parts.entries.iter().map(|part| part.id.count()).sum();
        let mut sizes = of_parts.entries.iter().map(|part| part.size);
        let size = sizes.try_fold(Decimal::ZERO, Decimal::checked_add);
        let agrees = size.is_some_and(|size| {
            if count == whole.id.count() { size == whole.size } else { size < whole.size }
        });
        let lines = of_parts.entries.len() as u64;
        self.duplicate_count += of_parts.duplicate_count + if agrees { lines } else { 0 };
        self.conflict_count += of_parts.conflict_count + if agrees { 0 } else { lines };
    }
}

/// What an entry is to the one that was kept before it.
enum Overlap {
    None,
    Same,
    /// It may be some of the fills of the aggregate that was kept.
    Part,
    Contradiction,
}

fn overlap(kept: &Entry, entry: &Entry) -> Overlap {
    // All fills of an aggregate trade share its price, side and time.
    let agree = (kept.side, kept.price) == (entry.side, entry.price)
        && kept.same_time(entry)
        && kept.is_inverse() == entry.is_inverse();
    match (&kept.id, &entry.id) {
        (one, other) if one == other && agree && kept.size == entry.size => Overlap::Same,
        (one, other) if one == other => Overlap::Contradiction,
        (
            EntryId::Range { last: Reverse(end), .. },
            EntryId::Range { first, last: Reverse(last) },
        ) if first <= end => {
            if agree && last <= end {
                Overlap::Part
            } else {
                Overlap::Contradiction
            }
        }
        _ => Overlap::None,
    }
}

/// Trades of one side, summed.
#[derive(Default)]
struct Flow {
    count: u64,
    base_volume: Decimal,
    quote_volume: Decimal,
}

impl Flow {
    fn of(key: &BarKey, entries: &[Entry], side: Side) -> Result<Flow, FoldError> {
        let too_large = |column| move || FoldError { key: key.clone(), column };
        let mut flow = Flow::default();
        for entry in entries.iter().filter(|entry| entry.side == side) {
            flow.count += entry.id.count();
            let base = flow.base_volume.checked_add(entry.base);
            flow.base_volume = base.ok_or_else(too_large("base_volume"))?;
            let quote = flow.quote_volume.checked_add(entry.quote);
            flow.quote_volume = quote.ok_or_else(too_large("quote_volume"))?;
        }
        Ok(flow)
    }
}

impl Entry {
    fn same_time(&self, other: &Entry) -> bool {
        let apart = self.time.micros().abs_diff(other.time.micros());
        apart == 0 || (self.source != other.source && apart < SAME_TIME_MICROS)
    }

    fn of(trade: Trade, at: u32) -> (BarKey, Entry) {
        let minute = trade.minute();
        let id = match trade.ids {
            Ids::Range { first, last } => EntryId::Range { first, last: Reverse(last) },
            Ids::Opaque(id) => EntryId::Opaque(id),
        };
        let entry = Entry {
            id,
            source: trade.source,
            time: trade.time,
            side: trade.side,
            price: trade.fill.price().value(),
            size: trade.fill.size().value(),
            base: trade.fill.base(),
            quote: trade.fill.quote(),
            at,
        };
        (BarKey { exchange: trade.exchange, symbol: trade.symbol, minute }, entry)
    }

    /// Sized in quote units. At a price of one the two readings are one trade.
    fn is_inverse(&self) -> bool {
        self.base != self.size
    }
}

impl EntryId {
    fn count(&self) -> u64 {
        match self {
            EntryId::Range { first, last: Reverse(last) } => last - first + 1,
            EntryId::Opaque(_) => 1,
        }
    }
}

/// The smallest and largest id; `None` as soon as one trade has no contiguous id.
fn id_span(entries: &[Entry]) -> Option<(u64, u64)> {
    let range = |entry: &Entry| match &entry.id {
        EntryId::Range { first, last: Reverse(last) } => Some((*first, *last)),
        EntryId::Opaque(_) => None,
    };
    let spans = entries.iter().map(range);
    spans.reduce(|one, other| Some((one?.0.min(other?.0), one?.1.max(other?.1)))).flatten()
}

fn fingerprint(entries: &[Entry]) -> Fingerprint {
    let mut hash = Xxh3Default::new();
    for entry in entries {
        match &entry.id {
            EntryId::Range { first, last: Reverse(last) } => {
                hash.update(&first.to_le_bytes());
                hash.update(&last.to_le_bytes());
            }
            EntryId::Opaque(id) => hash.update(id.as_bytes()),
        }
        hash.update(&entry.time.micros().to_le_bytes());
        hash.update(entry.side.as_str().as_bytes());
        hash.update(&entry.price.to_le_bytes());
        hash.update(&entry.size.to_le_bytes());
        if entry.is_inverse() {
            hash.update(b"inverse");
        }
    }
    Fingerprint(hash.digest())
}

#[cfg(test)]
mod tests;
