//! `GET /v1/audit`: what came of comparing a symbol's rows with its exchange's own candles, page by
//! page; compares nothing itself.

use axum::Json;
use axum::extract::State;
use market::Minute;
use serde::Serialize;
use store::{Range, Store, StoredAudit};

use crate::now;
use crate::problem::Problem;
use crate::range::{self, Asked};

#[derive(Serialize)]
pub(crate) struct Page {
    audits: Vec<StoredAudit>,
    /// The `cursor` of the next page; `null` on the last one.
    next: Option<Minute>,
}

/// A symbol that nobody audited has an empty page: it may have rows nonetheless.
pub(crate) async fn get(State(store): State<Store>, asked: Asked) -> Result<Json<Page>, Problem> {
    let range = range::read(asked, now())?;
    // One more than asked for tells whether there is a next page.
    let asked = Range { limit: range.limit + 1, ..range.clone() };
    let mut audits = store.audits(&asked).await?;
    let more = audits.len() > range.limit as usize;
    audits.truncate(range.limit as usize);
    let next = if more { audits.last().map(|audit| audit.from) } else { None };
    Ok(Json(Page { audits, next }))
}
