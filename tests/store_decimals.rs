//! Decimals in each database: 38 digits come back exactly, by the code, by the views and in SQL's
//! own order; what is no number is refused at every door.

use std::str::FromStr;

use market::{Bar, Decimal, fold};
use sqlx::mysql::MySqlConnectOptions;
use sqlx::postgres::PgConnectOptions;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Executor};
use store::{DECIMAL, Store, decimal_order};
use tests::databases::Database;
use tests::trades::trades;

/// Ascending, and not so as text; a float could not tell the last two apart.
const OPENS: [&str; 7] = [
    "0.000000000000000001",
    "0.1",
    "9",
    "10.5",
    "100",
    "99999999999999999999.999999999999999998",
    "99999999999999999999.999999999999999999",
];
const COLUMNS: [&str; 8] = [
    "open",
    "high",
    "low",
    "close",
    "buy_base_volume",
    "sell_base_volume",
    "buy_quote_volume",
    "sell_quote_volume",
];
/// No column holds what is below zero: what may be, such as a volume's delta, is not stored.
const NO_NUMBERS: [&str; 7] = ["NaN", "nan", "Infinity", "-Infinity", "inf", "-inf", "-1"];

fn number(text: &str) -> Decimal {
    text.parse().expect(text)
}

fn bars(count: u64) -> Vec<Bar> {
    let bars = fold(trades(1, count, count as i64)).expect("small sums");
    bars.into_iter().map(|bar| Bar { object_count: 1, ..bar }).collect()
}

/// All eight columns as wide as they get.
fn widest() -> Bar {
    Bar {
        open: number(OPENS[5]),
        high: number(OPENS[6]),
        low: number(OPENS[0]),
        close: number("12345678901234567890.123456789012345678"),
        buy_base_volume: number("12345678901234567890.123456789012345678"),
        sell_base_volume: number("87654321098765432109.876543210987654321"),
        buy_quote_volume: number(OPENS[6]),
        sell_quote_volume: number(OPENS[5]),
        ..bars(1).remove(0)
    }
}

/// Rows that open at each of [`OPENS`], the last first.
async fn put_opens(store: &Store) {
    let rows = bars(OPENS.len() as u64).into_iter().zip(OPENS.into_iter().rev());
    let rows: Vec<Bar> = rows
        .map(|(bar, open)| {
            let open = number(open);
            Bar { open, high: open, low: open, close: open, ..bar }
        })
        .collect();
    store.put_newer(&rows).await.expect("written");
}

/// Connects as a program that is not tickfold would, and runs one body with that connection, which
/// reads texts: `$text` is what the database calls one.
macro_rules! with_sql {
    ($database:expr, $body:ident) => {
        match $database.name {
            "PostgreSQL" => {
                let options = PgConnectOptions::from_str(&$database.url).expect("a URL");
                let mut connection = options.connect().await.expect("connected");
                $body!(connection, "text", "");
            }
            "MariaDB" => {
                let options = MySqlConnectOptions::from_str(&$database.url).expect("a URL");
                let mut connection = options.connect().await.expect("connected");
                $body!(connection, "char", "");
            }
            _ => {
                let options = SqliteConnectOptions::from_str(&$database.url).expect("a URL");
                let options = options.collation(DECIMAL, decimal_order);
                let mut connection = options.connect().await.expect("connected");
                $body!(connection, "text", "'");
            }
        }
    };
}

fn canonical(texts: Vec<String>) -> Vec<String> {
    texts.iter().map(|text| number(text).to_string()).collect()
}

#[tokio::test]
async fn all_38_digits_of_every_column_come_back() {
    for database in Database::all().await {
        let (store, row) = (database.store(), widest());
        store.put_newer(std::slice::from_ref(&row)).await.expect("written");
        let (minute, after) = (row.minute, row.minute.plus(1));
        let (exchange, symbol) = (row.exchange.clone(), row.symbol.clone());
        let before = store.bar_before(&exchange, &symbol, after).await.expect("answered");
        assert_eq!(before.map(|it| it.bar).as_ref(), Some(&row), "{}", database.name);
        let range = store::Range { exchange, symbol, from: minute, to: after, limit: 1 };
        let found = store.bars(&range).await.expect("rows");
        assert_eq!(found[0].bar, row, "{}", database.name);
    }
}

#[tokio::test]
async fn all_38_digits_are_in_the_views() {
    for database in [Database::postgres().await, Database::mariadb().await] {
        let row = widest();
        database.store().put_newer(std::slice::from_ref(&row)).await.expect("written");
        let both = "99999999999999999999.999999999999999999";
        let candle = [row.open, row.high, row.low, row.close, number(both)];
        let bases = [row.buy_base_volume, row.sell_base_volume];
        let quotes = [row.buy_quote_volume, row.sell_quote_volume];
        let average = |at: usize| quotes[at].checked_div_rounded(bases[at]).expect("it fits");
        let totals = [bases[0], bases[1], quotes[0], quotes[1], average(0), average(1)];
        macro_rules! views {
            ($connection:ident, $text:literal, $_quote:literal) => {
                for (view, columns, expected) in [
                    ("candles", "open high low close volume", &candle[..]),
                    (
                        "minute_totals",
                        "total_btc_b total_btc_s total_usd_b total_usd_s avg_b avg_s",
                        &totals[..],
                    ),
                ] {
                    for (column, expected) in columns.split(' ').zip(expected) {
                        let sql = format!("select cast({column} as {}) from {view}", $text);
                        let found = sqlx::query_scalar::<_, String>(AssertSqlSafe(sql));
                        let found = found.fetch_one(&mut $connection).await.expect(column);
                        assert_eq!(number(&found), *expected, "{} {column}", database.name);
                    }
                }
            };
        }
        with_sql!(database, views);
    }
}

