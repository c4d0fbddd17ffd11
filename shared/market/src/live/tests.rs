//! The live state: each figure by hand, and properties of the rolling averages.

use proptest::prelude::*;

use super::window::MAX_STEPS;
use super::*;
use crate::book::{BookUpdate, Form, Level, Proof};
use crate::exchange::Exchange;
use crate::trade::{ExchangeName, Ids, Marks, Side, Source, Symbol, fill};

const NOON: i64 = 1_795_176_000_000_000;

fn at(millis: i64) -> Time {
    Time::from_micros(NOON + millis * 1_000).expect("time")
}

fn symbol() -> Symbol {
    "BTC-USD".parse().expect("symbol")
}

fn number(text: &str) -> Option<Decimal> {
    Some(Decimal::from_signed(text).expect(text))
}

/// A book of these levels: `price size, price size`.
fn book(bids: &str, asks: &str) -> Book {
    let levels = |text: &str| {
        let level = |pair: &str| {
            let (price, size) = pair.trim().split_once(' ').expect("price and size");
            Level::read(price, size).expect(pair)
        };
        text.split(',').filter(|pair| !pair.trim().is_empty()).map(level).collect()
    };
    let mut book = Book::new(Exchange::Coinbase, symbol());
    let (form, proof, time) = (Form::Snapshot, Proof::None, at(0));
    let (bids, asks) = (levels(bids), levels(asks));
    let update = BookUpdate {
        symbol: symbol(),
        time,
        received: time,
        form,
        proof,
        bids,
        asks,
        inverse: false,
    };
    book.apply(update).expect("a book");
    book
}

fn trade(id: u64, price: &str, millis: i64) -> Trade {
    Trade {
        exchange: "coinbase".parse::<ExchangeName>().expect("name"),
        symbol: symbol(),
        time: at(millis),
        side: Side::Sell,
        fill: fill(price, "0.5").expect("a fill"),
        ids: Ids::range(id, id).expect("an id"),
        received: at(millis),
        source: Source::Ws,
        marks: Marks::default(),
    }
}

#[test]
fn nothing_heard_is_nothing_said() {
    assert_eq!(Live::default().view(at(0)), View::default());
}

#[test]
fn every_figure_of_one_moment() {
    let mut live = Live::default();
    live.book(&book("100 3, 99 6", "101 1, 102 1, 103 1"), at(0));
    live.trade(&trade(7, "100.5", 1_000), at(1_200));
    let view = live.view(at(2_000));
    assert_eq!((view.last_price, view.last_size), (number("100.5"), number("0.5")));
    assert_eq!((view.last_side, view.last_time), (Some("sell"), Some(at(1_000))));
    assert_eq!((view.bid, view.bid_size), (number("100"), number("3")));
    assert_eq!((view.ask, view.ask_size), (number("101"), number("1")));
    assert_eq!((view.mid, view.spread), (number("100.5"), number("1")));
    // Three times as much stands at the bid: the price leans to the ask.
    assert_eq!(view.microprice, number("100.75"));
    // 10,000 / 100.5 = 99.50248756...
    assert_eq!(view.spread_bps, number("99.502488"));
    assert_eq!((view.imbalance_1, view.imbalance_10), (number("0.5"), number("0.5")));
    assert_eq!((view.spread_15s, view.spread_15s_micros), (number("1"), 2_000_000));
    assert_eq!((view.spread_15s_ticks, view.spread_15s_count), (number("1"), 1));
    assert_eq!(view.age_micros, Some(800_000));
    assert_eq!(live.view(at(500)).age_micros, Some(0), "a clock behind makes nothing younger");
}

#[test]
fn a_book_with_an_empty_side_has_no_middle() {
    let mut live = Live::default();
    live.book(&book("100 3", ""), at(0));
    let view = live.view(at(1_000));
    assert_eq!((view.bid, view.ask, view.mid, view.spread), (number("100"), None, None, None));
    assert_eq!((view.microprice, view.spread_bps, view.imbalance_1), (None, None, None));
    assert_eq!((view.imbalance_10, view.spread_15s, view.spread_15s_ticks), (None, None, None));
    assert_eq!((view.spread_15s_micros, view.spread_15s_count), (0, 0));
}

