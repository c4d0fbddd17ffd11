//! `tickfold migrate`: brings a database's tables to this version; writes no row. No function does
//! so by itself: a cold start must not change tables under those that run.

use std::process::ExitCode;

use store::{Store, StoreError};

const AFTER_HELP: &str = "\
Run it once for a new database, and again with each new version before its functions. A second run
changes nothing. The user of the URL must be allowed to create tables.";

/// Create the tables of a database, or bring them to this version
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub struct Arguments {
    /// `postgres://user@host/db` or `sqlite:///path/to/file.db`
    #[arg(long, value_name = "URL", env = "DATABASE_URL", hide_env_values = true)]
    database_url: String,
}

pub fn main(arguments: &Arguments) -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.expect("the operating system gives a process its timers and sockets");
    match runtime.block_on(run(&arguments.database_url)) {
        Ok(()) => {
            println!("the tables are of this version");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("tickfold migrate: cannot bring the tables to this version: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(url: &str) -> Result<(), StoreError> {
    let store = Store::connect(url, 1)?;
    store.migrate().await?;
    store.close().await;
    Ok(())
}
