//! Properties of the whole handler: however lines of trades or books are split into objects and
//! however the events of those objects arrive, the rows are the same, on every database.

use aggregate::{App, handle};
use lake::{Line, MinutePrefix};
use market::{Bar, BookBar, BookLine, Minute, Trade};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use store::{Range, Row, Store};
use tests::books::{book_bars, book_lines};
use tests::bucket::{Bucket, batch};
use tests::databases::Database;
use tests::trades::{name, symbol, trades};
use tokio::runtime::Runtime;

/// Each case is some dozens of requests to a real server.
const CASES: u32 = 8;

/// One way for lines to arrive.
#[derive(Debug, Clone)]
struct Delivery {
    /// Objects that each minute's lines are split into.
    objects: usize,
    /// Lines in ten that stand in a second object as well.
    repeated: u32,
    /// Times that each event is delivered.
    deliveries: usize,
    /// Handlers at work at the same time.
    handlers: usize,
    /// Whether objects hold lines of any minute, and lie under any of them.
    astray: bool,
    /// Decides every order.
    seed: u64,
}

fn delivery() -> impl Strategy<Value = Delivery> {
    (1..6usize, 0..5u32, 1..4usize, 1..4usize, any::<bool>(), any::<u64>()).prop_map(
        |(objects, repeated, deliveries, handlers, astray, seed)| Delivery {
            objects,
            repeated,
            deliveries,
            handlers,
            astray,
            seed,
        },
    )
}

/// Lines of one kind, and what they are folded to.
trait Sample: Line + Clone {
    type Row: Row + PartialEq + std::fmt::Debug;

    /// Three minutes of one symbol and one of another, which the first one's objects carry along.
    fn market() -> Vec<Self>;

    fn expected() -> Vec<Self::Row>;

    /// What depends on the lines alone: how often a line was stored, and in how many objects, is
    /// the split's own.
    fn plain(row: &Self::Row) -> Self::Row;
}

impl Sample for Trade {
    type Row = Bar;

    fn market() -> Vec<Trade> {
        let mut all = trades(1000, 90, 3);
        let mut other = trades(50, 20, 1);
        other.iter_mut().for_each(|trade| trade.symbol = symbol("ETHUSDT"));
        all.extend(other);
        all
    }

    fn expected() -> Vec<Bar> {
        market::fold(Trade::market()).expect("small sums")
    }

    fn plain(bar: &Bar) -> Bar {
        Bar { duplicate_count: 0, object_count: 0, ..bar.clone() }
    }
}

impl Sample for BookLine {
    type Row = BookBar;

    fn market() -> Vec<BookLine> {
        let mut all = book_lines(90, 3);
        let mut other = book_lines(20, 1);
        other.iter_mut().for_each(|line| line.symbol = symbol("ETHUSDT"));
        all.extend(other);
        all
    }

    fn expected() -> Vec<BookBar> {
        book_bars(BookLine::market(), 0)
    }

    fn plain(bar: &BookBar) -> BookBar {
        BookBar { duplicate_count: 0, object_count: 0, ..bar.clone() }
    }
}

async fn put_objects<S: Sample>(
    bucket: &Bucket,
    delivery: &Delivery,
    random: &mut StdRng,
) -> Vec<String> {
    let mut keys = Vec::new();
    let mut minutes: Vec<Minute> = S::market().iter().map(S::minute).collect();
    minutes.sort_unstable();
    minutes.dedup();
    for minute in &minutes {
        let mut objects = vec![Vec::new(); delivery.objects];
        let mine = |line: &S| line.minute() == *minute;
        for line in S::market().into_iter().filter(mine) {
            if random.random_ratio(delivery.repeated, 10) {
                objects[random.random_range(0..delivery.objects)].push(line.clone());
            }
            objects[random.random_range(0..delivery.objects)].push(line);
        }
        for (at, mut object) in objects.into_iter().enumerate() {
            object.shuffle(random);
            let home = match delivery.astray {
                true => minutes[random.random_range(0..minutes.len())],
                false => *minute,
            };
            let prefix = MinutePrefix::raw(S::KIND, name("binance"), home);
            let clock = minute.date_and_clock().1;
            if !object.is_empty() {
                let key = bucket.put_under(&prefix, &format!("o{clock}-{at}"), &object).await;
                keys.push(key.to_string());
            }
        }
    }
    keys
}

/// Delivers every event, in batches, to several handlers at once.
async fn deliver(apps: &[App], keys: &[String], delivery: &Delivery, random: &mut StdRng) {
    let mut events: Vec<&String> = Vec::new();
    (0..delivery.deliveries).for_each(|_| events.extend(keys));
    events.shuffle(random);
    let mut handlers = tokio::task::JoinSet::new();
    for (at, events) in events.chunks(3).enumerate() {
        let app = apps[at % apps.len()].clone();
        let events: Vec<String> = events.iter().map(|key| key.to_string()).collect();
        handlers.spawn(async move {
            let event = batch(events.iter().map(String::as_str));
            let response = handle(&app, event).await.expect("a batch never fails whole");
            assert!(response.batch_item_failures.is_empty(), "{response:?}");
        });
        while handlers.len() >= delivery.handlers {
            handlers.join_next().await.expect("one is at work").expect("it ends well");
        }
    }
    while let Some(handler) = handlers.join_next().await {
        handler.expect("it ends well");
    }
}

