//! A day folded anew: each minute as an event of it would be, several at a time.

use std::collections::BTreeSet;

use aggregate::{App, Folded, fold_minute};
use futures_util::FutureExt;
use futures_util::stream::{self, StreamExt};
use lake::{Kind, MinutePrefix};
use market::Minute;

use super::{Slice, Tally};
use crate::progress::Progress;

/// A minute that fails is told of and holds up no other.
pub(super) async fn day(
    app: &App,
    kind: Kind,
    day: &Slice,
    minutes: BTreeSet<Minute>,
    parallel: usize,
    progress: &Progress,
) -> Tally {
    let mut tally = Tally::default();
    progress.advance(day.to.since(day.from) - minutes.len() as u64);
    let folding = minutes.into_iter().map(|minute| {
        let (app, minute) = (app.clone(), MinutePrefix::raw(kind, day.exchange.clone(), minute));
        async move { fold(app, minute.clone()).await.map_err(|error| (minute, error)) }
    });
    let mut folded = stream::iter(folding).buffer_unordered(parallel);
    while let Some(folded) = folded.next().await {
        tally.minutes += 1;
        match folded {
            Ok(Folded { unreadable, rows, written, .. }) => {
                tally.rows += rows;
                tally.written += written;
                tally.unreadable += unreadable.len() as u64;
            }
            Err((minute, error)) => {
                tally.failed += 1;
                progress.aside(|| eprintln!("{minute}: {error:#}"));
            }
        }
        progress.advance(1);
    }
    tally
}

/// On any of the runtime's threads: most of a fold is computing. Boxed, since the types of the S3
/// client's futures nest deeper than the compiler cares to follow.
async fn fold(app: App, minute: MinutePrefix) -> anyhow::Result<Folded> {
    tokio::spawn(async move { fold_minute(&app, &minute).await }.boxed()).await?
}
