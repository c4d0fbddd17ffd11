//! An object's bytes -> its lines and what is refused, within limits; fetches nothing and decides
//! nothing about what is refused.

use std::fmt::Display;
use std::io::{self, BufRead, BufReader, Read, Write};

use flate2::Compression;
use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;
use market::trade::Traces;
use market::{BookLine, ExchangeName, LineError, Minute, Trade};

use crate::key::Kind;

/// What an object of one kind holds; prints as its line.
pub trait Line: Display + Sized {
    const KIND: Kind;

    fn read(line: &[u8]) -> Result<Self, LineError>;
    fn exchange(&self) -> &ExchangeName;
    fn minute(&self) -> Minute;
}

impl Line for Trade {
    const KIND: Kind = Kind::Trades;

    fn read(line: &[u8]) -> Result<Trade, LineError> {
        Trade::from_line(line)
    }

    fn exchange(&self) -> &ExchangeName {
        &self.exchange
    }

    fn minute(&self) -> Minute {
        Trade::minute(self)
    }
}

impl Line for BookLine {
    const KIND: Kind = Kind::Books;

    fn read(line: &[u8]) -> Result<BookLine, LineError> {
        BookLine::from_line(line)
    }

    fn exchange(&self) -> &ExchangeName {
        &self.exchange
    }

    fn minute(&self) -> Minute {
        BookLine::minute(self)
    }
}

/// What one object may hold. A minute of the busiest exchange is some tens of megabytes; the limits
/// keep a broken or hostile object from taking the function's memory.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// As stored, compressed.
    pub object_bytes: u64,
    /// Decompressed.
    pub plain_bytes: u64,
    /// Decompressed bytes for each stored one: lines reach about 15, zeros about 1000.
    pub ratio: u64,
    pub lines: u64,
    pub line_bytes: usize,
}

impl Limits {
    pub const DEFAULT: Limits = Limits {
        object_bytes: 64 << 20,
        plain_bytes: 256 << 20,
        ratio: 200,
        lines: 5_000_000,
        line_bytes: 64 << 10,
    };

    /// A ratio says nothing about an object that is small when decompressed.
    const RATIO_FROM: u64 = 1 << 20;
}

/// A line that is none of its object's kind, with its bytes.
#[derive(Debug)]
pub struct Refusal {
    /// Where the line begins in the decompressed object.
    pub offset: u64,
    pub line: Vec<u8>,
    pub reason: String,
    pub traces: Traces,
}

