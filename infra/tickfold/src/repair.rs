//! `tickfold repair`: both halves of the function `repair` in one process, once; decides nothing of
//! its own.

use std::process::ExitCode;
use std::time::Duration;

use invoke::Half;
use lake::Lake;
use market::Minute;
use repair::{Event, Inside, Outside, Queue, Repaired};
use store::{Access, Store};
use tracing_subscriber::EnvFilter;

use crate::clock::now;

const LOG: &str = "warn,repair=info";
const CONNECTIONS: u32 = 1;
/// How long exchanges are asked: the next call goes on.
const TIME: Duration = Duration::from_secs(240);

const AFTER_HELP: &str = "\
Minutes whose objects the rows do not know are folded again, by a message to the queue of aggregate.
Trades that are missing are asked for at their exchange and written as another object of their
minute; no row is touched. What was tried is kept in the database: `tickfold gaps` lists it.
BINANCE_REST_URL, COINBASE_REST_URL and the like name another place where an exchange is asked.";

/// Have stale minutes folded again, and ask the exchanges for what is missing
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub struct Arguments {
    /// `postgres://user@host/db`, `mysql://user@host/db` or `sqlite:///path/to/file.db`
    #[arg(long, value_name = "URL", env = "DATABASE_URL", hide_env_values = true)]
    database_url: String,
    /// The queue that the bucket notifies
    #[arg(long, value_name = "URL", env = "QUEUE_URL")]
    queue_url: String,
    /// The bucket of lines
    #[arg(long, value_name = "NAME", env = "BUCKET")]
    bucket: String,
    /// For S3 servers without a name per bucket
    #[arg(long, value_name = "BOOL", env = "S3_PATH_STYLE", default_value_t = false)]
    #[arg(action = clap::ArgAction::Set)]
    s3_path_style: bool,
    /// Sweep the minutes from this one on [default: the last 30]
    #[arg(long, value_name = "TIME")]
    from: Option<Minute>,
    /// Sweep up to this minute
    #[arg(long, value_name = "TIME")]
    to: Option<Minute>,
}

pub fn main(arguments: &Arguments) -> ExitCode {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(LOG));
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_ansi(false);
    log.with_writer(std::io::stderr).init();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.expect("the operating system gives a process its timers and sockets");
    match runtime.block_on(run(arguments)) {
        Ok(repaired) => {
            let Repaired { refolded, tried, written, unfillable, open } = repaired;
            println!(
                "{refolded} minutes folded again; {tried} gaps tried, {written} trades written; \
                 {open} gaps are open and {unfillable} given up"
            );
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("tickfold repair: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: &Arguments) -> anyhow::Result<Repaired> {
    let database = &arguments.database_url;
    let store = Store::connect_with(database, CONNECTIONS, &Access::from_env()?)?;
    let client = lake::client_from_env(arguments.s3_path_style).await;
    let lake = Lake::new(client, &arguments.bucket);
    let outside = outside(store, lake, &arguments.queue_url).await;
    let event = Event { minutes: None, from: arguments.from, to: arguments.to };
    outside.repair(&event, now()?).await
}

/// Both halves.
pub(crate) async fn outside(store: Store, lake: Lake, queue_url: &str) -> Outside {
    Outside {
        rows: Half::Here(Inside { store }),
        lake,
        queue: Queue::from_env(queue_url).await,
        places: history::places(|name| std::env::var(name).ok()),
        time: TIME,
    }
}
