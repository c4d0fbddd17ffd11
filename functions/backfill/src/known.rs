//! What of a minute's trades is recorded already, and is recorded as the exchange tells it; reads
//! and writes nothing.

use std::collections::{BTreeMap, BTreeSet};

use market::fold::SAME_TIME_MICROS;
use market::{Decimal, Ids, Trade};

/// The recorded trades of one symbol and of a minute or some, by what identifies them.
#[derive(Debug, Default)]
pub(crate) struct Known<'a> {
    /// By the first id; some begin with the same.
    ranges: BTreeMap<u64, Vec<&'a Trade>>,
    /// The most ids that one of them covers.
    widest: u64,
    opaque: BTreeMap<&'a str, Vec<&'a Trade>>,
}

impl<'a> Known<'a> {
    pub(crate) fn of(recorded: &'a [Trade]) -> Known<'a> {
        let mut known = Known::default();
        recorded.iter().for_each(|trade| known.add(trade));
        known
    }

    fn add(&mut self, trade: &'a Trade) {
        match &trade.ids {
            Ids::Range { first, .. } => {
                self.widest = self.widest.max(trade.ids.count());
                self.ranges.entry(*first).or_default().push(trade);
            }
            Ids::Opaque(id) => self.opaque.entry(id).or_default().push(trade),
        }
    }

    /// Whether the trade is recorded, whole and as it is told here. One that is recorded otherwise
    /// is to be written as well: the exchange's records come first then.
    pub(crate) fn holds(&self, trade: &Trade) -> bool {
        match &trade.ids {
            Ids::Opaque(id) => {
                self.opaque.get(&**id).is_some_and(|it| it.iter().any(|it| same(it, trade)))
            }
            Ids::Range { first, last } => self.holds_range(trade, *first, *last),
        }
    }

    fn holds_range(&self, trade: &Trade, first: u64, last: u64) -> bool {
        let same_ids = self.ranges.get(&first).into_iter().flatten();
        if same_ids.clone().any(|it| it.ids == trade.ids && same(it, trade)) {
            return true;
        }
        // Single fills of an aggregate trade, or an aggregate of these fills.
        let from = first.saturating_sub(self.widest.saturating_sub(1));
        let mut next = first;
        let mut size = Some(Decimal::ZERO);
        let mut whole = false;
        for it in self.ranges.range(from..=last).flat_map(|(_, trades)| trades) {
            let Ids::Range { first: begin, last: end } = it.ids else { continue };
            if end < next {
                continue;
            }
            if begin > next || !alike(it, trade) {
                return false;
            }
            whole |= begin < first || end > last;
            size = size.and_then(|size| size.checked_add(it.fill.size().value()));
            next = end.saturating_add(1);
            if next > last {
                return whole || size == Some(trade.fill.size().value());
            }
        }
        false
    }

    /// Whether what is recorded has ids of another kind than these: then nothing tells which of
    /// these trades are recorded, and to write them would count them twice.
    pub(crate) fn is_strange_to(&self, trades: &[Trade]) -> bool {
        let told: BTreeSet<&str> = trades.iter().filter_map(opaque).collect();
        !self.opaque.is_empty()
            && !told.is_empty()
            && self.opaque.keys().all(|id| !told.contains(id))
    }
}

fn opaque(trade: &Trade) -> Option<&str> {
    match &trade.ids {
        Ids::Opaque(id) => Some(id),
        Ids::Range { .. } => None,
    }
}

fn same(one: &Trade, other: &Trade) -> bool {
    alike(one, other) && one.fill.size().value() == other.fill.size().value()
}

/// All fills of an aggregate trade share these.
fn alike(one: &Trade, other: &Trade) -> bool {
    one.side == other.side
        && one.fill.price().value() == other.fill.price().value()
        && one.fill.is_inverse() == other.fill.is_inverse()
        && one.time.micros().abs_diff(other.time.micros()) < SAME_TIME_MICROS
}

#[cfg(test)]
mod tests {
    use market::trade::{Marks, fill};
    use market::{Side, Source, Time};

    use super::*;

    fn trade(first: u64, last: u64, size: &str) -> Trade {
        let time = Time::from_micros(1_795_176_000_000_007).expect("time");
        Trade {
            exchange: "binance".parse().expect("name"),
            symbol: "BTCUSDT".parse().expect("symbol"),
            time,
            side: Side::Buy,
            fill: fill("43000.10", size).expect("fill"),
            ids: Ids::range(first, last).expect("ids"),
            received: time,
            source: Source::Ws,
            marks: Marks::default(),
        }
    }

    fn named(id: &str) -> Trade {
        Trade { ids: Ids::opaque(id).expect("id"), ..trade(1, 1, "1") }
    }

    fn holds(recorded: &[Trade], told: &Trade) -> bool {
        Known::of(recorded).holds(told)
    }

    #[test]
    fn a_trade_is_known_by_its_ids_and_what_it_says() {
        let recorded = [trade(100, 105, "2"), trade(106, 106, "1")];
        assert!(holds(&recorded, &Trade { source: Source::Archive, ..trade(100, 105, "2.000") }));
        assert!(!holds(&recorded, &trade(107, 107, "1")));
        assert!(!holds(&recorded, &trade(100, 105, "3")), "contradicted");
        assert!(!holds(&recorded, &Trade { side: Side::Sell, ..trade(106, 106, "1") }));
        let mut later = trade(106, 106, "1");
        later.time = Time::from_micros(later.time.micros() - 7).expect("time");
        assert!(holds(&recorded, &later), "cut at the millisecond");
        later.time = Time::from_micros(later.time.micros() - 1_000).expect("time");
        assert!(!holds(&recorded, &later));
    }

    #[test]
    fn fills_are_an_aggregate_trade_if_they_are_all_there_and_add_up() {
        let fills: Vec<_> = (100..106).map(|id| trade(id, id, "0.5")).collect();
        assert!(holds(&fills, &trade(100, 105, "3")));
        assert!(!holds(&fills, &trade(100, 105, "3.5")));
        assert!(!holds(&fills[1..], &trade(100, 105, "3")));
        assert!(!holds(&[&fills[..2], &fills[3..]].concat(), &trade(100, 105, "3")));
        assert!(!holds(&fills, &trade(104, 106, "1.5")));
        let aggregate = [trade(90, 95, "1"), trade(100, 105, "3")];
        assert!(holds(&aggregate, &fills[3]), "the other way round");
        assert!(holds(&[&aggregate[..], &fills].concat(), &trade(100, 105, "3")));
    }

    #[test]
    fn ids_of_another_kind_are_strange() {
        assert!(!Known::of(&[]).is_strange_to(&[named("1")]), "nothing is recorded");
        let recorded = [named("a-1"), named("a-2")];
        let known = Known::of(&recorded);
        assert!(known.is_strange_to(&[named("1"), named("2")]));
        assert!(!known.is_strange_to(&[named("a-2"), named("a-3")]));
        assert!(!known.is_strange_to(&[]));
        assert!(known.holds(&named("a-1")) && !known.holds(&named("a-3")));
    }
}
