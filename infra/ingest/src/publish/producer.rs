//! librdkafka, set up for lines that must not be lost: what is sent comes back as an event, with
//! or without success; decides nothing about what to do then.

use std::error::Error;
use std::sync::Arc;

use rdkafka::ClientConfig;
use rdkafka::ClientContext;
use rdkafka::client::OAuthToken;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::message::DeliveryResult;
use rdkafka::producer::{BaseRecord, Producer as _, ProducerContext, ThreadedProducer};
use tokio::sync::mpsc::UnboundedSender;
use tracing::debug;

use super::token::Tokens;
use crate::config::{Kafka, Security};
use crate::line::Line;

/// Lines wait so long for others to share a request with; a minute's row does not notice.
const LINGER_MS: &str = "10";
/// librdkafka waits longer and longer to reconnect, by default up to 10 s; a broker that is back
/// should not wait for us.
const RECONNECT_MAX_MS: &str = "2000";
/// A broker that cannot be reached in that time is down; by default half a minute.
const CONNECT_TIMEOUT_MS: &str = "10000";

/// A topic that has been unknown for so long is not there; by default librdkafka waits half a
/// minute before it says so.
const UNKNOWN_TOPIC_MS: &str = "5000";
/// A topic that was said not to be there, and is made then, may be found by nothing but this; by
/// default librdkafka looks every five minutes.
const LOOK_FOR_TOPICS_MS: &str = "10000";

/// What librdkafka says.
#[derive(Debug)]
pub(super) enum Event {
    /// What became of one sending of the line `id`.
    Delivery { id: usize, generation: u32, outcome: Result<(), KafkaError> },
    /// A fault that is no line's own; `fatal` if the producer `generation` is of no use any more.
    Trouble { generation: u32, fatal: bool, what: String },
}

/// One producer of librdkafka's; its generation tells its events from those of its predecessors.
pub(super) struct Producer(ThreadedProducer<Context>);

struct Context {
    events: UnboundedSender<Event>,
    generation: u32,
    tokens: Arc<Tokens>,
}

impl Producer {
    /// Fails only if the configuration is wrong: connecting is done behind, for as long as it
    /// takes.
    pub(super) fn new(
        kafka: &Kafka,
        tokens: &Arc<Tokens>,
        generation: u32,
        events: UnboundedSender<Event>,
    ) -> KafkaResult<Producer> {
        let mut config = ClientConfig::new();
        if let Some(protocol) = match kafka.security {
            Security::Plaintext => None,
            Security::MskIam => Some("SASL_SSL"),
            Security::Unsecured { .. } => Some("SASL_PLAINTEXT"),
        } {
            config.set("security.protocol", protocol).set("sasl.mechanisms", "OAUTHBEARER");
        }
        let tokens = Arc::clone(tokens);
        let producer = config
            .set("client.id", "tickfold-ingest")
            .set("bootstrap.servers", &kafka.brokers)
            // With it come acks=all and repetition without duplicates or reordering.
            .set("enable.idempotence", "true")
            .set("compression.type", "lz4")
            .set("linger.ms", LINGER_MS)
            .set("delivery.timeout.ms", kafka.delivery_timeout.as_millis().to_string())
            .set("queue.buffering.max.messages", kafka.in_flight.to_string())
            .set("topic.metadata.propagation.max.ms", UNKNOWN_TOPIC_MS)
            .set("topic.metadata.refresh.interval.ms", LOOK_FOR_TOPICS_MS)
            .set("reconnect.backoff.max.ms", RECONNECT_MAX_MS)
            .set("socket.connection.setup.timeout.ms", CONNECT_TIMEOUT_MS)
            .set("socket.keepalive.enable", "true")
            .create_with_context(Context { events, generation, tokens })?;
        Ok(Producer(producer))
    }

    /// Hands a line to librdkafka. An error says that it was not taken; otherwise an
    /// [`Event::Delivery`] follows.
    pub(super) fn send(&self, id: usize, line: &Line) -> KafkaResult<()> {
        let (topic, text) = (line.topic(), line.to_string());
        let record = BaseRecord::with_opaque_to(&topic, id)
            .key(line.symbol().as_str())
            .payload(&text)
            .timestamp(line.time().micros().div_euclid(1_000));
        self.0.send(record).map_err(|(error, _)| error)
    }

    /// Whether librdkafka has given up on this producer.
    pub(super) fn is_dead(&self) -> bool {
        self.0.client().fatal_error().is_some()
    }
}

/// What came of a line, in words that say what to do where librdkafka's do not.
pub(super) fn explain(error: &KafkaError, line: &Line) -> String {
    match error.rdkafka_error_code() {
        Some(RDKafkaErrorCode::UnknownTopic | RDKafkaErrorCode::UnknownTopicOrPartition) => {
            format!("there is no topic {0}: create {0}", line.topic())
        }
        _ => error.to_string(),
    }
}

impl ClientContext for Context {
    const ENABLE_REFRESH_OAUTH_TOKEN: bool = true;

    /// Asked for at the beginning, and whenever four fifths of a token's life are over.
    fn generate_oauth_token(&self, _: Option<&str>) -> Result<OAuthToken, Box<dyn Error>> {
        self.tokens.make().map_err(|error| format!("{error:#}").replace('\0', " ").into())
    }

    /// librdkafka repeats itself as long as a broker is away; what matters of it comes as
    /// [`Event::Trouble`] too.
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        debug!(target: "librdkafka", "{level:?} {facility}: {message}");
    }

    fn error(&self, error: KafkaError, reason: &str) {
        // Only a summary: why each of them is down was told before.
        if error.rdkafka_error_code() == Some(RDKafkaErrorCode::AllBrokersDown) {
            return;
        }
        let fatal = error.rdkafka_error_code() == Some(RDKafkaErrorCode::Fatal);
        let what = if reason.is_empty() { error.to_string() } else { reason.to_owned() };
        // Nobody listens any more once everything is delivered or given up.
        let _ = self.events.send(Event::Trouble { generation: self.generation, fatal, what });
    }
}

impl ProducerContext for Context {
    type DeliveryOpaque = usize;

    fn delivery(&self, result: &DeliveryResult<'_>, id: usize) {
        let outcome = result.as_ref().map(drop).map_err(|(error, _)| error.clone());
        let _ = self.events.send(Event::Delivery { id, generation: self.generation, outcome });
    }
}
