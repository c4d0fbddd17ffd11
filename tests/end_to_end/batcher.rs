//! The stand-in of Vector where there is none, as a program that can be killed: it writes the lines
//! of each minute, and commits their offsets when they are written, not before. Reads Vector's
//! environment, and `BATCH_MILLIS`: how long a batch stays open.

use std::collections::BTreeMap;
use std::env;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use lake::{Lake, MinutePrefix};
use rdkafka::consumer::{CommitMode, Consumer, StreamConsumer};
use rdkafka::{ClientConfig, Message, Offset, TopicPartitionList};
use tickfold::demo::batcher::place;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::{interval, sleep};

const TOPIC: &str = "binance.trades";
const PARTITIONS: i32 = 4;
const ANSWER_WITHIN: Duration = Duration::from_secs(30);
const PAUSE: Duration = Duration::from_millis(50);

struct Batcher {
    consumer: Arc<StreamConsumer>,
    lake: Lake,
    batches: BTreeMap<MinutePrefix, Vec<u8>>,
    /// What comes next, of each partition that has brought something.
    next: BTreeMap<i32, i64>,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let open = Duration::from_millis(env::var("BATCH_MILLIS")?.parse()?);
    let mut batcher = Batcher::start().await?;
    let mut due = interval(open);
    due.tick().await;
    let mut ends = None;
    while !batcher.has_reached(ends.as_ref()) {
        let consumer = Arc::clone(&batcher.consumer);
        tokio::select! {
            _ = terminate.recv(), if ends.is_none() => ends = Some(batcher.ends().await),
            _ = due.tick() => batcher.flush().await,
            record = consumer.recv() => match record {
                Ok(record) => {
                    let line = record.payload().context("a record without a line")?;
                    batcher.take(record.partition(), record.offset(), line)?;
                }
                // The broker is gone; the library looks for it by itself.
                Err(_) => sleep(PAUSE).await,
            },
        }
    }
    batcher.flush().await;
    Ok(())
}

impl Batcher {
    async fn start() -> anyhow::Result<Batcher> {
        let consumer: StreamConsumer = ClientConfig::new()
            .set("bootstrap.servers", env::var("KAFKA_BROKERS")?)
            .set("group.id", "tickfold-vector")
            .set("enable.auto.commit", "false")
            .set("auto.offset.reset", "earliest")
            .set("fetch.wait.max.ms", "100")
            .set("reconnect.backoff.max.ms", "500")
            .create()?;
        let mut all = TopicPartitionList::new();
        for partition in 0..PARTITIONS {
            all.add_partition_offset(TOPIC, partition, Offset::Stored)?;
        }
        consumer.assign(&all)?;
        let lake = Lake::new(lake::client_from_env(true).await, env::var("BUCKET")?);
        let (batches, next) = Default::default();
        Ok(Batcher { consumer: Arc::new(consumer), lake, batches, next })
    }

    fn take(&mut self, partition: i32, offset: i64, line: &[u8]) -> anyhow::Result<()> {
        let (exchange, minute) = place(line).map_err(anyhow::Error::msg)?;
        let batch = self.batches.entry(MinutePrefix::raw_trades(exchange, minute)).or_default();
        batch.extend_from_slice(line);
        batch.push(b'\n');
        self.next.insert(partition, offset + 1);
        Ok(())
    }

    /// Tries each object until it is written, and only then commits.
    async fn flush(&mut self) {
        while let Some((minute, lines)) = self.batches.pop_first() {
            let name = format!("{:032x}", rand::random::<u128>());
            while let Err(why) = self.lake.put_lines(&minute, &name, &lines).await {
                eprintln!("{why}");
                sleep(PAUSE).await;
            }
        }
        let mut done = TopicPartitionList::new();
        for (partition, next) in &self.next {
            let added = done.add_partition_offset(TOPIC, *partition, Offset::Offset(*next));
            added.expect("an offset");
        }
        // If the broker is gone, the next one reads them again.
        let consumer = Arc::clone(&self.consumer);
        let commit = move || consumer.commit(&done, CommitMode::Sync);
        if let Ok(Err(why)) = tokio::task::spawn_blocking(commit).await {
            eprintln!("{why}");
        }
    }

    /// Where each partition ends now, if it does not end where all was committed.
    async fn ends(&self) -> BTreeMap<i32, i64> {
        let consumer = Arc::clone(&self.consumer);
        let ask = move || {
            let committed = consumer.committed(ANSWER_WITHIN)?;
            let mut ends = BTreeMap::new();
            for partition in 0..PARTITIONS {
                let (_, end) = consumer.fetch_watermarks(TOPIC, partition, ANSWER_WITHIN)?;
                let done = committed.find_partition(TOPIC, partition).map(|it| it.offset());
                if end > 0 && done != Some(Offset::Offset(end)) {
                    ends.insert(partition, end);
                }
            }
            Ok::<_, rdkafka::error::KafkaError>(ends)
        };
        loop {
            match tokio::task::spawn_blocking(ask.clone()).await.expect("no panic") {
                Ok(ends) => return ends,
                Err(why) => eprintln!("{why}"),
            }
        }
    }

    fn has_reached(&self, ends: Option<&BTreeMap<i32, i64>>) -> bool {
        let reached = |(partition, end): (&i32, &i64)| self.next.get(partition) >= Some(end);
        ends.is_some_and(|ends| ends.iter().all(reached))
    }
}
