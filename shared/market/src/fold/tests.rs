//! The fold's tests: small minutes by hand, and properties of all of them.

use proptest::prelude::*;
use proptest::sample::{Index, subsequence};

use super::*;
use crate::gap::{Completeness, Proof, missing_between};
use crate::trade::{Liquidation, Marks, fill, inverse_fill};

/// 2026-11-20T12:00:00Z.
const NOON: i64 = 1_795_176_000_000_000;

fn trade(first: u64, last: u64, offset: i64, price: &str, size: &str) -> Trade {
    Trade {
        exchange: "binance".parse().expect("name"),
        symbol: "BTCUSDT".parse().expect("symbol"),
        time: Time::from_micros(NOON + offset).expect("time"),
        side: if first.is_multiple_of(2) { Side::Buy } else { Side::Sell },
        fill: fill(price, size).expect("fill"),
        ids: Ids::range(first, last).expect("ids"),
        received: Time::from_micros(NOON + offset + 5).expect("time"),
        source: Source::Ws,
        marks: Marks::default(),
    }
}

fn one(trades: &[Trade]) -> Bar {
    let mut bars = fold(trades.iter().cloned()).expect("small sums");
    assert_eq!(bars.len(), 1);
    bars.remove(0)
}

/// The row as its bytes.
fn json(bar: &Bar) -> String {
    serde_json::to_string(bar).expect("JSON")
}

#[test]
fn every_column_of_a_small_minute() {
    let trades = [
        trade(100, 102, 1_000_000, "10.5", "2"),
        trade(103, 103, 2_000_000, "11", "0.5"),
        trade(106, 106, 2_000_000, "9.25", "4"),
    ];
    assert_eq!(
        json(&one(&trades)),
        r#"{"exchange":"binance","symbol":"BTCUSDT","minute":"2026-11-20T12:00:00Z","open":"10.5","high":"11","low":"9.25","close":"9.25","buy_count":4,"sell_count":1,"buy_base_volume":"6","sell_base_volume":"0.5","buy_quote_volume":"58","sell_quote_volume":"5.5","first_id":100,"last_id":106,"first_time":"2026-11-20T12:00:01.000000Z","last_time":"2026-11-20T12:00:02.000000Z","trade_count":5,"missing_count":2,"duplicate_count":0,"conflict_count":0,"quarantined_count":0,"object_count":0,"fingerprint":"4bfc0fd4e099a7c2"}"#
    );
    assert_eq!(one(&trades).vwap().expect("a volume").to_string(), "9.769230769230769231");
    assert_eq!(one(&trades).volume_delta().expect("fits").to_string(), "5.5");
}

#[test]
fn the_edge_of_a_minute_is_its_first_microsecond() {
    let last = trade(1, 1, 59_999_999, "10", "1");
    let next = trade(2, 2, 60_000_000, "11", "1");
    let bars = fold([next, last]).expect("small sums");
    let rows: Vec<_> = bars.iter().map(|bar| (bar.minute.to_string(), bar.first_id)).collect();
    let minute = |clock: &str| format!("2026-11-20T{clock}:00Z");
    assert_eq!(rows, [(minute("12:00"), Some(1)), (minute("12:01"), Some(2))]);
    assert_eq!(missing_between(&bars[0], &bars[1]), Some(0));
}

#[test]
fn ids_that_are_not_contiguous_prove_nothing() {
    let mut opaque = trade(1, 1, 0, "10", "1");
    opaque.ids = Ids::opaque("7f-a").expect("id");
    let mut again = opaque.clone();
    again.received = Time::from_micros(NOON + 77).expect("time");
    let bar = one(&[opaque.clone(), again, trade(5, 5, 9, "10", "1")]);
    assert_eq!((bar.trade_count, bar.duplicate_count, bar.missing_count), (2, 1, None));
    assert_eq!((bar.first_id, bar.last_id), (None, None));
    let later = bar.minute.plus(60).start();
    let proof = Proof::of(Some(&bar), &bar, Some(&bar), later);
    assert_eq!(proof.completeness, Completeness::Unknown);
}

