//! `GET /v1/gaps`: what is missing of one symbol in a time range, page by page, and what came of
//! filling it; derives no gap itself.

use axum::Json;
use axum::extract::State;
use market::{Bar, Minute};
use serde::Serialize;
use store::{KnownGap, Store};

use crate::now;
use crate::problem::Problem;
use crate::range::{self, Asked};

#[derive(Serialize)]
pub(crate) struct Page {
    gaps: Vec<KnownGap>,
    /// The `cursor` of the next page; `null` on the last one.
    next: Option<Minute>,
}

pub(crate) async fn get(State(store): State<Store>, asked: Asked) -> Result<Json<Page>, Problem> {
    let range = range::read(asked, now())?;
    let found = store.known_gaps(&range).await?;
    if found.is_empty {
        range::known::<Bar>(&store, &range).await?;
    }
    let next = found.next.map(|next| next.plus(-1));
    Ok(Json(Page { gaps: found.gaps, next }))
}
