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

/// One in which all is wrong has some 40 KB, and an answer of Lambda's 6 MB at most.
const MAX_AUDITS: u32 = 100;

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
    let limit = range.limit.min(MAX_AUDITS);
    let asked = Range { limit: limit + 1, ..range };
    let mut audits = store.audits(&asked).await?;
    let more = audits.len() > limit as usize;
    audits.truncate(limit as usize);
    let next = if more { audits.last().map(|audit| audit.from) } else { None };
    Ok(Json(Page { audits, next }))
}
