//! The stand-in of Vector where there is none: the demo's batcher as a program that can be killed.
//! It commits no offset, so that each start writes everything again. Reads Vector's environment.

use std::env;
use std::time::Duration;

use tickfold::demo::batcher::{Batcher, Config};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

const TOPIC: &str = "binance.trades";
const PARTITIONS: i32 = 4;
/// A minute of trades passes in less than a second here.
const TIMEOUT: Duration = Duration::from_millis(300);

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let shutdown = CancellationToken::new();
    let stop = shutdown.clone();
    tokio::spawn(async move {
        terminate.recv().await;
        stop.cancel();
    });
    let config = Config {
        bootstrap_servers: env::var("KAFKA_BROKERS")?,
        topic: TOPIC.to_owned(),
        partitions: PARTITIONS,
        bucket: env::var("BUCKET")?,
        timeout: TIMEOUT,
    };
    let report = Batcher::new(lake::client_from_env(true).await, config)?.run(shutdown).await?;
    anyhow::ensure!(report.dead + report.lost == 0, "{report:?}");
    println!("{report:?}");
    Ok(())
}
