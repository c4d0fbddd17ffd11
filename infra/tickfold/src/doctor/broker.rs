//! Kafka: whether it answers, has the topics of the configured feeds, and keeps lines long enough;
//! creates none. Kinesis and MSK are left to ingest, which knows how to log in there.

use std::collections::BTreeSet;
use std::time::Duration;

use ingest::{Config, Feed, Kafka, Security, Sink};
use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, ResourceSpecifier};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer};

use super::Outcome::{self, Failed, Ok as Good, Skipped};

/// Above a connection's time-out of librdkafka's own.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);
/// Vector holds lines for 75 s, and comes back after a restart of some minutes.
const MIN_RETENTION_MS: i64 = 10 * 60 * 1_000;

pub(super) async fn check(config: Option<&Config>) -> Outcome {
    let Some(config) = config else {
        return Skipped("no configuration says where lines go".to_owned());
    };
    match &config.sink {
        Sink::Kafka(kafka) if kafka.security == Security::Plaintext => ask(kafka, config).await,
        Sink::Kafka(_) => Skipped("only ingest itself can log in to MSK".to_owned()),
        Sink::Kinesis(kinesis) => Skipped(format!("lines go to {kinesis}")),
    }
}

fn topics(config: &Config) -> BTreeSet<String> {
    let of = |feed: &Feed| {
        let kinds = if feed.books { &["trades", "books"][..] } else { &["trades"] };
        let exchange = feed.exchange;
        kinds.iter().map(move |kind| format!("{exchange}.{kind}"))
    };
    config.feeds.iter().flat_map(of).collect()
}

async fn ask(kafka: &Kafka, config: &Config) -> Outcome {
    let mut client = ClientConfig::new();
    client.set("bootstrap.servers", &kafka.brokers).set("client.id", "tickfold-doctor");
    let wanted = topics(config);
    let there = match known(client.clone()).await {
        Ok(there) => there,
        Err(why) => {
            let ask = "does it run, and may this machine reach that host and port?";
            return Failed(format!("{kafka} does not answer: {why}; {ask}"));
        }
    };
    let missing: Vec<_> = wanted.difference(&there).map(String::as_str).collect();
    if !missing.is_empty() {
        let missing = missing.join(", ");
        return Failed(format!("{kafka} has no topic {missing}: create it, or ingest waits"));
    }
    let count = wanted.len();
    let seen = format!("{kafka} answers and has the {count} topics");
    match shortest(&client, &wanted).await {
        // A broker that cannot be asked may still be a good one, such as the demo's.
        Err(why) => Good(format!("{seen}; how long they keep lines it does not tell: {why}")),
        Ok(Some((topic, millis))) if (0..MIN_RETENTION_MS).contains(&millis) => {
            let at_least = MIN_RETENTION_MS / 60_000;
            Failed(format!(
                "{topic} keeps lines for {} s: Vector may be away for longer; set its \
                 retention.ms to {at_least} minutes at least",
                millis / 1_000
            ))
        }
        Ok(Some((_, millis))) if millis > 0 => {
            Good(format!("{seen}, which keep lines for {} minutes", millis / 60_000))
        }
        Ok(_) => Good(format!("{seen}, which keep lines for ever: watch its disk")),
    }
}

/// The topics that are there.
async fn known(client: ClientConfig) -> Result<BTreeSet<String>, String> {
    let asked = tokio::task::spawn_blocking(move || {
        let consumer: BaseConsumer = client.create()?;
        let metadata = consumer.fetch_metadata(None, ANSWER_WITHIN)?;
        let names = metadata.topics().iter().map(|topic| topic.name().to_owned());
        Ok::<_, rdkafka::error::KafkaError>(names.collect())
    });
    let asked = asked.await.map_err(|panic| panic.to_string())?;
    asked.map_err(|error| error.to_string())
}

/// The topic that forgets first, and after how many milliseconds; none of those that never do.
async fn shortest(
    client: &ClientConfig,
    topics: &BTreeSet<String>,
) -> Result<Option<(String, i64)>, String> {
    let admin: AdminClient<DefaultClientContext> =
        client.create().map_err(|error| error.to_string())?;
    let asked: Vec<_> = topics.iter().map(|topic| ResourceSpecifier::Topic(topic)).collect();
    let options = AdminOptions::new().request_timeout(Some(ANSWER_WITHIN));
    let told = admin.describe_configs(&asked, &options).await.map_err(|it| it.to_string())?;
    let mut shortest = None;
    for (topic, told) in topics.iter().zip(told) {
        let told = told.map_err(|code| code.to_string())?;
        let millis = told.get("retention.ms").and_then(|entry| entry.value.as_deref());
        let millis: i64 = millis
            .and_then(|text| text.parse().ok())
            .ok_or_else(|| format!("{topic} has no retention.ms"))?;
        let forgets = |millis: i64| millis >= 0;
        let sooner = shortest.as_ref().is_none_or(|(_, known)| millis < *known);
        if forgets(millis) && sooner {
            shortest = Some((topic.clone(), millis));
        }
    }
    Ok(shortest)
}
