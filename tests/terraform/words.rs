//! The words of the configuration, held against folders, events, the README and the code; runs no
//! program.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use lake::key::{EVENT_FILTER, PARQUET};
use market::Exchange;

/// The folder of the configuration.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../terraform")
}

pub(crate) fn text(path: &str) -> String {
    let path = root().join(path);
    fs::read_to_string(&path).unwrap_or_else(|why| panic!("{}: {why}", path.display()))
}

fn names(folder: PathBuf) -> BTreeSet<String> {
    let entries = fs::read_dir(folder).expect("a folder").flatten();
    entries.map(|entry| entry.file_name().into_string().expect("UTF-8")).collect()
}

/// The folders of `functions/`.
pub(crate) fn functions() -> BTreeSet<String> {
    names(root().join("../functions"))
}

/// The files of the root module.
fn files() -> Vec<String> {
    names(root()).into_iter().filter(|name| name.ends_with(".tf")).collect()
}

/// The blocks of a file that begin with that word and a name, by that name.
fn blocks(file: &str, word: &str) -> BTreeMap<String, String> {
    let text = text(file);
    let blocks = text.split("\n}\n").filter_map(|block| {
        let begin = format!("{word} \"");
        let at = if block.starts_with(&begin) { 0 } else { block.find(&format!("\n{begin}"))? + 1 };
        let (name, body) = block[at + begin.len()..].split_once("\" {\n")?;
        Some((name.to_owned(), body.to_owned()))
    });
    blocks.collect()
}

/// The value of an attribute at the top of a block, as it is written, on one line.
fn attribute(body: &str, name: &str) -> Option<String> {
    let mut lines = body.lines().skip_while(|line| {
        line.strip_prefix("  ")
            .and_then(|it| it.strip_prefix(name))
            .is_none_or(|rest| !rest.trim_start().starts_with('='))
    });
    let (_, first) = lines.next()?.split_once('=')?;
    let mut value = vec![first.trim()];
    if first.trim_end().ends_with(['{', '[', '(']) {
        value.extend(lines.take_while(|line| !line.starts_with("  }")).map(str::trim));
        value.push(if first.contains('{') { "}" } else { "]" });
    }
    Some(value.join(" "))
}

#[test]
fn a_function_has_the_same_name_everywhere() {
    let readme = text("../README.md");
    let events = names(root().join("../events"));
    let mut deployed = BTreeSet::new();
    for file in files() {
        for (module, body) in blocks(&file, "module") {
            if attribute(&body, "source").as_deref() != Some("\"./modules/function\"") {
                continue;
            }
            let name = attribute(&body, "name").expect("a name").trim_matches('"').to_owned();
            assert_eq!(module, name.replace('-', "_"), "{file}");
            let package = attribute(&body, "package").map(|it| it.trim_matches('"').to_owned());
            let package = package.unwrap_or(name);
            assert_eq!(file, format!("{package}.tf"), "{module} is in the file of its folder");
            deployed.insert(package);
        }
    }
    assert_eq!(deployed, functions(), "deployed, and in functions/");
    for name in deployed {
        assert!(events.contains(&format!("{name}.json")), "events/{name}.json");
        assert!(readme.contains(&format!("| `functions/{name}` |")), "{name} in the README's map");
    }
}

#[test]
fn the_bucket_tells_of_what_lake_says() {
    let bucket = text("bucket.tf");
    let (prefix, suffix) = EVENT_FILTER;
    for (name, value) in [("event_prefix", prefix), ("event_suffix", suffix)] {
        assert!(bucket.contains(&format!("{name} = \"{value}\"")), "{name} is not {value}");
    }
}

#[test]
fn feeds_may_be_of_every_exchange_and_of_no_other() {
    let names = market::Exchange::ALL.map(|exchange| format!("\"{exchange}\""));
    let list = format!("contains([{}], feed.exchange)", names.join(", "));
    assert!(text("variables.tf").contains(&list), "variables.tf is to have {list}");
}

