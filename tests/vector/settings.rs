//! Vector's settings, each with what would be lost if it were another: limits against `lake`'s, and
//! variables against the table of them; runs no VRL.

use lake::Limits;
use serde_json::{Value as Json, json};

use crate::{text, yaml};

#[test]
fn nothing_that_keeps_trades_is_set_otherwise() {
    let config = yaml("vector.yaml");
    let memory = |events| json!({"type": "memory", "max_events": events, "when_full": "block"});
    for (path, expected, lost) in [
        (
            "/sources/lines/auto_offset_reset",
            json!("earliest"),
            "where no offset is stored, all that Kafka holds would be skipped",
        ),
        (
            "/sources/lines/topics",
            json!([r"^[a-z0-9_-]+\.trades$", r"^[a-z0-9_-]+\.books$"]),
            "the topics of some exchange would not be read: these are market::ExchangeName's names",
        ),
        ("/sources/lines/topic_key", json!("topic"), "`place` could not tell trades from books"),
        ("/transforms/place/inputs", json!(["lines"]), "lines would pass by `place`"),
        (
            "/transforms/place/drop_on_error",
            json!(true),
            "refused lines would go on and fail at the key, acknowledged and gone",
        ),
        ("/transforms/place/drop_on_abort", json!(true), "refused lines would go on"),
        (
            "/transforms/place/reroute_dropped",
            json!(true),
            "refused lines would be acknowledged and gone instead of lying in dead/",
        ),
        ("/transforms/burial/inputs", json!(["place.dropped"]), "refused lines would be gone"),
        ("/transforms/burial/drop_on_error", json!(false), "a dead line would be dropped"),
        ("/sinks/minutes/inputs", json!(["place"]), "no object would be written"),
        ("/sinks/dead/inputs", json!(["burial"]), "refused lines would be gone"),
        (
            "/sinks/minutes/encoding",
            json!({"codec": "raw_message"}),
            "another codec sorts keys and respells numbers: the exchange's bytes would be lost",
        ),
        (
            "/sinks/minutes/compression",
            json!("gzip"),
            "lake reads gzip only: every object would be quarantined",
        ),
        ("/sinks/minutes/filename_extension", json!("ndjson.gz"), "lake would not see the objects"),
        (
            "/sinks/minutes/buffer",
            memory(2000),
            "as for the other buffer: a crash or a slow S3 would lose lines",
        ),
        (
            "/sinks/dead/buffer",
            memory(500),
            "a disk buffer acknowledges what only this machine has; unblocked, a slow S3 drops lines",
        ),
    ] {
        assert_eq!(config.pointer(path), Some(&expected), "{path}: {lost}");
    }
    for sink in ["minutes", "dead"] {
        for (path, expected, lost) in [
            ("/type", json!("aws_s3"), "lines would go elsewhere"),
            (
                "/retry_strategy",
                json!({"type": "all"}),
                "a batch that S3 refuses with 403 or 404 would be dropped, and its offsets committed",
            ),
            (
                "/acknowledgements",
                json!({"enabled": true}),
                "offsets would be committed before the lines are in S3: a crash loses a batch",
            ),
            (
                "/filename_append_uuid",
                json!(true),
                "a second object of the same second would replace the first",
            ),
            ("/framing", json!({"method": "newline_delimited"}), "lines would run into each other"),
        ] {
            let found = config["sinks"][sink].pointer(path);
            assert_eq!(found, Some(&expected), "{sink}{path}: {lost}");
        }
        let prefix = config["sinks"][sink]["key_prefix"].as_str().expect("a prefix");
        let head = prefix.split(['{', '%']).next().expect("a first part");
        assert!(
            head.len() > 1 && prefix.ends_with('/'),
            "{sink}: {prefix:?} needs a literal head, or Vector refuses to start"
        );
    }
}

#[test]
fn each_limit_outlasts_the_one_inside_it() {
    let config = yaml("vector.yaml");
    let number = |path: &str| config.pointer(path).and_then(Json::as_u64).expect(path);
    let (batch, source) = ("/sinks/minutes/batch", "/sources/lines");
    let timeout = number(&format!("{batch}/timeout_secs"));
    assert!(timeout > 60, "a busy minute would be two objects, and every late line a third");
    let drain = number(&format!("{source}/drain_timeout_ms")) / 1000;
    for sink in ["minutes", "dead"] {
        let timeout = number(&format!("/sinks/{sink}/batch/timeout_secs"));
        assert!(
            drain >= timeout + 10,
            "{sink}: each restart would deliver the open batch twice: drain {drain} s does not \
             outlast {timeout} s and the upload"
        );
        // Vector says nothing of an unknown key here, and takes its default for the one meant.
        let known = ["timeout_secs", "max_bytes", "max_events"];
        for key in config["sinks"][sink]["batch"].as_object().expect("a batch").keys() {
            assert!(known.contains(&key.as_str()), "{sink}: batch.{key} is no setting of Vector's");
        }
    }
    let session = number(&format!("{source}/session_timeout_ms")) / 1000;
    assert!(drain < session, "Kafka would give the partitions away while they are drained");
    // Vector counts the larger size that lines have in memory.
    let limits = Limits::DEFAULT;
    assert!(
        number(&format!("{batch}/max_bytes")) <= limits.plain_bytes
            && number(&format!("{batch}/max_events")) <= limits.lines,
        "lake would refuse the object as too large"
    );
}

/// Vector replaces `$` in the whole file, VRL and comments too.
#[test]
fn every_variable_is_in_the_readme_and_nothing_else_looks_like_one() {
    let (config, readme) = (text("vector.yaml"), text("README.md"));
    let table = |name: &str| readme.contains(&format!("\n| `{name}` |"));
    let mut found = 0;
    for rest in config.split('$').skip(1) {
        let Some(variable) = rest.strip_prefix('{') else {
            assert!(rest.starts_with('\''), "Vector would replace ${rest:.10}");
            continue;
        };
        let name = variable.split([':', '}']).next().expect("a name");
        assert!(table(name), "{name} is not in the table of vector/README.md");
        found += 1;
    }
    assert!(found >= 6, "the variables are found");
}
