//! The `backfill` handler and `tickfold backfill` over a real S3 server and scripted exchanges:
//! rows equal what live lines would give, what is recorded whole is not touched, and of a day that
//! cannot be had nothing is written.

use std::collections::{BTreeMap, BTreeSet};

use backfill::{App, Event, Report, Task, fill, handle};
use history::{History, Places};
use market::trade::fill as price_and_size;
use market::{Bar, Day, Exchange, Ids, Minute, Source, Trade};
use serde_json::json;
use store::Range;
use tests::archive::{
    binance_path, bybit_path, bybit_rows, gzipped, publish_binance, publish_zip, zipped,
};
use tests::bucket::{Bucket, batch};
use tests::databases::Database;
use tests::rest::{Fault, RestExchange};
use tests::trades::{MINUTE, SECOND, symbol, time, trade};

#[path = "backfill/command.rs"]
mod command;

/// 2024-11-20T12:00:00Z: a day that is over by every clock.
const NOON: i64 = 1_732_104_000_000_000;

fn day() -> Day {
    "2024-11-20".parse().expect("a day")
}

fn task(exchange: Exchange, of: &str) -> Task {
    Task { exchange, symbol: symbol(of), day: day() }
}

/// Ten minutes of aggregate trades of one to three fills, one of them in the last microsecond of a
/// minute and one in the first of the next.
fn market() -> Vec<Trade> {
    let mut id = 100;
    let aggregate = |at: u64| {
        let fills = 1 + at % 3;
        let ids = Ids::range(id, id + fills - 1).expect("ids");
        id += fills;
        let micros = match at {
            59 => NOON + MINUTE - 1,
            60 => NOON + MINUTE,
            at => NOON + at as i64 * SECOND + 7,
        };
        let size = format!("0.{:03}", 3 * (1 + at % 11));
        let fill = price_and_size("43000.10", &size).expect("a fill");
        Trade { ids, fill, ..trade(id, micros) }
    };
    (0..600).map(aggregate).collect()
}

/// The single fills of aggregate trades.
fn fills(trades: &[Trade]) -> Vec<Trade> {
    let of = |trade: &Trade| {
        let Ids::Range { first, last } = trade.ids else { panic!("a range") };
        let units: u64 = trade.fill.size().to_string().replace("0.", "").parse().expect("units");
        let count = last - first + 1;
        let part = |id: u64| {
            let units = if id == first { units - (count - 1) } else { 1 };
            let fill = price_and_size("43000.10", &format!("0.{units:03}")).expect("a fill");
            Trade { ids: Ids::range(id, id).expect("an id"), fill, ..trade.clone() }
        };
        (first..=last).map(part).collect::<Vec<_>>()
    };
    trades.iter().flat_map(of).collect()
}

/// One object for each minute, as the pipeline would have written it.
async fn record(bucket: &Bucket, name: &str, trades: &[Trade]) {
    let mut minutes: BTreeMap<Minute, Vec<Trade>> = BTreeMap::new();
    trades.iter().for_each(|it| minutes.entry(it.minute()).or_default().push(it.clone()));
    for lines in minutes.values() {
        bucket.put(name, lines).await;
    }
}

/// All rows that `aggregate` makes of what is in the bucket.
async fn rows(bucket: &Bucket, exchange: Exchange, of: &str) -> Vec<Bar> {
    let database = Database::sqlite().await;
    let app = bucket.app(database.store());
    let keys = bucket.below("raw");
    let answer = aggregate::handle(&app, batch(keys.keys().map(String::as_str))).await;
    assert!(answer.expect("folded").batch_item_failures.is_empty());
    let (from, to, limit) = (Minute::MIN, Minute::MAX, 5_000);
    let range = Range { exchange: exchange.name(), symbol: symbol(of), from, to, limit };
    let rows = app.store.bars(&range).await.expect("rows");
    rows.into_iter().map(|row| row.bar).collect()
}

