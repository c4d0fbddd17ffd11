//! Created objects -> S3 event notifications -> batches of a queue -> the handler of `aggregate`,
//! as S3 and SQS deliver them; keeps nothing when the process ends, and folds nothing itself.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use aggregate::App;
use chrono::{DateTime, SecondsFormat, Utc};
use lake::key::EVENT_FILTER;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;

use super::s3::CreatedObject;
use crate::deliver::{Delivery, deliver};

/// As the event source mapping has it.
const BATCH: usize = 100;
/// Batches that are with the function at a time: more would only wait for this machine's cores.
const CONCURRENCY: usize = 4;
/// How long a batch waits for company, so that one fold serves several objects of a minute. The
/// deployed queue waits longer, since its invocations cost money.
const WINDOW: Duration = Duration::from_millis(200);
/// How long a message that failed stays hidden: longer after each failure.
const HIDDEN: Duration = Duration::from_millis(500);
/// Deliveries before a message is a dead letter, as the deployed queue has it.
const DELIVERIES: u32 = 5;
/// S3 writes keys as HTML forms do, but for the slash.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'/').remove(b'-').remove(b'_').remove(b'.');
const REGION: &str = "us-east-1";

/// How far the queue is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Progress {
    /// Created objects that are folded, buried, or nobody's event.
    pub done: u64,
    /// Objects whose event failed at every delivery.
    pub dead: Vec<CreatedObject>,
}

pub struct Notifications {
    app: Arc<App>,
    queue: VecDeque<Message>,
    sent: u64,
    progress: watch::Sender<Progress>,
}

struct Message {
    id: String,
    body: String,
    object: CreatedObject,
    deliveries: u32,
    visible_from: Instant,
}

impl Notifications {
    pub fn new(app: Arc<App>) -> Notifications {
        let progress = watch::Sender::default();
        Notifications { app, queue: VecDeque::new(), sent: 0, progress }
    }

    pub fn watch(&self) -> watch::Receiver<Progress> {
        self.progress.subscribe()
    }

    /// Delivers until the shutdown, or until nobody creates objects any more, and then until
    /// everything that was reported by then is folded or buried.
    pub async fn run(
        mut self,
        mut created: mpsc::UnboundedReceiver<CreatedObject>,
        shutdown: CancellationToken,
    ) -> Progress {
        let mut open = true;
        let mut invocations = JoinSet::new();
        loop {
            while invocations.len() < CONCURRENCY
                && let Some(batch) = self.receive()
            {
                invocations.spawn(invoke(Arc::clone(&self.app), batch));
            }
            if !open && self.queue.is_empty() && invocations.is_empty() {
                return self.progress.borrow().clone();
            }
            let room = invocations.len() < CONCURRENCY;
            tokio::select! {
                biased;
                Some(ended) = invocations.join_next() => {
                    let (batch, failed) = ended.expect("the function catches its own panics");
                    self.settle(batch, &failed);
                }
                object = created.recv(), if open => match object {
                    Some(object) => {
                        self.send(object);
                        sleep(WINDOW).await;
                        while let Ok(object) = created.try_recv() {
                            self.send(object);
                        }
                    }
                    None => open = false,
                },
                () = sleep_until(self.next_visible()), if room && !self.queue.is_empty() => {}
                // Last, so that what was reported before it is taken first.
                () = shutdown.cancelled(), if open => open = false,
            }
        }
    }

    fn send(&mut self, object: CreatedObject) {
        let (prefix, suffix) = EVENT_FILTER;
        if !object.key.starts_with(prefix) || !object.key.ends_with(suffix) {
            self.progress.send_modify(|progress| progress.done += 1);
            return;
        }
        self.sent += 1;
        self.queue.push_back(Message {
            id: format!("{:08x}-0000-4000-8000-{:012x}", std::process::id(), self.sent),
            body: notification(&object, self.sent, Utc::now()).to_string(),
            object,
            deliveries: 0,
            visible_from: Instant::now(),
        });
    }

    fn next_visible(&self) -> Instant {
        let visible = self.queue.iter().map(|message| message.visible_from).min();
        visible.unwrap_or_else(Instant::now)
    }

    /// Takes the next batch of what can be seen, if there is any.
    fn receive(&mut self) -> Option<Vec<Message>> {
        let now = Instant::now();
        let (mut batch, mut rest) = (Vec::new(), VecDeque::new());
        for mut message in self.queue.drain(..) {
            if message.visible_from <= now && batch.len() < BATCH {
                message.deliveries += 1;
                batch.push(message);
            } else {
                rest.push_back(message);
            }
        }
        self.queue = rest;
        (!batch.is_empty()).then_some(batch)
    }

    fn settle(&mut self, batch: Vec<Message>, failed: &HashSet<String>) {
        for mut message in batch {
            if !failed.contains(&message.id) {
                self.progress.send_modify(|progress| progress.done += 1);
            } else if message.deliveries < DELIVERIES {
                message.visible_from = Instant::now() + HIDDEN * message.deliveries;
                self.queue.push_back(message);
            } else {
                let key = &message.object.key;
                tracing::error!(key, "{key} could not be folded {DELIVERIES} times: dead letter");
                self.progress.send_modify(|progress| {
                    progress.done += 1;
                    progress.dead.push(message.object);
                });
            }
        }
    }
}

async fn invoke(app: Arc<App>, batch: Vec<Message>) -> (Vec<Message>, HashSet<String>) {
    let deliveries: Vec<_> = batch.iter().map(Message::delivery).collect();
    let failed = deliver(&app, &deliveries).await;
    (batch, failed)
}

impl Message {
    fn delivery(&self) -> Delivery<'_> {
        Delivery { id: &self.id, body: &self.body, deliveries: self.deliveries }
    }
}

fn notification(object: &CreatedObject, sequencer: u64, now: DateTime<Utc>) -> Value {
    let CreatedObject { bucket, key, size } = object;
    let key = utf8_percent_encode(key, ENCODED).to_string().replace("%20", "+");
    json!({ "Records": [{
        "eventVersion": "2.1",
        "eventSource": "aws:s3",
        "awsRegion": REGION,
        "eventTime": now.to_rfc3339_opts(SecondsFormat::Millis, true),
        "eventName": "ObjectCreated:Put",
        "userIdentity": { "principalId": "demo" },
        "requestParameters": { "sourceIPAddress": "127.0.0.1" },
        "responseElements": {},
        "s3": {
            "s3SchemaVersion": "1.0",
            "configurationId": "aggregate",
            "bucket": {
                "name": bucket,
                "ownerIdentity": { "principalId": "demo" },
                "arn": format!("arn:aws:s3:::{bucket}"),
            },
            "object": { "key": key, "size": size, "sequencer": format!("{sequencer:016X}") },
        },
    }] })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_written_as_s3_writes_them() {
        let key = "raw/trades/exchange=binance/date=2026-11-20/a b+c.ndjson.gz";
        let object = CreatedObject { bucket: "b".into(), key: key.into(), size: 7 };
        let event = notification(&object, 1, DateTime::UNIX_EPOCH);
        let s3 = &event["Records"][0]["s3"]["object"];
        let expected = "raw/trades/exchange%3Dbinance/date%3D2026-11-20/a+b%2Bc.ndjson.gz";
        assert_eq!((s3["key"].as_str(), s3["size"].as_u64()), (Some(expected), Some(7)));
    }
}
