//! `tickfold doctor`: asks each part that the functions and ingest need whether it is as they need
//! it, and says what to do where it is not; changes nothing, and mends nothing.

use std::fmt::Display;
use std::process::ExitCode;
use std::time::Duration;

use lake::Lake;
use store::{Access, Condition, Store, StoreError};

use crate::serve::queue::Queue;

mod broker;
mod clock;

/// Whoever needs longer hangs.
const ANSWER_WITHIN: Duration = Duration::from_secs(15);

const AFTER_HELP: &str = "\
It reads what the functions and ingest read: DATABASE_URL, DATABASE_AUTH, DATABASE_CA, BUCKET,
S3_PATH_STYLE, QUEUE_URL, INGEST_CONFIG and the rest of ingest's variables, and AWS's own. What is
not set is skipped.

A line for each check: ok, failed with what to do, or skipped with why. It ends with 1 if any
failed.";

/// Check database, bucket, queue, broker, clock and configuration, and say what to do
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub struct Arguments {
    /// `postgres://user@host/db`, `mysql://user@host/db` or `sqlite:///path/to/file.db`
    #[arg(long, value_name = "URL", env = "DATABASE_URL", hide_env_values = true)]
    database_url: Option<String>,
    /// The bucket of lines
    #[arg(long, value_name = "NAME", env = "BUCKET")]
    bucket: Option<String>,
    /// For S3 servers without a name per bucket
    #[arg(long, value_name = "BOOL", env = "S3_PATH_STYLE", default_value_t = false)]
    #[arg(action = clap::ArgAction::Set)]
    s3_path_style: bool,
    /// The queue that the bucket notifies
    #[arg(long, value_name = "URL", env = "QUEUE_URL")]
    queue_url: Option<String>,
}

/// What came of one check, with what to do or what was seen.
enum Outcome {
    Ok(String),
    Failed(String),
    Skipped(String),
}

use Outcome::{Failed, Ok as Good, Skipped};

pub fn main(arguments: &Arguments) -> ExitCode {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.expect("the operating system gives a process its threads");
    // Another library may have chosen the same before.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let failed = runtime.block_on(run(arguments));
    // A broker that does not answer would hold up the end.
    runtime.shutdown_background();
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Checks everything, and returns how much of it failed.
async fn run(arguments: &Arguments) -> u32 {
    let mut failed = 0;
    let mut tell = |what: &str, outcome: Outcome| {
        let (word, text) = match outcome {
            Good(seen) => ("ok", seen),
            Failed(why) => ("failed", why),
            Skipped(why) => ("skipped", why),
        };
        failed += u32::from(word == "failed");
        println!("{what:<14}{word:<9}{}", text.replace('\n', " "));
    };
    let (config, outcome) = configuration();
    tell("configuration", outcome);
    tell("broker", broker::check(config.as_ref()).await);
    let (condition, outcome) = match &arguments.database_url {
        Some(url) => database(url).await,
        None => (None, Skipped("DATABASE_URL is not set".to_owned())),
    };
    tell("database", outcome);
    tell("clock", clock::check(condition.as_ref()));
    tell("bucket", bucket(arguments).await);
    tell("queue", queue(arguments).await);
    failed
}

/// What ingest would be told, if it can be told anything here.
fn configuration() -> (Option<ingest::Config>, Outcome) {
    let env = |name: &str| Some(std::env::var_os(name)?.to_string_lossy().into_owned());
    let is_set = |name: &&str| env(name).is_some_and(|value| !value.trim().is_empty());
    if !["INGEST_CONFIG", "INGEST_EXCHANGE"].iter().any(is_set) {
        return (None, Skipped("neither INGEST_CONFIG nor INGEST_EXCHANGE is set".to_owned()));
    }
    match ingest::Config::load(None, env) {
        Ok(config) => {
            let symbols: usize = config.feeds.iter().map(|feed| feed.symbols.len()).sum();
            let (feeds, sink) = (config.feeds.len(), &config.sink);
            let seen = format!("{feeds} feeds with {symbols} symbols; lines go to {sink}");
            (Some(config), Good(seen))
        }
        Err(why) => (None, Failed(format!("{why:#}"))),
    }
}

async fn database(url: &str) -> (Option<(Condition, i64)>, Outcome) {
    let asked = async {
        let store = Store::connect_with(url, 1, &Access::from_env()?)?;
        let condition = store.condition().await?;
        let here = chrono::Utc::now().timestamp_micros();
        Ok::<_, StoreError>((condition, here))
    };
    let (condition, here) = match in_time(asked).await {
        Ok(seen) => seen,
        Err(why) => return (None, Failed(why)),
    };
    let outcome = judge(&condition);
    (Some((condition, here)), outcome)
}

fn judge(condition: &Condition) -> Outcome {
    let Condition { version, expected, refused, .. } = condition;
    let migrate = "run `tickfold migrate`, in AWS `make deploy`";
    let version = match version {
        Ok(None) => return Failed(format!("it has no tables: {migrate}")),
        Ok(Some(version)) if version < expected => {
            let why = format!("its tables are of version {version}, and {expected} is known here");
            return Failed(format!("{why}: {migrate}"));
        }
        Ok(Some(version)) if version > expected => {
            let why = format!("its tables are of version {version}, and {expected} is known here");
            return Failed(format!("{why}: use the tickfold that made them, or a newer one"));
        }
        Ok(Some(version)) => format!("its tables are of version {version}"),
        // The accounts of the functions may not read that.
        Err(why) => format!("which version its tables have this account may not read ({why})"),
    };
    match refused {
        None => Good(format!("{version}, and rows may be written")),
        Some(why) => Failed(format!(
            "{version}, but rows cannot be written: {why}; aggregate needs the account \
             tickfold_writer, which `tickfold migrate --roles` makes"
        )),
    }
}

async fn bucket(arguments: &Arguments) -> Outcome {
    let Some(name) = &arguments.bucket else { return Skipped("BUCKET is not set".to_owned()) };
    let lake = Lake::new(lake::client_from_env(arguments.s3_path_style).await, name);
    match in_time(lake.look()).await {
        Ok(Some(key)) => Good(format!("it can be listed and read: {key}")),
        Ok(None) => Good("it can be listed; below raw/ there is no object to be read".to_owned()),
        Err(why) => Failed(format!(
            "{why}; is the name right, may these credentials do that, and does the server need \
             S3_PATH_STYLE=true?"
        )),
    }
}

async fn queue(arguments: &Arguments) -> Outcome {
    let Some(url) = &arguments.queue_url else {
        return Skipped("QUEUE_URL is not set".to_owned());
    };
    let asked = async { Queue::from_env(url).await?.waiting().await };
    match in_time(asked).await {
        Ok(waiting) => Good(format!("{waiting} messages wait")),
        Err(why) => {
            Failed(format!("{why}; is the URL right, and may these credentials read the queue?"))
        }
    }
}

/// What came within the time that an answer may take; an error as its text.
async fn in_time<T, E: Display>(asked: impl Future<Output = Result<T, E>>) -> Result<T, String> {
    match tokio::time::timeout(ANSWER_WITHIN, asked).await {
        Ok(Ok(seen)) => Ok(seen),
        Ok(Err(why)) => Err(format!("{why:#}")),
        Err(_) => Err(format!("no answer within {} s", ANSWER_WITHIN.as_secs())),
    }
}
