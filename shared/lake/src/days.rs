//! A day of one exchange: all its objects, its trades as Parquet, and the receipt that tells what
//! those were made of; knows nothing of what stands in a file.

use std::io::Write;
use std::path::Path;

use aws::{chain, said};
use aws_sdk_s3::operation::get_object::GetObjectOutput;
use aws_sdk_s3::primitives::ByteStream;
use market::Symbol;

use crate::key::{Area, DayKey, Kind, ObjectKey};
use crate::s3::{Lake, LakeError};

/// A receipt is a line for each symbol; of a stranger's object no more is read than this.
const MAX_RECEIPT: usize = 4 << 20;

impl Lake {
    /// All objects of a day, strays included, in the order of minutes. One listing, which is
    /// complete: of an object that comes during it the next one tells.
    pub async fn day(&self, kind: Kind, day: &DayKey) -> Result<Vec<ObjectKey>, LakeError> {
        let mut keys: Vec<ObjectKey> = Vec::new();
        for area in Area::OF_ROWS {
            let folder = day.folder(area, kind);
            let request = self.client.list_objects_v2().bucket(&self.bucket).prefix(&folder);
            let mut pages = request.into_paginator().send();
            while let Some(page) = pages.next().await {
                let page = page.map_err(|error| self.failed("list", &folder, said(&error)))?;
                let names = page.contents().iter().filter_map(|object| object.key());
                keys.extend(names.filter_map(|key| key.parse::<ObjectKey>().ok()));
            }
        }
        keys.sort_unstable_by(|one, other| {
            (one.prefix.minute, one).cmp(&(other.prefix.minute, other))
        });
        Ok(keys)
    }

    /// Writes a symbol's file of a day, over one that is there; returns its key.
    pub async fn put_parquet(
        &self,
        day: &DayKey,
        symbol: &Symbol,
        file: &Path,
    ) -> Result<String, LakeError> {
        let key = day.parquet(symbol);
        let body = ByteStream::from_path(file).await;
        let body = body.map_err(|error| self.failed("write", &key, chain(&error)))?;
        let request = self.client.put_object().bucket(&self.bucket).key(&key);
        let request = request.content_type("application/vnd.apache.parquet").body(body);
        request.send().await.map_err(|error| self.failed("write", &key, said(&error)))?;
        Ok(key)
    }

    /// Copies a symbol's file of a day to where somebody looks at it.
    pub async fn get_parquet(
        &self,
        day: &DayKey,
        symbol: &Symbol,
        out: &mut impl Write,
    ) -> Result<(), LakeError> {
        let key = day.parquet(symbol);
        let mut body = self.object(&key).await?.body;
        while let Some(chunk) = body.next().await {
            let chunk = chunk.map_err(|error| self.failed("read", &key, chain(&error)))?;
            out.write_all(&chunk).map_err(|error| self.failed("read", &key, chain(&error)))?;
        }
        Ok(())
    }

    /// What a day's files were made of, as it was written; `None` before.
    pub async fn receipt(&self, day: &DayKey) -> Result<Option<Vec<u8>>, LakeError> {
        let key = day.receipt();
        if !self.exists(&key).await? {
            return Ok(None);
        }
        let mut body = self.object(&key).await?.body;
        let mut bytes = Vec::new();
        while let Some(chunk) = body.next().await {
            bytes.extend_from_slice(
                &chunk.map_err(|error| self.failed("read", &key, chain(&error)))?,
            );
            if bytes.len() > MAX_RECEIPT {
                let why = "it is no receipt of this program, but larger";
                return Err(self.failed("read", &key, why.to_owned()));
            }
        }
        Ok(Some(bytes))
    }

    pub async fn put_receipt(&self, day: &DayKey, receipt: Vec<u8>) -> Result<(), LakeError> {
        let key = day.receipt();
        let request = self.client.put_object().bucket(&self.bucket).key(&key);
        let request = request.content_type("application/json").body(ByteStream::from(receipt));
        request.send().await.map_err(|error| self.failed("write", &key, said(&error)))?;
        Ok(())
    }

    async fn object(&self, key: &str) -> Result<GetObjectOutput, LakeError> {
        let request = self.client.get_object().bucket(&self.bucket).key(key).send();
        request.await.map_err(|error| self.failed("read", key, said(&error)))
    }
}
