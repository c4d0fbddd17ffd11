//! The program `ingest` and Kinesis: what a stream refuses, or answers not at all, is sent again;
//! and of what arrives `land` makes objects.

use std::collections::{BTreeMap, BTreeSet};
use std::process::{Output, Stdio};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use market::Trade;
use market::trade::Ids;
use serde_json::{Value, json};
use tests::binary::{program, signal};
use tests::bucket::Bucket;
use tests::moto::{KEY, Moto, REGION};
use tests::stream::batch;
use tokio::net::TcpListener;
use tokio::process::{Child, Command};

use exchange::Exchange;
use running::{agg_trade, soon};

#[expect(dead_code, reason = "shared with the tests of ingest")]
#[path = "ingest/broker.rs"]
mod broker;
#[expect(dead_code, reason = "shared with the tests of ingest")]
#[path = "ingest/exchange.rs"]
mod exchange;
#[path = "end_to_end/one_at_a_time.rs"]
mod one_at_a_time;
#[expect(dead_code, reason = "shared with the tests of ingest")]
#[path = "ingest/running.rs"]
mod running;

const SYMBOLS: [&str; 2] = ["BTCUSDT", "ETHUSDT"];
const STREAM: &str = "trades";

/// A symbol and an id.
type Name = (String, u64);

fn start(exchange: &Exchange, endpoint: &str) -> Child {
    ingest(exchange, endpoint).spawn().expect("ingest starts")
}

fn ingest(exchange: &Exchange, endpoint: &str) -> Command {
    let mut ingest = Command::new(program("ingest"));
    ingest
        .env_clear()
        .env("INGEST_SINK", "kinesis")
        .env("KINESIS_STREAM", STREAM)
        .env("INGEST_EXCHANGE", "binance")
        .env("INGEST_SYMBOLS", SYMBOLS.join(","))
        .env("INGEST_URL", &exchange.url)
        .env("INGEST_DRAIN_SECONDS", "20")
        .env("AWS_ENDPOINT_URL_KINESIS", endpoint)
        .env("AWS_REGION", REGION)
        .env("AWS_ACCESS_KEY_ID", KEY)
        .env("AWS_SECRET_ACCESS_KEY", KEY)
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    ingest
}

async fn stop(ingest: Child) -> (Output, String) {
    let id = ingest.id().expect("it runs").to_string();
    signal("TERM", &id);
    let output = soon("the end", ingest.wait_with_output()).await.expect("an exit code");
    let log = String::from_utf8_lossy(&output.stderr).into_owned();
    (output, log)
}

fn name_of(line: &[u8]) -> Name {
    let trade = Trade::from_line(line).expect("a trade line");
    let Ids::Range { first, .. } = trade.ids else { panic!("{trade}") };
    (trade.symbol.to_string(), first)
}

fn names(ids: impl Iterator<Item = u64> + Clone) -> BTreeSet<Name> {
    let of = |symbol: &&str| {
        let symbol = (*symbol).to_owned();
        ids.clone().map(move |id| (symbol.clone(), id)).collect::<Vec<_>>()
    };
    SYMBOLS.iter().flat_map(of).collect()
}

/// What the endpoint does with one request; behind the last it takes everything.
#[derive(Clone, Copy)]
enum Act {
    RefuseEveryThird,
    Fail,
    NoSuchStream,
}

/// Kinesis' `PutRecords`, as the test wants it.
#[derive(Clone, Default)]
struct Endpoint {
    script: Arc<Mutex<Vec<Act>>>,
    /// After the script it goes on failing.
    broken: bool,
    taken: Arc<Mutex<Vec<Name>>>,
    refused: Arc<Mutex<Vec<Name>>>,
}

impl Endpoint {
    async fn start(mut script: Vec<Act>, broken: bool) -> (Endpoint, String) {
        script.reverse();
        let endpoint =
            Endpoint { script: Arc::new(Mutex::new(script)), broken, ..Endpoint::default() };
        let router = Router::new().route("/", post(put_records)).with_state(endpoint.clone());
        (endpoint, serve(router).await)
    }

    async fn has_taken(&self, expected: usize) {
        let wait = async {
            while self.taken.lock().expect("no panic").len() < expected {
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            }
        };
        soon("all lines", wait).await;
    }
}

/// Serves until the test ends; returns the URL.
async fn serve(router: Router) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    tokio::spawn(async move { axum::serve(listener, router).await });
    url
}

