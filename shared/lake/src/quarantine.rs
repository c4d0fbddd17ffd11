//! Refused lines as they are kept: bytes, reason, object and offset; decides nothing about them.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;

use crate::key::ObjectKey;
use crate::lines::Refusal;

/// One line of a quarantine object.
#[derive(Serialize)]
struct Record<'a> {
    object: String,
    offset: u64,
    reason: &'a str,
    /// The refused bytes: as text where they are UTF-8, else in base64.
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    line_base64: Option<String>,
}

/// The quarantine object of one object's refused lines.
pub(crate) fn records(object: &ObjectKey, refusals: &[Refusal]) -> Vec<u8> {
    let mut records = Vec::new();
    for refusal in refusals {
        let line = std::str::from_utf8(&refusal.line).ok();
        let record = Record {
            object: object.to_string(),
            offset: refusal.offset,
            reason: &refusal.reason,
            line,
            line_base64: line.is_none().then(|| STANDARD.encode(&refusal.line)),
        };
        serde_json::to_writer(&mut records, &record).expect("strings and a number are JSON");
        records.push(b'\n');
    }
    records
}
