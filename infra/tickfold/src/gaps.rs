//! `tickfold gaps`: what is missing in a database's rows and what came of filling it, as a table,
//! JSON or CSV; derives no gap itself and fills none.

use std::io::{self, BufWriter, ErrorKind, IsTerminal, Write};
use std::process::ExitCode;

use clap::ValueEnum;
use market::{Bar, ExchangeName, Minute, Symbol, Time};
use store::{Access, KnownGap, Outcome, Range, Series, Store};

use crate::clock::now;

/// Rows with gaps that are read at a time.
const ROWS_AT_ONCE: u32 = 1_000;
const DEFAULT_MINUTES: i64 = 24 * 60;
const MISSING: u8 = 2;

const AFTER_HELP: &str = "\
A gap stands at the row inside of which it is, or behind which it ends. Between two rows all ids from
the first to the last are missing; inside a row there may be others among them. Its state is open
while it is tried to fill it, unfillable when that was given up, and filled when it is there no more.
Symbols whose ids are not contiguous (Bybit) have no gaps that could be told.

Exit status: 0 if nothing is missing; 2 if something is; 1 if it could not be told.";

/// List what is missing, and what came of filling it
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub struct Arguments {
    /// `postgres://user@host/db`, `mysql://user@host/db` or `sqlite:///path/to/file.db`
    #[arg(long, value_name = "URL", env = "DATABASE_URL", hide_env_values = true)]
    database_url: String,
    /// Of this exchange alone
    #[arg(long, value_parser = exchange)]
    exchange: Option<ExchangeName>,
    /// Of this symbol alone
    #[arg(long, value_parser = symbol)]
    symbol: Option<Symbol>,
    /// From this time on, such as 2026-11-20T12:00:00Z [default: 24 hours before `--to`]
    #[arg(long, value_name = "TIME")]
    from: Option<Time>,
    /// Up to this time [default: now]
    #[arg(long, value_name = "TIME")]
    to: Option<Time>,
    /// How to print them [default: table in a terminal, else ndjson]
    #[arg(long, value_enum)]
    output: Option<Output>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Output {
    /// Columns, for people
    Table,
    /// One JSON object per line
    Ndjson,
    /// Comma-separated, with a header; an empty cell is null
    Csv,
}

fn exchange(text: &str) -> Result<ExchangeName, String> {
    text.parse()
}

fn symbol(text: &str) -> Result<Symbol, String> {
    text.parse()
}

pub fn main(arguments: &Arguments) -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.expect("the operating system gives a process its timers and sockets");
    let told = runtime.block_on(find(arguments)).and_then(|gaps| {
        let table = if io::stdout().is_terminal() { Output::Table } else { Output::Ndjson };
        match print(&gaps, arguments.output.unwrap_or(table), io::stdout().lock()) {
            // Whoever reads them has seen enough.
            Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(error.into()),
            _ => Ok(gaps.iter().any(|gap| gap.state != Outcome::Filled)),
        }
    });
    match told {
        Ok(false) => ExitCode::SUCCESS,
        Ok(true) => ExitCode::from(MISSING),
        Err(error) => {
            eprintln!("tickfold gaps: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn find(arguments: &Arguments) -> anyhow::Result<Vec<KnownGap>> {
    let store = Store::connect_with(&arguments.database_url, 1, &Access::from_env()?)?;
    let to = match arguments.to {
        Some(to) => to,
        None => now()?,
    };
    let from = arguments.from.map_or(to.minute().plus(-DEFAULT_MINUTES), Time::minute);
    let mut gaps = Vec::new();
    for Series { exchange, symbol } in store.series::<Bar>().await? {
        let of = |wanted: &Option<ExchangeName>| wanted.as_ref().is_none_or(|it| *it == exchange);
        let wanted = of(&arguments.exchange)
            && arguments.symbol.as_ref().is_none_or(|wanted| *wanted == symbol);
        let mut next = wanted.then_some(from);
        while let Some(from) = next {
            let (exchange, symbol) = (exchange.clone(), symbol.clone());
            let range = Range { exchange, symbol, from, to: end(to), limit: ROWS_AT_ONCE };
            let found = store.known_gaps(&range).await?;
            gaps.extend(found.gaps);
            next = found.next;
        }
    }
    store.close().await;
    Ok(gaps)
}

/// The first minute that is wholly behind this time.
fn end(to: Time) -> Minute {
    let minute = to.minute();
    if minute.start() == to { minute } else { minute.plus(1) }
}

const COLUMNS: [&str; 12] = [
    "exchange",
    "symbol",
    "minute",
    "first_missing_id",
    "last_missing_id",
    "missing_count",
    "from_time",
    "to_time",
    "state",
    "attempts",
    "last_attempt",
    "reason",
];

fn cells(known: &KnownGap) -> [String; 12] {
    let KnownGap { minute, gap, state, reason, attempts, last_attempt, .. } = known;
    let state = match state {
        Outcome::Open => "open",
        Outcome::Filled => "filled",
        Outcome::Unfillable => "unfillable",
    };
    [
        gap.exchange.to_string(),
        gap.symbol.to_string(),
        minute.to_string(),
        gap.first_missing_id.to_string(),
        gap.last_missing_id.to_string(),
        gap.missing_count.to_string(),
        gap.from_time.to_string(),
        gap.to_time.to_string(),
        state.to_owned(),
        attempts.to_string(),
        last_attempt.map(|time| time.to_string()).unwrap_or_default(),
        reason.clone().unwrap_or_default(),
    ]
}

fn print(gaps: &[KnownGap], output: Output, out: impl Write) -> io::Result<()> {
    let mut out = BufWriter::new(out);
    match output {
        Output::Ndjson => {
            for gap in gaps {
                serde_json::to_writer(&mut out, gap)?;
                out.write_all(b"\n")?;
            }
        }
        Output::Csv => {
            let mut csv = csv::Writer::from_writer(&mut out);
            csv.write_record(COLUMNS)?;
            gaps.iter().try_for_each(|gap| csv.write_record(cells(gap)))?;
            csv.flush()?;
        }
        Output::Table if gaps.is_empty() => writeln!(out, "nothing is missing")?,
        Output::Table => print_table(gaps, &mut out)?,
    }
    out.flush()
}

fn print_table(gaps: &[KnownGap], out: &mut impl Write) -> io::Result<()> {
    let rows: Vec<[String; 12]> =
        [COLUMNS.map(str::to_owned)].into_iter().chain(gaps.iter().map(cells)).collect();
    let width = |column: usize| {
        rows.iter().map(|row| row[column].chars().count()).max().unwrap_or_default()
    };
    let widths: Vec<usize> = (0..COLUMNS.len()).map(width).collect();
    for row in &rows {
        let cells = row.iter().zip(&widths).map(|(cell, &width)| format!("{cell:<width$}"));
        writeln!(out, "{}", cells.collect::<Vec<_>>().join("  ").trim_end())?;
    }
    Ok(())
}
