//! Recorded market data through the whole path, from websocket messages to the answer of the
//! query, held against the exchange's own candles and against `tickfold fold`.

use std::collections::BTreeMap;
use std::process::Command;

use aggregate::handle;
use ingest::Stream;
use market::{Bar, Decimal, Minute, Time};
use serde_json::Value;
use serde_json::value::RawValue;
use store::{Range, Store};
use tests::bucket::batch;
use tests::captures::{capture, capture_text};
use tests::databases::Database;
use tests::replay::{Replayed, replay};
use tests::trades::{name, symbol};

async fn rows(store: &Store, of: &str) -> Vec<Bar> {
    let (exchange, symbol) = (name("binance"), symbol(of));
    let (from, to) = (Minute::MIN, Minute::MAX);
    let range = Range { exchange, symbol, from, to, limit: 10_000 };
    store.bars(&range).await.expect("rows").into_iter().map(|row| row.bar).collect()
}

/// All bars as the query function answers them.
async fn answer(store: &Store, of: &str) -> Vec<Value> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let router = query::router(store.clone(), None);
    tokio::spawn(async move { axum::serve(listener, router).await });
    let path =
        format!("/v1/bars?exchange=binance&symbol={of}&from=2019-01-01T00:00:00Z&limit=5000");
    let answer = tests::http_client().get(format!("http://{address}{path}")).send().await;
    let page: Value = answer.expect("an answer").json().await.expect("JSON");
    assert_eq!(page["next"], Value::Null);
    page["bars"].as_array().expect("bars").clone()
}

/// The rows of `tickfold fold` for the same input.
fn folded(arguments: &[&str]) -> Vec<Bar> {
    let fold = Command::new(tests::binary::tickfold()).arg("fold").args(arguments).output();
    let fold = fold.expect("tickfold starts");
    assert!(fold.status.success(), "{}", String::from_utf8_lossy(&fold.stderr));
    let rows = String::from_utf8(fold.stdout).expect("UTF-8");
    rows.lines().map(|line| serde_json::from_str(line).expect("a bar")).collect()
}

/// What depends on the trades alone.
fn of_trades(rows: &[Bar]) -> Vec<Bar> {
    let plain = |bar: &Bar| Bar { duplicate_count: 0, object_count: 0, ..bar.clone() };
    rows.iter().map(plain).collect()
}

fn nothing_was_lost(replayed: &Replayed) {
    assert_eq!((replayed.batcher.dead, replayed.batcher.lost), (0, 0));
    assert_eq!(replayed.notifications.dead, []);
    assert_eq!(replayed.ingest.refused_frames, 0);
    assert_eq!(replayed.ingest.missing_ids, 0);
}

/// The same objects folded into the other database give the same rows.
async fn refold(replayed: &Replayed, store: Store, rows: &[Bar]) -> Vec<Bar> {
    let of = rows[0].symbol.as_str();
    let app = aggregate::App { lake: replayed.app.lake.clone(), store };
    let prefix = |bar: &Bar| lake::MinutePrefix::raw_trades(bar.exchange.clone(), bar.minute);
    // An event is only a hint at a minute: any name will do.
    let keys: Vec<_> =
        rows.iter().map(|bar| prefix(bar).object("any").expect("a key").to_string()).collect();
    for keys in keys.chunks(100) {
        let response = handle(&app, batch(keys.iter().map(String::as_str))).await;
        assert!(response.expect("a batch never fails whole").batch_item_failures.is_empty());
    }
    self::rows(&app.store, of).await
}

