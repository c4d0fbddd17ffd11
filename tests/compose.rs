//! `infra/compose.yaml` and the images of ingest and tickfold, as far as they can be held against
//! the code without Docker: no container is started here. `serve.rs` runs what `serve` does there.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde_json::Value;
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Connection};
use store::Store;
use tests::postgres::Postgres;

/// The parts of the Compose specification that are used here: a misspelt key is in none of them.
const TOP: [&str; 4] = ["name", "services", "configs", "volumes"];
const SERVICE: [&str; 17] = [
    "build",
    "cap_drop",
    "command",
    "configs",
    "depends_on",
    "entrypoint",
    "environment",
    "healthcheck",
    "image",
    "ports",
    "read_only",
    "restart",
    "security_opt",
    "stop_grace_period",
    "stop_signal",
    "volumes",
    "tmpfs",
];
const HEALTHCHECK: [&str; 6] =
    ["test", "interval", "timeout", "start_period", "start_interval", "retries"];

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests is a member").to_owned()
}

fn text(path: &str) -> String {
    std::fs::read_to_string(workspace().join(path)).expect(path)
}

fn compose() -> Value {
    serde_saphyr::from_str(&text("infra/compose.yaml")).expect("YAML")
}

fn map<'a>(value: &'a Value, key: &str) -> BTreeMap<&'a str, &'a Value> {
    let entries = value[key].as_object().into_iter().flatten();
    entries.map(|(name, value)| (name.as_str(), value)).collect()
}

fn words<'a>(value: &'a Value, key: &str) -> Vec<&'a str> {
    let items = value[key].as_array().into_iter().flatten();
    items.map(|item| item.as_str().expect(key)).collect()
}

fn only(value: &Value, known: &[&str], place: &str) {
    for key in value.as_object().expect(place).keys() {
        assert!(known.contains(&key.as_str()), "{place}: unknown key {key}");
    }
}

/// A tag that names one version, or a digest.
fn is_pinned(image: &str) -> bool {
    let tag = image.rsplit_once(':').map_or("", |(_, tag)| tag);
    image.contains("@sha256:")
        || (tag.starts_with(|it: char| it.is_ascii_digit()) && tag.contains('.'))
}

/// The services that do one thing and end; others wait for that.
fn one_shots(compose: &Value) -> BTreeSet<&str> {
    let services = map(compose, "services").into_values();
    let awaited = services.flat_map(|service| map(service, "depends_on"));
    awaited
        .filter(|(_, on)| on["condition"] == "service_completed_successfully")
        .map(|(name, _)| name)
        .collect()
}

#[test]
fn every_service_is_well_formed_pinned_and_watched() {
    let compose = compose();
    only(&compose, &TOP, "compose.yaml");
    let services = map(&compose, "services");
    let one_shots = one_shots(&compose);
    for (name, service) in &services {
        only(service, &SERVICE, name);
        let image = service["image"].as_str().expect(name);
        let built = service["build"].is_object();
        assert!(built || is_pinned(image), "{name}: {image} may change");
        if one_shots.contains(name) {
            assert_eq!(service["restart"], "no", "{name} is done once");
        } else if !built {
            only(&service["healthcheck"], &HEALTHCHECK, name);
            assert_eq!(words(&service["healthcheck"], "test")[0], "CMD", "{name}");
        }
        for (other, on) in map(service, "depends_on") {
            let ends = one_shots.contains(other);
            let expected = if ends { "service_completed_successfully" } else { "service_healthy" };
            assert!(services.contains_key(other), "{name} waits for {other}");
            assert_eq!(on["condition"], expected, "{name} waits for {other}");
        }
        for port in words(service, "ports") {
            assert!(port.starts_with("127.0.0.1:"), "{name}: {port} is open to the network");
        }
    }
}

