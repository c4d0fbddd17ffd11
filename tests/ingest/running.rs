//! Ingest, set up for a test and running, and the messages that it is sent.

use std::future::Future;
use std::time::Duration;

use ingest::{Config, Feed, Kafka, Report, Sink};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::broker::Broker;
use crate::exchange::Exchange;

/// Nothing here takes so long, however busy the machine is.
const SOON: Duration = Duration::from_secs(300);

pub(crate) async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    tokio::time::timeout(SOON, future).await.unwrap_or_else(|_| panic!("no sign of {what}"))
}

/// An aggregate trade of the raw ids `first` to `last`, as Binance's combined stream sends it.
pub(crate) fn agg_trade(symbol: &str, first: u64, last: u64) -> String {
    let (stream, time) = (symbol.to_ascii_lowercase(), 1_700_000_000_000_000 + first * 1_007);
    format!(
        r#"{{"stream":"{stream}@aggTrade","data":{{"e":"aggTrade","E":{time},"s":"{symbol}","a":{first},"p":"43000.01000000","q":"0.00123000","f":{first},"l":{last},"T":{time},"m":false,"M":true}}}}"#
    )
}

pub(crate) fn trade(id: u64) -> String {
    agg_trade("BTCUSDT", id, id)
}

pub(crate) fn config(exchange: &Exchange, broker: &Broker) -> Config {
    let symbols = ["BTCUSDT", "ETHUSDT"].map(|symbol| symbol.parse().expect("a symbol"));
    let feed = Feed {
        url: Some(exchange.url.clone()),
        overlap: Duration::from_millis(300),
        ..Feed::new(market::Exchange::Binance, symbols.to_vec())
    };
    Config::new(broker.brokers(), vec![feed])
}

pub(crate) fn kafka(config: &mut Config) -> &mut Kafka {
    match &mut config.sink {
        Sink::Kafka(kafka) => kafka,
        Sink::Kinesis(kinesis) => panic!("{kinesis}"),
    }
}

pub(crate) struct Running {
    pub(crate) shutdown: CancellationToken,
    run: JoinHandle<anyhow::Result<Report>>,
}

pub(crate) fn start(config: Config) -> Running {
    let shutdown = CancellationToken::new();
    Running { run: tokio::spawn(ingest::run(config, shutdown.clone())), shutdown }
}

impl Running {
    pub(crate) async fn stop(self) -> anyhow::Result<Report> {
        self.shutdown.cancel();
        soon("the end", self.run).await.expect("no panic")
    }
}
