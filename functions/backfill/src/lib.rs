//! The `backfill` function: an exchange's own record of a day -> objects of what is not recorded;
//! touches no row, and nothing that is there. The objects go the way of all objects.
//!
//! A day that was recorded whole gets no object, so none of its rows changes.

mod day;
mod event;
mod known;
mod minute;

use std::collections::BTreeMap;

use aws_lambda_events::sqs::SqsBatchResponse;
use chrono::Utc;
use history::{History, Places};
use lake::Lake;
use tracing::{error, info};

pub use day::{Report, Task, fill, filled};
pub use event::Event;

/// What the function works with, built once.
#[derive(Debug, Clone)]
pub struct App {
    pub lake: Lake,
    /// Where exchanges are asked; one that is not there at its public places.
    pub places: BTreeMap<&'static str, Places>,
}

/// Fills in what each message names. The answer names the messages to deliver again.
pub async fn handle(app: &App, event: Event) -> SqsBatchResponse {
    let mut response = SqsBatchResponse::default();
    for message in &event.records {
        let filled = match message.task() {
            Ok(task) => fill_alone(app, &task).await.map_err(|why| why.context(task.to_string())),
            Err(why) => Err(why.context(format!("message {}", message.id))),
        };
        if let Err(why) = filled {
            error!("will be retried: {why:#}");
            response.add_failure(message.id.clone());
        }
    }
    response
}

async fn fill_alone(app: &App, task: &Task) -> anyhow::Result<()> {
    fill_and_tell(&app.lake, &History::named(&task.exchange.name(), &app.places)?, task).await
}

/// Fills in a day that is over, and logs what that came to.
pub async fn fill_and_tell(lake: &Lake, history: &History, task: &Task) -> anyhow::Result<()> {
    check_past(task)?;
    let report = fill(lake, history, task, false, &|| ()).await?;
    let Report { trades, minutes, trades_written, minutes_written, minutes_left, .. } = report;
    info!(
        figures = "backfilled",
        trades,
        minutes,
        trades_written,
        minutes_written,
        minutes_left,
        "{task}: {trades_written} of {trades} trades were not recorded, in {minutes_written} of \
         {minutes} minutes"
    );
    Ok(())
}

/// A day that goes on is not the exchange's last word.
pub fn check_past(task: &Task) -> anyhow::Result<()> {
    let end = task.day.end().start();
    anyhow::ensure!(
        end.micros() <= Utc::now().timestamp_micros(),
        "{} is not over yet: it ends at {end}",
        task.day
    );
    Ok(())
}
