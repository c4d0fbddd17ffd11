//! `GET /v1/bars`: one symbol's bars of a time range, page by page, with what their ids prove.

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use market::sequence::Completeness;
use market::{Bar, Decimal, Minute, Time};
use serde::Serialize;
use store::{Range, Store, StoredBar};

use crate::now;
use crate::problem::Problem;

const PARAMETERS: [&str; 6] = ["exchange", "symbol", "from", "to", "limit", "cursor"];
const DEFAULT_LIMIT: u32 = 500;
/// A bar is about 800 bytes of JSON, and a function's answer may have 6 MB.
const MAX_LIMIT: u32 = 5_000;
const DEFAULT_MINUTES: i64 = 24 * 60;
/// How long after its end a minute's trades may still be on their way.
const GRACE_MINUTES: i64 = 5;

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
    complete: Option<bool>,
    /// The grace is over: only a repair still changes the row.
    #[serde(rename = "final")]
    is_final: bool,
}

pub(crate) async fn get(
    State(store): State<Store>,
    query: Result<Query<Vec<(String, String)>>, QueryRejection>,
) -> Result<Json<Page>, Problem> {
    let Query(pairs) = query.map_err(|error| Problem::parameter("query", error.body_text()))?;
    let now = now();
    let range = read_parameters(&pairs, now)?;
    // One more than asked for tells whether there is a next page.
    let asked = Range { limit: range.limit + 1, ..range.clone() };
    let mut rows = store.bars(&asked).await?;
    let next_row = (rows.len() > range.limit as usize).then(|| rows.pop()).flatten();
    let next = next_row.as_ref().and(rows.last()).map(|row| row.bar.minute);
    let Some(last) = rows.last() else {
        return if exists(&store, &range).await? {
            Ok(Json(Page { bars: Vec::new(), next: None }))
        } else {
            Err(Problem::unknown_symbol(range.exchange, range.symbol))
        };
    };
    let behind = match next_row {
        Some(row) => Some(row),
        None => bar_behind(&store, &range, last.bar.minute).await?,
    };
    let first = rows[0].bar.minute;
    let before = store.bar_before(&range.exchange, &range.symbol, first).await?;
    Ok(Json(Page { bars: views(before, rows, behind, now), next }))
}

async fn exists(store: &Store, range: &Range) -> Result<bool, Problem> {
    let any = Range { from: Minute::MIN, to: Minute::MAX, limit: 1, ..range.clone() };
    Ok(!store.bars(&any).await?.is_empty())
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
            let proved = Completeness::of(before.as_ref(), &row.bar, follower.as_ref());
            before = Some(row.bar.clone());
            view(row, proved, now)
        })
        .collect()
}

fn view(row: StoredBar, proved: Completeness, now: Time) -> BarView {
    let Completeness { missing_before, missing_after, complete } = proved;
    BarView {
        base_volume: row.bar.base_volume(),
        quote_volume: row.bar.quote_volume(),
        volume_delta: row.bar.volume_delta(),
        vwap: row.bar.vwap(),
        missing_before,
        missing_after,
        complete,
        is_final: row.bar.minute.plus(GRACE_MINUTES).end() <= now,
        row,
    }
}

fn read_parameters(pairs: &[(String, String)], now: Time) -> Result<Range, Problem> {
    for (at, (name, _)) in pairs.iter().enumerate() {
        if !PARAMETERS.contains(&name.as_str()) {
            let known = PARAMETERS.join(", ");
            let detail = format!("{name:?} is no parameter of this route; they are {known}");
            return Err(Problem::parameter(name, detail));
        }
        if pairs[..at].iter().any(|(other, _)| other == name) {
            return Err(Problem::parameter(name, format!("{name} is given twice")));
        }
    }
    let given =
        |name: &str| pairs.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
    let required =
        |name| given(name).ok_or_else(|| Problem::parameter(name, format!("{name} is required")));
    let time = |name| given(name).map(|text| read_time(name, text)).transpose();
    let to = time("to")?;
    let from = match (time("from")?, to) {
        (Some(from), _) => from,
        (None, Some(to)) => to.plus(-DEFAULT_MINUTES),
        (None, None) => now.minute().plus(-DEFAULT_MINUTES),
    };
    let to = to.unwrap_or(Minute::MAX);
    if from >= to {
        return Err(Problem::parameter("from", format!("from ({from}) is not before to ({to})")));
    }
    Ok(Range {
        exchange: required("exchange")?
            .parse()
            .map_err(|why| Problem::parameter("exchange", why as String))?,
        symbol: required("symbol")?
            .parse()
            .map_err(|why| Problem::parameter("symbol", why as String))?,
        from: given("cursor").map(read_cursor).transpose()?.map_or(from, |next| next.max(from)),
        to,
        limit: given("limit").map(read_limit).transpose()?.unwrap_or(DEFAULT_LIMIT),
    })
}

/// The first minute that begins at this time or later.
fn read_time(name: &str, text: &str) -> Result<Minute, Problem> {
    let time = match text.parse::<i64>() {
        Ok(number) => Time::from_millis_or_micros(number)
            .map_err(|_| format!("{text} is no time between 2009 and 2100")),
        Err(_) => text.parse::<Time>().map_err(|error| error.to_string()),
    };
    let time = time.map_err(|why| {
        let detail = format!("{why}; expected ISO 8601 (2026-11-20T12:01:00Z) or milliseconds");
        Problem::parameter(name, detail)
    })?;
    let minute = time.minute();
    Ok(if minute.start() == time { minute } else { minute.plus(1) })
}

fn read_limit(text: &str) -> Result<u32, Problem> {
    let limit = text.parse::<u32>().ok().filter(|limit| (1..=MAX_LIMIT).contains(limit));
    let detail = || format!("{text:?} is no number from 1 to {MAX_LIMIT}");
    limit.ok_or_else(|| Problem::parameter("limit", detail()))
}

/// A cursor is the last minute of the page before: the next one starts behind it.
fn read_cursor(text: &str) -> Result<Minute, Problem> {
    let minute = text.parse::<Minute>().map(|minute| minute.plus(1));
    let detail = || format!("{text:?} is no cursor; give what \"next\" of the page before held");
    minute.map_err(|_| Problem::parameter("cursor", detail()))
}
