//! The store on each of its databases: what goes in comes out, and only newer rows change any.

use market::fold;
use market::{Bar, Decimal, Minute, Trade};
use store::{Range, Store, StoredBar};
use tests::databases::Database;
use tests::postgres::Postgres;
use tests::trades::{MINUTE, NOON, name, symbol, time, trade, trades};
use tokio::task::JoinSet;

/// More than run at once on AWS: a function's concurrency there is bounded below it.
const WRITERS: usize = 64;

fn bars(trades: impl IntoIterator<Item = Trade>, object_count: u64) -> Vec<Bar> {
    let bars = fold(trades).expect("small sums");
    bars.into_iter().map(|bar| Bar { object_count, ..bar }).collect()
}

fn noon() -> Minute {
    time(NOON).minute()
}

fn everything() -> Range {
    let (exchange, symbol) = (name("binance"), symbol("BTCUSDT"));
    Range { exchange, symbol, from: Minute::MIN, to: Minute::MAX, limit: 10_000 }
}

async fn stored(store: &Store) -> Vec<Bar> {
    let rows: Vec<StoredBar> = store.bars(&everything()).await.expect("rows");
    rows.into_iter().map(|row| row.bar).collect()
}

#[tokio::test]
async fn every_column_comes_back_exactly() {
    for database in Database::all().await {
        let store = database.store();
        let mut bar = bars(trades(100, 50, 1), 3).remove(0);
        // 38 digits: what a float, or a 96-bit decimal, would round.
        let number = |text: &str| text.parse::<Decimal>().expect(text);
        bar.buy_base_volume = number("12345678901234567890.123456789012345678");
        bar.sell_quote_volume = number("99999999999999999999.999999999999999999");
        bar.sell_base_volume = number("0.000000000000000001");
        bar.first_time = time(NOON + 1);
        bar.last_id = Some(i64::MAX as u64);
        bar.quarantined_count = 7;
        let mut unknown = Bar { minute: bar.minute.plus(1), ..bar.clone() };
        (unknown.first_id, unknown.last_id, unknown.missing_count) = (None, None, None);
        let both = [bar, unknown];
        assert_eq!(store.put_newer(&both).await.expect("written"), 2, "{}", database.name);
        assert_eq!(stored(&store).await, both, "{}", database.name);
    }
}

#[tokio::test]
async fn twice_is_once_and_migrations_too() {
    for database in Database::all().await {
        let store = database.store();
        let rows = bars(trades(1, 5_000, 2_500), 1);
        assert_eq!(store.put_newer(&rows).await.expect("written"), 2_500, "{}", database.name);
        assert_eq!(store.put_newer(&rows).await.expect("again"), 0, "{}", database.name);
        store.migrate().await.expect("migrations know what they did");
        assert_eq!(stored(&store).await, rows, "{}", database.name);
    }
}

#[tokio::test]
async fn a_stale_fold_that_commits_late_changes_nothing() {
    for database in Database::all().await {
        let store = database.store();
        let all = trades(100, 40, 1);
        let (stale, newest) = (bars(all[..30].to_vec(), 1), bars(all.clone(), 2));
        assert_eq!(store.put_newer(&newest).await.expect("newest"), 1);
        assert_eq!(store.put_newer(&stale).await.expect("stale"), 0, "{}", database.name);
        assert_eq!(stored(&store).await, newest, "{}", database.name);
        // More objects win even if they only repeat: the duplicates are part of the row.
        let mut repeated = all.clone();
        repeated.extend(all);
        let repeated = bars(repeated, 3);
        assert_eq!(store.put_newer(&repeated).await.expect("superset"), 1);
        assert_eq!(stored(&store).await, repeated, "{}", database.name);
    }
}

/// Folds of growing sets of objects, committed by many writers at once in any order: those of one
/// symbol by all of them, those of another one by each alone, in the same statements.
#[tokio::test(flavor = "multi_thread")]
async fn concurrent_writers_end_with_the_largest_set() {
    /// A prime: every step through them meets each once.
    const OBJECTS: usize = 7;
    for database in Database::all().await {
        let all = trades(1, OBJECTS as u64 * 10, 3);
        let versions = |own: &str| -> Vec<Vec<Bar>> {
            let folded = |objects| bars(all[..objects * 10].to_vec(), objects as u64);
            let named = |bar: Bar| Bar { symbol: symbol(own), ..bar };
            (1..=OBJECTS).map(|it| folded(it).into_iter().map(named).collect()).collect()
        };
        let shared = versions("BTCUSDT");
        let mut writers = JoinSet::new();
        for writer in 0..WRITERS {
            // Half of them before the rows that all write, half behind.
            let own = format!("{}{writer}", if writer % 2 == 0 { "A" } else { "Z" });
            let (store, shared, alone) = (database.store(), shared.clone(), versions(&own));
            writers.spawn(async move {
                for step in 0..OBJECTS {
                    // Each goes through all versions in an order of its own.
                    let version = (step * (1 + writer % (OBJECTS - 1)) + writer) % OBJECTS;
                    let rows = [&alone[version][..], &shared[version]].concat();
                    store.put_newer(&rows).await.expect("written");
                }
                store.close().await;
                (own, alone)
            });
        }
        let store = database.store();
        for (own, alone) in writers.join_all().await {
            let range = Range { symbol: symbol(&own), ..everything() };
            let found = store.bars(&range).await.expect("rows").into_iter().map(|row| row.bar);
            assert_eq!(found.collect::<Vec<_>>(), alone[OBJECTS - 1], "{} {own}", database.name);
        }
        assert_eq!(stored(&store).await, shared[OBJECTS - 1], "{}", database.name);
    }
}

