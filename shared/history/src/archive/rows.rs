//! The rows of a day's file, unpacked as they are read; blocks, so it runs on a thread of its own.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Seek};

use chrono::Utc;
use flate2::read::MultiGzDecoder;
use market::exchange::Found;
use market::{Day, Exchange, Symbol, Time, Trade};
use zip::ZipArchive;

use super::{ROW_BYTES, is_of};
use crate::error::HistoryError;

/// Trades that are given at a time.
const PAGE: usize = 1_000;
/// Rows of one file: many times the busiest day there was.
const MAX_ROWS: u64 = 100_000_000;

#[derive(Debug, Clone)]
pub(super) struct Rows {
    exchange: Exchange,
    symbol: Symbol,
    day: Day,
    url: String,
}

impl Rows {
    pub(super) fn new(exchange: Exchange, symbol: &Symbol, day: Day, url: &str) -> Rows {
        Rows { exchange, symbol: symbol.clone(), day, url: url.to_owned() }
    }

    /// Reads the file from its beginning and gives its trades in pages for as long as those are
    /// taken; the number of its rows. The end is reached only if what is packed is whole.
    pub(super) fn read(
        &self,
        mut file: &File,
        take: &mut dyn FnMut(Vec<Trade>) -> bool,
    ) -> Result<u64, HistoryError> {
        file.rewind().map_err(|why| self.broken(why))?;
        match self.exchange {
            Exchange::Binance => {
                let mut archive = ZipArchive::new(file).map_err(|why| self.broken(why))?;
                if archive.len() != 1 {
                    return Err(self.broken(format!("it holds {} files", archive.len())));
                }
                let entry = archive.by_index(0).map_err(|why| self.broken(why))?;
                self.rows(entry, take)
            }
            _ => self.rows(MultiGzDecoder::new(file), take),
        }
    }

    fn rows(
        &self,
        plain: impl Read,
        take: &mut dyn FnMut(Vec<Trade>) -> bool,
    ) -> Result<u64, HistoryError> {
        let received = Time::from_micros(Utc::now().timestamp_micros());
        let received = received.expect("clocks are between 2009 and 2100");
        let mut plain = BufReader::new(plain);
        let (mut row, mut page, mut count) = (String::new(), Vec::with_capacity(PAGE), 0);
        loop {
            row.clear();
            let read = (&mut plain).take(ROW_BYTES + 1).read_line(&mut row);
            if read.map_err(|why| self.broken(why))? == 0 {
                break;
            }
            if row.len() as u64 > ROW_BYTES || count == MAX_ROWS {
                let limits = format!("{MAX_ROWS} rows or a row of {ROW_BYTES} bytes");
                return Err(self.broken(format!("it has more than {limits}")));
            }
            let text = row.trim_end_matches(['\n', '\r']);
            let Some(found) = self.decode(text, count, received)? else { continue };
            count += 1;
            if let Found::Trade { trade, .. } = found {
                page.push(trade);
            }
            if page.len() == PAGE && !take(std::mem::replace(&mut page, Vec::with_capacity(PAGE))) {
                return Ok(count);
            }
        }
        if !page.is_empty() {
            take(page);
        }
        Ok(count)
    }

    fn decode(
        &self,
        text: &str,
        count: u64,
        received: Time,
    ) -> Result<Option<Found>, HistoryError> {
        let number = count + 1;
        let found = self.exchange.decode_row(&self.symbol, text, received);
        let found = found.map_err(|why| self.broken(format!("row {number}, {text:?}: {why}")))?;
        match &found {
            // Names stand before the first row and nowhere else.
            None if count > 0 => Err(self.broken(format!("row {number}, {text:?}, is no trade"))),
            Some(Found::Trade { trade, .. }) if !is_of(self.day, trade.time) => {
                let (time, day) = (trade.time, self.day);
                Err(self.broken(format!("row {number} is of {time}, not of {day}")))
            }
            _ => Ok(found),
        }
    }

    fn broken(&self, why: impl ToString) -> HistoryError {
        HistoryError::Broken { url: self.url.clone(), why: why.to_string() }
    }
}
