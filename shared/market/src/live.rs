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
//! Sums are exact; quotients are rounded half to even, prices at 18 decimals, ratios at 6.
//! What two symbols say of each other, a [`Pair`] tells.

use serde::Serialize;

use crate::book::{Best, Book, Standing, TOP, imbalance};
use crate::decimal::{DECIMALS, Decimal, Price, Size};
use crate::exchange::Context;
use crate::time::Time;
use crate::trade::Trade;

pub use pair::{Pair, PairView};
pub use window::WINDOW_MICROS;
use window::Window;

mod pair;
mod window;

const RATIO_DECIMALS: u32 = 6;

/// The state of one symbol.
#[derive(Debug, Clone, Default)]
pub struct Live {
    last: Option<Trade>,
    best: Best,
    /// Sizes of the best ten levels of each side, summed.
    sizes: Option<(Decimal, Decimal)>,
    /// The spread; not known while no book is, or one side is empty.
    spreads: Window,
    context: Option<Context>,
    heard: Option<Time>,
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
        self.spreads.push(spread, at);
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
        let (spread_15s, spread_15s_micros) = self.spreads.by_time(now, 1);
        let (spread_15s_ticks, spread_15s_count) = self.spreads.by_tick(now);
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

    /// Best bid and best ask together.
    fn twice_mid(&self) -> Option<Decimal> {
        sides(self.best).and_then(|((bid, _), (ask, _))| bid.checked_add(ask))
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
    let part = spread.checked_mul_div_rounded(bid.1, bid.1.checked_add(ask.1)?, DECIMALS)?;
    bid.0.checked_add(part)
}

#[cfg(test)]
mod tests;
