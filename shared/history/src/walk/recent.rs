//! Bybit, which tells its newest trades and nothing of what is before them.

use market::Trade;

use super::{Goal, Page, Pages, trade};
use crate::candles::category;
use crate::error::HistoryError;

pub(super) async fn load(pages: &mut Pages) -> Result<Vec<Trade>, HistoryError> {
    let Goal::Times { from, .. } = pages.goal else {
        return Err(pages.absent("its ids name no page; ask by time".to_owned()));
    };
    let url = format!("{}/v5/market/recent-trade", pages.history.places.rest);
    let query = [
        ("category", category(pages.history.exchange).to_owned()),
        ("symbol", pages.name()),
        ("limit", pages.limit().to_string()),
    ];
    let Page { found, .. } = pages.page(url, &query).await?;
    let mut trades: Vec<Trade> = found.into_iter().filter_map(trade).collect();
    // The newest comes first.
    trades.reverse();
    match trades.first() {
        Some(oldest) if oldest.time < from => {}
        Some(oldest) => {
            return Err(pages.absent(format!("the oldest of the newest is of {}", oldest.time)));
        }
        None => return Err(pages.absent("there is none at all".to_owned())),
    }
    trades.retain(|trade| pages.goal.wants(trade));
    Ok(trades)
}
