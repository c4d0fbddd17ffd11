//! `ingest --health`, as a container's health check calls it.

use std::net::TcpListener as StdListener;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use futures_util::SinkExt;
use rdkafka::mocking::MockCluster;
use tokio::net::TcpListener;
use tokio_tungstenite::tungstenite::Message;

/// Nothing here takes so long, however busy the machine is.
const SOON: Duration = Duration::from_secs(120);

fn ingest(env: &[(&str, &str)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ingest"));
    command.env_clear().envs(env.iter().copied()).stdin(Stdio::null());
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn check(env: &[(&str, &str)]) -> Output {
    ingest(env).arg("--health").output().expect("the program starts")
}

fn log(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// A running program that does not outlive its test.
struct Program(Child);

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn free_address() -> String {
    let listener = StdListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("an address").to_string()
}

/// Asks until the answer is as expected.
async fn until(what: &str, env: &[(&str, &str)], mut expected: impl FnMut(&Output) -> bool) {
    let deadline = Instant::now() + SOON;
    loop {
        let output = check(env);
        if expected(&output) {
            return;
        }
        assert!(Instant::now() < deadline, "no sign of {what}: {output:?}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_healthy_while_kafka_acknowledges_and_only_then() {
    let cluster = MockCluster::new(1).expect("a mock cluster");
    cluster.create_topic("binance.trades", 1, 1).expect("a topic");
    let exchange = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let health = free_address();
    let program = ingest(&[
        ("KAFKA_BROKERS", cluster.bootstrap_servers().as_str()),
        ("INGEST_EXCHANGE", "binance"),
        ("INGEST_SYMBOLS", "BTCUSDT"),
        ("INGEST_URL", &format!("ws://{}", exchange.local_addr().expect("an address"))),
        ("INGEST_HEALTH", &health),
    ])
    .stderr(Stdio::null())
    .spawn();
    let _program = Program(program.expect("the program starts"));
    let (stream, _) = exchange.accept().await.expect("a connection");
    let mut socket = tokio_tungstenite::accept_async(stream).await.expect("a websocket");
    let asked = [("INGEST_HEALTH", health.as_str())];
    let strict = [("INGEST_HEALTH", health.as_str()), ("INGEST_HEALTH_SECONDS", "2")];

    // Not one trade has come, yet it has only just started.
    let output = check(&asked);
    assert!(output.status.success(), "{output:?}");
    let nothing = "nothing was acknowledged for ";
    until("its age", &strict, |output| log(output).contains(nothing)).await;

    let mut id = 0;
    until("an acknowledgement", &strict, |output| {
        id += 1;
        let trade = format!(
            r#"{{"stream":"btcusdt@aggTrade","data":{{"e":"aggTrade","E":1700000000125,"s":"BTCUSDT","a":{id},"p":"43000.01","q":"0.00123","f":{id},"l":{id},"T":1700000000120,"m":false,"M":true}}}}"#
        );
        let sent = tokio::task::block_in_place(|| {
            tokio::runtime::Handle::current().block_on(socket.send(Message::text(trade)))
        });
        sent.expect("sent");
        output.status.success()
    })
    .await;
    let output = check(&asked);
    assert!(output.stdout.starts_with(b"a line was acknowledged "), "{output:?}");

    cluster.broker_down(1).expect("down");
    until("its failure", &strict, |output| output.status.code() == Some(1)).await;
}

#[test]
fn it_is_not_healthy_when_nobody_answers_or_nobody_was_to_be_asked() {
    let nobody = free_address();
    for (env, expected) in [
        (vec![], "INGEST_HEALTH: not set, so there is nobody to ask".to_owned()),
        (
            vec![("INGEST_HEALTH", nobody.as_str())],
            format!("ingest at {nobody}: Connection refused"),
        ),
        (
            vec![("INGEST_HEALTH", "localhost")],
            r#"INGEST_HEALTH: "localhost" is not an address and a port, such as 127.0.0.1:9100"#
                .to_owned(),
        ),
        (
            vec![("INGEST_HEALTH", &nobody), ("INGEST_HEALTH_SECONDS", "5m")],
            r#"INGEST_HEALTH_SECONDS: "5m" is not a whole number of seconds"#.to_owned(),
        ),
    ] {
        let output = check(&env);
        assert_eq!(output.status.code(), Some(1), "{expected}");
        assert!(log(&output).contains(&expected), "{expected}: {}", log(&output));
    }
}

#[test]
fn a_taken_port_is_a_refusal_to_start() {
    let taken = StdListener::bind("127.0.0.1:0").expect("a free port");
    let address = taken.local_addr().expect("an address").to_string();
    let output = ingest(&[
        ("KAFKA_BROKERS", "127.0.0.1:9092"),
        ("INGEST_EXCHANGE", "binance"),
        ("INGEST_SYMBOLS", "BTCUSDT"),
        ("INGEST_HEALTH", &address),
    ])
    .output()
    .expect("the program starts");
    assert_eq!(output.status.code(), Some(1));
    assert!(log(&output).contains(&format!("INGEST_HEALTH: cannot use {address}: ")));
}
