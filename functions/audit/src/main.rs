//! The `audit` function's wiring: environment, which half it is, handler; nothing else.

// Optimised, the layout of the futures of two clients inside one another is deeper than the usual.
#![recursion_limit = "256"]

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::bail;
use audit::{App, Inside, Outside, handle};
use history::Places;
use invoke::{Function, Half};
use lambda_runtime::{Error, LambdaEvent, run, service_fn, tracing};
use serde_json::Value;
use store::{Access, Store};

/// Of the half inside, which answers one question at a time: there are as many of it as exchanges
/// that are asked at a time.
const CONNECTIONS: u32 = 1;
/// Of the function's quarter of an hour: what is not asked for by then is due again.
const TIME: Duration = Duration::from_secs(800);

/// The environment: of one half or of the other.
enum Config {
    Outside {
        /// `AUDIT_FUNCTION`: the same program inside the database's network.
        function: String,
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
        match (set("DATABASE_URL"), set("AUDIT_FUNCTION")) {
            (None, Some(function)) => {
                Ok(Config::Outside { function, places: history::places(set) })
            }
            (Some(database_url), None) => {
                Ok(Config::Inside { database_url, database_access: Access::from_env()? })
            }
            _ => bail!("set DATABASE_URL, or AUDIT_FUNCTION, and not both"),
        }
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    tracing::init_default_subscriber();
    let app = match Config::from_env()? {
        Config::Outside { function, places } => {
            let config = invoke::config_from_env().await;
            let rows = Half::There(Function::new(&config, function));
            App::Outside(Outside { rows, places, time: TIME })
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
