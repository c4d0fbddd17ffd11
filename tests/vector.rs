//! Vector's configuration, held against the code that reads what it writes: its VRL is run, its
//! folders are parsed, its settings are named with what would be lost; starts no broker.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::Command;

use chrono::{DateTime, Utc};
use lake::{Kind, MinutePrefix, ObjectKey};
use market::{ExchangeName, Minute, Time};
use proptest::prelude::*;
use proptest::test_runner::Config;
use serde_json::{Value as Json, json};
use tests::books::book_line;
use tickfold::demo::batcher;
use vrl::compiler::runtime::Runtime;
use vrl::compiler::{Program, TargetValue, TimeZone};
use vrl::value::{KeyString, ObjectMap, Secrets, Value};

#[path = "vector/settings.rs"]
mod settings;

const LINE: &str = r#"{"exchange":"binance","symbol":"BTCUSDT","time":1700000039999999,"side":"buy","price":"43000.01000000","size":"0.00000001","first_id":100,"last_id":105,"received":1700000040123456,"source":"ws"}"#;
const TRADES: &str = "binance.trades";
const CASES: u32 = 256;

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../vector").join(name)
}

fn text(name: &str) -> String {
    std::fs::read_to_string(file(name)).expect("the file is in vector/")
}

fn yaml(name: &str) -> Json {
    serde_saphyr::from_str(&text(name)).expect("YAML")
}

/// A VRL program as Vector runs it: on an event, with all functions of the language.
struct Vrl(Program);

impl Vrl {
    fn new(source: &str) -> Vrl {
        let compiled = vrl::compiler::compile(source, &vrl::stdlib::all());
        let compiled = compiled.unwrap_or_else(|errors| panic!("{errors:?}\n{source}"));
        assert!(compiled.warnings.is_empty(), "{:?}\n{source}", compiled.warnings);
        Vrl(compiled.program)
    }

    /// The program of one of the transforms in vector.yaml.
    fn of(transform: &str) -> Vrl {
        let config = yaml("vector.yaml");
        Vrl::new(config["transforms"][transform]["source"].as_str().expect("a program"))
    }

    /// The event as the program leaves it, or why it ends before.
    fn run(&self, event: ObjectMap) -> Result<ObjectMap, String> {
        let mut event = TargetValue {
            value: Value::Object(event),
            metadata: Value::Object(ObjectMap::new()),
            secrets: Secrets::default(),
        };
        // Not UTC: a minute that depends on the machine's zone would show.
        let zone = TimeZone::parse("Asia/Kolkata").expect("a zone");
        let ended = Runtime::default().resolve(&mut event, &self.0, &zone);
        ended.map_err(|why| why.to_string())?;
        Ok(event.value.into_object().expect("an event is an object"))
    }

    /// The folder that a line of a topic gets below `raw/`, if `place` lets it through.
    fn folder(&self, topic: &str, line: &[u8]) -> Result<String, String> {
        let event = self.run(event(topic, line))?;
        assert_eq!(event.len(), 2, "only what is written takes memory in an open batch: {event:?}");
        let message = event["message"].as_bytes().expect("bytes");
        assert_eq!(message.as_ref(), line, "the bytes of a line are the exchange's record");
        Ok(event["folder"].to_str_lossy().expect("text").into_owned())
    }
}

/// A message as Vector's Kafka source hands it on.
fn event(topic: &str, line: &[u8]) -> ObjectMap {
    let field = |name: &str, value: Value| (KeyString::from(name), value);
    ObjectMap::from([
        field("message", line.into()),
        field("topic", topic.into()),
        field("partition", 3.into()),
        field("offset", 12_345.into()),
        field("source_type", "kafka".into()),
        field("timestamp", Utc::now().into()),
    ])
}

/// `key_prefix` of the objects, as Vector renders it.
fn key_prefix(folder: &str) -> String {
    let config = yaml("vector.yaml");
    let template = config["sinks"]["minutes"]["key_prefix"].as_str().expect("a template");
    let rendered = template.replace("{{ folder }}", folder);
    assert!(!rendered.contains(['{', '%']), "{template} is rendered whole");
    rendered
}

fn line(exchange: &str, time: impl std::fmt::Display) -> String {
    let line = LINE.replace("\"binance\"", &format!("\"{exchange}\""));
    line.replace("1700000039999999", &time.to_string())
}

fn now() -> i64 {
    DateTime::timestamp_micros(&Utc::now())
}

/// The line is in the folder that lake reads as its exchange's and minute's, and the demo's writer
/// of objects says the same.
fn check_placed(place: &Vrl, exchange: &str, time: i64) {
    let line = line(exchange, time);
    let folder = place.folder(&format!("{exchange}.trades"), line.as_bytes());
    let prefix = key_prefix(&folder.unwrap_or_else(|why| panic!("{line}: {why}")));
    let exchange = exchange.parse::<ExchangeName>().expect("an exchange");
    let minute = Time::from_micros(time).expect("a time").minute();
    let key = format!("{prefix}20261120T120130-0a1b2c3d-0000-4000-8000-000000000000.ndjson.gz");
    let key = key.parse::<ObjectKey>().unwrap_or_else(|why| panic!("{line}: {why}"));
    assert_eq!(key.prefix, MinutePrefix::raw_trades(exchange.clone(), minute), "{line}");
    assert_eq!(batcher::place(line.as_bytes()), Ok((exchange, minute)), "{line}");
}

