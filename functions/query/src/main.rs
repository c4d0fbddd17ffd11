//! The `query` function's wiring: environment, store, router; nothing else.

use anyhow::Context;
use lambda_http::{Error, run, tracing};
use query::Ingest;
use store::{Access, Store};

/// One invocation at a time uses one connection; the database's budget counts on it.
const CONNECTIONS: u32 = 1;

/// The environment.
struct Config {
    /// `DATABASE_URL`: `postgres://user@host/db` or `mysql://user@host/db`.
    database_url: String,
    /// `DATABASE_AUTH`: `password`, the URL's (the default), or `iam`, with this function's role.
    /// `DATABASE_CA`: a PEM file of who may vouch for the server; with it the connection is
    /// encrypted and to that server, or there is none.
    database_access: Access,
    /// `LIVE_URL`: where ingest listens, `http://host:port`; without it there is no live state.
    ingest: Option<Ingest>,
}

impl Config {
    fn from_env() -> anyhow::Result<Config> {
        Ok(Config {
            database_url: std::env::var("DATABASE_URL").context("DATABASE_URL is not set")?,
            database_access: Access::from_env()?,
            ingest: Ingest::from_env().map_err(anyhow::Error::msg)?,
        })
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    tracing::init_default_subscriber();
    let config = Config::from_env()?;
    let store = connected(&config)?;
    run(query::router(store, config.ingest)).await
}

/// A program that ends prints its error's `Debug`: of text, that is the text.
fn connected(config: &Config) -> Result<Store, Error> {
    let store = Store::connect_with(&config.database_url, CONNECTIONS, &config.database_access);
    store.map_err(|error| Error::from(error.to_string()))
}