#[test]
fn everything_that_is_mounted_is_there() {
    let compose = compose();
    let (volumes, configs) = (map(&compose, "volumes"), map(&compose, "configs"));
    for (name, service) in map(&compose, "services") {
        for volume in words(service, "volumes") {
            let source = volume.split(':').next().expect("a text has a first part");
            if !source.starts_with('.') {
                assert!(volumes.contains_key(source), "{name}: {volume}");
                continue;
            }
            assert!(volume.ends_with(":ro"), "{name} may write {source}");
            assert!(workspace().join("infra").join(source).exists(), "{name}: {source}");
        }
        for config in service["configs"].as_array().into_iter().flatten() {
            let source = config["source"].as_str().expect(name);
            assert!(configs.contains_key(source), "{name}: {source}");
        }
    }
}

/// All texts of the files below a folder of the workspace.
fn sources(folder: &str) -> String {
    let mut found = String::new();
    let mut folders = vec![workspace().join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("a folder").flatten() {
            if entry.path().is_dir() {
                folders.push(entry.path());
            } else {
                found += &std::fs::read_to_string(entry.path()).expect("a text");
            }
        }
    }
    found
}

#[test]
fn what_is_set_is_read_by_someone() {
    let compose = compose();
    let services = map(&compose, "services");
    let ingest = sources("infra/ingest/src");
    for variable in map(services["ingest"], "environment").keys() {
        assert!(ingest.contains(&format!("\"{variable}\"")), "ingest does not read {variable}");
    }
    let (serve, functions) = (sources("infra/tickfold/src"), sources("shared/store/src"));
    let of_the_sdk =
        ["AWS_REGION", "AWS_ENDPOINT_URL", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"];
    for service in ["migrate", "serve"] {
        for variable in map(services[service], "environment").keys() {
            let quoted = format!("\"{variable}\"");
            let read = serve.contains(&quoted) || functions.contains(&quoted);
            assert!(read || of_the_sdk.contains(variable), "{service} does not read {variable}");
        }
    }
    let provisioning = sources("infra/grafana/provisioning");
    let grafana = map(services["grafana"], "environment");
    for variable in grafana.keys().filter(|name| !name.starts_with("GF_")) {
        assert!(provisioning.contains(&format!("${variable}")), "nobody reads {variable}");
    }
    for line in provisioning.lines() {
        let Some((_, variable)) = line.split_once(": $") else { continue };
        let variable = variable.split(' ').next().expect("a text has a first part");
        assert!(grafana.contains_key(variable), "{variable} is not set");
    }
    let configuration = text("vector/vector.yaml");
    let vector = map(services["vector"], "environment");
    let of_the_programs = ["VECTOR_", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"];
    for variable in vector.keys() {
        let known = of_the_programs.iter().any(|it| variable.starts_with(it));
        let read = configuration.contains(&format!("${{{variable}"));
        assert!(known || read, "vector.yaml does not read {variable}");
    }
    for required in configuration.split("${").skip(1) {
        let name = required.split([':', '}']).next().expect("a text has a first part");
        let optional = required[name.len()..].starts_with(":-");
        assert!(optional || vector.contains_key(name), "{name} is not set");
    }
}

/// Kafka makes no topic by itself: a misspelt one is an error, and so is one that is missing.
#[test]
fn every_topic_that_ingest_writes_to_is_made() {
    let compose = compose();
    let services = map(&compose, "services");
    let ingest = map(services["ingest"], "environment");
    let mounted = format!("./ingest.toml:{}:ro", ingest["INGEST_CONFIG"].as_str().expect("a file"));
    assert_eq!(words(services["ingest"], "volumes"), [mounted.as_str()]);
    let environment = |name: &str| Some(ingest.get(name)?.as_str().expect(name).to_owned());
    let file = |name: &str| match name {
        "INGEST_CONFIG" => Some(workspace().join("infra/ingest.toml").display().to_string()),
        name => environment(name),
    };
    let config = ingest::Config::load(None, file).expect("ingest reads it");
    assert!(config.feeds.len() > 1 && config.feeds.iter().all(|feed| feed.books));
    let topics =
        |feed: &ingest::Feed| ["trades", "books"].map(|it| format!("{}.{it}", feed.exchange));
    let topics: Vec<_> = config.feeds.iter().flat_map(topics).collect();
    let script = words(services["topics"], "command").concat();
    assert!(script.contains(&format!("for topic in {}; do", topics.join(" "))), "{script}");
    let port = config.listen.expect("it tells of this moment").port();
    let told = words(services["ingest"], "ports");
    assert_eq!(told, [format!("127.0.0.1:{port}:{port}")], "where it is asked");
}

/// The set-up of the database lets Grafana's role read what the migrations make after it, and no
/// more than read.
#[tokio::test]
async fn grafana_reads_what_the_migrations_make_and_nothing_writes() {
    let compose = compose();
    let grafana = &map(&compose, "services")["grafana"]["environment"];
    let user = grafana["TICKFOLD_DATABASE_USER"].as_str().expect("a user");
    let set_up = map(&compose, "configs")["reader"]["content"].as_str().expect("SQL");
    let postgres = Postgres::shared();
    let url = postgres.database();
    let mut owner = PgConnection::connect(&url).await.expect("connected");
    sqlx::raw_sql(AssertSqlSafe(set_up)).execute(&mut owner).await.expect("the set-up");
    Store::connect(&url, 1).expect("a URL").migrate().await.expect("migrated");

    let url = url.replace("postgres://postgres@", &format!("postgres://{user}@"));
    let mut reader = PgConnection::connect(&url).await.expect("the role may log in");
    for read in ["select from bars", "select from candles", "select from book_bars"] {
        let read = sqlx::query(read).fetch_all(&mut reader).await;
        assert!(read.expect("it may read").is_empty());
    }
    let write = "set transaction read write; delete from bars";
    let refused = sqlx::raw_sql(write).execute(&mut reader).await.expect_err("it may not write");
    assert!(refused.to_string().contains("permission denied for table bars"), "{refused}");
}

#[test]
fn the_images_are_pinned_and_run_as_nobody() {
    let compose = compose();
    let services = map(&compose, "services");
    let built = services.iter().filter(|(_, service)| service["build"].is_object());
    let built: Vec<_> = built.map(|(name, service)| (*name, &service["build"])).collect();
    assert_eq!(built.iter().map(|it| it.0).collect::<Vec<_>>(), ["ingest", "migrate", "serve"]);
    for (service, build) in built {
        assert_eq!(build["context"], "..", "{service}");
        let dockerfile = Dockerfile::read(build["dockerfile"].as_str().expect("a path"));
        dockerfile.is_pinned_and_of_this_workspace();
        dockerfile.runs_as_nobody_with_its_certificates();
    }
}

/// Each of the programs' options that the images name is one that a test runs.
#[test]
fn the_images_start_and_check_what_is_tested() {
    for (program, check, test) in [
        ("ingest", &["--health"][..], "infra/ingest/tests/health.rs"),
        ("tickfold", &["serve", "--health"], "tests/serve.rs"),
    ] {
        let dockerfile = Dockerfile::read(&format!("infra/{program}/Dockerfile"));
        assert_eq!(dockerfile.one("STOPSIGNAL"), "SIGTERM");
        assert_eq!(dockerfile.one("ENTRYPOINT"), format!(r#"["/{program}"]"#));
        let (_, command) = dockerfile.one("HEALTHCHECK").split_once("CMD ").expect("a command");
        let command: Vec<String> = serde_json::from_str(command).expect("words");
        assert_eq!(command[0], format!("/{program}"));
        assert_eq!(command[1..], *check);
        for word in check {
            assert!(text(test).contains(&format!("\"{word}\"")), "{test} does not run {word}");
        }
    }
    let ingest = Dockerfile::read("infra/ingest/Dockerfile");
    assert!(ingest.one("ENV").starts_with("INGEST_HEALTH=127.0.0.1:"));
    let tickfold = Dockerfile::read("infra/tickfold/Dockerfile");
    let port = tickfold.one("ENV").strip_prefix("LISTEN=0.0.0.0:").expect("from outside");
    let port = port.split(' ').next().expect("a text has a first part");
    let compose = compose();
    let ports = words(map(&compose, "services")["serve"], "ports").concat();
    assert!(ports.ends_with(&format!(":{port}")), "{ports} is not where it listens");
}

/// A Dockerfile's instructions, with their continued lines.
struct Dockerfile(Vec<(String, String)>);

impl Dockerfile {
    fn read(path: &str) -> Dockerfile {
        let text = text(path);
        let lines = text.lines().filter(|line| !line.trim_start().starts_with('#'));
        let joined = lines.collect::<Vec<_>>().join("\n").replace("\\\n", " ");
        let instruction = |line: &str| {
            let (name, rest) = line.split_once(' ')?;
            Some((name.to_owned(), rest.trim().to_owned()))
        };
        Dockerfile(joined.lines().filter_map(instruction).collect())
    }

    fn all(&self, name: &str) -> Vec<&str> {
        self.0.iter().filter(|it| it.0 == name).map(|it| it.1.as_str()).collect()
    }

    fn one(&self, name: &str) -> &str {
        let found = self.all(name);
        assert_eq!(found.len(), 1, "{name}: {found:?}");
        found[0]
    }

    fn is_pinned_and_of_this_workspace(&self) {
        let mut stages = vec!["scratch"];
        for from in self.all("FROM") {
            let mut parts = from.split(' ');
            let image = parts.next().expect("an image");
            assert!(stages.contains(&image) || is_pinned(image), "{image} may change");
            stages.extend(parts.nth(1));
        }
        let channel = text("rust-toolchain.toml");
        let compiler = format!("rust:{}-", channel.split('"').nth(1).expect("a version"));
        let ours = self.all("FROM").iter().any(|from| from.starts_with(&compiler));
        assert!(ours, "the compiler is ours");
        for copy in self.all("COPY") {
            let mut words: Vec<&str> = copy.split(' ').collect();
            if let Some(stage) = words[0].strip_prefix("--from=") {
                assert!(stages.contains(&stage), "COPY {copy}");
                continue;
            }
            words.pop().expect("where to");
            for source in words {
                assert!(workspace().join(source).exists(), "COPY {copy}");
            }
        }
    }

    fn runs_as_nobody_with_its_certificates(&self) {
        let (user, group) = self.one("USER").split_once(':').expect("user:group");
        for id in [user, group] {
            assert!(id.parse::<u32>().expect("a number, so that it can be checked") > 0);
        }
        let (_, certificates) = self.one("ENV").split_once(" SSL_CERT_FILE=").expect("for TLS");
        let runs = self.all("RUN");
        let copied = format!("--dereference {certificates} /image/");
        assert!(runs.iter().any(|run| run.contains(&copied)), "{certificates} is not in the image");
        let libraries = |run: &&str| run.contains(" libssl-dev pkg-config");
        assert!(runs.iter().any(libraries), "what infra/setup.sh installs for it");
    }
}

/// Cargo must find every member of the workspace in the context, or it builds none.
#[test]
fn the_context_holds_the_whole_workspace() {
    let ignore = text(".dockerignore");
    let rules: Vec<&str> =
        ignore.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).collect();
    assert_eq!(rules[0], "*", "what is not named is not sent");
    let manifest = text("Cargo.toml");
    let members = manifest.split("members = [").nth(1).and_then(|it| it.split(']').next());
    let members = members.expect("members").split('"').skip(1).step_by(2);
    let folders = members.map(|member| member.split('/').next().expect("a folder"));
    for needed in folders.chain(["Cargo.toml", "Cargo.lock"]) {
        assert!(rules.contains(&format!("!{needed}").as_str()), "{needed} is not in the context");
        assert!(workspace().join(needed).exists(), "{needed}");
    }
    for rule in rules.iter().filter(|rule| !rule.contains('*')) {
        let path = rule.trim_start_matches('!');
        assert!(workspace().join(path).exists(), "{path} is gone");
    }
}
