//! `tickfold migrate`: brings a database's tables, and its accounts, to this version; writes no
//! row. No function does so by itself: a cold start must not change tables under those that run. In
//! AWS the function `migrate` does the same inside the deployment.

use std::process::ExitCode;

use store::{Logins, Store, StoreError};

const AFTER_HELP: &str = "\
Run it once for a new database, and again with each new version before its functions. A second run
changes nothing. The user of the URL must be allowed to create tables, and with --roles accounts:
tickfold_writer for aggregate, tickfold_readonly for query, Grafana and QuickSight. On RDS they log
in with IAM; elsewhere not before you give each a password.";

/// Create the tables of a database, or bring them to this version
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub struct Arguments {
    /// `postgres://user@host/db` or `sqlite:///path/to/file.db`
    #[arg(long, value_name = "URL", env = "DATABASE_URL", hide_env_values = true)]
    database_url: String,
    /// Also make the accounts tickfold_writer and tickfold_readonly, or set their rights anew
    #[arg(long)]
    roles: bool,
}

pub fn main(arguments: &Arguments) -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.expect("the operating system gives a process its timers and sockets");
    match runtime.block_on(run(arguments)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("tickfold migrate: cannot bring the database to this version: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: &Arguments) -> Result<(), StoreError> {
    let store = Store::connect(&arguments.database_url, 1)?;
    store.migrate().await?;
    println!("the tables are of this version");
    if arguments.roles {
        let how = match store.make_roles().await? {
            Logins::Iam => "log in with IAM",
            Logins::Closed => "cannot log in before you give each a password",
        };
        println!("tickfold_writer and tickfold_readonly have their rights, and {how}");
    }
    store.close().await;
    Ok(())
}
