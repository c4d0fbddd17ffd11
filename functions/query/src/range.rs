//! Which rows a request asks for, and a page of them, whatever table they are of; knows no column
//! of theirs but the minute.

use axum::extract::Query;
use axum::extract::rejection::QueryRejection;
use market::{Minute, Time};
use store::{Range, Row, Store, Stored};

use crate::problem::Problem;

const PARAMETERS: [&str; 6] = ["exchange", "symbol", "from", "to", "limit", "cursor"];
const DEFAULT_LIMIT: u32 = 500;
/// A row is about 800 bytes of JSON, and a function's answer may have 6 MB.
const MAX_LIMIT: u32 = 5_000;
const DEFAULT_MINUTES: i64 = 24 * 60;

/// The query of a request, each parameter as it was given.
pub(crate) type Asked = Result<Query<Vec<(String, String)>>, QueryRejection>;

/// One page of rows.
pub(crate) struct Found<R> {
    pub(crate) rows: Vec<Stored<R>>,
    /// The row behind them, where the range has more than one page.
    pub(crate) behind: Option<Stored<R>>,
    /// The cursor of the next page, if there is one.
    pub(crate) next: Option<Minute>,
}

/// A row with a minute.
pub(crate) trait InTime: Row {
    /// What a symbol without any lacks, and what to look at.
    const NONE: (&'static str, &'static str);

    fn minute(&self) -> Minute;
}

/// The page of a range; a symbol without any row at all is a problem.
pub(crate) async fn find<R: InTime>(store: &Store, range: &Range) -> Result<Found<R>, Problem> {
    // One more than asked for tells whether there is a next page.
    let asked = Range { limit: range.limit + 1, ..range.clone() };
    let mut rows: Vec<Stored<R>> = store.rows(&asked).await?;
    let behind = (rows.len() > range.limit as usize).then(|| rows.pop()).flatten();
    let next = behind.as_ref().and(rows.last()).map(|row| row.bar.minute());
    if rows.is_empty() {
        known::<R>(store, range).await?;
    }
    Ok(Found { rows, behind, next })
}

/// A symbol without any row at all is a problem.
pub(crate) async fn known<R: InTime>(store: &Store, range: &Range) -> Result<(), Problem> {
    let any = Range { from: Minute::MIN, to: Minute::MAX, limit: 1, ..range.clone() };
    if store.rows::<R>(&any).await?.is_empty() {
        return Err(Problem::unknown_symbol(R::NONE, &range.exchange, &range.symbol));
    }
    Ok(())
}

/// Reads the parameters; an unknown one is an error, since it would be passed over silently.
pub(crate) fn read(asked: Asked, now: Time) -> Result<Range, Problem> {
    let Query(pairs) = asked.map_err(|error| Problem::parameter("query", error.body_text()))?;
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
