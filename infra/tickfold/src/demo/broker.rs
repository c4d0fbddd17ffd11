//! librdkafka's own mock cluster as the broker of a demo: in memory, on a local port. Not a store:
//! it keeps 5 MiB of each partition, so its reader has to keep up.

use anyhow::Context;
use rdkafka::mocking::MockCluster;
use rdkafka::producer::DefaultProducerContext;

/// More partitions than symbols that are likely to share one, and 5 MiB of room each.
pub const PARTITIONS: i32 = 4;

/// The broker, until it is dropped; it stays on the thread that started it.
pub struct Broker {
    cluster: MockCluster<'static, DefaultProducerContext>,
}

impl Broker {
    pub fn start(topics: &[String]) -> anyhow::Result<Broker> {
        let cluster = MockCluster::new(1).context("cannot start the embedded broker")?;
        for topic in topics {
            let made = cluster.create_topic(topic, PARTITIONS, 1);
            made.with_context(|| format!("the embedded broker cannot make the topic {topic}"))?;
        }
        Ok(Broker { cluster })
    }

    pub fn bootstrap_servers(&self) -> String {
        self.cluster.bootstrap_servers()
    }
}
