//! The fold of book lines: a small minute by hand, and properties of all of them.

use proptest::prelude::*;
use proptest::sample::Index;

use super::*;

/// 2026-11-20T12:00:00Z.
const NOON: i64 = 1_795_176_000_000_000;

/// A line of one second, whose sums are those of a book that stood still.
fn line(second: i64, spread: u32, size: u32, ofi: &str) -> BookLine {
    let mid = middle(spread);
    let text = format!(
        r#"{{"exchange":"kraken","symbol":"BTC-USD","time":{time},"interval":1000000,"since":{time},"bids":[["100","{size}"]],"asks":[["{ask}","1"]],"mid_open":"{mid}","mid_high":"{mid}","mid_low":"{mid}","mid_close":"{mid}","updates":3,"quoted_micros":1000000,"spread_seconds":"{spread}","bid_size_seconds":"{size}","ask_size_seconds":"1","ofi":"{ofi}","received":{received}}}"#,
        time = NOON + second * 1_000_000,
        ask = 100 + spread,
        received = NOON + second * 1_000_000 + 1_200_000,
    );
    BookLine::from_line(text.as_bytes()).expect(&text)
}

/// 100 and half of the spread.
fn middle(spread: u32) -> String {
    format!("{}.{}", 100 + spread / 2, if spread.is_multiple_of(2) { 0 } else { 5 })
}

fn fold(lines: impl IntoIterator<Item = BookLine>) -> Vec<BookBar> {
    let mut fold = BookFold::default();
    lines.into_iter().for_each(|line| fold.add(line));
    fold.bars().collect::<Result<_, _>>().expect("small sums")
}

fn json(bar: &BookBar) -> String {
    serde_json::to_string(bar).expect("JSON")
}

#[test]
fn every_column_of_a_small_minute() {
    let bars = fold([line(2, 1, 4, "-2.5"), line(0, 2, 1, "1"), line(61, 1, 1, "0")]);
    assert_eq!(bars.len(), 2);
    assert_eq!(
        json(&bars[0]),
        r#"{"exchange":"kraken","symbol":"BTC-USD","minute":"2026-11-20T12:00:00Z","mid_open":"101","mid_high":"101","mid_low":"100.5","mid_close":"100.5","update_count":6,"quoted_micros":2000000,"spread_seconds":"3","bid_size_seconds":"5","ask_size_seconds":"2","ofi":"-1.5","line_count":2,"duplicate_count":0,"conflict_count":0,"quarantined_count":0,"object_count":0,"fingerprint":"FINGERPRINT"}"#
            .replace("FINGERPRINT", &String::from(bars[0].fingerprint))
    );
    assert_eq!(bars[0].spread().expect("a quote").to_string(), "1.5");
    assert_eq!(bars[0].imbalance().expect("sizes").to_string(), "0.428571");
    assert_eq!(serde_json::from_str::<BookBar>(&json(&bars[0])).expect("a row"), bars[0]);
    assert_ne!(bars[0].fingerprint, bars[1].fingerprint);
}

#[test]
fn a_minute_without_a_quote_has_a_row_and_no_averages() {
    let empty = BookLine {
        bids: vec![],
        mid: None,
        quoted_micros: 0,
        spread_seconds: Decimal::ZERO,
        bid_size_seconds: Decimal::ZERO,
        ask_size_seconds: Decimal::ZERO,
        ..line(0, 1, 1, "0")
    };
    let bars = fold([empty.clone()]);
    assert_eq!((bars[0].mid_open, bars[0].spread(), bars[0].imbalance()), (None, None, None));
    let bars = fold([empty, line(1, 2, 1, "0")]);
    assert_eq!(bars[0].mid_open.expect("a mid").to_string(), "101");
}

