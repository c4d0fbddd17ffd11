//! The `audit` function's wiring: environment, which half it is, handler; nothing else.
//!
//! The environment of the half outside:
//! * `AUDIT_FUNCTION`: the same program inside the database's network.
//! * `BINANCE_REST_URL` and the like: where an exchange is asked instead of at its public place.
//!
//! Of the half inside:
//! * `DATABASE_URL`: `postgres://user@host/db` or `mysql://user@host/db`.
//! * `DATABASE_AUTH`: `password`, the URL's (the default), or `iam`, with this function's role.
//! * `DATABASE_CA`: a PEM file of who may vouch for the server.

// Optimised, the layout of the futures of two clients inside one another is deeper than the usual.
#![recursion_limit = "256"]

use std::time::Duration;

use audit::{App, Inside, Outside, handle};
use invoke::{Function, Half, Side};
use lambda_runtime::{Error, LambdaEvent, run, service_fn, tracing};
use serde_json::Value;
use store::{Access, Store};

/// Of the half inside, which answers one question at a time: there are as many of it as exchanges
/// that are asked at a time.
const CONNECTIONS: u32 = 1;
/// Of the function's quarter of an hour: what is not asked for by then is due again.
const TIME: Duration = Duration::from_secs(800);

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    tracing::init_default_subscriber();
    let app = match Side::from_env("AUDIT_FUNCTION")? {
        Side::Outside { function } => {
            let config = invoke::config_from_env().await;
            let rows = Half::There(Function::new(&config, function));
            let places = history::places(|name| std::env::var(name).ok());
            App::Outside(Outside { rows, places, time: TIME })
        }
        Side::Inside { database_url } => {
            App::Inside(inside(&database_url).map_err(|why| format!("{why:#}"))?)
        }
    };
    let handle = async |event: LambdaEvent<Value>| {
        handle(&app, event.payload).await.map_err(|error| Error::from(format!("{error:#}")))
    };
    run(service_fn(handle)).await
}

fn inside(database_url: &str) -> anyhow::Result<Inside> {
    let store = Store::connect_with(database_url, CONNECTIONS, &Access::from_env()?)?;
    Ok(Inside { store })
}
