//! A private Apache Kafka broker: its own folder and ports, gone with the test that started it. No
//! other Kafka of this machine is touched.
//!
//! It comes from `KAFKA_HOME`, else from its published artifacts, which Maven loads once.

use std::fs::{self, File};
use std::io::{self, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use std::{env, thread};

use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use tempfile::TempDir;
use tokio::sync::{Mutex, MutexGuard};

use crate::{binary, skipped};

const POM: &str = include_str!("kafka/pom.xml");
/// The least that Kafka 4 runs on.
const JAVA: u32 = 17;
/// It takes three seconds on an idle machine, and some more after a crash.
const START_TIMEOUT: Duration = Duration::from_secs(120);

/// What a topic of trades is created with: half an hour for whoever reads it to be away.
///
/// By the broker's clock, as a record with the trade's own time would be too old on arrival when
/// it is a late one. Kafka deletes whole segments only, and by default a segment takes a week.
pub const TOPIC_SETTINGS: [(&str, &str); 5] = [
    ("message.timestamp.type", "LogAppendTime"),
    ("retention.ms", "1800000"),
    ("segment.ms", "60000"),
    ("segment.bytes", "67108864"),
    ("file.delete.delay.ms", "10000"),
];

pub struct Kafka {
    libraries: String,
    folder: TempDir,
    ports: Ports,
    broker: Child,
    /// Each takes half a gigabyte: one at a time.
    _turn: MutexGuard<'static, ()>,
}

struct Ports {
    plain: u16,
    tokens: u16,
    controller: u16,
}

impl Kafka {
    /// `None`, and a line that says so, where there is no Kafka; `instead` is what the test does
    /// then.
    pub async fn start(test: &str, instead: &str) -> Option<Kafka> {
        Kafka::start_as(test, instead, settings).await
    }

    /// With somebody else's settings, but for the folder and the ports.
    pub async fn start_with(test: &str, instead: &str, properties: &str) -> Option<Kafka> {
        Kafka::start_as(test, instead, |folder, ports| moved(properties, folder, ports)).await
    }

    async fn start_as(
        test: &str,
        instead: &str,
        settings: impl FnOnce(&Path, &Ports) -> String,
    ) -> Option<Kafka> {
        static TURN: Mutex<()> = Mutex::const_new(());
        let turn = TURN.lock().await;
        match libraries() {
            Ok(libraries) => Some(Kafka::start_on(libraries, settings, turn)),
            Err(why) => {
                let needs = format!("needs Java {JAVA} and Maven, or KAFKA_HOME: {why}");
                skipped(test, &format!("no Kafka here ({needs}): {instead}"));
                None
            }
        }
    }

    fn start_on(
        libraries: String,
        settings: impl FnOnce(&Path, &Ports) -> String,
        turn: MutexGuard<'static, ()>,
    ) -> Kafka {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let ports = free_ports();
        let settings = settings(folder.path(), &ports);
        fs::write(folder.path().join("server.properties"), settings).expect("written");
        let format = java(&libraries, &folder, "kafka.tools.StorageTool")
            .args(["format", "--cluster-id", "dGlja2ZvbGQtdGVzdHMtMQ", "--config"])
            .arg(folder.path().join("server.properties"))
            .output()
            .expect("Java starts");
        assert!(format.status.success(), "{}", String::from_utf8_lossy(&format.stderr));
        let broker = spawn(&libraries, &folder);
        let mut kafka = Kafka { libraries, folder, ports, broker, _turn: turn };
        kafka.wait_until_ready();
        kafka
    }

    pub fn brokers(&self) -> String {
        format!("127.0.0.1:{}", self.ports.plain)
    }

    /// The same broker, where it asks for OAUTHBEARER tokens; it believes unsecured ones.
    pub fn brokers_with_tokens(&self) -> String {
        format!("127.0.0.1:{}", self.ports.tokens)
    }

    /// The broker is gone, as after a power cut.
    pub fn kill(&mut self) {
        self.broker.kill().expect("a process of ours");
        self.broker.wait().expect("it has ended");
    }

    /// Starts it on the same folder and port.
    pub fn restart(&mut self) {
        self.broker = spawn(&self.libraries, &self.folder);
        self.wait_until_ready();
    }

    pub async fn create_topic(&self, name: &str, partitions: i32, settings: &[(&str, &str)]) {
        let admin: AdminClient<DefaultClientContext> = self.client().create().expect("a client");
        let topic = NewTopic::new(name, partitions, TopicReplication::Fixed(1));
        let topic = settings.iter().fold(topic, |topic, (key, value)| topic.set(key, value));
        let made = admin.create_topics([&topic], &AdminOptions::new()).await;
        made.expect("the broker answers").remove(0).expect("the topic is new");
    }

    /// The beginning of a client's configuration.
    pub fn client(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", self.brokers()).set("reconnect.backoff.max.ms", "500");
        config
    }

    /// Until it tells of itself: its port answers long before it can serve.
    fn wait_until_ready(&mut self) {
        let client: BaseConsumer = self.client().create().expect("a client");
        let deadline = Instant::now() + START_TIMEOUT;
        loop {
            let ended = self.broker.try_wait().expect("a process of ours").is_some();
            assert!(!ended && Instant::now() < deadline, "Kafka did not start: {}", self.log());
            let metadata = client.fetch_metadata(None, Duration::from_secs(1));
            if metadata.is_ok_and(|metadata| !metadata.brokers().is_empty()) {
                return;
            }
            thread::sleep(Duration::from_millis(50));
        }
    }

    fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log.txt")).unwrap_or_default()
    }
}

