//! The `aggregate` function's wiring: environment, clients, handler; nothing else.

use aggregate::{App, Event, handle};
use anyhow::Context;
use lake::Lake;
use lambda_runtime::{Error, LambdaEvent, run, service_fn, tracing};
use store::{Access, Store};

/// One invocation at a time uses one connection; the database's budget counts on it.
const CONNECTIONS: u32 = 1;

/// The environment.
struct Config {
    /// `BUCKET`: the bucket of lines.
    bucket: String,
    /// `DATABASE_URL`: `postgres://user@host/db` or `mysql://user@host/db`.
    database_url: String,
    /// `DATABASE_AUTH`: `password`, the URL's (the default), or `iam`, with this function's role.
    /// `DATABASE_CA`: a PEM file of who may vouch for the server; with it the connection is
    /// encrypted and to that server, or there is none.
    database_access: Access,
    /// `S3_PATH_STYLE`: `true` for S3 servers without a name per bucket; default `false`.
    path_style: bool,
}

impl Config {
    fn from_env() -> anyhow::Result<Config> {
        let required = |name| std::env::var(name).with_context(|| format!("{name} is not set"));
        let path_style = std::env::var("S3_PATH_STYLE").unwrap_or_else(|_| "false".into());
        Ok(Config {
            bucket: required("BUCKET")?,
            database_url: required("DATABASE_URL")?,
            database_access: Access::from_env()?,
            path_style: path_style.parse().context("S3_PATH_STYLE is neither true nor false")?,
        })
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    tracing::init_default_subscriber();
    let config = Config::from_env()?;
    let client = lake::client_from_env(config.path_style).await;
    let app = App { store: connected(&config)?, lake: Lake::new(client, config.bucket) };
    let handle = async |event: LambdaEvent<Event>| {
        handle(&app, event.payload).await.map_err(|error| Error::from(format!("{error:#}")))
    };
    run(service_fn(handle)).await
}

/// A program that ends prints its error's `Debug`: of text, that is the text.
fn connected(config: &Config) -> Result<Store, Error> {
    let store = Store::connect_with(&config.database_url, CONNECTIONS, &config.database_access);
    store.map_err(|error| Error::from(error.to_string()))
}
