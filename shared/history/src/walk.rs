//! Walks over an exchange's pages of trades: what is wanted, and that each page goes on where the
//! one before it ended. How each exchange is asked is in a file of its own.

mod ascending;
mod coinbase;
mod recent;

use chrono::Utc;
use market::exchange::Found;
use market::{Exchange, Ids, Source, Symbol, Time, Trade};

use crate::error::HistoryError;
use crate::{History, limits};

/// Pages of one walk. The busiest day of the busiest symbol has some thousands.
const MAX_PAGES: u32 = 20_000;
/// Times of trades in the order of their ids step back a little at times: so far beyond the end a
/// walk by time looks.
const SLACK_MICROS: u64 = 5_000_000;
/// What is shown of a record that cannot be read.
const MAX_RECORD: usize = 200;

/// What a walk is for.
#[derive(Debug, Clone, Copy)]
enum Goal {
    Ids { first: u64, last: u64 },
    Times { from: Time, to: Time },
}

/// Trades, a page at a time; in the order of their ids within a page. Coinbase's pages begin with
/// the newest.
#[derive(Debug)]
pub struct Pages {
    history: History,
    symbol: Symbol,
    goal: Goal,
    walk: Walk,
    pages: u32,
}

#[derive(Debug)]
enum Walk {
    Ascending(ascending::Walk),
    Coinbase(coinbase::Walk),
    Recent,
    Done,
}

/// One page as it was answered.
struct Page {
    url: String,
    body: String,
    found: Vec<Found>,
}

impl Pages {
    pub(crate) fn between_ids(
        history: &History,
        symbol: &Symbol,
        first: u64,
        last: u64,
        since: Time,
    ) -> Pages {
        Pages::new(history, symbol, Goal::Ids { first, last }, since)
    }

    pub(crate) fn between(history: &History, symbol: &Symbol, from: Time, to: Time) -> Pages {
        Pages::new(history, symbol, Goal::Times { from, to }, from)
    }

    fn new(history: &History, symbol: &Symbol, goal: Goal, since: Time) -> Pages {
        let walk = match history.exchange {
            Exchange::Binance | Exchange::Deribit | Exchange::Kraken => {
                Walk::Ascending(ascending::Walk::new(history.exchange, goal, since))
            }
            Exchange::Coinbase => Walk::Coinbase(coinbase::Walk::default()),
            Exchange::Bybit | Exchange::BybitSpot => Walk::Recent,
        };
        Pages { history: history.clone(), symbol: symbol.clone(), goal, walk, pages: 0 }
    }

    /// The next trades, at least one; `None` when all that were wanted have come. After an error
    /// the same page can be asked for again.
    pub async fn next(&mut self) -> Result<Option<Vec<Trade>>, HistoryError> {
        loop {
            let mut walk = std::mem::replace(&mut self.walk, Walk::Done);
            let trades = match &mut walk {
                Walk::Ascending(walk) => walk.step(self).await,
                Walk::Coinbase(walk) => walk.step(self).await,
                Walk::Recent => recent::load(self).await.map(|trades| (trades, true)),
                Walk::Done => return Ok(None),
            };
            if !matches!(trades, Ok((_, true))) {
                self.walk = walk;
            }
            let (trades, _) = trades?;
            if !trades.is_empty() {
                return Ok(Some(trades));
            }
        }
    }

    async fn page(&mut self, url: String, query: &[(&str, String)]) -> Result<Page, HistoryError> {
        self.pages += 1;
        if self.pages > MAX_PAGES {
            let why = format!("they are more than {MAX_PAGES} pages away");
            return Err(self.absent(why));
        }
        let History { exchange, client, .. } = &self.history;
        let body = client.get(&url, query, limits::of(*exchange).trades).await?;
        let now = Time::from_micros(Utc::now().timestamp_micros());
        let now = now.expect("clocks are between 2009 and 2100");
        let records = exchange.decode_page(&self.symbol, &body, now, Source::Rest);
        let records = match records {
            Ok(records) => records,
            Err(why) => return Err(HistoryError::Unreadable { url, why }),
        };
        let mut found = Vec::with_capacity(records.len());
        for record in records {
            match record.outcome {
                Ok(it) => found.push(it),
                // What is left out of a page would pass for a trade that never was.
                Err(why) => {
                    let text: String = record.text.chars().take(MAX_RECORD).collect();
                    let why = format!("it holds {text}: {why}");
                    return Err(HistoryError::WrongPage { url, why });
                }
            }
        }
        Ok(Page { url, body, found })
    }

    fn absent(&self, why: String) -> HistoryError {
        let (exchange, symbol) = (self.history.exchange, &self.symbol);
        let what = match self.goal {
            Goal::Ids { first, last } => {
                format!("{exchange}'s trades {first} to {last} of {symbol}")
            }
            Goal::Times { from, to } => format!("{exchange}'s trades of {symbol}, {from} to {to}"),
        };
        HistoryError::Absent { what, why }
    }

    fn limit(&self) -> u64 {
        limits::of(self.history.exchange).trades_page
    }

    fn name(&self) -> String {
        self.history.exchange.rest_spelling(&self.symbol).into_owned()
    }
}

impl Goal {
    fn wants(self, trade: &Trade) -> bool {
        match (self, &trade.ids) {
            (Goal::Ids { first: from, last: to }, Ids::Range { first, last }) => {
                *first <= to && from <= *last
            }
            (Goal::Ids { .. }, Ids::Opaque(_)) => false,
            (Goal::Times { from, to }, _) => (from..to).contains(&trade.time),
        }
    }

    /// Whether nothing behind this trade can be wanted.
    fn ends_with(self, trade: &Trade) -> bool {
        match (self, &trade.ids) {
            (Goal::Ids { last: to, .. }, Ids::Range { last, .. }) => *last >= to,
            (Goal::Ids { .. }, Ids::Opaque(_)) => false,
            (Goal::Times { to, .. }, _) => trade.time.since(to) > SLACK_MICROS,
        }
    }
}

/// The trade of what was found, unless it is voided.
fn trade(found: Found) -> Option<Trade> {
    match found {
        Found::Trade { trade, .. } => Some(trade),
        Found::Tombstone { .. } => None,
    }
}
