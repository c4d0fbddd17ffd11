//! Lines, messages and REST records -> trades in a fold, or a refusal that names file, line and
//! reason; prints no bar.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::io::{self, Write};
use std::path::Path;

use market::exchange::{Found, Message};
use market::trade::Traces;
use market::{BarKey, Exchange, Fold, LineError, Source, Symbol, Time, Trade};

use super::file::{self, Line, Lines, Progress, Reader};

/// A trade line has some 250 bytes: a longer one is no trade line, whatever it is.
const MAX_LINE: usize = 64 << 10;
/// Messages without a trade are passed over, not refused, and snapshots of a whole book have
/// several megabytes; more than this no websocket client takes by default.
const MAX_MESSAGE: usize = 16 << 20;
/// A document is held as a whole; this is a day of the busiest market.
const MAX_DOCUMENT: u64 = 1 << 30;
/// Characters of a reason that are printed: serde quotes the value it refuses, however long.
const MAX_REASON: usize = 240;

/// What the files hold.
pub(super) enum Format {
    Lines,
    Frames(Exchange),
    Rest(Exchange, Symbol),
}

/// Takes files in, one after the other.
pub(super) struct Intake {
    format: Format,
    progress: Progress,
    taken: Taken,
}

/// All that was read.
#[derive(Default)]
pub(super) struct Taken {
    pub(super) fold: Fold,
    /// Of each bar, and of minutes that were left without a trade.
    pub(super) tallies: BTreeMap<BarKey, Tally>,
    /// Lines that are not blank, or records of documents.
    pub(super) lines: u64,
    /// Lines, records, files and ends of files that could not be read.
    pub(super) refused: u64,
    /// Whether anything at all was read, be it a refused line.
    pub(super) any: bool,
    /// Files begun.
    files: u64,
}

/// What a bar says besides its trades.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) files: u64,
    pub(super) refused: u64,
    last_file: u64,
}

impl Intake {
    pub(super) fn new(format: Format, progress: Progress) -> Intake {
        Intake { format, progress, taken: Taken::default() }
    }

    pub(super) fn finish(self) -> Taken {
        self.progress.clear();
        self.taken
    }

    pub(super) fn read(&mut self, path: &Path) {
        self.taken.files += 1;
        let reader = match file::open(path, &self.progress) {
            Ok(reader) => reader,
            Err(error) => return self.refuse(path.display(), error),
        };
        match &self.format {
            Format::Lines => self.read_lines(path, reader, MAX_LINE, Taken::take_line),
            Format::Frames(exchange) => {
                let exchange = *exchange;
                let take = |taken: &mut Taken, line: &[u8]| taken.take_message(exchange, line);
                self.read_lines(path, reader, MAX_MESSAGE, take);
            }
            Format::Rest(exchange, symbol) => {
                let (exchange, symbol) = (*exchange, symbol.clone());
                self.read_document(path, reader, exchange, &symbol);
            }
        }
    }

    fn read_lines(
        &mut self,
        path: &Path,
        reader: Reader,
        limit: usize,
        take: impl Fn(&mut Taken, &[u8]) -> Result<(), String>,
    ) {
        let lines_before = self.taken.lines;
        let mut lines = Lines::new(reader, limit);
        loop {
            let outcome = match lines.next() {
                Ok(Some(Line::Whole(line))) if line.trim_ascii().is_empty() => continue,
                Ok(Some(Line::Whole(line))) => take(&mut self.taken, line),
                Ok(Some(Line::TooLong)) => Err(format!("longer than {limit} bytes")),
                Ok(None) if self.taken.lines == lines_before => {
                    return self.refuse(path.display(), "holds no line");
                }
                Ok(None) => return,
                Err(error) => {
                    let why = format!("cannot be read from here on: {error}");
                    return self.refuse(place(path, lines.number()), why);
                }
            };
            self.taken.lines += 1;
            self.taken.any = true;
            if let Err(why) = outcome {
                self.refuse(place(path, lines.number()), why);
            }
        }
    }

