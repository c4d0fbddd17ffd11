//! What the clock calls on AWS: `repair` every few minutes; `audit`, `backfill` and `compact` every
//! hour, each of which does what is due and nothing twice. Folds nothing itself.

use std::time::Duration;

use anyhow::ensure;
use backfill::Task;
use compact::Limits;
use lake::Lake;
use market::{Day, Exchange};
use store::Store;
use tokio_util::sync::CancellationToken;

use crate::clock::now;
use crate::{audit, repair};

/// As on AWS.
const REPAIR_EVERY: Duration = Duration::from_secs(5 * 60);
/// In place of a time of day: a process that was not there at that time is late, not a day behind.
const OTHERS_EVERY: Duration = Duration::from_secs(60 * 60);
/// How long a day is over before its exchange is asked for it, as on AWS.
const SETTLED_MINUTES: i64 = 30;

/// What is called, built once.
pub(crate) struct Schedule {
    store: Store,
    repair: ::repair::Outside,
    audit: ::audit::Outside,
    backfill: backfill::App,
    compact: compact::App,
}

impl Schedule {
    pub(crate) async fn new(store: Store, lake: Lake, queue_url: &str) -> Schedule {
        let places = history::places(|name| std::env::var(name).ok());
        Schedule {
            repair: repair::outside(store.clone(), lake.clone(), queue_url).await,
            audit: audit::outside(store.clone()),
            backfill: backfill::App { lake: lake.clone(), places },
            compact: compact::App { lake, limits: Limits::default() },
            store,
        }
    }

    /// Until it is stopped. What fails the next turn tries again.
    pub(crate) async fn run(&self, stop: &CancellationToken) {
        let repair = async || {
            self.repair.repair(&::repair::Event::default(), now()?).await?;
            Ok(())
        };
        let audit = async || {
            self.audit.audit_due(now()?).await?;
            Ok(())
        };
        let compact = async || {
            compact::handle(&self.compact, compact::Event::default(), now()?).await?;
            Ok(())
        };
        tokio::join!(
            again("repair", REPAIR_EVERY, stop, repair),
            again("audit", OTHERS_EVERY, stop, audit),
            again("backfill", OTHERS_EVERY, stop, async || self.fill_yesterday().await),
            again("compact", OTHERS_EVERY, stop, compact),
        );
    }

    /// Yesterday of each symbol that has rows of it, or newer ones. What one exchange does not
    /// answer holds up no other.
    async fn fill_yesterday(&self) -> anyhow::Result<()> {
        let yesterday = Day::of(now()?.minute().plus(-SETTLED_MINUTES).start()).before();
        let mut failed = Vec::new();
        for recorded in self.store.symbols().await? {
            let Ok(exchange) = recorded.exchange.as_str().parse() else { continue };
            // A spot file of Bybit's numbers its rows, which are other ids than those recorded.
            if exchange == Exchange::BybitSpot || recorded.last_minute < yesterday.start() {
                continue;
            }
            let task = Task { exchange, symbol: recorded.symbol, day: yesterday };
            if backfill::filled(&self.backfill.lake, &task).await?.is_none()
                && let Err(why) = backfill::fill_one(&self.backfill, &task).await
            {
                failed.push(format!("{task}: {why:#}"));
            }
        }
        ensure!(failed.is_empty(), "{}", failed.join("; "));
        Ok(())
    }
}

/// At once, and then at every such time.
async fn again(
    name: &str,
    every: Duration,
    stop: &CancellationToken,
    mut call: impl AsyncFnMut() -> anyhow::Result<()>,
) {
    loop {
        if let Some(Err(why)) = stop.run_until_cancelled(call()).await {
            tracing::warn!("{name}, again in {} s: {why:#}", every.as_secs());
        }
        if stop.run_until_cancelled(tokio::time::sleep(every)).await.is_none() {
            return;
        }
    }
}
