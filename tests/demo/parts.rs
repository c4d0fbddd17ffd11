//! The parts of the demo that stand in for a service, each by itself: what they promise is what
//! the service promises.

use std::sync::Arc;
use std::time::Duration;

use aggregate::App;
use lake::{Lake, MinutePrefix};
use rdkafka::config::ClientConfig;
use rdkafka::producer::{FutureProducer, FutureRecord};
use serde_json::Value;
use store::Store;
use tests::books::book_line;
use tests::bucket::BUCKET;
use tests::trades::{MINUTE, NOON, lines, name, time, trade, trades};
use tickfold::demo::batcher::{self, Batcher};
use tickfold::demo::broker::{Broker, PARTITIONS};
use tickfold::demo::coinbase::SimulatedCoinbase;
use tickfold::demo::exchange::SimulatedExchange;
use tickfold::demo::notifications::Notifications;
use tickfold::demo::s3::S3Server;
use tokio_util::sync::CancellationToken;

use super::folder;
use tests::demo::{DEADLINE, files, gunzip};

const TOPIC: &str = "binance.trades";

/// A batcher over a broker that holds these lines, one for each partition in turn.
async fn batcher_over(payloads: &[&[u8]], server: &S3Server) -> (Broker, Batcher) {
    let (broker, batcher) = batcher_of(TOPIC, payloads, server).await;
    (broker, batcher.expect("a reader of the broker"))
}

async fn batcher_of(
    topic: &str,
    payloads: &[&[u8]],
    server: &S3Server,
) -> (Broker, anyhow::Result<Batcher>) {
    let broker = Broker::start(&[topic.to_owned()]).expect("a broker");
    let brokers = broker.bootstrap_servers();
    let producer: FutureProducer =
        ClientConfig::new().set("bootstrap.servers", &brokers).create().expect("a producer");
    for (partition, payload) in (0..PARTITIONS).cycle().zip(payloads) {
        let record = FutureRecord::<(), _>::to(topic).partition(partition).payload(*payload);
        producer.send(record, DEADLINE).await.expect("acknowledged");
    }
    let config = batcher::Config {
        bootstrap_servers: brokers,
        topic: topic.to_owned(),
        partitions: PARTITIONS,
        bucket: BUCKET.to_owned(),
        // Never: what is written was flushed at the end.
        timeout: DEADLINE * 2,
    };
    (broker, Batcher::new(server.client(), config))
}

#[tokio::test]
async fn the_batcher_reads_to_the_end_places_each_line_and_buries_what_has_no_place() {
    let folder = folder();
    let (server, _created) = S3Server::start(folder.path(), BUCKET).await.expect("a server");
    let early = trade(7, NOON + MINUTE - 1).to_string();
    let late = trade(8, NOON + MINUTE).to_string();
    // An unknown field and odd spacing are nobody's business but the reader's.
    let odd = early.replace(",\"side\"", " , \"x\":[1], \"side\"");
    let other = late.replace("binance", "kraken");
    let broken = format!("{early}\n{late}");
    let seconds = early.replace(&(NOON + MINUTE - 1).to_string(), "1795176000");
    let dead: [&[u8]; 5] = [b"{", b"\xff\x00", b"", broken.as_bytes(), seconds.as_bytes()];
    let lines = [&early, &late, &odd, &other].map(|line| line.as_bytes());
    let (_broker, batcher) = batcher_over(&[&lines[..], &dead].concat(), &server).await;
    let stopped = CancellationToken::new();
    stopped.cancel();
    let report = batcher.run(stopped).await.expect("every batch was written");
    assert_eq!((report.lines, report.objects, report.dead, report.lost), (9, 3, 5, 0));

    let bucket = folder.path().join(BUCKET);
    let at = |exchange: &str, clock| {
        let path = format!("raw/trades/exchange={exchange}/date=2026-11-20/minute={clock}");
        let objects = files(&bucket.join(path), ".ndjson.gz");
        assert_eq!(objects.len(), 1, "{exchange} {clock}");
        String::from_utf8(gunzip(&objects[0])).expect("UTF-8")
    };
    let mut noon: Vec<_> = at("binance", "1200").lines().map(str::to_owned).collect();
    noon.sort();
    let mut expected = [early, odd];
    expected.sort();
    assert_eq!(noon, expected);
    assert_eq!(at("binance", "1201"), format!("{late}\n"));
    assert_eq!(at("kraken", "1201"), format!("{other}\n"));
    let buried = files(&bucket.join("dead"), ".line");
    let mut buried: Vec<_> = buried.iter().map(|path| std::fs::read(path).expect("read")).collect();
    buried.sort();
    let mut dead = dead.map(<[u8]>::to_vec);
    dead.sort();
    assert_eq!(buried, dead);
}

