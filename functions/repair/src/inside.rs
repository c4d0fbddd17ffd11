//! The half inside the network: tells what the rows say of objects and gaps, and keeps what was
//! tried; asks no exchange, and no service of AWS.

use std::collections::{BTreeMap, BTreeSet};

use invoke::Answers;
use market::{Bar, BookBar, ExchangeName, Gap, Minute, Symbol, Time};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use store::{Outcome, Range, Repair, Row, Series, Store};

use crate::plan;

/// Rows with gaps, and what was tried, of one symbol: more are for the archives.
const MAX_ROWS: u32 = 10_000;
/// Gaps move to an earlier row when some of their trades come: what was tried is held against those
/// of a day more.
const MOVES_MINUTES: i64 = 24 * 60;

/// A database of rows.
#[derive(Debug, Clone)]
pub struct Inside {
    pub store: Store,
}

/// What the other half asks.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "ask", rename_all = "lowercase")]
pub enum Question {
    /// How many objects the rows of these minutes were folded from: `Folded`.
    Objects { from: Minute, to: Minute },
    /// Which gaps of rows since then are to be tried now: `Due`. Gaps that are there no more are
    /// noted as filled.
    Gaps { since: Minute, now: Time },
    /// Keeps what was tried.
    Tell { repairs: Vec<Repair> },
}

/// Of each exchange's minutes, from how many objects the row of the fewest was folded.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Folded {
    pub(crate) trades: Vec<FoldedMinutes>,
    pub(crate) books: Vec<FoldedMinutes>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct FoldedMinutes {
    pub(crate) exchange: ExchangeName,
    pub(crate) minutes: Vec<(Minute, u64)>,
}

/// What is to be done about gaps.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Due {
    /// In the order in which they are tried.
    pub(crate) gaps: Vec<DueGap>,
    /// Gaps that are there and given up.
    pub(crate) unfillable: u64,
    /// Gaps that are there and not given up, the ones to be tried included.
    pub(crate) open: u64,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct DueGap {
    pub(crate) gap: Gap,
    /// What was tried before.
    pub(crate) repair: Option<Repair>,
}

impl Answers for Inside {
    type Question = Question;

    async fn answer(&self, question: Question) -> anyhow::Result<Value> {
        Ok(match question {
            Question::Objects { from, to } => serde_json::to_value(self.objects(from, to).await?)?,
            Question::Gaps { since, now } => serde_json::to_value(self.due(since, now).await?)?,
            Question::Tell { repairs } => {
                self.store.put_repairs(&repairs).await?;
                Value::Null
            }
        })
    }
}

impl Inside {
    async fn objects(&self, from: Minute, to: Minute) -> anyhow::Result<Folded> {
        let trades = self.folded::<Bar>(from, to).await?;
        let books = self.folded::<BookBar>(from, to).await?;
        Ok(Folded { trades, books })
    }

    async fn folded<R: Row>(&self, from: Minute, to: Minute) -> anyhow::Result<Vec<FoldedMinutes>> {
        let mut fewest: BTreeMap<ExchangeName, BTreeMap<Minute, u64>> = BTreeMap::new();
        for Series { exchange, symbol } in self.store.series::<R>().await? {
            let range = Range { exchange: exchange.clone(), symbol, from, to, limit: MAX_ROWS };
            let of_exchange = fewest.entry(exchange).or_default();
            for row in self.store.objects::<R>(&range).await? {
                let known = of_exchange.entry(row.minute).or_insert(row.object_count);
                *known = (*known).min(row.object_count);
            }
        }
        let minutes = fewest.into_iter().map(|(exchange, minutes)| FoldedMinutes {
            exchange,
            minutes: minutes.into_iter().collect(),
        });
        Ok(minutes.collect())
    }

    async fn due(&self, since: Minute, now: Time) -> anyhow::Result<Due> {
        let (mut due, mut resting) = (Due::default(), BTreeSet::new());
        for Series { exchange, symbol } in self.store.series::<Bar>().await? {
            let (gaps, repairs) = self.known(&exchange, &symbol, since).await?;
            self.settle(&gaps, &repairs).await?;
            if repairs.iter().any(|repair| repair.throttled_until.is_some_and(|end| end > now)) {
                resting.insert(exchange);
            }
            let tried = repairs.into_iter().map(|it| (it.gap.first_missing_id, it));
            let mut tried: BTreeMap<u64, Repair> = tried.collect();
            for gap in gaps.into_iter().filter(|gap| gap.minute() >= since) {
                let repair = tried.remove(&gap.first_missing_id);
                if repair.as_ref().is_some_and(|it| it.outcome == Outcome::Unfillable) {
                    due.unfillable += 1;
                    continue;
                }
                due.open += 1;
                if plan::is_due(&gap, repair.as_ref(), now) {
                    due.gaps.push(DueGap { gap, repair });
                }
            }
        }
        // What an exchange said to one of its symbols it said to all.
        due.gaps.retain(|due| !resting.contains(&due.gap.exchange));
        due.gaps.sort_by_key(|due| plan::order(&due.gap, due.repair.as_ref()));
        due.gaps.truncate(plan::MAX_GAPS);
        Ok(due)
    }

    async fn known(
        &self,
        exchange: &ExchangeName,
        symbol: &Symbol,
        since: Minute,
    ) -> anyhow::Result<(Vec<Gap>, Vec<Repair>)> {
        let (exchange, symbol, to) = (exchange.clone(), symbol.clone(), Minute::MAX);
        let range = Range { exchange, symbol, from: since, to, limit: MAX_ROWS };
        let repairs = self.store.repairs(&range).await?;
        let range = Range { from: since.plus(-MOVES_MINUTES).max(Minute::MIN), ..range };
        let mut found = self.store.gaps(&range).await?;
        let mut gaps = std::mem::take(&mut found.gaps);
        // Whether something is filled only all of them tell.
        while let Some(from) = found.next {
            found = self.store.gaps(&Range { from, ..range.clone() }).await?;
            gaps.append(&mut found.gaps);
        }
        Ok((gaps, repairs))
    }

    /// Notes what was tried with success: no gap that is there is a part of it any more.
    async fn settle(&self, gaps: &[Gap], repairs: &[Repair]) -> anyhow::Result<()> {
        let is_filled = |repair: &&Repair| {
            repair.outcome != Outcome::Filled && !gaps.iter().any(|it| it.overlaps(&repair.gap))
        };
        let filled = repairs.iter().filter(is_filled).cloned();
        let filled = filled.map(|repair| Repair {
            outcome: Outcome::Filled,
            reason: None,
            next_attempt: None,
            ..repair
        });
        let filled: Vec<Repair> = filled.collect();
        for repair in &filled {
            let Gap { exchange, symbol, first_missing_id, last_missing_id, .. } = &repair.gap;
            tracing::info!(
                "filled: {exchange} {symbol}, ids {first_missing_id} to {last_missing_id}"
            );
        }
        if !filled.is_empty() {
            self.store.put_repairs(&filled).await?;
        }
        Ok(())
    }
}
