//! The program itself, as the container runs it: signals, exit codes, and what it logs.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use rdkafka::consumer::{Consumer, StreamConsumer};
use rdkafka::mocking::MockCluster;
use rdkafka::{ClientConfig, Message as _, Offset, TopicPartitionList};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;

/// Nothing here takes so long, however busy the machine is.
const SOON: Duration = Duration::from_secs(300);

async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    tokio::time::timeout(SOON, future).await.unwrap_or_else(|_| panic!("no sign of {what}"))
}

fn ingest() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ingest"));
    command.env_clear().stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// A running program that does not outlive its test.
struct Program(Option<Child>);

impl Program {
    fn signal(&self, name: &str) {
        let id = self.0.as_ref().expect("it runs").id();
        let kill = format!("kill -{name} {id}");
        assert!(Command::new("sh").args(["-c", &kill]).status().expect("a shell").success());
    }

    /// Waits for the end; what it logged meanwhile must fit into a pipe.
    async fn output(mut self) -> Output {
        let child = self.0.take().expect("it runs");
        let wait = tokio::task::spawn_blocking(|| child.wait_with_output());
        soon("the end", wait).await.expect("no panic").expect("an exit code")
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        if let Some(child) = &mut self.0 {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn trade(id: u64) -> Message {
    Message::text(format!(
        r#"{{"stream":"btcusdt@aggTrade","data":{{"e":"aggTrade","E":1700000000125,"s":"BTCUSDT","a":{id},"p":"43000.01000000","q":"0.00123000","f":{id},"l":{id},"T":1700000000120,"m":false,"M":true}}}}"#
    ))
}

async fn accept(listener: &TcpListener) -> WebSocketStream<TcpStream> {
    let (stream, _) = soon("a connection", listener.accept()).await.expect("a connection");
    tokio_tungstenite::accept_async(stream).await.expect("a websocket")
}

/// Returns once everything that was sent so far has been read.
async fn read_so_far(socket: &mut WebSocketStream<TcpStream>) {
    socket.send(Message::Ping("so far".into())).await.expect("a ping");
    let pong = soon("a pong", socket.next()).await.expect("a frame").expect("a frame");
    assert_eq!(pong, Message::Pong("so far".into()));
}

fn consumer(brokers: &str) -> StreamConsumer {
    let consumer: StreamConsumer = ClientConfig::new()
        .set("bootstrap.servers", brokers)
        .set("group.id", "tests")
        .set("enable.auto.commit", "false")
        .create()
        .expect("a consumer");
    let mut partitions = TopicPartitionList::new();
    partitions.add_partition_offset("binance.trades", 0, Offset::Beginning).expect("an offset");
    consumer.assign(&partitions).expect("an assignment");
    consumer
}

async fn stopped_by(signal: &str) {
    let cluster = MockCluster::new(1).expect("a mock cluster");
    cluster.create_topic("binance.trades", 1, 1).expect("a topic");
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let child = ingest()
        .env("KAFKA_BROKERS", cluster.bootstrap_servers())
        .env("INGEST_EXCHANGE", "binance")
        .env("INGEST_SYMBOLS", "BTCUSDT")
        .env("INGEST_URL", format!("ws://{}", listener.local_addr().expect("an address")))
        .spawn();
    let program = Program(Some(child.expect("the program starts")));
    let mut socket = accept(&listener).await;
    cluster.broker_down(1).expect("down");
    for id in 1..=100 {
        socket.send(trade(id)).await.expect("sent");
    }
    socket.send(Message::text(r#"{"e":"aggTrade","s":"BTCUSDT"}"#)).await.expect("sent");
    socket.send(trade(104)).await.expect("sent");
    read_so_far(&mut socket).await;
    program.signal(signal);
    let goodbye = soon("a goodbye", socket.next()).await.expect("a frame").expect("a frame");
    assert!(goodbye.is_close(), "{goodbye:?}");
    cluster.broker_up(1).expect("up");

    let output = program.output().await;
    let log = String::from_utf8(output.stderr).expect("text");
    assert!(output.status.success(), "{log}");
    assert!(output.stdout.is_empty());
    for expected in [
        r#"unreadable frame: not the expected JSON: missing field `a`"#,
        r#""{\"e\":\"aggTrade\",\"s\":\"BTCUSDT\"}""#,
        "binance BTCUSDT: 3 trades are missing, ids 101 to 103",
        "stopped: 101 of 101 lines are with Kafka",
    ] {
        assert!(log.contains(expected), "{expected}: {log}");
    }
    let consumer = consumer(&cluster.bootstrap_servers());
    for id in (1..=100).chain([104]) {
        let message = soon("a line", consumer.recv()).await.expect("a line");
        let line = String::from_utf8_lossy(message.payload().expect("a value")).into_owned();
        assert!(line.contains(&format!(r#""first_id":{id},"#)), "{id}: {line}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sigterm_ends_it_with_everything_delivered() {
    stopped_by("TERM").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sigint_does_the_same() {
    stopped_by("INT").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn lines_that_cannot_be_delivered_are_named_and_the_exit_code_is_1() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let child = ingest()
        .env("KAFKA_BROKERS", nobody.local_addr().expect("an address").to_string())
        .env("INGEST_EXCHANGE", "binance")
        .env("INGEST_SYMBOLS", "BTCUSDT")
        .env("INGEST_DRAIN_SECONDS", "1")
        .env("INGEST_URL", format!("ws://{}", listener.local_addr().expect("an address")))
        .spawn();
    let program = Program(Some(child.expect("the program starts")));
    let mut socket = accept(&listener).await;
    for id in 1..=7 {
        socket.send(trade(id)).await.expect("sent");
    }
    read_so_far(&mut socket).await;
    program.signal("TERM");
    let output = program.output().await;
    let log = String::from_utf8(output.stderr).expect("text");
    assert_eq!(output.status.code(), Some(1), "{log}");
    assert!(log.contains("within 1 s: 7 lines: 7 of binance BTCUSDT (ids 1-7)"), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn kafka_going_and_coming_back_is_said_once_each() {
    let cluster = MockCluster::new(1).expect("a mock cluster");
    cluster.create_topic("binance.trades", 1, 1).expect("a topic");
    cluster.broker_down(1).expect("down");
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let child = ingest()
        .env("KAFKA_BROKERS", cluster.bootstrap_servers())
        .env("INGEST_EXCHANGE", "binance")
        .env("INGEST_SYMBOLS", "BTCUSDT")
        .env("INGEST_URL", format!("ws://{}", listener.local_addr().expect("an address")))
        .spawn();
    let mut child = child.expect("the program starts");
    let log = BufReader::new(child.stderr.take().expect("a pipe"));
    let (lines, mut logged) = tokio::sync::mpsc::unbounded_channel();
    std::thread::spawn(move || {
        log.lines().map_while(Result::ok).try_for_each(|line| lines.send(line))
    });
    let program = Program(Some(child));
    let mut socket = accept(&listener).await;
    socket.send(trade(1)).await.expect("sent");

    let mut seen = Vec::new();
    for expected in [" has acknowledged nothing for 5 s: ", " acknowledges again, after "] {
        while !seen.last().is_some_and(|line: &String| line.contains(expected)) {
            seen.push(soon(expected, logged.recv()).await.expect("a line"));
        }
        cluster.broker_up(1).expect("up");
    }
    program.signal("TERM");
    assert!(program.output().await.status.success());
    let kafka = |line: &&String| line.contains("Kafka at ");
    assert_eq!(seen.iter().filter(kafka).count(), 2, "{seen:#?}");
    assert!(seen.iter().any(|line| line.contains("; 1 lines wait")), "{seen:#?}");
}

#[test]
fn it_explains_itself_and_refuses_what_it_cannot_do() {
    let run = |arguments: &[&str]| ingest().args(arguments).output().expect("the program starts");
    let text = |mut bytes: &[u8]| {
        let mut text = String::new();
        bytes.read_to_string(&mut text).expect("text");
        text
    };
    let help = run(&["--help"]);
    assert!(help.status.success() && text(&help.stdout).contains("--config <FILE>"));
    let version = run(&["--version"]);
    assert_eq!(text(&version.stdout), format!("ingest {}\n", env!("CARGO_PKG_VERSION")));
    let nothing = run(&[]);
    assert_eq!(nothing.status.code(), Some(1));
    assert!(text(&nothing.stderr).contains("kafka.brokers: missing; set KAFKA_BROKERS"));
}