#[tokio::test]
async fn the_batcher_places_lines_by_their_topic() {
    let folder = folder();
    let (server, _created) = S3Server::start(folder.path(), BUCKET).await.expect("a server");
    let line = book_line(NOON).to_string();
    let (_broker, batcher) = batcher_of("binance.books", &[line.as_bytes()], &server).await;
    let stopped = CancellationToken::new();
    stopped.cancel();
    batcher.expect("a reader of the broker").run(stopped).await.expect("every batch was written");
    let books = folder.path().join(BUCKET).join("raw/books/exchange=binance/date=2026-11-20");
    let found = files(&books.join("minute=1200"), ".ndjson.gz");
    assert_eq!(gunzip(&found[0]), format!("{line}\n").as_bytes());
    let (_broker, refused) = batcher_of("binance.candles", &[], &server).await;
    let why = refused.err().expect("nobody knows where its lines belong").to_string();
    assert_eq!(why, "topic \"binance.candles\" ends with none of .trades .books");
}

#[tokio::test]
async fn the_batcher_tries_an_object_until_it_is_written() {
    let folder = folder();
    let (server, _created) = S3Server::start(folder.path(), BUCKET).await.expect("a server");
    let line = trade(7, NOON).to_string();
    let (_broker, batcher) = batcher_over(&[line.as_bytes()], &server).await;
    // Where the bucket was there is a file: every attempt fails.
    let bucket = folder.path().join(BUCKET);
    std::fs::remove_dir(&bucket).expect("it is empty");
    std::fs::write(&bucket, "").expect("a file");
    let stopped = CancellationToken::new();
    stopped.cancel();
    let mut running = tokio::spawn(batcher.run(stopped));
    let too_early = tokio::time::timeout(Duration::from_secs(2), &mut running).await;
    assert!(too_early.is_err(), "{too_early:?}");
    std::fs::remove_file(&bucket).expect("removed");
    std::fs::create_dir(&bucket).expect("made");
    let report = running.await.expect("no panic").expect("every batch was written");
    assert_eq!((report.lines, report.objects), (1, 1));
    assert_eq!(gunzip(&files(&bucket, ".ndjson.gz")[0]), format!("{line}\n").as_bytes());
}

#[tokio::test]
async fn what_cannot_be_folded_is_delivered_five_times_and_then_a_dead_letter() {
    let folder = folder();
    let (server, created) = S3Server::start(folder.path(), BUCKET).await.expect("a server");
    let database = folder.path().join("rows.db");
    let store = Store::connect(&format!("sqlite://{}", database.display()), 4).expect("a database");
    store.migrate().await.expect("tables");
    let lake = Lake::new(server.client(), BUCKET);
    let good = MinutePrefix::raw_trades(name("binance"), time(NOON).minute());
    lake.put_lines(&good, "good", lines(&trades(1, 50, 1)).as_bytes()).await.expect("written");
    let bad = MinutePrefix { minute: good.minute.plus(1), ..good };
    for key in [format!("{bad}bad.ndjson.gz"), "elsewhere/x.ndjson.gz".to_owned()] {
        let put = server.client().put_object().bucket(BUCKET).key(key);
        put.body(b"no gzip".to_vec().into()).send().await.expect("written");
    }
    let app = App { lake, store: store.clone() };
    let stopped = CancellationToken::new();
    stopped.cancel();
    let progress = Notifications::new(Arc::new(app)).run(created, stopped).await;
    assert_eq!(progress.done, server.reported());
    let dead: Vec<_> = progress.dead.iter().map(|object| &object.key).collect();
    assert_eq!(dead, [&format!("{bad}bad.ndjson.gz")]);
    let stored = store.symbols().await.expect("symbols");
    assert_eq!(
        stored.iter().map(|row| row.first_minute).collect::<Vec<_>>(),
        [time(NOON).minute()]
    );
}

