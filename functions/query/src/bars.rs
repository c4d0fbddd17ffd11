//! `GET /v1/bars`: one symbol's bars of a time range, page by page, with what their ids prove.

use axum::Json;
use axum::extract::State;
use market::gap::is_final;
use market::{Bar, Completeness, Decimal, Minute, Proof, Time};
use serde::Serialize;
use store::{Range, Store, StoredBar};

use crate::now;
use crate::problem::Problem;
use crate::range::{self, Asked, Found, InTime};

#[derive(Serialize)]
pub(crate) struct Page {
    bars: Vec<BarView>,
    /// The `cursor` of the next page; `null` on the last one.
    next: Option<Minute>,
}

/// A stored row and what is derived of it and its neighbours.
#[derive(Serialize)]
struct BarView {
    #[serde(flatten)]
    row: StoredBar,
    base_volume: Option<Decimal>,
    quote_volume: Option<Decimal>,
    volume_delta: Option<Decimal>,
    vwap: Option<Decimal>,
    missing_before: Option<u64>,
    missing_after: Option<u64>,
    completeness: Completeness,
    #[serde(rename = "final")]
    is_final: bool,
}

impl InTime for Bar {
    const NONE: (&'static str, &'static str) = ("bars", "/v1/symbols lists all");

    fn minute(&self) -> Minute {
        self.minute
    }
}

pub(crate) async fn get(State(store): State<Store>, asked: Asked) -> Result<Json<Page>, Problem> {
    let now = now();
    let range = range::read(asked, now)?;
    let Found { rows, behind, next } = range::find::<Bar>(&store, &range).await?;
    let Some(last) = rows.last() else { return Ok(Json(Page { bars: Vec::new(), next: None })) };
    let behind = match behind {
        Some(row) => Some(row),
        None => bar_behind(&store, &range, last.bar.minute).await?,
    };
    let first = rows[0].bar.minute;
    let before = store.bar_before(&range.exchange, &range.symbol, first).await?;
    Ok(Json(Page { bars: views(before, rows, behind, now), next }))
}

/// The nearest bar behind `minute`, beyond the range if need be.
async fn bar_behind(
    store: &Store,
    range: &Range,
    minute: Minute,
) -> Result<Option<StoredBar>, Problem> {
    let behind = Range { from: minute.plus(1), to: Minute::MAX, limit: 1, ..range.clone() };
    Ok(store.bars(&behind).await?.pop())
}

fn views(
    before: Option<StoredBar>,
    rows: Vec<StoredBar>,
    behind: Option<StoredBar>,
    now: Time,
) -> Vec<BarView> {
    let bar = |row: &StoredBar| -> Bar { row.bar.clone() };
    let mut before = before.as_ref().map(bar);
    let followers: Vec<Option<Bar>> =
        rows.iter().skip(1).map(bar).map(Some).chain([behind.as_ref().map(bar)]).collect();
    rows.into_iter()
        .zip(followers)
        .map(|(row, follower)| {
            let proof = Proof::of(before.as_ref(), &row.bar, follower.as_ref(), now);
            before = Some(row.bar.clone());
            view(row, proof, now)
        })
        .collect()
}

fn view(row: StoredBar, proof: Proof, now: Time) -> BarView {
    let Proof { missing_before, missing_after, completeness } = proof;
    BarView {
        base_volume: row.bar.base_volume(),
        quote_volume: row.bar.quote_volume(),
        volume_delta: row.bar.volume_delta(),
        vwap: row.bar.vwap(),
        missing_before,
        missing_after,
        completeness,
        is_final: is_final(row.bar.minute, now),
        row,
    }
}
