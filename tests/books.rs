//! Lines of order books all the way: an object of them, or a stream's batch -> the real `aggregate`
//! over a real S3 server -> rows in each database; what is refused, astray or too large included.

use aggregate::{App, handle};
use lake::{Kind, MinutePrefix};
use market::book::{Form, Interval, Level, Proof};
use market::{BookBar, BookLine, BookUpdate, Decimal, Exchange, Minute, Recorder};
use serde_json::{Value, json};
use store::Range;
use tests::books::{book_bars, book_line, book_lines};
use tests::bucket::{BUCKET, Bucket, batch, notification};
use tests::databases::Database;
use tests::runtime::Function;
use tests::stream;
use tests::trades::{MINUTE, NOON, SECOND, lines, name, symbol, time, trade, trades};

/// The ids of the messages to deliver again, of an event of these objects.
async fn failures(app: &App, keys: &[&str]) -> Vec<String> {
    let response = handle(app, batch(keys.iter().copied())).await;
    let failed = response.expect("a batch never fails whole").batch_item_failures;
    failed.into_iter().map(|it| it.item_identifier).collect()
}

async fn rows(app: &App, exchange: &str, of: &str) -> Vec<BookBar> {
    let (exchange, symbol) = (name(exchange), symbol(of));
    let range = Range { exchange, symbol, from: Minute::MIN, to: Minute::MAX, limit: 5_000 };
    app.store.rows(&range).await.expect("rows").into_iter().map(|row| row.bar).collect()
}

fn noon() -> MinutePrefix {
    MinutePrefix::raw(Kind::Books, name("binance"), time(NOON).minute())
}

#[tokio::test]
async fn a_minutes_objects_become_its_row_beside_that_of_its_trades() {
    for database in Database::all().await {
        let bucket = Bucket::start().await;
        let app = bucket.app(database.store());
        let all = book_lines(60, 1);
        let one = bucket.put("one", &all[..40]).await.to_string();
        let expected = "raw/books/exchange=binance/date=2026-11-20/minute=1200/one.ndjson.gz";
        assert_eq!(one, expected);
        assert_eq!(failures(&app, &[&one]).await, [""; 0]);
        assert_eq!(rows(&app, "binance", "BTCUSDT").await, book_bars(all[..40].to_vec(), 1));
        let two = bucket.put("two", &all[40..]).await.to_string();
        let beside = bucket.put("one", &trades(1, 10, 1)).await.to_string();
        assert_eq!(failures(&app, &[&two, &beside, &one]).await, [""; 0], "{}", database.name);
        let whole = book_bars(all, 2);
        assert_eq!(rows(&app, "binance", "BTCUSDT").await, whole, "{}", database.name);
        assert_eq!((whole[0].line_count, whole[0].quoted_micros), (60, 60_000_000));
        let range = Range {
            exchange: name("binance"),
            symbol: symbol("BTCUSDT"),
            from: Minute::MIN,
            to: Minute::MAX,
            limit: 10,
        };
        let bars = app.store.bars(&range).await.expect("rows");
        assert_eq!((bars.len(), bars[0].bar.trade_count, bars[0].bar.object_count), (1, 10, 1));
    }
}

#[tokio::test]
async fn a_line_counts_in_its_own_minute_whatever_object_carries_it() {
    for database in Database::all().await {
        let bucket = Bucket::start().await;
        let app = bucket.app(database.store());
        let mut all: Vec<_> =
            [NOON, NOON + MINUTE - SECOND, NOON + MINUTE, NOON].map(book_line).into();
        all[3].exchange = name("kraken");
        let key = bucket.put("all-in-one", &all).await.to_string();
        for _ in 0..2 {
            assert_eq!(failures(&app, &[&key]).await, [""; 0]);
            let expected = book_bars(all[..3].to_vec(), 1);
            assert_eq!(rows(&app, "binance", "BTCUSDT").await, expected, "{}", database.name);
            let kraken = rows(&app, "kraken", "BTCUSDT").await;
            assert_eq!(kraken, book_bars(all[3..].to_vec(), 1), "{}", database.name);
        }
        let strays = bucket.below("quarantine/strays/books");
        assert_eq!(strays.len(), 2, "{strays:?}");
        assert!(strays.values().all(|text| text.lines().count() == 1));
    }
}

