//! A file of the exchange's -> a file of ours that is gone when it is closed, and its checksum;
//! reads nothing of what it holds.

use std::fs::File;
use std::io::Write;

use sha2::{Digest, Sha256};

use crate::client::Client;
use crate::error::HistoryError;

pub(super) async fn load(client: &Client, url: &str) -> Result<(File, String), HistoryError> {
    let no_room = |why| HistoryError::NoRoom { url: url.to_owned(), why };
    let mut file = tempfile::tempfile().map_err(no_room)?;
    let mut sum = Sha256::new();
    let mut take = |chunk: Option<&[u8]>| match chunk {
        Some(chunk) => {
            sum.update(chunk);
            file.write_all(chunk)
        }
        // It comes from the beginning again.
        None => {
            sum = Sha256::new();
            file = tempfile::tempfile()?;
            Ok(())
        }
    };
    client.download(url, &mut take).await?;
    let digits = sum.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    Ok((file, digits))
}
