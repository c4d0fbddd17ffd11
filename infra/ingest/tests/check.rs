//! `ingest --check`: what would be said to whom, without saying it.

use std::process::{Command, Output};

fn check(config: &str) -> Output {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("ingest.toml");
    std::fs::write(&path, config).expect("a file");
    let mut command = Command::new(env!("CARGO_BIN_EXE_ingest"));
    command.env_clear().arg("--check").arg("--config").arg(&path);
    command.output().expect("the program starts")
}

const FILE: &str = r#"
[kafka]
brokers = "kafka:9092"

[[feed]]
exchange = "binance"
symbols = ["BTCUSDT"]

[[feed]]
exchange = "coinbase"
symbols = ["BTC-USD", "ETH-USD"]

[[feed]]
exchange = "deribit"
symbols = ["BTC-PERPETUAL"]
"#;

#[test]
fn it_prints_each_address_and_each_message() {
    let output = check(FILE);
    assert!(output.status.success(), "{output:?}");
    let expected = r#"lines go to Kafka at kafka:9092
binance: wss://data-stream.binance.vision/stream?streams=btcusdt@aggTrade&timeUnit=MICROSECOND
  nothing is said: the address subscribes
coinbase: wss://ws-feed.exchange.coinbase.com
  {"type":"subscribe","product_ids":["BTC-USD","ETH-USD"],"channels":["matches"]}
  {"type":"subscribe","product_ids":["BTC-USD","ETH-USD"],"channels":["heartbeat"]}
deribit: wss://www.deribit.com/ws/api/v2
  {"jsonrpc":"2.0","id":0,"method":"public/set_heartbeat","params":{"interval":30}}
  {"jsonrpc":"2.0","id":1,"method":"public/subscribe","params":{"channels":["trades.BTC-PERPETUAL.100ms"]}}
"#;
    assert_eq!(String::from_utf8_lossy(&output.stdout), expected);
}

#[test]
fn what_cannot_work_is_refused_with_its_line() {
    let output = check(&FILE.replace("deribit", "derbit"));
    assert_eq!(output.status.code(), Some(1));
    assert!(output.stdout.is_empty(), "{output:?}");
    let log = String::from_utf8_lossy(&output.stderr);
    assert!(log.contains("ingest.toml:14: feed.exchange: \"derbit\" is none of"), "{log}");
}
