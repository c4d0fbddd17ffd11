//! What one symbol's trades and book say at this moment; keeps no history beyond fifteen seconds,
//! and reads no clock: each event comes with its time, and so does each question.
//!
//! All times that one [`Live`] is told must be of one clock, best the receiver's, by which the
//! question is asked too.
//!
//! With Pb, Qb the best bid and its size, Pa, Qa the best ask's:
//!
//! | field | formula |
//! |---|---|
//! | `mid` | (Pb + Pa) / 2 |
//! | `spread` | Pa - Pb |
//! | `spread_bps` | 10,000 x spread / mid |
//! | `microprice` | (Pb x Qa + Pa x Qb) / (Qb + Qa): the mid weighted by the sizes across, after Gatheral and Oomen, "Zero-intelligence realized variance estimation" (2010); not Stoikov's "micro-price" (2018), which is a limit of expected mids |
//! | `imbalance_1`, `imbalance_10` | (sum Qb - sum Qa) / (sum Qb + sum Qa) over the best level, and over the best ten of each side: the queue imbalance of Gould and Bonart (2016), from -1 to 1 |
//! | `spread_15s` | the spread weighted by how long each stood, over the last 15 s as far as a quote stood: sum(spread x dwell) / sum(dwell) |
//! | `spread_15s_ticks` | the mean of the spreads of each change of the best prices or sizes in the last 15 s, t - 15 s < t(i) <= t |
//!
//! What is not defined is `None`: nothing of a book with an empty side, no average of nothing.
//! Sums are exact; quotients are rounded half to even, prices at 12 decimals, ratios at 6.

use std::collections::VecDeque;

use serde::Serialize;

use crate::book::{Best, Book, Standing, TOP, imbalance};
use crate::decimal::{Decimal, Price, Size};
use crate::exchange::Context;
use crate::time::Time;
use crate::trade::Trade;

/// What the rolling averages look back on.
pub const WINDOW_MICROS: u64 = 15_000_000;
/// Changes of the best prices that are kept, some 300 a second; if there are more, the window
/// becomes shorter, which `spread_15s_micros` tells.
const MAX_QUOTES: usize = 5_000;
const PRICE_DECIMALS: u32 = 12;
const RATIO_DECIMALS: u32 = 6;

/// The state of one symbol.
#[derive(Debug, Clone, Default)]
pub struct Live {
    last: Option<Trade>,
    best: Best,
    /// Sizes of the best ten levels of each side, summed.
    sizes: Option<(Decimal, Decimal)>,
    /// In the order of time; the first may lie before the window, and is in force at its start.
    quotes: VecDeque<Quote>,
    context: Option<Context>,
    heard: Option<Time>,
}

#[derive(Debug, Clone, Copy)]
struct Quote {
    from: Time,
    /// `None` while no book is known, or one side is empty.
    spread: Option<Decimal>,
}

/// What is known of a symbol at one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct View {
    pub last_price: Option<Decimal>,
    pub last_size: Option<Decimal>,
    pub last_side: Option<&'static str>,
    /// The exchange's time of the last trade.
    pub last_time: Option<Time>,
    pub bid: Option<Decimal>,
    pub bid_size: Option<Decimal>,
    pub ask: Option<Decimal>,
    pub ask_size: Option<Decimal>,
    pub mid: Option<Decimal>,
    pub microprice: Option<Decimal>,
    pub spread: Option<Decimal>,
    pub spread_bps: Option<Decimal>,
    pub spread_15s: Option<Decimal>,
    /// How much of the 15 s a quote stood.
    pub spread_15s_micros: u64,
    pub spread_15s_ticks: Option<Decimal>,
    /// How many changes `spread_15s_ticks` is the mean of.
    pub spread_15s_count: u32,
    pub imbalance_1: Option<Decimal>,
    pub imbalance_10: Option<Decimal>,
    pub funding_rate: Option<Decimal>,
    pub open_interest: Option<Decimal>,
    pub mark_price: Option<Decimal>,
    pub index_price: Option<Decimal>,
    /// How long ago anything was heard of the symbol.
    pub age_micros: Option<u64>,
}

impl Live {
    pub fn trade(&mut self, trade: &Trade, at: Time) {
        self.hear(at);
        // By REST or a second connection an older one can come later.
        let newer = |last: &Trade| (trade.time, &trade.ids) >= (last.time, &last.ids);
        if self.last.as_ref().is_none_or(newer) {
            self.last = Some(trade.clone());
        }
    }

    /// The book after an update, or after it broke.
    pub fn book(&mut self, book: &Book, at: Time) {
        self.hear(at);
        let (bids, asks) = book.top(TOP);
        let total = |levels: &[Standing]| {
            let mut sizes = levels.iter().map(|(_, size)| size.value());
            sizes.try_fold(Decimal::ZERO, Decimal::checked_add)
        };
        self.sizes = total(&bids).zip(total(&asks));
        let best = Best { bid: bids.first().copied(), ask: asks.first().copied() };
        if best == self.best {
            return;
        }
        self.best = best;
        let spread = sides(best).and_then(|((bid, _), (ask, _))| ask.checked_sub(bid));
        let from = self.quotes.back().map_or(at, |quote| quote.from.max(at));
        self.quotes.push_back(Quote { from, spread });
        while self.quotes.get(1).is_some_and(|quote| at.since(quote.from) >= WINDOW_MICROS)
            || self.quotes.len() > MAX_QUOTES
        {
            self.quotes.pop_front();
        }
    }

