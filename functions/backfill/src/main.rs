//! The `backfill` function's wiring: environment, clients, handler; nothing else.
//!
//! Its environment is the bucket's (`lake::Lake::from_env`), and `BINANCE_REST_URL`,
//! `BINANCE_ARCHIVE_URL` and the like (`history::places`).

use backfill::{App, Event, handle};
use lake::Lake;
use lambda_runtime::{Error, LambdaEvent, run, service_fn, tracing};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    tracing::init_default_subscriber();
    // A program that ends prints its error's `Debug`: of text, that is the text.
    let lake = Lake::from_env().await.map_err(|why| why.to_string())?;
    let app = App { lake, places: history::places(|name| std::env::var(name).ok()) };
    let handle =
        async |event: LambdaEvent<Event>| Ok::<_, Error>(handle(&app, event.payload).await);
    run(service_fn(handle)).await
}