#[tokio::test]
async fn a_refused_line_is_kept_and_counted_and_the_others_are_folded() {
    for database in Database::all().await {
        let bucket = Bucket::start().await;
        let app = bucket.app(database.store());
        let mut other = book_line(NOON + 5 * SECOND);
        other.symbol = symbol("ETHUSDT");
        let good = lines(&[book_line(NOON), book_line(NOON + SECOND), other.clone()]);
        let crossed = book_line(NOON + 2 * SECOND).to_string().replace("\"42999.00\"", "\"44000\"");
        let elsewhere = trade(4, NOON + MINUTE).to_string();
        let text = format!("{good}{crossed}\nnonsense\n{elsewhere}\n");
        let key = bucket.lake().put_lines(&noon(), "mixed", text.as_bytes()).await;
        let key = key.expect("written").to_string();
        for _ in 0..2 {
            assert_eq!(failures(&app, &[&key]).await, [""; 0]);
        }
        // Nonsense may have been anybody's; the trade tells another minute.
        let counts = async |of: &str| {
            let row = rows(&app, "binance", of).await.remove(0);
            (row.line_count, row.quarantined_count)
        };
        assert_eq!(counts("BTCUSDT").await, (2, 2), "{}", database.name);
        assert_eq!(counts("ETHUSDT").await, (1, 1), "{}", database.name);
        let kept = bucket.below("quarantine/lines/books");
        assert_eq!(kept.len(), 1, "twice is once");
        let records = kept.values().flat_map(|text| text.lines());
        let records: Vec<Value> =
            records.map(|line| serde_json::from_str(line).expect("JSON")).collect();
        assert_eq!((&records[0]["object"], &records[0]["line"]), (&json!(key), &json!(crossed)));
        assert_eq!(records[0]["offset"], good.len());
        let reasons = records.iter().map(|record| record["reason"].as_str().expect("a reason"));
        let reasons: Vec<_> = reasons.collect();
        assert_eq!(reasons[0], "bids and asks: 44000 is not in its order");
        assert!(reasons[2].contains("missing field `interval`"), "{}", reasons[2]);
    }
}

#[tokio::test]
async fn an_unreadable_object_fails_its_own_message_and_marks_the_rows() {
    let database = Database::sqlite().await;
    let bucket = Bucket::start().await;
    let app = bucket.app(database.store());
    let good = bucket.put("good", &book_lines(20, 1)).await.to_string();
    let broken = noon().object("broken").expect("a key").to_string();
    let whole = std::fs::read(bucket.files().join(&good)).expect("the object");
    bucket.put_bytes(&broken, whole[..whole.len() - 9].to_vec()).await;
    assert_eq!(failures(&app, &[&good, &broken]).await, ["m1"]);
    let row = rows(&app, "binance", "BTCUSDT").await.remove(0);
    assert_eq!((row.line_count, row.object_count, row.quarantined_count), (20, 2, 1));
}

#[tokio::test]
async fn a_sum_that_does_not_fit_marks_its_row_and_holds_up_no_other() {
    let database = Database::sqlite().await;
    let bucket = Bucket::start().await;
    let app = bucket.app(database.store());
    let first = [book_line(NOON), BookLine { symbol: symbol("ETHUSDT"), ..book_line(NOON) }];
    let one = bucket.put("one", &first).await.to_string();
    assert_eq!(failures(&app, &[&one]).await, [""; 0]);
    let most = "99999999999999999999".parse::<Decimal>().expect("20 digits");
    let huge = |second| BookLine { spread_seconds: most, ..book_line(NOON + second * SECOND) };
    let more = BookLine { symbol: symbol("ETHUSDT"), ..book_line(NOON + SECOND) };
    let two = bucket.put("two", &[huge(1), huge(2), more]).await.to_string();
    assert_eq!(failures(&app, &[&two]).await, ["m0"]);
    let before = book_bars([book_line(NOON)], 2).remove(0);
    let marked = BookBar { quarantined_count: 1, ..before };
    assert_eq!(rows(&app, "binance", "BTCUSDT").await, [marked], "no wrong row");
    assert_eq!(rows(&app, "binance", "ETHUSDT").await[0].line_count, 2);
}