/// A scripted exchange, and what asks it.
async fn exchange(exchange: Exchange, trades: Vec<Trade>) -> (RestExchange, History) {
    let server = RestExchange::start(exchange, trades).await;
    let history = History::new(exchange, Places::local(server.url())).expect("a client");
    (server, history)
}

async fn filled(bucket: &Bucket, history: &History, task: &Task) -> Report {
    fill(&bucket.lake(), history, task, false, &|| ()).await.expect("filled in")
}

#[tokio::test]
async fn an_archive_gives_the_rows_that_live_lines_give() {
    let (live, empty) = (Bucket::start().await, Bucket::start().await);
    let trades = market();
    record(&live, "live", &trades).await;
    let (server, history) = exchange(Exchange::Binance, vec![]).await;
    let sum = publish_binance(&server, day(), &trades);
    let task = task(Exchange::Binance, "BTCUSDT");
    let report = filled(&empty, &history, &task).await;
    assert_eq!((report.trades, report.trades_written, report.minutes_written), (600, 600, 10));
    let expected = rows(&live, Exchange::Binance, "BTCUSDT").await;
    assert_eq!(rows(&empty, Exchange::Binance, "BTCUSDT").await, expected);
    assert_eq!(expected.len(), 10);
    assert!(expected.iter().all(|row| row.missing_count == Some(0)));
    // The checksum of what was loaded is kept.
    let kept = backfill::filled(&empty.lake(), &task).await.expect("read").expect("kept");
    assert_eq!((kept.sha256, kept.verified), (Some(sum), true));
    // Once more: the same objects, byte for byte.
    let before = empty.below("raw");
    assert_eq!(filled(&empty, &history, &task).await.trades_written, 0);
    assert_eq!(empty.below("raw"), before);
}

/// Coinbase's pages go forwards inside and backwards from one to the next.
#[tokio::test]
async fn a_minute_between_two_pages_is_one_object() {
    let bucket = Bucket::start().await;
    let (coinbase, of) = (Exchange::Coinbase.name(), symbol("BTC-USD"));
    let begin = day().start().start().micros();
    let at = |id: u64| Trade {
        exchange: coinbase.clone(),
        symbol: of.clone(),
        ..trade(id, begin + id as i64 * 28 * SECOND)
    };
    let trades: Vec<Trade> = (1..2_500).map(at).collect();
    let minutes: BTreeSet<Minute> = trades.iter().map(Trade::minute).collect();
    let (_server, history) = exchange(Exchange::Coinbase, trades).await;
    let report = filled(&bucket, &history, &task(Exchange::Coinbase, "BTC-USD")).await;
    assert_eq!((report.trades_written, report.minutes), (2_499, minutes.len() as u64));
    assert_eq!(bucket.below("raw").len(), minutes.len());
}

#[tokio::test]
async fn a_day_that_was_recorded_whole_is_not_touched() {
    let trades = market();
    for recorded in [trades.clone(), fills(&trades)] {
        let bucket = Bucket::start().await;
        record(&bucket, "live", &recorded).await;
        let (objects, before) =
            (bucket.below("raw"), rows(&bucket, Exchange::Binance, "BTCUSDT").await);
        let (server, history) = exchange(Exchange::Binance, vec![]).await;
        publish_binance(&server, day(), &trades);
        let report = filled(&bucket, &history, &task(Exchange::Binance, "BTCUSDT")).await;
        assert_eq!((report.trades, report.trades_written, report.minutes), (600, 0, 10));
        assert_eq!(bucket.below("raw"), objects, "no object");
        assert_eq!(rows(&bucket, Exchange::Binance, "BTCUSDT").await, before, "no row");
    }
}

