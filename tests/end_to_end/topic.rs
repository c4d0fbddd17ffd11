//! What has arrived in the topic, read by nobody else's code, while everything around it fails.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rdkafka::consumer::{Consumer, StreamConsumer};
use rdkafka::{ClientConfig, Message, Offset, TopicPartitionList};
use serde_json::Value;
use tokio::task::AbortHandle;
use tokio::time::sleep;

use crate::broker::TOPIC;
use crate::market::{Arrived, Deal, SYMBOLS};
use crate::running::soon;

const PARTITIONS: i32 = 4;
const POLL: Duration = Duration::from_millis(20);

/// The ids that whoever reads the stream has seen.
#[derive(Clone)]
pub(crate) struct Seen {
    ids: Arc<Mutex<Arrived>>,
    /// A part of this test has panicked: nothing more will come.
    broken: Arc<AtomicBool>,
}

/// Dropped by a panic, it ends whoever waits.
pub(crate) struct Alarm(Arc<AtomicBool>);

impl Drop for Alarm {
    fn drop(&mut self) {
        self.0.fetch_or(std::thread::panicking(), Ordering::SeqCst);
    }
}

impl Seen {
    pub(crate) fn nothing() -> Seen {
        let none = SYMBOLS.map(|symbol| (symbol.to_owned(), Default::default()));
        Seen { ids: Arc::new(Mutex::new(none.into())), broken: Arc::default() }
    }

    /// A trade line.
    pub(crate) fn add(&self, line: &[u8]) {
        let line: Value = serde_json::from_slice(line).expect("JSON");
        let (symbol, id) = (line["symbol"].as_str(), line["first_id"].as_u64());
        let mut arrived = self.ids.lock().expect("no panic");
        let ids = arrived.get_mut(symbol.expect("a symbol")).expect("a symbol of ours");
        ids.insert(id.expect("an id"));
    }

    pub(crate) fn alarm(&self) -> Alarm {
        Alarm(Arc::clone(&self.broken))
    }

    pub(crate) fn now(&self) -> Arrived {
        self.ids.lock().expect("no panic").clone()
    }

    /// Waits until all of them have arrived.
    pub(crate) async fn until(&self, deals: &[Deal]) {
        let there =
            |deal: &Deal| self.ids.lock().expect("no panic")[deal.symbol].contains(&deal.first);
        for deal in deals {
            let wait = async {
                while !there(deal) {
                    assert!(!self.broken.load(Ordering::SeqCst), "see the panic above");
                    sleep(POLL).await;
                }
            };
            soon(&format!("{deal:?}"), wait).await;
        }
    }
}

/// Reads the topic from its beginning until the handle is used.
pub(crate) fn read(brokers: &str, seen: Seen) -> AbortHandle {
    let consumer: StreamConsumer = ClientConfig::new()
        .set("bootstrap.servers", brokers)
        .set("group.id", "end-to-end")
        .set("enable.auto.commit", "false")
        // A broker that was killed may forget for a moment how far it was.
        .set("auto.offset.reset", "earliest")
        .set("reconnect.backoff.max.ms", "500")
        .create()
        .expect("a consumer");
    let mut partitions = TopicPartitionList::new();
    for partition in 0..PARTITIONS {
        partitions.add_partition_offset(TOPIC, partition, Offset::Beginning).expect("an offset");
    }
    consumer.assign(&partitions).expect("an assignment");
    let reading = async move {
        let _alarm = seen.alarm();
        loop {
            match consumer.recv().await {
                Ok(record) => seen.add(record.payload().expect("a line")),
                // The broker is being killed; the library connects again by itself.
                Err(_) => sleep(POLL).await,
            }
        }
    };
    tokio::spawn(reading).abort_handle()
}
