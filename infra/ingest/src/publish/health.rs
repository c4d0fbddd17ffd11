//! Tells the log when the sink stops acknowledging and when it does so again, once each; changes
//! nothing.

use std::time::Duration;

use tokio::time::Instant;
use tracing::{info, warn};

/// A leader's election or a broker's restart takes less.
const STALLED_AFTER: Duration = Duration::from_secs(5);
/// Failures are told together, so often.
const FAILURES_EVERY: Duration = Duration::from_secs(30);

pub(super) struct Health {
    /// `Kafka at kafka:9092`
    sink: String,
    /// The last acknowledgement, or when lines began to wait for one.
    since: Instant,
    stalled: bool,
    /// The last thing that was complained of.
    trouble: Option<String>,
    failed: usize,
    failures_told: Option<Instant>,
}

impl Health {
    pub(super) fn new(sink: &impl ToString) -> Health {
        Health {
            sink: sink.to_string(),
            since: Instant::now(),
            stalled: false,
            trouble: None,
            failed: 0,
            failures_told: None,
        }
    }

    /// Lines begin to wait.
    pub(super) fn waits_from(&mut self, now: Instant) {
        if !self.stalled {
            self.since = now;
        }
    }

    pub(super) fn acknowledged(&mut self, now: Instant) {
        if self.stalled {
            let seconds = (now - self.since).as_secs();
            info!(seconds, "{} acknowledges again, after {seconds} s", self.sink);
        }
        (self.since, self.stalled, self.trouble) = (now, false, None);
    }

    pub(super) fn trouble(&mut self, what: String) {
        self.trouble = Some(what);
    }

    /// Lines came back, and will be sent again.
    pub(super) fn failed(&mut self, now: Instant, lines: usize, why: &str) {
        self.failed += lines;
        self.trouble = Some(why.to_owned());
        if self.failures_told.is_some_and(|told| now - told < FAILURES_EVERY) {
            return;
        }
        let lines = self.failed;
        warn!(lines, "{}: {why}; {lines} lines are sent again", self.sink);
        (self.failed, self.failures_told) = (0, Some(now));
    }

    pub(super) fn look_around(&mut self, now: Instant, lines: usize) {
        if self.stalled || lines == 0 || now - self.since < STALLED_AFTER {
            return;
        }
        self.stalled = true;
        let (seconds, why) = (STALLED_AFTER.as_secs(), self.trouble.as_deref());
        let why = why.unwrap_or("it does not say why");
        warn!(
            lines,
            "{} has acknowledged nothing for {seconds} s: {why}; {lines} lines wait", self.sink
        );
    }
}