#[tokio::test]
async fn only_what_is_missing_or_contradicted_is_written() {
    let bucket = Bucket::start().await;
    let trades = market();
    // The third minute lost its second half, the fifth has a wrong size, the rest is whole; and
    // another symbol of the exchange is recorded beside it.
    let recorded = trades.iter().enumerate().filter(|(at, _)| !(150..180).contains(at));
    let mut recorded: Vec<_> = recorded.map(|(_, trade)| trade.clone()).collect();
    recorded[250].fill = price_and_size("43000.10", "0.999").expect("a fill");
    recorded.extend(market().into_iter().map(|it| Trade { symbol: symbol("ETHUSDT"), ..it }));
    record(&bucket, "live", &recorded).await;
    let before = rows(&bucket, Exchange::Binance, "BTCUSDT").await;
    let (server, history) = exchange(Exchange::Binance, vec![]).await;
    publish_binance(&server, day(), &trades);
    let task = task(Exchange::Binance, "BTCUSDT");
    // As far as it would go without writing.
    let dry = fill(&bucket.lake(), &history, &task, true, &|| ()).await.expect("looked at");
    assert_eq!((dry.trades_written, dry.minutes_written), (31, 2));
    assert_eq!(rows(&bucket, Exchange::Binance, "BTCUSDT").await, before);
    assert_eq!(backfill::filled(&bucket.lake(), &task).await.expect("read"), None);

    assert_eq!(filled(&bucket, &history, &task).await, dry);
    let after = rows(&bucket, Exchange::Binance, "BTCUSDT").await;
    let clean = Bucket::start().await;
    record(&clean, "live", &trades).await;
    let whole = rows(&clean, Exchange::Binance, "BTCUSDT").await;
    for (at, (row, whole)) in after.iter().zip(&whole).enumerate() {
        assert_eq!(row.fingerprint, whole.fingerprint, "minute {at}");
        assert_eq!(row.missing_count, Some(0), "minute {at}");
        assert_eq!(row.conflict_count, u64::from(at == 4), "what contradicts is told");
        assert_eq!(row == &before[at], at != 2 && at != 4, "minute {at}");
    }
    let again = filled(&bucket, &history, &task).await;
    assert_eq!(again.trades_written, 0, "it goes on where it was");
}

#[tokio::test]
async fn times_that_pages_and_sockets_cut_differently_are_no_contradiction() {
    let bucket = Bucket::start().await;
    let live: Vec<_> = market()
        .into_iter()
        .enumerate()
        .map(|(at, it)| Trade {
            exchange: Exchange::Kraken.name(),
            symbol: symbol("BTC-USD"),
            ids: Ids::range(at as u64 + 1, at as u64 + 1).expect("an id"),
            ..it
        })
        .collect();
    record(&bucket, "live", &live).await;
    let before = rows(&bucket, Exchange::Kraken, "BTC-USD").await;
    // A float of the server's is some hundred nanoseconds off, and so at times a microsecond; the
    // last trade of a minute falls into the next one by it.
    let told = live.iter().enumerate().map(|(at, it)| {
        let off = [0, 1, -1][at % 3];
        Trade { time: time(it.time.micros() + if at == 59 { 1 } else { off }), ..it.clone() }
    });
    let mut told: Vec<_> = told.collect();
    told[60].time = told[59].time.max(told[60].time);
    let (_server, history) = exchange(Exchange::Kraken, told).await;
    let report = filled(&bucket, &history, &task(Exchange::Kraken, "BTC-USD")).await;
    assert_eq!((report.trades, report.trades_written), (600, 0));
    assert_eq!(rows(&bucket, Exchange::Kraken, "BTC-USD").await, before);
}