async fn put_records(State(endpoint): State<Endpoint>, body: String) -> (StatusCode, String) {
    let body: Value = serde_json::from_str(&body).expect("JSON");
    assert_eq!(body["StreamName"], STREAM);
    let records = body["Records"].as_array().expect("records");
    assert!((1..=500).contains(&records.len()), "{} records", records.len());
    let act = endpoint.script.lock().expect("no panic").pop();
    match act {
        None if !endpoint.broken => {}
        None | Some(Act::Fail) => {
            return (
                StatusCode::INTERNAL_SERVER_ERROR,
                json!({ "__type": "InternalFailure" }).to_string(),
            );
        }
        Some(Act::NoSuchStream) => {
            let refusal = json!({
                "__type": "ResourceNotFoundException",
                "message": "Stream trades under account 123456789012 not found.",
            });
            return (StatusCode::BAD_REQUEST, refusal.to_string());
        }
        Some(Act::RefuseEveryThird) => {}
    }
    let (mut taken, mut refused) = (Vec::new(), Vec::new());
    let mut answer = |(at, record): (usize, &Value)| {
        let data = record["Data"].as_str().expect("data");
        let name = name_of(&STANDARD.decode(data).expect("base64"));
        assert_eq!(record["PartitionKey"], *name.0);
        if matches!(act, Some(Act::RefuseEveryThird)) && at % 3 == 0 {
            refused.push(name);
            return json!({
                "ErrorCode": "ProvisionedThroughputExceededException",
                "ErrorMessage": "Rate exceeded for shard shardId-000000000000",
            });
        }
        taken.push(name);
        json!({ "SequenceNumber": "1", "ShardId": "shardId-000000000000" })
    };
    let answers: Vec<_> = records.iter().enumerate().map(&mut answer).collect();
    let failed = refused.len();
    endpoint.taken.lock().expect("no panic").append(&mut taken);
    endpoint.refused.lock().expect("no panic").append(&mut refused);
    (StatusCode::OK, json!({ "FailedRecordCount": failed, "Records": answers }).to_string())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_stream_refuses_is_sent_again_and_nothing_else() {
    const EACH: u64 = 1_500;
    use Act::{Fail, NoSuchStream, RefuseEveryThird};
    let script = vec![RefuseEveryThird, NoSuchStream, RefuseEveryThird, Fail, RefuseEveryThird];
    let (endpoint, url) = Endpoint::start(script, false).await;
    let mut exchange = Exchange::start().await;
    let ingest = start(&exchange, &url);
    let session = exchange.session().await;
    for id in 1..=EACH {
        SYMBOLS.iter().for_each(|symbol| session.send(agg_trade(symbol, id, id)));
    }
    endpoint.has_taken(2 * EACH as usize).await;
    let (output, log) = stop(ingest).await;
    assert!(output.status.success(), "{log}");
    assert!(log.contains("stopped: 3000 of 3000 lines are with Kinesis stream trades"), "{log}");
    let taken = endpoint.taken.lock().expect("no panic").clone();
    assert_eq!(taken.len(), 2 * EACH as usize, "what was taken is not sent again");
    assert_eq!(taken.into_iter().collect::<BTreeSet<_>>(), names(1..=EACH));
    assert!(endpoint.refused.lock().expect("no panic").len() >= 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shutdown_delivers_what_was_received() {
    let (endpoint, url) = Endpoint::start(vec![Act::Fail; 2], false).await;
    let mut exchange = Exchange::start().await;
    let ingest = start(&exchange, &url);
    let mut session = exchange.session().await;
    (1..=700).for_each(|id| session.send(agg_trade("BTCUSDT", id, id)));
    session.read_so_far().await;
    let (output, log) = stop(ingest).await;
    assert!(output.status.success(), "{log}");
    assert_eq!(endpoint.taken.lock().expect("no panic").len(), 700);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shutdown_without_a_stream_names_what_is_lost() {
    let (_endpoint, url) = Endpoint::start(vec![Act::NoSuchStream; 99], true).await;
    let mut exchange = Exchange::start().await;
    let ingest = start(&exchange, &url);
    let mut session = exchange.session().await;
    session.send(agg_trade("BTCUSDT", 100, 104));
    session.send(agg_trade("ETHUSDT", 8, 9));
    session.read_so_far().await;
    let (output, log) = stop(ingest).await;
    assert_eq!(output.status.code(), Some(1), "{log}");
    let refusal = "Kinesis stream trades: ResourceNotFoundException: Stream trades under account";
    assert!(log.contains(refusal), "{log}");
    let lost = "Kinesis stream trades has not acknowledged within 20 s: 2 lines: \
                1 of binance BTCUSDT (ids 100-104), 1 of binance ETHUSDT (ids 8-9)";
    assert!(log.contains(lost), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_healthy_while_the_stream_acknowledges_and_only_then() {
    let (endpoint, url) = Endpoint::start(Vec::new(), false).await;
    let mut exchange = Exchange::start().await;
    let free = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let health = free.local_addr().expect("an address").to_string();
    drop(free);
    let _ingest = ingest(&exchange, &url).env("INGEST_HEALTH", &health).spawn().expect("it starts");
    let session = exchange.session().await;
    let until = async |healthy: bool| {
        let asked = |name: &str| match name {
            "INGEST_HEALTH" => Some(health.clone()),
            "INGEST_HEALTH_SECONDS" => Some("2".to_owned()),
            _ => None,
        };
        while ingest::check_health(asked).await.is_ok() != healthy {
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    };
    soon("its age", until(false)).await;
    session.send(agg_trade("BTCUSDT", 1, 1));
    soon("an acknowledgement", until(true)).await;
    endpoint.has_taken(1).await;
    soon("its age again", until(false)).await;
}

/// All records of the stream by shard, as Lambda would hand them over.
async fn stored(moto: &Moto) -> Vec<Vec<Value>> {
    let call = async |operation: &str, parameters: Value| {
        moto.call("kinesis", &format!("Kinesis_20131202.{operation}"), &parameters).await
    };
    let shards = call("ListShards", json!({ "StreamName": STREAM })).await;
    let mut stored = Vec::new();
    for shard in shards["Shards"].as_array().expect("shards") {
        let shard = &shard["ShardId"];
        let from_the_beginning = json!({
            "StreamName": STREAM, "ShardId": shard, "ShardIteratorType": "TRIM_HORIZON",
        });
        let iterator = call("GetShardIterator", from_the_beginning).await;
        let read = call("GetRecords", json!({ "ShardIterator": iterator["ShardIterator"] })).await;
        let record = |record: &Value| {
            let number = &record["SequenceNumber"];
            json!({
                "eventID": format!("{}:{}", shard.as_str().expect("a name"), number.as_str().expect("a number")),
                "kinesis": {
                    "sequenceNumber": number,
                    "data": record["Data"],
                    "partitionKey": record["PartitionKey"],
                    "approximateArrivalTimestamp": record["ApproximateArrivalTimestamp"],
                },
            })
        };
        stored.push(read["Records"].as_array().expect("records").iter().map(record).collect());
    }
    stored
}

#[tokio::test(flavor = "multi_thread")]
async fn lines_go_through_a_stream_into_the_objects_of_their_minutes() {
    let Some(moto) = Moto::start("Kinesis into objects").map(Arc::new) else { return };
    let create = json!({ "StreamName": STREAM, "ShardCount": 2 });
    moto.call("kinesis", "Kinesis_20131202.CreateStream", &create).await;
    let mut exchange = Exchange::start().await;
    let ingest = start(&exchange, &one_at_a_time::before(&moto).await);
    let mut session = exchange.session().await;
    // A second each, so that they are of some ten minutes; without a gap to complain of.
    let ids = (0..600).map(|id| id * 1_000 + 1);
    for id in ids.clone() {
        SYMBOLS.iter().for_each(|symbol| session.send(agg_trade(symbol, id, id + 999)));
    }
    session.read_so_far().await;
    let (output, log) = stop(ingest).await;
    assert!(output.status.success(), "{log}");

    let bucket = Bucket::start().await;
    let mut expected: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for records in stored(&moto).await {
        for record in &records {
            let line = STANDARD.decode(record["kinesis"]["data"].as_str().expect("data"));
            let line = String::from_utf8(line.expect("base64")).expect("text");
            let trade = Trade::from_line(line.as_bytes()).expect("a trade line");
            let (date, clock) = trade.minute().date_and_clock();
            let folder = format!("raw/trades/exchange=binance/date={date}/minute={clock}");
            expected.entry(folder).or_default().push(line);
        }
        // Twice is once.
        for _ in 0..2 {
            let answer = land::handle(&bucket.lake(), batch(&records)).await.expect("understood");
            assert!(answer.batch_item_failures.is_empty());
        }
    }
    let lines = expected.values().flatten().map(|line| name_of(line.as_bytes()));
    let stored: BTreeSet<_> = lines.collect();
    let missing: Vec<_> = names(ids).into_iter().filter(|name| !stored.contains(name)).collect();
    assert_eq!(missing, []);
    assert!(expected.len() > 10, "{} minutes", expected.len());
    let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (key, text) in bucket.below("raw") {
        let (folder, _) = key.rsplit_once('/').expect("a folder");
        found.entry(folder.to_owned()).or_default().extend(text.lines().map(str::to_owned));
    }
    expected.values_mut().chain(found.values_mut()).for_each(|lines| lines.sort_unstable());
    assert_eq!(found, expected);
}
