//! The `compact` handler over a real S3 server: a day's objects -> Parquet, and what DuckDB, pandas
//! and Spark read in it, held against the rows that `aggregate` folded of the same objects.

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use aggregate::App;
use compact::{Event, Limits, Outcome, Receipt};
use market::exchange::Found;
use market::trade::{Liquidation, Marks, fill, inverse_fill};
use market::{Bar, Decimal, Exchange, Ids, Minute, Source, Symbol, Time, Trade};
use serde_json::Value;
use store::{Range, Series};
use tests::bucket::{Bucket, batch};
use tests::databases::Database;
use tests::trades::{MINUTE, NOON, SECOND, name, symbol, time, trade, trades};
use tests::{captures, python, skipped};

const DAY: i64 = 24 * 60 * MINUTE;
/// Eight hours into the next day.
const NEXT_MORNING: i64 = NOON + 20 * 60 * MINUTE;
const DUCKDB: &str = "duckdb==2.0.1";
const PANDAS: &str = "pandas==3.1.1 pyarrow==26.0.1";
const PYSPARK: &str = "pyspark==4.3.0";

fn event(exchange: Option<&str>, day: Option<&str>) -> Event {
    Event { exchange: exchange.map(name), day: day.map(str::to_owned) }
}

async fn compact(bucket: &Bucket, event: Event, now: i64) -> anyhow::Result<Outcome> {
    // So few that every file of a test has several row groups.
    let app = compact::App { lake: bucket.lake(), limits: Limits { rows: 100 } };
    compact::handle(&app, event, time(now)).await
}

fn outcome(days: u64, trades: u64, unchanged: u64) -> Outcome {
    Outcome { days, trades, unchanged }
}

/// Everything below `parquet/`, by its key.
fn files(bucket: &Bucket) -> BTreeMap<String, Vec<u8>> {
    let (mut found, mut folders) = (BTreeMap::new(), vec![bucket.files().join("parquet")]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let key = path.strip_prefix(bucket.files()).expect("below").display().to_string();
                found.insert(key, fs::read(&path).expect("an object"));
            }
        }
    }
    found
}

fn receipt(bucket: &Bucket, exchange: &str) -> Receipt {
    let key = format!("parquet/days/exchange={exchange}/date=2026-11-20.json");
    Receipt::read(&files(bucket)[&key]).expect("a receipt")
}

/// Six hundred trades of binance in an hour, in two objects a minute that share some; fills of an
/// aggregate that are there too; a contradiction; Deribit's inverse contract; Bybit's ids. Returns
/// the objects' keys.
async fn day(bucket: &Bucket) -> Vec<String> {
    let mut keys = Vec::new();
    for (at, minute) in trades(1_000, 600, 60).chunks(10).enumerate() {
        keys.push(bucket.put(&format!("one-{at}"), &minute[..7]).await);
        keys.push(bucket.put(&format!("two-{at}"), &minute[4..]).await);
    }
    let of = |exchange: &str, of: &str, trade: Trade| Trade {
        exchange: name(exchange),
        symbol: symbol(of),
        ..trade
    };
    let ids = |first, last| Ids::range(first, last).expect("ids");
    // Their sum has 29 digits, one more than Python's decimals have if they are not told.
    let sized = |size: &str| fill("12345678901.123456789", size).expect("a price and a size");
    let whole = Trade { ids: ids(10, 12), fill: sized("3.500000001"), ..trade(0, NOON) };
    let part = |id, size| Trade { ids: ids(id, id), fill: sized(size), ..trade(0, NOON) };
    let ether =
        [whole, part(10, "1"), part(11, "2"), part(12, "0.500000001"), trade(15, NOON + SECOND)];
    let ether = ether.map(|it| of("binance", "ETHBTC", it));
    let moved = Trade { source: Source::Rest, time: time(NOON + 2 * SECOND), ..ether[4].clone() };
    keys.push(bucket.put("ether", &[&ether[..], &[moved]].concat()).await);
    let inverse = |id| Trade {
        fill: inverse_fill("31595.5", "670.0").expect("a fill"),
        marks: Marks { block: id == 1, liquidation: Some(Liquidation::Maker) },
        ..of("deribit", "BTC-PERPETUAL", trade(id, NOON + id as i64 * SECOND))
    };
    keys.push(bucket.put("inverse", &(1..=30).map(inverse).collect::<Vec<_>>()).await);
    let opaque = |id: u64| Trade {
        ids: Ids::opaque(&format!("{:08x}-a", id * 7_919)).expect("an id"),
        ..of("bybit", "BTCUSDT", trade(id, NOON + 5 * MINUTE + id as i64 / 2))
    };
    let opaque: Vec<_> = (0..50).map(opaque).collect();
    keys.push(bucket.put("opaque", &opaque).await);
    keys.push(bucket.put("opaque-again", &opaque[10..20]).await);
    keys.iter().map(ToString::to_string).collect()
}

