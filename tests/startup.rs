//! The machine of ingest, from what Terraform tells it at its first start: read by the programs
//! that read it, run where they are here, and held against the code. No machine is started.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use ingest::{Config, Feed, Security, Sink, Stream};
use market::Symbol;
use serde_json::{Value, json};
use tempfile::TempDir;
use tests::kafka::Kafka;
use tests::skipped;
use tests::terraform::Terraform;

const MODULE: &str = "terraform/ingest";
/// Of a t4g.small, the smallest machine that is allowed.
const MACHINE_MEGABYTES: u32 = 2048;
/// What Amazon Linux, Docker and SSM's agent take of it.
const SYSTEM_MEGABYTES: u32 = 280;

/// The files of the machine, below a folder.
struct Machine {
    root: TempDir,
    files: BTreeMap<String, String>,
    commands: Vec<Vec<String>>,
}

fn variables() -> Value {
    let address = json!({ "ingest": "127.0.0.1:9092", "vector": "127.0.0.1:9092" });
    json!({
        "region": "eu-central-1",
        "dns_suffix": "amazonaws.com",
        "images": {
            "kafka": "apache/kafka:4.1.2",
            "vector": "timberio/vector:0.57.0-alpine",
            "ingest": "123456789012.dkr.ecr.eu-central-1.amazonaws.com/tickfold-ingest:1",
        },
        "log_group": "/tickfold",
        "bucket": "trades",
        "feeds": [
            { "exchange": "binance", "symbols": ["BTCUSDT", "ETHUSDT"], "stream": "trade" },
            { "exchange": "kraken", "symbols": ["BTC-USD"] },
        ],
        "books": true,
        "spreads": [{ "of": "binance BTCUSDT", "against": "kraken BTC-USD" }],
        "topics": ["binance.trades", "binance.books", "kraken.trades", "kraken.books"],
        "live_port": 9101,
        "local_kafka": true,
        "volume_id": "vol-0123456789abcdef0",
        "brokers": address,
        "partition": { "count": 6, "retention_minutes": 60 },
    })
}

/// As it is where Kafka is MSK's.
fn variables_of_msk() -> Value {
    let mut variables = variables();
    variables["local_kafka"] = json!(false);
    variables["volume_id"] = json!("");
    variables["brokers"] = json!({ "ingest": "b-1.msk:9098", "vector": "b-1.msk:9094" });
    variables
}

impl Machine {
    fn render(test: &str, variables: &Value) -> Option<Machine> {
        let outputs = Terraform::without_provider(test, MODULE)?.outputs(variables);
        let text = outputs["user_data"]["value"].as_str().expect("user data").to_owned();
        let body = text.strip_prefix("#cloud-config\n").expect("what cloud-init looks for");
        let config: Value = serde_saphyr::from_str(body).expect("YAML");
        let keys: Vec<_> = config.as_object().expect("a map").keys().collect();
        assert_eq!(keys, ["runcmd", "write_files"], "modules of cloud-init");
        let root = tempfile::tempdir().expect("a folder");
        let mut files = BTreeMap::new();
        for file in config["write_files"].as_array().expect("files") {
            let of = |key: &str| file[key].as_str().expect("a text");
            let path = root.path().join(&of("path")[1..]);
            fs::create_dir_all(path.parent().expect("a folder")).expect("made");
            fs::write(&path, of("content")).expect("written");
            let mode = u32::from_str_radix(of("permissions"), 8).expect("octal");
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("set");
            files.insert(of("path").to_owned(), of("content").to_owned());
        }
        let commands = serde_json::from_value(config["runcmd"].clone()).expect("commands");
        Some(Machine { root, files, commands })
    }

    fn file(&self, path: &str) -> &str {
        self.files.get(path).unwrap_or_else(|| panic!("{path} is not written"))
    }

    fn below(&self, folder: &str) -> Vec<PathBuf> {
        let paths = self.files.keys().filter(|path| path.starts_with(folder));
        paths.map(|path| self.root.path().join(&path[1..])).collect()
    }

