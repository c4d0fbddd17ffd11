//! The clock of the commands; nothing below them reads one.

use anyhow::Context;
use market::Time;

pub(crate) fn now() -> anyhow::Result<Time> {
    let micros = chrono::Utc::now().timestamp_micros();
    Time::from_micros(micros).context("this machine's clock is wrong")
}
