//! `tickfold backfill`: fills in days from the exchange's own record, by the code of the function
//! `backfill`; touches no row, and nothing that is recorded.

use std::io::{self, Write};
use std::process::ExitCode;

use anyhow::Context;
use backfill::{Report, Task, check_past, fill, filled};
use futures_util::stream::{self, StreamExt};
use history::{History, Places};
use lake::Lake;
use market::{Day, Exchange, Symbol};

use crate::progress::Progress;

/// Days at a time. Requests keep the exchange's pace however many there are.
const PARALLEL: &str = "2";
const MAX_PARALLEL: i64 = 16;
const MINUTES: u64 = 24 * 60;
/// A span that is longer is a year mistyped.
const MAX_DAYS: usize = 10_000;

const AFTER_HELP: &str = "\
What is not recorded, or recorded otherwise than the exchange tells it, is written as further objects
of its minutes; where S3's notifications reach aggregate, it folds them. A day that was recorded
whole gets no object. Binance's and Bybit's days come from the files that they publish on the day
after, which need some hundred megabytes of the temporary folder; the others' from their REST pages.

Each day is a line on standard output:
  binance BTCUSDT 2026-11-20: 812345 trades, 120 not recorded, in 3 of 1440 minutes
A day that was filled in once is passed over, without --again. After an error, or Ctrl-C, the same
command goes on where it was.

Exit status: 0 if all days are filled in, else 1.

Example:
  tickfold backfill --exchange binance --symbol BTCUSDT --from 2026-11-01 --to 2026-11-20

S3's region, endpoint and credentials are as the AWS SDK reads them.";

/// Fill in days from an exchange's own record
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub struct Arguments {
    /// Whose days
    #[arg(long, value_name = "NAME")]
    exchange: Exchange,
    /// The symbol, or several with commas between
    #[arg(long, value_name = "NAME", required = true, value_delimiter = ',')]
    symbol: Vec<Symbol>,
    /// The first day, such as `2026-11-20`, in UTC
    #[arg(long, value_name = "DAY")]
    from: Day,
    /// The last day
    #[arg(long, value_name = "DAY")]
    to: Day,
    /// Write nothing, and tell what would be written
    #[arg(long)]
    dry_run: bool,
    /// Also the days that were filled in before
    #[arg(long)]
    again: bool,
    /// Days that are filled in at a time
    #[arg(long, value_name = "N", default_value = PARALLEL)]
    #[arg(value_parser = clap::value_parser!(u16).range(1..=MAX_PARALLEL))]
    parallel: u16,
    /// The bucket of lines
    #[arg(long, value_name = "NAME", env = "BUCKET")]
    bucket: String,
    /// For S3 servers without a name per bucket
    #[arg(long, value_name = "BOOL", env = "S3_PATH_STYLE", default_value_t = false)]
    #[arg(action = clap::ArgAction::Set)]
    s3_path_style: bool,
}

pub fn main(arguments: &Arguments) -> ExitCode {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.expect("the operating system gives a process its threads");
    match runtime.block_on(run(arguments)) {
        Ok(0) => ExitCode::SUCCESS,
        Ok(failed) => {
            eprintln!("tickfold backfill: {failed} days are not filled in, see above");
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("tickfold backfill: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// The number of days that failed.
async fn run(arguments: &Arguments) -> anyhow::Result<usize> {
    let tasks = tasks(arguments)?;
    let places = Places::named(arguments.exchange, |name| std::env::var(name).ok());
    let history = History::new(arguments.exchange, places)?;
    let client = lake::client_from_env(arguments.s3_path_style).await;
    let lake = Lake::new(client, arguments.bucket.clone());
    let progress = Progress::hidden();
    progress.begin(tasks.len() as u64 * MINUTES);
    let filled = stream::iter(&tasks).map(async |task| {
        let told = one(arguments, &lake, &history, task, &progress).await;
        progress.aside(|| tell(task, told))
    });
    let well = filled.buffer_unordered(usize::from(arguments.parallel));
    let failed = well.filter(|well| std::future::ready(!well)).count().await;
    progress.clear();
    Ok(failed)
}

fn tasks(arguments: &Arguments) -> anyhow::Result<Vec<Task>> {
    let Arguments { exchange, from, to, .. } = arguments;
    anyhow::ensure!(from <= to, "--from ({from}) is behind --to ({to})");
    let mut tasks = Vec::new();
    let mut day = *from;
    while day <= *to {
        for symbol in &arguments.symbol {
            tasks.push(Task { exchange: *exchange, symbol: symbol.clone(), day });
        }
        anyhow::ensure!(tasks.len() <= MAX_DAYS, "these are more than {MAX_DAYS} days");
        day = day.plus(1);
    }
    tasks.last().map_or(Ok(()), check_past)?;
    Ok(tasks)
}

async fn one(
    arguments: &Arguments,
    lake: &Lake,
    history: &History,
    task: &Task,
    progress: &Progress,
) -> anyhow::Result<Option<Report>> {
    if !arguments.again && !arguments.dry_run && filled(lake, task).await?.is_some() {
        progress.advance(MINUTES);
        return Ok(None);
    }
    let report = fill(lake, history, task, arguments.dry_run, &|| progress.advance(1)).await;
    let report = report.context("nothing more of it is written; what was written is right")?;
    // Minutes without a trade.
    progress.advance(MINUTES.saturating_sub(report.minutes));
    Ok(Some(report))
}

/// Whether it went well.
fn tell(task: &Task, told: anyhow::Result<Option<Report>>) -> bool {
    let line = match &told {
        Ok(None) => format!("{task}: was filled in before"),
        Ok(Some(report)) => {
            let Report { trades, trades_written, minutes, minutes_written, .. } = report;
            let left = match report.minutes_left {
                0 => String::new(),
                left => format!("; {left} minutes are left as they are, recorded under other ids"),
            };
            format!(
                "{task}: {trades} trades, {trades_written} not recorded, in {minutes_written} of \
                 {minutes} minutes{left}"
            )
        }
        Err(error) => {
            eprintln!("{task}: {error:#}");
            return false;
        }
    };
    // Whoever reads it may have seen enough.
    let _ = writeln!(io::stdout(), "{line}");
    true
}