    /// The units by their names, each line that is continued as one.
    fn units(&self) -> BTreeMap<String, String> {
        let unit = |(path, text): (&String, &String)| {
            let name = path.strip_prefix("/etc/systemd/system/tickfold-")?;
            Some((name.strip_suffix(".service")?.to_owned(), text.replace("\\\n", " ")))
        };
        self.files.iter().filter_map(unit).collect()
    }

    /// `NAME=value` of each line.
    fn environment(&self, path: &str) -> BTreeMap<&str, &str> {
        self.file(path).lines().map(|line| line.split_once('=').expect(line)).collect()
    }

    /// ingest's settings as its container reads them.
    fn ingest(&self) -> Config {
        let environment = self.environment("/etc/tickfold/ingest.env");
        let mounted = "/etc/tickfold/ingest.toml:/etc/ingest.toml:ro";
        assert!(self.units()["ingest"].contains(mounted));
        let file = self.root.path().join("etc/tickfold/ingest.toml").display().to_string();
        let read = |name: &str| match (name, environment.get(name)) {
            ("INGEST_CONFIG", Some(&"/etc/ingest.toml")) => Some(file.clone()),
            (_, said) => said.map(|value| (*value).to_owned()),
        };
        Config::load(None, read).expect("ingest reads it")
    }
}

fn workspace() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests is a member")
}

fn yaml(path: &str) -> Value {
    let text = fs::read_to_string(workspace().join(path)).expect(path);
    serde_saphyr::from_str(&text).expect("YAML")
}

/// What a program says of files, or `None` and a line that says so where it is not here.
fn judged(program: &str, arguments: &[&str], files: &[PathBuf]) -> Option<Output> {
    match Command::new(program).args(arguments).args(files).output() {
        Ok(output) => Some(output),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            skipped("start-up", &format!("no {program} here, which would have read {files:?}"));
            None
        }
        Err(error) => panic!("{program} does not start: {error}"),
    }
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&[&output.stdout[..], &output.stderr].concat()).into_owned()
}

#[test]
fn scripts_and_units_are_what_their_programs_read() {
    for variables in [variables(), variables_of_msk()] {
        let Some(machine) = Machine::render("start-up", &variables) else { return };
        let scripts = machine.below("/usr/local/lib/tickfold/");
        assert!(scripts.len() >= 2, "{scripts:?}");
        for script in &scripts {
            let output = judged("bash", &["-n"], std::slice::from_ref(script)).expect("bash");
            assert!(output.status.success(), "{}", said(&output));
        }
        if let Some(output) = judged("shellcheck", &[], &scripts) {
            assert!(output.status.success(), "{}", said(&output));
        }
        let units = machine.below("/etc/systemd/system/");
        if let Some(output) = judged("systemd-analyze", &["verify", "--man=no"], &units) {
            // The only complaint may be of programs that are on that machine and not on this one.
            let there = |path: &str| path == "/usr/bin/docker" || machine.files.contains_key(path);
            for line in said(&output).lines().filter(|line| line.contains("tickfold")) {
                let missing = line.split("Command ").nth(1).and_then(|it| it.split(' ').next());
                assert!(missing.is_some_and(there), "{line}");
            }
        }
    }
}

#[test]
fn ingest_reads_its_settings() {
    let Some(machine) = Machine::render("ingest's settings", &variables()) else { return };
    let config = machine.ingest();
    let Sink::Kafka(kafka) = &config.sink else { panic!("{config:?}") };
    assert_eq!((&*kafka.brokers, &kafka.security), ("127.0.0.1:9092", &Security::Plaintext));
    let feed = |feed: &Feed| {
        let symbols: Vec<_> = feed.symbols.iter().map(Symbol::as_str).collect();
        (feed.exchange.to_string(), symbols.join(","), feed.stream, feed.books)
    };
    let feeds: Vec<_> = config.feeds.iter().map(feed).collect();
    let binance = ("binance".to_owned(), "BTCUSDT,ETHUSDT".to_owned(), Stream::Trade, true);
    let kraken = ("kraken".to_owned(), "BTC-USD".to_owned(), Stream::AggTrade, true);
    assert_eq!(feeds, [binance, kraken]);
    assert_eq!(config.listen, Some("0.0.0.0:9101".parse().expect("an address")));
    let spreads: Vec<String> = config.spreads.iter().map(ToString::to_string).collect();
    assert_eq!(spreads, ["binance BTCUSDT against kraken BTC-USD"]);

    let Some(machine) = Machine::render("ingest's settings", &variables_of_msk()) else { return };
    let Sink::Kafka(kafka) = machine.ingest().sink else { panic!("MSK is Kafka") };
    assert_eq!((&*kafka.brokers, kafka.security), ("b-1.msk:9098", Security::MskIam));
}

