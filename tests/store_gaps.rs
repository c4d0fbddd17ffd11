//! Gaps as each database finds them, held against the ids themselves; what was tried to fill them;
//! and how many objects rows were made of.

use market::gap::gaps_at;
use market::{Bar, BookBar, Gap, Minute, Span, Trade, fold};
use proptest::prelude::*;
use proptest::sample::subsequence;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use store::{Objects, Outcome, Range, Repair, Store};
use tests::books::{book_bars, book_lines};
use tests::databases::Database;
use tests::trades::{MINUTE, NOON, name, symbol, time, trade, trades};

/// Histories that are made up, each on each database.
const HISTORIES: u32 = 12;

fn all(limit: u32) -> Range {
    let (from, to) = (Minute::MIN, Minute::MAX);
    Range { exchange: name("binance"), symbol: symbol("BTCUSDT"), from, to, limit }
}

fn minute(at: i64) -> Minute {
    time(NOON + at * MINUTE).minute()
}

async fn put(store: &Store, trades: Vec<Trade>) -> Vec<Bar> {
    let bars = fold(trades).expect("small sums").into_iter();
    let bars: Vec<Bar> = bars.map(|bar| Bar { object_count: 2, ..bar }).collect();
    store.put_newer(&bars).await.expect("written");
    bars
}

/// What the rows themselves say, one after the other.
fn expected(bars: &[Bar]) -> Vec<Gap> {
    let spans: Vec<Span> = bars.iter().map(Span::from).collect();
    let gaps = bars.iter().enumerate().flat_map(|(at, bar)| {
        let before = at.checked_sub(1).map(|before| &spans[before]);
        gaps_at(&bar.exchange, &bar.symbol, before, &spans[at])
    });
    gaps.collect()
}

#[tokio::test]
async fn every_database_finds_the_gaps_that_the_rows_tell() {
    let trades = trades(1, 60, 20);
    let histories = subsequence(trades, 1..60);
    let mut runner = TestRunner::deterministic();
    let mut found = 0;
    for _ in 0..HISTORIES {
        let history = histories.new_tree(&mut runner).expect("a history").current();
        for database in Database::all().await {
            let store = database.store();
            let bars = put(&store, history.clone()).await;
            let expected = expected(&bars);
            found += expected.len();
            let gaps = store.gaps(&all(100)).await.expect("gaps");
            assert_eq!((&gaps.gaps, gaps.next), (&expected, None), "{}", database.name);
            let lost: u64 = expected.iter().map(|gap| gap.missing_count).sum();
            let (first, last) = (bars[0].first_id, bars[bars.len() - 1].last_id);
            let span = last.expect("ids") - first.expect("ids") + 1;
            assert_eq!(lost, span - history.len() as u64, "{}", database.name);

            // Page by page it is the same, and of any range what is found at its rows.
            let (mut walked, mut from) = (Vec::new(), Some(Minute::MIN));
            while let Some(start) = from {
                let page = store.gaps(&Range { from: start, ..all(2) }).await.expect("gaps");
                walked.extend(page.gaps);
                from = page.next;
            }
            assert_eq!(walked, expected, "{}", database.name);
            let some = Range { from: minute(7), to: minute(13), ..all(100) };
            let some = store.gaps(&some).await.expect("gaps").gaps;
            let inside = |gap: &&Gap| (minute(7)..minute(13)).contains(&gap.minute());
            let expected: Vec<Gap> = expected.iter().filter(inside).cloned().collect();
            assert_eq!(some, expected, "{}", database.name);
        }
    }
    assert!(found > 100, "the histories have gaps: {found}");
}

fn repair(first: u64, at: i64) -> Repair {
    Repair {
        gap: Gap {
            exchange: name("binance"),
            symbol: symbol("BTCUSDT"),
            first_missing_id: first,
            last_missing_id: first + 4,
            missing_count: 5,
            from_time: time(NOON + at * MINUTE),
            to_time: time(NOON + at * MINUTE + 7),
        },
        attempts: 1,
        outcome: Outcome::Open,
        reason: None,
        last_attempt: time(NOON + 600_000_000),
        next_attempt: Some(time(NOON + 900_000_000)),
        throttled_until: None,
    }
}

#[tokio::test]
async fn what_was_tried_is_kept_and_a_later_attempt_is_not_undone() {
    for database in Database::all().await {
        let store = database.store();
        let (one, two) = (repair(10, 0), repair(100, 1));
        store.put_repairs(&[two.clone(), one.clone()]).await.expect("written");
        store.put_repairs(&[]).await.expect("nothing to write");
        let read = async || store.repairs(&all(10)).await.expect("repairs");
        assert_eq!(read().await, [one.clone(), two.clone()], "{}", database.name);

        let later = Repair {
            attempts: 2,
            outcome: Outcome::Unfillable,
            reason: Some("Binance says: «no» 'such' \"id\"".to_owned()),
            last_attempt: time(NOON + 700_000_000),
            next_attempt: None,
            throttled_until: Some(time(NOON + 800_000_000)),
            gap: Gap { missing_count: 4, last_missing_id: 13, ..one.gap.clone() },
        };
        for repair in [&later, &one, &later] {
            store.put_repairs(std::slice::from_ref(repair)).await.expect("written");
        }
        assert_eq!(read().await, [later.clone(), two.clone()], "{}", database.name);
        let filled = Repair { outcome: Outcome::Filled, reason: None, ..later };
        store.put_repairs(std::slice::from_ref(&filled)).await.expect("written");
        let long = Repair { reason: Some("ü\0".repeat(1_000)), ..two.clone() };
        store.put_repairs(&[long]).await.expect("written");
        let read = read().await;
        assert_eq!(read[0], filled, "{}", database.name);
        assert_eq!(read[1].reason, Some("ü".repeat(400)), "{}", database.name);
        let second = Range { from: minute(1), ..all(10) };
        let second = store.repairs(&second).await.expect("repairs");
        assert_eq!(second.len(), 1, "{}", database.name);
    }
}

#[tokio::test]
async fn rows_tell_how_many_objects_they_are_made_of() {
    for database in Database::all().await {
        let store = database.store();
        let other = |trade: Trade| Trade { symbol: symbol("ETHUSDT"), ..trade };
        put(&store, trades(1, 6, 3)).await;
        put(&store, vec![other(trade(9, NOON))]).await;
        store.put_newer(&book_bars(book_lines(6, 3), 3)).await.expect("written");
        let objects = |at: i64, object_count| Objects { minute: minute(at), object_count };
        let two = Range { to: minute(2), ..all(1) };
        let bars = store.objects::<Bar>(&two).await.expect("counts");
        assert_eq!(bars, [objects(0, 2), objects(1, 2)], "{}", database.name);
        let books = store.objects::<BookBar>(&two).await.expect("counts");
        assert_eq!(books, [objects(0, 3), objects(1, 3)], "{}", database.name);
    }
}