#[tokio::test(flavor = "multi_thread")]
async fn recorded_aggregate_trades_become_the_recorded_candles() {
    const TEST: &str = "recorded_aggregate_trades_become_the_recorded_candles";
    let file = "binance/freqtrade_XRPETH_rest_aggTrades_201910_part1.json.gz";
    let Some(page) = capture_text(TEST, file) else { return };
    let records: Vec<&RawValue> = serde_json::from_str(&page).expect("records");
    assert_eq!(records.len(), 6_722);
    // As the stream would have sent them: the record with an event's head, in the wrapper.
    let messages = records.iter().map(|record| {
        let fields = record.get().trim_start_matches('{');
        format!(
            r#"{{"stream":"xrpeth@aggTrade","data":{{"e":"aggTrade","E":1,"s":"XRPETH",{fields}}}"#
        )
    });
    let (messages, database) = (messages.collect(), Database::postgres().await);
    let replayed = replay(messages, 6_722, "XRPETH", Stream::AggTrade, database.store()).await;
    nothing_was_lost(&replayed);
    let rows = rows(&replayed.app.store, "XRPETH").await;

    let candles = "binance/freqtrade_XRPETH_klines_1m_201910_part1.json.gz";
    let candles = capture_text(TEST, candles).expect("the candles lie beside the trades");
    // The number's own text: a float would be rounded before it is compared.
    let candles: Vec<[&RawValue; 6]> = serde_json::from_str(&candles).expect("candles");
    let mut expected = BTreeMap::new();
    for [time, open, high, low, close, volume] in candles {
        let fields = [open, high, low, close, volume]
            .map(|field| field.get().parse::<Decimal>().expect("a number"));
        if fields[4] != Decimal::ZERO {
            let time = time.get().parse().expect("milliseconds");
            let minute = Time::from_millis_or_micros(time).expect("a time").minute();
            expected.insert(minute.to_string(), fields.map(|field| field.to_string()));
        }
    }
    let mut answered = BTreeMap::new();
    for bar in answer(&replayed.app.store, "XRPETH").await {
        let text = |field: &str| bar[field].as_str().expect("a string").to_owned();
        let fields = ["open", "high", "low", "close", "base_volume"].map(text);
        answered.insert(text("minute"), fields);
        assert_eq!(bar["missing_count"], 0);
    }
    assert_eq!(answered.len(), 1_231);
    assert_eq!(answered, expected, "every traded minute, and no other");

    assert_eq!(refold(&replayed, Database::sqlite().await.store(), &rows).await, rows);
    let recording = capture(TEST, file).expect("it was there");
    let recording = recording.to_str().expect("UTF-8");
    let folded = folded(&["--input", "rest", "--symbol", "XRPETH", recording]);
    assert_eq!(of_trades(&folded), of_trades(&rows));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recorded_session_across_midnight_is_contiguous() {
    const TEST: &str = "a_recorded_session_across_midnight_is_contiguous";
    let mut messages = Vec::new();
    for day in ["08", "09"] {
        let file = format!("binance/hft_spot_btcusdt_202408{day}.gz");
        let Some(text) = capture_text(TEST, &file) else { return };
        // Each line is the receive time, a blank, and the message.
        let split = |line: &str| line.split_once(' ').expect("two parts").1.to_owned();
        messages.extend(text.lines().map(split));
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("messages");
    std::fs::write(&file, messages.join("\n")).expect("written");
    let trades = 9_757 + 10_147;
    let database = Database::sqlite().await;
    let replayed = replay(messages, trades, "BTCUSDT", Stream::Trade, database.store()).await;
    nothing_was_lost(&replayed);

    let rows = rows(&replayed.app.store, "BTCUSDT").await;
    assert_eq!(rows.iter().map(|row| row.trade_count).sum::<u64>(), trades);
    let answered = answer(&replayed.app.store, "BTCUSDT").await;
    let minutes = |at: usize| answered[at]["minute"].as_str().expect("a minute");
    assert_eq!((minutes(0), minutes(11)), ("2024-08-08T23:54:00Z", "2024-08-09T00:05:00Z"));
    assert_eq!((&answered[0]["first_id"], answered.len()), (&3_735_683_259_u64.into(), 12));
    assert_eq!(answered[11]["last_id"], 3_735_703_162_u64);
    for bar in &answered[1..11] {
        assert_eq!(bar["completeness"], "complete", "{}", bar["minute"]);
    }

    assert_eq!(refold(&replayed, Database::postgres().await.store(), &rows).await, rows);
    let folded = folded(&["--input", "frames", file.to_str().expect("UTF-8")]);
    assert_eq!(of_trades(&folded), of_trades(&rows));
}
