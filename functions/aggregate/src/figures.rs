//! What an invocation's folds amount to: one line of log that metrics and alarms are made of
//! (`terraform/alarms.tf`); it decides nothing.

use lake::MinuteRead;
use market::Time;
use tracing::info;

use crate::rows::Folds;

const MICROS_PER_SECOND: i64 = 1_000_000;

#[derive(Debug, Default)]
pub(crate) struct Figures {
    rows: u64,
    /// Ids missing inside the rows, as far as they can be counted.
    missing: u64,
    /// Refused lines, and objects that could not be read.
    quarantined: u64,
    /// Of trades.
    newest: Option<Time>,
}

impl Figures {
    pub(crate) fn of<L: Folds>(rows: &[L::Row], read: &MinuteRead<L>) -> Figures {
        let refused: usize = read.refusals.iter().map(|(_, refusals)| refusals.len()).sum();
        Figures {
            rows: rows.len() as u64,
            missing: rows.iter().map(L::missing).sum(),
            quarantined: (refused + read.unreadable.len()) as u64,
            newest: rows.iter().filter_map(L::newest).max(),
        }
    }

    pub(crate) fn add(&mut self, other: Figures) {
        self.rows += other.rows;
        self.missing += other.missing;
        self.quarantined += other.quarantined;
        self.newest = self.newest.max(other.newest);
    }

    /// An age is told only of rows of trades: an invocation without any must not look fresh.
    pub(crate) fn tell(&self, now: Time) {
        let Figures { rows, missing, quarantined, newest } = self;
        let age = newest.map(|newest| (now.micros() - newest.micros()) / MICROS_PER_SECOND);
        info!(
            figures = "folded",
            rows,
            missing,
            quarantined,
            age_seconds = age,
            "folded {rows} rows: {missing} trades missing, {quarantined} lines or objects refused"
        );
    }
}
