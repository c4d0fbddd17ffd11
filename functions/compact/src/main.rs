//! The `compact` function's wiring: environment, clients, handler; nothing else.
//!
//! Its environment is the bucket's (`lake::Lake::from_env`).

use compact::{App, Event, Limits, handle};
use lake::Lake;
use lambda_runtime::{Error, LambdaEvent, run, service_fn, tracing};
use market::Time;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    tracing::init_default_subscriber();
    // A program that ends prints its error's `Debug`: of text, that is the text.
    let lake = Lake::from_env().await.map_err(|why| why.to_string())?;
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