#[tokio::test]
async fn sql_orders_and_ranges_decimals_as_numbers() {
    for database in Database::all().await {
        put_opens(&database.store()).await;
        let name = database.name;
        macro_rules! ordered {
            ($connection:ident, $text:literal, $quote:literal) => {
                let mut found = async |rest: &str| {
                    let sql = format!("select cast(open as {}) from bars {rest}", $text);
                    let found = sqlx::query_scalar::<_, String>(AssertSqlSafe(sql));
                    canonical(found.fetch_all(&mut $connection).await.expect(rest))
                };
                assert_eq!(found("order by bars.open").await, OPENS, "{name}");
                let quoted = |text: &str| format!("{0}{text}{0}", $quote);
                let (low, high) = (quoted(OPENS[1]), quoted(OPENS[5]));
                let between = format!("where open between {low} and {high} order by bars.open");
                assert_eq!(found(&between).await, OPENS[1..6], "{name}");
                let above = format!("where open > {high}");
                assert_eq!(found(&above).await, OPENS[6..], "{name}");
                let least = "where open = (select min(open) from bars)";
                assert_eq!(found(least).await, OPENS[..1], "{name}");
                assert_eq!(found("where open > 9 and open < 100").await, ["10.5"], "{name}");
            };
        }
        with_sql!(database, ordered);
    }
}

/// A program without the collation may read the rows, and is not let do what would come out wrong.
#[tokio::test]
async fn sqlite_orders_decimals_as_numbers_or_not_at_all() {
    let database = Database::sqlite().await;
    put_opens(&database.store()).await;
    let options = SqliteConnectOptions::from_str(&database.url).expect("a URL");
    let mut other = options.connect().await.expect("connected");
    let by_time = sqlx::query_scalar::<_, String>("select open from bars order by minute desc");
    assert_eq!(by_time.fetch_all(&mut other).await.expect("rows"), OPENS);
    for sql in ["select open from bars order by open", "select open from bars where open > '9'"] {
        let refused = other.fetch_all(sql).await.expect_err(sql).to_string();
        assert!(refused.contains("no such collation sequence: decimal"), "{refused}");
    }
}

#[tokio::test]
async fn every_column_refuses_what_is_no_number() {
    for database in Database::all().await {
        let (name, store, rows) = (database.name, database.store(), bars(1));
        store.put_newer(&rows).await.expect("written");
        macro_rules! refused {
            ($connection:ident, $_text:literal, $_quote:literal) => {
                for column in COLUMNS {
                    for value in NO_NUMBERS {
                        let sql = format!("update bars set {column} = '{value}'");
                        let refused = $connection.execute(AssertSqlSafe(sql)).await;
                        let refused = refused.expect_err(&format!("{name}: {column} = {value}"));
                        let why = refused.to_string();
                        // PostgreSQL and SQLite name what they check, MariaDB what it cannot read.
                        let known = ["constraint", "CONSTRAINT", "Incorrect decimal value"];
                        assert!(known.iter().any(|it| why.contains(it)), "{name}: {why}");
                    }
                }
                $connection.close().await.expect("closed");
            };
        }
        with_sql!(database, refused);
        let newest = store.symbols().await.expect("symbols");
        assert_eq!(newest[0].last_time, rows[0].last_time, "{name}");
        let row = store.bar_before(&rows[0].exchange, &rows[0].symbol, rows[0].minute.plus(1));
        let row = row.await.expect("read").expect("a row");
        assert_eq!(row.bar, rows[0], "{name}: nothing was changed");
    }
}

/// SQLite's columns are text: whatever else is no plain decimal is refused there as well.
#[tokio::test]
async fn sqlite_refuses_every_other_spelling() {
    let database = Database::sqlite().await;
    database.store().put_newer(&bars(1)).await.expect("written");
    let options = SqliteConnectOptions::from_str(&database.url).expect("a URL");
    let mut connection =
        options.collation(DECIMAL, decimal_order).connect().await.expect("connected");
    for text in ["", ".", ".5", "5.", "1.2.3", "1e5", "+1", " 1", "1 ", "0x1", "one"] {
        for column in COLUMNS {
            let sql = format!("update bars set {column} = '{text}'");
            let refused = connection.execute(AssertSqlSafe(sql)).await.expect_err(text).to_string();
            assert!(refused.contains("CHECK constraint failed"), "{column} = {text:?}: {refused}");
        }
    }
}