/// Why nothing of an object is used: what it holds cannot be known, so no part of it may pass for
/// the whole.
#[derive(Debug, thiserror::Error)]
pub enum Unreadable {
    #[error("the object is empty")]
    Empty,
    #[error("not a whole gzip stream: {0}")]
    Gzip(io::Error),
    #[error("holds more than {limit} {what}")]
    Limit { what: &'static str, limit: u64 },
}

/// What an object holds.
#[derive(Debug)]
pub struct Content<L> {
    pub lines: Vec<L>,
    pub refusals: Vec<Refusal>,
}

/// Reads a gzip object of lines of one kind, of one or several members.
pub fn read<L: Line>(object: &[u8], limits: Limits) -> Result<Content<L>, Unreadable> {
    if object.is_empty() {
        return Err(Unreadable::Empty);
    }
    let too_much = |what, limit| Unreadable::Limit { what, limit };
    let stored = object.len() as u64;
    if stored > limits.object_bytes {
        return Err(too_much("stored bytes", limits.object_bytes));
    }
    let by_ratio = (stored * limits.ratio).max(Limits::RATIO_FROM);
    let plain_bytes = limits.plain_bytes.min(by_ratio);
    // One byte more than allowed tells "too much" from "just enough".
    let mut plain = BufReader::new(MultiGzDecoder::new(object).take(plain_bytes + 1));
    let mut content = Content { lines: Vec::new(), refusals: Vec::new() };
    let (mut offset, mut line, mut lines) = (0, Vec::new(), 0);
    loop {
        let read = next_line(&mut plain, &mut line, limits.line_bytes).map_err(Unreadable::Gzip)?;
        if read == 0 {
            return Ok(content);
        }
        if offset + read > plain_bytes {
            return Err(too_much("decompressed bytes", plain_bytes));
        }
        lines += 1;
        if lines > limits.lines {
            return Err(too_much("lines", limits.lines));
        }
        // A blank line holds nothing that could be lost.
        if !line.trim_ascii().is_empty() {
            content.take(offset, &line, limits.line_bytes);
        }
        offset += read;
    }
}

/// Reads up to the next newline, which `line` does not get; returns how many bytes that took.
/// Of a line that is too long only the beginning is held, one byte more than allowed.
fn next_line(plain: &mut impl BufRead, line: &mut Vec<u8>, limit: usize) -> io::Result<u64> {
    line.clear();
    let mut read = plain.take(limit as u64 + 1).read_until(b'\n', line)?;
    let mut ended = line.pop_if(|byte| *byte == b'\n').is_some() || read <= limit;
    while !ended {
        let rest = plain.fill_buf()?;
        let newline = rest.iter().position(|byte| *byte == b'\n');
        let skipped = newline.map_or(rest.len(), |at| at + 1);
        ended = newline.is_some() || rest.is_empty();
        plain.consume(skipped);
        read += skipped;
    }
    Ok(read as u64)
}

impl<L: Line> Content<L> {
    fn take(&mut self, offset: u64, line: &[u8], line_bytes: usize) {
        let outcome = if line.len() > line_bytes {
            Err(format!(
                "the line has more than {line_bytes} bytes; the object holds the rest of it"
            ))
        } else {
            L::read(line).map_err(|error| error.to_string())
        };
        match outcome {
            Ok(line) => self.lines.push(line),
            Err(reason) => {
                let traces = Traces::of(line);
                self.refusals.push(Refusal { offset, line: line.to_vec(), reason, traces });
            }
        }
    }
}

/// Lines as the bytes of an object. The same lines give the same bytes.
pub fn compress(lines: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(lines).expect("a vector takes every byte");
    encoder.finish().expect("a vector takes every byte")
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str = r#"{"exchange":"binance","symbol":"BTCUSDT","time":1700000000120000,"side":"buy","price":"43000.01000000","size":"0.00123000","first_id":100,"last_id":105,"received":1700000000123456,"source":"ws"}"#;

    fn error(object: &[u8], limits: Limits) -> String {
        read::<Trade>(object, limits).expect_err("unreadable").to_string()
    }

    #[test]
    fn several_members_are_one_object() {
        let member = compress(format!("{LINE}\n").as_bytes());
        let object = [member.clone(), member].concat();
        assert_eq!(read::<Trade>(&object, Limits::DEFAULT).expect("two members").lines.len(), 2);
    }

    #[test]
    fn a_bad_line_is_refused_with_its_bytes_and_offset_and_the_others_are_read() {
        let bad = LINE.replace("\"buy\"", "\"up\"");
        let content = compress(format!("{LINE}\n{bad}\n\nnonsense\n{LINE}").as_bytes());
        let content = read::<Trade>(&content, Limits::DEFAULT).expect("readable");
        assert_eq!(content.lines.len(), 2);
        let [side, nonsense] = &content.refusals[..] else { panic!("{:?}", content.refusals) };
        assert_eq!((side.offset, side.line.as_slice()), (LINE.len() as u64 + 1, bad.as_bytes()));
        assert_eq!(side.reason, "side: \"up\" is none of buy sell");
        assert_eq!(side.traces.symbol.as_ref().map(|symbol| symbol.as_str()), Some("BTCUSDT"));
        assert_eq!(nonsense.traces, Traces::default());
    }

    #[test]
    fn a_line_of_another_kind_is_refused() {
        let content = compress(format!("{LINE}\n").as_bytes());
        let content = read::<BookLine>(&content, Limits::DEFAULT).expect("readable");
        let [trade] = &content.refusals[..] else { panic!("{:?}", content.refusals) };
        assert!(trade.reason.contains("missing field `interval`"), "{}", trade.reason);
        assert_eq!((content.lines.len(), trade.traces.symbol.is_some()), (0, true));
    }

    #[test]
    fn a_broken_object_gives_no_part_of_itself() {
        let whole = compress(format!("{LINE}\n").repeat(2_000).as_bytes());
        assert!(error(&whole[..whole.len() - 1], Limits::DEFAULT).contains("not a whole gzip"));
        assert!(error(&whole[..whole.len() / 2], Limits::DEFAULT).contains("not a whole gzip"));
        let trailing = [&whole[..], b"garbage"].concat();
        assert!(error(&trailing, Limits::DEFAULT).contains("not a whole gzip"));
        assert!(error(LINE.as_bytes(), Limits::DEFAULT).contains("not a whole gzip"));
        assert_eq!(error(b"", Limits::DEFAULT), "the object is empty");
    }

    #[test]
    fn bombs_stop_at_the_limits() {
        let zeros = compress(&vec![0; 8 << 20]);
        assert!(error(&zeros, Limits::DEFAULT).contains("decompressed bytes"));
        let lines = compress(format!("{LINE}\n").repeat(11).as_bytes());
        let limits = |change: fn(&mut Limits)| {
            let mut limits = Limits::DEFAULT;
            change(&mut limits);
            limits
        };
        let few = error(&lines, limits(|limits| limits.lines = 10));
        assert_eq!(few, "holds more than 10 lines");
        let small = error(&lines, limits(|limits| limits.plain_bytes = 100));
        assert_eq!(small, "holds more than 100 decompressed bytes");
        let tiny = error(&lines, limits(|limits| limits.object_bytes = 10));
        assert_eq!(tiny, "holds more than 10 stored bytes");
        let short =
            read::<Trade>(&lines, limits(|limits| limits.line_bytes = 20)).expect("readable");
        assert_eq!((short.lines.len(), short.refusals.len()), (0, 11));
        assert!(short.refusals[0].reason.starts_with("the line has more than 20 bytes"));
    }
}
