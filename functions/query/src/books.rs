//! `GET /v1/books`: one symbol's rows of order books of a time range, page by page, with the
//! averages that they hold.

use axum::Json;
use axum::extract::State;
use market::gap::is_final;
use market::{BookBar, Decimal, Minute, Time};
use serde::Serialize;
use store::{Store, Stored};

use crate::now;
use crate::problem::Problem;
use crate::range::{self, Asked, Found, InTime};

#[derive(Serialize)]
pub(crate) struct Page {
    books: Vec<BookView>,
    /// The `cursor` of the next page; `null` on the last one.
    next: Option<Minute>,
}

/// A stored row and what is derived of it.
#[derive(Serialize)]
struct BookView {
    #[serde(flatten)]
    row: Stored<BookBar>,
    spread: Option<Decimal>,
    imbalance: Option<Decimal>,
    #[serde(rename = "final")]
    is_final: bool,
}

impl InTime for BookBar {
    const NONE: (&'static str, &'static str) = ("books", "are they recorded?");

    fn minute(&self) -> Minute {
        self.minute
    }
}

pub(crate) async fn get(State(store): State<Store>, asked: Asked) -> Result<Json<Page>, Problem> {
    let now = now();
    let range = range::read(asked, now)?;
    let Found { rows, next, .. } = range::find(&store, &range).await?;
    Ok(Json(Page { books: rows.into_iter().map(|row| view(row, now)).collect(), next }))
}

fn view(row: Stored<BookBar>, now: Time) -> BookView {
    BookView {
        spread: row.bar.spread(),
        imbalance: row.bar.imbalance(),
        is_final: is_final(row.bar.minute, now),
        row,
    }
}