#[tokio::test]
async fn ids_without_order_are_compared_and_strange_ones_leave_a_minute_as_it_is() {
    let named = |prefix: &str| -> Vec<Trade> {
        let trade = |(at, it): (usize, Trade)| Trade {
            exchange: Exchange::Bybit.name(),
            time: time(it.time.micros() / 1_000 * 1_000),
            ids: Ids::opaque(&format!("{prefix}-{at}")).expect("an id"),
            ..it
        };
        market().into_iter().enumerate().map(trade).collect()
    };
    let told = named("a9188a0a");
    for (recorded, written, left) in [
        (told[..300].to_vec(), 300, 0),
        (named("b7")[..300].to_vec(), 300, 5),
        ([&told[..30], &told[90..]].concat(), 60, 0),
    ] {
        let bucket = Bucket::start().await;
        record(&bucket, "live", &recorded).await;
        let (server, history) = exchange(Exchange::Bybit, vec![]).await;
        let file = gzipped(&bybit_rows(&told));
        server.publish(&bybit_path(&symbol("BTCUSDT"), day()), file);
        let report = filled(&bucket, &history, &task(Exchange::Bybit, "BTCUSDT")).await;
        assert_eq!((report.trades_written, report.minutes_left), (written, left));
        let rows = rows(&bucket, Exchange::Bybit, "BTCUSDT").await;
        let clean = Bucket::start().await;
        record(&clean, "live", &told).await;
        let whole = self::rows(&clean, Exchange::Bybit, "BTCUSDT").await;
        let counts = |rows: &[Bar]| rows.iter().map(|it| it.trade_count).collect::<Vec<_>>();
        assert_eq!(counts(&rows), counts(&whole), "nothing counts twice");
        let same = rows.iter().zip(&whole).filter(|(one, two)| one.fingerprint == two.fingerprint);
        assert_eq!(same.count() as u64, 10 - left);
    }
}

#[tokio::test]
async fn of_a_day_that_cannot_be_had_nothing_is_written_and_the_message_comes_again() {
    let bucket = Bucket::start().await;
    let trades = market();
    record(&bucket, "live", &trades[..100]).await;
    let before = bucket.below("raw");
    let (server, _) = exchange(Exchange::Binance, vec![]).await;
    let app =
        App { lake: bucket.lake(), places: [("binance", Places::local(server.url()))].into() };
    let event = json!({ "Records": [
        { "messageId": "m0", "body": r#"{"exchange":"binance","symbol":"BTCUSDT","day":"2024-11-20"}"# },
        { "messageId": "m1", "body": r#"{"exchange":"binance","symbol":"BTCUSDT","day":"2099-11-20"}"# },
    ]});
    let failed = async || {
        let event: Event = serde_json::from_value(event.clone()).expect("an event");
        let failures = handle(&app, event).await.batch_item_failures;
        failures.into_iter().map(|it| it.item_identifier).collect::<Vec<_>>()
    };
    assert_eq!(failed().await, ["m0", "m1"], "not published, and not over");
    let path = binance_path(&symbol("BTCUSDT"), day());
    let whole = zipped("day.csv", "1,1.0,1.0,1,1,1732104000000007,True,True\n");
    for broken in [&whole[..whole.len() - 5], b"no zip"] {
        publish_zip(&server, &path, broken);
        assert_eq!(failed().await, ["m0", "m1"], "broken");
    }
    publish_zip(&server, &path, &whole);
    server.publish(&format!("{path}.CHECKSUM"), "0".repeat(64));
    assert_eq!(failed().await, ["m0", "m1"], "another checksum");
    publish_binance(&server, day(), &trades);
    server.order([Fault::Short(0)]);
    server.order((0..6).map(|_| Fault::BreaksOff));
    assert_eq!(failed().await, ["m0", "m1"], "breaks off");
    assert_eq!(bucket.below("raw"), before, "nothing is written");
    assert_eq!(failed().await, ["m1"], "it is there now");
    let rows = rows(&bucket, Exchange::Binance, "BTCUSDT").await;
    assert_eq!(rows.iter().map(|row| row.trade_count).sum::<u64>(), 1_200);
    assert!(rows.iter().all(|row| row.missing_count == Some(0)));
    let sources = bucket.below("raw").into_values().collect::<String>();
    assert!(sources.contains(&format!("\"source\":\"{}\"", Source::Archive.as_str())));
}
