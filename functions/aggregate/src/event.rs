//! What calls the function, as far as it is needed: a batch of queue messages that carry bucket
//! notifications, or one bare notification; fetches nothing.
//!
//! Source: the event structures in the S3 and Lambda developer guides. Keys arrive form-encoded
//! (`+` is a space, `%3D` an equals sign), and the first message of a new notification is an
//! `s3:TestEvent` without records. Unknown fields are passed over: the schema grows.

use anyhow::{Context, bail};
use lake::{Area, ObjectKey};
use percent_encoding::percent_decode_str;
use serde::Deserialize;
use tracing::{info, warn};

#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub enum Event {
    /// From a queue; also what an empty batch reads as.
    Queue {
        #[serde(rename = "Records")]
        records: Vec<Message>,
    },
    /// From the bucket itself.
    Bucket(Notification),
}

#[derive(Debug, Deserialize)]
pub struct Message {
    #[serde(rename = "messageId")]
    pub(crate) id: String,
    pub(crate) body: String,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub enum Notification {
    Records {
        #[serde(rename = "Records")]
        records: Vec<Record>,
    },
    Test {
        #[serde(rename = "Event")]
        event: String,
    },
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Record {
    event_name: String,
    s3: Entity,
}

#[derive(Debug, Deserialize)]
struct Entity {
    bucket: Bucket,
    object: Object,
}

#[derive(Debug, Deserialize)]
struct Bucket {
    name: String,
}

#[derive(Debug, Deserialize)]
struct Object {
    key: String,
}

impl Notification {
    pub(crate) fn from_body(body: &str) -> anyhow::Result<Notification> {
        serde_json::from_str(body).context("the body is no S3 event notification")
    }

    /// The objects that arrived in this lake. What is no object of it is ignored, and logged.
    pub(crate) fn objects(self, bucket: &str) -> anyhow::Result<Vec<ObjectKey>> {
        match self {
            Notification::Test { event } if event == "s3:TestEvent" => {
                info!("the bucket's notifications reach this function");
                Ok(Vec::new())
            }
            Notification::Test { event } => bail!("{event:?} is no event of S3's known here"),
            Notification::Records { records } => {
                let objects = records.iter().filter_map(|record| record.object(bucket).transpose());
                objects.collect()
            }
        }
    }
}

impl Record {
    fn object(&self, bucket: &str) -> anyhow::Result<Option<ObjectKey>> {
        let Entity { bucket: Bucket { name }, object: Object { key } } = &self.s3;
        if name != bucket {
            bail!("the event is of bucket {name:?}, but BUCKET is {bucket:?}");
        }
        if !self.event_name.trim_start_matches("s3:").starts_with("ObjectCreated:") {
            warn!(key, "ignored: {} of {key}", self.event_name);
            return Ok(None);
        }
        let spaced = key.replace('+', " ");
        let key = percent_decode_str(&spaced).decode_utf8().context("the key is not UTF-8")?;
        match key.parse::<ObjectKey>() {
            Ok(object) if object.prefix.area == Area::Raw => Ok(Some(object)),
            Ok(_) => {
                warn!(%key, "ignored: {key} is this function's own; notify of raw/ only");
                Ok(None)
            }
            Err(error) => {
                warn!(%key, "ignored: {error}");
                Ok(None)
            }
        }
    }
}
