//! Objects -> S3's notifications -> an SQS queue -> the program of `aggregate` -> rows, and what
//! fails -> the dead letter queue. moto plays S3 and SQS, and this test the poller between the
//! queue and the function.

use std::collections::BTreeMap;
use std::sync::Arc;

use aws_sdk_s3::primitives::ByteStream;
use lake::{Area, Lake, MinutePrefix};
use market::{Minute, Trade};
use serde_json::{Value, json};
use store::Range;
use tests::bucket::{BUCKET, environment};
use tests::databases::Database;
use tests::moto::{KEY, Moto};
use tests::queue::{Queue, key};
use tests::runtime::Function;
use tests::trades::{MINUTE, NOON, lines, name, symbol, time, trade, trades};

/// Deliveries before a message is a dead letter.
const DELIVERIES: u64 = 3;
/// Longer than the test: a message that fails is shown again at once, by hand.
const HIDDEN_SECONDS: &str = "900";

/// Hands the queue to the function until nothing is left; returns the bodies of all messages, and
/// how often each was delivered.
async fn drain(queue: &Queue, function: &mut Function) -> BTreeMap<String, u64> {
    let mut deliveries = BTreeMap::new();
    loop {
        let messages = queue.receive().await;
        if messages.is_empty() {
            return deliveries;
        }
        let answer = function.invoke(&queue.event(&messages)).await.expect("never fails whole");
        let failures = answer["batchItemFailures"].as_array().expect("the contract of SQS");
        for message in &messages {
            let body = message["Body"].as_str().expect("text").to_owned();
            *deliveries.entry(body).or_default() += 1;
            if failures.contains(&json!({ "itemIdentifier": message["MessageId"] })) {
                queue.show_again(message).await;
            } else {
                queue.delete(message).await;
            }
        }
    }
}

async fn rows(database: &Database) -> Vec<(Minute, u64, Option<u64>, u64)> {
    let (from, to, limit) = (Minute::MIN, Minute::MAX, 5_000);
    let range = Range { exchange: name("binance"), symbol: symbol("BTCUSDT"), from, to, limit };
    let rows = database.store().bars(&range).await.expect("rows").into_iter().map(|row| row.bar);
    rows.map(|bar| (bar.minute, bar.trade_count, bar.missing_count, bar.quarantined_count))
        .collect()
}

#[tokio::test]
async fn objects_become_rows_and_broken_ones_dead_letters() {
    let Some(moto) = Moto::start("queue").map(Arc::new) else { return };
    let database = Database::postgres().await;
    let dead = Queue::create(&moto, "aggregate-dead", json!({})).await;
    let redrive = json!({ "deadLetterTargetArn": dead.arn, "maxReceiveCount": DELIVERIES });
    let attributes =
        json!({ "VisibilityTimeout": HIDDEN_SECONDS, "RedrivePolicy": redrive.to_string() });
    let queue = Queue::create(&moto, "aggregate", attributes).await;
    moto.s3().create_bucket().bucket(BUCKET).send().await.expect("a bucket");
    queue.listen_to(BUCKET).await;

    let mut environment = environment(moto.endpoint(), KEY, KEY);
    environment.push(("DATABASE_URL", database.url.clone()));
    let mut function = Function::start("aggregate", &environment).await.expect("it starts");
    let first = drain(&queue, &mut function).await;
    let tests: Vec<Value> = first.keys().map(|body| serde_json::from_str(body).unwrap()).collect();
    assert_eq!((tests.len(), &tests[0]["Event"]), (1, &"s3:TestEvent".into()), "{tests:?}");

    // Two minutes in three objects, and one object that is not what its name says.
    let lake = Lake::new(moto.s3(), BUCKET);
    let noon = MinutePrefix::raw_trades(name("binance"), time(NOON).minute());
    let next = MinutePrefix::raw_trades(name("binance"), time(NOON + MINUTE).minute());
    let all: Vec<Trade> = trades(1, 30, 1);
    let later: Vec<Trade> = (31..41).map(|id| trade(id, NOON + MINUTE + id as i64)).collect();
    let put = async |minute: &MinutePrefix, name: &str, trades: &[Trade]| {
        lake.put_lines(minute, name, lines(trades).as_bytes()).await.expect("written").to_string()
    };
    let expected = [
        (put(&noon, "one", &all[..20]).await, 1),
        (put(&noon, "two", &all[20..]).await, 1),
        (put(&next, "three", &later).await, 1),
        (next.object("broken").expect("a key").to_string(), DELIVERIES),
    ];
    // These are nobody's event: what aggregate writes by itself, and what is no object of trades.
    put(&noon.within(Area::Strays), "stray", &all[..1]).await;
    for key in [expected[3].0.as_str(), "raw/trades/notes.txt"] {
        let put = moto.s3().put_object().bucket(BUCKET).key(key);
        put.body(ByteStream::from_static(b"no gzip")).send().await.expect("written");
    }

    let delivered = drain(&queue, &mut function).await;
    let delivered: BTreeMap<String, u64> =
        delivered.into_iter().map(|(body, times)| (key(&body), times)).collect();
    assert_eq!(delivered, expected.into());
    // A trade that also lies among the strays counts once, and a broken object is on its row.
    let minutes = [time(NOON).minute(), time(NOON + MINUTE).minute()];
    let whole = [(minutes[0], 30, Some(0), 0), (minutes[1], 10, Some(0), 1)];
    assert_eq!(rows(&database).await, whole);

    let letters = dead.receive().await;
    let keys: Vec<String> =
        letters.iter().map(|letter| key(letter["Body"].as_str().expect("text"))).collect();
    assert_eq!(keys, [next.object("broken").expect("a key").to_string()]);

    // The object is mended and the letter goes back to the queue, where a new process takes it.
    drop(function);
    let rest: Vec<Trade> = (41..45).map(|id| trade(id, NOON + MINUTE + id as i64)).collect();
    put(&next, "broken", &rest).await;
    queue.call("SendMessage", json!({ "MessageBody": letters[0]["Body"] })).await;
    let mut function = Function::start("aggregate", &environment).await.expect("it starts");
    let again = drain(&queue, &mut function).await;
    assert!(again.values().all(|times| *times == 1) && again.len() == 2, "{again:#?}");
    assert_eq!(rows(&database).await, [whole[0], (minutes[1], 14, Some(0), 0)]);
}
