//! The recorder's tests: a few seconds by hand, and properties against sums over all events.

use proptest::prelude::*;

use super::*;
use crate::book::{Level, Proof};

/// 2026-11-20T12:00:00Z.
const NOON: i64 = 1_795_176_000_000_000;
const MINUTE: i64 = 60_000_000;

fn at(micros: i64) -> Time {
    Time::from_micros(NOON + micros).expect("time")
}

fn levels(text: &str) -> Vec<Level> {
    let level = |pair: &str| {
        let (price, size) = pair.trim().split_once(' ').expect("price and size");
        Level::read(price, size).expect(pair)
    };
    text.split(',').filter(|pair| !pair.trim().is_empty()).map(level).collect()
}

fn update(form: Form, micros: i64, bids: &str, asks: &str) -> BookUpdate {
    BookUpdate {
        symbol: "BTC-USD".parse().expect("symbol"),
        time: at(micros),
        received: at(0),
        form,
        proof: Proof::None,
        bids: levels(bids),
        asks: levels(asks),
        inverse: false,
    }
}

fn recorder() -> Recorder {
    let symbol = "BTC-USD".parse().expect("symbol");
    Recorder::new(Exchange::Coinbase, symbol, Interval::SECOND)
}

/// All lines of updates, until `end`.
fn record(updates: impl IntoIterator<Item = BookUpdate>, end: i64) -> Vec<BookLine> {
    let (mut recorder, mut lines) = (recorder(), Vec::new());
    for update in updates {
        recorder.apply(update, &mut lines).expect("a chain");
    }
    recorder.advance(at(end), &mut lines).expect("small sums");
    lines
}

