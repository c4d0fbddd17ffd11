//! `tickfold demo` as its users run it, and the parts of it that stand in for a service. What a
//! fold or a query is, their own tests know.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use aggregate::App;
use lake::{Lake, MinutePrefix};
use market::{Bar, Decimal, Minute};
use program::{DEADLINE, Demo, files, gunzip, launch, run, start};
use rdkafka::config::ClientConfig;
use rdkafka::producer::{FutureProducer, FutureRecord};
use serde_json::Value;
use store::{Range, Store};
use tempfile::TempDir;
use tests::bucket::BUCKET;
use tests::trades::{MINUTE, NOON, lines, name, time, trade, trades};
use tickfold::demo::batcher::{self, Batcher};
use tickfold::demo::broker::{Broker, PARTITIONS};
use tickfold::demo::exchange::SimulatedExchange;
use tickfold::demo::generator::{Record, Tape};
use tickfold::demo::instruments::INSTRUMENTS;
use tickfold::demo::notifications::Notifications;
use tickfold::demo::s3::S3Server;
use tokio_util::sync::CancellationToken;

#[path = "demo/program.rs"]
mod program;

const TOPIC: &str = "binance.trades";
/// Its first hole comes late enough that even a slow run of this test sees none.
const SEED: &str = "65";

fn folder() -> TempDir {
    TempDir::new().expect("a folder for the test")
}

/// Every row of the folder's database, by symbol.
async fn rows(data: &Path) -> BTreeMap<String, Vec<Bar>> {
    let url = format!("sqlite://{}", data.join("tickfold.db").display());
    let store = Store::connect(&url, 1).expect("a database");
    let mut rows = BTreeMap::new();
    for stored in store.symbols().await.expect("symbols") {
        let (exchange, symbol) = (stored.exchange, stored.symbol);
        let (from, to, name) = (Minute::MIN, Minute::MAX, symbol.to_string());
        let range = Range { exchange, symbol, from, to, limit: 10_000 };
        let bars = store.bars(&range).await.expect("rows");
        rows.insert(name, bars.into_iter().map(|row| row.bar).collect());
    }
    store.close().await;
    rows
}

/// What the demo leaves to its next start.
fn memory(data: &Path) -> Value {
    let memory = std::fs::read(data.join("demo.json")).expect("what the demo remembers");
    serde_json::from_slice(&memory).expect("JSON")
}

fn minute(text: &Value) -> Minute {
    text.as_str().expect("a text").parse().expect("a minute")
}

/// What the simulated exchange made of each minute from the folder's anchor to `end`: minute,
/// first and last raw id. Minutes without a trade are left out.
fn made(data: &Path, instrument: usize, end: Minute) -> Vec<(Minute, u64, u64)> {
    let memory = memory(data);
    let (anchor, seed) = (minute(&memory["anchor"]), memory["seed"].as_u64().expect("a seed"));
    let mut tape = Tape::new(&INSTRUMENTS[instrument], seed, anchor);
    let mut made = Vec::new();
    for at in 0.. {
        let minute = anchor.plus(at);
        if minute >= end {
            return made;
        }
        let ids = tape.minute(usize::try_from(at).expect("small")).into_iter().filter_map(|it| {
            let Record::Trade(trade) = it else { return None };
            Some((trade.first_raw_id, trade.last_raw_id))
        });
        let ids: Vec<_> = ids.collect();
        if let (Some(first), Some(last)) = (ids.first(), ids.last()) {
            made.push((minute, first.0, last.1));
        }
    }
    unreachable!("the end comes")
}

/// The stored rows are what was made, minute by minute, and nothing else, up to their last one,
/// which the demo's end may have cut short.
fn rows_are_what_was_made(data: &Path, rows: &BTreeMap<String, Vec<Bar>>) {
    for (at, instrument) in INSTRUMENTS.iter().enumerate() {
        let rows = &rows[instrument.symbol];
        let (last, whole) = rows.split_last().expect("rows");
        let stored = whole.iter().map(|row| {
            assert_eq!(row.missing_count, Some(0), "{}", row.key());
            assert_eq!((row.conflict_count, row.quarantined_count), (0, 0), "{}", row.key());
            let ids = row.first_id.zip(row.last_id).expect("contiguous ids");
            (row.minute, ids.0, ids.1)
        });
        assert_eq!(
            stored.collect::<Vec<_>>(),
            made(data, at, last.minute),
            "{}",
            instrument.symbol
        );
        assert_eq!(last.missing_count, Some(0), "{}", last.key());
    }
}