#[test]
fn the_fills_of_an_aggregate_trade_repeat_it() {
    let aggregate = trade(100, 103, 5, "10", "4");
    let mut fills: Vec<_> = (100..104).map(|id| trade(id, id, 5, "10", "1")).collect();
    fills.iter_mut().for_each(|fill| fill.side = aggregate.side);
    let apart = one(&fills);
    fills.push(aggregate);
    let both = one(&fills);
    assert_eq!((both.trade_count, both.duplicate_count, both.conflict_count), (4, 4, 0));
    assert_eq!(both.buy_base_volume, apart.buy_base_volume);
    assert_eq!(both.missing_count, Some(0));
}

#[test]
fn fills_that_do_not_add_up_to_their_aggregate_contradict_it() {
    let whole = trade(100, 102, 5, "10", "3");
    let fills = |size: &'static str| {
        (100..103).map(|id| Trade { side: whole.side, ..trade(id, id, 5, "10", size) })
    };
    let with = |fills: Vec<Trade>| {
        let bar = one(&[fills, vec![whole.clone()]].concat());
        assert_eq!((bar.trade_count, bar.buy_base_volume.to_string().as_str()), (3, "3"));
        (bar.duplicate_count, bar.conflict_count)
    };
    assert_eq!(with(fills("1").collect()), (3, 0));
    assert_eq!(with(fills("1").take(2).collect()), (2, 0), "as far as they are here");
    assert_eq!(with(fills("2.5").collect()), (0, 3));
    assert_eq!(with(fills("0.9").collect()), (0, 3));
    assert_eq!(with(fills("1.5").take(2).collect()), (0, 2), "nothing is left for the third");
    assert_eq!(with(fills("1").chain(fills("1")).collect()), (6, 0));
}

#[test]
fn what_contradicts_is_dropped_by_rule_and_counted() {
    let socket = trade(100, 100, 5, "10", "1");
    let cheaper = trade(100, 100, 5, "9", "1");
    let record = Trade { source: Source::Rest, ..trade(100, 100, 6, "12", "3") };
    assert_eq!(one(&[socket.clone(), cheaper.clone()]).open.to_string(), "9");
    let bar = one(&[cheaper, socket, record]);
    assert_eq!((bar.open.to_string().as_str(), bar.conflict_count), ("12", 2));
    // A range that overlaps another's end cannot be split: its own ids stay missing.
    let crossing = one(&[trade(100, 104, 5, "10", "5"), trade(103, 108, 6, "10", "6")]);
    assert_eq!((crossing.trade_count, crossing.conflict_count), (5, 1));
    let later = crossing.minute.plus(60).start();
    let proof = Proof::of(None, &crossing, None, later);
    assert_eq!(proof.completeness, Completeness::Unknown);
}

#[test]
fn inverse_trades_sum_their_sizes_as_quote_and_a_rounded_base() {
    let inverse = |id, price, size| Trade {
        side: Side::Buy,
        fill: inverse_fill(price, size).expect("a fill"),
        ..trade(id, id, id as i64, price, size)
    };
    let bar = one(&[inverse(1, "3", "10.0"), inverse(2, "3", "10"), inverse(3, "4", "10")]);
    assert_eq!(bar.buy_quote_volume.to_string(), "30");
    assert_eq!(bar.buy_base_volume.to_string(), "9.166666666666666666");
    // Read as base units it would be another trade: the two cannot both be right.
    let both =
        one(&[inverse(1, "3", "10"), Trade { side: Side::Buy, ..trade(1, 1, 1, "3", "10") }]);
    assert_eq!((both.trade_count, both.duplicate_count, both.conflict_count), (1, 0, 1));
}