#[tokio::test]
async fn the_simulated_coinbase_pages_down_from_an_id_as_coinbase_does() {
    let now = time(chrono::Utc::now().timestamp_micros()).minute();
    let exchange = SimulatedCoinbase::start(3, now.plus(-60)).await.expect("an exchange");
    let client = tests::http_client();
    let ask = async |path: &str| {
        let url = format!("{}/products/{path}", exchange.rest_url());
        let answer = client.get(url).send().await.expect("an answer");
        (answer.status().as_u16(), answer.text().await.expect("text"))
    };
    let (status, body) = ask("XRP-USD/trades").await;
    assert_eq!((status, body.as_str()), (404, r#"{"message":"NotFound"}"#));
    assert_eq!(ask("BTC-USD/trades?after=x").await.0, 400);
    let symbol: market::Symbol = "BTC-USD".parse().expect("symbol");
    let ids = async |path: &str| {
        let (_, body) = ask(path).await;
        let received = time(NOON);
        let page = market::Exchange::Coinbase
            .decode_page(&symbol, &body, received, market::Source::Rest)
            .expect("a page");
        let id = |record: market::exchange::Record<'_>| record.outcome.ok()?.page_id();
        page.into_iter().map(|record| id(record).expect("an id")).collect::<Vec<u64>>()
    };
    let newest = ids("BTC-USD/trades?limit=3").await;
    assert_eq!(newest, [newest[0], newest[0] - 1, newest[0] - 2]);
    let older = ids(&format!("BTC-USD/trades?limit=2&after={}", newest[2])).await;
    assert_eq!(older, [newest[2] - 1, newest[2] - 2]);
    assert!(ids("BTC-USD/trades?after=5").await.is_empty());
}

#[tokio::test]
async fn the_simulated_exchange_pages_and_refuses_as_binance_does() {
    let now = time(chrono::Utc::now().timestamp_micros()).minute();
    let exchange = SimulatedExchange::start(3, now.plus(-60)).await.expect("an exchange");
    let client = tests::http_client();
    let ask = async |query: &str| {
        let url = format!("{}/api/v3/aggTrades?{query}", exchange.rest_url());
        let answer = client.get(url).send().await.expect("an answer");
        (answer.status().as_u16(), answer.json::<Value>().await.expect("JSON"))
    };
    for (query, code) in [
        ("symbol=XRPUSDT", -1121),
        ("limit=5", -1102),
        ("symbol=BTCUSDT&fromId=x", -1100),
        ("symbol=BTCUSDT&fromId=1&startTime=1", -1128),
    ] {
        let (status, body) = ask(query).await;
        assert_eq!((status, body["code"].as_i64()), (400, Some(code)), "{query}: {body}");
    }
    let ids = async |query: &str| {
        let (_, page) = ask(query).await;
        let ids =
            page.as_array().expect("a page").iter().map(|it| it["a"].as_u64().expect("an id"));
        ids.collect::<Vec<u64>>()
    };
    let start = now.plus(-60).start().micros() / 1_000;
    let first = ids(&format!("symbol=BTCUSDT&startTime={start}&limit=2000")).await;
    assert_eq!(first.len(), 1_000);
    assert_eq!(*first.last().expect("ids") - first[0], 999);
    assert_eq!(ids(&format!("symbol=BTCUSDT&fromId={}&limit=3", first[10])).await, first[10..13]);
    assert!(ids(&format!("symbol=BTCUSDT&fromId={}", u64::MAX)).await.is_empty());
    // Both ends are inside, and the first minute opens with a trade in its first millisecond.
    assert_eq!(
        ids(&format!("symbol=BTCUSDT&startTime={start}&endTime={start}")).await[0],
        first[0]
    );
    let latest = ids("symbol=BTCUSDT&limit=2").await;
    assert_eq!(latest[1] - latest[0], 1);
    assert!(latest[0] > first[999]);
}
