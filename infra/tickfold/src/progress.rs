//! A progress bar on a terminal, and what is printed beside it; where standard error is none, there
//! is no bar.

use std::io::{self, Write};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// How far a command has come. Clones are of the same bar, and what is written to one goes to
/// standard error beside it.
#[derive(Clone)]
pub(crate) struct Progress {
    bar: ProgressBar,
}

impl Progress {
    /// Shows nothing before [`Progress::begin`].
    pub(crate) fn hidden() -> Progress {
        Progress { bar: ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden()) }
    }

    /// What is to be done, in minutes of markets.
    pub(crate) fn begin(&self, minutes: u64) {
        let style = ProgressStyle::with_template("{wide_bar} {pos} of {len} minutes, {eta} left");
        self.bar.set_style(style.expect("the template is well-formed"));
        self.bar.set_length(minutes);
        // Draws nothing where standard error is no terminal.
        self.bar.set_draw_target(ProgressDrawTarget::stderr());
    }

    pub(crate) fn advance(&self, minutes: u64) {
        self.bar.inc(minutes);
    }

    /// Runs what prints, with the bar out of its way.
    pub(crate) fn aside<T>(&self, print: impl FnOnce() -> T) -> T {
        self.bar.suspend(print)
    }

    pub(crate) fn clear(&self) {
        self.bar.finish_and_clear();
    }
}

impl Write for Progress {
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        self.aside(|| io::stderr().write(text))
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}
