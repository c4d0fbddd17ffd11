//! The `aggregate` handler over a real S3 server and both databases: what each error path says,
//! and that it loses nothing.

use aggregate::{App, handle};
use lake::{Area, MinutePrefix, ObjectKey};
use market::trade::fill;
use market::{Bar, Minute, Source, Trade};
use serde_json::{Value, json};
use store::Range;
use tests::bucket::{BUCKET, Bucket, batch, event, notification};
use tests::databases::Database;
use tests::postgres::Postgres;
use tests::trades::{MINUTE, NOON, lines, name, symbol, time, trade, trades};

/// The function's answer: the ids of the messages to deliver again.
async fn failures(app: &App, event: aggregate::Event) -> Vec<String> {
    let response = handle(app, event).await.expect("a batch never fails whole");
    let json = serde_json::to_value(&response).expect("JSON");
    let failures = json["batchItemFailures"].as_array().expect("the contract of SQS").clone();
    failures.iter().map(|it| it["itemIdentifier"].as_str().expect("an id").to_owned()).collect()
}

async fn rows(app: &App, of: &str) -> Vec<Bar> {
    let (exchange, symbol) = (name("binance"), symbol(of));
    let (from, to) = (Minute::MIN, Minute::MAX);
    let range = Range { exchange, symbol, from, to, limit: 5_000 };
    app.store.bars(&range).await.expect("rows").into_iter().map(|row| row.bar).collect()
}

fn noon() -> Minute {
    time(NOON).minute()
}

#[tokio::test]
async fn the_example_events_do_what_they_say() {
    for database in Database::all().await {
        let bucket = Bucket::start().await;
        let app = bucket.app(database.store());
        bucket.put("20261120T120115-0a1b", &trades(100, 60, 1)).await;
        let queue = include_str!("../events/aggregate.json");
        let queue = event(serde_json::from_str(queue).expect("JSON"));
        assert_eq!(failures(&app, queue).await, ["not-json"], "{}", database.name);
        let row = rows(&app, "BTCUSDT").await.remove(0);
        assert_eq!((row.minute, row.trade_count, row.missing_count), (noon(), 60, Some(0)));
        let bare = include_str!("../events/aggregate-s3.json");
        let bare = event(serde_json::from_str(bare).expect("JSON"));
        assert_eq!(failures(&app, bare).await, [""; 0]);
        assert_eq!(rows(&app, "BTCUSDT").await, [row]);
    }
}

#[tokio::test]
async fn a_trade_lands_in_its_own_minute_whatever_object_carries_it() {
    for database in Database::all().await {
        let bucket = Bucket::start().await;
        let app = bucket.app(database.store());
        // ids 1..=3 in 12:00, the last at :59.999999; 4 at 12:01:00.000000; 5 of another exchange.
        let mut all: Vec<Trade> = [NOON, NOON + 7, NOON + MINUTE - 1, NOON + MINUTE, NOON + 9]
            .into_iter()
            .enumerate()
            .map(|(at, micros)| trade(at as u64 + 1, micros))
            .collect();
        all[4].exchange = name("kraken");
        let key = bucket.put("all-in-one", &all).await;
        for _ in 0..2 {
            assert_eq!(failures(&app, batch([&*key.to_string()])).await, [""; 0]);
            let rows = rows(&app, "BTCUSDT").await;
            let found: Vec<_> =
                rows.iter().map(|row| (row.minute, row.first_id, row.last_id)).collect();
            let expected = [(noon(), Some(1), Some(3)), (noon().plus(1), Some(4), Some(4))];
            assert_eq!(found, expected, "{}", database.name);
            assert_eq!(app.store.symbols().await.expect("symbols").len(), 2, "kraken's as well");
        }
        // An object of the second minute comes later: the copied trade is still in the fold.
        let later = bucket.put("later", &[trade(5, NOON + MINUTE + 5)]).await;
        assert_eq!(failures(&app, batch([&*later.to_string()])).await, [""; 0]);
        let row = rows(&app, "BTCUSDT").await.remove(1);
        assert_eq!((row.first_id, row.last_id, row.object_count), (Some(4), Some(5), 2));
        // And one that carries the same trade again: it is a duplicate, not a second trade.
        let again = bucket.put("again", &[all[3].clone()]).await;
        assert_eq!(failures(&app, batch([&*again.to_string()])).await, [""; 0]);
        let row = rows(&app, "BTCUSDT").await.remove(1);
        assert_eq!((row.trade_count, row.duplicate_count, row.object_count), (2, 1, 3));
        let strays = bucket.below("quarantine/strays");
        assert_eq!(strays.values().map(|text| text.lines().count()).sum::<usize>(), 2);
    }
}

