//! `tickfold demo` as its users run it. What a fold or a query is, their own tests know.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use market::{Bar, Decimal, Minute};
use serde_json::Value;
use store::{Range, Store};
use tempfile::TempDir;
use tests::demo::{DEADLINE, Demo, files, launch, run, start};
use tickfold::demo::generator::{Record, Tape};
use tickfold::demo::instruments::{FOLLOWERS, INSTRUMENTS, Instrument};
use tickfold::demo::source::COINBASE_LATER_MINUTES;

// Beside the others, which mostly wait for the next minute.
#[path = "demo/page.rs"]
mod page;
#[path = "demo/parts.rs"]
mod parts;

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

/// What the simulated exchange made of each minute from the first that is loaded to `end`: minute,
/// first and last raw id. Minutes without a trade are left out.
fn made(data: &Path, instrument: &'static Instrument, end: Minute) -> Vec<(Minute, u64, u64)> {
    let memory = memory(data);
    let (anchor, seed) = (minute(&memory["anchor"]), memory["seed"].as_u64().expect("a seed"));
    let mut tape = Tape::new(instrument, seed, anchor);
    let mut made = Vec::new();
    let later = FOLLOWERS.iter().any(|it| it.symbol == instrument.symbol);
    for at in if later { COINBASE_LATER_MINUTES } else { 0 }.. {
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
    for instrument in INSTRUMENTS.iter().chain(&FOLLOWERS) {
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
            made(data, instrument, last.minute),
            "{}",
            instrument.symbol
        );
        assert_eq!(last.missing_count, Some(0), "{}", last.key());
    }
}

/// The rows that `tickfold fold` makes of all raw objects, in the order of the database's.
fn refolded(data: &Path) -> BTreeMap<String, Vec<Bar>> {
    let objects = files(&data.join("s3/tickfold-demo/raw/trades"), ".ndjson.gz");
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
    assert_eq!(names, ["BTCUSDT", "ETHUSDT", "SOLUSDT", "BTC-USD", "ETH-USD"]);
    let bars = demo.bars("BTCUSDT").await;
    assert!(bars.len() >= 1_200, "{} rows", bars.len());
    assert!(bars.is_sorted_by(|one, next| minute_of(one) < minute_of(next)));
    for column in ["open", "high", "low", "close", "buy_base_volume", "sell_quote_volume", "vwap"] {
        let text = bars[7][column].as_str().unwrap_or_else(|| panic!("{column} is no string"));
        text.parse::<Decimal>().unwrap_or_else(|error| panic!("{column}: {error}"));
    }
    // Before the first row nothing is known, and behind the last ones trades are on their way.
    let history = &bars[1..bars.len() - 3];
    let settled = |bar: &&Value| if bar["final"] == true { "complete" } else { "open" };
    let incomplete = history.iter().find(|bar| bar["completeness"] != settled(bar));
    assert_eq!(incomplete, None);
}

fn decimal(text: &Value) -> Decimal {
    text.as_str().expect("a text").parse().expect("a decimal")
}

/// The rows of a book, of the minutes since the demo started.
async fn books(demo: &Demo, exchange: &str, symbol: &str) -> Vec<Value> {
    let query = format!("exchange={exchange}&symbol={symbol}&from=2020-01-01T00:00:00Z");
    let page = demo.get(&format!("/v1/books?{query}")).await;
    page["books"].as_array().expect("rows").clone()
}

/// The same coin's books on both exchanges, of a minute that both have seen.
async fn books_are_beside_trades(demo: &Demo) {
    let from = Instant::now();
    loop {
        let binance = books(demo, "binance", "BTCUSDT").await;
        let coinbase = books(demo, "coinbase", "BTC-USD").await;
        let pair = binance.iter().find_map(|one| {
            let other = coinbase.iter().find(|other| other["minute"] == one["minute"])?;
            Some((one, other))
        });
        if let Some((one, other)) = pair {
            for row in [one, other] {
                assert!(row["update_count"].as_u64() > Some(0), "{row}");
                assert!(decimal(&row["spread_seconds"]) > Decimal::ZERO, "{row}");
                assert_eq!(row["quarantined_count"], 0, "{row}");
            }
            // They follow each other, and are not the same.
            let [one, other] = [one, other].map(|row| decimal(&row["mid_open"]).to_string());
            let [one, other] = [one, other].map(|mid| mid.parse::<f64>().expect("a number"));
            let apart = (one / other - 1.0).abs();
            assert!(apart > 0.0 && apart < 0.002, "{one} and {other}");
            return;
        }
        assert!(from.elapsed() < DEADLINE, "no minute has both books: {}", demo.log());
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
}

/// The live state tells both books of a coin, and a spread between them that moves.
async fn the_spread_moves(demo: &Demo) {
    let (from, mut seen) = (Instant::now(), BTreeSet::new());
    while seen.len() < 3 {
        let live = demo.get("/v1/live").await;
        let of = |list: &str, symbol: &str| {
            let rows = live[list].as_array().expect("a list").iter();
            let row = rows.into_iter().find(|row| row["symbol"] == symbol);
            row.unwrap_or_else(|| panic!("{list} without {symbol}: {live}")).clone()
        };
        let (one, other) = (of("symbols", "BTCUSDT"), of("symbols", "BTC-USD"));
        let spread = of("spreads", "BTCUSDT");
        assert_eq!(
            (&spread["against_exchange"], &spread["against_symbol"]),
            (&Value::from("coinbase"), &Value::from("BTC-USD"))
        );
        if !spread["spread"].is_null() {
            assert!(decimal(&one["bid"]) < decimal(&one["ask"]), "{one}");
            assert!(decimal(&other["bid"]) < decimal(&other["ask"]), "{other}");
            let mids = [&one, &other].map(|row| decimal(&row["mid"]));
            // It may be below zero, which no decimal of a line is.
            let between = mids[0].checked_sub(mids[1]).expect("small").to_string();
            assert_eq!(spread["spread"], between, "{live}");
            if !spread["spread_15s"].is_null() {
                seen.insert((spread["spread"].to_string(), spread["spread_15s"].to_string()));
            }
        }
        assert!(from.elapsed() < DEADLINE, "the spread does not move: {live}");
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
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
    let newest = before.last().expect("a row");
    // In the running minute, or with the next one.
    demo.bars_until("BTCUSDT", |bars| bars.last().expect("a row") != newest).await;
    books_are_beside_trades(&demo).await;
    the_spread_moves(&demo).await;

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
        // The one that was waited for has more; another one may have had a quiet minute.
        let more = usize::from(symbol == "BTCUSDT");
        assert!(rows[symbol].len() >= first_rows.len() + more, "{symbol}");
        // Behind it the history of the second start may repeat trades.
        let untouched = first_rows.iter().take_while(|row| row.minute < resume).count();
        let least = if symbol.contains('-') { 200 } else { 1_200 };
        assert!(untouched >= least, "{symbol}: {untouched}");
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
