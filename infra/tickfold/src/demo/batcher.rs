//! The stand-in for Vector: a topic's lines from the broker -> one object per exchange, minute and
//! batch, byte for byte. Folds nothing, and reads of a line only where it belongs.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use aws_sdk_s3::Client;
use aws_sdk_s3::primitives::ByteStream;
use chrono::Utc;
use lake::{Kind, Lake, MinutePrefix};
use market::{ExchangeName, Minute, Time};
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{Consumer, StreamConsumer};
use rdkafka::message::Message;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use serde::Deserialize;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;

/// All open batches together; the oldest goes first when there are more.
const OPEN_BYTES: usize = 64 << 20;
/// How long the broker may take to say where its partitions end.
const WATERMARK_TIMEOUT: Duration = Duration::from_secs(10);
/// Between attempts at an object that cannot be written.
const RETRY: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));

/// What to read, and how long a batch stays open.
#[derive(Debug, Clone)]
pub struct Config {
    pub bootstrap_servers: String,
    /// Its name ends with the kind of its lines.
    pub topic: String,
    pub partitions: i32,
    pub bucket: String,
    /// From a batch's first line to its object.
    pub timeout: Duration,
}

/// What was done, from the first line to the last.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Report {
    pub lines: u64,
    pub objects: u64,
    /// Lines that belong to no exchange or minute; their bytes lie in `dead/`.
    pub dead: u64,
    /// Lines that the broker dropped before they were read.
    pub lost: u64,
}

pub struct Batcher {
    config: Config,
    client: Client,
    lake: Lake,
    kind: Kind,
    consumer: Arc<StreamConsumer>,
    /// The offset that comes next, by partition.
    next: Vec<i64>,
    batches: BTreeMap<(ExchangeName, Minute), Batch>,
    report: watch::Sender<Report>,
}

struct Batch {
    lines: Vec<u8>,
    opened: Instant,
}

/// What a line is read for; everything else in it passes through unread.
#[derive(Deserialize)]
struct Place {
    exchange: ExchangeName,
    time: i64,
}

impl Batcher {
    pub fn new(client: Client, config: Config) -> anyhow::Result<Batcher> {
        let consumer: StreamConsumer = ClientConfig::new()
            .set("bootstrap.servers", &config.bootstrap_servers)
            // The library wants a name even of a reader that joins no group and commits nothing.
            .set("group.id", "demo-batcher")
            .set("enable.auto.commit", "false")
            .set("auto.offset.reset", "earliest")
            .set("fetch.wait.max.ms", "100")
            .create()
            .context("cannot make a reader of the broker")?;
        let kind = kind(&config.topic).with_context(|| {
            format!("topic {:?} ends with none of .trades .books", config.topic)
        })?;
        let mut all = TopicPartitionList::new();
        for partition in 0..config.partitions {
            all.add_partition_offset(&config.topic, partition, Offset::Beginning)?;
        }
        consumer.assign(&all).context("cannot read the topic's partitions")?;
        Ok(Batcher {
            lake: Lake::new(client.clone(), &config.bucket),
            next: vec![0; config.partitions.unsigned_abs() as usize],
            batches: BTreeMap::new(),
            report: watch::Sender::default(),
            kind,
            consumer: Arc::new(consumer),
            client,
            config,
        })
    }

    /// What has been done so far.
    pub fn watch(&self) -> watch::Receiver<Report> {
        self.report.subscribe()
    }

    /// Reads until the shutdown, then to the end of what the broker holds by then, and leaves no
    /// batch open. An object is tried until it is written: meanwhile nothing else is read.
    pub async fn run(mut self, shutdown: CancellationToken) -> anyhow::Result<Report> {
        let mut ends: Option<Vec<i64>> = None;
        while ends.as_ref().is_none_or(|ends| self.is_before(ends)) {
            let consumer = Arc::clone(&self.consumer);
            tokio::select! {
                () = shutdown.cancelled(), if ends.is_none() => ends = Some(self.ends().await?),
                () = sleep_until(self.deadline()), if !self.batches.is_empty() => {
                    self.flush_due().await;
                }
                message = consumer.recv() => {
                    let message = message.context("cannot read from the broker")?;
                    let bytes = message.payload().unwrap_or_default();
                    self.take(message.partition(), message.offset(), bytes).await;
                }
            }
        }
        while let Some((key, batch)) = self.batches.pop_first() {
            self.put(&key, &batch).await;
        }
        Ok(*self.report.borrow())
    }

    fn is_before(&self, ends: &[i64]) -> bool {
        self.next.iter().zip(ends).any(|(next, end)| next < end)
    }