#[tokio::test]
async fn a_bad_line_is_kept_and_counted_and_the_others_are_folded() {
    let database = Database::sqlite().await;
    let bucket = Bucket::start().await;
    let app = bucket.app(database.store());
    let mut eth = trade(9, NOON + 5);
    eth.symbol = symbol("ETHUSDT");
    let good = lines(&[trade(1, NOON), trade(2, NOON + 1), eth]);
    let negative = trade(3, NOON + 2).to_string().replace("\"0.00123000\"", "\"-1\"");
    let elsewhere = trade(4, NOON + MINUTE).to_string().replace("\"0.00123000\"", "\"-1\"");
    let bad = [negative.as_bytes(), b"\nnonsense\n\xff\xfe\n", elsewhere.as_bytes()].concat();
    let text = [good.as_bytes(), &bad].concat();
    let minute = MinutePrefix::raw_trades(name("binance"), noon());
    let key = bucket.lake().put_lines(&minute, "mixed", &text).await.expect("written");
    for _ in 0..2 {
        assert_eq!(failures(&app, batch([&*key.to_string()])).await, [""; 0]);
    }
    let (btc, eth) = (rows(&app, "BTCUSDT").await.remove(0), rows(&app, "ETHUSDT").await.remove(0));
    // Two lines do not tell their symbol: they may have been anybody's. One tells another minute.
    assert_eq!((btc.trade_count, btc.quarantined_count), (2, 3));
    assert_eq!((eth.trade_count, eth.quarantined_count), (1, 2));
    let kept = bucket.below("quarantine/lines");
    assert_eq!(kept.len(), 1, "twice is once");
    let records: Vec<Value> = kept
        .values()
        .flat_map(|text| text.lines())
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    assert_eq!(records.len(), 4);
    assert_eq!(records[0]["object"], key.to_string());
    assert_eq!(records[0]["offset"], good.len());
    assert_eq!(records[0]["line"], negative);
    let reason = records[0]["reason"].as_str().expect("a reason");
    assert!(reason.starts_with("size: \"-1\" is not a plain decimal"), "{reason}");
    assert_eq!(records[1]["line"], "nonsense");
    assert_eq!(records[2]["line_base64"], "//4=");
}

#[tokio::test]
async fn an_unreadable_object_fails_its_own_message_and_marks_the_rows() {
    let database = Database::sqlite().await;
    let bucket = Bucket::start().await;
    let app = bucket.app(database.store());
    let good = bucket.put("good", &trades(1, 20, 1)).await.to_string();
    let whole = std::fs::read(bucket.files().join(&good)).expect("the object");
    let minute = MinutePrefix::raw_trades(name("binance"), noon());
    let key = |name: &str| minute.object(name).expect("a key").to_string();
    let bomb = lake::lines::compress(&vec![0; 8 << 20]);
    let broken = [
        ("truncated", whole[..whole.len() - 9].to_vec()),
        ("empty", Vec::new()),
        ("plain", lines(&trades(21, 5, 1)).into_bytes()),
        ("bomb", bomb),
    ];
    let mut keys = vec![good];
    for (name, bytes) in broken {
        bucket.put_bytes(&key(name), bytes).await;
        keys.push(key(name));
    }
    let failed = failures(&app, batch(keys.iter().map(String::as_str))).await;
    assert_eq!(failed, ["m1", "m2", "m3", "m4"], "delivered again, then to the dead letters");
    let row = rows(&app, "BTCUSDT").await.remove(0);
    assert_eq!((row.trade_count, row.object_count, row.quarantined_count), (20, 5, 4));
    assert_eq!(failures(&app, batch([&*keys[0]])).await, [""; 0], "its own object is readable");
    let bare = handle(&app, event(notification(BUCKET, &keys[1]))).await;
    let error = bare.expect_err("a bare event has no other answer").to_string();
    assert!(error.contains("not folded, see the log: raw/trades/exchange=binance"), "{error}");
}

#[tokio::test]
async fn what_is_no_object_of_the_lake_is_ignored_or_refused() {
    let database = Database::sqlite().await;
    let bucket = Bucket::start().await;
    let app = bucket.app(database.store());
    let minute = MinutePrefix::raw_trades(name("binance"), noon());
    let own = minute.within(Area::Strays).object("x").expect("a key").to_string();
    let foreign = ["holiday pictures/red flower.jpg", "raw/trades/notes.txt", "dead/x", &own];
    assert_eq!(failures(&app, batch(foreign)).await, [""; 0]);
    let mut removed = notification(BUCKET, &minute.object("x").expect("a key").to_string());
    removed["Records"][0]["eventName"] = json!("ObjectRemoved:Delete");
    handle(&app, event(removed)).await.expect("ignored");
    handle(&app, event(json!({ "Event": "s3:TestEvent" }))).await.expect("accepted");
    handle(&app, event(json!({ "Records": [] }))).await.expect("an empty batch");

    let other = handle(&app, event(notification("other", "raw/x"))).await.expect_err("misrouted");
    assert_eq!(other.to_string(), "the event is of bucket \"other\", but BUCKET is \"tickfold\"");
    let unknown = handle(&app, event(json!({ "Event": "s3:Else" }))).await.expect_err("unknown");
    assert_eq!(unknown.to_string(), "\"s3:Else\" is no event of S3's known here");
    assert!(serde_json::from_value::<aggregate::Event>(json!({ "hello": 1 })).is_err());
}

