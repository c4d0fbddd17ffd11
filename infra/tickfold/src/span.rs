//! The span of time that a command works on, as its user gives it; reads no clock.

use market::{Minute, Time};

/// From the minute of `from` until before that of `to`.
#[derive(Debug, Clone, Copy, clap::Args)]
pub(crate) struct Span {
    /// The first minute: a day such as `2026-11-20`, which is its midnight, or a time such as
    /// `2026-11-20T12:01:00Z`
    #[arg(long, value_name = "TIME", value_parser = read)]
    pub(crate) from: Minute,
    /// The first minute behind it, in the same way: `--from 2026-11-20 --to 2026-11-21` is a day
    #[arg(long, value_name = "TIME", value_parser = read)]
    pub(crate) to: Minute,
}

impl Span {
    pub(crate) fn check(&self) -> Result<(), String> {
        let Span { from, to } = self;
        let empty = || format!("--from ({from}) is not before --to ({to})");
        if from < to { Ok(()) } else { Err(empty()) }
    }
}

/// The first minute that begins at this time or later, as the API reads it.
fn read(text: &str) -> Result<Minute, String> {
    if let Some(midnight) = Minute::from_date_and_clock(text, "0000") {
        return Ok(midnight);
    }
    let time = text.parse::<Time>().map_err(|error| error.to_string())?;
    let minute = time.minute();
    Ok(if minute.start() == time { minute } else { minute.plus(1) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_and_times_are_read_and_nothing_else() {
        let read = |text: &str| read(text).map(|minute| minute.to_string());
        assert_eq!(read("2026-11-20").as_deref(), Ok("2026-11-20T00:00:00Z"));
        assert_eq!(read("2026-11-20T12:01:00Z").as_deref(), Ok("2026-11-20T12:01:00Z"));
        assert_eq!(read("2026-11-20T12:00:00.000001Z").as_deref(), Ok("2026-11-20T12:01:00Z"));
        assert_eq!(read("2026-11-20T14:01:00+02:00").as_deref(), Ok("2026-11-20T12:01:00Z"));
        for text in ["2026-11-31", "20261120", "yesterday", "1970-01-01", ""] {
            assert!(read(text).is_err(), "{text}");
        }
    }
}
