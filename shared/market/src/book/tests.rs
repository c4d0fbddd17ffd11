//! The book's tests: each exchange's rule by hand, and properties against a book of integers.

use proptest::prelude::*;

use super::*;
use crate::time::Time;

/// Kraken's documented example of a checksum.
const DOCUMENTED: u32 = 3_310_070_434;
const DOCUMENTED_ASKS: &str = "45285.2 0.00100000, 45286.4 1.54571953, 45286.6 1.54571109, 45289.6 1.54560911, 45290.2 0.15890660, 45291.8 1.54553491, 45294.7 0.04454749, 45296.1 0.35380000, 45297.5 0.09945542, 45299.5 0.18772827";
const DOCUMENTED_BIDS: &str = "45283.5 0.10000000, 45283.4 1.54582015, 45282.1 0.10000000, 45281.0 0.10000000, 45280.3 1.54592586, 45279.0 0.07990000, 45277.6 0.03310103, 45277.5 0.30000000, 45277.3 1.54602737, 45276.6 0.15445238";

fn symbol() -> Symbol {
    "BTC-USD".parse().expect("symbol")
}

/// `price size, price size`; a size of 0 deletes.
fn levels(text: &str) -> Vec<Level> {
    let level = |pair: &str| {
        let (price, size) = pair.trim().split_once(' ').expect("price and size");
        Level::read(price, size).expect(pair)
    };
    text.split(',').filter(|pair| !pair.trim().is_empty()).map(level).collect()
}

fn update(form: Form, proof: Proof, bids: &str, asks: &str) -> BookUpdate {
    let time = Time::from_micros(1_700_000_000_000_000).expect("time");
    let (bids, asks) = (levels(bids), levels(asks));
    BookUpdate { symbol: symbol(), time, received: time, form, proof, bids, asks, inverse: false }
}

fn range(first: u64, last: u64) -> Proof {
    Proof::Range { first, last }
}

fn best(book: &Book) -> (String, String) {
    let text = |side: Option<Standing>| {
        side.map_or("-".to_owned(), |(price, size)| format!("{price} {size}"))
    };
    (text(book.best().bid), text(book.best().ask))
}

fn shows(book: &Book, bid: &str, ask: &str) {
    assert_eq!(best(book), (bid.to_owned(), ask.to_owned()));
}

#[test]
fn changes_put_replace_and_delete_levels() {
    let mut book = Book::new(Exchange::Bybit, symbol());
    let change = |last, bids, asks| update(Form::Change, range(last, last), bids, asks);
    assert_eq!(book.apply(change(4, "9 1", "")), Ok(Applied::Waiting));
    shows(&book, "-", "-");
    let snapshot = update(Form::Snapshot, range(5, 5), "10 1, 9 2, 8 3", "11 1, 12 2");
    assert_eq!(book.apply(snapshot.clone()), Ok(Applied::Done));
    shows(&book, "10 1", "11 1");
    assert_eq!(book.apply(change(6, "10 0, 9.0 2.50", "10.5 4, 11 0")), Ok(Applied::Done));
    shows(&book, "9.0 2.50", "10.5 4");
    assert_eq!(book.apply(change(6, "9 7", "")), Ok(Applied::Old), "it came twice");
    shows(&book, "9.0 2.50", "10.5 4");
    let (bids, asks) = book.top(1);
    assert_eq!((bids.len(), asks.len(), book.top(10).0.len()), (1, 1, 2));
    assert_eq!(book.apply(snapshot), Ok(Applied::Done), "a snapshot begins anew");
    shows(&book, "10 1", "11 1");
}

#[test]
fn a_hole_in_the_update_ids_breaks_the_book_until_the_next_snapshot() {
    let snapshot = || update(Form::Snapshot, range(5, 5), "10 1", "11 1");
    let change = |first, last| update(Form::Change, range(first, last), "10 2", "");
    let mut book = Book::new(Exchange::BybitSpot, symbol());
    book.apply(snapshot()).expect("a beginning");
    let broken = book.apply(change(7, 7)).expect_err("6 is missing");
    assert_eq!(
        broken.to_string(),
        "BTC-USD: update 7 of the book came where 6 was due; subscribe anew"
    );
    shows(&book, "-", "-");
    assert_eq!(book.apply(change(8, 8)), Ok(Applied::Waiting), "said once, not of each message");
    book.apply(snapshot()).expect("a new beginning");
    assert!(book.is_known());
    book.reset();
    assert!(!book.is_known());
}

