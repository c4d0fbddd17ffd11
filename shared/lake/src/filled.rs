//! What is kept of a day whose trades were filled in from the exchange's own record: one JSON text
//! of whoever filled it in; knows nothing of what stands in it.

use aws::{chain, said};
use aws_sdk_s3::primitives::ByteStream;
use market::Symbol;

use crate::key::DayKey;
use crate::s3::{Lake, LakeError};

/// Of a stranger's object no more is read than this; a record has some hundred bytes.
const MAX_RECORD: u64 = 1 << 20;

impl Lake {
    /// Keeps a symbol's record of a day, over one that is there.
    pub async fn put_filled(
        &self,
        day: &DayKey,
        symbol: &Symbol,
        json: Vec<u8>,
    ) -> Result<(), LakeError> {
        let key = day.filled(symbol);
        let request = self.client.put_object().bucket(&self.bucket).key(&key);
        let request = request.content_type("application/json").body(ByteStream::from(json));
        request.send().await.map_err(|error| self.failed("write", &key, said(&error)))?;
        Ok(())
    }

    /// A symbol's record of a day; `None` if it was not filled in.
    pub async fn filled(
        &self,
        day: &DayKey,
        symbol: &Symbol,
    ) -> Result<Option<Vec<u8>>, LakeError> {
        let key = day.filled(symbol);
        let range = format!("bytes=0-{}", MAX_RECORD - 1);
        let request = self.client.get_object().bucket(&self.bucket).key(&key).range(range);
        match request.send().await {
            Ok(object) => {
                let bytes = object.body.collect().await;
                let bytes = bytes.map_err(|error| self.failed("read", &key, chain(&error)))?;
                Ok(Some(bytes.to_vec()))
            }
            Err(error) if error.as_service_error().is_some_and(|it| it.is_no_such_key()) => {
                Ok(None)
            }
            Err(error) => Err(self.failed("read", &key, said(&error))),
        }
    }
}