async fn fold(app: &App, keys: &[String]) {
    let failed = aggregate::handle(app, batch(keys.iter().map(String::as_str))).await;
    let failed = failed.expect("a batch never fails whole").batch_item_failures;
    assert!(failed.is_empty(), "{failed:?}");
}

#[tokio::test]
async fn a_day_becomes_a_file_for_each_symbol_and_twice_is_once() {
    let bucket = Bucket::start().await;
    day(&bucket).await;
    bucket.put("next-day", &[trade(9_000, NOON + DAY)]).await;
    bucket.put("day-before", &[trade(1, NOON - DAY)]).await;
    let example: Event =
        serde_json::from_str(include_str!("../events/compact.json")).expect("an event");
    let done = compact(&bucket, example.clone(), NEXT_MORNING).await.expect("compacted");
    assert_eq!(done, outcome(1, 604, 0));
    let written = files(&bucket);
    let of = |symbol| {
        format!("parquet/trades/exchange=binance/symbol={symbol}/date=2026-11-20/trades.parquet")
    };
    let expected = [
        "parquet/days/exchange=binance/date=2026-11-20.json".to_owned(),
        of("BTCUSDT"),
        of("ETHBTC"),
    ];
    assert_eq!(written.keys().cloned().collect::<Vec<_>>(), expected);
    let receipt = receipt(&bucket, "binance");
    let sizes: Vec<_> = receipt.files.values().map(|file| (file.rows, file.trades)).collect();
    assert_eq!((receipt.objects.count, sizes), (121, vec![(600, 600), (2, 4)]));
    // Three of ten lines a minute came twice, and three fills of an aggregate.
    let counts = (receipt.duplicates, receipt.conflicts, receipt.refused, receipt.unreadable);
    assert_eq!(counts, (183, 1, 0, 0));

    let again = compact(&bucket, example.clone(), NEXT_MORNING).await.expect("nothing to do");
    assert_eq!((again, &files(&bucket)), (outcome(0, 0, 1), &written));
    fs::remove_file(bucket.files().join(&expected[0])).expect("removed");
    let anew = compact(&bucket, example, NEXT_MORNING).await.expect("made anew");
    assert_eq!((anew, &files(&bucket)), (outcome(1, 604, 0), &written), "the same bytes");
}

#[tokio::test]
async fn the_schedule_looks_at_the_last_days_of_every_exchange() {
    let bucket = Bucket::start().await;
    day(&bucket).await;
    bucket.put("day-before", &[trade(1, NOON - DAY)]).await;
    bucket.put("long-ago", &[trade(1, NOON - 9 * DAY)]).await;
    bucket.put("today", &[trade(9_000, NOON + DAY)]).await;
    let of_all = || event(None, None);
    let done = compact(&bucket, of_all(), NEXT_MORNING).await.expect("compacted");
    assert_eq!(done, outcome(4, 604 + 30 + 50 + 1, 3 * 7 - 4));
    assert_eq!(compact(&bucket, of_all(), NEXT_MORNING).await.expect("done"), outcome(0, 0, 21));

    // What came late.
    let before = files(&bucket);
    bucket.put("late", &[trade(5, NOON - 60 * MINUTE)]).await;
    let done = compact(&bucket, of_all(), NEXT_MORNING).await.expect("compacted");
    assert_eq!(done, outcome(1, 605, 20));
    let after = files(&bucket);
    let changed: Vec<_> = after.iter().filter(|(key, file)| before[*key] != **file).collect();
    assert_eq!(changed.len(), 2, "a file and its receipt");

    for (day, why) in [
        ("2026-11-21", "day: 2026-11-21 is not over yet"),
        ("20261120", "day: \"20261120\" is no day such as 2026-11-20"),
    ] {
        let refused = compact(&bucket, event(None, Some(day)), NEXT_MORNING).await;
        assert_eq!(refused.expect_err(day).to_string(), why);
    }
    // Until five minutes past midnight its trades may be on their way.
    let midnight = NOON + 12 * 60 * MINUTE;
    for (now, over) in [(midnight + 4 * MINUTE, false), (midnight + 5 * MINUTE, true)] {
        let done = compact(&bucket, event(Some("binance"), Some("2026-11-20")), now).await;
        assert_eq!(done.is_ok(), over);
    }
}

