//! When the simulated exchange lets go of its sockets: a pure function of the seed and its start.
//! Closes nothing itself.

use super::random::Random;

/// Early enough that whoever tries the demo sees one reconnect.
const FIRST_NOTICE_MS: i64 = 90_000;
const NOTICE_EVERY_MS: i64 = 600_000;
const NOTICE_JITTER_MS: u64 = 60_000;
/// One hole in every span of this length, at a time inside it that leaves the span's edges alone.
const HOLE_EVERY_MS: i64 = 900_000;
const HOLE_FROM_MS: i64 = 240_000;
const HOLE_JITTER_MS: u64 = 600_000;
/// Longer than a client needs to come back: some trades are missed for certain.
const HOLE_MS: i64 = 8_000;

/// How an exchange ends its connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outage {
    /// It says so first, so that a client can open the next connection in time.
    Announced { at_ms: i64 },
    /// It cuts them, and what was traded meanwhile is never sent on a socket: REST alone has it.
    Hole { at_ms: i64 },
}

impl Outage {
    pub(super) fn at_ms(self) -> i64 {
        match self {
            Outage::Announced { at_ms } | Outage::Hole { at_ms } => at_ms,
        }
    }
}

#[derive(Debug)]
pub(super) struct Outages {
    seed: u64,
    started_ms: i64,
}

impl Outages {
    pub(super) fn new(seed: u64, started_ms: i64) -> Outages {
        Outages { seed, started_ms }
    }

    pub(super) fn next_after(&self, time_ms: i64) -> Outage {
        let next = |at: &dyn Fn(i64) -> i64| {
            (0..).map(at).find(|at| *at > time_ms).expect("there is always a later one")
        };
        let announced = next(&|n| self.notice_ms(n));
        let hole = next(&|n| self.hole_ms(n));
        if announced <= hole {
            Outage::Announced { at_ms: announced }
        } else {
            Outage::Hole { at_ms: hole }
        }
    }

    /// Whether sockets never show what was traded at this time.
    pub(super) fn hides(&self, time_ms: i64) -> bool {
        let span = (time_ms - self.started_ms).div_euclid(HOLE_EVERY_MS);
        let hole = self.hole_ms(span);
        span >= 0 && (hole..hole + HOLE_MS).contains(&time_ms)
    }

    fn notice_ms(&self, n: i64) -> i64 {
        let jitter = if n == 0 { 0 } else { self.jitter(n, NOTICE_JITTER_MS) };
        self.started_ms + FIRST_NOTICE_MS + n * NOTICE_EVERY_MS + jitter
    }

    fn hole_ms(&self, span: i64) -> i64 {
        let jitter = self.jitter(!span, HOLE_JITTER_MS);
        self.started_ms + span * HOLE_EVERY_MS + HOLE_FROM_MS + jitter
    }

    fn jitter(&self, salt: i64, bound: u64) -> i64 {
        Random::new(self.seed ^ salt.cast_unsigned()).below(bound) as i64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_is_announced_and_holes_come_about_every_quarter_of_an_hour() {
        let outages = Outages::new(7, 1_000_000);
        assert_eq!(outages.next_after(0), Outage::Announced { at_ms: 1_090_000 });
        let hours = 8;
        let (mut at, mut announced, mut holes) = (1_000_000, 0, 0);
        while at < 1_000_000 + hours * 3_600_000 {
            let outage = outages.next_after(at);
            at = outage.at_ms();
            match outage {
                Outage::Announced { .. } => announced += 1,
                Outage::Hole { .. } => holes += 1,
            }
            let hole = matches!(outage, Outage::Hole { .. });
            assert!(outages.hides(at) == hole || !hole, "{outage:?}");
        }
        assert!((hours * 6 - 1..=hours * 6 + 1).contains(&announced), "{announced}");
        assert!((hours * 4 - 1..=hours * 4 + 1).contains(&holes), "{holes}");
    }

    #[test]
    fn a_hole_hides_its_own_seconds_only() {
        let outages = Outages::new(7, 0);
        let hole = outages.hole_ms(3);
        assert!(!outages.hides(hole - 1) && outages.hides(hole));
        assert!(outages.hides(hole + HOLE_MS - 1) && !outages.hides(hole + HOLE_MS));
        assert!(!outages.hides(-1));
    }
}
