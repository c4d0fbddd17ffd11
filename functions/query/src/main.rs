//! The `query` function's wiring: environment, store, router; nothing else.

use anyhow::Context;
use lambda_http::{Error, run, tracing};
use store::Store;

/// One invocation at a time uses one connection; the database's budget counts on it.
const CONNECTIONS: u32 = 1;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    tracing::init_default_subscriber();
    // The environment: DATABASE_URL, `postgres://user@host/db`.
    let url = std::env::var("DATABASE_URL").context("DATABASE_URL is not set")?;
    run(query::router(Store::connect(&url, CONNECTIONS)?)).await
}
