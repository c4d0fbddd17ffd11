//! The `repair` function's wiring: environment, which half it is, handler; nothing else.

// Optimised, the layout of the futures of two clients inside one another is deeper than the usual.
#![recursion_limit = "256"]

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, bail};
use history::Places;
use invoke::{Function, Half};
use lake::Lake;
use lambda_runtime::{Error, LambdaEvent, run, service_fn, tracing};
use repair::{App, Inside, Outside, Queue, handle};
use serde_json::Value;
use store::{Access, Store};

/// Of the half inside, which answers one question at a time: there are as many of it as exchanges
/// that are asked at a time.
const CONNECTIONS: u32 = 1;
/// Of the function's five minutes: what is fetched by then has to be written.
const TIME: Duration = Duration::from_secs(200);

/// The environment: of one half or of the other. The one outside has the bucket's as well
/// (`lake::Lake::from_env`).
enum Config {
    Outside {
        /// `REPAIR_FUNCTION`: the same program inside the database's network.
        function: String,
        /// `QUEUE_URL`: the queue of `aggregate`.
        queue_url: String,
        /// `BINANCE_REST_URL` and the like: where an exchange is asked instead of at its public
        /// place.
        places: BTreeMap<&'static str, Places>,
    },
    Inside {
        /// `DATABASE_URL`: `postgres://user@host/db` or `mysql://user@host/db`.
        database_url: String,
        /// `DATABASE_AUTH`: `password`, the URL's (the default), or `iam`, with this function's
        /// role. `DATABASE_CA`: a PEM file of who may vouch for the server.
        database_access: Access,
    },
}

impl Config {
    fn from_env() -> anyhow::Result<Config> {
        let set = |name: &str| std::env::var(name).ok();
        match (set("DATABASE_URL"), set("REPAIR_FUNCTION")) {
            (None, Some(function)) => Ok(Config::Outside {
                function,
                queue_url: set("QUEUE_URL").context("QUEUE_URL is not set")?,
                places: history::places(set),
            }),
            (Some(database_url), None) => {
                Ok(Config::Inside { database_url, database_access: Access::from_env()? })
            }
            _ => bail!("set DATABASE_URL, or REPAIR_FUNCTION, and not both"),
        }
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    tracing::init_default_subscriber();
    let app = match Config::from_env()? {
        Config::Outside { function, queue_url, places } => {
            let config = invoke::config_from_env().await;
            App::Outside(Box::new(Outside {
                rows: Half::There(Function::new(&config, function)),
                // A program that ends prints its error's `Debug`: of text, that is the text.
                lake: Lake::from_env().await.map_err(|why| why.to_string())?,
                queue: Queue::from_env(queue_url).await,
                places,
                time: TIME,
            }))
        }
        Config::Inside { database_url, database_access } => {
            let store = Store::connect_with(&database_url, CONNECTIONS, &database_access);
            let store = store.map_err(|error| Error::from(error.to_string()))?;
            App::Inside(Inside { store })
        }
    };
    let handle = async |event: LambdaEvent<Value>| {
        handle(&app, event.payload).await.map_err(|error| Error::from(format!("{error:#}")))
    };
    run(service_fn(handle)).await
}
