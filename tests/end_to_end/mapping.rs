//! Lambda's event source mappings, from a queue and from a stream, to real programs of functions;
//! and the death of a function in the midst of an event. It decides nothing about a message.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use tests::binary::signal;
use tests::moto::Moto;
use tests::queue::Queue;
use tests::runtime::Function;
use tokio::sync::{mpsc, oneshot};
use tokio::task::AbortHandle;
use tokio::time::sleep;

use crate::running::soon;
use crate::topic::{Alarm, Seen};

const POLL: Duration = Duration::from_millis(50);
/// Records of a shard in one event.
const RECORDS: usize = 200;

/// A function of which one program runs at a time.
pub(crate) struct Running {
    name: &'static str,
    environment: Vec<(&'static str, String)>,
    function: Function,
    /// How long after the start of one of the next events it is to die.
    deaths: VecDeque<(Duration, oneshot::Sender<()>)>,
}

#[derive(Debug)]
pub(crate) enum Order {
    /// Kill the function of this place in the midst of its next event.
    Kill(usize, Duration, oneshot::Sender<()>),
    /// Tell when nothing is left to hand over.
    Drain(oneshot::Sender<()>),
}

pub(crate) struct Mapping {
    orders: mpsc::UnboundedSender<Order>,
    /// Events that were answered, or whose function died.
    handed: Arc<AtomicU64>,
    task: AbortHandle,
}

impl Drop for Mapping {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Running {
    pub(crate) async fn start(
        name: &'static str,
        environment: Vec<(&'static str, String)>,
    ) -> Running {
        let function = Function::start(name, &environment).await.expect("it starts");
        Running { name, environment, function, deaths: VecDeque::new() }
    }

    /// What of the event failed by the function's answer; `None` if it gave none.
    async fn hand_over(&mut self, event: &Value) -> Option<BTreeSet<String>> {
        let answer = match self.deaths.pop_front() {
            None => self.function.invoke(event).await.ok(),
            Some((after, done)) => {
                let process = self.function.process().to_string();
                let death = async {
                    sleep(after).await;
                    signal("KILL", &process);
                };
                let (answer, ()) = tokio::join!(self.function.invoke_mortal(event), death);
                let next = Function::start(self.name, &self.environment).await;
                self.function = next.expect("it starts");
                let _ = done.send(());
                answer.and_then(Result::ok)
            }
        };
        let failures = answer?["batchItemFailures"].as_array()?.clone();
        let failure = |failure: &Value| failure["itemIdentifier"].as_str().map(str::to_owned);
        Some(failures.iter().map(|one| failure(one).expect("an id")).collect())
    }
}

impl Mapping {
    /// Every message goes to all functions, and is deleted when none of them failed.
    pub(crate) fn of_queue(queue: Queue, mut functions: Vec<Running>, alarm: Alarm) -> Mapping {
        let (orders, mut received) = mpsc::unbounded_channel();
        let handed = Arc::new(AtomicU64::new(0));
        let counter = Arc::clone(&handed);
        let task = tokio::spawn(async move {
            let _alarm = alarm;
            let mut drains = Vec::new();
            loop {
                drains.extend(take(&mut received, &mut functions));
                let messages = queue.receive().await;
                if messages.is_empty() {
                    drains.drain(..).for_each(tell);
                    sleep(POLL).await;
                    continue;
                }
                let event = queue.event(&messages);
                let mut failed = BTreeSet::new();
                for function in &mut functions {
                    let id =
                        |message: &Value| message["messageId"].as_str().expect("an id").to_owned();
                    let all = || event["Records"].as_array().expect("records").iter().map(id);
                    failed.extend(
                        function.hand_over(&event).await.unwrap_or_else(|| all().collect()),
                    );
                }
                counter.fetch_add(1, Ordering::SeqCst);
                for message in &messages {
                    if failed.contains(message["MessageId"].as_str().expect("an id")) {
                        queue.show_again(message).await;
                    } else {
                        queue.delete(message).await;
                    }
                }
            }
        });
        Mapping { orders, handed, task: task.abort_handle() }
    }

