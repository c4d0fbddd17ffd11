//! Batches of a Kinesis stream's records, as Lambda hands them to a function.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use land::Event;
use serde_json::{Value, json};

use crate::trades::{NOON, SECOND};

/// A record as the function sees it; it arrived a minute and a quarter after noon.
pub fn record(shard: &str, sequence_number: &str, data: &[u8]) -> Value {
    let arrival = (NOON / SECOND) as f64 + 75.25;
    json!({
        "eventID": format!("{shard}:{sequence_number}"),
        "eventSource": "aws:kinesis",
        "kinesis": {
            "partitionKey": "BTCUSDT",
            "sequenceNumber": sequence_number,
            "data": STANDARD.encode(data),
            "approximateArrivalTimestamp": arrival,
        },
    })
}

pub fn batch(records: &[Value]) -> Event {
    serde_json::from_value(json!({ "Records": records })).expect("an event")
}