#[tokio::test]
async fn what_is_not_whole_is_said_and_nothing_good_is_lost() {
    let bucket = Bucket::start().await;
    let keys = day(&bucket).await;
    let of_binance = || event(Some("binance"), Some("2026-11-20"));
    let object = bucket.put("astray", &[trade(1, NOON + MINUTE), trade(2, NOON - DAY)]).await;
    let refused = compact(&bucket, of_binance(), NEXT_MORNING).await.expect_err("lines are astray");
    assert_eq!(refused.to_string(), "not compacted, see the log: binance 2026-11-20");
    assert_eq!(files(&bucket).len(), 0, "no part of a day passes for it");
    let database = Database::sqlite().await;
    let app = bucket.app(database.store());
    fold(&app, &[object.to_string()]).await;
    let done = compact(&bucket, of_binance(), NEXT_MORNING).await.expect("they are at home now");
    assert_eq!(done, outcome(1, 605, 0));

    let minute = object.prefix.clone();
    bucket.put_bytes(&minute.object("broken").expect("a key").to_string(), b"no gzip".into()).await;
    bucket.lake().put_lines(&minute, "nonsense", b"nonsense\n").await.expect("written");
    let done = compact(&bucket, of_binance(), NEXT_MORNING).await.expect("compacted");
    let with_broken = receipt(&bucket, "binance");
    assert_eq!(done, outcome(1, 605, 0));
    assert_eq!((with_broken.refused, with_broken.unreadable), (1, 1));

    // The files are not made of less than they were.
    let before = files(&bucket);
    bucket.delete(&keys[0].parse().expect("a key")).await;
    compact(&bucket, of_binance(), NEXT_MORNING).await.expect_err("objects are gone");
    assert_eq!(files(&bucket), before);
}

