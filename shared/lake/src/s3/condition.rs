//! Whether a bucket can be listed and read, for whoever looks after it; writes nothing.

use aws::said;

use super::{Lake, LakeError};
use crate::key::EVENT_FILTER;

impl Lake {
    /// Lists the bucket's lines and reads a byte of the first object, whose key it returns; `None`
    /// of a bucket without any.
    pub async fn look(&self) -> Result<Option<String>, LakeError> {
        let (prefix, _) = EVENT_FILTER;
        let list = self.client.list_objects_v2().bucket(&self.bucket).prefix(prefix).max_keys(1);
        let listed =
            list.send().await.map_err(|error| self.failed("list", prefix, said(&error)))?;
        let Some(key) = listed.contents().first().and_then(|object| object.key()) else {
            return Ok(None);
        };
        let read = self.client.get_object().bucket(&self.bucket).key(key).range("bytes=0-0");
        read.send().await.map_err(|error| self.failed("read", key, said(&error)))?;
        Ok(Some(key.to_owned()))
    }
}
