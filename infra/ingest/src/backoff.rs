//! How long to wait before trying again; keeps no state, and reads neither clock nor randomness.

use std::time::Duration;

/// Capped exponential backoff with full jitter: many clients that fail together do not come back
/// together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Backoff {
    /// The longest wait after the first failure; each further failure doubles it.
    pub(crate) first: Duration,
    /// The longest wait of all.
    pub(crate) cap: Duration,
}

impl Backoff {
    /// The wait after `failures` failures in a row, none of them being no wait. `random` is from
    /// 0 up to 1.
    pub(crate) fn delay(self, failures: u32, random: f64) -> Duration {
        let Some(doublings) = failures.checked_sub(1) else { return Duration::ZERO };
        let factor = 1_u32.checked_shl(doublings).unwrap_or(u32::MAX);
        self.first.saturating_mul(factor).min(self.cap).mul_f64(random.clamp(0.0, 1.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECONDS: Backoff =
        Backoff { first: Duration::from_secs(1), cap: Duration::from_secs(30) };

    #[test]
    fn the_first_try_is_at_once_and_the_longest_wait_doubles_up_to_the_cap() {
        let longest = [0, 1, 2, 3, 5, 6, 7, 32, 33, 34, u32::MAX]
            .map(|failures| SECONDS.delay(failures, 1.0).as_secs());
        assert_eq!(longest, [0, 1, 2, 4, 16, 30, 30, 30, 30, 30, 30]);
    }

    #[test]
    fn the_jitter_is_full() {
        assert_eq!(SECONDS.delay(4, 0.0), Duration::ZERO);
        assert_eq!(SECONDS.delay(4, 0.25), Duration::from_secs(2));
        assert_eq!(SECONDS.delay(40, 0.5), Duration::from_secs(15));
    }
}