/// The rows that `tickfold fold` makes of all raw objects, in the order of the database's.
fn refolded(data: &Path) -> BTreeMap<String, Vec<Bar>> {
    let objects = files(&data.join("s3"), ".ndjson.gz");
    let fold = Command::new(tests::binary::tickfold()).arg("fold").args(&objects).output();
    let fold = fold.expect("tickfold starts");
    assert!(fold.status.success(), "{}", String::from_utf8_lossy(&fold.stderr));
    let mut rows: BTreeMap<String, Vec<Bar>> = BTreeMap::new();
    for line in String::from_utf8(fold.stdout).expect("UTF-8").lines() {
        let bar: Bar = serde_json::from_str(line).expect("a bar");
        rows.entry(bar.symbol.to_string()).or_default().push(bar);
    }
    rows
}

/// What does not depend on how many objects a minute has.
fn of_trades(rows: &BTreeMap<String, Vec<Bar>>) -> Vec<Bar> {
    rows.values().flatten().map(|bar| Bar { object_count: 0, ..bar.clone() }).collect()
}

fn minute_of(bar: &Value) -> Minute {
    minute(&bar["minute"])
}

async fn a_day_is_there(demo: &Demo) {
    let symbols = demo.get("/v1/symbols").await;
    let symbols: Vec<_> = symbols["symbols"].as_array().expect("symbols").iter().collect();
    let names: Vec<_> = symbols.iter().map(|it| it["symbol"].as_str().expect("a name")).collect();
    assert_eq!(names, ["BTCUSDT", "ETHUSDT", "SOLUSDT"]);
    let bars = demo.bars("BTCUSDT").await;
    assert!(bars.len() >= 1_200, "{} rows", bars.len());
    assert!(bars.is_sorted_by(|one, next| minute_of(one) < minute_of(next)));
    for column in ["open", "high", "low", "close", "buy_base_volume", "sell_quote_volume", "vwap"] {
        let text = bars[7][column].as_str().unwrap_or_else(|| panic!("{column} is no string"));
        text.parse::<Decimal>().unwrap_or_else(|error| panic!("{column}: {error}"));
    }
    // Before the first row nothing is known, and behind the last ones trades are on their way.
    let history = &bars[1..bars.len() - 3];
    let incomplete = history.iter().find(|bar| bar["complete"] != true);
    assert_eq!(incomplete, None);
}

#[tokio::test]
async fn a_demo_fills_its_chart_lives_ends_cleanly_and_goes_on_where_it_ended() {
    let folder = folder();
    let data = folder.path().join("data");
    let demo = start(folder.path(), &["--seed", SEED]);
    a_day_is_there(&demo).await;

    let second = run(folder.path(), &["--port", "0"], &[]);
    assert!(!second.status.success());
    assert!(second.stderr.contains("another tickfold demo works in"), "{}", second.stderr);

    let before = demo.bars("BTCUSDT").await;
    let last = minute_of(before.last().expect("a row"));
    let newer = |bars: &[Value]| minute_of(bars.last().expect("a row")) > last;
    demo.bars_until("BTCUSDT", newer).await;

    demo.signal("INT");
    let port = demo.port;
    let ended = demo.end();
    assert_eq!((ended.status.code(), ended.stdout.len()), (Some(0), 0), "{}", ended.stderr);
    assert!(!Demo::is_listening(port));
    let first_rows = rows(&data).await;
    rows_are_what_was_made(&data, &first_rows);
    assert_eq!(of_trades(&refolded(&data)), of_trades(&first_rows));
    let resume = minute(&memory(&data)["resume"]);

    let other = run(folder.path(), &["--port", "0", "--seed", "4"], &[]);
    assert!(!other.status.success());
    assert!(other.stderr.contains(&format!("holds trades of --seed {SEED}")), "{}", other.stderr);

    let demo = start(folder.path(), &[]);
    a_day_is_there(&demo).await;
    let stored = minute_of(demo.bars("BTCUSDT").await.last().expect("a row"));
    demo.bars_until("BTCUSDT", |bars| minute_of(bars.last().expect("a row")) > stored).await;
    demo.signal("TERM");
    let ended = demo.end();
    assert_eq!((ended.status.code(), ended.stdout.len()), (Some(0), 0), "{}", ended.stderr);
    let rows = rows(&data).await;
    rows_are_what_was_made(&data, &rows);
    assert_eq!(of_trades(&refolded(&data)), of_trades(&rows));
    for (symbol, first_rows) in &first_rows {
        assert!(rows[symbol].len() > first_rows.len(), "{symbol}");
        // Behind it the history of the second start may repeat trades.
        let untouched = first_rows.iter().take_while(|row| row.minute < resume).count();
        assert!(untouched >= 1_200, "{symbol}: {untouched}");
        assert_eq!(rows[symbol][..untouched], first_rows[..untouched], "{symbol}");
    }
}