#[test]
fn the_rolling_averages_look_back_fifteen_seconds_and_carry_the_quote_in_force() {
    let mut live = Live::default();
    live.book(&book("100 1", "104 1"), at(0)); // 4
    live.book(&book("100 1", "102 1"), at(10_000)); // 2
    live.book(&book("100 1", "102 1, 103 5"), at(11_000)); // the best prices did not change
    live.book(&book("100 2", "102 1"), at(12_000)); // 2 again: a size did
    live.book(&book("100 2", "101 1"), at(20_000)); // 1
    // From 5 s to 20 s: 4 for 5 s, 2 for 10 s; the change at 20 s has not lasted.
    let view = live.view(at(20_000));
    assert_eq!(
        (view.spread_15s, view.spread_15s_micros),
        (number("2.666666666666666667"), 15_000_000)
    );
    assert_eq!((view.spread_15s_ticks, view.spread_15s_count), (number("1.666666666666666667"), 3));
    // At 25 s the change of 10 s is just out of the window; its spread is not.
    let view = live.view(at(25_000));
    assert_eq!((view.spread_15s_ticks, view.spread_15s_count), (number("1.5"), 2));
    assert_eq!(view.spread_15s, number("1.666666666666666667"));
    let view = live.view(at(60_000));
    assert_eq!((view.spread_15s, view.spread_15s_count), (number("1"), 0));
}

#[test]
fn while_the_book_is_broken_no_time_counts() {
    let mut live = Live::default();
    live.book(&book("100 1", "102 1"), at(0));
    let mut broken = book("100 1", "102 1");
    broken.reset();
    live.book(&broken, at(4_000));
    assert_eq!(live.view(at(5_000)).mid, None);
    live.book(&book("100 1", "105 1"), at(8_000));
    // 2 for 4 s, nothing for 4 s, 5 for 2 s.
    let view = live.view(at(10_000));
    assert_eq!((view.spread_15s, view.spread_15s_micros), (number("3"), 6_000_000));
    assert_eq!((view.spread_15s_ticks, view.spread_15s_count), (number("3.5"), 2));
}

#[test]
fn an_older_trade_that_comes_later_is_not_the_last() {
    let mut live = Live::default();
    live.trade(&trade(8, "11", 1_000), at(1_000));
    live.trade(&trade(7, "10", 900), at(1_100));
    assert_eq!(live.view(at(2_000)).last_price, number("11"));
    live.trade(&trade(9, "12", 1_000), at(1_200));
    assert_eq!(live.view(at(2_000)).last_price, number("12"));
}

#[test]
fn what_a_ticker_does_not_repeat_stays() {
    let mut live = Live::default();
    let news = |funding_rate, mark_price| Context {
        symbol: symbol(),
        funding_rate,
        open_interest: None,
        mark_price,
        index_price: None,
    };
    live.context(news(number("-0.0001"), number("100")), at(0));
    live.context(news(None, number("101")), at(1));
    let view = live.view(at(2));
    assert_eq!((view.funding_rate, view.mark_price), (number("-0.0001"), number("101")));
    assert_eq!((view.open_interest, view.index_price), (None, None));
}

#[test]
fn however_many_changes_there_are_memory_is_bounded() {
    let mut live = Live::default();
    let books = [book("100 1", "101 1"), book("100 1", "103 1")];
    for change in 0..MAX_STEPS as i64 + 500 {
        live.book(&books[change.rem_euclid(2) as usize], at(change));
    }
    assert_eq!(live.spreads.steps.len(), MAX_STEPS);
    let view = live.view(at(MAX_STEPS as i64 + 500));
    assert_eq!((view.spread_15s, view.spread_15s_micros), (number("2"), 5_000_000));
}

/// Two books that change in turn, at these milliseconds: which of the two, bids, asks.
fn pair(changes: &[(i64, usize, &str, &str)]) -> ([Live; 2], Pair) {
    let (mut lives, mut pair) = ([Live::default(), Live::default()], Pair::default());
    for (millis, which, bids, asks) in changes {
        lives[*which].book(&book(bids, asks), at(*millis));
        pair.book(&lives[0], &lives[1], at(*millis));
    }
    (lives, pair)
}

