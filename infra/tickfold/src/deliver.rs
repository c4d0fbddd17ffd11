//! A queue's messages -> the handler of `aggregate`, in the event that Lambda makes of them; keeps
//! no message, and decides nothing about those that fail.

use std::collections::HashSet;

use aggregate::App;
use serde_json::{Value, json};

const REGION: &str = "us-east-1";

/// A message as it was received.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Delivery<'a> {
    pub(crate) id: &'a str,
    pub(crate) body: &'a str,
    /// This one included.
    pub(crate) deliveries: u32,
}

/// Calls the function as the event source mapping does; returns the ids of what failed.
pub(crate) async fn deliver(app: &App, batch: &[Delivery<'_>]) -> HashSet<String> {
    let response = async {
        let event = serde_json::from_value(queue_event(batch))?;
        aggregate::handle(app, event).await
    };
    match response.await {
        Ok(response) => {
            let failures = response.batch_item_failures.into_iter();
            failures.map(|failure| failure.item_identifier).collect()
        }
        Err(error) => {
            tracing::warn!("a batch of {} notifications failed: {error:#}", batch.len());
            batch.iter().map(|message| message.id.to_owned()).collect()
        }
    }
}

fn queue_event(batch: &[Delivery<'_>]) -> Value {
    let record = |message: &Delivery<'_>| {
        json!({
            "messageId": message.id,
            "receiptHandle": message.id,
            "body": message.body,
            "attributes": { "ApproximateReceiveCount": message.deliveries.to_string() },
            "messageAttributes": {},
            "eventSource": "aws:sqs",
            "eventSourceARN": format!("arn:aws:sqs:{REGION}:000000000000:aggregate"),
            "awsRegion": REGION,
        })
    };
    json!({ "Records": batch.iter().map(record).collect::<Vec<Value>>() })
}
