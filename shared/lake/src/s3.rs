//! List, read and write over S3; what a line is, `lines` knows, and where it lies, `key`.

use std::collections::BTreeSet;

use aws::{chain, said};
use aws_sdk_s3::Client;
use aws_sdk_s3::primitives::ByteStream;
use futures_util::stream::{self, StreamExt, TryStreamExt};
use market::time::MINUTES_PER_DAY;
use market::{ExchangeName, FoldError, Minute, Trade};

use crate::key::{self, Area, KeyError, Kind, MinutePrefix, ObjectKey};
use crate::lines::{self, Limits, Line, Refusal, Unreadable};
use crate::quarantine::{self, DeadLine};

mod condition;

/// Objects of one minute that are fetched at a time: enough to hide the round trips, little enough
/// to keep their bytes small.
const FETCHED_AT_ONCE: usize = 8;
/// Objects of one minute. Thirty seconds of one-second batches from several writers stay far below;
/// a prefix with more is a fault of its writer, and reading it would not end in time.
const MAX_OBJECTS: usize = 10_000;

/// A request that failed and may succeed when it is made again.
#[derive(Debug, thiserror::Error)]
pub enum LakeError {
    #[error("cannot {what} s3://{bucket}/{key}: {why}")]
    Request { what: &'static str, bucket: String, key: String, why: String },
    #[error("{prefix} has more than {MAX_OBJECTS} objects: its writer is broken")]
    TooManyObjects { prefix: MinutePrefix },
    #[error(transparent)]
    Key(#[from] KeyError),
    #[error(transparent)]
    Sum(#[from] FoldError),
}

/// All that lies in a minute's folders.
#[derive(Debug)]
pub struct MinuteRead<L> {
    /// The lines of this exchange and minute.
    pub lines: Vec<L>,
    /// Lines that belong to another minute or exchange, by the object that held them.
    pub strays: Vec<(ObjectKey, Vec<L>)>,
    pub refusals: Vec<(ObjectKey, Vec<Refusal>)>,
    /// Objects of which nothing could be used.
    pub unreadable: Vec<(ObjectKey, Unreadable)>,
    /// All objects, also those that could not be read.
    pub object_count: u64,
}

/// One bucket.
#[derive(Debug, Clone)]
pub struct Lake {
    pub(crate) client: Client,
    pub(crate) bucket: String,
    limits: Limits,
}

/// What the environment lacks, or has wrong, of a bucket.
#[derive(Debug, thiserror::Error)]
pub enum EnvError {
    #[error("BUCKET is not set")]
    Bucket,
    #[error("S3_PATH_STYLE is neither true nor false")]
    PathStyle,
}

/// The client that the environment describes, as the AWS SDK reads it (`AWS_REGION`,
/// `AWS_ENDPOINT_URL_S3`, ...). `path_style` is for servers without a name per bucket.
pub async fn client_from_env(path_style: bool) -> Client {
    let behavior = aws_config::BehaviorVersion::latest();
    let config = aws_config::defaults(behavior).http_client(aws::https()).load().await;
    let s3 = aws_sdk_s3::config::Builder::from(&config).force_path_style(path_style);
    Client::from_conf(s3.build())
}

impl Lake {
    /// The bucket `BUCKET` at the server that the environment describes: that of [`client_from_env`],
    /// and `S3_PATH_STYLE`, `true` or, by default, `false`.
    pub async fn from_env() -> Result<Lake, EnvError> {
        let bucket = std::env::var("BUCKET").map_err(|_| EnvError::Bucket)?;
        let path_style = std::env::var("S3_PATH_STYLE").unwrap_or_else(|_| "false".to_owned());
        let path_style = path_style.parse().map_err(|_| EnvError::PathStyle)?;
        Ok(Lake::new(client_from_env(path_style).await, bucket))
    }

    pub fn new(client: Client, bucket: impl Into<String>) -> Lake {
        Lake { client, bucket: bucket.into(), limits: Limits::DEFAULT }
    }

    pub fn with_limits(self, limits: Limits) -> Lake {
        Lake { limits, ..self }
    }

    pub fn bucket(&self) -> &str {
        &self.bucket
    }

    /// Lists a minute and reads all its objects, its strays included. A listing is complete: S3
    /// shows an object before it sends the event for it.
    pub async fn read<L: Line>(&self, minute: &MinutePrefix) -> Result<MinuteRead<L>, LakeError> {
        debug_assert_eq!(minute.kind, L::KIND, "lines are read as what they are");
        let mut keys = self.list(minute).await?;
        keys.extend(self.list(&minute.within(Area::Strays)).await?);
        self.read_objects(minute, keys).await
    }

    /// The same of objects that are known already: all that a listing showed of the minute.
    pub async fn read_objects<L: Line>(
        &self,
        minute: &MinutePrefix,
        keys: Vec<ObjectKey>,
    ) -> Result<MinuteRead<L>, LakeError> {
        let mut read = MinuteRead::of(keys.len() as u64);
        let mut objects = stream::iter(keys)
            .map(|key| async move {
                let object = self.get(&key.to_string()).await?;
                Ok::<_, LakeError>((key, lines::read(&object, self.limits)))
            })
            .buffered(FETCHED_AT_ONCE);
        while let Some((key, content)) = objects.try_next().await? {
            match content {
                Ok(content) => read.take(minute, key, content),
                Err(why) => read.unreadable.push((key, why)),
            }
        }
        Ok(read)
    }

    /// The exchanges that objects of a kind lie here of.
    pub async fn exchanges(&self, kind: Kind) -> Result<BTreeSet<ExchangeName>, LakeError> {
        let mut exchanges = BTreeSet::new();
        for area in Area::OF_ROWS {
            let folders = self.folders(&key::exchanges(area, kind)).await?;
            exchanges.extend(folders.iter().filter_map(|folder| key::exchange_of(folder)));
        }
        Ok(exchanges)
    }

    /// The minutes from `from` until before `to` that objects lie here of, strays included. Lists
    /// folders, not objects: two requests or so for each day.
    pub async fn minutes(
        &self,
        kind: Kind,
        exchange: &ExchangeName,
        from: Minute,
        to: Minute,
    ) -> Result<BTreeSet<Minute>, LakeError> {
        let mut minutes = BTreeSet::new();
        let mut day = from.midnight();
        while day < to {
            for area in Area::OF_ROWS {
                let first = MinutePrefix::raw(kind, exchange.clone(), day).within(area);
                let folders = self.folders(&first.day()).await?;
                minutes.extend(folders.iter().filter_map(|folder| first.minute_of(folder)));
            }
            day = day.plus(MINUTES_PER_DAY);
        }
        minutes.retain(|minute| (from..to).contains(minute));
        Ok(minutes)
    }

    /// Whether an object's strays have been copied to this minute of theirs.
    pub async fn has_strays(
        &self,
        home: &MinutePrefix,
        object: &ObjectKey,
    ) -> Result<bool, LakeError> {
        self.exists(&stray(home, object)?.to_string()).await
    }

    /// Writes lines as one object; returns its key. Writing the same name again replaces it.
    pub async fn put_lines(
        &self,
        minute: &MinutePrefix,
        name: &str,
        lines: &[u8],
    ) -> Result<ObjectKey, LakeError> {
        let key = minute.object(name)?;
        self.put(&key.to_string(), lines::compress(lines)).await?;
        Ok(key)
    }

    /// Writes trades of one symbol that an exchange's REST interface told, all of this minute. The
    /// name is made of what they are, not of when they were told: twice is once.
    pub async fn put_repair(
        &self,
        minute: &MinutePrefix,
        trades: &[Trade],
    ) -> Result<ObjectKey, LakeError> {
        let bar = market::fold(trades.iter().cloned())?.pop().expect("a trade makes a bar");
        let ids = bar.first_id.zip(bar.last_id).map(|(first, last)| format!("-{first}-{last}"));
        let (ids, hash) = (ids.unwrap_or_default(), String::from(bar.fingerprint));
        let name = format!("rest-{}{ids}-{hash}", bar.symbol);
        let lines: String = trades.iter().map(|trade| format!("{trade}\n")).collect();
        self.put_lines(minute, &name, lines.as_bytes()).await
    }

    /// Keeps an object's refused lines, under the object's own minute and name: twice is once.
    pub async fn quarantine(
        &self,
        object: &ObjectKey,
        refusals: &[Refusal],
    ) -> Result<ObjectKey, LakeError> {
        let minute = object.prefix.within(Area::RefusedLines);
        let area = if object.prefix.area == Area::Strays { "stray-" } else { "" };
        let name = format!("{area}{}", object.name);
        self.put_lines(&minute, &name, &quarantine::records(object, refusals)).await
    }

    /// Copies lines to a minute of their own that another minute's `object` held; the name tells
    /// where they came from, so that twice is once.
    pub async fn put_strays<L: Line>(
        &self,
        minute: &MinutePrefix,
        object: &ObjectKey,
        strays: &[L],
    ) -> Result<ObjectKey, LakeError> {
        let key = stray(minute, object)?;
        let lines: String = strays.iter().map(|line| format!("{line}\n")).collect();
        self.put_lines(&key.prefix, &key.name, lines.as_bytes()).await
    }

    /// Keeps lines that have no place, by the date on which they came; returns the key.
    pub async fn bury(
        &self,
        date: &str,
        name: &str,
        lines: &[DeadLine],
    ) -> Result<String, LakeError> {
        let key = key::dead(date, name)?;
        self.put(&key, lines::compress(&quarantine::dead(lines))).await?;
        Ok(key)
    }

    async fn list(&self, prefix: &MinutePrefix) -> Result<Vec<ObjectKey>, LakeError> {
        // With a delimiter, what somebody laid into a folder below the minute is not an object of it.
        let request = self.client.list_objects_v2().bucket(&self.bucket).delimiter("/");
        let mut pages = request.prefix(prefix.to_string()).into_paginator().send();
        let mut keys = Vec::new();
        while let Some(page) = pages.next().await {
            let page =
                page.map_err(|error| self.failed("list", &prefix.to_string(), said(&error)))?;
            // A foreign name under the prefix was not written by us; its event is ignored as well.
            let names = page.contents().iter().filter_map(|object| object.key());
            keys.extend(names.filter_map(|key| key.parse::<ObjectKey>().ok()));
            if keys.len() > MAX_OBJECTS {
                return Err(LakeError::TooManyObjects { prefix: prefix.clone() });
            }
        }
        Ok(keys)
    }

    /// Asked by listing: who may not list all of the bucket is not told that a key is missing.
    pub(crate) async fn exists(&self, key: &str) -> Result<bool, LakeError> {
        let request = self.client.list_objects_v2().bucket(&self.bucket).prefix(key).max_keys(1);
        let page = request.send().await.map_err(|error| self.failed("list", key, said(&error)))?;
        Ok(page.contents().first().is_some_and(|object| object.key() == Some(key)))
    }

    /// The folders directly below a folder, as whole prefixes.
    pub(crate) async fn folders(&self, below: &str) -> Result<Vec<String>, LakeError> {
        let request = self.client.list_objects_v2().bucket(&self.bucket).delimiter("/");
        let mut pages = request.prefix(below).into_paginator().send();
        let mut folders = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| self.failed("list", below, said(&error)))?;
            let found = page.common_prefixes().iter().filter_map(|folder| folder.prefix());
            folders.extend(found.map(str::to_owned));
        }
        Ok(folders)
    }

    /// Objects below a folder whose keys come after one, in their order, up to the first that is not
    /// wanted.
    pub(crate) async fn list_after(
        &self,
        folder: &str,
        after: &str,
        is_wanted: impl Fn(&ObjectKey) -> bool,
    ) -> Result<Vec<ObjectKey>, LakeError> {
        let request = self.client.list_objects_v2().bucket(&self.bucket).prefix(folder);
        let mut pages = request.start_after(after).into_paginator().send();
        let mut found = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| self.failed("list", folder, said(&error)))?;
            let keys = page.contents().iter().filter_map(|object| object.key());
            for key in keys.filter_map(|key| key.parse::<ObjectKey>().ok()) {
                if !is_wanted(&key) {
                    return Ok(found);
                }
                found.push(key);
            }
        }
        Ok(found)
    }

    /// The object's bytes; one byte above the limit at most, which `lines` then refuses.
    async fn get(&self, key: &str) -> Result<Vec<u8>, LakeError> {
        let request = self.client.get_object().bucket(&self.bucket).key(key).send();
        let object = request.await.map_err(|error| self.failed("read", key, said(&error)))?;
        let limit = self.limits.object_bytes + 1;
        let mut body = object.body;
        let mut bytes = Vec::new();
        while (bytes.len() as u64) < limit {
            let chunk =
                body.try_next().await.map_err(|error| self.failed("read", key, chain(&error)))?;
            let Some(chunk) = chunk else { break };
            bytes.extend_from_slice(&chunk);
        }
        Ok(bytes)
    }

    async fn put(&self, key: &str, body: Vec<u8>) -> Result<(), LakeError> {
        let request = self.client.put_object().bucket(&self.bucket).key(key);
        let request = request.content_type("application/x-ndjson").body(ByteStream::from(body));
        request.send().await.map_err(|error| self.failed("write", key, said(&error)))?;
        Ok(())
    }

    pub(crate) fn failed(&self, what: &'static str, key: &str, why: String) -> LakeError {
        LakeError::Request { what, bucket: self.bucket.clone(), key: key.to_owned(), why }
    }
}

/// Where strays of an object are copied to, in a minute of their own.
fn stray(home: &MinutePrefix, object: &ObjectKey) -> Result<ObjectKey, KeyError> {
    let (date, clock) = object.prefix.minute.date_and_clock();
    let name = format!("{}-{date}-{clock}-{}", object.prefix.exchange, object.name);
    home.within(Area::Strays).object(&name)
}

impl<L: Line> MinuteRead<L> {
    fn of(object_count: u64) -> MinuteRead<L> {
        let (lines, strays, refusals, unreadable) = (vec![], vec![], vec![], vec![]);
        MinuteRead { lines, strays, refusals, unreadable, object_count }
    }

    fn take(&mut self, minute: &MinutePrefix, key: ObjectKey, content: lines::Content<L>) {
        let at_home =
            |line: &L| line.minute() == minute.minute && *line.exchange() == minute.exchange;
        let (lines, strays): (Vec<_>, Vec<_>) = content.lines.into_iter().partition(at_home);
        self.lines.extend(lines);
        if !strays.is_empty() {
            self.strays.push((key.clone(), strays));
        }
        if !content.refusals.is_empty() {
            self.refusals.push((key, content.refusals));
        }
    }
}
