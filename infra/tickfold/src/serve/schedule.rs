//! What the clock calls on AWS: `repair` every few minutes; `audit`, `backfill` and `compact` every
//! hour, each of which does what is due and nothing twice. Folds nothing itself.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::ensure;
use backfill::Task;
use compact::Limits;
use futures_util::future::join_all;
use history::{History, HistoryError, Places};
use lake::Lake;
use market::{Day, Exchange, ExchangeName};
use store::Store;
use tokio_util::sync::CancellationToken;

use crate::clock::now;
use crate::{audit, repair};

/// As on AWS; and once a day, for events that were lost for longer, the last three days.
const REPAIR_EVERY: Duration = Duration::from_secs(5 * 60);
const REPAIRS_A_DAY: u32 = 24 * 60 / 5;
const DAYS_MINUTES: u32 = 3 * 24 * 60;
/// In place of a time of day: a process that was not there at that time is late, not a day behind.
const OTHERS_EVERY: Duration = Duration::from_secs(60 * 60);
/// How long a day is over before its exchange is asked for it, as on AWS.
const SETTLED_MINUTES: i64 = 30;

/// What is called, built once.
pub(crate) struct Schedule {
    store: Store,
    repair: ::repair::Outside,
    audit: ::audit::Outside,
    lake: Lake,
    places: BTreeMap<&'static str, Places>,
    compact: compact::App,
}

impl Schedule {
    pub(crate) async fn new(store: Store, lake: Lake, queue_url: &str) -> Schedule {
        Schedule {
            repair: repair::outside(store.clone(), lake.clone(), queue_url).await,
            audit: audit::outside(store.clone()),
            compact: compact::App { lake: lake.clone(), limits: Limits::default() },
            places: history::places(|name| std::env::var(name).ok()),
            lake,
            store,
        }
    }

    /// Until it is stopped. What fails the next turn tries again.
    pub(crate) async fn run(&self, stop: &CancellationToken) {
        let mut turns = 0;
        let repair = async || {
            let minutes = (turns % REPAIRS_A_DAY == 0).then_some(DAYS_MINUTES);
            let event = ::repair::Event { minutes, ..Default::default() };
            self.repair.repair(&event, now()?).await?;
            turns += 1;
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
        let day = Day::of(now()?.minute().plus(-SETTLED_MINUTES).start()).before();
        let mut exchanges: BTreeMap<ExchangeName, Vec<Task>> = BTreeMap::new();
        for recorded in self.store.symbols().await? {
            let Ok(exchange) = recorded.exchange.as_str().parse() else { continue };
            // A spot file of Bybit's numbers its rows, which are other ids than those recorded.
            if exchange != Exchange::BybitSpot && recorded.last_minute >= day.start() {
                let task = Task { exchange, symbol: recorded.symbol, day };
                exchanges.entry(recorded.exchange).or_default().push(task);
            }
        }
        let all = exchanges.into_iter().map(|(name, tasks)| self.fill(name, tasks));
        let failed: Vec<String> = join_all(all).await.into_iter().flatten().collect();
        ensure!(failed.is_empty(), "{}", failed.join("; "));
        Ok(())
    }

    /// Fills in days of one exchange, one after the other; returns what failed, and why.
    async fn fill(&self, name: ExchangeName, tasks: Vec<Task>) -> Vec<String> {
        let history = match History::named(&name, &self.places) {
            Ok(history) => history,
            Err(why) => return vec![why.to_string()],
        };
        let mut failed = Vec::new();
        for task in tasks {
            let done = match backfill::filled(&self.lake, &task).await {
                Ok(Some(_)) => continue,
                Ok(None) => backfill::fill_and_tell(&self.lake, &history, &task).await,
                Err(why) => Err(why),
            };
            let Err(why) = done else { continue };
            failed.push(format!("{task}: {why:#}"));
            // Whoever asks on is left without an answer for longer.
            let asks_for_patience = |it: &HistoryError| it.wait().is_some();
            if why.chain().filter_map(|it| it.downcast_ref()).any(asks_for_patience) {
                break;
            }
        }
        failed
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