#[tokio::test]
async fn a_sum_that_does_not_fit_holds_up_no_other_symbol() {
    let database = Database::sqlite().await;
    let bucket = Bucket::start().await;
    let app = bucket.app(database.store());
    let mut all = trades(1, 10, 1);
    for id in 0..3 {
        let mut huge = trade(100 + id, NOON);
        huge.symbol = symbol("HUGE");
        huge.side = market::Side::Buy;
        huge.fill = fill("50000", "999999999999999").expect("each alone fits");
        all.push(huge);
    }
    let key = bucket.put("huge", &all).await.to_string();
    assert_eq!(failures(&app, batch([&*key])).await, ["m0"]);
    assert_eq!(rows(&app, "BTCUSDT").await.len(), 1);
    assert_eq!(rows(&app, "HUGE").await.len(), 0, "no wrong row");

    // Where a row is there already, it says that it is not whole any more.
    let mut huge = trade(200, NOON + 1);
    (huge.symbol, huge.side) = (symbol("BTCUSDT"), market::Side::Buy);
    huge.fill = fill("50000", "999999999999999").expect("each alone fits");
    let more: Vec<_> = (200..203)
        .map(|id| Trade { ids: market::Ids::range(id, id).expect("ids"), ..huge.clone() })
        .collect();
    let key = bucket.put("more", &more).await.to_string();
    let before = rows(&app, "BTCUSDT").await.remove(0);
    assert_eq!((before.quarantined_count, before.object_count), (0, 1));
    assert_eq!(failures(&app, batch([&*key])).await, ["m0"]);
    let marked = Bar { quarantined_count: 1, object_count: 2, ..before };
    assert_eq!(rows(&app, "BTCUSDT").await, [marked]);
}

#[tokio::test]
async fn without_a_database_or_a_bucket_every_message_comes_again_and_then_succeeds() {
    let bucket = Bucket::start().await;
    let key = bucket.put("one", &trades(1, 10, 1)).await;
    let postgres = Postgres::start();
    let url = postgres.database();
    let app = bucket.app(store::Store::connect(&url, 1).expect("URL"));
    let event = || batch([&*key.to_string()]);
    assert_eq!(failures(&app, event()).await, ["m0"], "no table yet");
    app.store.migrate().await.expect("migrated");
    assert_eq!(failures(&app, event()).await, [""; 0]);

    let lost = lake::Lake::new(bucket.client(), "elsewhere");
    let lost = App { lake: lost, store: app.store.clone() };
    let elsewhere = notification("elsewhere", &key.to_string());
    assert!(handle(&lost, tests::bucket::event(elsewhere)).await.is_err(), "no such bucket");
    assert_eq!(rows(&app, "BTCUSDT").await.len(), 1);
}

#[tokio::test]
async fn conflicts_are_resolved_by_rule_and_counted() {
    let database = Database::sqlite().await;
    let bucket = Bucket::start().await;
    let app = bucket.app(database.store());
    let socket = trades(1, 3, 1);
    let mut record = socket[1].clone();
    record.source = Source::Rest;
    record.fill = fill("42999.5", "0.5").expect("a fill");
    let keys: Vec<ObjectKey> =
        [bucket.put("ws", &socket).await, bucket.put("rest", &[record]).await].into();
    for order in [[0, 1], [1, 0]] {
        let events = order.map(|at: usize| keys[at].to_string());
        assert_eq!(failures(&app, batch(events.iter().map(String::as_str))).await, [""; 0]);
        let row = rows(&app, "BTCUSDT").await.remove(0);
        assert_eq!((row.trade_count, row.conflict_count, row.duplicate_count), (3, 1, 0));
        assert_eq!(row.low.to_string(), "42999.5", "the exchange's record wins");
    }
}

/// A minute that lost its objects to an expiry keeps the row that was made of them.
#[tokio::test]
async fn a_row_never_shrinks() {
    let database = Database::sqlite().await;
    let bucket = Bucket::start().await;
    let app = bucket.app(database.store());
    let all = trades(1, 30, 1);
    let one = bucket.put("one", &all[..20]).await;
    let two = bucket.put("two", &all[20..]).await;
    assert_eq!(failures(&app, batch([&*one.to_string()])).await, [""; 0]);
    let full = rows(&app, "BTCUSDT").await;
    bucket.delete(&one).await;
    assert_eq!(failures(&app, batch([&*two.to_string()])).await, [""; 0]);
    assert_eq!(rows(&app, "BTCUSDT").await, full);
}
