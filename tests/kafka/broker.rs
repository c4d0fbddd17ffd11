//! The broker of these tests: Apache Kafka, or where there is none the embedded one; and what is in
//! its topic.

use std::collections::BTreeMap;
use std::time::Duration;

use market::Trade;
use market::trade::Ids;
use rdkafka::consumer::{Consumer, StreamConsumer};
use rdkafka::message::Timestamp;
use rdkafka::mocking::MockCluster;
use rdkafka::producer::DefaultProducerContext;
use rdkafka::{ClientConfig, Message, Offset, TopicPartitionList};
use tests::kafka::{Kafka, TOPIC_SETTINGS};

use crate::running::soon;

pub(crate) const TOPIC: &str = "binance.trades";
const PARTITIONS: i32 = 4;

pub(crate) enum Broker {
    Kafka(Kafka),
    Embedded(MockCluster<'static, DefaultProducerContext>),
}

/// What a topic holds: by key the ids in the order of their records.
#[derive(Default)]
pub(crate) struct Content {
    pub(crate) ids: BTreeMap<String, Vec<u64>>,
    pub(crate) timestamps: Vec<Timestamp>,
}

impl Broker {
    /// With the topic.
    pub(crate) async fn start(test: &str) -> Broker {
        match Kafka::start(test, "ran on the embedded broker").await {
            Some(kafka) => {
                kafka.create_topic(TOPIC, PARTITIONS, &TOPIC_SETTINGS).await;
                Broker::Kafka(kafka)
            }
            None => {
                let cluster = MockCluster::new(1).expect("a mock cluster");
                cluster.create_topic(TOPIC, PARTITIONS, 1).expect("a topic");
                Broker::Embedded(cluster)
            }
        }
    }

    pub(crate) fn brokers(&self) -> String {
        match self {
            Broker::Kafka(kafka) => kafka.brokers(),
            Broker::Embedded(cluster) => cluster.bootstrap_servers(),
        }
    }

    pub(crate) fn kill(&mut self) {
        match self {
            Broker::Kafka(kafka) => kafka.kill(),
            Broker::Embedded(cluster) => cluster.broker_down(1).expect("it goes down"),
        }
    }

    pub(crate) fn restart(&mut self) {
        match self {
            Broker::Kafka(kafka) => kafka.restart(),
            Broker::Embedded(cluster) => cluster.broker_up(1).expect("it comes up"),
        }
    }

    /// Reads from the beginning until every id from 1 to `last` of each symbol is there.
    pub(crate) async fn content(&self, symbols: &[&str], last: u64) -> Content {
        let consumer: StreamConsumer = ClientConfig::new()
            .set("bootstrap.servers", self.brokers())
            .set("group.id", "tests")
            .set("enable.auto.commit", "false")
            .create()
            .expect("a consumer");
        let mut partitions = TopicPartitionList::new();
        for partition in 0..PARTITIONS {
            partitions
                .add_partition_offset(TOPIC, partition, Offset::Beginning)
                .expect("an offset");
        }
        consumer.assign(&partitions).expect("an assignment");
        let mut content = Content::default();
        let missing = |content: &Content| {
            let there =
                |symbol: &&&str| content.ids.get(**symbol).is_some_and(|ids| ids.contains(&last));
            symbols.iter().filter(there).count() < symbols.len()
        };
        while missing(&content) {
            let record = async {
                loop {
                    match consumer.recv().await {
                        Ok(record) => break record,
                        Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
                    }
                }
            };
            let record = soon("a record", record).await;
            let trade = Trade::from_line(record.payload().unwrap_or_default()).expect("a line");
            assert_eq!(record.key(), Some(trade.symbol.as_str().as_bytes()));
            let Ids::Range { first, last } = trade.ids else { panic!("{trade}") };
            content.ids.entry(trade.symbol.to_string()).or_default().extend(first..=last);
            content.timestamps.push(record.timestamp());
        }
        content
    }
}