#[test]
fn the_spread_between_two_symbols_and_its_average_by_time() {
    let (lives, pair) = pair(&[
        (0, 0, "100 1", "101 1"),       // 100.5, and nothing of the other yet
        (2_000, 1, "100 1", "100.5 1"), // 100.25: 0.25 above
        (6_000, 1, "101 1", "102 1"),   // 101.5: 1 below
        (7_000, 1, "101 2", "102 1"),   // a size is no price
    ]);
    let view = pair.view(&lives[0], &lives[1], at(8_000));
    assert_eq!(view.spread, number("-1"));
    // -10,000 / 101.5 = -98.5221674...
    assert_eq!(view.spread_bps, number("-98.522167"));
    // (4 s x 0.25 - 2 s x 1) / 6 s
    assert_eq!(view.spread_15s, number("-0.166666666666666667"));
    assert_eq!((view.spread_15s_micros, view.age_micros), (6_000_000, Some(8_000_000)));
    // At 18 s the window begins at 3 s: 3 s x 0.25 - 12 s x 1.
    let view = pair.view(&lives[0], &lives[1], at(18_000));
    assert_eq!((view.spread_15s, view.spread_15s_micros), (number("-0.75"), 15_000_000));
}

#[test]
fn while_one_of_two_has_no_middle_there_is_no_spread_between_them() {
    let nothing = pair(&[(0, 0, "100 1", "101 1")]);
    assert_eq!(nothing.1.view(&nothing.0[0], &nothing.0[1], at(5_000)), PairView::default());
    let (lives, pair) = pair(&[
        (0, 0, "100 1", "101 1"),
        (0, 1, "99 1", "100 1"), // 1
        (4_000, 1, "", "100 1"), // nobody knows
    ]);
    let view = pair.view(&lives[0], &lives[1], at(9_000));
    assert_eq!((view.spread, view.spread_bps), (None, None));
    assert_eq!((view.spread_15s, view.spread_15s_micros), (number("1"), 4_000_000));
    assert_eq!(view.age_micros, Some(9_000_000), "of the older book");
}

#[test]
fn nothing_becomes_younger_when_a_book_is_given_up_or_by_trades_alone() {
    let (mut lives, pair) = pair(&[(0, 0, "100 1", "101 1"), (1_000, 1, "99 1", "100 1")]);
    lives[0].book(&book("", ""), at(60_000));
    assert_eq!(lives[0].view(at(61_000)).age_micros, Some(61_000_000));
    lives[0].trade(&trade(7, "100.5", 62_000), at(62_000));
    assert_eq!(lives[0].view(at(63_000)).age_micros, Some(1_000_000));
    let view = pair.view(&lives[0], &lives[1], at(63_000));
    assert_eq!(view.age_micros, Some(63_000_000), "the spread is of books");
}

#[test]
fn of_prices_with_twelve_decimals_the_middles_still_average() {
    let (lives, pair) = pair(&[
        (0, 0, "0.000000000001 1", "0.000000000002 1"),
        (0, 1, "0.000000000003 1", "0.000000000005 1"),
    ]);
    let view = pair.view(&lives[0], &lives[1], at(1));
    assert_eq!((view.spread, view.spread_15s), (number("-0.0000000000025"), view.spread));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    /// Against a sum over each millisecond of the window.
    #[test]
    fn the_average_by_time_is_that_of_every_moment(
        steps in prop::collection::vec((0i64..4_000, 0u32..9), 1..30),
        wait in 0i64..20_000,
    ) {
        let (mut live, mut now, mut quotes) = (Live::default(), 0, Vec::new());
        for (step, spread) in steps {
            now += step;
            let book = if spread == 0 { book("", "") } else {
                book("100 1", &format!("{} 1", 100 + spread))
            };
            live.book(&book, at(now));
            quotes.push((now, i64::from(spread)));
        }
        now += wait;
        let (mut sum, mut all) = (0, 0);
        for moment in (now - 15_000)..now {
            let in_force = quotes.iter().rfind(|(from, _)| *from <= moment);
            if let Some((_, spread)) = in_force.filter(|(_, spread)| *spread > 0) {
                sum += spread;
                all += 1;
            }
        }
        let view = live.view(at(now));
        prop_assert_eq!(view.spread_15s_micros, all * 1_000);
        let (sum, all) = (Decimal::from(sum.cast_unsigned()), Decimal::from(all));
        let expected = sum.checked_mul_div_rounded(Decimal::from(1), all, 18);
        prop_assert_eq!(view.spread_15s, expected);
    }
}