/// All of them find the rows missing; each row is written once, and counted once.
#[tokio::test(flavor = "multi_thread")]
async fn concurrent_writers_of_the_same_new_rows_write_each_once() {
    for database in Database::all().await {
        let rows = bars(trades(1, 200, 100), 1);
        let mut writers = JoinSet::new();
        for _ in 0..WRITERS {
            let (store, rows) = (database.store(), rows.clone());
            writers.spawn(async move { store.put_newer(&rows).await.expect("written") });
        }
        let written: u64 = writers.join_all().await.iter().sum();
        assert_eq!(written, rows.len() as u64, "{}", database.name);
        assert_eq!(stored(&database.store()).await, rows, "{}", database.name);
    }
}

#[tokio::test]
async fn folds_of_equally_many_objects_converge_whoever_commits_first() {
    for database in Database::all().await {
        let other_database = Database::sqlite().await;
        let (store, other) = (database.store(), other_database.store());
        let all = trades(100, 40, 1);
        let (one, two) = (bars(all[..30].to_vec(), 2), bars(all[10..].to_vec(), 2));
        for (store, order) in [(&store, [&one, &two]), (&other, [&two, &one])] {
            for rows in order {
                store.put_newer(rows).await.expect("written");
            }
        }
        assert_eq!(stored(&store).await, stored(&other).await, "{}", database.name);
    }
}

#[tokio::test]
async fn ranges_are_half_open_and_limited() {
    for database in Database::all().await {
        let store = database.store();
        let mut rows = bars((0..10).map(|at| trade(at + 1, NOON + at as i64 * MINUTE)), 1);
        rows.remove(4);
        store.put_newer(&rows).await.expect("written");
        let minutes = async |from: i64, to: i64, limit: u32| {
            let (from, to) = (noon().plus(from), noon().plus(to));
            let range = Range { from, to, limit, ..everything() };
            let rows = store.bars(&range).await.expect("rows");
            rows.iter()
                .map(|row| (row.bar.minute.start().micros() - NOON) / MINUTE)
                .collect::<Vec<_>>()
        };
        assert_eq!(minutes(2, 6, 100).await, [2, 3, 5], "{}", database.name);
        assert_eq!(minutes(0, 10, 3).await, [0, 1, 2], "{}", database.name);
        assert_eq!(minutes(4, 5, 100).await, [0i64; 0], "{}", database.name);
        let before = async |minute: i64| {
            let minute = noon().plus(minute);
            let row = store.bar_before(&name("binance"), &symbol("BTCUSDT"), minute).await;
            row.expect("answered").map(|row| (row.bar.minute.start().micros() - NOON) / MINUTE)
        };
        assert_eq!((before(0).await, before(5).await), (None, Some(3)), "{}", database.name);
    }
}

#[tokio::test]
async fn symbols_are_listed_with_their_span() {
    for database in Database::all().await {
        let store = database.store();
        assert_eq!(store.symbols().await.expect("none"), [], "{}", database.name);
        let mut all = Vec::new();
        for (exchange, names) in
            [("binance", ["BTCUSDT", "ETHUSDT"]), ("kraken", ["BTC-USD", "A.B"])]
        {
            for (at, it) in names.into_iter().enumerate() {
                let mut first = trade(1, NOON + at as i64 * MINUTE);
                (first.exchange, first.symbol) = (name(exchange), symbol(it));
                let mut last = first.clone();
                last.time = time(NOON + 90 * MINUTE + 7);
                all.extend([first, last]);
            }
        }
        store.put_newer(&bars(all, 1)).await.expect("written");
        let listed = store.symbols().await.expect("symbols");
        let names: Vec<_> =
            listed.iter().map(|it| format!("{} {}", it.exchange, it.symbol)).collect();
        let expected = ["binance BTCUSDT", "binance ETHUSDT", "kraken A.B", "kraken BTC-USD"];
        assert_eq!(names, expected, "{}", database.name);
        assert_eq!(listed[1].first_minute, noon().plus(1), "{}", database.name);
        assert_eq!(listed[1].last_minute, noon().plus(90), "{}", database.name);
        assert_eq!(listed[1].last_time, time(NOON + 90 * MINUTE + 7), "{}", database.name);
    }
}

#[tokio::test]
async fn errors_say_what_is_wrong_and_hide_the_password() {
    let error = |url: &str| Store::connect(url, 1).expect_err(url).to_string();
    assert_eq!(
        error("oracle://me:secret@host/db"),
        "DATABASE_URL: oracle is no database known here; \
         expected postgres:// or mysql:// or sqlite://"
    );
    assert!(error("bars.db").starts_with("DATABASE_URL: no scheme is no database"));
    assert!(error("postgres://host:port/db").starts_with("DATABASE_URL: "));

    let postgres = Postgres::start();
    let store = Store::connect(&postgres.database(), 1).expect("URL");
    let missing = store.symbols().await.expect_err("no migration was run").to_string();
    assert!(missing.contains("relation \"bars\" does not exist"), "{missing}");
    store.migrate().await.expect("migrated");
    drop(postgres);
    let down = store.put_newer(&bars(trades(1, 2, 1), 1)).await.expect_err("it is gone");
    assert!(down.to_string().starts_with("no connection to the database at "), "{down}");
}
