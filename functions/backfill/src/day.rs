//! One day of a symbol: what the exchange tells of it, minute by minute, and what is written of
//! that; never more than some minutes in memory.

use std::collections::BTreeMap;

use anyhow::Context;
use futures_util::stream::{FuturesUnordered, StreamExt};
use history::{Evidence, History};
use lake::{DayKey, Kind, Lake, ObjectKey};
use market::{Day, Exchange, Minute, Symbol, Trade};
use serde::{Deserialize, Serialize};

use crate::minute::{Filled, Filler};

/// Minutes that are compared and written at a time: each holds the lines of all symbols of its
/// exchange.
const MINUTES_AT_ONCE: usize = 4;
/// How far the times of a file, which is in the order of its ids, are out of order at most. Beyond
/// it a minute has two objects and is right all the same.
const OPEN_MINUTES: i64 = 2;

/// One exchange, symbol and day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Task {
    pub exchange: Exchange,
    pub symbol: Symbol,
    pub day: Day,
}

impl Task {
    fn key(&self) -> DayKey {
        DayKey::of(self.exchange.name(), self.day.start())
    }
}

impl std::fmt::Display for Task {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{} {} {}", self.exchange, self.symbol, self.day)
    }
}

/// What a day came to; kept in the bucket as JSON.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// Of the file, or of the interface whose pages were asked for.
    pub url: String,
    /// Of the file as it was loaded.
    pub sha256: Option<String>,
    /// Whether the exchange publishes that checksum.
    pub verified: bool,
    /// Trades that the exchange tells of the day, and the minutes that have one.
    pub trades: u64,
    pub minutes: u64,
    /// Of them, what was not recorded, or otherwise.
    pub trades_written: u64,
    pub minutes_written: u64,
    /// Minutes that were left as they are, for their trades are recorded under other ids.
    pub minutes_left: u64,
}

/// Fills in a day. `dry_run` writes nothing and reports what would be; `minute_done` hears of each
/// minute. What is written before an error stays: it is of a file that was read through, or of
/// whole pages.
pub async fn fill(
    lake: &Lake,
    history: &History,
    task: &Task,
    dry_run: bool,
    minute_done: &(dyn Fn() + Sync),
) -> anyhow::Result<Report> {
    let Task { symbol, day, .. } = task;
    let mut objects: BTreeMap<Minute, Vec<ObjectKey>> = BTreeMap::new();
    for key in lake.day(Kind::Trades, &task.key()).await? {
        objects.entry(key.prefix.minute).or_default().push(key);
    }
    let mut trades = history.trades_of_day(symbol, *day).await?;
    let filler = Filler { lake, symbol, day: *day, objects: &objects, dry_run };
    let mut report = Report::of(trades.evidence());
    let mut open: BTreeMap<Minute, Vec<Trade>> = BTreeMap::new();
    let mut under_way = FuturesUnordered::new();
    loop {
        let page = trades.next().await?;
        let ends = page.as_ref().and_then(|page| Some([page.first()?, page.last()?]));
        let ends = ends.map(|ends| ends.map(Trade::minute));
        let over = page.is_none();
        for trade in page.into_iter().flatten() {
            open.entry(trade.minute()).or_default().push(trade);
        }
        // Files and pages may go forwards or backwards, and pages forwards inside and backwards from
        // one to the next: what is far from both ends of this one is through.
        let near = |minute: &Minute, end: &Minute| {
            (end.plus(-OPEN_MINUTES)..=end.plus(OPEN_MINUTES)).contains(minute)
        };
        let is_open = |minute: &Minute| ends.iter().flatten().any(|end| near(minute, end));
        let whole: Vec<_> = open.extract_if(.., |minute, _| !is_open(minute)).collect();
        for (minute, trades) in whole {
            while under_way.len() >= MINUTES_AT_ONCE {
                report.add(under_way.next().await.context("one is under way")??);
                minute_done();
            }
            under_way.push(filler.fill(minute, trades));
        }
        if over {
            break;
        }
    }
    while let Some(filled) = under_way.next().await {
        report.add(filled?);
        minute_done();
    }
    if !dry_run {
        let json = serde_json::to_vec(&report).context("a report is JSON")?;
        lake.put_filled(&task.key(), symbol, json).await?;
    }
    Ok(report)
}

/// What is known of a day that was filled in before.
pub async fn filled(lake: &Lake, task: &Task) -> anyhow::Result<Option<Report>> {
    let json = lake.filled(&task.key(), &task.symbol).await?;
    json.map(|json| serde_json::from_slice(&json).context("the record of the day")).transpose()
}

impl Report {
    fn of(evidence: &Evidence) -> Report {
        Report {
            url: evidence.url.clone(),
            sha256: evidence.sha256.clone(),
            verified: evidence.verified,
            ..Report::default()
        }
    }

    fn add(&mut self, filled: Filled) {
        self.trades += filled.trades;
        self.minutes += 1;
        self.trades_written += filled.written;
        self.minutes_written += u64::from(filled.written > 0);
        self.minutes_left += u64::from(filled.left);
    }
}
