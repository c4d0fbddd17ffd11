//! librdkafka's own mock cluster with one broker, and a consumer that reads back what arrived.

use std::collections::BTreeMap;
use std::time::Duration;

use market::Trade;
use market::trade::Ids;
use rdkafka::consumer::{Consumer, StreamConsumer};
use rdkafka::mocking::MockCluster;
use rdkafka::producer::DefaultProducerContext;
use rdkafka::{ClientConfig, Message, Offset, TopicPartitionList};

use crate::running::soon;

const PARTITIONS: i32 = 4;
const BROKER: i32 = 1;

pub(crate) struct Broker {
    pub(crate) cluster: MockCluster<'static, DefaultProducerContext>,
    consumer: StreamConsumer,
}

/// One record as it was read back.
pub(crate) struct Record {
    pub(crate) key: String,
    pub(crate) value: Vec<u8>,
    pub(crate) millis: Option<i64>,
}

impl Broker {
    /// With the topic of Binance's trades.
    pub(crate) fn start() -> Broker {
        Broker::with("binance.trades")
    }

    pub(crate) fn with(topic: &str) -> Broker {
        let cluster = MockCluster::new(BROKER).expect("a mock cluster");
        cluster.create_topic(topic, PARTITIONS, 1).expect("a topic");
        let consumer: StreamConsumer = ClientConfig::new()
            .set("bootstrap.servers", cluster.bootstrap_servers())
            .set("group.id", "tests")
            .set("enable.auto.commit", "false")
            .set("reconnect.backoff.max.ms", "500")
            .create()
            .expect("a consumer");
        let mut partitions = TopicPartitionList::new();
        for partition in 0..PARTITIONS {
            partitions
                .add_partition_offset(topic, partition, Offset::Beginning)
                .expect("an offset");
        }
        consumer.assign(&partitions).expect("an assignment");
        Broker { cluster, consumer }
    }

    pub(crate) fn brokers(&self) -> String {
        self.cluster.bootstrap_servers()
    }

    pub(crate) fn down(&self) {
        self.cluster.broker_down(BROKER).expect("the broker goes down");
    }

    pub(crate) fn up(&self) {
        self.cluster.broker_up(BROKER).expect("the broker comes up");
    }

    /// The next record of any partition; a broker that is away is waited for.
    pub(crate) async fn record(&self) -> Record {
        let read = async {
            loop {
                match self.consumer.recv().await {
                    Ok(message) => {
                        return Record {
                            key: String::from_utf8_lossy(message.key().unwrap_or(b"")).into(),
                            value: message.payload().unwrap_or(b"").to_vec(),
                            millis: message.timestamp().to_millis(),
                        };
                    }
                    Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
                }
            }
        };
        soon("a record", read).await
    }

    /// Reads until every id from 1 to `last` of every symbol is there, and says how often each
    /// came.
    pub(crate) async fn ids(&self, symbols: &[&str], last: u64) -> BTreeMap<(String, u64), u64> {
        let mut found = BTreeMap::new();
        while found.len() < symbols.len() * usize::try_from(last).expect("a small number") {
            let record = self.record().await;
            let trade = Trade::from_line(&record.value).expect("a trade line");
            assert_eq!(record.key, trade.symbol.as_str());
            let Ids::Range { first, last } = trade.ids else { panic!("{trade}") };
            for id in first..=last {
                *found.entry((record.key.clone(), id)).or_default() += 1;
            }
        }
        for symbol in symbols {
            for id in 1..=last {
                assert!(found.contains_key(&((*symbol).to_owned(), id)), "{symbol} {id}");
            }
        }
        found
    }
}