async fn rows<S: Sample>(store: &Store) -> Vec<S::Row> {
    let mut rows = Vec::new();
    for of in ["BTCUSDT", "ETHUSDT"] {
        let (exchange, symbol) = (name("binance"), symbol(of));
        let (from, to) = (Minute::MIN, Minute::MAX);
        let range = Range { exchange, symbol, from, to, limit: 5_000 };
        rows.extend(store.rows(&range).await.expect("rows"));
    }
    rows.into_iter().map(|row| row.bar).collect()
}

/// As bytes.
fn of_lines<S: Sample>(rows: &[S::Row]) -> Vec<String> {
    rows.iter().map(|row| serde_json::to_string(&S::plain(row)).expect("JSON")).collect()
}

async fn check<S: Sample>(delivery: Delivery) {
    let mut random = StdRng::seed_from_u64(delivery.seed);
    let bucket = Bucket::start().await;
    let keys = put_objects::<S>(&bucket, &delivery, &mut random).await;
    let mut of_databases = Vec::new();
    for database in Database::all().await {
        let apps: Vec<App> = (0..delivery.handlers).map(|_| bucket.app(database.store())).collect();
        deliver(&apps, &keys, &delivery, &mut random).await;
        let rows = rows::<S>(&database.store()).await;
        assert_eq!(of_lines::<S>(&rows), of_lines::<S>(&S::expected()), "{}", database.name);
        // Every event once more, in one batch: nothing is left that could still change.
        let again = Delivery { deliveries: 1, handlers: 1, ..delivery.clone() };
        deliver(&apps[..1], &keys, &again, &mut random).await;
        assert_eq!(rows, self::rows::<S>(&database.store()).await, "{}", database.name);
        of_databases.push(rows);
    }
    for other in &of_databases[1..] {
        assert_eq!(&of_databases[0], other, "all databases hold the same bytes");
    }
}

fn check_all<S: Sample>() {
    let runtime = Runtime::new().expect("a runtime");
    let mut runner =
        TestRunner::new(Config { failure_persistence: None, ..Config::with_cases(CASES) });
    let outcome = runner.run(&delivery(), |delivery| {
        runtime.block_on(check::<S>(delivery));
        Ok(())
    });
    outcome.expect("the same rows");
}

#[test]
fn any_split_order_repetition_and_concurrency_gives_the_same_rows() {
    check_all::<Trade>();
}

#[test]
fn so_it_is_with_lines_of_books() {
    check_all::<BookLine>();
}

/// The property that the others rest on, on its own: a fold that read fewer objects commits last.
#[tokio::test]
async fn a_handler_that_read_before_the_last_object_and_commits_after_it_changes_nothing() {
    for database in Database::all().await {
        let bucket = Bucket::start().await;
        let app = bucket.app(database.store());
        let all = trades(1, 60, 1);
        let first = bucket.put("first", &all[..30]).await;
        let early =
            app.lake.read::<Trade>(&first.prefix).await.expect("read before the second object");
        let second = bucket.put("second", &all[30..]).await;
        handle(&app, batch([&*second.to_string()])).await.expect("folded");
        let newest = rows::<Trade>(&app.store).await;
        let stale = market::fold(early.lines).expect("small sums");
        let stale: Vec<_> =
            stale.into_iter().map(|bar| Bar { object_count: early.object_count, ..bar }).collect();
        assert_eq!(app.store.put_newer(&stale).await.expect("refused"), 0, "{}", database.name);
        assert_eq!(rows::<Trade>(&app.store).await, newest, "{}", database.name);
        assert_eq!(newest[0].trade_count, 60);
        assert_eq!(newest[0].exchange, name("binance"));
    }
}

#[tokio::test]
async fn a_stale_fold_of_books_changes_nothing() {
    for database in Database::all().await {
        let bucket = Bucket::start().await;
        let app = bucket.app(database.store());
        let all = book_lines(60, 1);
        let first = bucket.put("first", &all[..30]).await;
        let early = app.lake.read::<BookLine>(&first.prefix).await.expect("read before the second");
        let second = bucket.put("second", &all[30..]).await;
        handle(&app, batch([&*second.to_string()])).await.expect("folded");
        let newest = rows::<BookLine>(&app.store).await;
        let stale = book_bars(early.lines, early.object_count);
        assert_eq!(app.store.put_newer(&stale).await.expect("refused"), 0, "{}", database.name);
        assert_eq!(rows::<BookLine>(&app.store).await, newest, "{}", database.name);
        assert_eq!(newest[0].line_count, 60);
    }
}
