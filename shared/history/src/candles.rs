//! Candles of a minute, a page at a time: how each exchange is asked, and that what it answers is
//! what was asked for.

use market::{Candle, Exchange, Minute, Symbol};

use crate::error::HistoryError;
use crate::limits;
use crate::{Candles, History};

pub(crate) async fn load(
    history: &History,
    symbol: &Symbol,
    from: Minute,
    to: Minute,
) -> Result<Candles, HistoryError> {
    let limits = limits::of(history.exchange);
    let mut candles: Vec<Candle> = Vec::new();
    let mut start = from;
    while start < to {
        // Without a candle for empty minutes a page tells nothing of where the next one begins:
        // pages are spans of time.
        let end = start.plus(limits.candles_page).min(to);
        let (url, query) = question(history, symbol, start, end);
        let body = history.client.get(&url, &query, limits.candles).await?;
        let page = history.exchange.decode_candles(&body);
        let page = page.map_err(|why| HistoryError::Unreadable { url: url.clone(), why })?;
        // Kraken answers with more than it was asked for.
        candles.extend(page.into_iter().filter(|it| (start..end).contains(&it.minute)));
        let in_order = candles.is_sorted_by(|one, next| one.minute < next.minute);
        if !in_order {
            let why = "its minutes are not in order, or one is there twice".to_owned();
            return Err(HistoryError::WrongPage { url, why });
        }
        start = end;
    }
    let from = match (limits.candles_reach, candles.first()) {
        (None, _) => from,
        (Some(_), Some(first)) => first.minute,
        (Some(minutes), None) => {
            return Err(HistoryError::Absent {
                what: format!("candles of {symbol} from {from} to {to}"),
                why: format!("{} keeps those of the last {minutes} minutes", history.exchange),
            });
        }
    };
    Ok(Candles { from, candles })
}

/// The candles with `start <= minute < end`, no more than one page.
fn question(
    history: &History,
    symbol: &Symbol,
    start: Minute,
    end: Minute,
) -> (String, Vec<(&'static str, String)>) {
    let base = &history.places.rest;
    let name = history.exchange.rest_spelling(symbol).into_owned();
    let (first, last) = (start.start().micros() / 1_000, end.plus(-1).start().micros() / 1_000);
    let limit = limits::of(history.exchange).candles_page.to_string();
    match history.exchange {
        Exchange::Binance => (
            format!("{base}/api/v3/klines"),
            vec![
                ("symbol", name),
                ("interval", "1m".to_owned()),
                ("startTime", first.to_string()),
                ("endTime", last.to_string()),
                ("limit", limit),
            ],
        ),
        Exchange::Bybit | Exchange::BybitSpot => (
            format!("{base}/v5/market/kline"),
            vec![
                ("category", category(history.exchange).to_owned()),
                ("symbol", name),
                ("interval", "1".to_owned()),
                ("start", first.to_string()),
                ("end", last.to_string()),
                ("limit", limit),
            ],
        ),
        Exchange::Deribit => (
            format!("{base}/api/v2/public/get_tradingview_chart_data"),
            vec![
                ("instrument_name", name),
                ("resolution", "1".to_owned()),
                ("start_timestamp", first.to_string()),
                ("end_timestamp", last.to_string()),
            ],
        ),
        Exchange::Coinbase => (
            format!("{base}/products/{name}/candles"),
            vec![
                ("granularity", "60".to_owned()),
                ("start", start.to_string()),
                ("end", end.plus(-1).to_string()),
            ],
        ),
        Exchange::Kraken => (
            format!("{base}/0/public/OHLC"),
            vec![
                ("pair", name),
                ("interval", "1".to_owned()),
                // It answers what is later than this.
                ("since", (first / 1_000 - 1).to_string()),
            ],
        ),
    }
}

/// Bybit's word for a market.
pub(crate) fn category(exchange: Exchange) -> &'static str {
    match exchange {
        Exchange::BybitSpot => "spot",
        _ => "linear",
    }
}
