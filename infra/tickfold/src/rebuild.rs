//! `tickfold rebuild`: folds what is stored of a span anew, by the very code of `aggregate`, and
//! writes the rows, or with `--verify` only compares them; decides nothing of its own about a row.

use std::collections::BTreeSet;
use std::process::ExitCode;

use aggregate::{App, Folds};
use lake::Lake;
use market::time::MINUTES_PER_DAY;
use market::{BookLine, ExchangeName, Minute, Trade};
use store::{Access, Store};
use tracing_subscriber::EnvFilter;

use crate::progress::Progress;
use crate::span::Span;

mod compare;
mod refold;
mod verify;

/// Refused lines and strays were told of when they were first folded, and are counted in the rows.
const LOG: &str = "error";
/// Minutes at a time: enough to hide the round trips to S3. Each is held whole while it is folded,
/// some 150 bytes a line.
const PARALLEL: &str = "4";
const MAX_PARALLEL: i64 = 64;

/// Exit statuses beside 0, which is: all is as it should be.
const DIFFERENT: u8 = 1;
const FAILED: u8 = 2;

const AFTER_HELP: &str = "\
Rows are written by the rule of all writers: one of more objects, or of equally many and more
trades, replaces the one that is there. So it may run beside everything else and as often as one
likes; and a row that somebody changed by hand, or of objects that are gone, stays. Remove such
rows, then rebuild.

With --verify nothing is written, and each difference is a line on standard output:
  bars binance BTCUSDT 2026-11-20T12:01:00Z close: stored 43000.1, folded 43000.2
  bars binance BTCUSDT 2026-11-20T12:02:00Z: not stored
  bars binance BTCUSDT 2026-11-20T12:03:00Z: stored, and there is no object of it

Exit status: 0 if all was folded, or with --verify all is equal; 1 if --verify found differences; 2
if something could not be done.

S3's region, endpoint and credentials are as the AWS SDK reads them, and who vouches for the
database as the functions read it (DATABASE_CA, DATABASE_AUTH).";

/// Fold the stored lines of a span anew, and write their rows or compare them
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub struct Arguments {
    #[command(flatten)]
    span: Span,
    /// One exchange; without it all there are
    #[arg(long, value_name = "NAME")]
    exchange: Option<ExchangeName>,
    /// Write nothing, and tell what is not as a fold gives it
    #[arg(long)]
    verify: bool,
    /// Minutes that are read and folded at a time
    #[arg(long, value_name = "N", default_value = PARALLEL)]
    #[arg(value_parser = clap::value_parser!(u16).range(1..=MAX_PARALLEL))]
    parallel: u16,
    /// `postgres://user@host/db`, `mysql://user@host/db` or `sqlite:///path/to/file.db`
    #[arg(long, value_name = "URL", env = "DATABASE_URL", hide_env_values = true)]
    database_url: String,
    /// The bucket of lines
    #[arg(long, value_name = "NAME", env = "BUCKET")]
    bucket: String,
    /// For S3 servers without a name per bucket
    #[arg(long, value_name = "BOOL", env = "S3_PATH_STYLE", default_value_t = false)]
    #[arg(action = clap::ArgAction::Set)]
    s3_path_style: bool,
}

pub fn main(arguments: &Arguments) -> ExitCode {
    if let Err(why) = arguments.span.check() {
        eprintln!("tickfold rebuild: {why}");
        return ExitCode::from(FAILED);
    }
    let progress = Progress::hidden();
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(LOG));
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_ansi(false);
    let beside = progress.clone();
    log.with_writer(move || beside.clone()).init();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.expect("the operating system gives a process its threads");
    let done = runtime.block_on(run(arguments, &progress));
    progress.clear();
    match done {
        Ok(tally) => {
            tally.tell(arguments.verify);
            tally.status()
        }
        Err(error) => {
            eprintln!("tickfold rebuild: {error:#}");
            ExitCode::from(FAILED)
        }
    }
}

