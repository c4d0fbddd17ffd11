//! `tickfold doctor`, the program: what it says of private servers, whole and broken, and how it
//! ends.

use std::collections::BTreeMap;
use std::process::Command;
use std::sync::Arc;

use rdkafka::mocking::MockCluster;
use serde_json::json;
use store::Store;
use tests::binary;
use tests::bucket::{BUCKET, Bucket, environment};
use tests::databases::Database;
use tests::kafka::Kafka;
use tests::moto::{KEY, Moto};
use tests::postgres::Postgres;
use tests::queue::Queue;
use tests::trades::{lines, trades};

/// How it ended, and by the check's name the word and the text that it told.
struct Told {
    success: bool,
    checks: BTreeMap<String, (String, String)>,
}

impl Told {
    async fn by(environment: &[(&str, String)]) -> Told {
        let mut doctor = Command::new(binary::tickfold());
        doctor.arg("doctor").env_clear();
        doctor.envs(environment.iter().map(|(name, value)| (*name, value)));
        let ran = tokio::task::spawn_blocking(move || doctor.output()).await.expect("no panic");
        let ran = ran.expect("it starts");
        let text = String::from_utf8(ran.stdout).expect("UTF-8");
        let check = |line: &str| {
            let (what, rest) = line.split_once(' ')?;
            let (word, text) = rest.trim_start().split_once(' ')?;
            Some((what.to_owned(), (word.to_owned(), text.trim_start().to_owned())))
        };
        let checks: BTreeMap<_, _> = text.lines().filter_map(check).collect();
        assert_eq!(checks.len(), 6, "{text}{}", String::from_utf8_lossy(&ran.stderr));
        Told { success: ran.status.success(), checks }
    }

    fn is(&self, what: &str, word: &str, text: &str) {
        let (found, told) = &self.checks[what];
        assert_eq!(found, word, "{what}: {told}");
        assert!(told.contains(text), "{what}: {told}");
        assert!(!told.contains('{'), "{what} is told as a program sees it: {told}");
    }
}

fn kafka(brokers: &str, books: bool) -> Vec<(&'static str, String)> {
    vec![
        ("KAFKA_BROKERS", brokers.to_owned()),
        ("INGEST_EXCHANGE", "kraken".to_owned()),
        ("INGEST_SYMBOLS", "BTC-USD,ETH-USD".to_owned()),
        ("INGEST_BOOKS", books.to_string()),
    ]
}

#[tokio::test]
async fn where_nothing_is_set_everything_is_skipped_and_nothing_failed() {
    let told = Told::by(&[]).await;
    for (what, why) in [
        ("configuration", "neither INGEST_CONFIG nor INGEST_EXCHANGE is set"),
        ("broker", "no configuration"),
        ("database", "DATABASE_URL is not set"),
        ("clock", "no database has told the time"),
        ("bucket", "BUCKET is not set"),
        ("queue", "QUEUE_URL is not set"),
    ] {
        told.is(what, "skipped", why);
    }
    assert!(told.success);
}

#[tokio::test]
async fn what_is_well_is_ok() {
    let (database, bucket) = (Database::postgres().await, Bucket::start().await);
    let cluster = MockCluster::new(1).expect("a broker");
    for topic in ["kraken.trades", "kraken.books"] {
        cluster.create_topic(topic, 1, 1).expect("a topic");
    }
    let key = bucket.put("20261120T120115-0a1b", &trades(100, 3, 1)).await;
    let mut environment =
        [bucket.environment(), kafka(&cluster.bootstrap_servers(), true)].concat();
    environment.push(("DATABASE_URL", database.url.clone()));
    let told = Told::by(&environment).await;
    told.is("configuration", "ok", "1 feeds with 2 symbols; lines go to Kafka at ");
    told.is("broker", "ok", "has the 2 topics");
    told.is("database", "ok", "and rows may be written");
    told.is("clock", "ok", "the database's");
    told.is("bucket", "ok", &key.to_string());
    told.is("queue", "skipped", "QUEUE_URL is not set");
    assert!(told.success);
}

