//! A private S3 server with one bucket, and the events that S3 would send of it.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::path::PathBuf;

use aggregate::{App, Event};
use aws_sdk_s3::primitives::ByteStream;
use flate2::read::MultiGzDecoder;
use lake::{Lake, Line, MinutePrefix, ObjectKey};
use serde_json::{Value, json};
use store::Store;
use tempfile::TempDir;
use tickfold::demo::s3::S3Server;

pub const BUCKET: &str = "tickfold";

pub struct Bucket {
    server: S3Server,
    folder: TempDir,
}

impl Bucket {
    pub async fn start() -> Bucket {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let (server, _created) =
            S3Server::start(folder.path(), BUCKET).await.expect("an S3 server");
        Bucket { server, folder }
    }

    pub fn lake(&self) -> Lake {
        Lake::new(self.server.client(), BUCKET)
    }

    pub fn client(&self) -> aws_sdk_s3::Client {
        self.server.client()
    }

    /// The function over this bucket, with connections of its own.
    pub fn app(&self, store: Store) -> App {
        App { lake: self.lake(), store }
    }

    /// Writes lines as one object under the minute of the first.
    pub async fn put<L: Line>(&self, name: &str, lines: &[L]) -> ObjectKey {
        let first = lines.first().expect("a line");
        let minute = MinutePrefix::raw(L::KIND, first.exchange().clone(), first.minute());
        self.put_under(&minute, name, lines).await
    }

    pub async fn put_under<L: Line>(
        &self,
        minute: &MinutePrefix,
        name: &str,
        lines: &[L],
    ) -> ObjectKey {
        let lines = crate::trades::lines(lines);
        self.lake().put_lines(minute, name, lines.as_bytes()).await.expect("written")
    }

    /// Writes any bytes at all.
    pub async fn put_bytes(&self, key: &str, bytes: Vec<u8>) {
        let request = self.server.client().put_object().bucket(BUCKET).key(key);
        request.body(ByteStream::from(bytes)).send().await.expect("written");
    }

    pub async fn delete(&self, key: &ObjectKey) {
        let request = self.server.client().delete_object().bucket(BUCKET);
        request.key(key.to_string()).send().await.expect("deleted");
    }

    /// All objects below a folder, with their text.
    pub fn below(&self, folder: &str) -> BTreeMap<String, String> {
        let mut found = BTreeMap::new();
        let mut folders = vec![self.files().join(folder)];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
                let path = entry.path();
                if path.is_dir() {
                    folders.push(path);
                    continue;
                }
                let mut text = String::new();
                let bytes = fs::read(&path).expect("an object");
                MultiGzDecoder::new(&bytes[..]).read_to_string(&mut text).expect("lines");
                let key = path.strip_prefix(self.files()).expect("below").display().to_string();
                found.insert(key, text);
            }
        }
        found
    }

    /// What a function's program reads of its environment to reach this bucket.
    pub fn environment(&self) -> Vec<(&'static str, String)> {
        let (access, secret) = self.server.keys();
        environment(self.server.endpoint(), access, secret)
    }

    /// Where the bucket's objects lie as files.
    pub fn files(&self) -> PathBuf {
        self.folder.path().join(BUCKET)
    }
}

/// What a function's program reads of its environment to reach [`BUCKET`] at a local server.
pub fn environment(endpoint: &str, access: &str, secret: &str) -> Vec<(&'static str, String)> {
    let pairs = [
        ("BUCKET", BUCKET),
        ("S3_PATH_STYLE", "true"),
        ("AWS_REGION", "us-east-1"),
        ("AWS_ENDPOINT_URL_S3", endpoint),
        ("AWS_ACCESS_KEY_ID", access),
        ("AWS_SECRET_ACCESS_KEY", secret),
    ];
    pairs.map(|(name, value)| (name, value.to_owned())).into()
}

/// A queue's batch: one message for each key, whose id is its place: `m0`, `m1`, ...
pub fn batch<'a>(keys: impl IntoIterator<Item = &'a str>) -> Event {
    let message = |(at, key): (usize, &str)| {
        json!({
            "messageId": format!("m{at}"),
            "eventSource": "aws:sqs",
            "body": notification(BUCKET, key).to_string(),
        })
    };
    let records: Vec<Value> = keys.into_iter().enumerate().map(message).collect();
    event(json!({ "Records": records }))
}

/// What S3 sends, with the key encoded as S3 does.
pub fn notification(bucket: &str, key: &str) -> Value {
    let key = key.replace('=', "%3D");
    json!({ "Records": [{
        "eventVersion": "2.1",
        "eventSource": "aws:s3",
        "eventName": "ObjectCreated:Put",
        "s3": { "bucket": { "name": bucket }, "object": { "key": key, "size": 1 } },
    }]})
}

pub fn event(json: Value) -> Event {
    serde_json::from_value(json).expect("an event")
}