/// What Athena is told of the Parquet files is what stands in them, and where they lie.
#[test]
fn athena_knows_the_columns_and_folders_of_the_files() {
    let table = text("athena.tf");
    let fields = compact::schema();
    let (_, fields) = fields.split_once('{').expect("a group");
    for field in fields.trim_end_matches([' ', '}']).split_terminator(';') {
        let words: Vec<_> = field.split_whitespace().collect();
        let kind = match &words[1..] {
            ["int64", _, "(timestamp(micros,true))"] => "timestamp",
            ["int64", _] => "bigint",
            ["boolean", _] => "boolean",
            ["binary", _, "(string)"] => "string",
            ["fixed_len_byte_array(16)", _, "(decimal(38,18))"] => "decimal(38,18)",
            other => panic!("what is {other:?} in Athena?"),
        };
        let column = format!("{{ name = \"{}\", type = \"{kind}\" }},", words[2]);
        assert!(table.contains(&column), "athena.tf lacks {column}");
    }
    let folders = "exchange=$${exchange}/symbol=$${symbol}/date=$${date}/";
    assert!(table.contains(&format!("s3://${{local.bucket}}/{PARQUET}{folders}")), "its folders");
    let exchanges: Vec<_> = Exchange::ALL.iter().map(|it| it.name().to_string()).collect();
    for exchange in &exchanges {
        let list = table.lines().find(|line| line.contains("projection.exchange.values"));
        let listed = list.expect("a list").split(['"', ',']).any(|it| it == exchange);
        assert!(listed, "athena.tf lacks {exchange}");
    }
}

#[test]
fn every_file_says_first_what_it_is() {
    for folder in
        ["", "modules/function/", "modules/queue/", "modules/schedule/", "tests/", "tests/mocks/"]
    {
        for name in names(root().join(folder)) {
            let is_ours = [".tf", ".tfvars", ".hcl", ".yaml"].iter().any(|it| name.ends_with(it));
            if is_ours && name != ".terraform.lock.hcl" {
                assert!(text(&format!("{folder}{name}")).starts_with("# "), "{folder}{name}");
            }
        }
    }
    let readme = text("README.md");
    for name in files() {
        assert!(readme.contains(&format!("`{name}`")), "{name} is in no row of the README");
    }
}

/// A yes or no needs no further check than its type.
#[test]
fn every_variable_is_typed_described_and_checked() {
    for file in [
        "variables.tf",
        "modules/function/variables.tf",
        "modules/queue/variables.tf",
        "modules/schedule/variables.tf",
    ] {
        let variables = blocks(file, "variable");
        assert!(variables.len() >= 5, "the variables are read");
        for (name, body) in variables {
            let kind = attribute(&body, "type").unwrap_or_else(|| panic!("{name} has no type"));
            assert!(kind != "any" && attribute(&body, "description").is_some(), "{file}: {name}");
            let checked = body.contains("\n  validation {\n    condition");
            let decided = kind == "bool" && body.contains("nullable    = false");
            assert!(checked || decided, "{file}: {name} takes anything");
        }
    }
    for (name, body) in files().iter().flat_map(|file| blocks(file, "output")) {
        assert!(attribute(&body, "description").is_some(), "output {name}");
    }
}

#[test]
fn the_readme_lists_the_variables_as_they_are() {
    let variables = text("variables.tf");
    let order = variables.lines().filter_map(|line| line.strip_prefix("variable \""));
    let order = order.map(|line| line.trim_end_matches("\" {").to_owned());
    let variables = blocks("variables.tf", "variable");
    let mut table = "| variable | default | meaning |\n|---|---|---|\n".to_owned();
    for name in order {
        let body = &variables[&name];
        let default = attribute(body, "default");
        let default = default.map_or("required".to_owned(), |it| format!("`{it}`"));
        let meaning = attribute(body, "description").expect("a description");
        let meaning = meaning.trim_matches('"').replace("\\\"", "\"");
        table += &format!("| `{name}` | {default} | {meaning} |\n");
    }
    assert!(text("README.md").contains(&table), "terraform/README.md is to have:\n{table}");
}

#[test]
fn the_profiles_set_what_there_is() {
    let known = blocks("variables.tf", "variable");
    for profile in ["minimal.tfvars", "scaled.tfvars"] {
        for line in
            text(profile).lines().filter(|line| line.starts_with(|it: char| it.is_lowercase()))
        {
            let name = line.split(['=', ' ']).next().expect("a first part");
            assert!(known.contains_key(name), "{profile}: {name}");
        }
    }
}
