//! Which minutes have objects that their rows do not know; lists nothing and folds nothing.

use std::collections::{BTreeMap, BTreeSet};

use lake::{Kind, MinutePrefix, ObjectCounts};
use market::{ExchangeName, Minute, Time};

use crate::Event;
use crate::inside::FoldedMinutes;

/// Minutes that are swept where the event does not say: an event that is lost is found by the next
/// call, and by several more should that fail.
const MINUTES: u32 = 30;
/// A minute's objects are written some two minutes after its end at most, and their events are on
/// their way for seconds: looking earlier would fold twice what is folded just now.
const ON_ITS_WAY_MINUTES: i64 = 3;

/// The minutes to be swept: `from <= minute < to`.
pub(crate) fn span(event: &Event, now: Time) -> (Minute, Minute) {
    let to = event.to.unwrap_or_else(|| now.minute().plus(-ON_ITS_WAY_MINUTES));
    let back = i64::from(event.minutes.unwrap_or(MINUTES));
    (event.from.unwrap_or_else(|| to.plus(-back).max(Minute::MIN)), to)
}

/// Minutes with more objects than their rows were folded from. With fewer, some were taken away,
/// and the row that knew more stays.
pub(crate) fn stale(
    kind: Kind,
    objects: &ObjectCounts,
    folded: &[FoldedMinutes],
) -> BTreeSet<MinutePrefix> {
    let folded: BTreeMap<(&ExchangeName, Minute), u64> = folded
        .iter()
        .flat_map(|it| it.minutes.iter().map(|(minute, count)| ((&it.exchange, *minute), *count)))
        .collect();
    let is_stale = |(minute, count): &(&MinutePrefix, &u64)| {
        let known = folded.get(&(&minute.exchange, minute.minute)).copied().unwrap_or(0);
        minute.kind == kind && **count > known
    };
    objects.iter().filter(is_stale).map(|(minute, _)| minute.clone()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn minutes_with_more_objects_than_their_rows_are_stale() {
        let exchange: ExchangeName = "binance".parse().expect("a name");
        let noon: Minute = "2026-11-20T12:00:00Z".parse().expect("a minute");
        let minute = |at| MinutePrefix::raw_trades(exchange.clone(), noon.plus(at));
        let objects = ObjectCounts::from([(minute(0), 1), (minute(1), 2), (minute(2), 1)]);
        let objects = objects.into_iter().chain([(minute(3), 1)]).collect();
        let minutes = vec![(noon, 1), (noon.plus(1), 1), (noon.plus(3), 2)];
        let folded = [FoldedMinutes { exchange: exchange.clone(), minutes }];
        let found = stale(Kind::Trades, &objects, &folded);
        assert_eq!(found, BTreeSet::from([minute(1), minute(2)]), "one has no row at all");
        assert_eq!(stale(Kind::Books, &objects, &folded), BTreeSet::new());
    }

    #[test]
    fn the_last_minutes_are_swept_or_those_that_the_event_names() {
        let now: Time = "2026-11-20T12:10:30Z".parse().expect("a time");
        let minute = |text: &str| text.parse::<Minute>().expect("a minute");
        let usual = span(&Event::default(), now);
        assert_eq!(usual, (minute("2026-11-20T11:37:00Z"), minute("2026-11-20T12:07:00Z")));
        let day = Event { minutes: Some(1_440), ..Event::default() };
        assert_eq!(span(&day, now).0, minute("2026-11-19T12:07:00Z"));
        let (from, to) = (minute("2026-11-01T00:00:00Z"), minute("2026-11-02T00:00:00Z"));
        let named = Event { from: Some(from), to: Some(to), minutes: None };
        assert_eq!(span(&named, now), (from, to));
    }
}
