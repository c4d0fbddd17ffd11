//! The rows of order books in each database: what goes in comes out, only newer rows change any,
//! and what is no number is refused.

use std::str::FromStr;

use market::{BookBar, Decimal, Minute};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Executor, MySqlConnection, PgConnection};
use store::{DECIMAL, Range, Store, decimal_order};
use tests::books::{book_bars, book_line, book_lines};
use tests::databases::Database;
use tests::trades::{MINUTE, NOON, name, symbol, time};
use tokio::task::JoinSet;

/// More than run at once on AWS: a function's concurrency there is bounded below it.
const WRITERS: usize = 64;
const POSITIVE: [&str; 7] = [
    "mid_open",
    "mid_high",
    "mid_low",
    "mid_close",
    "spread_seconds",
    "bid_size_seconds",
    "ask_size_seconds",
];

fn number(text: &str) -> Decimal {
    Decimal::from_signed(text).expect(text)
}

fn everything() -> Range {
    let (exchange, symbol) = (name("binance"), symbol("BTCUSDT"));
    Range { exchange, symbol, from: Minute::MIN, to: Minute::MAX, limit: 10_000 }
}

async fn stored(store: &Store) -> Vec<BookBar> {
    let rows = store.rows(&everything()).await.expect("rows");
    rows.into_iter().map(|row| row.bar).collect()
}

#[tokio::test]
async fn every_column_comes_back_exactly() {
    for database in Database::all().await {
        let store = database.store();
        let most = "99999999999999999999.999999999999999999";
        let widest = BookBar {
            mid_open: Some(number("12345678901234567890.123456789012345678")),
            mid_high: Some(number(most)),
            mid_low: Some(number("0.000000000000000001")),
            mid_close: Some(number("0.000000000000000001")),
            update_count: i64::MAX as u64,
            quoted_micros: 60_000_000,
            spread_seconds: number("12345678901234567890.123456789012345678"),
            bid_size_seconds: number(most),
            ask_size_seconds: number("87654321098765432109.876543210987654321"),
            ofi: number("-99999999999999999999.999999999999999999"),
            duplicate_count: 2,
            conflict_count: 3,
            quarantined_count: 4,
            ..book_bars(book_lines(1, 1), 5).remove(0)
        };
        let empty = BookBar {
            minute: widest.minute.plus(1),
            mid_open: None,
            mid_high: None,
            mid_low: None,
            mid_close: None,
            quoted_micros: 0,
            spread_seconds: Decimal::ZERO,
            ofi: number(most),
            ..widest.clone()
        };
        let rows = [widest, empty];
        assert_eq!(store.put_newer(&rows).await.expect("written"), 2, "{}", database.name);
        assert_eq!(stored(&store).await, rows, "{}", database.name);
        assert_eq!(store.bars(&everything()).await.expect("rows"), [], "{}", database.name);
    }
}

#[tokio::test]
async fn twice_is_once_and_a_stale_fold_that_commits_late_changes_nothing() {
    for database in Database::all().await {
        let store = database.store();
        let all = book_lines(2_500 * 2, 2_500);
        let rows = book_bars(all.clone(), 2);
        assert_eq!(store.put_newer(&rows).await.expect("written"), 2_500, "{}", database.name);
        assert_eq!(store.put_newer(&rows).await.expect("again"), 0, "{}", database.name);
        let stale = book_bars(all[..4_000].to_vec(), 1);
        assert_eq!(store.put_newer(&stale).await.expect("stale"), 0, "{}", database.name);
        assert_eq!(stored(&store).await, rows, "{}", database.name);
        // More objects win even if they only repeat.
        let repeated = book_bars([all.clone(), all].concat(), 3);
        assert_eq!(store.put_newer(&repeated).await.expect("superset"), 2_500);
        assert_eq!(stored(&store).await, repeated, "{}", database.name);
    }
}

#[tokio::test]
async fn folds_of_equally_many_objects_converge_whoever_commits_first() {
    for database in Database::all().await {
        let (store, other_database) = (database.store(), Database::sqlite().await);
        let other = other_database.store();
        let all = book_lines(30, 1);
        let (one, two) = (book_bars(all[..20].to_vec(), 2), book_bars(all[10..].to_vec(), 2));
        for (store, order) in [(&store, [&one, &two]), (&other, [&two, &one])] {
            for rows in order {
                store.put_newer(rows).await.expect("written");
            }
        }
        assert_eq!(stored(&store).await, stored(&other).await, "{}", database.name);
    }
}