    /// A shard goes on when all of a batch is done; what is read is also shown to `seen`.
    pub(crate) fn of_stream(
        moto: Arc<Moto>,
        stream: &'static str,
        function: Running,
        seen: Seen,
    ) -> Mapping {
        let (orders, mut received) = mpsc::unbounded_channel();
        let mut functions = vec![function];
        let handed = Arc::new(AtomicU64::new(0));
        let counter = Arc::clone(&handed);
        let task = tokio::spawn(async move {
            let _alarm = seen.alarm();
            let mut shards = shards(&moto, stream).await;
            let mut drains = Vec::new();
            loop {
                drains.extend(take(&mut received, &mut functions));
                let mut idle = true;
                for shard in &mut shards {
                    let records = shard.read(&moto).await;
                    idle &= records.is_empty();
                    if !records.is_empty() {
                        records.iter().for_each(|record| seen.add(&shard.line(record)));
                        shard.hand_over(&records, &mut functions[0]).await;
                        counter.fetch_add(1, Ordering::SeqCst);
                    }
                }
                if idle {
                    drains.drain(..).for_each(tell);
                    sleep(POLL).await;
                }
            }
        });
        Mapping { orders, handed, task: task.abort_handle() }
    }

    /// How many events were handed over.
    pub(crate) fn handed(&self) -> u64 {
        self.handed.load(Ordering::SeqCst)
    }

    /// What it returns is ready when the function was killed and its next program has started.
    pub(crate) async fn kill(&self, function: usize, after: Duration) -> oneshot::Receiver<()> {
        let (done, killed) = oneshot::channel();
        self.orders.send(Order::Kill(function, after, done)).expect("it runs");
        killed
    }

    /// Waits until nothing is left to hand over.
    pub(crate) async fn drain(&self) {
        let (done, drained) = oneshot::channel();
        self.orders.send(Order::Drain(done)).expect("it runs");
        soon("an empty queue", drained).await.expect("no panic");
    }
}

/// Those who wait for the end.
fn take(
    orders: &mut mpsc::UnboundedReceiver<Order>,
    functions: &mut [Running],
) -> Vec<oneshot::Sender<()>> {
    let mut drains = Vec::new();
    while let Ok(order) = orders.try_recv() {
        match order {
            Order::Kill(place, after, done) => functions[place].deaths.push_back((after, done)),
            Order::Drain(done) => drains.push(done),
        }
    }
    drains
}

/// Whoever waits no more need not know.
fn tell(waiting: oneshot::Sender<()>) {
    let _ = waiting.send(());
}

struct Shard {
    name: String,
    iterator: Value,
}

async fn shards(moto: &Moto, stream: &str) -> Vec<Shard> {
    let listed = kinesis(moto, "ListShards", json!({ "StreamName": stream })).await;
    let mut shards = Vec::new();
    for shard in listed["Shards"].as_array().expect("shards") {
        let name = shard["ShardId"].as_str().expect("a name").to_owned();
        let beginning = json!({
            "StreamName": stream, "ShardId": name, "ShardIteratorType": "TRIM_HORIZON",
        });
        let iterator = kinesis(moto, "GetShardIterator", beginning).await;
        shards.push(Shard { name, iterator: iterator["ShardIterator"].clone() });
    }
    shards
}

async fn kinesis(moto: &Moto, operation: &str, parameters: Value) -> Value {
    moto.call("kinesis", &format!("Kinesis_20131202.{operation}"), &parameters).await
}

impl Shard {
    async fn read(&mut self, moto: &Moto) -> Vec<Value> {
        let ask = json!({ "ShardIterator": self.iterator, "Limit": RECORDS });
        let read = kinesis(moto, "GetRecords", ask).await;
        self.iterator = read["NextShardIterator"].clone();
        read["Records"].as_array().expect("records").clone()
    }

    fn line(&self, record: &Value) -> Vec<u8> {
        use base64::Engine;
        let data = record["Data"].as_str().expect("data");
        base64::engine::general_purpose::STANDARD.decode(data).expect("base64")
    }

    /// From the first record that failed on, again and again: order is what a shard promises.
    async fn hand_over(&self, records: &[Value], function: &mut Running) {
        let mut rest = records;
        while !rest.is_empty() {
            let event =
                json!({ "Records": rest.iter().map(|one| self.event(one)).collect::<Vec<_>>() });
            let Some(failed) = function.hand_over(&event).await else { continue };
            let number =
                |record: &Value| record["SequenceNumber"].as_str().expect("a number").to_owned();
            let first = rest.iter().position(|record| failed.contains(&number(record)));
            rest = &rest[first.unwrap_or(rest.len())..];
        }
    }

    fn event(&self, record: &Value) -> Value {
        let number = record["SequenceNumber"].as_str().expect("a number");
        json!({
            "eventID": format!("{}:{number}", self.name),
            "eventSource": "aws:kinesis",
            "kinesis": {
                "sequenceNumber": number,
                "data": record["Data"],
                "partitionKey": record["PartitionKey"],
                "approximateArrivalTimestamp": record["ApproximateArrivalTimestamp"],
            },
        })
    }
}