/// What is worked on at a time: a day of an exchange, or less.
#[derive(Debug, Clone)]
struct Slice {
    exchange: ExchangeName,
    from: Minute,
    to: Minute,
}

/// What came of it.
#[derive(Debug, Default)]
struct Tally {
    minutes: u64,
    rows: u64,
    /// Rows that a fold changed.
    written: u64,
    /// Objects that cannot be read; rows count them as refused.
    unreadable: u64,
    /// Differences, one for each line.
    different: u64,
    /// Minutes and rows that could not be folded.
    failed: u64,
}

impl Tally {
    fn add(&mut self, other: Tally) {
        self.minutes += other.minutes;
        self.rows += other.rows;
        self.written += other.written;
        self.unreadable += other.unreadable;
        self.different += other.different;
        self.failed += other.failed;
    }

    fn tell(&self, verified: bool) {
        let Tally { minutes, rows, written, unreadable, different, failed } = self;
        if verified {
            eprintln!("{minutes} minutes: {rows} rows compared, {different} differences");
        } else {
            eprintln!("{minutes} minutes: {rows} rows folded, {written} of them changed the table");
        }
        if *unreadable > 0 {
            eprintln!("{unreadable} objects cannot be read: their minutes' rows count them");
        }
        if *failed > 0 {
            eprintln!("{failed} minutes or rows could not be folded, see above");
        }
    }

    fn status(&self) -> ExitCode {
        match self {
            Tally { failed: 1.., .. } => ExitCode::from(FAILED),
            Tally { different: 1.., .. } => ExitCode::from(DIFFERENT),
            _ => ExitCode::SUCCESS,
        }
    }
}

async fn run(arguments: &Arguments, progress: &Progress) -> anyhow::Result<Tally> {
    let connections = u32::from(arguments.parallel);
    let store = Store::connect_with(&arguments.database_url, connections, &Access::from_env()?)?;
    let client = lake::client_from_env(arguments.s3_path_style).await;
    let app = App { lake: Lake::new(client, &arguments.bucket), store };
    let trades = exchanges::<Trade>(&app, arguments).await?;
    let books = exchanges::<BookLine>(&app, arguments).await?;
    let Span { from, to } = arguments.span;
    progress.begin((trades.len() + books.len()) as u64 * to.since(from));
    let mut tally = Tally::default();
    for exchange in trades {
        tally.add(all_days::<Trade>(&app, arguments, exchange, progress).await?);
    }
    for exchange in books {
        tally.add(all_days::<BookLine>(&app, arguments, exchange, progress).await?);
    }
    app.store.close().await;
    Ok(tally)
}

/// Whom there are objects of, and for a comparison also whom there are rows of.
async fn exchanges<L: Folds>(
    app: &App,
    arguments: &Arguments,
) -> anyhow::Result<BTreeSet<ExchangeName>> {
    if let Some(one) = &arguments.exchange {
        return Ok([one.clone()].into());
    }
    let mut exchanges = app.lake.exchanges(L::KIND).await?;
    if arguments.verify {
        let series = app.store.series::<L::Row>().await?;
        exchanges.extend(series.into_iter().map(|it| it.exchange));
    }
    Ok(exchanges)
}

async fn all_days<L: Folds>(
    app: &App,
    arguments: &Arguments,
    exchange: ExchangeName,
    progress: &Progress,
) -> anyhow::Result<Tally> {
    let mut tally = Tally::default();
    let Span { mut from, to } = arguments.span;
    let parallel = usize::from(arguments.parallel);
    while from < to {
        let end = from.midnight().plus(MINUTES_PER_DAY).min(to);
        let day = Slice { exchange: exchange.clone(), from, to: end };
        let minutes = app.lake.minutes(L::KIND, &exchange, from, end).await?;
        tally.add(if arguments.verify {
            verify::day::<L>(app, &day, &minutes, parallel, progress).await?
        } else {
            refold::day(app, L::KIND, &day, minutes, parallel, progress).await
        });
        from = end;
    }
    Ok(tally)
}
