//! The `aggregate` function's wiring: environment, clients, handler; nothing else.

use aggregate::{App, Event, handle};
use anyhow::Context;
use lake::Lake;
use lambda_runtime::{Error, LambdaEvent, run, service_fn, tracing};
use store::{Access, Store};

/// One invocation at a time uses one connection; the database's budget counts on it.
const CONNECTIONS: u32 = 1;

/// The environment, but for the bucket's (`lake::Lake::from_env`).
struct Config {
    /// `DATABASE_URL`: `postgres://user@host/db` or `mysql://user@host/db`.
    database_url: String,
    /// `DATABASE_AUTH`: `password`, the URL's (the default), or `iam`, with this function's role.
    /// `DATABASE_CA`: a PEM file of who may vouch for the server; with it the connection is
    /// encrypted and to that server, or there is none.
    database_access: Access,
}

impl Config {
    fn from_env() -> anyhow::Result<Config> {
        Ok(Config {
            database_url: std::env::var("DATABASE_URL").context("DATABASE_URL is not set")?,
            database_access: Access::from_env()?,
        })
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    tracing::init_default_subscriber();
    let config = Config::from_env()?;
    // A program that ends prints its error's `Debug`: of text, that is the text.
    let lake = Lake::from_env().await.map_err(|why| why.to_string())?;
    let app = App { store: connected(&config)?, lake };
    let handle = async |event: LambdaEvent<Event>| {
        handle(&app, event.payload).await.map_err(|error| Error::from(format!("{error:#}")))
    };
    run(service_fn(handle)).await
}

fn connected(config: &Config) -> Result<Store, Error> {
    let store = Store::connect_with(&config.database_url, CONNECTIONS, &config.database_access);
    store.map_err(|error| Error::from(error.to_string()))
}
