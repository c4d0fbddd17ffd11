//! The spread between two symbols, as a rule one coin at two exchanges: how far the middle of the
//! one is above the middle of the other, now and on average. Converts no currency: USDT is not USD.
//!
//! With Ma the mid of the one, and Mb the mid of the other:
//!
//! | field | formula |
//! |---|---|
//! | `spread` | Ma - Mb; below zero if the one is cheaper |
//! | `spread_bps` | 10,000 x spread / Mb |
//! | `spread_15s` | the spread weighted by how long each stood, over the last 15 s as far as both mids stood: sum(spread x dwell) / sum(dwell) |

use serde::Serialize;

use super::window::Window;
use super::{Live, RATIO_DECIMALS};
use crate::decimal::{DECIMALS, Decimal};
use crate::time::Time;

/// The state of two symbols against each other.
#[derive(Debug, Clone, Default)]
pub struct Pair {
    /// Twice the spread: a mid may have one decimal more than prices, its double has not.
    twice: Window,
}

/// What is known of two symbols at one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct PairView {
    pub spread: Option<Decimal>,
    pub spread_bps: Option<Decimal>,
    pub spread_15s: Option<Decimal>,
    /// How much of the 15 s both mids stood.
    pub spread_15s_micros: u64,
    /// How long ago anything was heard of the one of which that is longer.
    pub age_micros: Option<u64>,
}

impl Pair {
    /// The book of one of them has changed.
    pub fn book(&mut self, one: &Live, other: &Live, at: Time) {
        let mids = one.twice_mid().zip(other.twice_mid());
        let twice = mids.and_then(|(one, other)| one.checked_sub(other));
        if twice != self.twice.last() {
            self.twice.push(twice, at);
        }
    }

    pub fn view(&self, one: &Live, other: &Live, now: Time) -> PairView {
        let twice = self.twice.last();
        let half = |twice: Decimal| {
            twice.checked_mul_div_rounded(Decimal::from(1), Decimal::from(2), DECIMALS)
        };
        // Of both the double is taken, so that nothing but the quotient is rounded.
        let bps = |(twice, against): (Decimal, Decimal)| {
            twice.checked_mul_div_rounded(Decimal::from(10_000), against, RATIO_DECIMALS)
        };
        let (spread_15s, spread_15s_micros) = self.twice.by_time(now, 2);
        let age = |live: &Live| live.heard.map(|heard| now.since(heard));
        PairView {
            spread: twice.and_then(half),
            spread_bps: twice.zip(other.twice_mid()).and_then(bps),
            spread_15s,
            spread_15s_micros,
            age_micros: age(one).zip(age(other)).map(|(one, other)| one.max(other)),
        }
    }
}