#[test]
fn vector_gets_the_repositorys_configuration_and_all_it_asks_for() {
    let Some(machine) = Machine::render("Vector's settings", &variables()) else { return };
    let text = machine.file("/etc/tickfold/vector/vector.yaml");
    assert_eq!(text, fs::read_to_string(workspace().join("vector/vector.yaml")).expect("a file"));
    let environment = machine.environment("/etc/tickfold/vector.env");
    for asked in text.split("${").skip(1) {
        let name = asked.split([':', '}']).next().expect("a name");
        let optional = asked[name.len()..].starts_with(":-");
        assert!(optional || environment.contains_key(name), "{name} is not set");
    }
    let compose = &yaml("infra/compose.yaml")["services"]["vector"]["environment"];
    for name in
        ["VECTOR_DANGEROUSLY_ALLOW_ENV_VAR_INTERPOLATION", "VECTOR_GRACEFUL_SHUTDOWN_LIMIT_SECS"]
    {
        let there = &compose[name];
        let there = there.as_str().map_or(there.to_string(), str::to_owned);
        assert_eq!(environment[name], there, "{name} is as in infra/compose.yaml");
    }

    let Some(machine) = Machine::render("Vector's settings", &variables_of_msk()) else { return };
    let text = machine.file("/etc/tickfold/vector/vector.yaml");
    let mut changed: Value = serde_saphyr::from_str(text).expect("YAML");
    let lines = changed["sources"]["lines"].as_object_mut().expect("the source");
    assert_eq!(lines.remove("tls"), Some(json!({ "enabled": true })), "MSK speaks TLS only");
    assert_eq!(changed, yaml("vector/vector.yaml"), "nothing else is different before MSK");
}

#[test]
fn what_a_unit_names_is_there_and_ends_in_time() {
    for variables in [variables(), variables_of_msk()] {
        let Some(machine) = Machine::render("units", &variables) else { return };
        let units = machine.units();
        let enabled = machine.commands.last().expect("a command");
        let mut memory = SYSTEM_MEGABYTES;
        for (name, unit) in &units {
            assert!(enabled.contains(&format!("tickfold-{name}.service")), "{name} is not started");
            for word in unit.split_whitespace() {
                let path = word.trim_start_matches("--volume=").trim_start_matches("--env-file=");
                let path = path.split(['=', ':']).find(|it| it.starts_with('/')).unwrap_or("");
                let ours = ["/etc/tickfold/", "/usr/local/lib/tickfold/"];
                if ours.iter().any(|folder| path.starts_with(folder)) {
                    assert!(machine.root.path().join(&path[1..]).exists(), "{name}: {path}");
                }
            }
            let Some(run) =
                unit.lines().find_map(|line| line.strip_prefix("ExecStart=/usr/bin/docker run "))
            else {
                continue;
            };
            let option = |option: &str| {
                let mut words = run.split_whitespace();
                let value = words.find_map(|word| word.strip_prefix(option)?.strip_prefix('='));
                value.unwrap_or_else(|| panic!("{name}: no {option}"))
            };
            let setting = |key: &str| {
                let value = unit.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('='));
                value.unwrap_or_else(|| panic!("{name}: no {key}"))
            };
            assert_eq!(option("--name"), name);
            memory += option("--memory").trim_end_matches('m').parse::<u32>().expect("megabytes");
            let stop: u32 = option("--stop-timeout").parse().expect("seconds");
            let unit_stop: u32 = setting("TimeoutStopSec").parse().expect("seconds");
            assert!(unit_stop > stop, "{name}: systemd would kill it before Docker does");
            let at_least = match name.as_str() {
                "ingest" => machine.ingest().drain.as_secs() as u32 + 5,
                "vector" => 115 + 5,
                _ => 30,
            };
            assert!(stop >= at_least, "{name} needs {at_least} s to end");
            assert_eq!(setting("Restart"), "always", "{name}");
            assert_eq!(setting("StartLimitIntervalSec"), "0", "{name}: systemd would give it up");
        }
        assert_eq!(enabled.len(), 4 + units.len(), "{enabled:?}");
        assert!(memory <= MACHINE_MEGABYTES, "{memory} MB do not fit into the smallest machine");
    }
}