#[test]
fn a_line_lies_in_its_own_minute_of_its_own_exchange() {
    let place = Vrl::of("place");
    for (exchange, time, minute) in [
        ("binance", 1_700_000_039_999_999, "date=2023-11-14/minute=2213/"),
        ("binance", 1_700_000_040_000_000, "date=2023-11-14/minute=2214/"),
        ("bybit_spot-2", 1_700_006_399_999_999, "date=2023-11-14/minute=2359/"),
        ("0", 1_700_006_400_000_000, "date=2023-11-15/minute=0000/"),
        ("a23456789_123456789-123456789_12", 1_709_164_800_000_000, "date=2024-02-29/minute=0000/"),
        ("_-", Minute::MIN.start().micros(), "date=2009-01-03/minute=0000/"),
    ] {
        check_placed(&place, exchange, time);
        let folder = place.folder(TRADES, line(exchange, time).as_bytes());
        let expected = format!("raw/trades/exchange={exchange}/{minute}");
        assert_eq!(key_prefix(&folder.expect("placed")), expected);
    }
    check_placed(&place, "binance", now());
    check_placed(&place, "binance", now() + 295_000_000);
}

#[test]
fn any_exchange_and_any_time_give_a_folder_that_lake_reads() {
    let place = Vrl::of("place");
    let times = Minute::MIN.start().micros()..now();
    let config = Config { failure_persistence: None, ..Config::with_cases(CASES) };
    proptest!(config, |(exchange in "[a-z0-9_-]{1,32}", time in times)| {
        check_placed(&place, &exchange, time);
    });
}

#[test]
fn books_follow_by_the_same_template() {
    let line = book_line(1_700_000_039_000_000);
    let folder = Vrl::of("place").folder("binance.books", line.to_string().as_bytes());
    let folder = folder.expect("placed");
    let key = format!("{}name.ndjson.gz", key_prefix(&folder));
    let key = key.parse::<ObjectKey>().expect("lake reads it");
    let (exchange, minute) = (line.exchange.clone(), line.minute());
    assert_eq!(key.prefix, MinutePrefix::raw(Kind::Books, exchange, minute));
    assert_eq!(folder, "books/exchange=binance/date=2023-11-14/minute=2213");
}

#[test]
fn what_is_in_no_folder_is_refused_here_and_in_the_demo() {
    let place = Vrl::of("place");
    let missing = |field: &str| LINE.replacen(field, "other", 1);
    for (line, why) in [
        (line("Binance", 1_700_000_039_999_999_i64), "exchange"),
        (line("../dead", 1_700_000_039_999_999_i64), "exchange"),
        (line("a/b", 1_700_000_039_999_999_i64), "exchange"),
        (line("a\\n", 1_700_000_039_999_999_i64), "exchange"),
        (line("", 1_700_000_039_999_999_i64), "exchange"),
        (line(&"a".repeat(33), 1_700_000_039_999_999_i64), "exchange"),
        (LINE.replace("\"binance\"", "7"), "expected string"),
        (missing("exchange"), "expected string"),
        (missing("time"), "expected integer"),
        (line("binance", "\"1700000039999999\""), "expected integer"),
        (line("binance", "1700000039999999.0"), "expected integer"),
        (line("binance", "null"), "expected integer"),
        (line("binance", "99999999999999999999"), "expected integer"),
        (line("binance", 1_700_000_039_i64), "time"),
        (line("binance", 1_700_000_039_999_i64), "time"),
        (line("binance", 1_700_000_039_999_999_000_i64), "time"),
        (line("binance", -1), "time"),
        (line("binance", Minute::MIN.start().micros() - 1), "time"),
        (line("binance", Minute::MAX.end().micros()), "time"),
        (LINE.replace(",\"symbol\"", ",\n\"symbol\""), "line break"),
        (format!("{LINE}\n"), "line break"),
        (format!("{LINE}{LINE}"), "parse json"),
        (LINE[..LINE.len() - 1].to_owned(), "parse json"),
        ("nonsense".to_owned(), "parse json"),
        (String::new(), "parse json"),
        ("[]".to_owned(), "expected object"),
        ("null".to_owned(), "expected object"),
    ] {
        let refused = place.folder(TRADES, line.as_bytes()).expect_err(&line);
        assert!(refused.contains(why), "{line}: {refused}");
        assert!(batcher::place(line.as_bytes()).is_err(), "the demo takes {line}");
    }
}