#[test]
fn of_lines_about_one_time_the_one_that_tells_most_counts() {
    let whole = line(5, 2, 1, "1");
    // A second recorder, that began within the second.
    let part = BookLine {
        since: Time::from_micros(NOON + 5_400_000).expect("time"),
        quoted_micros: 600_000,
        ..line(5, 4, 1, "7")
    };
    // Another, whose line also tells of the quiet seconds before: the first one's time is in it.
    let long = BookLine {
        since: Time::from_micros(NOON + 3_000_000).expect("time"),
        quoted_micros: 4_000_000,
        ..line(6, 2, 1, "2")
    };
    let late = BookLine { received: Time::from_micros(NOON + 9).expect("time"), ..whole.clone() };
    let bar = fold([long, part, late, whole.clone(), line(7, 2, 1, "0")]).remove(0);
    assert_eq!((bar.line_count, bar.duplicate_count, bar.conflict_count), (2, 1, 2));
    assert_eq!((bar.quoted_micros, bar.ofi.to_string().as_str()), (2_000_000, "1"));
    let mut other = whole.clone();
    other.symbol = "ETH-USD".parse().expect("symbol");
    assert_eq!(fold([whole, other]).len(), 2);
}

#[test]
fn a_sum_of_39_digits_is_an_error_of_its_row_alone() {
    let most = "99999999999999999999".parse::<Decimal>().expect("20 digits");
    let huge = |second| BookLine { spread_seconds: most, ..line(second, 1, 1, "0") };
    let mut fold = BookFold::default();
    [huge(0), huge(1), line(60, 1, 1, "0")].into_iter().for_each(|line| fold.add(line));
    let bars: Vec<_> = fold.bars().collect();
    let error = bars[0].as_ref().expect_err("39 digits").to_string();
    let expected = "kraken BTC-USD 2026-11-20T12:00:00Z: spread_seconds needs more than 38 digits";
    assert_eq!((error.as_str(), bars[1].is_ok()), (expected, true));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn order_and_repetition_change_only_the_count_of_repetition(
        shapes in prop::collection::btree_map(0i64..180, (1u32..9, 1u32..9, -50i32..50), 1..60),
        keys in prop::collection::vec(any::<u64>(), 120),
        copies in prop::collection::vec(any::<Index>(), 0..40),
    ) {
        let lines: Vec<_> = shapes.into_iter()
            .map(|(second, (spread, size, ofi))| line(second, spread, size, &ofi.to_string()))
            .collect();
        let expected = fold(lines.clone());
        let repeated: Vec<_> = copies.iter().map(|at| at.get(&lines).clone()).collect();
        let mut shuffled = [lines, repeated].concat();
        let mut keys = keys.into_iter();
        shuffled.sort_by_cached_key(|_| keys.next());
        let bars = fold(shuffled);
        let duplicates: u64 = bars.iter().map(|bar| bar.duplicate_count).sum();
        prop_assert_eq!(duplicates, copies.len() as u64);
        let plain = |bar: &BookBar| json(&BookBar { duplicate_count: 0, ..bar.clone() });
        let told: Vec<_> = bars.iter().map(plain).collect();
        prop_assert_eq!(told, expected.iter().map(json).collect::<Vec<_>>());
    }

    /// Lines that contradict one another are told apart the same way, whatever their order, and
    /// never make a minute longer than it is.
    #[test]
    fn overlapping_lines_are_chosen_by_rule(
        shapes in prop::collection::vec((0i64..60, 0i64..10, 1u32..5), 1..40),
        keys in prop::collection::vec(any::<u64>(), 40),
    ) {
        let lines: Vec<_> = shapes.into_iter().map(|(second, before, spread)| {
            let before = before.min(second);
            BookLine {
                since: Time::from_micros(NOON + (second - before) * 1_000_000).expect("time"),
                quoted_micros: (before + 1).cast_unsigned() * 1_000_000,
                ..line(second, spread, 1, "0")
            }
        }).collect();
        let expected = fold(lines.clone());
        let mut shuffled = lines.clone();
        let mut keys = keys.into_iter();
        shuffled.sort_by_cached_key(|_| keys.next());
        let bars = fold(shuffled);
        prop_assert_eq!(&bars, &expected);
        prop_assert!(bars[0].quoted_micros <= 60_000_000);
        let counted = bars[0].line_count + bars[0].duplicate_count + bars[0].conflict_count;
        prop_assert_eq!(counted, lines.len() as u64);
    }
}
