//! The `land` function's wiring: environment, clients, handler; nothing else.
//!
//! Its environment is the bucket's (`lake::Lake::from_env`).

use lake::Lake;
use lambda_runtime::{Error, LambdaEvent, run, service_fn, tracing};
use land::{Event, handle};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    tracing::init_default_subscriber();
    // A program that ends prints its error's `Debug`: of text, that is the text.
    let lake = Lake::from_env().await.map_err(|why| why.to_string())?;
    let handle = async |event: LambdaEvent<Event>| {
        handle(&lake, event.payload).await.map_err(|error| Error::from(format!("{error:#}")))
    };
    run(service_fn(handle)).await
}
