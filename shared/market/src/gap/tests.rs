//! Gaps and completeness of small histories, by hand.

use super::*;
use crate::fold::fold;
use crate::trade::Trade;

/// A bar for each minute, of trades with these ids, one a second from the minute's start.
fn bars(minutes: &[&[u64]]) -> Vec<Bar> {
    let line = |minute: usize, at: usize, id: u64| {
        let time = 1_795_176_000_000_000 + (minute * 60 + at) as i64 * 1_000_000;
        let line = format!(
            r#"{{"exchange":"binance","symbol":"BTCUSDT","time":{time},"side":"buy","price":"1","size":"1","first_id":{id},"last_id":{id},"received":{time},"source":"ws"}}"#
        );
        Trade::from_line(line.as_bytes()).expect("a line")
    };
    let trades = minutes.iter().enumerate().flat_map(|(minute, ids)| {
        ids.iter().enumerate().map(move |(at, id)| line(minute, at, *id))
    });
    fold(trades).expect("small sums")
}

fn gaps(bars: &[Bar]) -> Vec<(u64, u64, u64, bool)> {
    let spans: Vec<Span> = bars.iter().map(Span::from).collect();
    let mut found = Vec::new();
    for (at, bar) in bars.iter().enumerate() {
        let before = at.checked_sub(1).map(|before| &spans[before]);
        found.extend(gaps_at(&bar.exchange, &bar.symbol, before, &spans[at]));
    }
    assert!(found.iter().all(|gap| gap.from_time < gap.to_time));
    let facts =
        |it: &Gap| (it.first_missing_id, it.last_missing_id, it.missing_count, it.is_whole());
    found.iter().map(facts).collect()
}

/// Long after all of them.
fn later() -> Time {
    "2026-12-01T00:00:00Z".parse().expect("a time")
}

fn completeness(bars: &[Bar], now: Time) -> Vec<Completeness> {
    let at = |at: usize| bars.get(at);
    let of = |it: usize| Proof::of(it.checked_sub(1).and_then(at), &bars[it], at(it + 1), now);
    (0..bars.len()).map(|it| of(it).completeness).collect()
}

#[test]
fn gaps_are_told_inside_and_between_rows() {
    let whole = bars(&[&[1, 2], &[], &[3, 4], &[5]]);
    assert_eq!(gaps(&whole), []);
    let inside = bars(&[&[1, 2], &[3, 5, 9], &[10]]);
    assert_eq!(gaps(&inside), [(4, 8, 4, false)], "3 and 9 are there, and one more of them");
    let between = bars(&[&[1, 2], &[], &[6, 7]]);
    assert_eq!(gaps(&between), [(3, 5, 3, true)]);
    let both = bars(&[&[1], &[3, 5]]);
    assert_eq!(gaps(&both), [(2, 2, 1, true), (4, 4, 1, true)]);
}

#[test]
fn where_ids_overlap_nothing_is_told_between_rows() {
    let swapped = bars(&[&[1, 2, 4], &[3, 5]]);
    assert_eq!(gaps(&swapped), [(2, 3, 1, false), (4, 4, 1, true)], "as each row alone knows it");
    let mut opaque = bars(&[&[1, 2], &[9]]);
    for bar in &mut opaque {
        (bar.first_id, bar.last_id, bar.missing_count) = (None, None, None);
    }
    assert_eq!(gaps(&opaque), []);
    assert_eq!(completeness(&opaque, later()), [Completeness::Unknown; 2]);
}

#[test]
fn complete_is_what_both_neighbours_prove_and_time_has_settled() {
    use Completeness::{Complete, Gap, Open, Unknown};
    let whole = bars(&[&[1, 2], &[3], &[4], &[5, 6]]);
    assert_eq!(completeness(&whole, later()), [Unknown, Complete, Complete, Open]);
    let early = whole[1].minute.plus(5).end();
    assert_eq!(completeness(&whole, early), [Unknown, Complete, Open, Open]);
    let torn = bars(&[&[1, 2], &[3, 4], &[7], &[8], &[9, 11], &[12]]);
    let expected = [Unknown, Gap, Gap, Complete, Gap, Open];
    assert_eq!(completeness(&torn, later()), expected, "both sides of a hole are concerned");
    let mut refused = whole.clone();
    refused[1].quarantined_count = 1;
    refused[2].conflict_count = 1;
    assert_eq!(completeness(&refused, later()), [Unknown, Unknown, Unknown, Open]);
    let mut torn_and_refused = torn;
    torn_and_refused[4].conflict_count = 1;
    assert_eq!(completeness(&torn_and_refused, later())[4], Gap);
    assert!(Complete < Open && Open < Unknown && Unknown < Gap, "of several the worst is true");
}

#[test]
fn what_no_range_covers_is_left() {
    assert_eq!(uncovered(5, 9, []), [(5, 9)]);
    assert_eq!(uncovered(5, 9, [(7, 7)]), [(5, 6), (8, 9)]);
    assert_eq!(uncovered(5, 9, [(8, 20), (1, 5), (6, 6)]), [(7, 7)]);
    assert_eq!(uncovered(5, 9, [(1, 4), (10, 12), (5, 9)]), []);
    assert_eq!(uncovered(5, 9, [(20, 30)]), [(5, 9)]);
    assert_eq!(uncovered(5, u64::MAX, [(7, u64::MAX)]), [(5, 6)]);
}