    fn read_document(&mut self, path: &Path, reader: Reader, exchange: Exchange, symbol: &Symbol) {
        let document = match file::document(reader, MAX_DOCUMENT) {
            Ok(document) if document.trim_ascii().is_empty() => {
                return self.refuse(path.display(), "holds nothing");
            }
            Ok(document) => document,
            Err(error) => return self.refuse(path.display(), format!("cannot be read: {error}")),
        };
        self.taken.any = true;
        let body = match str::from_utf8(&document) {
            Ok(body) => body,
            Err(error) => {
                let line = 1 + newlines(&document[..error.valid_up_to()]);
                return self.refuse(place(path, line), "not UTF-8");
            }
        };
        let records = match exchange.decode_page(symbol, body, received(), Source::Rest) {
            Ok(records) => records,
            Err(error) => {
                let line = match &error {
                    LineError::Json(error) => error.line() as u64,
                    LineError::NoObject | LineError::Field { .. } => 1,
                };
                let why = reason(&error, &format!("not a list of {exchange}'s REST trades"));
                return self.refuse(place(path, line), why);
            }
        };
        let (mut line, mut counted_to) = (1, 0);
        for record in records {
            self.taken.lines += 1;
            match record.outcome {
                Ok(Found::Trade { trade, .. }) => self.taken.add(trade),
                Ok(Found::Tombstone { .. }) => {}
                Err(error) => {
                    line += newlines(&document[counted_to..record.offset]);
                    counted_to = record.offset;
                    let why = reason(&error, &format!("not a REST trade of {exchange}"));
                    self.refuse(place(path, line), why);
                }
            }
        }
    }

    fn refuse(&mut self, place: impl Display, why: impl Display) {
        self.taken.refused += 1;
        self.progress.aside(|| complain(format_args!("{place}: {why}")));
    }
}

impl Taken {
    fn take_line(&mut self, line: &[u8]) -> Result<(), String> {
        utf8(line)?;
        let trade = Trade::from_line(line).map_err(|error| {
            self.count_refused(Traces::of(line));
            reason(&error, "not a trade line")
        })?;
        self.add(trade);
        Ok(())
    }

    fn take_message(&mut self, exchange: Exchange, line: &[u8]) -> Result<(), String> {
        let message = exchange.decode(utf8(line)?, received());
        match message.map_err(|error| reason(&error, &format!("not a message of {exchange}")))? {
            Message::Trades(trades) => trades.into_iter().for_each(|trade| self.add(trade)),
            Message::Partly { trades, refused } => {
                trades.into_iter().for_each(|trade| self.add(trade));
                return Err(refused.join("; "));
            }
            Message::Books(_)
            | Message::Context(_)
            | Message::Heartbeat { .. }
            | Message::Ping { .. }
            | Message::Ack { .. }
            | Message::Refused { .. }
            | Message::Closing
            | Message::Other
            | Message::Unknown { .. } => {}
        }
        Ok(())
    }

    fn add(&mut self, trade: Trade) {
        let (exchange, symbol) = (trade.exchange.clone(), trade.symbol.clone());
        self.tally(BarKey { exchange, symbol, minute: trade.minute() });
        self.fold.add(trade);
    }

    fn count_refused(&mut self, traces: Traces) {
        if let Traces {
            exchange: Some(exchange), symbol: Some(symbol), minute: Some(minute), ..
        } = traces
        {
            self.tally(BarKey { exchange, symbol, minute }).refused += 1;
        }
    }

    /// The tally of a bar of which the file being read holds a line.
    fn tally(&mut self, key: BarKey) -> &mut Tally {
        let tally = self.tallies.entry(key).or_default();
        if tally.last_file != self.files {
            tally.last_file = self.files;
            tally.files += 1;
        }
        tally
    }
}

/// Says what is wrong. That nobody may be listening any more ends no fold.
pub(super) fn complain(what: impl Display) {
    let _ = io::stderr().write_all(format!("{what}\n").as_bytes());
}

fn place(path: &Path, line: u64) -> String {
    format!("{}:{line}", path.display())
}

/// When a message came: recordings do not say, and bars do not ask.
fn received() -> Time {
    Time::from_micros(1_577_836_800_000_000).expect("the year 2020 is a time")
}

fn utf8(line: &[u8]) -> Result<&str, String> {
    str::from_utf8(line).map_err(|error| format!("not UTF-8 at byte {}", error.valid_up_to() + 1))
}

fn newlines(text: &[u8]) -> u64 {
    text.iter().filter(|byte| **byte == b'\n').count() as u64
}

/// Why something is refused, in one line. Positions that serde tells are dropped: they count from
/// the start of a record or of a payload inside a message.
fn reason(error: &LineError, what: &str) -> String {
    let reason = match error {
        LineError::Json(error) => {
            let text = error.to_string();
            format!("{what}: {}", text.rsplit_once(" at line ").map_or(&*text, |(why, _)| why))
        }
        LineError::NoObject => format!("{what}: {error}"),
        LineError::Field { .. } => error.to_string(),
    };
    match reason.char_indices().nth(MAX_REASON) {
        Some((end, _)) => format!("{}…", &reason[..end]),
        None => reason,
    }
}
