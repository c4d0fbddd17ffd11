//! The alarms: each is in the runbook, and each figure that they watch is in what the programs
//! really log. CloudWatch itself is not here; its patterns are read as its documentation says.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::sync::OnceLock;

use axum::Router;
use axum::routing::get;
use lake::MinutePrefix;
use market::{Bar, Minute};
use serde_json::{Value as Json, json};
use store::{Outcome, Range, Repair};
use tests::bucket::{BUCKET, Bucket, notification};
use tests::databases::Database;
use tests::runtime::Function;
use tests::secrets::{FUNCTION, Secrets as Lambda};
use tests::terraform::Terraform;
use tests::trades::{MINUTE, NOON, lines, name, symbol, time, trade, trades};
use vrl::compiler::runtime::Runtime;
use vrl::compiler::{TargetValue, TimeZone};
use vrl::value::{Secrets, Value};

#[expect(dead_code, reason = "shared with the tests of Terraform")]
#[path = "terraform/stack.rs"]
mod stack;

use stack::Stack;

fn text(path: &str) -> String {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("a member");
    fs::read_to_string(workspace.join(path)).expect(path)
}

/// One stack with each stream that a mocked provider can make.
fn stacks(test: &str) -> Option<&'static [Stack]> {
    static STACKS: OnceLock<Option<Vec<Stack>>> = OnceLock::new();
    let stacks = STACKS.get_or_init(|| {
        let said = stack::test(&Terraform::stack(test)?, &["-filter=tests/ingest.tftest.hcl"]);
        assert!(said.failures.is_empty(), "{:?}", said.failures);
        assert!(said.stacks.len() >= 2, "Kafka and Kinesis");
        Some(said.stacks)
    });
    stacks.as_deref()
}

/// By the figure's name: the log group that it is read from, its pattern and its value.
fn figures(stack: &Stack) -> BTreeMap<String, [String; 3]> {
    let filters = stack.of_kind("aws_cloudwatch_log_metric_filter").map(|filter| {
        let of = |pointer| {
            filter.values.pointer(pointer).and_then(Json::as_str).expect(pointer).to_owned()
        };
        let value = of("/metric_transformation/0/value");
        (of("/name"), [of("/log_group_name"), of("/pattern"), value])
    });
    filters.collect()
}

/// Whether a line matches a filter of CloudWatch Logs, as far as ours go: of JSON
/// `{ $.a = "x" && $.b > 0 }`, else words and quoted phrases that all are in the line, or, each
/// with a question mark before it, one of which is.
fn matches(pattern: &str, line: &str) -> bool {
    let Some(conditions) = pattern.strip_prefix("{ ").and_then(|it| it.strip_suffix(" }")) else {
        let mut phrases = phrases(pattern).into_iter();
        return match pattern.starts_with('?') {
            true => phrases.any(|phrase| line.contains(phrase)),
            false => phrases.all(|phrase| line.contains(phrase)),
        };
    };
    let Ok(line) = serde_json::from_str::<Json>(line) else { return false };
    conditions.split(" && ").all(|condition| {
        let [path, operator, value] = condition.splitn(3, ' ').collect::<Vec<_>>()[..] else {
            panic!("{condition}")
        };
        let found = field(&line, path);
        match (operator, value.trim_matches('"')) {
            ("=", "*") => !found.is_null(),
            ("=", value) if value.starts_with('*') => {
                found.as_str().is_some_and(|found| found.contains(value.trim_matches('*')))
            }
            ("=", value) => found == value,
            (">", value) => found.as_f64() > Some(value.parse().expect("a number")),
            _ => panic!("{condition}: not known here"),
        }
    })
}

/// The words and quoted phrases of a filter.
fn phrases(pattern: &str) -> Vec<&str> {
    let parts = pattern.split('"').map(|part| part.trim_matches([' ', '?']));
    parts.filter(|part| !part.is_empty()).collect()
}

/// `$.fields.missing`
fn field<'a>(line: &'a Json, path: &str) -> &'a Json {
    path.split('.').skip(1).fold(line, |line, key| &line[key])
}

/// The values that CloudWatch would take of a log.
fn values(figures: &BTreeMap<String, [String; 3]>, figure: &str, log: &str) -> Vec<f64> {
    let [_, pattern, value] = &figures[figure];
    let of = |line: &str| match value.strip_prefix("$.") {
        None => value.parse().expect("a number"),
        Some(_) => {
            let line: Json = serde_json::from_str(line).expect("a filter with a value is of JSON");
            field(&line, value).as_f64().unwrap_or_else(|| panic!("{value} of {line}"))
        }
    };
    log.lines().filter(|line| matches(pattern, line)).map(of).collect()
}

