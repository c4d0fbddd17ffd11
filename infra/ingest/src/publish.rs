//! Lines to Kafka: every line is sent until it is acknowledged, or given back when time is up;
//! knows no exchange, and drops nothing.

use std::collections::BTreeMap;
use std::mem;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use rdkafka::error::KafkaError;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{Instant, MissedTickBehavior, interval};
use tracing::warn;

use crate::backoff::Backoff;
use crate::config::Kafka;
use crate::health::Pulse;
use crate::line::Line;
use health::Health;
use producer::{Event, Producer};
use token::Tokens;

mod health;
pub(crate) mod kinesis;
mod producer;
mod token;

/// A refused line is worth little haste: librdkafka has repeated by itself whatever can pass.
const RESEND: Backoff = Backoff { first: Duration::from_millis(500), cap: Duration::from_secs(5) };
/// After so long without one the next failure is a first one again.
const FORGET_FAILURES: Duration = Duration::from_secs(60);
/// How often lines that wait to be sent again are looked at.
const TICK: Duration = Duration::from_millis(100);

/// What was achieved.
#[derive(Debug, Default)]
pub(crate) struct Published {
    pub(crate) acknowledged: u64,
    pub(crate) resent: u64,
    /// Lines that were not acknowledged in time. Some of them may be there nevertheless.
    pub(crate) undelivered: Vec<Line>,
}

/// Publishes until `lines` is closed and all is acknowledged, or until `give_up` is done.
pub(crate) async fn run(
    kafka: &Kafka,
    mut lines: mpsc::Receiver<Line>,
    pulse: &Pulse,
    give_up: impl Future<Output = ()>,
) -> anyhow::Result<Published> {
    // Never longer than the lines in flight, and a few words of trouble.
    let (sender, mut events) = mpsc::unbounded_channel();
    let tokens = Arc::new(Tokens::new(&kafka.security).await?);
    let mut publisher = Publisher::new(kafka, tokens, sender, pulse)?;
    let mut give_up = pin!(give_up);
    let mut tick = interval(TICK);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut open = true;
    while open || !publisher.pending.is_empty() {
        tokio::select! {
            biased;
            () = &mut give_up => break,
            event = events.recv() => publisher.hear(event.expect("the publisher holds a sender")),
            _ = tick.tick() => publisher.look_around(),
            line = lines.recv(), if open && publisher.has_room() => match line {
                Some(line) => publisher.publish(line),
                None => open = false,
            },
        }
    }
    Ok(publisher.finish(lines).await)
}

/// Dropping a producer waits for its threads, which must hold up nobody here.
fn retire(producer: Option<Producer>) -> Option<JoinHandle<()>> {
    producer.map(|producer| tokio::task::spawn_blocking(|| drop(producer)))
}

struct Publisher<'a> {
    kafka: &'a Kafka,
    tokens: Arc<Tokens>,
    events: mpsc::UnboundedSender<Event>,
    pulse: &'a Pulse,
    /// None between a producer's death and its successor.
    producer: Option<Producer>,
    generation: u32,
    /// Every line that is not acknowledged, by number in the order of arrival. A line keeps its
    /// number when it is sent again.
    pending: BTreeMap<usize, Line>,
    next_id: usize,
    /// Numbers of lines that are to be sent again.
    again: Vec<usize>,
    again_at: Instant,
    /// How often lines came back, and when that was last; long ago does not count.
    failures: u32,
    failed_at: Instant,
    acknowledged: u64,
    resent: u64,
    health: Health,
}

impl<'a> Publisher<'a> {
    fn new(
        kafka: &'a Kafka,
        tokens: Arc<Tokens>,
        events: mpsc::UnboundedSender<Event>,
        pulse: &'a Pulse,
    ) -> anyhow::Result<Self> {
        let producer = Producer::new(kafka, &tokens, 0, events.clone())
            .with_context(|| format!("no Kafka producer for {}", kafka.brokers))?;
        Ok(Publisher {
            kafka,
            tokens,
            events,
            pulse,
            producer: Some(producer),
            generation: 0,
            pending: BTreeMap::new(),
            next_id: 0,
            again: Vec::new(),
            again_at: Instant::now(),
            failures: 0,
            failed_at: Instant::now(),
            acknowledged: 0,
            resent: 0,
            health: Health::new(kafka),
        })
    }

