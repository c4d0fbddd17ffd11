//! One gap: the ids that its minute's objects do not have -> the exchange's trades -> objects of
//! their minutes. It keeps nothing of what it tried, and decides not whether it is tried again.

use std::collections::BTreeMap;
use std::time::Duration;

use history::{History, HistoryError};
use lake::{Lake, MinutePrefix};
use market::gap::uncovered;
use market::{Gap, Ids, Minute, Trade};

use crate::inside::DueGap;
use crate::plan::Came;

/// Ids that one attempt asks for: some hundred pages. What is left is a gap of its own, and next.
const MAX_IDS: u64 = 100_000;
/// Missing ids so close together are asked for at once: a page holds as many.
const PAGE_IDS: u64 = 1_000;
/// How far beside the trades around a gap those in it may lie, by their times: those of trades in
/// the order of their ids step back a little at times.
const SLACK_MICROS: i64 = 5_000_000;

/// What came of one attempt, and how many trades were written.
pub(crate) struct Attempt {
    pub(crate) came: Came,
    pub(crate) written: u64,
}

/// Tries to fill a gap within a time. What was fetched by then is written.
pub(crate) async fn fill(
    lake: &Lake,
    history: &History,
    due: &DueGap,
    within: Duration,
) -> anyhow::Result<Attempt> {
    let gap = &due.gap;
    let missing = missing(lake, due).await?;
    let Some(&(first, _)) = missing.first() else {
        return Ok(Attempt { came: Came::Stored, written: 0 });
    };
    let mut trades = Vec::new();
    let fetched = tokio::time::timeout(within, fetch(history, gap, &missing, &mut trades)).await;
    let fetched = fetched.unwrap_or_else(|_| {
        Err(Came::Failed { why: format!("no end of it within {} s", within.as_secs()) })
    });
    trades.retain(|trade| covers_any(trade, &missing));
    let written = trades.len() as u64;
    let covered: Vec<(u64, u64)> = trades.iter().filter_map(ids).collect();
    write(lake, trades).await?;
    let left: Vec<(u64, u64)> = missing
        .iter()
        .flat_map(|&(first, last)| uncovered(first, last, covered.iter().copied()))
        .collect();
    let came = match (fetched, left.first()) {
        (_, None) if cut(gap) == gap.last_missing_id => Came::Whole { written },
        (Err(came), _) => came,
        (Ok(()), None) => Came::Whole { written },
        (Ok(()), Some((first_left, last_left))) => {
            let ids = if first_left == last_left {
                format!("id {first_left} does")
            } else {
                format!("ids {first_left} to {last_left} do")
            };
            let others = if left.len() > 1 { ", and others, " } else { " " };
            Came::Absent { why: format!("{} answers that {ids}{others}not exist", gap.exchange) }
        }
    };
    tracing::info!(
        "{} {}, ids from {first}: {written} trades written, {came:?}",
        gap.exchange,
        gap.symbol
    );
    Ok(Attempt { came, written })
}

/// The last id that one attempt asks for.
fn cut(gap: &Gap) -> u64 {
    gap.last_missing_id.min(gap.first_missing_id.saturating_add(MAX_IDS - 1))
}

/// The ids that no object of the gap's rows has.
async fn missing(lake: &Lake, due: &DueGap) -> anyhow::Result<Vec<(u64, u64)>> {
    let (gap, last) = (&due.gap, cut(&due.gap));
    let mut covered = Vec::new();
    let ends = [gap.from_time.minute(), gap.minute()];
    for minute in if ends[0] == ends[1] { &ends[..1] } else { &ends[..] } {
        let minute = MinutePrefix::raw_trades(gap.exchange.clone(), *minute);
        let read = lake.read::<Trade>(&minute).await?;
        let ours = read.lines.iter().filter(|trade| trade.symbol == gap.symbol);
        covered.extend(ours.filter_map(ids));
    }
    let missing = uncovered(gap.first_missing_id, last, covered);
    // What the objects have and the row still lacks, folded anew, contradicts something: the
    // exchange's own records then go before.
    let again = due.repair.as_ref().is_some_and(|repair| repair.attempts > 0);
    Ok(if missing.is_empty() && again { vec![(gap.first_missing_id, last)] } else { missing })
}

/// Asks for the ids, as far as the exchange has them.
async fn fetch(
    history: &History,
    gap: &Gap,
    missing: &[(u64, u64)],
    trades: &mut Vec<Trade>,
) -> Result<(), Came> {
    for (first, last) in walks(missing) {
        let mut pages = history.trades_between_ids(&gap.symbol, first, last, gap.from_time);
        while let Some(page) = pages.next().await.map_err(came)? {
            if let Some(strange) = page.iter().find(|trade| !is_of(gap, trade)) {
                let (from, to) = (gap.from_time, gap.to_time);
                let at = strange.time;
                let why = format!("a trade among the missing is of {at}, not of {from} to {to}");
                return Err(Came::Failed { why });
            }
            trades.extend(page);
        }
    }
    Ok(())
}

