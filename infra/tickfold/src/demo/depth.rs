//! The order book of a simulated market: like its trades a pure function of the tape and the time.
//! Nobody's orders stand in it, and no trade takes anything from it.

use super::generator::Tape;
use super::instruments::Units;

/// How often a book changes.
pub(super) const STEP_MS: i64 = 500;
/// On each side: what Binance's stream of partial books holds.
pub(super) const LEVELS: i64 = 20;
/// A size stands for so many steps, each level's of its own.
const SIZE_STEPS: i64 = 6;

/// A price, and what is offered for it.
pub(super) type Offer = (Units, Units);

/// Both sides, the best first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Depth {
    pub(super) bids: Vec<Offer>,
    pub(super) asks: Vec<Offer>,
}

/// The step that holds this time; each has one book.
pub(super) fn step_at(time_ms: i64) -> i64 {
    time_ms.div_euclid(STEP_MS)
}

impl Depth {
    /// Around the last trade before the step, a little to either side of it.
    pub(super) fn at(tape: &mut Tape, step: i64) -> Depth {
        let price = tape.price_at(step * STEP_MS);
        let random = &mut tape.draw(&[STEP_MS, step]);
        let middle = price + random.within(price / 60_000 + 1);
        let mut reach = || 1 + random.below((price / 100_000 + 1).unsigned_abs()) as i64;
        let (bid, ask) = (middle - reach(), middle + reach());
        // Behind the best price orders stand at round ones, which stay while the best one moves.
        let round = price / 50_000 + 1;
        let behind = 1..LEVELS;
        let bids = behind.clone().map(|n| ((bid - 1).div_euclid(round) + 1 - n) * round);
        let asks = behind.map(|n| (ask.div_euclid(round) + n) * round);
        let offer = |price: i64| (Units(price * tape.instrument.tick), size(tape, price, step));
        let side = |best: i64, behind: Vec<i64>| -> Vec<Offer> {
            std::iter::once(best).chain(behind).map(offer).collect()
        };
        Depth { bids: side(bid, bids.collect()), asks: side(ask, asks.collect()) }
    }
}

fn size(tape: &Tape, price: i64, step: i64) -> Units {
    let from = price % SIZE_STEPS;
    let mut random = tape.draw(&[price, (step + from) / SIZE_STEPS]);
    let lots = 1 + random.below(tape.instrument.lots * 4) as i64;
    Units(lots * tape.instrument.lot)
}

#[cfg(test)]
mod tests {
    use super::super::instruments::{FOLLOWERS, INSTRUMENTS};
    use super::*;

    #[test]
    fn sides_are_in_order_never_cross_and_change_in_part() {
        for instrument in INSTRUMENTS.iter().chain(&FOLLOWERS) {
            let anchor: market::Minute = "2026-11-20T12:00:00Z".parse().expect("minute");
            let mut tape = Tape::new(instrument, 7, anchor);
            let first = step_at(anchor.start().micros() / 1_000);
            let mut before = Depth::default();
            let mut stayed = 0;
            for step in first..first + 400 {
                let depth = Depth::at(&mut tape, step);
                assert!(depth.bids[0].0 < depth.asks[0].0, "{depth:?}");
                assert!(depth.bids.is_sorted_by(|one, next| one.0 > next.0), "{depth:?}");
                assert!(depth.asks.is_sorted_by(|one, next| one.0 < next.0), "{depth:?}");
                assert!(depth.bids.iter().all(|(price, size)| price.0 > 0 && size.0 > 0));
                assert_eq!(depth.bids.len() as i64, LEVELS);
                assert_ne!(depth, before, "something changes in every step");
                stayed += depth.bids.iter().filter(|offer| before.bids.contains(offer)).count();
                before = depth;
            }
            assert!(stayed > 400, "{}: {stayed} offers stayed", instrument.symbol);
        }
    }
}