/// What a line says beside its names, as text.
fn told(line: &BookLine) -> String {
    let text = line.to_string();
    let (_, rest) = text.split_once(r#""time":"#).expect("a time");
    rest.replace(&(NOON / 1_000_000).to_string(), "@").replace('"', "")
}

#[test]
fn a_line_tells_what_was_and_what_happened() {
    let updates = [
        update(Form::Snapshot, 0, "10 1, 9 5", "12 2"),
        // The spread was 2 for 0.25 s. A better bid: 4 are added.
        update(Form::Change, 250_000, "11 4", ""),
        // The spread was 1 for 0.5 s. Half of the ask is taken: it pressed up by 1.
        update(Form::Change, 750_000, "", "12 1"),
    ];
    let lines = record(updates, 1_000_000);
    assert_eq!(lines.len(), 1);
    assert_eq!(
        told(&lines[0]),
        "@000000,interval:1000000,since:@000000,bids:[[11,4],[10,1],[9,5]],asks:[[12,1]],mid_open:11,mid_high:11.5,mid_low:11,mid_close:11.5,updates:2,quoted_micros:1000000,spread_seconds:1.25,bid_size_seconds:9,ask_size_seconds:1.75,ofi:5,received:@000000}"
    );
}

#[test]
fn order_flow_is_that_of_cont_kukanov_and_stoikov() {
    let side = |text: &str| {
        let level = levels(text).pop()?;
        Some((level.price, level.size?))
    };
    let flow = |before: (&str, &str), after: (&str, &str)| {
        let best = |(bid, ask)| Best { bid: side(bid), ask: side(ask) };
        order_flow(best(before), best(after)).expect("it fits").to_string()
    };
    let before = ("10 5", "12 7");
    for (after, expected, what) in [
        (("10 8", "12 7"), "3", "more at the bid"),
        (("10 1", "12 7"), "-4", "less at the bid"),
        (("11 2", "12 7"), "2", "a better bid: all that stands there"),
        (("9 6", "12 7"), "-5", "the bid is gone: all that stood there"),
        (("10 5", "12 9"), "-2", "more at the ask"),
        (("10 5", "12 4"), "3", "less at the ask"),
        (("10 5", "11 3"), "-3", "a better ask"),
        (("10 5", "13 1"), "7", "the ask is gone"),
        (("11 2", "13 1"), "9", "both"),
        (("10 5", "12 7"), "0", "nothing"),
        (("", "12 7"), "0", "a side that is empty has no flow"),
    ] {
        assert_eq!(flow(before, after), expected, "{what}");
    }
}

#[test]
fn a_book_that_stands_still_is_told_of_by_the_next_line_or_the_minutes_last() {
    let updates = [
        update(Form::Snapshot, 500_000, "10 1", "12 1"),
        update(Form::Change, 5_200_000, "11 1", ""),
    ];
    let lines = record(updates, 2 * MINUTE + 1);
    let told: Vec<_> = lines
        .iter()
        .map(|line| (line.time.micros() - NOON, line.since.micros() - NOON, line.quoted_micros))
        .collect();
    assert_eq!(
        told,
        [
            (0, 500_000, 500_000),
            (5_000_000, 1_000_000, 5_000_000),
            (59_000_000, 6_000_000, 54_000_000),
            (119_000_000, 60_000_000, 60_000_000),
        ]
    );
    assert_eq!(lines[3].updates, 0);
    assert_eq!(lines[3].mid, Some(Mid::from("11.5".parse::<Decimal>().expect("a mid"))));
}

#[test]
fn levels_behind_the_best_ten_change_nothing() {
    let deep: Vec<_> = (1..=11).map(|price| format!("{price} 1")).collect();
    let updates = [
        update(Form::Snapshot, 0, &deep.join(","), "12 1"),
        update(Form::Change, 1_500_000, "1 9", ""),
        update(Form::Change, 2_500_000, "2 9", ""),
    ];
    let lines = record(updates, 4_000_000);
    let changed: Vec<_> =
        lines.iter().map(|line| (line.time.micros() - NOON, line.updates)).collect();
    assert_eq!(changed, [(0, 0), (2_000_000, 0)]);
    assert_eq!(lines[1].bids.len(), TOP);
}

#[test]
fn no_line_reaches_across_a_break() {
    let (mut recorder, mut lines) = (recorder(), Vec::new());
    let mut apply = |update| recorder.apply(update, &mut lines).map(|_| ());
    apply(update(Form::Snapshot, 0, "10 1", "12 1")).expect("a beginning");
    apply(update(Form::Change, 1_300_000, "10 2", "")).expect("a change");
    assert!(apply(update(Form::Change, 1_600_000, "13 1", "")).is_err(), "it crosses");
    apply(update(Form::Change, 1_700_000, "11 1", "")).expect("it waits");
    apply(update(Form::Snapshot, 2_400_000, "10 3", "12 1")).expect("a new beginning");
    recorder.advance(at(3_000_000), &mut lines).expect("small sums");
    let told: Vec<_> = lines
        .iter()
        .map(|line| (line.since.micros() - NOON, line.quoted_micros, line.ofi.to_string()))
        .collect();
    // Of 1.0 to 2.4 s nothing is told, and the two more at the bid are no flow.
    assert_eq!(told, [(0, 1_000_000, "0".into()), (2_400_000, 600_000, "0".into())]);
    recorder.reset();
    recorder.advance(at(MINUTE), &mut lines).expect("nothing");
    assert_eq!((lines.len(), recorder.book().is_known()), (2, false));
}

#[test]
fn an_empty_side_is_no_quote() {
    let updates = [
        update(Form::Snapshot, 0, "10 1", "12 1"),
        update(Form::Change, 400_000, "10 0", ""),
        update(Form::Change, 700_000, "9 1", ""),
        update(Form::Change, 1_000_000, "", "12 0"),
    ];
    let lines = record(updates, 3_000_000);
    let told: Vec<_> =
        lines.iter().map(|line| (line.quoted_micros, line.spread_seconds.to_string())).collect();
    assert_eq!(told, [(700_000, "1.7".into()), (0, "0".into())]);
    assert_eq!(lines[0].mid.expect("there was one").low.to_string(), "10.5");
    assert!(lines[1].mid.is_some(), "it stood at the interval's start");
}

#[test]
fn a_clock_gone_wrong_is_said_and_a_late_update_counts_from_now() {
    let (mut recorder, mut lines) = (recorder(), Vec::new());
    recorder.apply(update(Form::Snapshot, 0, "10 1", "12 1"), &mut lines).expect("a beginning");
    recorder.apply(update(Form::Change, 1_500_000, "10 2", ""), &mut lines).expect("a change");
    recorder.apply(update(Form::Change, 1_200_000, "10 3", ""), &mut lines).expect("a late one");
    assert_eq!(lines.len(), 1);
    let leap = recorder.apply(update(Form::Change, 700_000_000, "10 4", ""), &mut lines);
    let leap = leap.expect_err("11 minutes").to_string();
    assert_eq!(leap, "BTC-USD: an update is 698 s later than the one before; subscribe anew");
    assert!(!recorder.book().is_known());
    assert_eq!(lines.len(), 1);
}

/// Price and size.
type Side = Option<(i64, i64)>;

/// How long after the one before, and the best bid and ask then, either of which may be missing.
fn events() -> impl Strategy<Value = Vec<(i64, Side, Side)>> {
    let side = |prices: std::ops::Range<i64>| {
        let standing = (prices, 1i64..50).prop_map(Some);
        prop_oneof![9 => standing, 1 => Just(None)]
    };
    prop::collection::vec((0i64..2_500_000, side(100..110), side(110..120)), 1..80)
}

fn image(micros: i64, bid: Side, ask: Side) -> BookUpdate {
    let text = |side: Side| side.map_or(String::new(), |(price, size)| format!("{price} {size}"));
    update(Form::Image, micros, &text(bid), &text(ask))
}

fn number(units: i64) -> Decimal {
    Decimal::from_signed(&units.to_string()).expect("a number")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn lines_are_what_a_plain_sum_over_all_events_gives(events in events()) {
        let mut clock = 0;
        let events: Vec<_> = events.into_iter().map(|(step, bid, ask)| {
            clock += step;
            (clock, bid, ask)
        }).collect();
        let end = (clock / MINUTE + 1) * MINUTE;
        let lines = record(events.iter().map(|(micros, bid, ask)| image(*micros, *bid, *ask)), end);
        // No moment is told of twice, and none at which both sides stood is left out.
        let mut until = NOON + events[0].0;
        for line in &lines {
            prop_assert!(line.since.micros() >= until, "{}", line);
            until = line.end().micros();
            let read = BookLine::from_line(line.to_string().as_bytes());
            prop_assert_eq!(&read.expect("a line"), line);
        }
        let quoted = |at: usize| events[at].1.zip(events[at].2);
        let stops = |at: usize| events.get(at + 1).map_or(end, |next| next.0);
        let all = (0..events.len()).filter(|at| quoted(*at).is_some());
        let all: i64 = all.map(|at| stops(at) - events[at].0).sum();
        let told: u64 = lines.iter().map(|line| line.quoted_micros).sum();
        prop_assert_eq!(told, all.cast_unsigned());
        for line in &lines {
            let (from, to) = (line.since.micros() - NOON, line.end().micros() - NOON);
            let (mut micros, mut spread, mut bids, mut flow, mut updates) = (0, 0, 0, 0, 0);
            for at in 0..events.len() {
                let begin = events[at].0;
                let stop = stops(at);
                if let Some(((bid, size), (ask, _))) = quoted(at) {
                    let dwell = (stop.min(to) - begin.max(from)).max(0);
                    micros += dwell;
                    spread += dwell * (ask - bid);
                    bids += dwell * size;
                }
                if at > 0 && (from..to).contains(&begin) {
                    let (was, is) = (events[at - 1], events[at]);
                    updates += u64::from((was.1, was.2) != (is.1, is.2));
                    if let (Some((p0, q0)), Some((p1, q1))) = (was.1, is.1) {
                        flow += if p1 > p0 { q1 } else if p1 < p0 { -q0 } else { q1 - q0 };
                    }
                    if let (Some((p0, q0)), Some((p1, q1))) = (was.2, is.2) {
                        flow += if p1 < p0 { -q1 } else if p1 > p0 { q0 } else { q0 - q1 };
                    }
                }
            }
            let seconds = |product: i64| {
                let (one, million) = (Decimal::from(1), Decimal::from(1_000_000));
                number(product).checked_mul_div_rounded(one, million, 18)
            };
            prop_assert_eq!(line.quoted_micros, micros.cast_unsigned());
            prop_assert_eq!(Some(line.spread_seconds), seconds(spread));
            prop_assert_eq!(Some(line.bid_size_seconds), seconds(bids));
            prop_assert_eq!((line.ofi, line.updates), (number(flow), updates));
        }
    }

    #[test]
    fn how_often_time_is_told_changes_no_line(
        events in events(),
        ticks in prop::collection::vec(0i64..200_000_000, 0..30),
    ) {
        let mut clock = 0;
        let updates: Vec<_> = events.into_iter().map(|(step, bid, ask)| {
            clock += step;
            (clock, image(clock, bid, ask))
        }).collect();
        let end = (clock / MINUTE + 1) * MINUTE;
        let expected = record(updates.iter().map(|(_, update)| update.clone()), end);
        let (mut recorder, mut lines) = (recorder(), Vec::new());
        let mut ticks: Vec<_> = ticks.into_iter().filter(|tick| *tick <= end).collect();
        ticks.sort_unstable();
        let mut ticks = ticks.into_iter().peekable();
        for (micros, update) in updates {
            while let Some(tick) = ticks.next_if(|tick| *tick <= micros) {
                recorder.advance(at(tick), &mut lines).expect("small sums");
            }
            recorder.apply(update, &mut lines).expect("images");
        }
        ticks.for_each(|tick| recorder.advance(at(tick), &mut lines).expect("small sums"));
        recorder.advance(at(end), &mut lines).expect("small sums");
        prop_assert_eq!(lines, expected);
    }
}
