//! `tickfold demo`: the whole pipeline in one process, without any service; decides nothing about
//! trades or rows, whose code it only puts in order.

use std::io::{self, IsTerminal};
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::process::ExitCode;

use tracing_subscriber::EnvFilter;

use crate::clock::now;
use crate::http;
use crate::signals::stop_on_signals;
use folder::{Folder, Memory};
use pipeline::Pipeline;

pub mod batcher;
pub mod broker;
pub mod coinbase;
mod cursor;
mod depth;
pub mod exchange;
mod folder;
pub mod generator;
pub mod history;
pub mod instruments;
mod market;
pub mod notifications;
mod outages;
mod pipeline;
mod random;
pub mod s3;
mod socket;
pub mod source;

/// Warnings of all parts, and what the demo itself has to tell.
const LOG: &str = "warn,tickfold=info";
const SEED: u64 = 1;

const AFTER_HELP: &str = "\
One process holds all of it: two exchanges, ingest, a broker, the writer of objects, an S3 server,
the aggregate function, SQLite, and the query function with its page. When the history is loaded,
one line on standard output tells the address.

The simulated exchanges, a Binance and a Coinbase, trade three and two symbols and need no network.
The Binance lets go of its connections now and then, with a notice or without one; what was traded
unseen is shown as missing.

With --live trades and books are Binance's own, from its public interfaces, which need no key.
History is then one hour instead of a day, since the exchange limits what can be asked of it in a
minute. Of books nobody tells the past: they begin with the demo.

The folder keeps objects and rows. The next start in the same folder goes on from there: what was
traded meanwhile is loaded as history, of the last week at most, or of the last hour with --live.

Ctrl-C ends the demo when everything that was received is stored; a second one ends it at once.";

/// Run the whole pipeline on this machine, with simulated exchanges and a page to look at
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub struct Arguments {
    /// Where objects and rows are kept
    #[arg(long, value_name = "DIR", default_value = "tickfold-demo")]
    data_dir: PathBuf,
    /// The local port of the page; 0 takes a free one
    #[arg(long, value_name = "N", default_value_t = 8080)]
    port: u16,
    /// Which trades the simulated exchanges make [default: 1, or what the folder holds]
    #[arg(long, value_name = "N", conflicts_with = "live")]
    seed: Option<u64>,
    /// Take trades and books from Binance instead of the simulated exchanges
    #[arg(long)]
    live: bool,
}

pub fn main(arguments: Arguments) -> ExitCode {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(LOG));
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr);
    log.with_ansi(io::stderr().is_terminal()).init();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.expect("the operating system gives a process its threads");
    match runtime.block_on(run(&arguments)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("tickfold demo: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let stop = stop_on_signals()?;
    let address = (Ipv4Addr::LOCALHOST, arguments.port).into();
    let remedy = "name another one with --port, or let --port 0 take a free one";
    let listener = http::listen(address, remedy).await?;
    let source = match arguments.live {
        true => stop.run_until_cancelled(source::live()).await.transpose()?,
        false => Some(source::simulated()),
    };
    let Some(source) = source else { return Ok(()) };
    let now = now()?.minute();
    let anchor = now.plus(-source.history_minutes);
    let seed = arguments.seed.unwrap_or(SEED);
    let new = Memory { mode: source.mode, seed, anchor, resume: anchor };
    let folder = Folder::open(&arguments.data_dir, arguments.seed, new)?;

    let mut pipeline = Pipeline::start(folder, source, listener, stop.clone()).await?;
    let outcome = stop.run_until_cancelled(pipeline.catch_up()).await;
    if let Some(Ok(())) = outcome {
        println!("tickfold demo is ready: http://{}/", pipeline.address());
        stop.cancelled().await;
    }
    // A part that failed is the reason of whatever failed with it.
    pipeline.stop().await.and(outcome.unwrap_or(Ok(())))
}
