//! The `backfill` function's wiring: environment, clients, handler; nothing else.

use std::collections::BTreeMap;

use anyhow::Context;
use backfill::{App, Event, handle};
use history::Places;
use lake::Lake;
use lambda_runtime::{Error, LambdaEvent, run, service_fn, tracing};

/// The environment.
struct Config {
    /// `BUCKET`: the bucket of lines.
    bucket: String,
    /// `S3_PATH_STYLE`: `true` for S3 servers without a name per bucket; default `false`.
    path_style: bool,
    /// `BINANCE_REST_URL`, `BINANCE_ARCHIVE_URL` and the like: where an exchange is asked instead of
    /// at its public places.
    places: BTreeMap<&'static str, Places>,
}

impl Config {
    fn from_env() -> anyhow::Result<Config> {
        let path_style = std::env::var("S3_PATH_STYLE").unwrap_or_else(|_| "false".into());
        Ok(Config {
            bucket: std::env::var("BUCKET").context("BUCKET is not set")?,
            path_style: path_style.parse().context("S3_PATH_STYLE is neither true nor false")?,
            places: history::places(|name| std::env::var(name).ok()),
        })
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    tracing::init_default_subscriber();
    let config = Config::from_env()?;
    let client = lake::client_from_env(config.path_style).await;
    let app = App { lake: Lake::new(client, config.bucket), places: config.places };
    let handle =
        async |event: LambdaEvent<Event>| Ok::<_, Error>(handle(&app, event.payload).await);
    run(service_fn(handle)).await
}
