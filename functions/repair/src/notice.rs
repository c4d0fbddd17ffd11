//! The queue of `aggregate`: tells it to fold a minute again, in the words in which S3 tells it of an
//! object; folds nothing.

use std::collections::BTreeSet;

use anyhow::{Context, bail};
use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::SendMessageBatchRequestEntry;
use lake::MinutePrefix;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::json;

/// As many as SQS takes at once.
const AT_ONCE: usize = 10;
/// S3 writes keys as HTML forms do, but for the slash.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'/').remove(b'-').remove(b'_').remove(b'.');
/// No object has this name: it is the minute that is meant. An object of the minute that cannot be
/// read would make its own message a dead letter again and again.
const NAME: &str = "repair-looks-again";

/// One queue of SQS.
#[derive(Debug, Clone)]
pub struct Queue {
    client: Client,
    url: String,
}

impl Queue {
    pub fn new(client: Client, url: impl Into<String>) -> Queue {
        Queue { client, url: url.into() }
    }

    /// With the credentials and the region that the environment names.
    pub async fn from_env(url: impl Into<String>) -> Queue {
        Queue::new(Client::new(&invoke::config_from_env().await), url)
    }

    /// Has minutes folded again.
    pub(crate) async fn refold(
        &self,
        bucket: &str,
        minutes: &BTreeSet<MinutePrefix>,
    ) -> anyhow::Result<()> {
        let messages = minutes.iter().map(|minute| notification(bucket, minute));
        let messages: Vec<String> = messages.collect::<anyhow::Result<_>>()?;
        for messages in messages.chunks(AT_ONCE) {
            self.send(messages).await.with_context(|| format!("queue {}", self.url))?;
        }
        Ok(())
    }

    async fn send(&self, messages: &[String]) -> anyhow::Result<()> {
        let entry = |(at, message): (usize, &String)| {
            let entry = SendMessageBatchRequestEntry::builder().id(at.to_string());
            entry.message_body(message).build().expect("an id and a body are all it needs")
        };
        let entries: Vec<_> = messages.iter().enumerate().map(entry).collect();
        let send = self.client.send_message_batch().queue_url(&self.url);
        let sent = send.set_entries(Some(entries)).send().await;
        let sent = sent.map_err(|error| anyhow::anyhow!(aws::said(&error)))?;
        // What was not sent the next sweep sends.
        if let Some(first) = sent.failed().first() {
            let why = first.message().unwrap_or(first.code());
            bail!("{} of {} messages were refused: {why}", sent.failed().len(), messages.len());
        }
        Ok(())
    }
}

fn notification(bucket: &str, minute: &MinutePrefix) -> anyhow::Result<String> {
    let key = minute.object(NAME)?.to_string();
    let key = utf8_percent_encode(&key, ENCODED).to_string();
    let record = json!({
        "eventSource": "aws:s3",
        "eventName": "ObjectCreated:Put",
        "s3": { "bucket": { "name": bucket }, "object": { "key": key } },
    });
    Ok(json!({ "Records": [record] }).to_string())
}