/// `key=value` of the lines that are no comment.
fn properties(text: &str) -> BTreeMap<String, String> {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let pairs = lines.filter_map(|line| line.split_once('='));
    pairs.map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
}

/// `--config=key=value` of the script that makes the topics.
fn topic_settings(script: &str) -> Vec<(&str, &str)> {
    let words = script.split_whitespace().filter_map(|word| word.strip_prefix("--config="));
    words.map(|pair| pair.trim_end_matches(';').split_once('=').expect(pair)).collect()
}

#[test]
fn kafka_is_set_as_on_a_laptop() {
    let Some(machine) = Machine::render("Kafka's settings", &variables()) else { return };
    let compose = yaml("infra/compose.yaml");
    let service = &compose["services"]["kafka"];
    let ours = properties(machine.file("/etc/tickfold/kafka/server.properties"));
    let theirs = service["environment"].as_object().expect("variables");
    // Of the image and of Java, not of Kafka; and where it is reached.
    let elsewhere = ["KAFKA_HEAP_OPTS", "CLUSTER_ID"];
    let addresses = ["listeners", "advertised.listeners", "controller.quorum.voters"];
    let mut known = BTreeSet::new();
    for (variable, value) in theirs.iter().filter(|it| !elsewhere.contains(&it.0.as_str())) {
        let key = variable.trim_start_matches("KAFKA_").to_lowercase().replace('_', ".");
        let value = value.as_str().map_or(value.to_string(), str::to_owned);
        assert!(addresses.contains(&&*key) || ours.get(&key) == Some(&value), "{key}: {ours:?}");
        known.insert(key);
    }
    assert_eq!(known, ours.keys().cloned().collect(), "no setting more, and none less");
    let unit = &machine.units()["kafka"];
    for variable in elsewhere {
        let value = theirs[variable].as_str().expect("a text");
        assert!(unit.contains(&format!("--env={variable}={value}")), "{variable}");
    }
    for (of, unit) in [("kafka", "kafka"), ("vector", "vector")] {
        let image = compose["services"][of]["image"].as_str().expect("an image");
        assert!(machine.units()[unit].contains(image), "{image} is what was tried");
        let stack = fs::read_to_string(workspace().join("terraform/ingest.tf")).expect("a file");
        assert!(stack.contains(&format!("\"{image}\"")), "terraform/ingest.tf: {image}");
    }

    let script = machine.file("/usr/local/lib/tickfold/topics");
    let command = compose["services"]["topics"]["command"][0].as_str().expect("a script");
    assert_eq!(topic_settings(script), topic_settings(command));
    let partitions = command.split_whitespace().find(|word| word.starts_with("--partitions="));
    assert!(script.contains(partitions.expect("a number of partitions")), "{partitions:?}");
    let topics = "topics=(binance.trades binance.books kraken.trades kraken.books)";
    assert!(script.contains(topics), "the topics that ingest writes to");
}

#[tokio::test]
async fn kafka_itself_starts_with_its_settings_and_takes_the_topics() {
    let Some(machine) = Machine::render("Kafka with its settings", &variables()) else { return };
    let settings = machine.file("/etc/tickfold/kafka/server.properties");
    let kafka = Kafka::start_with("Kafka with its settings", "not tested", settings).await;
    let Some(kafka) = kafka else { return };
    let topic = topic_settings(machine.file("/usr/local/lib/tickfold/topics"));
    assert!(topic.len() >= 6, "{topic:?}");
    // It refuses a setting that it does not know, and one that it does not understand.
    kafka.create_topic("binance.trades", 6, &topic).await;
}
