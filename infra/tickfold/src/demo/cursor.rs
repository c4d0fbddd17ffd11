//! What a connection still owes of one tape: its trades as the clock reaches them; writes no
//! exchange's spelling.

use std::collections::VecDeque;

use super::generator::{Aggregate, Record};
use super::market::Market;

pub(super) struct Cursor {
    pub(super) symbol: &'static str,
    /// The next minute of the tape.
    minute: usize,
    pending: VecDeque<Aggregate>,
}

impl Cursor {
    /// At what is traded after this time; `None` if the symbol is not traded here.
    pub(super) fn behind(market: &Market, symbol: &str, time_ms: i64) -> Option<Cursor> {
        let symbol = market.symbols().find(|it| *it == symbol)?;
        let minute = market.with_tape(symbol, |tape| tape.minute_at(time_ms))?;
        let mut cursor = Cursor { symbol, minute, pending: VecDeque::new() };
        cursor.read(market);
        cursor.pending.retain(|trade| trade.time_ms > time_ms);
        Some(cursor)
    }

    pub(super) fn due_ms(&mut self, market: &Market) -> i64 {
        loop {
            if let Some(trade) = self.pending.front() {
                return trade.time_ms;
            }
            self.read(market);
        }
    }

    /// The next trade, if it has been made by now.
    pub(super) fn take(&mut self, market: &Market, now_ms: i64) -> Option<Aggregate> {
        if self.due_ms(market) > now_ms { None } else { self.pending.pop_front() }
    }

    /// Reads the next minute; a quiet one brings nothing. Voided records exist in REST only.
    fn read(&mut self, market: &Market) {
        let records = market.with_tape(self.symbol, |tape| tape.minute(self.minute));
        let trade = |record| match record {
            Record::Trade(trade) => Some(trade),
            Record::Tombstone { .. } => None,
        };
        self.pending.extend(records.unwrap_or_default().into_iter().filter_map(trade));
        self.minute += 1;
    }
}
