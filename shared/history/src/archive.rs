//! A day's trades: of the exchange's file, held against its checksum and read through before
//! anything of it is given, or of its pages where there are no files.
//!
//! A file is loaded to the temporary folder and read twice: a broken one is an error before its
//! first trade, and never more of it than one page is in memory.

mod load;
mod rows;

use std::fs::File;

use market::{Day, Exchange, Source, Symbol, Time, Trade};
use tokio::sync::mpsc;

use crate::error::HistoryError;
use crate::limits::ANSWER_BYTES;
use crate::{History, Pages};

/// Pages that are read ahead of whoever takes them.
const READ_AHEAD: usize = 4;

/// Where the trades of a day came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evidence {
    pub source: Source,
    /// Of the file; of pages, where they were asked for.
    pub url: String,
    /// Of the file as it was loaded, 64 hexadecimal digits.
    pub sha256: Option<String>,
    /// Whether the exchange publishes that checksum, and it is this one.
    pub verified: bool,
    /// Rows of the file, without that of names.
    pub rows: u64,
}

/// The trades of a day, a page at a time: in the order of the file, which may begin with the
/// newest, or of the pages.
#[derive(Debug)]
pub struct DayTrades {
    evidence: Evidence,
    from: From,
}

#[derive(Debug)]
enum From {
    File(mpsc::Receiver<Result<Vec<Trade>, HistoryError>>),
    Pages(Box<Pages>),
}

impl DayTrades {
    pub fn evidence(&self) -> &Evidence {
        &self.evidence
    }

    /// The next trades, at least one; `None` when all have come.
    pub async fn next(&mut self) -> Result<Option<Vec<Trade>>, HistoryError> {
        match &mut self.from {
            From::File(pages) => pages.recv().await.transpose(),
            From::Pages(pages) => pages.next().await,
        }
    }
}

pub(crate) async fn open(
    history: &History,
    symbol: &Symbol,
    day: Day,
) -> Result<DayTrades, HistoryError> {
    let name = history.exchange.rest_spelling(symbol);
    let base = &history.places.archive;
    let url = match history.exchange {
        Exchange::Binance => {
            format!("{base}/data/spot/daily/aggTrades/{name}/{name}-aggTrades-{day}.zip")
        }
        Exchange::Bybit => format!("{base}/trading/{name}/{name}{day}.csv.gz"),
        Exchange::BybitSpot => format!("{base}/spot/{name}/{name}_{day}.csv.gz"),
        Exchange::Deribit | Exchange::Coinbase | Exchange::Kraken => {
            return Ok(paged(history, symbol, day));
        }
    };
    // Without its checksum a file proves nothing, so that is asked for first.
    let published = match history.exchange {
        Exchange::Binance => Some(published(history, &url).await?),
        _ => None,
    };
    let (file, sha256) = load::load(&history.client, &url).await?;
    if let Some(expected) = published.as_ref().filter(|it| **it != sha256) {
        let expected = expected.clone();
        return Err(HistoryError::Checksum { url, found: sha256, expected });
    }
    let rows = rows::Rows::new(history.exchange, symbol, day, &url);
    let verified = published.is_some();
    let (source, sha256) = (Source::Archive, Some(sha256));
    let count = read_through(rows.clone(), &file, &url).await?;
    let evidence = Evidence { source, url, sha256, verified, rows: count };
    let (pages, taken) = mpsc::channel(READ_AHEAD);
    tokio::task::spawn_blocking(move || {
        let sent = rows.read(&file, &mut |page| pages.blocking_send(Ok(page)).is_ok());
        if let Err(error) = sent {
            // Whoever took the pages may have left.
            let _ = pages.blocking_send(Err(error));
        }
    });
    Ok(DayTrades { evidence, from: From::File(taken) })
}

fn paged(history: &History, symbol: &Symbol, day: Day) -> DayTrades {
    let (from, to) = (day.start().start(), day.end().start());
    let pages = history.trades_between(symbol, from, to);
    let url = history.places.rest.clone();
    let evidence = Evidence { source: Source::Rest, url, sha256: None, verified: false, rows: 0 };
    DayTrades { evidence, from: From::Pages(Box::new(pages)) }
}

/// The checksum that stands beside a file: `{sha256}  {name}`.
async fn published(history: &History, url: &str) -> Result<String, HistoryError> {
    let url = format!("{url}.CHECKSUM");
    let text = history.client.get(&url, &[], 1).await?;
    let sum = text.split_whitespace().next().unwrap_or_default().to_ascii_lowercase();
    if sum.len() != 64 || !sum.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        let why = "it is no SHA-256 checksum".to_owned();
        return Err(HistoryError::Broken { url, why });
    }
    Ok(sum)
}

/// Reads all of a file without giving anything of it; the number of its rows.
async fn read_through(rows: rows::Rows, file: &File, url: &str) -> Result<u64, HistoryError> {
    let no_room = |why| HistoryError::NoRoom { url: url.to_owned(), why };
    let file = file.try_clone().map_err(no_room)?;
    let read = tokio::task::spawn_blocking(move || rows.read(&file, &mut |_| true)).await;
    read.unwrap_or_else(|panic| {
        Err(HistoryError::Broken { url: url.to_owned(), why: panic.to_string() })
    })
}

/// What a day's file may have beside what it says: a row is one trade.
pub(crate) const ROW_BYTES: u64 = 1_024;
const _: () = assert!(ROW_BYTES < ANSWER_BYTES);

/// A time that a file of the day may hold: some are cut by another clock's midnight.
fn is_of(day: Day, time: Time) -> bool {
    (day.start().plus(-1)..=day.end()).contains(&time.minute())
}