impl Drop for Kafka {
    fn drop(&mut self) {
        let _ = self.broker.kill();
        let _ = self.broker.wait();
    }
}

/// One node that is broker and controller.
fn settings(folder: &Path, Ports { plain, tokens, controller }: &Ports) -> String {
    let security = "org.apache.kafka.common.security.oauthbearer";
    let (host, validator) = ("127.0.0.1", "OAuthBearerUnsecuredValidatorCallbackHandler");
    format!(
        "
        process.roles=broker,controller
        node.id=1
        controller.quorum.voters=1@{host}:{controller}
        listeners=PLAIN://{host}:{plain},TOKENS://{host}:{tokens},CONTROLLER://{host}:{controller}
        advertised.listeners=PLAIN://{host}:{plain},TOKENS://{host}:{tokens}
        listener.security.protocol.map=PLAIN:PLAINTEXT,CONTROLLER:PLAINTEXT,TOKENS:SASL_PLAINTEXT
        sasl.enabled.mechanisms=OAUTHBEARER
        listener.name.tokens.oauthbearer.sasl.jaas.config={security}.OAuthBearerLoginModule \
            required unsecuredLoginStringClaim_sub=\"broker\";
        listener.name.tokens.oauthbearer.sasl.server.callback.handler.class=\
            {security}.internals.unsecured.{validator}
        # A connection ends with its token, unless a new one was shown.
        listener.name.tokens.oauthbearer.connections.max.reauth.ms=60000
        controller.listener.names=CONTROLLER
        inter.broker.listener.name=PLAIN
        log.dirs={data}
        # A misspelt topic is an error, as it is where others own the broker.
        auto.create.topics.enable=false
        offsets.topic.replication.factor=1
        offsets.topic.num.partitions=1
        transaction.state.log.replication.factor=1
        transaction.state.log.min.isr=1
        share.coordinator.state.topic.replication.factor=1
        share.coordinator.state.topic.min.isr=1
        group.initial.rebalance.delay.ms=0
        # After a crash the new broker waits until the old one counts as gone.
        broker.session.timeout.ms=2000
        broker.heartbeat.interval.ms=500
        # How often is looked for what can be deleted; five minutes by default.
        log.retention.check.interval.ms=500
        log.initial.task.delay.ms=500
        ",
        data = folder.join("data").display(),
    )
}

