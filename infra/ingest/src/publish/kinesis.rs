//! Lines to a Kinesis stream, under the same promise as to Kafka: every line is sent until it is
//! acknowledged, or given back when time is up. Lines of one symbol may change places when some are
//! sent again; whoever folds them goes by their times.

use std::collections::{BTreeMap, VecDeque};
use std::pin::pin;
use std::time::Duration;

use anyhow::ensure;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_sdk_kinesis::Client;
use aws_sdk_kinesis::primitives::Blob;
use aws_sdk_kinesis::types::{PutRecordsRequestEntry, PutRecordsResultEntry};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval};

use super::Published;
use super::health::Health;
use crate::backoff::Backoff;
use crate::config::Kinesis;
use crate::health::Pulse;
use crate::line::Line;

/// What one request may hold, keys included.
const REQUEST_LINES: usize = 500;
const REQUEST_BYTES: usize = 5 << 20;
/// A shard takes two full requests a second; more at a time only come back.
const REQUESTS: usize = 4;
/// Lines wait so long for others to share a request with; a minute's row does not notice.
const LINGER: Duration = Duration::from_millis(100);
/// A request that is not answered in that time is sent again.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);
/// A shard's limits are by the second.
const RESEND: Backoff = Backoff { first: Duration::from_millis(500), cap: Duration::from_secs(5) };

/// Publishes until `lines` is closed and all is acknowledged, or until `give_up` is done.
pub(crate) async fn run(
    kinesis: &Kinesis,
    mut lines: mpsc::Receiver<Line>,
    pulse: &Pulse,
    give_up: impl Future<Output = ()>,
) -> anyhow::Result<Published> {
    let mut publisher = Publisher::new(kinesis, pulse).await?;
    let mut give_up = pin!(give_up);
    let mut tick = interval(LINGER);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut open = true;
    while open || !publisher.pending.is_empty() {
        tokio::select! {
            biased;
            () = &mut give_up => break,
            Some(answer) = publisher.requests.join_next() => {
                publisher.hear(answer.expect("a request does not panic"));
            }
            _ = tick.tick() => publisher.look_around(),
            line = lines.recv(), if open && publisher.has_room() => match line {
                Some(line) => publisher.publish(line),
                None => open = false,
            },
        }
    }
    let mut undelivered: Vec<_> = publisher.pending.into_values().collect();
    // The feeds have stopped or are about to; what they still hand over is told as well.
    while let Some(line) = lines.recv().await {
        undelivered.push(line);
    }
    let (acknowledged, resent) = (publisher.acknowledged, publisher.resent);
    Ok(Published { acknowledged, resent, undelivered })
}

struct Publisher<'a> {
    kinesis: &'a Kinesis,
    client: Client,
    pulse: &'a Pulse,
    /// Every line that is not acknowledged, by number in the order of arrival. A line keeps its
    /// number when it is sent again.
    pending: BTreeMap<usize, Line>,
    next_id: usize,
    /// Numbers of lines that no request holds.
    waiting: VecDeque<usize>,
    requests: JoinSet<Answer>,
    /// Not before then is anything sent.
    again_at: Instant,
    /// How many answers in a row held a failure.
    failures: u32,
    acknowledged: u64,
    resent: u64,
    health: Health,
}

/// What became of one request.
struct Answer {
    ids: Vec<usize>,
    /// For each line nothing, or why it was not taken; or why all were not.
    outcome: Result<Vec<Option<String>>, String>,
}

