//! Refused lines as they are kept: bytes, reason and where they came from; decides nothing about
//! them.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;

use crate::key::ObjectKey;
use crate::lines::Refusal;

/// A line of which no exchange and minute is known, so that it has no place in the bucket.
#[derive(Debug)]
pub struct DeadLine {
    /// What brought it, in the words of whoever did.
    pub origin: String,
    pub reason: String,
    pub line: Vec<u8>,
}

/// One line of an object of refused lines: the field `object` with `offset`, or `origin`.
#[derive(Serialize)]
struct Record<'a> {
    #[serde(flatten)]
    source: Source<'a>,
    reason: &'a str,
    /// The refused bytes: as text where they are UTF-8, else in base64.
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    line_base64: Option<String>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Source<'a> {
    Object { object: String, offset: u64 },
    Origin { origin: &'a str },
}

/// The quarantine object of one object's refused lines.
pub(crate) fn records(object: &ObjectKey, refusals: &[Refusal]) -> Vec<u8> {
    let mut records = Vec::new();
    for refusal in refusals {
        let source = Source::Object { object: object.to_string(), offset: refusal.offset };
        append(&mut records, source, &refusal.reason, &refusal.line);
    }
    records
}

/// The object of lines that have no place.
pub(crate) fn dead(lines: &[DeadLine]) -> Vec<u8> {
    let mut records = Vec::new();
    for DeadLine { origin, reason, line } in lines {
        append(&mut records, Source::Origin { origin }, reason, line);
    }
    records
}

fn append(records: &mut Vec<u8>, source: Source<'_>, reason: &str, bytes: &[u8]) {
    let line = std::str::from_utf8(bytes).ok();
    let line_base64 = line.is_none().then(|| STANDARD.encode(bytes));
    let record = Record { source, reason, line, line_base64 };
    serde_json::to_writer(&mut *records, &record).expect("strings and a number are JSON");
    records.push(b'\n');
}
