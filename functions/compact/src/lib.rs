//! The `compact` function: a day's objects of trades -> one Parquet file for each symbol, for
//! whoever reads many days at once; it changes no object of the lines, from which every row and
//! every file can be made again.
//!
//! A file holds each distinct trade once, by the rules of the fold. What a day's files were made of
//! is in its receipt, which is written last, when all of them have been read back.

mod columns;
mod day;
mod file;
mod receipt;

use std::collections::BTreeSet;

use anyhow::bail;
use lake::{DayKey, Kind, Lake};
use market::gap::GRACE_MINUTES;
use market::time::MINUTES_PER_DAY;
use market::{ExchangeName, Minute, Time};
use serde::{Deserialize, Serialize};
use tracing::{error, info};

pub use columns::schema;
pub use day::Limits;
pub use receipt::Receipt;

/// Days that are looked at when the event names none: what came late, from a repair or a redriven
/// message, is in the files within a day. A day that nothing has come to costs a listing.
const DAYS: i64 = 7;

/// What the function works with, built once.
#[derive(Debug, Clone)]
pub struct App {
    pub lake: Lake,
    pub limits: Limits,
}

/// Which days. Without a name all exchanges, and without a day the last ones.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Event {
    pub exchange: Option<ExchangeName>,
    /// `2026-11-20`.
    pub day: Option<String>,
}

/// What came of it.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
pub struct Outcome {
    /// Days that were written, with the trades in them.
    pub days: u64,
    pub trades: u64,
    /// Days whose files were of all their objects already.
    pub unchanged: u64,
}

/// Compacts each day that the event asks for. One that fails is told of and holds up no other; the
/// call then fails, and the next one does only what is left.
pub async fn handle(app: &App, event: Event, now: Time) -> anyhow::Result<Outcome> {
    let days = days(app, &event, now).await?;
    let (mut outcome, mut failed) = (Outcome::default(), Vec::new());
    for day in days {
        match day::compact(app, &day).await {
            Ok(Some(receipt)) => {
                outcome.days += 1;
                outcome.trades += receipt.trades();
                receipt.tell(&day);
            }
            Ok(None) => outcome.unchanged += 1,
            Err(why) => {
                error!(%day, "{day} is not compacted: {why:#}");
                failed.push(day.to_string());
            }
        }
    }
    let Outcome { days, trades, unchanged } = outcome;
    info!(days, trades, unchanged, "{days} days compacted, {unchanged} had nothing new");
    if !failed.is_empty() {
        bail!("not compacted, see the log: {}", failed.join(", "));
    }
    Ok(outcome)
}

async fn days(app: &App, event: &Event, now: Time) -> anyhow::Result<Vec<DayKey>> {
    let over = now.minute().plus(-GRACE_MINUTES).midnight();
    let midnights: Vec<Minute> = match &event.day {
        None => (1..=DAYS).rev().map(|ago| over.plus(-ago * MINUTES_PER_DAY)).collect(),
        Some(day) => match Minute::from_date_and_clock(day, "0000") {
            None => bail!("day: {day:?} is no day such as 2026-11-20"),
            Some(midnight) if midnight >= over => bail!("day: {day} is not over yet"),
            Some(midnight) => vec![midnight],
        },
    };
    let exchanges = match &event.exchange {
        Some(one) => BTreeSet::from([one.clone()]),
        None => app.lake.exchanges(Kind::Trades).await?,
    };
    let of_each = exchanges.iter().flat_map(|exchange| {
        midnights.iter().map(|midnight| DayKey::of(exchange.clone(), *midnight))
    });
    Ok(of_each.collect())
}
