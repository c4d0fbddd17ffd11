//! What calls the function, as far as it is needed: a batch of one shard's records, in the order
//! of the shard; decodes nothing of what they carry.
//!
//! Source: the event structures in the Kinesis and Lambda developer guides. Unknown fields are
//! passed over: the schema grows.

use anyhow::Context;
use market::Time;
use serde::Deserialize;
use serde_json::Number;

#[derive(Debug, Deserialize)]
pub struct Event {
    #[serde(rename = "Records")]
    pub(crate) records: Vec<Record>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Record {
    /// `shardId-000000000006:49590338271490256608559692538361571095921575989136588898`
    #[serde(rename = "eventID")]
    id: String,
    kinesis: Kinesis,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Kinesis {
    sequence_number: String,
    /// In base64.
    data: String,
    /// Seconds since 1970, with a fraction.
    approximate_arrival_timestamp: Number,
}

impl Record {
    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    /// `000000000006`
    pub(crate) fn shard(&self) -> &str {
        let shard = self.id.split(':').next().unwrap_or_default();
        shard.strip_prefix("shardId-").unwrap_or(shard)
    }

    pub(crate) fn sequence_number(&self) -> &str {
        &self.kinesis.sequence_number
    }

    pub(crate) fn data(&self) -> &str {
        &self.kinesis.data
    }

    /// When Kinesis got it, to the second.
    pub(crate) fn arrival(&self) -> anyhow::Result<Time> {
        let seconds = self.kinesis.approximate_arrival_timestamp.to_string();
        let whole = seconds.split('.').next().unwrap_or_default().parse::<i64>();
        let micros = whole.ok().and_then(|seconds| seconds.checked_mul(1_000_000));
        let time = micros.and_then(|micros| Time::from_micros(micros).ok());
        time.with_context(|| format!("approximateArrivalTimestamp: {seconds} is no time"))
    }
}