/// All of them find the row missing; in the end it is the one of most objects.
#[tokio::test(flavor = "multi_thread")]
async fn concurrent_writers_end_with_the_largest_set() {
    for database in Database::all().await {
        let versions: Vec<Vec<BookBar>> =
            (1..=6).map(|it| book_bars(book_lines(60, 3)[..it * 10].to_vec(), it as u64)).collect();
        let mut writers = JoinSet::new();
        for writer in 0..WRITERS {
            let (store, versions) = (database.store(), versions.clone());
            writers.spawn(async move {
                for step in 0..versions.len() {
                    let rows = &versions[(step + writer) % versions.len()];
                    store.put_newer(rows).await.expect("written");
                }
                store.close().await;
            });
        }
        writers.join_all().await;
        assert_eq!(stored(&database.store()).await, versions[5], "{}", database.name);
    }
}

#[tokio::test]
async fn ranges_are_half_open_and_limited() {
    for database in Database::all().await {
        let store = database.store();
        let mut rows = book_bars((0..10).map(|at| book_line(NOON + at * MINUTE)), 1);
        rows.remove(4);
        store.put_newer(&rows).await.expect("written");
        let minutes = async |from: i64, to: i64, limit: u32| {
            let noon = time(NOON).minute();
            let range = Range { from: noon.plus(from), to: noon.plus(to), limit, ..everything() };
            let rows = store.rows::<BookBar>(&range).await.expect("rows");
            let minute = |row: &store::Stored<BookBar>| row.bar.minute.start().micros() - NOON;
            rows.iter().map(|row| minute(row) / MINUTE).collect::<Vec<_>>()
        };
        assert_eq!(minutes(2, 6, 100).await, [2, 3, 5], "{}", database.name);
        assert_eq!(minutes(0, 10, 3).await, [0, 1, 2], "{}", database.name);
        assert_eq!(minutes(4, 5, 100).await, [0i64; 0], "{}", database.name);
    }
}

macro_rules! refuses {
    ($connection:expr, $database:ident) => {{
        let mut connection = $connection.await.expect("connected");
        let negative = POSITIVE.map(|column| format!("{column} = '-1'"));
        let columns = POSITIVE.into_iter().chain(["ofi"]);
        let no_numbers = ["NaN", "Infinity", "-Infinity", "--1", "one"];
        let no_numbers = columns.flat_map(|it| no_numbers.map(|text| format!("{it} = '{text}'")));
        let whole = ["quoted_micros = 60000001", "line_count = 0", "ofi = null"].map(String::from);
        // All of the four are null, or none.
        let one_null = POSITIVE[..4].iter().map(|column| format!("{column} = null"));
        for change in negative.into_iter().chain(no_numbers).chain(whole).chain(one_null) {
            let sql = format!("update book_bars set {change}");
            let refused = connection.execute(AssertSqlSafe(sql)).await.map(|_| ());
            assert!(refused.is_err(), "{}: {change}", $database.name);
        }
        let negative = "update book_bars set ofi = '-1.5'";
        connection.execute(negative).await.expect("order flow may be negative");
    }};
}

#[tokio::test]
async fn every_column_refuses_what_is_no_number() {
    for database in Database::all().await {
        let rows = book_bars(book_lines(1, 1), 1);
        database.store().put_newer(&rows).await.expect("written");
        match database.name {
            "PostgreSQL" => refuses!(PgConnection::connect(&database.url), database),
            "MariaDB" => refuses!(MySqlConnection::connect(&database.url), database),
            _ => {
                let options = SqliteConnectOptions::from_str(&database.url).expect("a URL");
                let options = options.collation(DECIMAL, decimal_order);
                refuses!(options.connect(), database);
            }
        }
        let changed = BookBar { ofi: number("-1.5"), ..rows[0].clone() };
        assert_eq!(stored(&database.store()).await, [changed], "{}", database.name);
    }
}