/// The demo has one topic, and a clock that is its exchange's own.
#[test]
fn another_topic_and_the_future_are_refused_here_only() {
    let place = Vrl::of("place");
    for topic in
        ["binance.candles", "trades", "binance.trades.old", "Binance.trades", ".trades", ""]
    {
        assert!(place.folder(topic, LINE.as_bytes()).is_err(), "{topic:?}");
    }
    for ahead in [305_000_000, 86_400_000_000] {
        let refused = place.folder(TRADES, line("binance", now() + ahead).as_bytes());
        assert!(refused.expect_err("the future").contains("future"));
    }
}

#[test]
fn refused_lines_keep_their_bytes_where_lake_does_not_read() {
    let burial = Vrl::of("burial");
    for bytes in [&b"nonsense"[..], b"", b"\xff\xfe{}", b"two\nlines"] {
        let kept = burial.run(event(TRADES, bytes)).expect("kept");
        let decoded = Vrl::new(". = {\"bytes\": decode_base64!(.base64)}").run(kept.clone());
        assert_eq!(decoded.expect("base64")["bytes"], Value::from(bytes));
        assert_eq!(kept["offset"], Value::from(12_345), "it can be found in Kafka");
    }
    let config = yaml("vector.yaml");
    let prefix = config["sinks"]["dead"]["key_prefix"].as_str().expect("a prefix");
    let key = format!("{}name.ndjson.gz", prefix.replace("%Y-%m-%d", "2026-11-20"));
    assert_eq!(key, "dead/date=2026-11-20/name.ndjson.gz");
    assert!(key.parse::<ObjectKey>().is_err(), "no refused line is folded");
}

/// The cases of tests.yaml, with the language itself in the place of Vector.
#[test]
fn vectors_own_unit_tests_hold() {
    let place = Vrl::of("place");
    let tests = yaml("tests.yaml");
    let cases = tests["tests"].as_array().expect("tests");
    assert!(cases.len() >= 10, "the cases are read");
    for case in cases {
        let name = case["name"].as_str().expect("a name");
        let [input] = &case["inputs"].as_array().expect("inputs")[..] else { panic!("{name}") };
        assert_eq!(
            (&input["insert_at"], &input["type"]),
            (&json!("place"), &json!("log")),
            "{name}"
        );
        let fields = &input["log_fields"];
        let (topic, message) = (&fields["topic"], &fields["message"]);
        let sent = event(topic.as_str().expect(name), message.as_str().expect(name).as_bytes());
        let (output, left) = match place.run(sent.clone()) {
            Ok(placed) => ("place", placed),
            Err(_) => ("place.dropped", sent),
        };
        let [expected] = &case["outputs"].as_array().expect(name)[..] else { panic!("{name}") };
        assert_eq!(expected["extract_from"], json!(output), "{name}");
        assert_ne!(case["no_outputs_from"], json!([output]), "{name}");
        for condition in expected["conditions"].as_array().into_iter().flatten() {
            assert_eq!(condition["type"], json!("vrl"), "{name}");
            let condition = Vrl::new(condition["source"].as_str().expect(name));
            if let Err(why) = condition.run(left.clone()) {
                panic!("{name}: {why}");
            }
        }
    }
}

/// Where there is a Vector, it has the last word.
#[test]
fn vector_itself_takes_the_configuration() {
    let say = |what: &str| {
        // Past the test harness, which shows nothing of a test that passes.
        let _ = writeln!(io::stderr(), "{what}");
    };
    let folder = tempfile::tempdir().expect("a folder");
    let run = |arguments: &[&str]| {
        Command::new("vector")
            .args(arguments)
            .env("VECTOR_DANGEROUSLY_ALLOW_ENV_VAR_INTERPOLATION", "true")
            .env("VECTOR_DATA_DIR", folder.path())
            .env("KAFKA_BROKERS", "127.0.0.1:9")
            .env("BUCKET", "trades")
            .env("AWS_REGION", "eu-central-1")
            .env("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:9")
            .env("METRICS_ADDRESS", "127.0.0.1:0")
            .env("AWS_ACCESS_KEY_ID", "test")
            .env("AWS_SECRET_ACCESS_KEY", "test")
            .output()
    };
    let version = match run(&["--version"]) {
        Ok(output) => String::from_utf8_lossy(&output.stdout).trim().to_owned(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            say(
                "SKIPPED: no vector binary on the PATH: its own validation and unit tests did not run",
            );
            return;
        }
        Err(error) => panic!("vector does not start: {error}"),
    };
    let [config, aws, tests] =
        ["vector.yaml", "aws.yaml", "tests.yaml"].map(|name| file(name).display().to_string());
    for arguments in [
        &["validate", "--skip-healthchecks", &config][..],
        &["validate", "--skip-healthchecks", &config, &aws],
        &["test", &config, &tests],
    ] {
        let output = run(arguments).expect("vector starts");
        let (out, err) =
            (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "{version}: {arguments:?}\n{out}\n{err}");
    }
    say(&format!("{version}: configuration validated, unit tests passed"));
}
