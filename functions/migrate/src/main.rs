//! The `migrate` function's wiring: environment, which half it is, handler; nothing else.

use anyhow::bail;
use lambda_runtime::tracing::{Level, subscriber};
use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use migrate::{App, Event, Inside, Outside, handle};
use store::Access;

/// Whatever the environment says: at the finest level Lambda's library writes every event, and in
/// one of ours is a password.
const LOG_LEVEL: Level = Level::INFO;

/// The environment: of one half or of the other.
enum Config {
    Outside {
        /// `MIGRATE_SECRET`: the secret with the name and the password of the database's owner.
        secret: String,
        /// `MIGRATE_FUNCTION`: the same program inside the database's network.
        function: String,
    },
    Inside {
        /// `DATABASE_URL`: `postgres://host/db` or `mysql://host/db`; the event says who logs in.
        database_url: String,
        /// `DATABASE_CA`: a PEM file of who may vouch for the server; with it the connection is
        /// encrypted and to that server, or there is none.
        database_access: Access,
    },
}

impl Config {
    fn from_env() -> anyhow::Result<Config> {
        let set = |name| std::env::var(name).ok();
        match (set("DATABASE_URL"), set("MIGRATE_SECRET"), set("MIGRATE_FUNCTION")) {
            (None, Some(secret), Some(function)) => Ok(Config::Outside { secret, function }),
            (Some(database_url), None, None) => {
                Ok(Config::Inside { database_url, database_access: Access::from_env()? })
            }
            _ => bail!("set DATABASE_URL, or MIGRATE_SECRET and MIGRATE_FUNCTION, and not all"),
        }
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    log();
    let app = match Config::from_env()? {
        Config::Outside { secret, function } => {
            App::Outside(Outside::from_env(secret, function).await)
        }
        Config::Inside { database_url, database_access: access } => {
            App::Inside(Inside { database_url, access })
        }
    };
    let handle = async |event: LambdaEvent<Event>| {
        handle(&app, event.payload).await.map_err(|error| Error::from(format!("{error:#}")))
    };
    run(service_fn(handle)).await
}

/// In the format that Lambda asks for.
fn log() {
    let log = subscriber::fmt().with_target(false).without_time().with_max_level(LOG_LEVEL);
    match std::env::var("AWS_LAMBDA_LOG_FORMAT").as_deref() {
        Ok("JSON") => log.json().init(),
        _ => log.with_ansi(false).init(),
    }
}