/// Settings that name the usual ports of this machine, elsewhere.
fn moved(properties: &str, folder: &Path, Ports { plain, controller, .. }: &Ports) -> String {
    let moved = |line: &str| match line.split_once('=') {
        Some(("log.dirs", _)) => format!("log.dirs={}", folder.join("data").display()),
        _ => line
            .replace("127.0.0.1:9092", &format!("127.0.0.1:{plain}"))
            .replace("127.0.0.1:9093", &format!("127.0.0.1:{controller}")),
    };
    properties.lines().map(|line| moved(line) + "\n").collect()
}

fn spawn(libraries: &str, folder: &TempDir) -> Child {
    let log = File::options().create(true).append(true).open(folder.path().join("log.txt"));
    let log = log.expect("a file for the log");
    java(libraries, folder, "kafka.Kafka")
        .arg(folder.path().join("server.properties"))
        .stdout(log.try_clone().expect("a second handle"))
        .stderr(log)
        .spawn()
        .expect("Java starts")
}

fn java(libraries: &str, folder: &TempDir, class: &str) -> Command {
    let mut java = Command::new("java");
    java.args(["-Xms128m", "-Xmx384m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"]);
    java.args(["-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "-cp", libraries, class]);
    java.current_dir(folder.path()).stdin(Stdio::null());
    java
}

/// Free at this moment; the kernel gives them to nobody else for a while.
fn free_ports() -> Ports {
    let listeners = [(); 3].map(|()| TcpListener::bind("127.0.0.1:0").expect("a free port"));
    let [plain, tokens, controller] =
        listeners.map(|listener| listener.local_addr().expect("an address").port());
    Ports { plain, tokens, controller }
}

/// Kafka's class path, or why there is none.
fn libraries() -> Result<String, String> {
    let found = java_version().ok_or("no java")?;
    if found < JAVA {
        return Err(format!("java is version {found}"));
    }
    if let Some(home) = env::var_os("KAFKA_HOME") {
        let libraries = PathBuf::from(home).join("libs");
        let there = libraries.is_dir();
        return there
            .then(|| format!("{}/*", libraries.display()))
            .ok_or_else(|| format!("{} is no folder", libraries.display()));
    }
    let target = binary::target();
    let folder = target.join("kafka");
    if fs::read_to_string(folder.join("pom.xml")).is_ok_and(|pom| pom == POM) {
        return Ok(format!("{}/*", folder.display()));
    }
    load(&target, &folder)?;
    Ok(format!("{}/*", folder.display()))
}

/// 43 MB, some seconds.
fn load(target: &Path, folder: &Path) -> Result<(), String> {
    let _ = writeln!(io::stderr(), "loading Apache Kafka with Maven, once");
    // Beside its place, and moved there whole: several tests may do this at a time.
    let loaded = tempfile::tempdir_in(target).map_err(|error| error.to_string())?;
    let pom = loaded.path().join("pom.xml");
    fs::write(&pom, POM).map_err(|error| error.to_string())?;
    let maven = Command::new("mvn")
        .args(["--batch-mode", "--quiet", "dependency:copy-dependencies", "--file"])
        .arg(&pom)
        .arg(format!("-DoutputDirectory={}", loaded.path().display()))
        .stdin(Stdio::null())
        .output()
        .map_err(|_| "no mvn")?;
    if !maven.status.success() {
        let said = String::from_utf8_lossy(&maven.stdout).into_owned();
        let error = said.lines().find(|line| line.contains("ERROR")).unwrap_or("mvn failed");
        return Err(error.to_owned());
    }
    let _ = fs::remove_dir_all(folder);
    // If another test was faster, its folder is as good.
    let _ = fs::rename(loaded.keep(), folder);
    Ok(())
}

/// `openjdk version "17.0.15" 2025-04-15` -> 17
fn java_version() -> Option<u32> {
    let said = Command::new("java").arg("-version").output().ok()?.stderr;
    let said = String::from_utf8(said).ok()?;
    let version = said.split('"').nth(1)?;
    version.split(['.', '-', '+']).next()?.parse().ok()
}
