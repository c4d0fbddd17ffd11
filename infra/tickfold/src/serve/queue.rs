//! One queue of SQS: receive, fold, delete what was folded. What fails stays, for the queue to show
//! again; nothing here counts how often.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use aggregate::App;
use anyhow::{Context, anyhow, ensure};
use aws_config::timeout::TimeoutConfig;
use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::{
    DeleteMessageBatchRequestEntry, Message, MessageSystemAttributeName as Attribute,
    QueueAttributeName,
};
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use crate::deliver::{Delivery, deliver};

/// As many as SQS gives, and deletes, at once.
const BATCH: i32 = 10;
/// The longest that SQS waits for a message before it says that there is none.
const WAIT_SECONDS: i32 = 20;
/// Above that wait: an answer that has not come by then is not coming.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);
/// After the SDK's own attempts: a queue that is away stays away for seconds.
const ASK_AGAIN: Duration = Duration::from_secs(5);

#[derive(Debug)]
pub(crate) struct Queue {
    client: Client,
    url: String,
    /// When it last gave messages, or said that there are none; at first, when this began.
    answered: Mutex<Instant>,
}

impl Queue {
    pub(crate) async fn from_env(url: &str) -> anyhow::Result<Queue> {
        let timeout = TimeoutConfig::builder().operation_attempt_timeout(REQUEST_TIMEOUT).build();
        let config = aws_config::defaults(aws_config::BehaviorVersion::latest())
            .http_client(aws::https())
            .timeout_config(timeout)
            .load()
            .await;
        ensure!(
            config.region().is_some(),
            "AWS_REGION is not set, and the queue is in some region"
        );
        let (client, answered) = (Client::new(&config), Mutex::new(Instant::now()));
        Ok(Queue { client, url: url.to_owned(), answered })
    }

    /// How long ago the queue answered.
    pub(super) fn silence(&self) -> Duration {
        self.answered.lock().unwrap_or_else(PoisonError::into_inner).elapsed()
    }

    /// Folds batch after batch; ends with the one that it has when it is stopped.
    pub(super) async fn poll(&self, app: &App, stop: &CancellationToken) {
        // A request that is dropped may have received: the queue shows those messages again.
        while let Some(received) = stop.run_until_cancelled(self.receive()).await {
            match received {
                Ok(messages) if messages.is_empty() => {}
                Ok(messages) => self.fold(app, &messages).await,
                Err(why) => {
                    let seconds = ASK_AGAIN.as_secs();
                    tracing::warn!("{} gives no messages, again in {seconds} s: {why}", self.url);
                    stop.run_until_cancelled(sleep(ASK_AGAIN)).await;
                }
            }
        }
    }

    /// How many messages nobody has taken yet, about.
    pub(crate) async fn waiting(&self) -> anyhow::Result<String> {
        let count = QueueAttributeName::ApproximateNumberOfMessages;
        let request = self.client.get_queue_attributes().queue_url(&self.url);
        let answer = request.attribute_names(count.clone()).send().await;
        let answer = answer.map_err(|error| anyhow!(aws::said(&error)))?;
        let waiting = answer.attributes.and_then(|mut all| all.remove(&count));
        waiting.context("it does not say how many messages wait")
    }

    async fn receive(&self) -> Result<Vec<Message>, String> {
        let request = self.client.receive_message().queue_url(&self.url);
        let request = request.max_number_of_messages(BATCH).wait_time_seconds(WAIT_SECONDS);
        let request = request.message_system_attribute_names(Attribute::ApproximateReceiveCount);
        let answer = request.send().await.map_err(|error| aws::said(&error))?;
        *self.answered.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
        Ok(answer.messages.unwrap_or_default())
    }

    async fn fold(&self, app: &App, messages: &[Message]) {
        let deliveries: Vec<_> = messages.iter().map(delivery).collect();
        let failed = deliver(app, &deliveries).await;
        let folded: Vec<&Message> =
            messages.iter().filter(|message| !failed.contains(delivery(message).id)).collect();
        tracing::info!("{} notifications folded, {} failed", folded.len(), failed.len());
        if folded.is_empty() {
            return;
        }
        if let Err(why) = self.delete(&folded).await {
            // They come again, and folding them again changes nothing.
            tracing::warn!("{}: folded messages were not deleted: {why}", self.url);
        }
    }

    async fn delete(&self, messages: &[&Message]) -> Result<(), String> {
        let entry = |(at, message): (usize, &&Message)| {
            let entry = DeleteMessageBatchRequestEntry::builder().id(at.to_string());
            let entry = entry.receipt_handle(message.receipt_handle().unwrap_or_default());
            entry.build().expect("an id and a receipt are all it needs")
        };
        let entries: Vec<_> = messages.iter().enumerate().map(entry).collect();
        let request = self.client.delete_message_batch().queue_url(&self.url);
        let answer = request.set_entries(Some(entries)).send().await;
        let answer = answer.map_err(|error| aws::said(&error))?;
        match answer.failed() {
            [] => Ok(()),
            [first, ..] => {
                let (count, why) = (answer.failed().len(), first.message().unwrap_or(first.code()));
                Err(format!("{count} of {}: {why}", messages.len()))
            }
        }
    }
}

/// SQS gives each message an id and a body; one without fails, as one that is not understood.
fn delivery(message: &Message) -> Delivery<'_> {
    let count =
        message.attributes.as_ref().and_then(|it| it.get(&Attribute::ApproximateReceiveCount));
    Delivery {
        id: message.message_id().unwrap_or_default(),
        body: message.body().unwrap_or_default(),
        deliveries: count.and_then(|count| count.parse().ok()).unwrap_or(1),
    }
}