#[test]
fn marks_are_no_part_of_a_trades_identity() {
    let plain = trade(1, 1, 0, "10", "1");
    let marks = Marks { block: true, liquidation: Some(Liquidation::Taker) };
    let bar = one(&[plain.clone(), Trade { marks, ..plain.clone() }]);
    assert_eq!((bar.trade_count, bar.duplicate_count, bar.conflict_count), (1, 1, 0));
    assert_eq!(bar.fingerprint, one(&[plain]).fingerprint);
}

#[test]
fn a_sum_of_39_digits_is_an_error_whatever_the_order() {
    let mut huge: Vec<_> =
        (0..3).map(|id| trade(id * 2, id * 2, 0, "50000", "999999999999999")).collect();
    huge.push(trade(8, 8, 0, "1", "1"));
    for _ in 0..huge.len() {
        huge.rotate_left(1);
        let error = fold(huge.iter().cloned()).expect_err("150 quintillion").to_string();
        assert_eq!(
            error,
            "binance BTCUSDT 2026-11-20T12:00:00Z: quote_volume needs more than 38 digits"
        );
    }
}

prop_compose! {
    /// Trades with contiguous ids over three minutes, some of them aggregates, with ties in
    /// time and price.
    fn market()(shapes in prop::collection::vec((1u64..4, 0i64..9, 1u64..500, 1u64..999), 1..60))
        -> Vec<Trade>
    {
        let (mut id, mut offset) = (1000, 0);
        shapes.into_iter().map(|(fills, step, price, size)| {
            offset += step * 1_000_000;
            let (first, price) = (id, format!("{}.{:02}", 100 + price / 100, price % 100));
            id += fills;
            trade(first, id - 1, offset, &price, &format!("0.{size:03}"))
        }).collect()
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn order_and_repetition_change_only_the_count_of_repetition(
        trades in market(),
        keys in prop::collection::vec(any::<u64>(), 120),
        copies in prop::collection::vec(any::<Index>(), 0..40),
    ) {
        let expected = fold(trades.clone()).expect("small sums");
        let repeated: Vec<_> = copies.iter().map(|at| at.get(&trades).clone()).collect();
        let mut shuffled = [trades, repeated].concat();
        let mut keys = keys.into_iter();
        shuffled.sort_by_cached_key(|_| keys.next());
        let bars = fold(shuffled).expect("small sums");
        let duplicates: u64 = bars.iter().map(|bar| bar.duplicate_count).sum();
        prop_assert_eq!(duplicates, copies.len() as u64);
        let plain = |bar: &Bar| json(&Bar { duplicate_count: 0, ..bar.clone() });
        prop_assert_eq!(bars.iter().map(plain).collect::<Vec<_>>(), expected.iter().map(json).collect::<Vec<_>>());
    }

    #[test]
    fn what_is_kept_is_what_the_bars_are_made_of(
        trades in market(),
        keys in prop::collection::vec(any::<u64>(), 120),
        copies in prop::collection::vec((any::<Index>(), 0i64..3, any::<bool>()), 0..40),
    ) {
        let other = |(at, later, moved): &(Index, i64, bool)| {
            let mut trade = at.get(&trades).clone();
            trade.received = Time::from_micros(trade.received.micros() + later).expect("time");
            if *moved {
                trade.side = if trade.side == Side::Buy { Side::Sell } else { Side::Buy };
            }
            trade
        };
        let all: Vec<_> = trades.iter().cloned().chain(copies.iter().map(other)).collect();
        let bars = fold(all.clone()).expect("small sums");
        let kept = keep(all.clone());
        let mut keys = keys.into_iter();
        let mut shuffled = all;
        shuffled.sort_by_cached_key(|_| keys.next());
        prop_assert_eq!(&keep(shuffled), &kept);
        prop_assert_eq!(kept.len(), bars.len());
        for (bar, (key, kept)) in bars.iter().zip(&kept) {
            let Kept { trades, duplicate_count, conflict_count } = kept;
            prop_assert_eq!(&bar.key(), key);
            let again = fold(trades.clone()).expect("small sums").remove(0);
            prop_assert_eq!(again.duplicate_count + again.conflict_count, 0);
            let counts = Bar { duplicate_count: *duplicate_count, conflict_count: *conflict_count, ..again };
            prop_assert_eq!(json(&counts), json(bar));
            prop_assert!(trades.is_sorted_by_key(|trade| (trade.time, trade.ids.clone())));
        }
    }

    #[test]
    fn deleting_k_trades_makes_exactly_k_missing(
        (trades, kept) in market().prop_flat_map(|trades| {
            let all = trades.clone();
            (Just(all), subsequence(trades.clone(), 1..=trades.len()))
        }),
    ) {
        let count = |trades: &[Trade]| trades.iter().map(|trade| trade.ids.count()).sum::<u64>();
        let (first, last) = (kept.first().expect("one"), kept.last().expect("one"));
        // What is deleted before the first or behind the last trade, no id can tell.
        let between: Vec<_> = trades.iter()
            .filter(|trade| trade.ids >= first.ids && trade.ids <= last.ids).cloned().collect();
        let bars = fold(kept.clone()).expect("small sums");
        let inside: u64 = bars.iter().map(|bar| bar.missing_count.expect("contiguous")).sum();
        let edges: u64 = bars.windows(2)
            .map(|pair| missing_between(&pair[0], &pair[1]).expect("contiguous")).sum();
        prop_assert_eq!(inside + edges, count(&between) - count(&kept));
    }

    #[test]
    fn bars_are_what_a_plain_sum_in_another_style_gives(trades in market()) {
        for bar in fold(trades.clone()).expect("small sums") {
            let mut mine: Vec<_> = trades.iter().filter(|trade| trade.minute() == bar.minute).collect();
            mine.sort_by_key(|trade| (trade.time, trade.ids.clone()));
            // Hundredths and thousandths as integers: no decimal type shares a fault with ours.
            let cents = |trade: &Trade| trade.fill.price().to_string().replace('.', "").parse::<i128>().expect("digits");
            let mills = |trade: &Trade| trade.fill.size().to_string().replace("0.", "").parse::<i128>().expect("digits");
            let quote: i128 = mine.iter().map(|trade| cents(trade) * mills(trade)).sum();
            let base: i128 = mine.iter().map(|trade| mills(trade)).sum();
            let number = |units: i128, scale: i128, digits: usize|
                format!("{}.{:0digits$}", units / scale, units % scale).parse::<Decimal>().expect("number");
            prop_assert_eq!(bar.quote_volume(), Some(number(quote, 100_000, 5)));
            prop_assert_eq!(bar.base_volume(), Some(number(base, 1_000, 3)));
            prop_assert_eq!(bar.open, mine[0].fill.price().value());
            prop_assert_eq!(bar.close, mine[mine.len() - 1].fill.price().value());
            prop_assert_eq!(bar.high, number(mine.iter().map(|trade| cents(trade)).max().expect("one"), 100, 2));
            prop_assert_eq!(bar.low, number(mine.iter().map(|trade| cents(trade)).min().expect("one"), 100, 2));
        }
    }
}

#[test]
fn two_sources_that_cut_a_time_at_different_digits_tell_one_trade() {
    let live = trade(1, 1, 1_000_007, "10", "1");
    let told = |micros, source| Trade {
        time: Time::from_micros(NOON + 1_000_007 + micros).expect("time"),
        source,
        ..live.clone()
    };
    let counts = |other: Trade| {
        let bar = one(&[live.clone(), other]);
        (bar.duplicate_count, bar.conflict_count)
    };
    assert_eq!(counts(told(1, Source::Rest)), (1, 0));
    assert_eq!(counts(told(-7, Source::Archive)), (1, 0));
    assert_eq!(counts(told(1_000, Source::Rest)), (0, 1));
    assert_eq!(counts(told(1, Source::Ws)), (0, 1), "one source cuts at the same digits");
}