/// Ids that are asked for at once.
fn walks(missing: &[(u64, u64)]) -> Vec<(u64, u64)> {
    let mut walks: Vec<(u64, u64)> = Vec::new();
    for &(first, last) in missing {
        match walks.last_mut() {
            Some(walk) if first - walk.1 <= PAGE_IDS => walk.1 = last,
            _ => walks.push((first, last)),
        }
    }
    walks
}

/// Whether a trade can be one of those that are missing: by its ids it was asked for.
fn is_of(gap: &Gap, trade: &Trade) -> bool {
    let (from, to) = (gap.from_time.micros() - SLACK_MICROS, gap.to_time.micros() + SLACK_MICROS);
    trade.exchange == gap.exchange && (from..=to).contains(&trade.time.micros())
}

async fn write(lake: &Lake, trades: Vec<Trade>) -> anyhow::Result<()> {
    let mut minutes: BTreeMap<Minute, Vec<Trade>> = BTreeMap::new();
    for trade in trades {
        minutes.entry(trade.minute()).or_default().push(trade);
    }
    for (minute, trades) in minutes {
        let minute = MinutePrefix::raw_trades(trades[0].exchange.clone(), minute);
        lake.put_repair(&minute, &trades).await?;
    }
    Ok(())
}

fn ids(trade: &Trade) -> Option<(u64, u64)> {
    match trade.ids {
        Ids::Range { first, last } => Some((first, last)),
        Ids::Opaque(_) => None,
    }
}

fn covers_any(trade: &Trade, missing: &[(u64, u64)]) -> bool {
    ids(trade)
        .is_some_and(|(first, last)| missing.iter().any(|(from, to)| first <= *to && *from <= last))
}

/// What an exchange's refusal means for the gap.
fn came(error: HistoryError) -> Came {
    let why = error.to_string();
    match (error.wait(), &error) {
        (Some(wait), _) => {
            Came::Throttled { why, micros: u64::try_from(wait.as_micros()).unwrap_or(u64::MAX) }
        }
        (None, HistoryError::Absent { .. }) => Came::Absent { why },
        (None, _) => Came::Failed { why },
    }
}

#[cfg(test)]
mod tests {
    use market::Time;

    use super::*;

    #[test]
    fn ids_that_are_close_are_asked_for_at_once() {
        assert_eq!(walks(&[]), []);
        let close = [(5, 5), (9, 20), (1_020, 1_030)];
        assert_eq!(walks(&close), [(5, 1_030)]);
        assert_eq!(walks(&[(5, 5), (1_006, 1_007)]), [(5, 5), (1_006, 1_007)]);
    }

    #[test]
    fn a_refusal_for_a_time_is_no_answer_about_the_gap() {
        let (url, why) = ("https://exchange".to_owned(), "418".to_owned());
        let wait = Duration::from_secs(120);
        let throttled = came(HistoryError::Throttled { url: url.clone(), wait, why });
        assert!(matches!(throttled, Came::Throttled { micros: 120_000_000, .. }));
        let (what, why) = ("ids 5 to 9".to_owned(), "there is none".to_owned());
        assert!(matches!(came(HistoryError::Absent { what, why }), Came::Absent { .. }));
        assert!(matches!(came(HistoryError::NotFound { url }), Came::Failed { .. }));
    }

    #[test]
    fn a_trade_of_another_time_is_none_of_the_missing() {
        let time = |text: &str| text.parse::<Time>().expect("a time");
        let gap = Gap {
            exchange: "binance".parse().expect("a name"),
            symbol: "BTCUSDT".parse().expect("a symbol"),
            first_missing_id: 5,
            last_missing_id: 9,
            missing_count: 5,
            from_time: time("2026-11-20T12:00:00Z"),
            to_time: time("2026-11-20T12:00:30Z"),
        };
        let line = |time: &str| {
            let micros = time.parse::<Time>().expect("a time").micros();
            let line = format!(
                r#"{{"exchange":"binance","symbol":"BTCUSDT","time":{micros},"side":"buy","price":"1","size":"1","first_id":7,"last_id":7,"received":{micros},"source":"rest"}}"#
            );
            Trade::from_line(line.as_bytes()).expect("a line")
        };
        assert!(is_of(&gap, &line("2026-11-20T12:00:29Z")));
        assert!(is_of(&gap, &line("2026-11-20T12:00:34Z")), "clocks step back a little");
        assert!(!is_of(&gap, &line("2026-11-20T12:01:00Z")));
    }
}
