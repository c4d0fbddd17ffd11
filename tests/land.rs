//! The `land` handler over a real S3 server: which object a line goes to, that twice is once, and
//! that nothing which cannot be placed holds up a shard.

use std::collections::BTreeMap;
use std::fs;

use land::{Event, handle};
use market::{BookLine, Minute, Trade};
use serde_json::Value;
use store::Range;
use tests::books::book_lines;
use tests::bucket::{Bucket, batch as notifications};
use tests::databases::Database;
use tests::stream::{batch, record};
use tests::trades::{MINUTE, NOON, SECOND, lines, name, symbol, trade, trades};

const SHARD: &str = "shardId-000000000006";

/// Where the function wants to begin again.
async fn retry_from(bucket: &Bucket, event: Event) -> Option<String> {
    let response = handle(&bucket.lake(), event).await.expect("a batch that is understood");
    let json = serde_json::to_value(&response).expect("JSON");
    let failures = json["batchItemFailures"].as_array().expect("the contract of Lambda").clone();
    assert!(failures.len() <= 1, "{failures:?}");
    Some(failures.first()?["itemIdentifier"].as_str().expect("a number").to_owned())
}

/// Trades as records that are numbered from 100.
fn records(trades: &[Trade]) -> Vec<Value> {
    let record = |(at, trade): (usize, &Trade)| {
        record(SHARD, &format!("{}", 100 + at), trade.to_string().as_bytes())
    };
    trades.iter().enumerate().map(record).collect()
}

fn key(clock: &str, first: u64, records: u64) -> String {
    let folder = format!("raw/trades/exchange=binance/date=2026-11-20/minute={clock}");
    format!("{folder}/000000000006-{first}-{records}.ndjson.gz")
}

#[tokio::test]
async fn the_example_event_does_what_it_says() {
    let bucket = Bucket::start().await;
    let event = || serde_json::from_str(include_str!("../events/land.json")).expect("an event");
    assert_eq!(retry_from(&bucket, event()).await, None);
    let objects = bucket.below("raw");
    let counts: Vec<_> = objects.values().map(|text| text.lines().count()).collect();
    assert_eq!(counts, [2, 2]);
    let dead = bucket.below("dead");
    let (key, text) = dead.first_key_value().expect("one line belongs nowhere");
    assert!(key.starts_with("dead/date=2026-11-20/000000000006-4959"), "{key}");
    let line: Value = serde_json::from_str(text).expect("one line of JSON");
    assert_eq!(line["line"], "nobody's line");
    assert_eq!(line["reason"], "exchange: it tells none of 1 to 32 of a-z 0-9 _ -");
    let origin = line["origin"].as_str().expect("where it came from");
    assert!(origin.starts_with("shardId-000000000006:4959"), "{origin}");

    assert_eq!(retry_from(&bucket, event()).await, None);
    assert_eq!((bucket.below("raw"), bucket.below("dead")), (objects, dead), "twice is once");
}

#[tokio::test]
async fn a_line_goes_to_its_own_minute_byte_for_byte_and_its_row_is_right() {
    let bucket = Bucket::start().await;
    // The last one is late by a minute.
    let mut all = trades(1, 120, 2);
    all.push(trade(121, NOON + 59 * SECOND));
    assert_eq!(retry_from(&bucket, batch(&records(&all))).await, None);
    let (noon, later): (Vec<_>, Vec<_>) =
        all.into_iter().partition(|trade| trade.time.micros() < NOON + MINUTE);
    let objects = bucket.below("raw");
    let expected = BTreeMap::from([
        (key("1200", 100, 121), lines(&noon)),
        (key("1201", 160, 60), lines(&later)),
    ]);
    assert_eq!(objects, expected);

    let database = Database::sqlite().await;
    let app = bucket.app(database.store());
    let event = notifications(objects.keys().map(String::as_str));
    aggregate::handle(&app, event).await.expect("folded");
    let (exchange, symbol) = (name("binance"), symbol("BTCUSDT"));
    let (from, to) = (Minute::MIN, Minute::MAX);
    let range = Range { exchange, symbol, from, to, limit: 10 };
    let rows = app.store.bars(&range).await.expect("rows");
    let counts: Vec<_> =
        rows.iter().map(|row| (row.bar.trade_count, row.bar.object_count)).collect();
    assert_eq!(counts, [(61, 1), (60, 1)]);
}

