//! The `aggregate` function: an object was created -> fold its minute again; trusts an event only
//! as a hint of where to look, and does nothing with the object it names but read its minute.
//! Trades and books go by the same rules.
//!
//! A minute is recomputed from all its objects, so that order, repetition, lateness and concurrency
//! of events change nothing.

mod event;
mod figures;
mod fold;
mod rows;

use std::collections::{BTreeMap, BTreeSet};
use std::panic::AssertUnwindSafe;

use aws_lambda_events::sqs::SqsBatchResponse;
use futures_util::FutureExt;
use lake::{Lake, MinutePrefix, ObjectKey};
use market::Time;
use store::Store;
use tracing::error;

pub use event::Event;
use event::{Message, Notification};
use figures::Figures;
pub use fold::{Folded, Preview, fold_minute, preview};
pub use rows::Folds;

/// What the function works with, built once.
#[derive(Debug, Clone)]
pub struct App {
    pub lake: Lake,
    pub store: Store,
}

/// What came of the minutes that were folded.
#[derive(Debug, Default)]
struct Outcome {
    /// Minutes that are to be folded again.
    failed: BTreeSet<MinutePrefix>,
    /// Objects of which nothing can be used, however often they are read.
    unreadable: BTreeSet<ObjectKey>,
}

/// Folds each minute that the event names once. A queue's batch never fails whole: the answer names
/// the messages to deliver again. A bare notification has no such answer and fails as an error.
pub async fn handle(app: &App, event: Event) -> anyhow::Result<SqsBatchResponse> {
    let mut response = SqsBatchResponse::default();
    match event {
        Event::Queue { records } => {
            for id in failed_messages(app, &records).await {
                response.add_failure(id);
            }
        }
        Event::Bucket(notification) => {
            let objects = notification.objects(app.lake.bucket())?;
            let outcome = fold_all(app, &objects).await;
            let failed = objects.iter().find(|object| outcome.concerns(object));
            anyhow::ensure!(failed.is_none(), "not folded, see the log: {}", failed.expect("some"));
        }
    }
    Ok(response)
}

async fn failed_messages(app: &App, messages: &[Message]) -> Vec<String> {
    let mut failed = BTreeSet::new();
    let mut wanted: BTreeMap<&str, Vec<ObjectKey>> = BTreeMap::new();
    for message in messages {
        let notification = Notification::from_body(&message.body);
        match notification.and_then(|it| it.objects(app.lake.bucket())) {
            Ok(objects) => wanted.entry(&message.id).or_default().extend(objects),
            Err(error) => {
                error!(message = message.id, "message {} is not understood: {error:#}", message.id);
                failed.insert(message.id.clone());
            }
        }
    }
    let objects: Vec<_> = wanted.values().flatten().cloned().collect();
    let outcome = fold_all(app, &objects).await;
    for (id, objects) in wanted {
        if objects.iter().any(|object| outcome.concerns(object)) {
            failed.insert(id.to_owned());
        }
    }
    failed.into_iter().collect()
}

async fn fold_all(app: &App, objects: &[ObjectKey]) -> Outcome {
    let minutes: BTreeSet<_> = objects.iter().map(|object| &object.prefix).collect();
    let (mut outcome, mut figures) = (Outcome::default(), Figures::default());
    for minute in minutes {
        // A panic in one minute must not fail the messages of the others. Boxed, since the types of
        // the S3 client's futures nest deeper than the compiler cares to follow.
        let folded = fold::fold_minute(app, minute).boxed();
        let folded = AssertUnwindSafe(folded).catch_unwind().await;
        match folded.unwrap_or_else(|_| Err(anyhow::anyhow!("the fold panicked"))) {
            Ok(folded) => {
                outcome.unreadable.extend(folded.unreadable);
                figures.add(folded.figures);
            }
            Err(error) => {
                error!(%minute, "minute {minute} will be retried: {error:#}");
                outcome.failed.insert(minute.clone());
            }
        }
    }
    figures.tell(now());
    outcome
}

/// The clock of this function's rim.
fn now() -> Time {
    let micros = chrono::Utc::now().timestamp_micros();
    Time::from_micros(micros).expect("the clock of this machine is between 2009 and 2100")
}

impl Outcome {
    fn concerns(&self, object: &ObjectKey) -> bool {
        self.failed.contains(&object.prefix) || self.unreadable.contains(object)
    }
}