#[tokio::test]
async fn a_demo_that_is_killed_goes_on_without_a_gap() {
    let folder = folder();
    let data = folder.path().join("data");
    let demo = launch(folder.path(), &["--seed", SEED]);
    // In the middle of its history: some objects are written, and fewer of them folded.
    let from = Instant::now();
    while !data.join("s3").is_dir() || files(&data.join("s3"), ".ndjson.gz").len() < 200 {
        assert!(from.elapsed() < DEADLINE, "no history: {}", demo.log());
        std::thread::sleep(Duration::from_millis(50));
    }
    demo.signal("KILL");
    assert_eq!(demo.end().status.code(), None);
    let demo = start(folder.path(), &[]);
    demo.signal("KILL");
    assert_eq!(demo.end().status.code(), None);
    let demo = start(folder.path(), &[]);
    demo.signal("INT");
    let ended = demo.end();
    assert_eq!(ended.status.code(), Some(0), "{}", ended.stderr);
    let rows = rows(&data).await;
    rows_are_what_was_made(&data, &rows);
    assert_eq!(of_trades(&refolded(&data)), of_trades(&rows));
}

#[test]
fn a_port_that_is_taken_is_told_with_the_remedy() {
    let folder = folder();
    let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    let port = taken.local_addr().expect("an address").port().to_string();
    let ended = run(folder.path(), &["--port", &port], &[]);
    assert_eq!(ended.status.code(), Some(1));
    assert!(ended.stderr.contains(&format!("port {port} is taken")), "{}", ended.stderr);
    assert!(ended.stderr.contains("--port 0"), "{}", ended.stderr);
    assert!(!folder.path().join("data").exists(), "nothing was begun");
}

#[test]
fn an_exchange_out_of_reach_is_told_with_its_address_and_the_remedy() {
    let folder = folder();
    // Nobody listens there: whatever network this machine has, the exchange is behind a wall.
    let wall = [("HTTPS_PROXY", "http://127.0.0.1:9"), ("NO_PROXY", "")];
    let ended = run(folder.path(), &["--live", "--port", "0"], &wall);
    assert_eq!((ended.status.code(), ended.stdout.len()), (Some(1), 0));
    let expected = "cannot reach https://data-api.binance.vision";
    assert!(ended.stderr.contains(expected), "{}", ended.stderr);
    assert!(ended.stderr.contains("without --live the demo needs no network"), "{}", ended.stderr);
    assert!(!folder.path().join("data").exists(), "nothing was begun");
}

/// A batcher over a broker that holds these lines, one for each partition in turn.
async fn batcher_over(payloads: &[&[u8]], server: &S3Server) -> (Broker, Batcher) {
    let broker = Broker::start(TOPIC).expect("a broker");
    let brokers = broker.bootstrap_servers();
    let producer: FutureProducer =
        ClientConfig::new().set("bootstrap.servers", &brokers).create().expect("a producer");
    for (partition, payload) in (0..PARTITIONS).cycle().zip(payloads) {
        let record = FutureRecord::<(), _>::to(TOPIC).partition(partition).payload(*payload);
        producer.send(record, DEADLINE).await.expect("acknowledged");
    }
    let config = batcher::Config {
        bootstrap_servers: brokers,
        topic: TOPIC.to_owned(),
        partitions: PARTITIONS,
        bucket: BUCKET.to_owned(),
        // Never: what is written was flushed at the end.
        timeout: DEADLINE * 2,
    };
    (broker, Batcher::new(server.client(), config).expect("a reader of the broker"))
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
