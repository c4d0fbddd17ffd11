//! Lines of order books for tests, made up in the shape of the book line.

use market::book::{Interval, Mid};
use market::decimal::{Price, Size};
use market::{BookBar, BookFold, BookLine, Decimal};

use crate::trades::{MINUTE, NOON, SECOND, name, symbol, time};

/// A line of binance's BTCUSDT about one second; change what the test is about.
pub fn book_line(micros: i64) -> BookLine {
    let second = micros / SECOND;
    let decimal = |text: &str| Decimal::from_signed(text).expect(text);
    let level = |price: &str, size: &str| {
        let (price, size) = (price.parse::<Price>(), size.parse::<Size>());
        (price.expect("a price"), size.expect("a size"))
    };
    // Bid and ask are 0.01 x 2 apart, and their middle moves.
    let (bid, mid, ask) = (second % 17, second % 17 + 1, second % 17 + 2);
    let price = |cents: i64| format!("43000.{cents:02}");
    BookLine {
        exchange: name("binance"),
        symbol: symbol("BTCUSDT"),
        time: time(micros),
        interval: Interval::SECOND,
        since: time(micros),
        bids: vec![level(&price(bid), "0.50000000"), level("42999.00", "3.00000000")],
        asks: vec![level(&price(ask), "1.50000000")],
        inverse: false,
        mid: Some(Mid::from(decimal(&price(mid)))),
        updates: 2,
        quoted_micros: 1_000_000,
        spread_seconds: decimal("0.02"),
        bid_size_seconds: decimal("3.5"),
        ask_size_seconds: decimal("1.5"),
        ofi: decimal(if second % 2 == 0 { "-0.75" } else { "0.5" }),
        received: time(micros + SECOND + 80_000),
    }
}

/// `count` lines, evenly over `minutes` minutes from noon; each second can have one.
pub fn book_lines(count: u64, minutes: i64) -> Vec<BookLine> {
    let step = minutes * MINUTE / count as i64;
    (0..count as i64).map(|at| book_line(NOON + at * step)).collect()
}

/// The rows of lines that lie in so many objects.
pub fn book_bars(lines: impl IntoIterator<Item = BookLine>, object_count: u64) -> Vec<BookBar> {
    let mut fold = BookFold::default();
    lines.into_iter().for_each(|line| fold.add(line));
    let bars = fold.bars().map(|bar| BookBar { object_count, ..bar.expect("small sums") });
    bars.collect()
}
