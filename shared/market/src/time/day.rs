//! The UTC day: what files of trades, folders and bills are cut by; reads no clock.

use std::fmt;
use std::str::FromStr;

use chrono::{Days, NaiveDate};

use super::{Minute, Time, TimeError, utc};

/// A UTC day; prints as `2026-11-20`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Day(NaiveDate);

impl Day {
    /// The day that holds a time.
    pub fn of(time: Time) -> Day {
        Day(utc(time.micros()).date_naive())
    }

    /// Its first minute.
    pub fn start(self) -> Minute {
        let start = self.0.and_time(chrono::NaiveTime::MIN).and_utc().timestamp_micros();
        Time::from_micros(start).map_or(Minute::MIN, Time::minute)
    }

    /// The first minute behind it.
    pub fn end(self) -> Minute {
        self.start().plus(24 * 60)
    }

    pub fn plus(self, days: u64) -> Day {
        Day(self.0.checked_add_days(Days::new(days)).unwrap_or(self.0))
    }

    pub fn before(self) -> Day {
        Day(self.0.pred_opt().unwrap_or(self.0))
    }
}

impl fmt::Display for Day {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}", self.0.format("%Y-%m-%d"))
    }
}

/// Reads what `Display` prints, of days that a trade can have.
impl FromStr for Day {
    type Err = TimeError;

    fn from_str(text: &str) -> Result<Day, TimeError> {
        let refuse = || TimeError::Day(crate::decimal::shortened(text));
        let day = NaiveDate::parse_from_str(text, "%Y-%m-%d").map(Day).map_err(|_| refuse())?;
        let known =
            Time::from_micros(day.0.and_time(chrono::NaiveTime::MIN).and_utc().timestamp_micros());
        if known.is_err() || day.to_string() != text {
            return Err(refuse());
        }
        Ok(day)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_its_1440_minutes() {
        let day: Day = "2024-02-29".parse().expect("a day");
        assert_eq!(day.start().to_string(), "2024-02-29T00:00:00Z");
        assert_eq!(day.end(), day.plus(1).start());
        assert_eq!(Day::of(day.end().plus(-1).start()), day);
        assert_eq!(day.plus(1).to_string(), "2024-03-01");
        assert_eq!(day.plus(1).before(), day);
        for text in ["2023-02-29", "2024-2-29", "1970-01-01", "2100-01-01", "20240229", ""] {
            assert!(text.parse::<Day>().is_err(), "{text}");
        }
    }
}
