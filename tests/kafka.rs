//! Ingest and Apache Kafka itself: what was acknowledged is there, in order, whatever happens to
//! the broker; and what is wrong with a topic is said.

use std::io::{self, Write};
use std::process::Stdio;
use std::sync::Mutex;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use ingest::{Config, Report, Security};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::Timestamp;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use tests::kafka::{Kafka, TOPIC_SETTINGS};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;

use broker::{Broker, TOPIC};
use exchange::Exchange;
use running::{agg_trade, config, soon, start};

#[path = "kafka/broker.rs"]
mod broker;
#[expect(dead_code, reason = "shared with the tests of ingest")]
#[path = "ingest/exchange.rs"]
mod exchange;
#[expect(dead_code, reason = "shared with the tests of ingest")]
#[path = "ingest/running.rs"]
mod running;

const SYMBOLS: [&str; 2] = ["BTCUSDT", "ETHUSDT"];

#[tokio::test(flavor = "multi_thread")]
async fn every_acknowledged_line_is_kept_in_order_though_the_broker_is_killed() {
    const STEP: u64 = 2_000;
    let mut broker = Broker::start("a killed broker").await;
    let mut exchange = Exchange::start().await;
    let running = start(config(&exchange, &broker));
    let mut session = exchange.session().await;
    let send = |session: &exchange::Session, from: u64| {
        for id in from..from + STEP {
            SYMBOLS.iter().for_each(|symbol| session.send(agg_trade(symbol, id, id)));
        }
    };
    send(&session, 1);
    session.read_so_far().await;
    // In the midst of it.
    broker.content(&SYMBOLS, 1).await;
    broker.kill();
    send(&session, 1 + STEP);
    session.read_so_far().await;
    broker.restart();
    send(&session, 1 + 2 * STEP);
    session.read_so_far().await;
    broker.content(&SYMBOLS, 2 * STEP).await;
    broker.kill();
    broker.restart();
    send(&session, 1 + 3 * STEP);
    session.read_so_far().await;

    let report = running.stop().await.expect("everything is acknowledged");
    let trades = 4 * STEP * SYMBOLS.len() as u64;
    let expected = Report { received: trades, published: trades, ..report };
    assert_eq!((report, report.missing_ids), (expected, 0));
    let content = broker.content(&SYMBOLS, 4 * STEP).await;
    for (symbol, mut ids) in content.ids {
        if report.resent > 0 {
            // What was sent again may be there twice, never before its predecessors.
            let mut highest = 0;
            ids.retain(|id| {
                let first = *id > highest;
                highest = highest.max(*id);
                first
            });
        }
        assert!(ids.iter().copied().eq(1..=4 * STEP), "{symbol}: {} ids", ids.len());
    }
    if matches!(broker, Broker::Kafka(_)) {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_millis();
        // By the trades' own time they would have been too old to keep.
        let fresh = |time: &Timestamp| match time {
            Timestamp::LogAppendTime(millis) => now.abs_diff(*millis as u128) < 3_600_000,
            Timestamp::CreateTime(_) | Timestamp::NotAvailable => false,
        };
        assert!(content.timestamps.iter().all(fresh), "the broker's own time");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_topic_is_named_and_its_lines_wait_for_it() {
    let Some(kafka) = Kafka::start("a missing topic", "not tested").await else { return };
    kafka.create_topic("binance.trade", 1, &[]).await;
    let mut exchange = Exchange::start().await;
    let mut ingest = Command::new(tests::binary::program("ingest"))
        .env_clear()
        .env("KAFKA_BROKERS", kafka.brokers())
        .env("INGEST_EXCHANGE", "binance")
        .env("INGEST_SYMBOLS", SYMBOLS.join(","))
        .env("INGEST_URL", &exchange.url)
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("ingest starts");
    let session = exchange.session().await;
    SYMBOLS.iter().for_each(|symbol| session.send(agg_trade(symbol, 1, 1)));
    let mut log = BufReader::new(ingest.stderr.take().expect("its log")).lines();
    let complaint = async {
        while let Some(line) = log.next_line().await.expect("text") {
            if line.contains("no topic") {
                return line;
            }
        }
        panic!("it ended");
    };
    let complaint = soon("a complaint", complaint).await;
    let expected = format!("Kafka at {}: there is no topic {TOPIC}", kafka.brokers());
    assert!(complaint.contains(&expected), "{complaint}");
    tokio::spawn(async move { while let Ok(Some(_)) = log.next_line().await {} });

    kafka.create_topic(TOPIC, 4, &[]).await;
    let broker = Broker::Kafka(kafka);
    broker.content(&SYMBOLS, 1).await;
}

fn with_tokens(kafka: &Kafka, principal: &str, lifetime: Duration, config: &mut Config) {
    let ours = running::kafka(config);
    ours.brokers = kafka.brokers_with_tokens();
    ours.security = Security::Unsecured { principal: principal.to_owned(), lifetime };
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_wants_tokens_gets_a_new_one_before_the_last_expires() {
    const LIFETIME: Duration = Duration::from_secs(5);
    let Some(kafka) = Kafka::start("tokens", "not tested").await else { return };
    kafka.create_topic(TOPIC, 4, &TOPIC_SETTINGS).await;
    let mut broker = Broker::Kafka(kafka);
    let mut exchange = Exchange::start().await;
    let mut config = config(&exchange, &broker);
    let Broker::Kafka(kafka) = &broker else { panic!("as it was made") };
    with_tokens(kafka, "ingest", LIFETIME, &mut config);
    let running = start(config);
    let session = exchange.session().await;
    SYMBOLS.iter().for_each(|symbol| session.send(agg_trade(symbol, 1, 1)));
    broker.content(&SYMBOLS, 1).await;
    // The broker ends connections whose token has expired, and after a crash it knows none.
    tokio::time::sleep(LIFETIME * 2).await;
    SYMBOLS.iter().for_each(|symbol| session.send(agg_trade(symbol, 2, 2)));
    broker.content(&SYMBOLS, 2).await;
    broker.kill();
    broker.restart();
    SYMBOLS.iter().for_each(|symbol| session.send(agg_trade(symbol, 3, 3)));
    broker.content(&SYMBOLS, 3).await;
    let report = running.stop().await.expect("everything is acknowledged");
    assert_eq!((report.received, report.published, report.resent), (6, 6, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_token_is_told_in_the_brokers_words() {
    static LOG: Mutex<String> = Mutex::new(String::new());
    struct Log;
    impl Write for Log {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            LOG.lock().expect("no panic").push_str(&String::from_utf8_lossy(bytes));
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    tracing_subscriber::fmt().with_ansi(false).with_writer(|| Log).init();

    let Some(kafka) = Kafka::start("a refused token", "not tested").await else { return };
    kafka.create_topic(TOPIC, 4, &[]).await;
    let broker = Broker::Kafka(kafka);
    let mut exchange = Exchange::start().await;
    let mut config = config(&exchange, &broker);
    let Broker::Kafka(kafka) = &broker else { panic!("as it was made") };
    with_tokens(kafka, "", Duration::from_secs(60), &mut config);
    config.drain = Duration::from_secs(1);
    let running = start(config);
    let session = exchange.session().await;
    session.send(agg_trade("BTCUSDT", 1, 1));
    let told = async {
        while !LOG.lock().expect("no panic").contains("has acknowledged nothing") {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    soon("a complaint", told).await;
    let error = running.stop().await.expect_err("it is not delivered").to_string();
    assert!(error.ends_with("within 1 s: 1 lines: 1 of binance BTCUSDT (ids 1)"), "{error}");
    let log = LOG.lock().expect("no panic").clone();
    let line = log.lines().find(|line| line.contains("has acknowledged nothing")).expect("it is");
    assert!(line.contains("SASL authentication error"), "{line}");
}

/// Half an hour is too long for a test: the settings are the same ones, the numbers are not.
#[tokio::test(flavor = "multi_thread")]
async fn retention_deletes_by_the_age_of_the_record_and_not_of_the_trade() {
    let Some(kafka) = Kafka::start("retention", "not tested").await else { return };
    let settings = [
        ("message.timestamp.type", "LogAppendTime"),
        ("retention.ms", "4000"),
        ("segment.ms", "500"),
        ("file.delete.delay.ms", "0"),
    ];
    kafka.create_topic("short", 1, &settings).await;
    let producer: BaseProducer = kafka.client().create().expect("a producer");
    let record = BaseRecord::<(), _>::to("short").payload("of 2023").timestamp(1_700_000_000_000);
    producer.send(record).expect("taken");
    producer.flush(Duration::from_secs(60)).expect("acknowledged");

    let consumer: BaseConsumer = kafka.client().create().expect("a consumer");
    let offsets = || {
        consumer.fetch_watermarks("short", 0, Duration::from_secs(60)).expect("the broker answers")
    };
    // Several looks at what can be deleted.
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    assert_eq!(offsets(), (0, 1), "an old trade is a new record");
    let deleted = async {
        while offsets() != (1, 1) {
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    };
    soon("deletion", deleted).await;
}