/// Runs a script over all Parquet files below a folder; what it says is a JSON object a line.
fn read_with(python: &Path, script: &str, folder: &Path) -> Vec<Value> {
    let mut program = Command::new(python);
    let ran = program.args(["-c", script]).arg(folder).output().expect("Python starts");
    let said = String::from_utf8_lossy(&ran.stderr);
    assert!(ran.status.success(), "{said}");
    let lines = String::from_utf8(ran.stdout).expect("UTF-8");
    lines.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

/// Holds what a reader of the files summed of each minute against the rows, all of them.
async fn hold(minutes: Vec<Value>, database: &Database) -> usize {
    let store = database.store();
    let mut rows: BTreeMap<(String, String, i64), Bar> = BTreeMap::new();
    for Series { exchange, symbol } in store.series::<Bar>().await.expect("series") {
        let (from, to, limit) = (Minute::MIN, Minute::MAX, 5_000);
        let range = Range { exchange, symbol, from, to, limit };
        for row in store.bars(&range).await.expect("rows") {
            let minute = row.bar.minute.start().micros() / MINUTE;
            let key = (row.bar.exchange.to_string(), row.bar.symbol.to_string(), minute);
            rows.insert(key, row.bar);
        }
    }
    let held = minutes.len();
    for minute in minutes {
        let text = |field: &str| minute[field].as_str().expect(field).to_owned();
        let number = |field: &str| minute[field].as_i64();
        let decimal = |field: &str| text(field).parse::<Decimal>().expect(field);
        let time = |field: &str| Time::from_micros(number(field).expect(field)).expect(field);
        let key = (text("exchange"), text("symbol"), number("minute").expect("a minute"));
        let row = rows.remove(&key).unwrap_or_else(|| panic!("no row of {key:?}"));
        let id = |field: &str| number(field).map(i64::cast_unsigned);
        let read = Bar {
            open: decimal("open"),
            high: decimal("high"),
            low: decimal("low"),
            close: decimal("close"),
            buy_count: id("buy_count").expect("a count"),
            sell_count: id("sell_count").expect("a count"),
            buy_base_volume: decimal("buy_base_volume"),
            sell_base_volume: decimal("sell_base_volume"),
            buy_quote_volume: decimal("buy_quote_volume"),
            sell_quote_volume: decimal("sell_quote_volume"),
            first_id: id("first_id"),
            last_id: id("last_id"),
            first_time: time("first_time"),
            last_time: time("last_time"),
            ..row.clone()
        };
        assert_eq!(read, row);
    }
    assert_eq!(rows.into_keys().collect::<Vec<_>>(), [], "minutes that are in no file");
    held
}

/// The recorded day and a quarter of XRPETH as objects of an hour's minutes; returns their keys.
async fn recorded(bucket: &Bucket, test: &str) -> Option<Vec<String>> {
    let name = "binance/freqtrade_XRPETH_rest_aggTrades_201910_part1.json.gz";
    let text = captures::capture_text(test, name)?;
    let symbol: Symbol = "XRPETH".parse().expect("a symbol");
    let page = Exchange::Binance.decode_page(&symbol, &text, time(NOON), Source::Rest);
    let mut minutes: BTreeMap<Minute, Vec<Trade>> = BTreeMap::new();
    for record in page.expect("a page") {
        let Found::Trade { trade, .. } = record.outcome.expect("a trade") else { continue };
        minutes.entry(trade.minute()).or_default().push(trade);
    }
    let mut keys = Vec::new();
    for trades in minutes.values() {
        keys.push(bucket.put("recorded", trades).await.to_string());
    }
    Some(keys)
}

const WITH_DUCKDB: &str = include_str!("compact/duckdb.py");
const WITH_PANDAS: &str = include_str!("compact/pandas.py");
const WITH_SPARK: &str = include_str!("compact/spark.py");

fn python(name: &str, packages: &str, test: &str) -> Option<PathBuf> {
    match python::environment(name, packages) {
        Ok(folder) => Some(folder.join("bin/python")),
        Err(why) => {
            skipped(test, &format!("no {packages}: {why}"));
            None
        }
    }
}

/// Compacts a day of everything, and the recorded days where they are; returns the bucket and the
/// database of its rows.
async fn compacted(test: &str) -> (Bucket, Database, usize) {
    let (bucket, database) = (Bucket::start().await, Database::sqlite().await);
    let mut keys = day(&bucket).await;
    let done = compact(&bucket, event(None, Some("2026-11-20")), NEXT_MORNING).await;
    assert_eq!(done.expect("compacted"), outcome(3, 604 + 30 + 50, 0));
    let mut minutes = 60 + 1 + 1 + 1;
    if let Some(recorded) = recorded(&bucket, test).await {
        minutes += recorded.len();
        keys.extend(recorded);
        for day in ["2019-10-11", "2019-10-12"] {
            let done = compact(&bucket, event(Some("binance"), Some(day)), NEXT_MORNING).await;
            assert_eq!(done.expect("compacted").days, 1);
        }
    }
    fold(&bucket.app(database.store()), &keys).await;
    (bucket, database, minutes)
}

#[tokio::test]
async fn duckdb_and_pandas_sum_the_files_to_the_rows() {
    let test = "duckdb_and_pandas_sum_the_files_to_the_rows";
    let readers = [("duckdb", DUCKDB, WITH_DUCKDB), ("pandas", PANDAS, WITH_PANDAS)];
    let found = |(name, packages, script)| Some((packages, python(name, packages, test)?, script));
    let readers: Vec<_> = readers.into_iter().filter_map(found).collect();
    if readers.is_empty() {
        return;
    }
    let (bucket, database, minutes) = compacted(test).await;
    for (packages, python, script) in readers {
        println!("read by {packages}");
        let read = read_with(&python, script, &bucket.files().join("parquet/trades"));
        assert_eq!(hold(read, &database).await, minutes);
    }
}

/// Some 450 MB to load, so only who asks for it has it.
#[tokio::test]
async fn spark_sums_the_files_to_the_rows() {
    let test = "spark_sums_the_files_to_the_rows";
    if env::var_os("TICKFOLD_SPARK").is_none() {
        return skipped(test, "TICKFOLD_SPARK is not set; Spark is some 450 MB and needs Java 17");
    }
    let Some(python) = python("spark", PYSPARK, test) else { return };
    let (bucket, database, minutes) = compacted(test).await;
    let read = read_with(&python, WITH_SPARK, &bucket.files().join("parquet/trades"));
    assert_eq!(hold(read, &database).await, minutes);
}
