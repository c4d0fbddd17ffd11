//! `GET /v1/symbols` and `GET /v1/health`: what there is, and how old; knows no bar.

use axum::Json;
use axum::extract::State;
use market::Time;
use serde::Serialize;
use store::{Store, StoredSymbol};

use crate::live::Ingest;
use crate::now;
use crate::problem::Problem;

const MICROS_PER_SECOND: i64 = 1_000_000;

#[derive(Serialize)]
pub(crate) struct Symbols {
    symbols: Vec<StoredSymbol>,
}

#[derive(Serialize)]
pub(crate) struct Health {
    status: &'static str,
    now: Time,
    /// Exchange time of the newest trade; `null` while there is none.
    last_time: Option<Time>,
    /// Whole seconds since then; negative if the exchange's clock is ahead of this one.
    data_age_seconds: Option<i64>,
    symbol_count: usize,
    /// Whether `/v1/live` is set up; not whether ingest answers.
    live: bool,
}

pub(crate) async fn symbols(State(store): State<Store>) -> Result<Json<Symbols>, Problem> {
    Ok(Json(Symbols { symbols: store.symbols().await? }))
}

/// Answers `ok` if the database does.
pub(crate) async fn health(
    State(store): State<Store>,
    State(ingest): State<Option<Ingest>>,
) -> Result<Json<Health>, Problem> {
    let symbols = store.symbols().await?;
    let (now, last_time) = (now(), symbols.iter().map(|symbol| symbol.last_time).max());
    let age = |time: Time| (now.micros() - time.micros()) / MICROS_PER_SECOND;
    let data_age_seconds = last_time.map(age);
    let symbol_count = symbols.len();
    let live = ingest.is_some();
    Ok(Json(Health { status: "ok", now, last_time, data_age_seconds, symbol_count, live }))
}