#[test]
fn changes_wait_for_a_snapshot_by_rest_and_those_in_it_are_passed_over() {
    let change = |first, last, bids| update(Form::Change, range(first, last), bids, "");
    let snapshot = |last| update(Form::Snapshot, range(last, last), "10 1", "11 1");
    let mut book = Book::new(Exchange::Binance, symbol());
    for early in [change(100, 104, "9 9"), change(105, 109, "10 2"), change(110, 110, "10 3")] {
        assert_eq!(book.apply(early), Ok(Applied::Waiting));
    }
    let stale = book.apply(snapshot(98)).expect_err("99 is in neither");
    assert_eq!(stale, Broken::Stale { symbol: symbol(), last: 98, first: 100 });
    // The changes are still there for a newer snapshot, which may end inside one of them.
    assert_eq!(book.apply(snapshot(106)), Ok(Applied::Done));
    shows(&book, "10 3", "11 1");
    assert_eq!(book.top(10).0.len(), 1, "what the snapshot held already was not taken again");
    assert_eq!(book.apply(change(111, 120, "10 4")), Ok(Applied::Done));
    assert!(matches!(book.apply(change(122, 122, "10 5")), Err(Broken::Gap { expected: 121, .. })));
}

#[test]
fn no_more_changes_wait_than_a_limit() {
    let mut book = Book::new(Exchange::Binance, symbol());
    for id in 0..=MAX_EARLY as u64 {
        book.apply(update(Form::Change, range(id, id), "10 1", "")).expect("it waits");
    }
    let State::Waiting { early } = &book.state else { panic!("{book:?}") };
    assert_eq!(early.len(), MAX_EARLY);
    let stale = book.apply(update(Form::Snapshot, range(0, 0), "", "")).map(|_| ());
    assert_eq!(stale, Ok(()), "the one that was dropped is in the snapshot");
}

#[test]
fn an_image_replaces_all_but_by_an_older_one() {
    let image = |id, bids| update(Form::Image, range(id, id), bids, "11 1");
    let mut book = Book::new(Exchange::Binance, symbol());
    assert_eq!(book.apply(image(5, "10 1, 9 1")), Ok(Applied::Done));
    assert_eq!(book.apply(image(7, "9 1")), Ok(Applied::Done), "what lies between nobody needs");
    assert_eq!(book.apply(image(6, "10 5")), Ok(Applied::Old));
    assert_eq!(book.apply(image(7, "10 5")), Ok(Applied::Old));
    shows(&book, "9 1", "11 1");
}

#[test]
fn each_change_must_name_the_one_before() {
    let follows =
        |previous, id, form| update(form, Proof::Follows { previous, id }, "10 1", "11 1");
    let mut book = Book::new(Exchange::Deribit, symbol());
    book.apply(follows(None, 100, Form::Snapshot)).expect("a beginning");
    assert_eq!(book.apply(follows(Some(100), 217, Form::Change)), Ok(Applied::Done));
    assert_eq!(book.apply(follows(Some(100), 217, Form::Change)), Ok(Applied::Old));
    let broken = book.apply(follows(Some(218), 230, Form::Change)).expect_err("218 was not seen");
    assert_eq!(broken, Broken::Gap { symbol: symbol(), expected: 217, found: 218 });
}

#[test]
fn the_checksum_is_the_documented_one_and_a_lost_update_shows_in_it() {
    let proof = Proof::Checksum(DOCUMENTED);
    let mut book = Book::new(Exchange::Kraken, symbol());
    let snapshot = update(Form::Snapshot, proof, DOCUMENTED_BIDS, DOCUMENTED_ASKS);
    assert_eq!(book.apply(snapshot.clone()), Ok(Applied::Done));
    // A better ask pushes the last one out; when it goes, the message brings that one back.
    let better = update(Form::Change, Proof::None, "", "45285.1 1.00000000");
    assert_eq!(book.apply(better), Ok(Applied::Done));
    assert_eq!(book.top(20).1.len(), 10);
    let back = update(Form::Change, proof, "", "45285.1 0.00000000, 45299.5 0.18772827");
    assert_eq!(book.apply(back), Ok(Applied::Done));
    // The digits count as they were written: 0.1 is not 0.10000000.
    let shorter = update(Form::Change, proof, "45283.5 0.1", "");
    let broken = book.apply(shorter).expect_err("other digits").to_string();
    assert!(broken.contains("the exchange's 3310070434, so an update was lost"), "{broken}");
    assert!(!book.is_known());
    book.apply(snapshot).expect("a new beginning");
}