impl<'a> Publisher<'a> {
    async fn new(kinesis: &'a Kinesis, pulse: &'a Pulse) -> anyhow::Result<Publisher<'a>> {
        let config = aws_config::defaults(aws_config::BehaviorVersion::latest())
            .http_client(aws::https())
            // Failures are told, counted and repeated here.
            .retry_config(RetryConfig::disabled())
            .timeout_config(TimeoutConfig::builder().operation_timeout(REQUEST_TIMEOUT).build())
            .load()
            .await;
        ensure!(config.region().is_some(), "AWS_REGION: not set, and the stream is in some region");
        Ok(Publisher {
            kinesis,
            client: Client::new(&config),
            pulse,
            pending: BTreeMap::new(),
            next_id: 0,
            waiting: VecDeque::new(),
            requests: JoinSet::new(),
            again_at: Instant::now(),
            failures: 0,
            acknowledged: 0,
            resent: 0,
            health: Health::new(kinesis),
        })
    }

    fn has_room(&self) -> bool {
        self.pending.len() < self.kinesis.in_flight
    }

    fn publish(&mut self, line: Line) {
        if self.pending.is_empty() {
            self.health.waits_from(Instant::now());
        }
        self.pending.insert(self.next_id, line);
        self.waiting.push_back(self.next_id);
        self.next_id += 1;
        if self.waiting.len() >= REQUEST_LINES {
            self.send();
        }
    }

    /// Sends the lines that wait, as far as requests are allowed.
    fn send(&mut self) {
        while Instant::now() >= self.again_at && self.requests.len() < REQUESTS {
            let (mut ids, mut entries, mut bytes) = (Vec::new(), Vec::new(), 0);
            while let Some(id) = self.waiting.front() {
                let line = &self.pending[id];
                let (line, key) = (line.to_string(), line.symbol().as_str());
                bytes += line.len() + key.len();
                if ids.len() == REQUEST_LINES || (bytes > REQUEST_BYTES && !ids.is_empty()) {
                    break;
                }
                let entry = PutRecordsRequestEntry::builder().data(Blob::new(line));
                entries.push(entry.partition_key(key).build().expect("data and key are there"));
                ids.extend(self.waiting.pop_front());
            }
            if ids.is_empty() {
                return;
            }
            let request = self.client.put_records().stream_name(&self.kinesis.stream);
            let request = request.set_records(Some(entries)).send();
            self.requests.spawn(async move {
                let outcome = match request.await {
                    Ok(answer) => Ok(answer.records().iter().map(refusal).collect()),
                    Err(error) => Err(aws::said(&error)),
                };
                Answer { ids, outcome }
            });
        }
    }

    fn hear(&mut self, Answer { ids, outcome }: Answer) {
        let refusals = match outcome {
            Ok(refusals) if refusals.len() == ids.len() => refusals,
            Ok(refusals) => {
                let why = format!("it answered {} lines of {}", refusals.len(), ids.len());
                vec![Some(why); ids.len()]
            }
            Err(why) => vec![Some(why); ids.len()],
        };
        let (mut failed, mut last) = (Vec::new(), None);
        for (id, refusal) in ids.into_iter().zip(refusals) {
            match refusal {
                None => {
                    self.pending.remove(&id);
                    self.acknowledged += 1;
                    self.pulse.beat();
                    self.health.acknowledged(Instant::now());
                }
                Some(why) => {
                    failed.push(id);
                    last = Some(why);
                }
            }
        }
        match last {
            None => self.failures = 0,
            Some(why) => self.came_back(failed, &why),
        }
        self.send();
    }

    /// Only these are sent again, before what has not been sent yet.
    fn came_back(&mut self, ids: Vec<usize>, why: &str) {
        self.resent += ids.len() as u64;
        self.health.failed(Instant::now(), ids.len(), why);
        ids.into_iter().rev().for_each(|id| self.waiting.push_front(id));
        self.failures = self.failures.saturating_add(1);
        self.again_at = Instant::now() + RESEND.delay(self.failures, rand::random());
    }

    fn look_around(&mut self) {
        self.health.look_around(Instant::now(), self.pending.len());
        self.send();
    }
}

fn refusal(entry: &PutRecordsResultEntry) -> Option<String> {
    let code = entry.error_code()?;
    Some(format!("{code}: {}", entry.error_message().unwrap_or_default()))
}
