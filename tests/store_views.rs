//! What dashboards read of the database: the views' columns, and the role that reads them.

use market::{Bar, Decimal, Side, fold};
use sqlx::{Connection, Executor, MySqlConnection, PgConnection};
use store::Store;
use tests::books::{book_bars, book_lines};
use tests::databases::Database;
use tests::mariadb::Mariadb;
use tests::postgres::Postgres;
use tests::trades::{MINUTE, NOON, time, trades};

/// Two minutes: one with both sides, one in which takers only bought.
fn bars() -> Vec<Bar> {
    let mut all = trades(100, 40, 1);
    let bought = all.iter().filter(|trade| trade.side == Side::Buy).cloned().collect::<Vec<_>>();
    all.extend(bought.into_iter().enumerate().map(|(at, mut trade)| {
        trade.time = time(NOON + MINUTE + at as i64);
        trade
    }));
    fold(all).expect("small sums")
}

fn average(quote: Decimal, base: Decimal) -> Option<String> {
    quote.checked_div_rounded(base).map(|price| price.to_string())
}

/// A database's text of a decimal, without the zeros that its column's scale adds.
fn canonical(text: &str) -> String {
    text.parse::<Decimal>().expect(text).to_string()
}

macro_rules! both_views {
    ($connection:ty, $database:expr, $text:literal) => {{
        let (database, bars) = ($database, bars());
        database.store().put_newer(&bars).await.expect("written");
        let mut connection = <$connection>::connect(&database.url).await.expect("connected");
        type Candle = (String, String, String, String, String, String, String, String);
        let candles: Vec<Candle> = sqlx::query_as(concat!(
            "select exchange, symbol, cast(time as ",
            $text,
            "), cast(open as ",
            $text,
            "),
            cast(high as ",
            $text,
            "), cast(low as ",
            $text,
            "), cast(close as ",
            $text,
            "),
            cast(volume as ",
            $text,
            ") from candles order by time"
        ))
        .fetch_all(&mut connection)
        .await
        .expect("candles");
        assert_eq!(candles.len(), 2);
        for (bar, candle) in bars.iter().zip(candles) {
            let minute = bar.minute.to_string().replace('T', " ").replace('Z', "");
            let volume = bar.buy_base_volume.checked_add(bar.sell_base_volume).expect("small");
            let prices = [bar.open, bar.high, bar.low, bar.close, volume];
            assert_eq!((candle.0.as_str(), candle.1.as_str()), ("binance", "BTCUSDT"));
            assert!(candle.2.starts_with(&minute), "{} is not {minute}", candle.2);
            let found = [candle.3, candle.4, candle.5, candle.6, candle.7];
            assert_eq!(found.map(|text| canonical(&text)), prices.map(|it| it.to_string()));
        }
        type Totals =
            (String, i64, i64, String, String, String, String, Option<String>, Option<String>);
        let totals: Vec<Totals> = sqlx::query_as(concat!(
            "select cast(minute_totals.timestamp as ",
            $text,
            "), total_count_b, total_count_s,
            cast(total_btc_b as ",
            $text,
            "), cast(total_btc_s as ",
            $text,
            "),
            cast(total_usd_b as ",
            $text,
            "), cast(total_usd_s as ",
            $text,
            "),
            cast(avg_b as ",
            $text,
            "), cast(avg_s as ",
            $text,
            ")
            from minute_totals where exchange = 'binance' and symbol = 'BTCUSDT' order by 1"
        ))
        .fetch_all(&mut connection)
        .await
        .expect("totals");
        assert_eq!(totals.len(), 2);
        for (bar, row) in bars.iter().zip(totals) {
            let minute = bar.minute.to_string().replace('T', " ").replace('Z', "");
            assert_eq!(row.0, minute, "UTC, and no time zone");
            assert_eq!((row.1 as u64, row.2 as u64), (bar.buy_count, bar.sell_count));
            let base = [bar.buy_base_volume, bar.sell_base_volume];
            let quote = [bar.buy_quote_volume, bar.sell_quote_volume];
            assert_eq!([row.3, row.4].map(|text| canonical(&text)), base.map(|it| it.to_string()));
            assert_eq!([row.5, row.6].map(|text| canonical(&text)), quote.map(|it| it.to_string()));
            let averages = [row.7, row.8].map(|text| text.map(|text| canonical(&text)));
            assert_eq!(averages, [average(quote[0], base[0]), average(quote[1], base[1])]);
        }
        assert_eq!(average(bars[1].sell_quote_volume, bars[1].sell_base_volume), None);
    }};
}

#[tokio::test]
async fn the_views_of_postgresql_show_the_bars_under_the_names_of_others() {
    both_views!(PgConnection, Database::postgres().await, "text");
}

#[tokio::test]
async fn the_views_of_mysql_show_the_bars_under_the_names_of_others() {
    both_views!(MySqlConnection, Database::mariadb().await, "char");
}

const READS: [&str; 4] = [
    "select * from bars",
    "select * from candles",
    "select * from minute_totals",
    "select * from book_bars",
];
const WRITES: [&str; 6] = [
    "update book_bars set object_count = 9",
    "insert into bars select * from bars",
    "update bars set object_count = 9",
    "delete from bars",
    "drop view candles",
    "create table mine (it int)",
];

#[tokio::test]
async fn the_role_for_dashboards_reads_and_does_nothing_else_on_postgresql() {
    let server = Postgres::start();
    let url = server.database();
    let store = Store::connect(&url, 1).expect("URL");
    store.migrate().await.expect("migrated");
    store.put_newer(&bars()).await.expect("written");
    store.put_newer(&book_bars(book_lines(4, 2), 1)).await.expect("written");
    let mut owner = PgConnection::connect(&url).await.expect("connected");
    for _ in 0..2 {
        let role = include_str!("../shared/store/roles/postgres/readonly.sql");
        owner.execute(role).await.expect("twice is once");
    }
    let url = url.replace("postgres@", "tickfold_readonly@");
    let mut reader = PgConnection::connect(&url).await.expect("the role logs in");
    for sql in READS {
        assert_eq!(reader.fetch_all(sql).await.expect(sql).len(), 2, "{sql}");
    }
    // The setting is a seat belt that a session may take off; the rights are what holds.
    let read_only = reader.execute("delete from bars").await.expect_err("read only").to_string();
    assert!(read_only.contains("read-only transaction"), "{read_only}");
    reader.execute("set default_transaction_read_only = off").await.expect("off");
    for sql in WRITES {
        let refused = reader.execute(sql).await.expect_err(sql).to_string();
        let why = ["permission denied", "must be owner"];
        assert!(why.iter().any(|why| refused.contains(why)), "{sql}: {refused}");
    }
}

#[tokio::test]
async fn the_role_for_dashboards_reads_and_does_nothing_else_on_mysql() {
    let server = Mariadb::start_with_accounts();
    let url = server.database();
    let store = Store::connect(&url, 1).expect("URL");
    store.migrate().await.expect("migrated");
    store.put_newer(&bars()).await.expect("written");
    store.put_newer(&book_bars(book_lines(4, 2), 1)).await.expect("written");
    let mut owner = MySqlConnection::connect(&url).await.expect("connected");
    for _ in 0..2 {
        let role = include_str!("../shared/store/roles/mysql/readonly.sql");
        owner.execute(role).await.expect("twice is once");
    }
    let url = url.replace("root@", "tickfold_readonly:pass@");
    let locked = MySqlConnection::connect(&url).await.expect_err("locked").to_string();
    assert!(locked.contains("locked") || locked.contains("denied"), "{locked}");
    let unlock = "alter user tickfold_readonly identified by 'pass' account unlock";
    owner.execute(unlock).await.expect("unlocked");
    let mut reader = MySqlConnection::connect(&url).await.expect("the account logs in");
    for sql in READS {
        assert_eq!(reader.fetch_all(sql).await.expect(sql).len(), 2, "{sql}");
    }
    for sql in WRITES {
        let refused = reader.execute(sql).await.expect_err(sql).to_string();
        assert!(refused.contains("command denied"), "{sql}: {refused}");
    }
}