#[test]
fn a_book_that_crosses_or_locks_has_lost_something() {
    let mut book = Book::new(Exchange::Coinbase, symbol());
    let update = |form, bids, asks| update(form, Proof::None, bids, asks);
    book.apply(update(Form::Snapshot, "10 1", "11 1")).expect("a beginning");
    book.apply(update(Form::Change, "10.5 1", "")).expect("a better bid");
    let broken = book.apply(update(Form::Change, "11 1", "")).expect_err("locked").to_string();
    assert!(broken.starts_with("BTC-USD: the book's bid 11 is not below its ask 11"), "{broken}");
    let crossed = book.apply(update(Form::Snapshot, "12 1", "11 1"));
    assert!(matches!(crossed, Err(Broken::Crossed { .. })));
    assert_eq!(book.apply(update(Form::Snapshot, "", "11 1")), Ok(Applied::Done), "one side");
    shows(&book, "-", "11 1");
}

#[test]
fn what_has_no_exact_average_is_no_level() {
    let error = Level::read("1.0000000000001", "1").expect_err("13 decimals").to_string();
    assert_eq!(error, "level: 1.0000000000001 has more than 12 decimals, and so no exact average");
    assert!(Level::read("1.0000000000000", "1").is_ok(), "zeros do not count");
    assert!(Level::read("1", "0.0000000000001").is_err());
    assert_eq!(Level::read("1", "0.00000000000000").expect("a deletion").size, None);
    assert!(Level::read("0", "1").is_err());
    assert!(Level::read("1", "-1").is_err());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    /// Bids at 1 to 50 and asks at 51 to 100, so that no order of changes can cross.
    #[test]
    fn the_best_levels_are_those_of_a_plain_map(
        changes in prop::collection::vec((1u32..=100, 0u32..20), 1..200),
        count in 1usize..15,
    ) {
        let mut book = Book::new(Exchange::Bybit, symbol());
        book.apply(update(Form::Snapshot, range(0, 0), "", "")).expect("a beginning");
        let mut plain = std::collections::HashMap::new();
        for (id, (price, size)) in changes.into_iter().enumerate() {
            let text = format!("{price} {size}");
            let (bids, asks) = if price <= 50 { (&*text, "") } else { ("", &*text) };
            let change = update(Form::Change, range(id as u64 + 1, id as u64 + 1), bids, asks);
            prop_assert_eq!(book.apply(change), Ok(Applied::Done));
            plain.insert(price, size);
        }
        let mut standing: Vec<_> = plain.into_iter().filter(|(_, size)| *size > 0).collect();
        standing.sort_unstable();
        let text = |levels: Vec<(u32, u32)>| {
            let best = levels.iter().take(count);
            best.map(|(price, size)| format!("{price} {size}")).collect::<Vec<_>>()
        };
        let (asks, mut bids): (Vec<_>, Vec<_>) =
            standing.into_iter().partition(|(price, _)| *price > 50);
        bids.reverse();
        let ours = |levels: Vec<Standing>| {
            levels.iter().map(|(price, size)| format!("{price} {size}")).collect::<Vec<_>>()
        };
        let (our_bids, our_asks) = book.top(count);
        prop_assert_eq!((ours(our_bids), ours(our_asks)), (text(bids), text(asks)));
    }

    /// Whatever is lost from a chain, the book breaks or is what it would have been.
    #[test]
    fn a_lost_update_is_never_silent(lost in 1u64..20, again in 1u64..20) {
        let mut book = Book::new(Exchange::Bybit, symbol());
        book.apply(update(Form::Snapshot, range(0, 0), "10 1", "11 1")).expect("a beginning");
        let mut outcome = Ok(Applied::Done);
        for id in 1..=20 {
            let change = update(Form::Change, range(id, id), &format!("9.{id} 1"), "");
            if id == lost {
                continue;
            }
            outcome = outcome.and(book.apply(change.clone()));
            if id == again && outcome.is_ok() {
                prop_assert_eq!(book.apply(change), Ok(Applied::Old));
            }
        }
        let gap = Broken::Gap { symbol: symbol(), expected: lost, found: lost + 1 };
        prop_assert_eq!(outcome, Err(gap));
    }
}
