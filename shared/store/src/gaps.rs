//! Gaps as the ids of stored rows tell them, what was tried to fill them, and how many objects the
//! rows were folded from; what a gap is, `market::gap` knows.

use market::gap::gaps_at;
use market::{Gap, Minute, Span, Time};
use serde::{Deserialize, Serialize};

use crate::{Pool, Range, Row, Store, StoreError, on, read_all, sql};

/// What stands on a gap's row is read by people: a longer reason is cut.
const MAX_REASON: usize = 400;

/// What was tried to fill a gap, and what came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Repair {
    /// The gap as it was at the last attempt.
    #[serde(flatten)]
    pub gap: Gap,
    /// How often its exchange was asked for it.
    pub attempts: u32,
    pub outcome: Outcome,
    /// Why it is not filled; `None` where nothing went wrong.
    pub reason: Option<String>,
    pub last_attempt: Time,
    /// `None` when there will be none.
    pub next_attempt: Option<Time>,
    /// Until when the exchange asked to be left alone.
    pub throttled_until: Option<Time>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// It is tried again.
    Open,
    /// The rows have no gap there any more.
    Filled,
    /// It was given up: nothing tries again by itself.
    Unfillable,
}

/// How many objects a stored row was folded from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Objects {
    pub minute: Minute,
    pub object_count: u64,
}

/// Gaps at some rows of a range.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gaps {
    /// In the order of the rows at which they were found.
    pub gaps: Vec<Gap>,
    /// The first minute that was not looked at; `None` when all were.
    pub next: Option<Minute>,
}

/// A row with gaps, and of its neighbour before what tells them. The first row of a range stands
/// without its neighbour.
#[derive(Deserialize)]
struct Found {
    minute: Minute,
    row: Span,
    before_last_id: Option<u64>,
    before_last_time: Option<Time>,
}

#[derive(Serialize)]
struct StoredRepair<'a> {
    #[serde(flatten)]
    repair: &'a Repair,
    minute: Minute,
}

impl Store {
    /// The gaps at rows of a range, inside of each or between it and the row before; `range.limit`
    /// counts the rows.
    pub async fn gaps(&self, range: &Range) -> Result<Gaps, StoreError> {
        let rows: Vec<Found> = self.select(|sql| sql.gaps, range).await?;
        let whole = rows.len() < range.limit as usize;
        let next = rows.last().filter(|_| !whole).map(|row| row.minute.plus(1));
        let (exchange, symbol) = (&range.exchange, &range.symbol);
        let mut gaps = Vec::new();
        for found in rows {
            let before = match found.before() {
                Some(before) => Some(before),
                None => {
                    let before = self.bar_before(exchange, symbol, found.minute).await?;
                    before.map(|before| Span::from(&before.bar))
                }
            };
            gaps.extend(gaps_at(exchange, symbol, before.as_ref(), &found.row));
        }
        Ok(Gaps { gaps, next })
    }

    /// What was tried to fill gaps that were found at rows of a range, whatever came of it.
    pub async fn repairs(&self, range: &Range) -> Result<Vec<Repair>, StoreError> {
        self.select(|sql| sql.repairs, range).await
    }

    /// Keeps what was tried; what is stored of a later attempt stays.
    pub async fn put_repairs(&self, repairs: &[Repair]) -> Result<(), StoreError> {
        let cut: Vec<Repair> = repairs.iter().cloned().map(Repair::cut).collect();
        let rows = cut.iter().map(|repair| StoredRepair { repair, minute: repair.gap.minute() });
        let rows = serde_json::to_string(&rows.collect::<Vec<_>>())?;
        on!(self, |mut connection, sql| {
            sqlx::query(sql.put_repairs).bind(&rows).execute(&mut *connection).await?;
        });
        Ok(())
    }

    /// How many objects each row of a range was folded from; the range's limit does not count.
    pub async fn objects<R: Row>(&self, range: &Range) -> Result<Vec<Objects>, StoreError> {
        let rows: Vec<String> = on!(self, |mut connection, sql| {
            sqlx::query_scalar(sql.rows(R::TABLE).objects)
                .bind(range.exchange.as_str())
                .bind(range.symbol.as_str())
                .bind(range.from.to_string())
                .bind(range.to.to_string())
                .fetch_all(&mut *connection)
                .await?
        });
        read_all(&rows)
    }
}

impl Found {
    fn before(&self) -> Option<Span> {
        let last_time = self.before_last_time?;
        let (last_id, missing_count) = (self.before_last_id, None);
        Some(Span { first_id: None, last_id, missing_count, first_time: last_time, last_time })
    }
}

impl Repair {
    fn cut(mut self) -> Repair {
        if let Some(reason) = &mut self.reason {
            // What no text of a database takes.
            reason.retain(|letter| letter != '\0');
            let end = reason.char_indices().nth(MAX_REASON).map(|(at, _)| at);
            reason.truncate(end.unwrap_or(reason.len()));
        }
        self
    }
}