    /// Where the partitions end now.
    async fn ends(&self) -> anyhow::Result<Vec<i64>> {
        let (consumer, config) = (Arc::clone(&self.consumer), self.config.clone());
        let ask = move || {
            let end = |partition| {
                let marks = consumer.fetch_watermarks(&config.topic, partition, WATERMARK_TIMEOUT);
                marks.map(|(_, end)| end)
            };
            (0..config.partitions).map(end).collect::<Result<Vec<i64>, _>>()
        };
        let ends = tokio::task::spawn_blocking(ask).await?;
        ends.context("the broker does not say where its partitions end")
    }

    async fn take(&mut self, partition: i32, offset: i64, line: &[u8]) {
        let next = &mut self.next[partition.unsigned_abs() as usize];
        let lost = (offset - *next).max(0).unsigned_abs();
        *next = offset + 1;
        if lost > 0 {
            tracing::error!(partition, "the broker dropped {lost} lines before they were read");
        }
        let placed = place(line);
        let dead = u64::from(placed.is_err());
        self.report.send_modify(|report| {
            *report = Report {
                lines: report.lines + 1,
                lost: report.lost + lost,
                dead: report.dead + dead,
                ..*report
            };
        });
        match placed {
            Ok(key) => {
                let empty = || Batch { lines: Vec::new(), opened: Instant::now() };
                let batch = self.batches.entry(key).or_insert_with(empty);
                batch.lines.extend_from_slice(line);
                batch.lines.push(b'\n');
                let open = self.batches.values().map(|batch| batch.lines.len()).sum::<usize>();
                if open > OPEN_BYTES {
                    self.flush_oldest().await;
                }
            }
            Err(why) => {
                tracing::error!(partition, offset, "a line goes to dead/: {why}");
                self.bury(line).await;
            }
        }
    }

    /// When the oldest batch is due.
    fn deadline(&self) -> Instant {
        let opened = self.batches.values().map(|batch| batch.opened).min();
        opened.unwrap_or_else(Instant::now) + self.config.timeout
    }

    async fn flush_due(&mut self) {
        while !self.batches.is_empty() && self.deadline() <= Instant::now() {
            self.flush_oldest().await;
        }
    }

    async fn flush_oldest(&mut self) {
        let oldest = self.batches.iter().min_by_key(|(_, batch)| batch.opened);
        let Some(key) = oldest.map(|(key, _)| key.clone()) else { return };
        if let Some(batch) = self.batches.remove(&key) {
            self.put(&key, &batch).await;
        }
    }

    async fn put(&self, (exchange, minute): &(ExchangeName, Minute), batch: &Batch) {
        let prefix = MinutePrefix::raw(self.kind, exchange.clone(), *minute);
        // One name for all attempts: an attempt that was written after all is not written twice.
        let name = object_name();
        let mut wait = RETRY.0;
        while let Err(why) = self.lake.put_lines(&prefix, &name, &batch.lines).await {
            pause(&mut wait, why).await;
        }
        self.report.send_modify(|report| report.objects += 1);
    }

    /// Keeps the bytes of a line that belongs nowhere.
    async fn bury(&self, line: &[u8]) {
        let key = format!("dead/date={}/{}.line", Utc::now().format("%Y-%m-%d"), object_name());
        let put = || {
            let body = ByteStream::from(line.to_vec());
            self.client.put_object().bucket(&self.config.bucket).key(&key).body(body)
        };
        let mut wait = RETRY.0;
        while let Err(why) = put().send().await {
            pause(&mut wait, aws::said(&why)).await;
        }
    }
}

/// What a topic's lines are.
fn kind(topic: &str) -> Option<Kind> {
    let (_, word) = topic.rsplit_once('.')?;
    Kind::ALL.into_iter().find(|kind| kind.as_str() == word)
}

/// The exchange and minute of a line, or why it has none.
pub fn place(line: &[u8]) -> Result<(ExchangeName, Minute), String> {
    // As one line of an object it would be read as two.
    if line.contains(&b'\n') {
        return Err("it holds a line break".to_owned());
    }
    let place: Place = serde_json::from_slice(line).map_err(|error| error.to_string())?;
    let time = Time::from_micros(place.time).map_err(|error| error.to_string())?;
    Ok((place.exchange, time.minute()))
}

/// Sorts by time, and is nobody else's.
pub(super) fn object_name() -> String {
    format!("{}-{:032x}", Utc::now().format("%Y%m%dT%H%M%S"), rand::random::<u128>())
}

async fn pause(wait: &mut Duration, why: impl Display) {
    tracing::warn!("an object will be tried again in {wait:?}: {why}");
    sleep(*wait).await;
    *wait = (*wait * 2).min(RETRY.1);
}
