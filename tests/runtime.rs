//! The functions' own programs, as Lambda runs them: one after the other asks the Runtime API for
//! events. What the handlers do with them is tested elsewhere, without a process.

use std::sync::Arc;

use lake::{Lake, MinutePrefix};
use market::{Bar, Exchange, Minute};
use serde_json::{Value, json};
use store::Range;
use tests::archive::publish_binance;
use tests::bucket::{BUCKET, Bucket, environment};
use tests::databases::Database;
use tests::moto::Moto;
use tests::queue::{Queue, key};
use tests::rest::RestExchange;
use tests::runtime::{Function, example};
use tests::secrets::{FUNCTION, Secrets};
use tests::trades::{NOON, SECOND, name, symbol, time, trade, trades};

fn with_database(
    mut environment: Vec<(&'static str, String)>,
    database: &Database,
) -> Vec<(&'static str, String)> {
    environment.push(("DATABASE_URL", database.url.clone()));
    environment
}

async fn rows(database: &Database) -> Vec<Bar> {
    let (from, to, limit) = (Minute::MIN, Minute::MAX, 5_000);
    let range = Range { exchange: name("binance"), symbol: symbol("BTCUSDT"), from, to, limit };
    let rows = database.store().bars(&range).await.expect("rows");
    rows.into_iter().map(|row| row.bar).collect()
}

#[tokio::test]
async fn aggregate_folds_what_its_events_name_and_outlives_a_bad_one() {
    let (database, bucket) = (Database::postgres().await, Bucket::start().await);
    let minute = MinutePrefix::raw_trades(name("binance"), time(NOON).minute());
    let object = include_bytes!("../events/trades.ndjson");
    bucket.lake().put_lines(&minute, "20261120T120115-0a1b", object).await.expect("written");
    let environment = with_database(bucket.environment(), &database);
    let mut function = Function::start("aggregate", &environment).await.expect("it starts");

    let batch = example(include_str!("../events/aggregate.json"));
    let answer = function.invoke(&batch).await;
    let failed = json!({ "batchItemFailures": [{ "itemIdentifier": "not-json" }] });
    assert_eq!(answer, Ok(failed), "{}", function.log());
    let folded = rows(&database).await;
    let bar = &folded[0];
    assert_eq!((folded.len(), bar.trade_count, bar.missing_count), (1, 16, Some(0)));

    for bad in [json!({ "hello": 1 }), json!({ "Event": "s3:Else" })] {
        let error = function.invoke(&bad).await.expect_err("no event of its own");
        assert!(error["errorMessage"].is_string(), "{error}");
    }
    let bare = example(include_str!("../events/aggregate-s3.json"));
    assert_eq!(function.invoke(&bare).await, Ok(json!({ "batchItemFailures": [] })));
    assert_eq!(rows(&database).await, folded);

    let unknown = bare.to_string().replace("tickfold", "elsewhere");
    let error = function.invoke(&example(&unknown)).await.expect_err("not its bucket");
    let expected = "the event is of bucket \"elsewhere\", but BUCKET is \"tickfold\"";
    assert_eq!(error["errorMessage"], expected);
}

#[tokio::test]
async fn backfill_fills_in_the_day_that_a_message_names() {
    let bucket = Bucket::start().await;
    let server = RestExchange::start(Exchange::Binance, vec![]).await;
    // Noon of the example's day, which is over by every clock.
    let noon = 1_732_104_000_000_000;
    let day: Vec<_> = (0..300).map(|at| trade(100 + at, noon + at as i64 * SECOND)).collect();
    publish_binance(&server, "2024-11-20".parse().expect("a day"), &day);
    let mut environment = bucket.environment();
    for place in ["BINANCE_REST_URL", "BINANCE_ARCHIVE_URL"] {
        environment.push((place, server.url().to_owned()));
    }
    let mut function = Function::start("backfill", &environment).await.expect("it starts");
    let event = example(include_str!("../events/backfill.json"));
    let failed = json!({ "batchItemFailures": [{ "itemIdentifier": "not-json" }] });
    for _ in 0..2 {
        assert_eq!(function.invoke(&event).await, Ok(failed.clone()), "{}", function.log());
        assert_eq!(bucket.below("raw").len(), 5, "five minutes, twice is once");
    }
    assert!(function.log().contains("the body names no exchange, symbol and day"));
}

#[tokio::test]
async fn land_writes_a_batch_of_the_stream_to_its_minutes() {
    let bucket = Bucket::start().await;
    let mut function = Function::start("land", &bucket.environment()).await.expect("it starts");
    let batch = example(include_str!("../events/land.json"));
    let answer = function.invoke(&batch).await;
    assert_eq!(answer, Ok(json!({ "batchItemFailures": [] })), "{}", function.log());
    let counts = |folder| -> Vec<_> {
        bucket.below(folder).values().map(|text| text.lines().count()).collect()
    };
    assert_eq!((counts("raw"), counts("dead")), (vec![2, 2], vec![1]));

    let error = function.invoke(&json!({ "hello": 1 })).await.expect_err("no batch");
    assert!(error["errorMessage"].is_string(), "{error}");
    let again = function.invoke(&batch).await;
    assert_eq!(again, Ok(json!({ "batchItemFailures": [] })), "it outlives that");
}

#[tokio::test]
async fn compact_makes_a_day_into_parquet() {
    let bucket = Bucket::start().await;
    let minute = MinutePrefix::raw_trades(name("binance"), time(NOON).minute());
    let object = include_bytes!("../events/trades.ndjson");
    bucket.lake().put_lines(&minute, "20261120T120115-0a1b", object).await.expect("written");
    let mut function = Function::start("compact", &bucket.environment()).await.expect("it starts");
    let event = example(include_str!("../events/compact.json"));
    let done = json!({ "days": 1, "trades": 16, "unchanged": 0 });
    assert_eq!(function.invoke(&event).await, Ok(done), "{}", function.log());
    let nothing = json!({ "days": 0, "trades": 0, "unchanged": 1 });
    assert_eq!(function.invoke(&event).await, Ok(nothing));
    let folder = "parquet/trades/exchange=binance/symbol=BTCUSDT/date=2026-11-20";
    let file = std::fs::read(bucket.files().join(folder).join("trades.parquet")).expect("a file");
    assert!(file.starts_with(b"PAR1") && file.ends_with(b"PAR1"));
    for bad in [json!({ "hello": 1 }), json!({ "day": "yesterday" })] {
        let error = function.invoke(&bad).await.expect_err("no event of its own");
        assert!(error["errorMessage"].is_string(), "{error}");
    }
}

#[tokio::test]
async fn query_answers_the_gateway() {
    let database = Database::postgres().await;
    let bars = market::fold(trades(1, 20, 10)).expect("small sums");
    let bars: Vec<Bar> = bars.into_iter().map(|bar| Bar { object_count: 1, ..bar }).collect();
    database.store().put_newer(&bars).await.expect("written");
    let environment = with_database(Vec::new(), &database);
    let mut function = Function::start("query", &environment).await.expect("it starts");
    let event = example(include_str!("../events/query.json"));

    let answer = function.invoke(&event).await.expect("an answer");
    assert_eq!((&answer["statusCode"], &answer["isBase64Encoded"]), (&200.into(), &false.into()));
    assert_eq!(answer["headers"]["content-type"], "application/json");
    let page = example(answer["body"].as_str().expect("text"));
    assert_eq!(page["bars"].as_array().map(Vec::len), Some(10), "{page}");
    assert_eq!(page["bars"][0]["minute"], "2026-11-20T12:00:00Z");

    let answer = function.invoke(&request(&event, "/v1/bars", "symbol=BTCUSDT")).await;
    let answer = answer.expect("an answer, not an error of the function");
    assert_eq!(answer["statusCode"], 400);
    assert_eq!(answer["headers"]["content-type"], "application/problem+json");
    let problem = example(answer["body"].as_str().expect("text"));
    assert_eq!(problem["parameter"], "exchange", "{problem}");

    for (path, kind, part) in [
        ("/", "text/html; charset=utf-8", "<main"),
        ("/page.css", "text/css", "{"),
        ("/page.js", "text/javascript", "v1/symbols"),
    ] {
        let answer = function.invoke(&request(&event, path, "")).await.expect("an answer");
        assert_eq!(
            (&answer["statusCode"], &answer["isBase64Encoded"]),
            (&200.into(), &false.into())
        );
        assert_eq!(answer["headers"]["content-type"], kind);
        assert!(answer["body"].as_str().expect("text").contains(part), "{path}");
    }
}

/// Another request, of the shape of the example.
fn request(event: &Value, path: &str, query: &str) -> Value {
    let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    let pairs: serde_json::Map<_, _> =
        pairs.map(|(name, value)| (name.to_owned(), value.into())).collect();
    let mut event = event.clone();
    event["rawPath"] = path.into();
    event["rawQueryString"] = query.into();
    event["queryStringParameters"] = pairs.into();
    event["requestContext"]["http"]["path"] = path.into();
    event
}

#[tokio::test]
async fn repair_asks_its_other_half_and_has_folded_what_that_does_not_know() {
    let Some(moto) = Moto::start("repair").map(Arc::new) else { return };
    let database = Database::postgres().await;
    let environment = with_database(Vec::new(), &database);
    let mut inside = Function::start("repair", &environment).await.expect("it starts");
    let question = example(include_str!("../events/repair-question.json"));
    let nothing = json!({ "trades": [], "books": [] });
    assert_eq!(inside.invoke(&question).await, Ok(nothing), "{}", inside.log());
    let event = example(include_str!("../events/repair.json"));
    let refused = inside.invoke(&event).await.expect_err("that is for the other half");
    let why = refused["errorMessage"].as_str().expect("a text");
    assert!(why.starts_with("the half inside answers questions, such as "), "{why}");

    moto.s3().create_bucket().bucket(BUCKET).send().await.expect("a bucket");
    let queue = Queue::create(&moto, "aggregate", json!({})).await;
    let minute = MinutePrefix::raw_trades(name("binance"), time(NOON).minute());
    let object = include_bytes!("../events/trades.ndjson");
    let lake = Lake::new(moto.s3(), BUCKET);
    lake.put_lines(&minute, "20261120T120115-0a1b", object).await.expect("written");
    let lambda = Secrets::start(String::new(), inside).await;
    let mut environment = lambda.environment_of_lambda();
    environment.extend([
        ("REPAIR_FUNCTION", FUNCTION.to_owned()),
        ("BUCKET", BUCKET.to_owned()),
        ("S3_PATH_STYLE", "true".to_owned()),
        ("QUEUE_URL", queue.url.clone()),
        ("AWS_ENDPOINT_URL_S3", moto.endpoint().to_owned()),
        ("AWS_ENDPOINT_URL_SQS", moto.endpoint().to_owned()),
    ]);
    let mut outside = Function::start("repair", &environment).await.expect("it starts");
    let answer = outside.invoke(&event).await;
    let expected = json!({ "refolded": 1, "tried": 0, "written": 0, "unfillable": 0, "open": 0 });
    assert_eq!(answer, Ok(expected), "{} {}", outside.log(), lambda.log().await);
    let told = queue.receive().await;
    let key = key(told[0]["Body"].as_str().expect("text"));
    assert!(told.len() == 1 && key.starts_with(&minute.to_string()), "{told:?}");

    for bad in [json!({ "from": "yesterday" }), json!({ "minutes": -1 })] {
        let error = outside.invoke(&bad).await.expect_err("no event of its own");
        assert!(error["errorMessage"].is_string(), "{error}");
    }
    let both = [("DATABASE_URL", database.url.clone()), ("REPAIR_FUNCTION", FUNCTION.into())];
    for wrong in [&both[..], &[]] {
        let refused = Function::start("repair", wrong).await.err().expect("it ends");
        let said = "set DATABASE_URL, or REPAIR_FUNCTION, and not both";
        assert!(!refused.status.success() && refused.log.contains(said), "{}", refused.log);
    }
    for gone in ["BUCKET", "QUEUE_URL"] {
        let rest: Vec<_> = environment.iter().filter(|(name, _)| *name != gone).cloned().collect();
        let refused = Function::start("repair", &rest).await.err().expect("it ends");
        assert!(refused.log.contains(&format!("{gone} is not set")), "{}", refused.log);
    }
}

#[tokio::test]
async fn a_function_without_its_environment_refuses_to_start() {
    let nowhere = environment("http://127.0.0.1:1", "key", "secret");
    let mut all = nowhere.clone();
    all.push(("DATABASE_URL", "postgres://postgres@127.0.0.1:1/db".into()));
    for (function, wanted) in [
        ("aggregate", &["BUCKET", "DATABASE_URL"][..]),
        ("backfill", &["BUCKET"]),
        ("compact", &["BUCKET"]),
        ("land", &["BUCKET"]),
        ("query", &["DATABASE_URL"]),
    ] {
        for variable in wanted {
            let rest: Vec<_> = all.iter().filter(|(name, _)| name != variable).cloned().collect();
            let refused = Function::start(function, &rest).await.err().expect("it ends");
            assert!(!refused.status.success(), "{function} without {variable}");
            let said = format!("{variable} is not set");
            assert!(refused.log.contains(&said), "{function}: {}", refused.log);
        }
    }
    for some in [&["DATABASE_URL", "MIGRATE_SECRET"][..], &["MIGRATE_FUNCTION"], &[]] {
        let some: Vec<_> = some.iter().map(|name| (*name, "postgres://db/bars".into())).collect();
        let refused = Function::start("migrate", &some).await.err().expect("it ends");
        let said = "set DATABASE_URL, or MIGRATE_SECRET and MIGRATE_FUNCTION";
        assert!(!refused.status.success() && refused.log.contains(said), "{}", refused.log);
    }
    let url = ("DATABASE_URL", "postgres://db/bars".to_owned());
    for some in [&[url, ("AUDIT_FUNCTION", FUNCTION.to_owned())][..], &[]] {
        let refused = Function::start("audit", some).await.err().expect("it ends");
        let said = "set DATABASE_URL, or AUDIT_FUNCTION, and not both";
        assert!(!refused.status.success() && refused.log.contains(said), "{}", refused.log);
    }
    for function in ["aggregate", "query"] {
        let mut wrong = all.clone();
        wrong.push(("DATABASE_URL", "oracle://db".into()));
        let refused = Function::start(function, &wrong).await.err().expect("it ends");
        assert!(!refused.status.success() && refused.log.contains("oracle"), "{}", refused.log);
    }
    let mut wrong = all.clone();
    wrong.push(("S3_PATH_STYLE", "perhaps".into()));
    for function in ["aggregate", "backfill", "compact", "land"] {
        let refused = Function::start(function, &wrong).await.err().expect("it ends");
        let said = "S3_PATH_STYLE is neither true nor false";
        assert!(refused.log.contains(said), "{function}: {}", refused.log);
    }
    // Its database and its bucket are another matter: they may be there in a moment.
    for function in ["aggregate", "backfill", "compact", "land", "query"] {
        Function::start(function, &all).await.expect("it starts");
    }
}
