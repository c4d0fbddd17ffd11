//! Exchanges whose pages go up: Binance by its aggregate ids, Deribit by its sequence, Kraken by a
//! cursor in nanoseconds. Each is entered by time where the first id is not known.

use std::time::Duration;

use chrono::Utc;
use market::{Exchange, Ids, Time, Trade};

use super::{Goal, Page, Pages, SLACK_MICROS, trade};
use crate::error::HistoryError;

/// Deribit's ordinary server forgets trades after a day.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(23 * 3_600);

#[derive(Debug)]
pub(super) struct Walk {
    from: From,
    /// The id that the next record must have: of pages, not always the trade's own.
    expected: Option<u64>,
    since: Time,
}

/// Where a page begins.
#[derive(Debug, Clone, Copy)]
enum From {
    Time(Time),
    Id(u64),
    /// Nanoseconds, behind which the page begins, set back by one: trades share times, and whether
    /// a page begins with what has just this time is not documented.
    SetBack(u64),
    /// The same as it was told.
    Cursor(u64),
}

impl Walk {
    pub(super) fn new(exchange: Exchange, goal: Goal, since: Time) -> Walk {
        let early = Time::from_micros(since.micros() - SLACK_MICROS.cast_signed());
        let since = early.unwrap_or(since);
        let (from, expected) = match (exchange, goal) {
            (Exchange::Deribit, Goal::Ids { first, .. }) => (From::Id(first), Some(first)),
            (Exchange::Kraken, _) => (From::Cursor(since.micros().unsigned_abs() * 1_000), None),
            _ => (From::Time(since), None),
        };
        Walk { from, expected, since }
    }

    /// What is wanted of one page, and whether it was the last one.
    pub(super) async fn step(
        &mut self,
        pages: &mut Pages,
    ) -> Result<(Vec<Trade>, bool), HistoryError> {
        let (url, query) = self.question(pages);
        let Page { url, body, found } = pages.page(url, &query).await?;
        let wrong = |why| HistoryError::WrongPage { url: url.clone(), why };
        let (mut wanted, mut new, mut done, mut expected) = (vec![], 0, false, self.expected);
        let mut repeated = false;
        for it in found {
            let id = it.page_id().ok_or_else(|| wrong("a record has no id".to_owned()))?;
            match expected {
                Some(next) if id < next && matches!(self.from, From::SetBack(_)) => {
                    repeated = true;
                    continue;
                }
                Some(next) if id != next => {
                    return Err(wrong(format!("it goes on with id {id}, not {next}")));
                }
                _ => {}
            }
            let Some(trade) = trade(it) else {
                (expected, new) = (Some(id + 1), new + 1);
                continue;
            };
            if self.expected.is_none() && wanted.is_empty() && new == 0 {
                check_start(pages, &trade)?;
            }
            (expected, new) = (Some(id + 1), new + 1);
            done |= pages.goal.ends_with(&trade);
            if pages.goal.wants(&trade) {
                wanted.push(trade);
            }
        }
        if let (0, true, From::SetBack(nanos)) = (new, repeated, self.from) {
            self.from = From::Cursor(nanos + 1);
            return Ok((wanted, false));
        }
        if new == 0 && !done {
            return match pages.goal {
                Goal::Ids { .. } => {
                    let next =
                        expected.map_or("nothing there".to_owned(), |id| format!("no id {id}"));
                    Err(pages.absent(format!("{url} has {next}")))
                }
                // The exchange has nothing newer.
                Goal::Times { .. } => Ok((wanted, true)),
            };
        }
        self.expected = expected;
        self.from = match pages.history.exchange.decode_cursor(&body) {
            Ok(Some(cursor)) => From::SetBack(cursor.saturating_sub(1)),
            Ok(None) => From::Id(expected.expect("a page that is not empty has ids")),
            Err(why) => return Err(HistoryError::Unreadable { url, why }),
        };
        Ok((wanted, done))
    }

    fn question(&self, pages: &Pages) -> (String, Vec<(&'static str, String)>) {
        let (name, limit) = (pages.name(), pages.limit());
        let base = &pages.history.places.rest;
        match (pages.history.exchange, self.from) {
            (Exchange::Kraken, From::Cursor(nanos) | From::SetBack(nanos)) => (
                format!("{base}/0/public/Trades"),
                vec![("pair", name), ("since", nanos.to_string()), ("count", limit.to_string())],
            ),
            (Exchange::Deribit, from) => self.deribit(pages, name, limit, from),
            (_, from) => {
                let from = match from {
                    From::Id(id) => ("fromId", id.to_string()),
                    From::Time(time) => ("startTime", (time.micros() / 1_000).to_string()),
                    From::Cursor(_) | From::SetBack(_) => unreachable!("only Kraken has cursors"),
                };
                let query = vec![("symbol", name), from, ("limit", limit.to_string())];
                (format!("{base}/api/v3/aggTrades"), query)
            }
        }
    }

    fn deribit(
        &self,
        pages: &Pages,
        name: String,
        limit: u64,
        from: From,
    ) -> (String, Vec<(&'static str, String)>) {
        let places = &pages.history.places;
        let age = Utc::now().timestamp_micros() - self.since.micros();
        let old = age > FORGOTTEN_AFTER.as_micros() as i64;
        let base = if old { &places.old } else { &places.rest };
        let mut query = vec![("instrument_name", name)];
        let method = match from {
            From::Id(id) => {
                let last = id.saturating_add(limit - 1);
                let last = match pages.goal {
                    Goal::Ids { last: end, .. } => last.min(end),
                    Goal::Times { .. } => last,
                };
                query.extend([("start_seq", id.to_string()), ("end_seq", last.to_string())]);
                "get_last_trades_by_instrument"
            }
            From::Time(time) => {
                let Goal::Times { to, .. } = pages.goal else { unreachable!("entered by id") };
                let (start, end) = (time.micros() / 1_000, to.micros() / 1_000);
                query.extend([
                    ("start_timestamp", start.to_string()),
                    ("end_timestamp", end.to_string()),
                ]);
                "get_last_trades_by_instrument_and_time"
            }
            From::Cursor(_) | From::SetBack(_) => unreachable!("only Kraken has cursors"),
        };
        // Without it the order is the database's, and the count is ten.
        query.extend([("count", limit.to_string()), ("sorting", "asc".to_owned())]);
        (format!("{base}/api/v2/public/{method}"), query)
    }
}

/// A walk that was entered by time must begin before what is wanted, or something of it may be
/// missing unseen.
fn check_start(pages: &Pages, trade: &Trade) -> Result<(), HistoryError> {
    match (pages.goal, &trade.ids) {
        (Goal::Ids { first: wanted, .. }, Ids::Range { first, .. }) if *first > wanted => {
            let why = format!("what is there since then begins with {first}, at {}", trade.time);
            Err(pages.absent(why))
        }
        _ => Ok(()),
    }
}