#[tokio::test]
async fn what_is_wrong_says_what_to_do() {
    let bucket = Bucket::start().await;
    let cluster = MockCluster::new(1).expect("a broker");
    cluster.create_topic("kraken.trades", 1, 1).expect("a topic");
    let mut environment =
        [bucket.environment(), kafka(&cluster.bootstrap_servers(), true)].concat();
    environment.retain(|(name, _)| *name != "BUCKET");
    environment.push(("BUCKET", format!("{BUCKET}-of-nobody")));
    let postgres = Postgres::shared();
    environment.push(("DATABASE_URL", postgres.database()));
    let told = Told::by(&environment).await;
    told.is("broker", "failed", "has no topic kraken.books: create it");
    told.is("database", "failed", "it has no tables: run `tickfold migrate`");
    told.is("bucket", "failed", "is the name right");
    assert!(!told.success);

    let mut environment = kafka("127.0.0.1:1", false);
    environment.retain(|(name, _)| *name != "INGEST_SYMBOLS");
    environment.push(("INGEST_SYMBOLS", "btc".to_owned()));
    environment.push(("DATABASE_URL", "postgres://nobody@127.0.0.1:1/db".to_owned()));
    let told = Told::by(&environment).await;
    told.is("configuration", "failed", "INGEST_SYMBOLS: feed.symbols: ");
    told.is("broker", "skipped", "no configuration");
    told.is("database", "failed", "127.0.0.1:1");
    told.is("clock", "skipped", "no database has told the time");
    assert!(!told.success);
}

/// Each of the databases; an account that only reads is not what aggregate needs.
#[tokio::test]
async fn who_may_not_write_is_told_so_and_a_file_has_no_clock() {
    for database in Database::all().await {
        let told = Told::by(&[("DATABASE_URL", database.url.clone())]).await;
        told.is("database", "ok", "its tables are of version ");
        let clock = if database.name == "SQLite" { "skipped" } else { "ok" };
        told.is("clock", clock, "");
    }
    let postgres = Postgres::shared();
    let url = postgres.database();
    let store = Store::connect(&url, 1).expect("a URL");
    store.migrate().await.expect("migrated");
    store.make_roles().await.expect("accounts");
    let reader = url.replace("postgres://postgres@", "postgres://tickfold_readonly@");
    let told = Told::by(&[("DATABASE_URL", reader)]).await;
    told.is("database", "failed", "rows cannot be written: ");
    told.is("database", "failed", "aggregate needs the account tickfold_writer");
    assert!(!told.success);
    let writer = url.replace("postgres://postgres@", "postgres://tickfold_writer@");
    let told = Told::by(&[("DATABASE_URL", writer)]).await;
    told.is("database", "ok", "this account may not read");
}

#[tokio::test]
async fn a_topic_that_forgets_too_soon_is_named() {
    let test = "a_topic_that_forgets_too_soon_is_named";
    let Some(broker) = Kafka::start(test, "not tested").await else { return };
    broker.create_topic("kraken.trades", 1, &[("retention.ms", "3600000")]).await;
    let told = Told::by(&kafka(&broker.brokers(), false)).await;
    told.is("broker", "ok", "has the 1 topics, which keep lines for 60 minutes");
    broker.create_topic("kraken.books", 1, &[("retention.ms", "60000")]).await;
    let told = Told::by(&kafka(&broker.brokers(), true)).await;
    told.is("broker", "failed", "kraken.books keeps lines for 60 s");
}

#[tokio::test]
async fn a_queue_says_how_many_messages_wait() {
    let Some(moto) = Moto::start("a queue's state").map(Arc::new) else { return };
    let queue = Queue::create(&moto, "aggregate", json!({})).await;
    queue.call("SendMessage", json!({ "MessageBody": lines(&trades(1, 1, 1)) })).await;
    let mut environment = environment(moto.endpoint(), KEY, KEY);
    environment.retain(|(name, _)| *name != "BUCKET");
    environment.push(("AWS_ENDPOINT_URL", moto.endpoint().to_owned()));
    environment.push(("QUEUE_URL", queue.url.clone()));
    Told::by(&environment).await.is("queue", "ok", "1 messages wait");
    let (_, url) = environment.last_mut().expect("it was pushed");
    url.push_str("-of-nobody");
    let told = Told::by(&environment).await;
    told.is("queue", "failed", "is the URL right");
    assert!(!told.success);
}