    fn has_room(&self) -> bool {
        self.pending.len() < self.kafka.in_flight
    }

    fn publish(&mut self, line: Line) {
        let id = self.next_id;
        self.next_id += 1;
        if self.pending.is_empty() {
            self.health.waits_from(Instant::now());
        }
        self.pending.insert(id, line);
        if self.producer.is_some() {
            self.send(id);
        } else {
            self.again.push(id);
        }
    }

    fn send(&mut self, id: usize) {
        let (Some(producer), Some(line)) = (&self.producer, self.pending.get(&id)) else { return };
        if let Err(error) = producer.send(id, line) {
            self.came_back(id, &error);
        }
    }

    fn hear(&mut self, event: Event) {
        match event {
            Event::Delivery { id, outcome: Ok(()), .. } => {
                // Of a line that was sent twice both sendings may be acknowledged.
                if self.pending.remove(&id).is_some() {
                    self.acknowledged += 1;
                }
                self.pulse.beat();
                self.health.acknowledged(Instant::now());
            }
            // A producer that was given up hands back what its successor has been given.
            Event::Delivery { generation, .. } | Event::Trouble { generation, .. }
                if generation != self.generation => {}
            Event::Delivery { id, outcome: Err(error), .. } => self.came_back(id, &error),
            Event::Trouble { fatal: false, what, .. } => self.health.trouble(what),
            Event::Trouble { fatal: true, what, .. } => self.replace_producer(&what),
        }
    }

    fn came_back(&mut self, id: usize, error: &KafkaError) {
        if self.producer.as_ref().is_some_and(Producer::is_dead) {
            return self.replace_producer(&error.to_string());
        }
        if self.again.is_empty() {
            self.postpone();
        }
        let why =
            self.pending.get(&id).map_or(error.to_string(), |it| producer::explain(error, it));
        self.again.push(id);
        self.resent += 1;
        self.health.failed(Instant::now(), 1, &why);
    }

    /// Acknowledgements do not shorten the wait: they may be of another topic's lines.
    fn postpone(&mut self) {
        let now = Instant::now();
        let recent = now - self.failed_at < FORGET_FAILURES;
        self.failures = if recent { self.failures.saturating_add(1) } else { 1 };
        self.failed_at = now;
        self.again_at = now + RESEND.delay(self.failures, rand::random());
    }

    /// Everything that is not acknowledged goes to a new producer. Some of it Kafka may have
    /// already; a duplicate changes nothing downstream.
    fn replace_producer(&mut self, why: &str) {
        let (lines, why) = (self.pending.len(), format!("the producer is replaced: {why}"));
        self.health.failed(Instant::now(), lines, &why);
        retire(self.producer.take());
        // What waits in `again` is counted already.
        self.resent += lines.saturating_sub(self.again.len()) as u64;
        self.generation = self.generation.wrapping_add(1);
        self.again = self.pending.keys().copied().collect();
        self.postpone();
    }

    fn look_around(&mut self) {
        let now = Instant::now();
        self.health.look_around(now, self.pending.len());
        if now < self.again_at || (self.again.is_empty() && self.producer.is_some()) {
            return;
        }
        if self.producer.is_none() {
            match Producer::new(self.kafka, &self.tokens, self.generation, self.events.clone()) {
                Ok(producer) => self.producer = Some(producer),
                Err(error) => {
                    self.health.trouble(error.to_string());
                    return self.postpone();
                }
            }
        }
        for id in mem::take(&mut self.again) {
            self.send(id);
        }
    }

    async fn finish(mut self, mut lines: mpsc::Receiver<Line>) -> Published {
        let mut undelivered: Vec<_> = mem::take(&mut self.pending).into_values().collect();
        // The feeds have stopped or are about to; what they still hand over is told as well.
        while let Some(line) = lines.recv().await {
            undelivered.push(line);
        }
        if let Some(dying) = retire(self.producer.take())
            && let Err(panic) = dying.await
        {
            warn!("the Kafka producer could not be closed: {panic}");
        }
        Published { acknowledged: self.acknowledged, resent: self.resent, undelivered }
    }
}
