//! What the panels of order books answer.

use chrono::TimeDelta;
use market::{BookLine, Decimal};
use tests::books::{book_bars, book_line};
use tests::databases::Database;
use tests::trades::{MINUTE, NOON, SECOND};

use super::{CHOICE, Choice, at, market, panel, reader, string, values};

/// A minute in which the book was seen half as long counts half as much, and a span without a quote
/// has no average.
#[tokio::test]
async fn averages_of_several_minutes_are_weighted_by_time() {
    let database = Database::postgres().await;
    let wide = BookLine {
        spread_seconds: "0.08".parse().expect("a sum"),
        ask_size_seconds: "6.5".parse().expect("a sum"),
        ..book_line(NOON + MINUTE)
    };
    let empty = BookLine {
        asks: vec![],
        mid: None,
        quoted_micros: 0,
        spread_seconds: Decimal::ZERO,
        bid_size_seconds: Decimal::ZERO,
        ask_size_seconds: Decimal::ZERO,
        ..book_line(NOON + 5 * MINUTE)
    };
    let lines = [book_line(NOON), book_line(NOON + SECOND), wide, empty];
    database.store().put_newer(&book_bars(lines, 1)).await.expect("written");
    let mut reader = reader(&database).await;
    let (_, dashboard) = market();
    let choice = Choice { from: at(0), to: at(60), interval: TimeDelta::minutes(5), ..CHOICE };
    for (title, expected) in [("Spread", "0.04"), ("Imbalance", "0.05")] {
        let sql = string(panel(&dashboard, title), "/targets/0/rawSql");
        let found = values(&mut reader, sql, choice).await;
        let number = found[0][1].trim_end_matches('0');
        assert_eq!((&*found[0][0], number), ("0", expected), "{title}");
        assert_eq!(found[1..], [["5", "null"].map(String::from).to_vec()], "{title}");
    }
}
