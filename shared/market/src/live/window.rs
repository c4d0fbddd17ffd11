//! What one number was over the last fifteen seconds, and its averages; knows not what it counts.

use std::collections::VecDeque;

use crate::decimal::{DECIMALS, Decimal};
use crate::time::Time;

/// What the rolling averages look back on.
pub const WINDOW_MICROS: u64 = 15_000_000;
/// Changes that are kept, some 300 a second; if there are more, the window becomes shorter, which
/// the time that an average is of tells.
pub(super) const MAX_STEPS: usize = 5_000;

#[derive(Debug, Clone, Default)]
pub(super) struct Window {
    /// In the order of time; the first may lie before the window, and is in force at its start.
    pub(super) steps: VecDeque<Step>,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Step {
    from: Time,
    /// `None` while it is not known.
    value: Option<Decimal>,
}

impl Window {
    /// From `at` on it is `value`.
    pub(super) fn push(&mut self, value: Option<Decimal>, at: Time) {
        let from = self.steps.back().map_or(at, |step| step.from.max(at));
        self.steps.push_back(Step { from, value });
        while self.steps.get(1).is_some_and(|step| at.since(step.from) >= WINDOW_MICROS)
            || self.steps.len() > MAX_STEPS
        {
            self.steps.pop_front();
        }
    }

    pub(super) fn last(&self) -> Option<Decimal> {
        self.steps.back().and_then(|step| step.value)
    }

    /// The average by time of the value divided by `parts`, and how much time it is of.
    pub(super) fn by_time(&self, now: Time, parts: u64) -> (Option<Decimal>, u64) {
        let (mut sum, mut all) = (Some(Decimal::ZERO), 0);
        for (at, step) in self.steps.iter().enumerate() {
            let until = self.steps.get(at + 1).map_or(now, |next| next.from.min(now));
            // What of it lies before the window does not count.
            let before = now.since(step.from).saturating_sub(WINDOW_MICROS);
            let micros = until.since(step.from).saturating_sub(before);
            if let Some(value) = step.value {
                all += micros;
                let more = value.checked_seconds(micros);
                sum = sum.zip(more).and_then(|(sum, more)| sum.checked_add(more));
            }
        }
        let (factor, weight) = (Decimal::from(1_000_000), Decimal::from(all * parts));
        let mean = sum.and_then(|sum| sum.checked_mul_div_rounded(factor, weight, DECIMALS));
        (mean, all)
    }

    /// The mean of what it changed to, and how many changes those are.
    pub(super) fn by_tick(&self, now: Time) -> (Option<Decimal>, u32) {
        let inside = |step: &&Step| step.from <= now && now.since(step.from) < WINDOW_MICROS;
        let values = || self.steps.iter().filter(inside).filter_map(|step| step.value);
        let count = values().count() as u32;
        let sum = values().try_fold(Decimal::ZERO, Decimal::checked_add);
        let mean = sum.and_then(|sum| {
            sum.checked_mul_div_rounded(Decimal::from(1), Decimal::from(u64::from(count)), DECIMALS)
        });
        (mean, count)
    }
}
