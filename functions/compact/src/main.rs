//! The `compact` function's wiring: environment, clients, handler; nothing else.

use anyhow::Context;
use compact::{App, Event, Limits, handle};
use lake::Lake;
use lambda_runtime::{Error, LambdaEvent, run, service_fn, tracing};
use market::Time;

/// The environment.
struct Config {
    /// `BUCKET`: the bucket of lines.
    bucket: String,
    /// `S3_PATH_STYLE`: `true` for S3 servers without a name per bucket; default `false`.
    path_style: bool,
}

impl Config {
    fn from_env() -> anyhow::Result<Config> {
        let path_style = std::env::var("S3_PATH_STYLE").unwrap_or_else(|_| "false".into());
        Ok(Config {
            bucket: std::env::var("BUCKET").context("BUCKET is not set")?,
            path_style: path_style.parse().context("S3_PATH_STYLE is neither true nor false")?,
        })
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    tracing::init_default_subscriber();
    let config = Config::from_env()?;
    let lake = Lake::new(lake::client_from_env(config.path_style).await, config.bucket);
    let app = App { lake, limits: Limits::default() };
    let handle = async |event: LambdaEvent<Event>| {
        handle(&app, event.payload, now()).await.map_err(|error| Error::from(format!("{error:#}")))
    };
    run(service_fn(handle)).await
}

fn now() -> Time {
    let micros = chrono::Utc::now().timestamp_micros();
    Time::from_micros(micros).expect("the clock of this machine is between 2009 and 2100")
}
