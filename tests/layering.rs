//! The arrows between the crates, and the rules about files that a reader relies on.

use std::path::{Path, PathBuf};
use std::process::Command;

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests is a member").to_owned()
}

/// The names of all crates that `package` is built with, itself first.
fn dependencies(package: &str) -> Vec<String> {
    let tree = Command::new(env!("CARGO"))
        .args(["tree", "--locked", "--offline", "--edges", "normal", "--prefix", "none"])
        .args(["--format", "{lib}", "--package", package])
        .current_dir(workspace())
        .output()
        .expect("cargo starts");
    assert!(tree.status.success(), "{}", String::from_utf8_lossy(&tree.stderr));
    let names = String::from_utf8(tree.stdout).expect("UTF-8");
    names.lines().map(|line| line.trim_end_matches(" (*)").to_owned()).collect()
}

#[test]
fn each_crate_knows_only_what_it_may() {
    let ours = [
        "aws",
        "market",
        "lake",
        "store",
        "history",
        "invoke",
        "aggregate",
        "audit",
        "backfill",
        "land",
        "migrate",
        "query",
        "repair",
        "ingest",
        "tickfold",
    ];
    let io = ["tokio", "sqlx", "aws_sdk_s3", "rdkafka", "tracing", "reqwest", "tokio_tungstenite"];
    let lambda = ["lambda_runtime", "lambda_http"];
    for (package, may, must_not) in [
        ("market", &["market"][..], &io[..]),
        ("lake", &["lake", "aws", "market"], &["sqlx", "rdkafka", "lambda_runtime"]),
        ("history", &["history", "market"], &["sqlx", "aws_config", "rdkafka", "lambda_runtime"]),
        ("store", &["store", "market"], &["aws_config", "aws_sdk_s3", "rdkafka", "lambda_runtime"]),
        (
            "aggregate",
            &["aggregate", "lake", "aws", "store", "market"],
            &["rdkafka", "libsqlite3_sys"],
        ),
        (
            "audit",
            &["audit", "invoke", "aws", "history", "store", "market"],
            &["aws_sdk_s3", "rdkafka", "libsqlite3_sys"],
        ),
        (
            "backfill",
            &["backfill", "history", "lake", "aws", "market"],
            &["sqlx", "rdkafka", "libsqlite3_sys"],
        ),
        (
            "compact",
            &["compact", "lake", "aws", "market"],
            &["sqlx", "rdkafka", "reqwest", "arrow_array"],
        ),
        ("land", &["land", "lake", "aws", "market"], &["sqlx", "rdkafka", "libsqlite3_sys"]),
        ("aws", &["aws"], &["sqlx", "aws_config", "aws_sdk_s3", "lambda_runtime"]),
        ("invoke", &["invoke", "aws"], &["sqlx", "aws_sdk_s3", "rdkafka", "lambda_runtime"]),
        (
            "migrate",
            &["migrate", "invoke", "aws", "store", "market"],
            &["aws_sdk_s3", "rdkafka", "libsqlite3_sys"],
        ),
        (
            "repair",
            &["repair", "invoke", "aws", "history", "lake", "store", "market"],
            &["rdkafka", "libsqlite3_sys"],
        ),
        (
            "query",
            &["query", "store", "market"],
            &["aws_config", "aws_sdk_s3", "rdkafka", "libsqlite3_sys"],
        ),
        ("ingest", &["ingest", "aws", "market"], &[&["sqlx", "aws_sdk_s3"][..], &lambda].concat()),
    ] {
        let found = dependencies(package);
        for name in ours.iter().filter(|name| !may.contains(name)) {
            assert!(!found.iter().any(|it| it == name), "{package} must not use {name}");
        }
        for name in must_not {
            assert!(!found.iter().any(|it| it == name), "{package} must not use {name}");
        }
        for name in may {
            assert!(found.iter().any(|it| it == name), "{package} is said to use {name}");
        }
    }
}

/// Every Rust file of the workspace, with its text.
fn sources() -> Vec<(PathBuf, String)> {
    let mut files = Vec::new();
    let mut folders: Vec<PathBuf> =
        ["shared", "functions", "infra", "tests"].map(|folder| workspace().join(folder)).into();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("a folder").flatten() {
            let path = entry.path();
            let skipped = ["node_modules", "target"].iter().any(|name| path.ends_with(name));
            if path.is_dir() && !skipped {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = std::fs::read_to_string(&path).expect("a source file");
                files.push((path, text));
            }
        }
    }
    assert!(files.len() > 30, "the sources are found");
    files
}

#[test]
fn each_file_says_first_what_it_is() {
    for (path, text) in sources() {
        assert!(text.starts_with("//! "), "{} does not say what it is", path.display());
    }
}

#[test]
fn sql_is_the_stores_and_keys_are_the_lakes() {
    let only = |word: &str, home: &str| {
        for (path, text) in sources() {
            let code = text.split("#[cfg(test)]").next().expect("a text has a first part");
            let at_home = path.starts_with(workspace().join(home));
            let is_test = path.components().any(|folder| folder.as_os_str() == "tests");
            assert!(at_home || is_test || !code.contains(word), "{} has {word:?}", path.display());
        }
    };
    only("sqlx::query", "shared/store");
    only(".ndjson.gz\"", "shared/lake");
    only("raw/trades", "shared/lake");
}

/// No float touches a price, a size or a sum of them: none is in the code that handles them.
#[test]
fn there_is_no_float_between_the_wire_and_the_answer() {
    for (path, text) in sources() {
        let handles_money =
            ["shared", "functions"].iter().any(|it| path.starts_with(workspace().join(it)));
        let found = ["f64", "f32"].iter().any(|float| text.contains(float));
        assert!(!handles_money || !found, "{} has a float", path.display());
    }
}

/// A test file that is not listed would never run.
#[test]
fn every_test_file_is_listed() {
    let manifest = include_str!("Cargo.toml");
    for entry in std::fs::read_dir(env!("CARGO_MANIFEST_DIR")).expect("this folder").flatten() {
        let name = entry.file_name().into_string().expect("UTF-8");
        let listed = manifest.contains(&format!("path = \"{name}\""));
        assert!(listed || !name.ends_with(".rs"), "{name} is not in tests/Cargo.toml");
    }
}
