//! Coinbase, whose pages go down from an id and are found by no time.

use market::{Time, Trade};

use super::{Goal, Page, Pages, SLACK_MICROS, trade};
use crate::error::HistoryError;

#[derive(Debug, Default)]
pub(super) struct Walk {
    /// The ids that are still wanted.
    left: Option<(u64, u64)>,
}

impl Walk {
    /// What is wanted of one page, and whether it was the last one.
    pub(super) async fn step(
        &mut self,
        pages: &mut Pages,
    ) -> Result<(Vec<Trade>, bool), HistoryError> {
        let (first, last) = match (self.left, pages.goal) {
            (Some(left), _) => left,
            (None, Goal::Ids { first, last }) => (first, last),
            (None, Goal::Times { from, to }) => match span(pages, from, to).await? {
                Some(span) => span,
                None => return Ok((vec![], true)),
            },
        };
        self.left = Some((first, last));
        let limit = pages.limit();
        let Page { url, found, .. } = older(pages, last.saturating_add(1), limit).await?;
        let (mut wanted, mut next) = (vec![], last);
        for it in found {
            let id = it.page_id().unwrap_or_default();
            // Should the cursor be part of its page.
            if id == next.saturating_add(1) && wanted.is_empty() {
                continue;
            }
            if id < next && wanted.is_empty() {
                let why = format!("the newest up to {next} is {id}");
                return Err(pages.absent(why));
            }
            if id != next {
                let why = format!("it goes on with id {id}, not {next}");
                return Err(HistoryError::WrongPage { url, why });
            }
            wanted.extend(trade(it));
            if id == first {
                wanted.retain(|trade| pages.goal.wants(trade));
                wanted.reverse();
                return Ok((wanted, true));
            }
            next = id - 1;
        }
        if next == last {
            return Err(pages.absent(format!("there is none up to {last}")));
        }
        self.left = Some((first, next));
        wanted.retain(|trade| pages.goal.wants(trade));
        wanted.reverse();
        Ok((wanted, false))
    }
}

/// A page of what is older than `id`, the newest first.
async fn older(pages: &mut Pages, id: u64, limit: u64) -> Result<Page, HistoryError> {
    let query = [("limit", limit.to_string()), ("after", id.to_string())];
    let url = format!("{}/products/{}/trades", pages.history.places.rest, pages.name());
    pages.page(url, &query).await
}

/// The ids that hold all trades of a span, and few others; `None` if there are none.
async fn span(pages: &mut Pages, from: Time, to: Time) -> Result<Option<(u64, u64)>, HistoryError> {
    let url = format!("{}/products/{}/trades", pages.history.places.rest, pages.name());
    let newest = pages.page(url, &[("limit", "1".to_owned())]).await?;
    let Some(newest) = newest.found.first().and_then(|it| it.page_id()) else { return Ok(None) };
    let early = Time::from_micros(from.micros() - SLACK_MICROS.cast_signed()).unwrap_or(from);
    let late = Time::from_micros(to.micros() + SLACK_MICROS.cast_signed()).unwrap_or(to);
    let first = first_at(pages, early, 1, newest).await?;
    let end = first_at(pages, late, first, newest).await?;
    Ok((first < end).then(|| (first, end - 1)))
}

/// The first id whose trade is not before a time, or the one behind the newest: ids are contiguous
/// and their times, but for moments, in order.
async fn first_at(
    pages: &mut Pages,
    time: Time,
    lowest: u64,
    newest: u64,
) -> Result<u64, HistoryError> {
    let (mut low, mut high) = (lowest, newest.saturating_add(1));
    while low < high {
        let middle = low + (high - low) / 2;
        let page = older(pages, middle + 1, 1).await?;
        let before = match page.found.into_iter().find_map(trade) {
            Some(trade) => trade.time < time,
            // What is no longer there is older than what is.
            None => true,
        };
        if before {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    Ok(low)
}