    pub fn context(&mut self, news: Context, at: Time) {
        self.hear(at);
        let known = self.context.take();
        let known = known.as_ref();
        self.context = Some(Context {
            funding_rate: news.funding_rate.or(known.and_then(|it| it.funding_rate)),
            open_interest: news.open_interest.or(known.and_then(|it| it.open_interest)),
            mark_price: news.mark_price.or(known.and_then(|it| it.mark_price)),
            index_price: news.index_price.or(known.and_then(|it| it.index_price)),
            symbol: news.symbol,
        });
    }

    pub fn view(&self, now: Time) -> View {
        let quoted = sides(self.best);
        let mid = quoted.and_then(|((bid, _), (ask, _))| bid.checked_middle(ask));
        let spread = quoted.and_then(|((bid, _), (ask, _))| ask.checked_sub(bid));
        let (spread_15s, spread_15s_micros) = self.by_time(now);
        let (spread_15s_ticks, spread_15s_count) = self.by_tick(now);
        let context = self.context.as_ref();
        let last = self.last.as_ref();
        View {
            last_price: last.map(|trade| trade.fill.price().value()),
            last_size: last.map(|trade| trade.fill.size().value()),
            last_side: last.map(|trade| trade.side.as_str()),
            last_time: last.map(|trade| trade.time),
            bid: self.best.bid.map(|(price, _)| price.value()),
            bid_size: self.best.bid.map(|(_, size)| size.value()),
            ask: self.best.ask.map(|(price, _)| price.value()),
            ask_size: self.best.ask.map(|(_, size)| size.value()),
            mid,
            microprice: quoted.and_then(|(bid, ask)| microprice(bid, ask)),
            spread,
            spread_bps: spread.zip(mid).and_then(|(spread, mid)| {
                spread.checked_mul_div_rounded(Decimal::from(10_000), mid, RATIO_DECIMALS)
            }),
            spread_15s,
            spread_15s_micros,
            spread_15s_ticks,
            spread_15s_count,
            imbalance_1: quoted.and_then(|((_, bid), (_, ask))| imbalance(bid, ask)),
            imbalance_10: quoted.and(self.sizes).and_then(|(bid, ask)| imbalance(bid, ask)),
            funding_rate: context.and_then(|it| it.funding_rate),
            open_interest: context.and_then(|it| it.open_interest),
            mark_price: context.and_then(|it| it.mark_price),
            index_price: context.and_then(|it| it.index_price),
            age_micros: self.heard.map(|heard| now.since(heard)),
        }
    }

    fn hear(&mut self, at: Time) {
        self.heard = self.heard.max(Some(at));
    }

    /// The average spread by time, and how much time it is of.
    fn by_time(&self, now: Time) -> (Option<Decimal>, u64) {
        let (mut sum, mut all) = (Some(Decimal::ZERO), 0);
        for (at, quote) in self.quotes.iter().enumerate() {
            let until = self.quotes.get(at + 1).map_or(now, |next| next.from.min(now));
            // What of it lies before the window does not count.
            let before = now.since(quote.from).saturating_sub(WINDOW_MICROS);
            let micros = until.since(quote.from).saturating_sub(before);
            if let Some(spread) = quote.spread {
                all += micros;
                let more = spread.checked_seconds(micros);
                sum = sum.zip(more).and_then(|(sum, more)| sum.checked_add(more));
            }
        }
        let micros = u32::try_from(all).map(Decimal::from).ok();
        let mean = sum.zip(micros).and_then(|(sum, micros)| {
            sum.checked_mul_div_rounded(Decimal::from(1_000_000), micros, PRICE_DECIMALS)
        });
        (mean, all)
    }

    /// The mean spread of the changes, and how many they are.
    fn by_tick(&self, now: Time) -> (Option<Decimal>, u32) {
        let inside = |quote: &&Quote| quote.from <= now && now.since(quote.from) < WINDOW_MICROS;
        let spreads = || self.quotes.iter().filter(inside).filter_map(|quote| quote.spread);
        let count = spreads().count() as u32;
        let sum = spreads().try_fold(Decimal::ZERO, Decimal::checked_add);
        let mean = sum.and_then(|sum| {
            sum.checked_mul_div_rounded(Decimal::from(1), Decimal::from(count), PRICE_DECIMALS)
        });
        (mean, count)
    }
}

/// Price and size of the bid, and of the ask, if both stand.
fn sides(best: Best) -> Option<((Decimal, Decimal), (Decimal, Decimal))> {
    let numbers = |(price, size): (Price, Size)| (price.value(), size.value());
    best.bid.map(numbers).zip(best.ask.map(numbers))
}

/// Pb + (Pa - Pb) x Qb / (Qb + Qa), which is the same with one division.
fn microprice(bid: (Decimal, Decimal), ask: (Decimal, Decimal)) -> Option<Decimal> {
    let spread = ask.0.checked_sub(bid.0)?;
    let part = spread.checked_mul_div_rounded(bid.1, bid.1.checked_add(ask.1)?, PRICE_DECIMALS)?;
    bid.0.checked_add(part)
}

#[cfg(test)]
mod tests;
