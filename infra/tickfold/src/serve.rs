//! `tickfold serve`: hands a queue's messages to `aggregate`, serves `query` and calls by the
//! clock what is called by it on AWS, in one process and without Lambda; holds nothing of its own, and
//! what it has not finished the queue shows again.

use std::io::{self, IsTerminal};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use aggregate::App;
use anyhow::{Context, ensure};
use axum::Router;
use axum::http::StatusCode;
use axum::routing::get;
use lake::Lake;
use query::Ingest;
use store::{Access, Store};
use tokio::runtime::Handle;
use tokio::task::JoinSet;
use tracing_subscriber::EnvFilter;

use crate::http;
use crate::signals::stop_on_signals;
use queue::Queue;
use schedule::Schedule;

pub(crate) mod queue;
mod schedule;

/// Warnings of all parts, and what this program itself has to tell.
const LOG: &str = "warn,tickfold=info,repair=info,audit=info,backfill=info,compact=info";
/// Batches that are folded at a time: more would only wait for one machine's cores.
const POLLERS: usize = 4;
/// One for each poller, and some for the page.
const CONNECTIONS: u32 = POLLERS as u32 + 4;
/// Some times as long as the queue takes to say that it is empty, or a poller to fold a batch.
const MAX_SILENCE: Duration = Duration::from_secs(120);
/// Local, and one query: whoever needs longer hangs. Above the store's own wait for a connection.
const ANSWER_WITHIN: Duration = Duration::from_secs(8);

const AFTER_HELP: &str = "\
For one machine, such as infra/compose.yaml: on AWS the functions do this. The queue is SQS's or one
that speaks its protocol; which region, endpoint and credentials, it reads as the AWS SDK does, and
who vouches for the database as the functions do (DATABASE_CA, DATABASE_AUTH). The tables are made
by `tickfold migrate`.

A message is deleted when its minutes are folded. One that fails is left to the queue, which shows
it again, and makes it a dead letter if it is set up so.

What the clock calls on AWS is called here as well. At the start and then every five minutes what is
missing is asked for at the exchanges, as `tickfold repair` does. At the start and then every hour the
rows are held against the exchanges' own candles, as `tickfold audit` does, where they have not been
yet; yesterday is filled in, as `tickfold backfill` does; and days that are over become Parquet.

GET /health answers 200 while the queue and the database do.

SIGTERM or Ctrl-C ends it when what it has received is folded; a second one ends it at once.";

/// Fold what a queue tells of, and serve the page and its API, without Lambda
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub struct Arguments {
    /// `postgres://user@host/db`, `mysql://user@host/db` or `sqlite:///path/to/file.db`
    #[arg(long, value_name = "URL", env = "DATABASE_URL", hide_env_values = true)]
    database_url: String,
    /// The queue that the bucket notifies
    #[arg(long, value_name = "URL", env = "QUEUE_URL")]
    queue_url: String,
    /// The bucket of trades
    #[arg(long, value_name = "NAME", env = "BUCKET")]
    bucket: String,
    /// For S3 servers without a name per bucket
    #[arg(long, value_name = "BOOL", env = "S3_PATH_STYLE", default_value_t = false)]
    #[arg(action = clap::ArgAction::Set)]
    s3_path_style: bool,
    /// Where the page and its API are served
    #[arg(long, value_name = "ADDRESS:PORT", env = "LISTEN", default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
    /// Where ingest listens, for `/v1/live`: `http://host:port`
    #[arg(long, value_name = "URL", env = "LIVE_URL")]
    live_url: Option<String>,
    /// Ask the one that runs with these settings whether it is well, and end
    #[arg(long)]
    health: bool,
}

pub fn main(arguments: &Arguments) -> ExitCode {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(LOG));
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr);
    log.with_ansi(io::stderr().is_terminal()).init();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.expect("the operating system gives a process its threads");
    let done = runtime.block_on(async {
        if arguments.health { ask(arguments.listen).await } else { run(arguments).await }
    });
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("tickfold serve: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let stop = stop_on_signals()?;
    let listener = http::listen(arguments.listen, "name another one with --listen").await?;
    let address = listener.local_addr()?;
    let store = Store::connect_with(&arguments.database_url, CONNECTIONS, &Access::from_env()?)?;
    let client = lake::client_from_env(arguments.s3_path_style).await;
    let app = App { lake: Lake::new(client, &arguments.bucket), store: store.clone() };
    let queue = Arc::new(Queue::from_env(&arguments.queue_url).await?);

    let schedule = Schedule::new(store.clone(), app.lake.clone(), &arguments.queue_url).await;
    let ingest = arguments.live_url.as_deref().map(Ingest::at);
    let ingest = ingest.transpose().map_err(anyhow::Error::msg)?;
    let router = router(store.clone(), ingest, Arc::clone(&queue));
    let mut parts = JoinSet::new();
    let (runtime, until) = (Handle::current(), stop.clone());
    // A thread of its own, beside those that fold.
    parts.spawn_blocking(move || {
        runtime.block_on(schedule.run(&until));
        Ok(())
    });
    parts.spawn(http::serve(listener, router, stop.clone()));
    for _ in 0..POLLERS {
        let (queue, app, stop) = (Arc::clone(&queue), app.clone(), stop.clone());
        parts.spawn(async move {
            queue.poll(&app, &stop).await;
            Ok(())
        });
    }
    println!("tickfold serve is ready: http://{address}/");
    let mut outcome = Ok(());
    while let Some(part) = parts.join_next().await {
        // Where one part ends, all do.
        stop.cancel();
        outcome = outcome.and(part.map_err(anyhow::Error::from).flatten());
    }
    store.close().await;
    tracing::info!("ended");
    outcome
}

/// The query function's, and whether this process does its part.
fn router(store: Store, ingest: Option<Ingest>, queue: Arc<Queue>) -> Router {
    let of_the_parts = store.clone();
    let answer = get(async move || health(&of_the_parts, &queue).await);
    query::router(store, ingest).route("/health", answer)
}

async fn health(store: &Store, queue: &Queue) -> (StatusCode, String) {
    let age = queue.silence();
    let seconds = age.as_secs();
    match store.symbols().await {
        Err(error) => (StatusCode::SERVICE_UNAVAILABLE, format!("{error}\n")),
        Ok(_) if age > MAX_SILENCE => {
            let why = format!("the queue has not answered for {seconds} s\n");
            (StatusCode::SERVICE_UNAVAILABLE, why)
        }
        Ok(_) => (StatusCode::OK, format!("the queue answered {seconds} s ago\n")),
    }
}

/// For a container's health check, which has no other program to ask with.
async fn ask(listen: SocketAddr) -> anyhow::Result<()> {
    let any = listen.ip().is_unspecified();
    let host = if any { IpAddr::V4(Ipv4Addr::LOCALHOST) } else { listen.ip() };
    let address = SocketAddr::new(host, listen.port());
    // Another library may have chosen the same before.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = reqwest::Client::builder().no_proxy().timeout(ANSWER_WITHIN).build()?;
    let asked = client.get(format!("http://{address}/health")).send().await;
    let answer = asked.with_context(|| format!("nothing answers at {address}"))?;
    let (status, text) = (answer.status(), answer.text().await?);
    ensure!(status.is_success(), "not well: {}", text.trim());
    print!("{text}");
    Ok(())
}