#[test]
fn patterns_are_read_as_cloudwatch_reads_them() {
    let line = r#"{"level":"WARN","fields":{"figures":"folded","missing":3,"message":"a b c"}}"#;
    for (pattern, expected) in [
        (r#"{ $.fields.figures = "folded" && $.fields.missing > 0 }"#, true),
        (r#"{ $.fields.figures = "folded" && $.fields.missing > 3 }"#, false),
        (r#"{ $.fields.age = * }"#, false),
        (r#"{ $.fields.message = "*b*" }"#, true),
        (r#"{ $.fields.message = "b" }"#, false),
        (r#"WARN "a b c""#, true),
        (r#"ERROR "a b c""#, false),
        (r#"?"x y" ?"b c""#, true),
        (r#"?"x y" ?"b d""#, false),
    ] {
        assert_eq!(matches(pattern, line), expected, "{pattern}");
    }
}

/// An alarm's description ends with its place in the runbook.
#[test]
fn the_runbook_has_every_alarm_and_no_other() {
    let Some(stacks) = stacks("the runbook") else { return };
    let runbook = text("terraform/RUNBOOK.md");
    let chapters: BTreeSet<_> =
        runbook.lines().filter_map(|line| line.strip_prefix("## ")).collect();
    let mut named = BTreeSet::new();
    for alarm in stacks.iter().flat_map(|stack| stack.of_kind("aws_cloudwatch_metric_alarm")) {
        let described = alarm.values["alarm_description"].as_str().expect("a description");
        let chapter = described.split_once(" What to do: terraform/RUNBOOK.md, ").expect(described);
        let chapter = chapter.1.trim_end_matches('.');
        let name = alarm.values["alarm_name"].as_str().expect("a name");
        assert!(
            name.ends_with(&format!("-{chapter}")),
            "{name} is called {chapter} in the runbook"
        );
        named.insert(chapter);
    }
    assert_eq!(named, chapters);
}

/// What always speaks must not be silent; of what speaks only of a failure, silence is good.
#[test]
fn every_figure_has_an_alarm_that_knows_what_silence_means() {
    let Some(stacks) = stacks("silence") else { return };
    for stack in stacks {
        for (figure, [_, pattern, value]) in figures(stack) {
            let mut alarms = stack.of_kind("aws_cloudwatch_metric_alarm");
            let alarm = alarms.find(|it| it.values["metric_name"] == figure.as_str());
            let alarm = &alarm.unwrap_or_else(|| panic!("nobody watches {figure}")).values;
            let only_failures =
                value == "1" || pattern.contains("> 0") || pattern.contains("belong");
            let silence = if only_failures { "notBreaching" } else { "breaching" };
            assert_eq!(alarm["treat_missing_data"], silence, "{figure}");
        }
    }
}

#[tokio::test]
async fn aggregate_logs_what_its_alarms_read() {
    let Some(stacks) = stacks("aggregate's figures") else { return };
    let (database, bucket) = (Database::postgres().await, Bucket::start().await);
    let minute = MinutePrefix::raw_trades(name("binance"), time(NOON).minute());
    let trades = [&trades(100, 10, 1)[..], &[trade(113, NOON + MINUTE - 1)]].concat();
    let text = lines(&trades) + "nonsense\n";
    let key = bucket.lake().put_lines(&minute, "20261120T120115-0a1b", text.as_bytes()).await;
    let mut environment = bucket.environment();
    environment.push(("DATABASE_URL", database.url.clone()));
    let format = stacks[0].of_kind("aws_lambda_function").next().expect("a function");
    let format = format.values["logging_config"][0]["log_format"].as_str().expect("a format");
    environment.push(("AWS_LAMBDA_LOG_FORMAT", format.to_owned()));
    let mut function = Function::start("aggregate", &environment).await.expect("it starts");
    let event = notification(BUCKET, &key.expect("written").to_string());
    assert_eq!(function.invoke(&event).await, Ok(json!({ "batchItemFailures": [] })));

    let log = function.log();
    let figures = figures(&stacks[0]);
    assert_eq!(values(&figures, "missing", &log), [3.0], "{log}");
    assert_eq!(values(&figures, "quarantined", &log), [1.0], "{log}");
    let [age] = values(&figures, "freshness", &log)[..] else { panic!("{log}") };
    let newest = (NOON + MINUTE) / 1_000_000;
    let now = chrono::Utc::now().timestamp();
    assert!((now - newest - age as i64).abs() < 120, "{age} s is not the newest trade's age");
}

#[tokio::test]
async fn repair_logs_what_its_alarm_reads() {
    let Some(stacks) = stacks("repair's figures") else { return };
    let (database, bucket) = (Database::postgres().await, Bucket::start().await);
    let now = chrono::Utc::now().timestamp_micros() / MINUTE * MINUTE;
    let at = |id: u64, minutes: i64| trade(id, now - minutes * MINUTE);
    let bars = market::fold([at(1, 60), at(9, 58)]).expect("small sums").into_iter();
    let bars: Vec<Bar> = bars.map(|bar| Bar { object_count: 1, ..bar }).collect();
    let store = database.store();
    store.put_newer(&bars).await.expect("written");
    let (exchange, symbol) = (name("binance"), symbol("BTCUSDT"));
    let (from, to) = (Minute::MIN, Minute::MAX);
    let range = Range { exchange, symbol, from, to, limit: 10 };
    let gap = store.gaps(&range).await.expect("gaps").gaps.remove(0);
    let given_up = Repair {
        gap,
        attempts: 3,
        outcome: Outcome::Unfillable,
        reason: None,
        last_attempt: time(now),
        next_attempt: None,
        throttled_until: None,
    };
    store.put_repairs(&[given_up]).await.expect("written");
    let inside = [("DATABASE_URL", database.url.clone())];
    let inside = Function::start("repair", &inside).await.expect("it starts");
    let lambda = Lambda::start(String::new(), inside).await;
    let mut environment = bucket.environment();
    let lambda_of: Vec<_> = lambda.environment_of_lambda().into_iter().take(1).collect();
    environment.extend(lambda_of);
    environment.extend([
        ("REPAIR_FUNCTION", FUNCTION.to_owned()),
        ("QUEUE_URL", "http://127.0.0.1:1/nobody".to_owned()),
        ("AWS_LAMBDA_LOG_FORMAT", "JSON".to_owned()),
    ]);
    let mut function = Function::start("repair", &environment).await.expect("it starts");
    function.invoke(&json!({})).await.expect("repaired");
    let figures = figures(&stacks[0]);
    let log = function.log();
    assert_eq!(values(&figures, "unfillable", &log), [1.0], "{log}");
}

#[tokio::test]
async fn audit_logs_what_its_alarm_reads() {
    let Some(stacks) = stacks("audit's figures") else { return };
    let database = Database::postgres().await;
    let yesterday = chrono::Utc::now().timestamp_micros() / MINUTE * MINUTE - 24 * 60 * MINUTE;
    let bars = market::fold([1, 2, 3].map(|id| trade(id, yesterday + id as i64 * MINUTE)));
    let bars = bars.expect("small sums").into_iter().map(|bar| Bar { object_count: 1, ..bar });
    database.store().put_newer(&bars.collect::<Vec<_>>()).await.expect("written");
    // An exchange that knows of none of them.
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let router = Router::new().route("/api/v3/klines", get(async || axum::Json([0; 0])));
    tokio::spawn(async move { axum::serve(listener, router).await });
    let inside = [("DATABASE_URL", database.url.clone())];
    let mut inside = Function::start("audit", &inside).await.expect("it starts");
    let question = serde_json::from_str(include_str!("../events/audit-question.json"));
    let due = inside.invoke(&question.expect("JSON")).await;
    assert_eq!(due, Ok(json!([])), "nothing was recorded then");
    let lambda = Lambda::start(String::new(), inside).await;
    let mut environment = lambda.environment_of_lambda();
    environment.extend([
        ("AUDIT_FUNCTION", FUNCTION.to_owned()),
        ("BINANCE_REST_URL", url),
        ("AWS_LAMBDA_LOG_FORMAT", "JSON".to_owned()),
    ]);
    let mut function = Function::start("audit", &environment).await.expect("it starts");
    let event = serde_json::from_str(include_str!("../events/audit.json")).expect("JSON");
    let audited = function.invoke(&event).await.expect("audited");
    assert_eq!(audited["missing_there"], 2, "{audited}, all but where it begins");
    let (figures, log) = (figures(&stacks[0]), function.log());
    // Both minutes are of one third of a day, or each of one.
    let disagreeing = audited["disagreeing"].as_f64().expect("a number");
    assert_eq!(values(&figures, "different", &log), [disagreeing], "{log}");
    assert!(disagreeing == 1.0 || disagreeing == 2.0, "{audited}");
}

#[tokio::test]
async fn land_logs_what_its_alarm_reads() {
    let Some(stacks) = stacks("land's figures") else { return };
    let kinesis = stacks.iter().find(|stack| stack.of_kind("aws_kinesis_stream").count() > 0);
    let bucket = Bucket::start().await;
    let mut environment = bucket.environment();
    environment.push(("AWS_LAMBDA_LOG_FORMAT", "JSON".to_owned()));
    let mut function = Function::start("land", &environment).await.expect("it starts");
    let batch = serde_json::from_str(include_str!("../events/land.json")).expect("JSON");
    function.invoke(&batch).await.expect("an answer");
    let figures = figures(kinesis.expect("a stack with Kinesis"));
    assert_eq!(values(&figures, "dead", &function.log()), [1.0], "{}", function.log());
}

/// Each phrase stands in one place of ingest's source, where it is logged.
#[test]
fn ingest_logs_what_its_alarms_read() {
    let Some(stacks) = stacks("ingest's figures") else { return };
    let logged_by =
        ["feed/books.rs", "feed/link.rs", "feed/reader.rs", "lib.rs", "publish/health.rs"];
    let sources = logged_by.map(|file| text(&format!("infra/ingest/src/{file}")));
    for stack in stacks {
        let of_ingest: Vec<_> =
            figures(stack).into_values().filter(|[log, ..]| log == "/tickfold/ingest").collect();
        assert_eq!(of_ingest.len(), 6);
        for phrase in of_ingest.iter().flat_map(|[_, pattern, _]| phrases(pattern)) {
            let found = sources.each_ref().map(|source| source.matches(phrase).count());
            assert_eq!(found.iter().sum::<usize>(), 1, "{phrase}: {found:?}");
        }
    }
}

/// What a transform of vector/aws.yaml makes of an event, as the line that the console sink writes.
fn told(transform: &str, event: &Json) -> Option<String> {
    let config: Json = serde_saphyr::from_str(&text("vector/aws.yaml")).expect("YAML");
    let source = config["transforms"][transform]["source"].as_str().expect("a program");
    let program = vrl::compiler::compile(source, &vrl::stdlib::all());
    let program = program.unwrap_or_else(|errors| panic!("{errors:?}\n{source}")).program;
    let mut event = TargetValue {
        value: Value::from(event.clone()),
        metadata: Value::Object(BTreeMap::new()),
        secrets: Secrets::default(),
    };
    Runtime::default().resolve(&mut event, &program, &TimeZone::default()).ok()?;
    Some(serde_json::to_string(&event.value).expect("JSON"))
}

#[test]
fn vector_tells_what_its_alarms_read() {
    let Some(stacks) = stacks("Vector's figures") else { return };
    let figures = figures(&stacks[0]);
    let lag = |lines: f64| {
        json!({
            "name": "kafka_consumer_lag", "namespace": "vector", "kind": "absolute",
            "tags": { "topic_id": "binance.trades", "partition_id": "3", "component_id": "lines" },
            "gauge": { "value": lines }, "timestamp": "2026-11-20T12:00:00Z",
        })
    };
    let line = told("lag_figures", &lag(1142.0)).expect("a line");
    assert_eq!(values(&figures, "lag", &line), [1142.0], "{line}");
    assert_eq!(told("lag_figures", &lag(-1.0)), None, "unknown is not a lag");
    let dead = json!({
        "message": "nonsense", "topic": "binance.trades", "partition": 3, "offset": 12,
        "metadata": { "dropped": { "message": "expected object", "component_id": "place" } },
    });
    let line = told("dead_figures", &dead).expect("a line");
    assert_eq!(values(&figures, "dead", &line), [1.0], "{line}");
    assert!(line.contains("expected object") && !line.contains("nonsense"), "{line}");

    // Nothing that vector.yaml does depends on it, and each of its names is new.
    let [ours, theirs]: [Json; 2] = ["vector/aws.yaml", "vector/vector.yaml"]
        .map(|file| serde_saphyr::from_str(&text(file)).expect("YAML"));
    let names = |config: &Json| -> BTreeSet<String> {
        let parts = ["sources", "transforms", "sinks"].map(|part| config[part].as_object());
        parts.into_iter().flatten().flat_map(|part| part.keys().cloned()).collect()
    };
    assert!(names(&ours).is_disjoint(&names(&theirs)), "Vector refuses a name that is there twice");
    assert_eq!(ours["sinks"]["figures"]["type"], "console", "it must not hold the lines up");
}
