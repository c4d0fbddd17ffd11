//! Bars -> rows on standard output, and the counts of all that was read on standard error; reads
//! nothing.

use std::fmt;
use std::io::{self, BufWriter, ErrorKind, Write};
use std::process::ExitCode;

use clap::ValueEnum;
use market::Bar;
use market::gap::missing_between;

use super::intake::{Taken, complain};

const NOTHING_READ: u8 = 1;
const REFUSED: u8 = 2;

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Output {
    /// One JSON object per line
    Ndjson,
    /// Comma-separated, with a header; an empty cell is null
    Csv,
}

/// Prints rows and counts, and says how it all went.
pub(super) fn print(taken: Taken, output: Output) -> ExitCode {
    if !taken.any {
        complain("tickfold fold: nothing could be read, so there is no bar");
        return ExitCode::from(NOTHING_READ);
    }
    let mut summary = Summary { lines: taken.lines, refused: taken.refused, ..Summary::default() };
    let mut rows = Rows::new(output, BufWriter::new(io::stdout().lock()));
    match print_rows(taken, &mut rows, &mut summary) {
        Ok(()) => complain(&summary),
        // Whoever reads the rows has seen enough.
        Err(error) if error.kind() == ErrorKind::BrokenPipe => {}
        Err(error) => {
            complain(format_args!("tickfold fold: standard output: {error}"));
            return ExitCode::FAILURE;
        }
    }
    if summary.refused + summary.failed > 0 { ExitCode::from(REFUSED) } else { ExitCode::SUCCESS }
}

fn print_rows(taken: Taken, rows: &mut Rows<impl Write>, summary: &mut Summary) -> io::Result<()> {
    let mut tallies = taken.tallies;
    for outcome in taken.fold.bars() {
        match outcome {
            Ok(mut bar) => {
                let tally = tallies.remove(&bar.key()).unwrap_or_default();
                bar.quarantined_count = tally.refused;
                bar.object_count = tally.files;
                rows.write(&bar)?;
                summary.add(bar);
            }
            Err(error) => {
                complain(format_args!("no bar of {error}"));
                summary.add_failed();
            }
        }
    }
    rows.flush()
}

enum Rows<W: Write> {
    Ndjson(W),
    Csv(Box<csv::Writer<W>>),
}

impl<W: Write> Rows<W> {
    fn new(output: Output, out: W) -> Rows<W> {
        match output {
            Output::Ndjson => Rows::Ndjson(out),
            Output::Csv => Rows::Csv(Box::new(csv::Writer::from_writer(out))),
        }
    }

    fn write(&mut self, bar: &Bar) -> io::Result<()> {
        match self {
            Rows::Ndjson(out) => {
                serde_json::to_writer(&mut *out, bar)?;
                out.write_all(b"\n")
            }
            Rows::Csv(out) => out.serialize(bar).map_err(|error| match error.into_kind() {
                csv::ErrorKind::Io(error) => error,
                other => io::Error::other(format!("{other:?}")),
            }),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Rows::Ndjson(out) => out.flush(),
            Rows::Csv(out) => out.flush(),
        }
    }
}

/// The counts that stand on standard error in the end.
#[derive(Default)]
struct Summary {
    lines: u64,
    trades: u64,
    duplicates: u64,
    conflicts: u64,
    missing: Missing,
    refused: u64,
    /// Bars that could not be told exactly.
    failed: u64,
    bars: u64,
}

impl Summary {
    fn add(&mut self, bar: Bar) {
        self.bars += 1;
        self.trades += bar.trade_count;
        self.duplicates += bar.duplicate_count;
        self.conflicts += bar.conflict_count;
        self.missing.add(bar);
    }

    fn add_failed(&mut self) {
        self.failed += 1;
        self.missing.break_off();
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "lines {}, trades {}, ", self.lines, self.trades)?;
        write!(out, "duplicates {}, ", self.duplicates)?;
        if self.conflicts > 0 {
            write!(out, "conflicts {}, ", self.conflicts)?;
        }
        write!(out, "missing {}, refused {}, ", self.missing, self.refused)?;
        if self.failed > 0 {
            write!(out, "failed {}, ", self.failed)?;
        }
        write!(out, "bars {}", self.bars)
    }
}

/// Trade ids that no trade covers, inside minutes and between neighbouring ones of a symbol.
#[derive(Default)]
struct Missing {
    count: u128,
    /// Whether there was an id to go by.
    any_known: bool,
    /// Whether ids failed to prove something somewhere.
    any_unknown: bool,
    before: Option<Bar>,
}

impl Missing {
    fn add(&mut self, bar: Bar) {
        self.count(bar.missing_count);
        if let Some(before) = &self.before
            && (&before.exchange, &before.symbol) == (&bar.exchange, &bar.symbol)
        {
            self.count(missing_between(before, &bar));
        }
        self.before = Some(bar);
    }

    /// The next bar's neighbour is not known.
    fn break_off(&mut self) {
        self.count(None);
        self.before = None;
    }

    fn count(&mut self, missing: Option<u64>) {
        match missing {
            Some(missing) => {
                self.any_known = true;
                self.count += u128::from(missing);
            }
            None => self.any_unknown = true,
        }
    }
}

impl fmt::Display for Missing {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.any_known, self.any_unknown) {
            (true, false) => write!(out, "{}", self.count),
            (true, true) if self.count > 0 => write!(out, "unknown ({} by ids)", self.count),
            _ => write!(out, "unknown"),
        }
    }
}