/// What ingest's recorder makes of a moving book, through Kinesis and `land`.
#[tokio::test]
async fn what_a_recorder_writes_comes_through_a_stream_to_its_rows() {
    let recorded = recorded();
    assert!(recorded.len() > 60, "{} lines", recorded.len());
    let record = |(number, line): (usize, &BookLine)| {
        let number = (100 + number).to_string();
        stream::record("shardId-000000000006", &number, line.to_string().as_bytes())
    };
    let records: Vec<Value> = recorded.iter().enumerate().map(record).collect();
    for database in Database::all().await {
        let bucket = Bucket::start().await;
        let app = bucket.app(database.store());
        land::handle(&bucket.lake(), stream::batch(&records)).await.expect("landed");
        let objects = bucket.below("raw");
        assert!(objects.keys().all(|key| key.starts_with("raw/books/exchange=binance/")));
        let keys: Vec<&str> = objects.keys().map(String::as_str).collect();
        assert_eq!((keys.len(), failures(&app, &keys).await.len()), (2, 0));
        let expected = book_bars(recorded.clone(), 1);
        assert_eq!(rows(&app, "binance", "BTCUSDT").await, expected, "{}", database.name);
        assert!(expected[0].quoted_micros > 59_000_000, "{}", expected[0].quoted_micros);
    }
}

/// Two minutes of a book that changes every 0.7 s.
fn recorded() -> Vec<BookLine> {
    let symbol = symbol("BTCUSDT");
    let mut recorder = Recorder::new(Exchange::Binance, symbol.clone(), Interval::SECOND);
    let mut lines = Vec::new();
    for id in 0..170 {
        let time = time(NOON + id * 700_000);
        let level = |price: i64, size: i64| {
            Level::read(&format!("{price}.5"), &format!("0.{size}1")).expect("a level")
        };
        let update = BookUpdate {
            symbol: symbol.clone(),
            time,
            received: time,
            form: Form::Image,
            proof: Proof::Range { first: id as u64, last: id as u64 },
            bids: vec![level(43_000 + id % 5, id % 9), level(42_900, 7)],
            asks: vec![level(43_006 + id % 7, id % 8)],
            inverse: false,
        };
        recorder.apply(update, &mut lines).expect("it continues");
    }
    recorder.advance(time(NOON + 2 * MINUTE), &mut lines).expect("small sums");
    lines
}

/// The figures count rows of books, and tell no age of them: a book that moves must not hide that
/// trades have stopped.
#[tokio::test]
async fn the_figures_tell_of_books_without_an_age() {
    let (database, bucket) = (Database::postgres().await, Bucket::start().await);
    let text = lines(&book_lines(20, 1)) + "nonsense\n";
    let key = bucket.lake().put_lines(&noon(), "one", text.as_bytes()).await.expect("written");
    let mut environment = bucket.environment();
    environment.push(("DATABASE_URL", database.url.clone()));
    environment.push(("AWS_LAMBDA_LOG_FORMAT", "JSON".to_owned()));
    let mut function = Function::start("aggregate", &environment).await.expect("it starts");
    let event = notification(BUCKET, &key.to_string());
    assert_eq!(function.invoke(&event).await, Ok(json!({ "batchItemFailures": [] })));
    let log = function.log();
    let told = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let told = told.map(|line| line["fields"].clone()).find(|it| it["figures"] == "folded");
    let told = told.unwrap_or_else(|| panic!("{log}"));
    assert_eq!(
        (&told["rows"], &told["missing"], &told["quarantined"]),
        (&1.into(), &0.into(), &1.into())
    );
    assert!(told["age_seconds"].is_null(), "{told}");
}