#[tokio::test]
async fn after_a_failure_the_retry_writes_the_same_objects() {
    let undisturbed = Bucket::start().await;
    // Two objects that lie in each other, and two before and behind them.
    let minutes = [0, 0, 1, 2, 1, 2, 3, 3];
    let all: Vec<_> =
        (1..).zip(minutes).map(|(id, minute)| trade(id, NOON + minute * MINUTE)).collect();
    let records = records(&all);
    assert_eq!(retry_from(&undisturbed, batch(&records)).await, None);
    let expected = undisturbed.below("raw");
    assert_eq!(expected.len(), 4);

    let bucket = Bucket::start().await;
    // A file where the minute's folder should be: the server cannot write there.
    let obstacle = bucket.files().join("raw/trades/exchange=binance/date=2026-11-20/minute=1202");
    fs::create_dir_all(obstacle.parent().expect("a day")).expect("a folder");
    fs::write(&obstacle, "").expect("a file");
    let from = retry_from(&bucket, batch(&records)).await;
    // The third record: the object of 12:02 begins with the fourth, that of 12:01 before it.
    assert_eq!(from.as_deref(), Some("102"));
    fs::remove_file(&obstacle).expect("gone");
    let whole = bucket.below("raw");
    assert_eq!(whole.len(), 3, "the others are written");
    assert_eq!(retry_from(&bucket, batch(&records[2..])).await, None);
    assert_eq!(bucket.below("raw"), expected);
}

/// One stream carries both, in one shard.
#[tokio::test]
async fn a_line_of_a_book_lies_beside_the_trades_of_its_minute() {
    let bucket = Bucket::start().await;
    let (trades, books) = (trades(1, 3, 1), book_lines(3, 1));
    // Its place is known, its price is for aggregate to find.
    let broken = books[2].to_string().replace("\"mid_open\":\"", "\"mid_open\":\"-");
    let mut texts: Vec<String> = trades.iter().map(Trade::to_string).collect();
    texts.extend(books[..2].iter().map(BookLine::to_string));
    texts.push(broken.clone());
    let records: Vec<_> = (100..)
        .zip([0, 3, 1, 4, 2, 5])
        .map(|(number, at): (u64, usize)| record(SHARD, &number.to_string(), texts[at].as_bytes()))
        .collect();
    assert_eq!(retry_from(&bucket, batch(&records)).await, None);
    let beside = |key: String| key.replacen("trades", "books", 1);
    let expected = BTreeMap::from([
        (key("1200", 100, 5), lines(&trades)),
        (beside(key("1200", 101, 5)), format!("{}{broken}\n", lines(&books[..2]))),
    ]);
    assert_eq!(bucket.below("raw"), expected);
}

#[tokio::test]
async fn what_cannot_be_placed_is_kept_and_blocks_nothing() {
    let bucket = Bucket::start().await;
    let good = trade(1, NOON);
    let line = good.to_string();
    let number = NOON.to_string();
    let seconds = line.replacen(&number, &(NOON / SECOND).to_string(), 1);
    let future = line.replacen(&number, &(NOON + 60 * MINUTE).to_string(), 1);
    let nobody = line.replacen("binance", "Binance!", 1);
    // Its place is known: what is wrong with it is for aggregate to find.
    let priceless = line.replacen("\"price\":\"", "\"price\":\"-", 1);
    let bodies: [&[u8]; 9] = [
        line.as_bytes(),
        seconds.as_bytes(),
        future.as_bytes(),
        nobody.as_bytes(),
        b"\xff\xfe\x00",
        b"",
        b"null",
        priceless.as_bytes(),
        &[b'['; 100_000],
    ];
    let mut records: Vec<_> =
        (0..).zip(bodies).map(|(at, body)| record(SHARD, &format!("{at}"), body)).collect();
    records[5]["kinesis"]["data"] = "no base64".into();
    assert_eq!(retry_from(&bucket, batch(&records)).await, None);
    let raw = bucket.below("raw");
    assert_eq!(raw.into_values().collect::<Vec<_>>(), [format!("{line}\n{priceless}\n")]);
    let dead: Vec<Value> = bucket
        .below("dead")
        .values()
        .flat_map(|text| text.lines())
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    let told: Vec<_> = dead
        .iter()
        .map(|line| line["reason"].as_str().and_then(|text| text.split(':').next()).expect("why"))
        .collect();
    let expected = ["time", "time", "exchange", "exchange", "not base64", "exchange", "exchange"];
    assert_eq!(told, expected);
    assert_eq!(
        dead[1]["reason"],
        "time: 2026-11-20T13:00:00Z, but it came at 2026-11-20T12:01:15.000000Z"
    );
    assert_eq!(dead[3]["line_base64"], "//4A");
    assert_eq!(dead[4]["line"], "no base64");
}
