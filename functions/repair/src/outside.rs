//! The half outside the network: lists the bucket, has stale minutes folded again, and asks the
//! exchanges for what is missing; knows of the rows only what the half inside tells.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use anyhow::Context;
use futures_util::future::join_all;
use history::{History, Places};
use invoke::Half;
use lake::{Kind, Lake, MinutePrefix, ObjectCounts};
use market::{ExchangeName, Minute, Time};
use store::Repair;
use tokio::time::Instant;

use crate::inside::{Due, DueGap, Folded, Inside, Question};
use crate::notice::Queue;
use crate::plan::{self, Came};
use crate::{Event, Repaired, fill, sweep};

/// Gaps of rows that are older are for the archives: exchanges forget, and somebody has looked.
const DAYS: i64 = 3;
/// Minutes that one sweep has folded again, the newest first: the daily one after a long outage of
/// everything has no more time.
const MAX_REFOLDS: usize = 10_000;

/// What the program works with, built once.
#[derive(Debug)]
pub struct Outside {
    /// Who tells what the rows say.
    pub rows: Half<Inside>,
    pub lake: Lake,
    /// Of `aggregate`.
    pub queue: Queue,
    /// Where exchanges are asked; one that is not there at its public places.
    pub places: BTreeMap<&'static str, Places>,
    /// How long one call may ask exchanges.
    pub time: Duration,
}

impl Outside {
    /// Sweeps, then fills. What of it fails is tried again by the next call.
    pub async fn repair(&self, event: &Event, now: Time) -> anyhow::Result<Repaired> {
        let end = Instant::now() + self.time;
        let stale = self.sweep(event, now).await.context("sweep")?;
        let mut repaired = Repaired { refolded: stale.len() as u64, ..Repaired::default() };
        let since = now.minute().plus(-DAYS * 24 * 60).max(Minute::MIN);
        let due: Due = self.rows.ask(Question::Gaps { since, now }).await?;
        (repaired.open, repaired.unfillable) = (due.open, due.unfillable);
        // What is folded again just now may not be missing.
        let due = due.gaps.into_iter().filter(|due| !is_folded_again(due, &stale));
        let mut exchanges: BTreeMap<ExchangeName, Vec<DueGap>> = BTreeMap::new();
        for due in due {
            exchanges.entry(due.gap.exchange.clone()).or_default().push(due);
        }
        let tried =
            exchanges.into_iter().map(|(exchange, gaps)| self.fill(exchange, gaps, now, end));
        for tried in join_all(tried).await {
            let (tried, written, unfillable) = tried?;
            repaired.tried += tried;
            repaired.written += written;
            repaired.unfillable += unfillable;
            repaired.open -= unfillable;
        }
        tell(&repaired);
        Ok(repaired)
    }

    /// Has minutes folded again whose objects their rows do not know, and returns them.
    async fn sweep(&self, event: &Event, now: Time) -> anyhow::Result<BTreeSet<MinutePrefix>> {
        let (from, to) = sweep::span(event, now);
        let mut objects = BTreeMap::new();
        // Before the rows are asked: what comes in between is folded by its own event.
        for kind in Kind::ALL {
            objects.insert(kind, self.lake.count_objects(kind, from, to).await?);
        }
        let folded: Folded = self.rows.ask(Question::Objects { from, to }).await?;
        let stale = |kind: Kind, folded| sweep::stale(kind, &objects[&kind], folded);
        let mut stale: Vec<MinutePrefix> =
            [stale(Kind::Trades, &folded.trades), stale(Kind::Books, &folded.books)]
                .into_iter()
                .flatten()
                .collect();
        stale.sort_by_key(|minute| Reverse(minute.minute));
        stale.truncate(MAX_REFOLDS);
        let stale: BTreeSet<MinutePrefix> = stale.into_iter().collect();
        let count: usize = objects.values().map(ObjectCounts::len).sum();
        if !stale.is_empty() {
            tracing::warn!(
                "{} of {count} minutes have objects that their rows do not know, from {}",
                stale.len(),
                stale.first().expect("one")
            );
            self.queue.refold(self.lake.bucket(), &stale).await?;
        }
        Ok(stale)
    }

    /// Asks one exchange for its gaps, one after the other; returns how many were tried, how many
    /// trades were written, and how many gaps were given up.
    async fn fill(
        &self,
        exchange: ExchangeName,
        gaps: Vec<DueGap>,
        now: Time,
        end: Instant,
    ) -> anyhow::Result<(u64, u64, u64)> {
        let history = History::named(&exchange, &self.places);
        let (mut tried, mut written, mut given_up) = (0, 0, 0);
        for due in gaps {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            let came = match &history {
                Ok(history) => {
                    let attempt = fill::fill(&self.lake, history, &due, left).await?;
                    written += attempt.written;
                    attempt.came
                }
                Err(why) => Came::Hopeless { why: why.to_string() },
            };
            tried += 1;
            let DueGap { gap, repair } = due;
            if came == Came::Stored {
                self.queue.refold(self.lake.bucket(), &rows_of(&gap)).await?;
            }
            let repair = plan::after(gap, repair.as_ref(), &came, now);
            given_up += u64::from(repair.outcome == store::Outcome::Unfillable);
            self.keep(repair).await?;
            if matches!(came, Came::Throttled { .. }) {
                break;
            }
        }
        Ok((tried, written, given_up))
    }

    /// At once: a call that is ended must not have tried in secret.
    async fn keep(&self, repair: Repair) -> anyhow::Result<()> {
        let repairs = vec![repair];
        self.rows.ask::<()>(Question::Tell { repairs }).await
    }
}

/// The minutes of the rows around a gap.
fn rows_of(gap: &market::Gap) -> BTreeSet<MinutePrefix> {
    let minutes = [gap.from_time.minute(), gap.minute()];
    minutes.map(|minute| MinutePrefix::raw_trades(gap.exchange.clone(), minute)).into()
}

fn is_folded_again(due: &DueGap, stale: &BTreeSet<MinutePrefix>) -> bool {
    let (from, to) = (due.gap.from_time.minute(), due.gap.minute());
    let minute = |minute| MinutePrefix::raw_trades(due.gap.exchange.clone(), minute);
    stale.range(minute(from)..=minute(to)).next().is_some()
}

/// One line of log that metrics and alarms are made of (`terraform/alarms.tf`).
fn tell(repaired: &Repaired) {
    let Repaired { refolded, tried, written, unfillable, open } = repaired;
    tracing::info!(
        figures = "repaired",
        refolded,
        tried,
        written,
        unfillable,
        open,
        "{refolded} minutes folded again; {tried} gaps tried, {written} trades written; {open} gaps \
         are open and {unfillable} given up"
    );
}
