//! Exchange time and the UTC minutes it is cut into; reads no clock.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, NaiveDate, SecondsFormat, Utc};
use serde::{Deserialize, Serialize};

pub use day::Day;

mod day;

const MICROS_PER_MINUTE: i64 = 60_000_000;
pub const MINUTES_PER_DAY: i64 = 24 * 60;
/// 2009-01-03, the day of the first Bitcoin block: an older time is a unit mistaken for another
/// (milliseconds read as microseconds fall into January 1970).
const FIRST: i64 = 1_230_940_800_000_000;
/// 2100-01-01: a later time is nanoseconds read as microseconds.
const END: i64 = 4_102_444_800_000_000;
/// Below it a Unix time is in milliseconds (13 digits), from it on in microseconds (16 digits).
const MICROSECONDS_FROM: i64 = 100_000_000_000_000;

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TimeError {
    #[error("{0} is no time between 2009 and 2100 in microseconds since 1970")]
    Range(i64),
    #[error("{0:?} is not a UTC time such as 2026-11-20T12:01:00Z")]
    Text(String),
    #[error("{0:?} is not a number of seconds since 1970")]
    Seconds(String),
    #[error("{0:?} is not a day such as 2026-11-20")]
    Day(String),
    #[error("{0:?} is not the start of a minute")]
    NotAMinute(String),
}

/// Microseconds since 1970 UTC, between 2009 and 2100.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Time(i64);

impl Time {
    pub fn from_micros(micros: i64) -> Result<Time, TimeError> {
        if (FIRST..END).contains(&micros) {
            Ok(Time(micros))
        } else {
            Err(TimeError::Range(micros))
        }
    }

    /// For exchanges that write milliseconds in one place and microseconds in another: the number
    /// of digits tells which.
    pub fn from_millis_or_micros(number: i64) -> Result<Time, TimeError> {
        let micros =
            if number < MICROSECONDS_FROM { number.checked_mul(1_000) } else { Some(number) };
        micros.ok_or(TimeError::Range(number)).and_then(Time::from_micros)
    }

    /// Reads seconds with a decimal fraction, `1700000000.1234567`, whose digits behind the sixth
    /// are cut off.
    pub fn from_seconds(text: &str) -> Result<Time, TimeError> {
        let refuse = || TimeError::Seconds(crate::decimal::shortened(text));
        let (seconds, fraction) = text.split_once('.').unwrap_or((text, "0"));
        let digits = |part: &str| {
            (1..=18).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit())
        };
        if !digits(seconds) || !digits(fraction) {
            return Err(refuse());
        }
        let fraction = format!("{:0<6}", &fraction[..fraction.len().min(6)]);
        let micros = format!("{seconds}{fraction}").parse().map_err(|_| refuse())?;
        Time::from_micros(micros)
    }

    pub fn micros(self) -> i64 {
        self.0
    }

    /// Microseconds from `earlier` to this; none if it is not earlier.
    pub fn since(self, earlier: Time) -> u64 {
        u64::try_from(self.0 - earlier.0).unwrap_or(0)
    }

    /// The time so many microseconds later; spans are minutes, far from where times end.
    pub fn plus(self, micros: u64) -> Time {
        Time(self.0.saturating_add_unsigned(micros).min(END))
    }

    /// The last multiple of `micros` since 1970 that is not later.
    pub(crate) fn floor(self, micros: u64) -> Time {
        Time(self.0 - self.0.rem_euclid(micros.cast_signed()))
    }

    /// The minute `[t, t + 60 s)` that holds this time.
    pub fn minute(self) -> Minute {
        Minute(self.0.div_euclid(MICROS_PER_MINUTE))
    }
}

impl fmt::Display for Time {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&utc(self.0).to_rfc3339_opts(SecondsFormat::Micros, true))
    }
}

impl FromStr for Time {
    type Err = TimeError;

    fn from_str(text: &str) -> Result<Time, TimeError> {
        let time = DateTime::parse_from_rfc3339(text);
        time.map_err(|_| TimeError::Text(crate::decimal::shortened(text)))
            .and_then(|time| Time::from_micros(time.timestamp_micros()))
    }
}

/// A UTC minute, named by its open time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Minute(i64);

impl Minute {
    /// The first minute that a trade can have.
    pub const MIN: Minute = Minute(FIRST / MICROS_PER_MINUTE);
    /// The last one.
    pub const MAX: Minute = Minute(END / MICROS_PER_MINUTE - 1);

    /// The first moment of the minute.
    pub fn start(self) -> Time {
        Time(self.0 * MICROS_PER_MINUTE)
    }

    /// The first moment behind the minute.
    pub fn end(self) -> Time {
        self.plus(1).start()
    }

    pub fn plus(self, minutes: i64) -> Minute {
        Minute(self.0 + minutes)
    }

    /// How many minutes `earlier` lies before this one; none if it does not.
    pub fn since(self, earlier: Minute) -> u64 {
        u64::try_from(self.0 - earlier.0).unwrap_or(0)
    }

    /// The first minute of the same day.
    pub fn midnight(self) -> Minute {
        Minute(self.0 - self.0.rem_euclid(MINUTES_PER_DAY))
    }

    /// `2026-11-20` and `1201`: the minute as the folders of an object's key spell it.
    pub fn date_and_clock(self) -> (String, String) {
        let start = utc(self.start().0);
        (start.format("%Y-%m-%d").to_string(), start.format("%H%M").to_string())
    }

    /// Reads what [`Minute::date_and_clock`] prints, and nothing that only resembles it.
    pub fn from_date_and_clock(date: &str, clock: &str) -> Option<Minute> {
        let day = NaiveDate::parse_from_str(date, "%Y-%m-%d").ok()?;
        let (hour, minute) = (clock.get(..2)?.parse().ok()?, clock.get(2..)?.parse().ok()?);
        let start = day.and_hms_opt(hour, minute, 0)?.and_utc().timestamp_micros();
        let read = Time::from_micros(start).ok()?.minute();
        (read.date_and_clock() == (date.to_owned(), clock.to_owned())).then_some(read)
    }
}

impl fmt::Display for Minute {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&utc(self.start().0).to_rfc3339_opts(SecondsFormat::Secs, true))
    }
}

impl FromStr for Minute {
    type Err = TimeError;

    fn from_str(text: &str) -> Result<Minute, TimeError> {
        let time = text.parse::<Time>()?;
        let minute = time.minute();
        if minute.start() != time {
            return Err(TimeError::NotAMinute(crate::decimal::shortened(text)));
        }
        Ok(minute)
    }
}

macro_rules! as_text {
    ($name:ident) => {
        impl TryFrom<String> for $name {
            type Error = TimeError;

            fn try_from(text: String) -> Result<$name, TimeError> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(time: $name) -> String {
                time.to_string()
            }
        }
    };
}

as_text!(Time);
as_text!(Minute);

fn utc(micros: i64) -> DateTime<Utc> {
    DateTime::from_timestamp_micros(micros).expect("2009 to 2100 is inside chrono's range")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_minute_starts_at_its_own_zero_and_ends_before_the_next() {
        let last = Time::from_micros(1_700_000_039_999_999).expect("time");
        let next = Time::from_micros(1_700_000_040_000_000).expect("time");
        assert_eq!(last.to_string(), "2023-11-14T22:13:59.999999Z");
        assert_eq!(last.minute().plus(1), next.minute());
        assert_eq!(next.minute().start(), next);
        assert_eq!(last.minute().to_string(), "2023-11-14T22:13:00Z");
    }

    #[test]
    fn units_are_told_by_magnitude_and_mistaken_ones_refused() {
        let time = |number| Time::from_millis_or_micros(number).map(Time::micros);
        assert_eq!(time(1_700_000_000_120), Ok(1_700_000_000_120_000));
        assert_eq!(time(1_700_000_000_120_007), Ok(1_700_000_000_120_007));
        assert!(Time::from_micros(1_700_000_000_120).is_err(), "milliseconds");
        assert!(Time::from_micros(1_700_000_000_120_007_000).is_err(), "nanoseconds");
        assert!(time(-1).is_err());
        assert!(time(i64::MAX).is_err());
    }

    #[test]
    fn seconds_are_read_as_text_and_cut_at_the_microsecond() {
        let time = |text| Time::from_seconds(text).map(Time::micros);
        assert_eq!(time("1762795433.9717445"), Ok(1_762_795_433_971_744));
        assert_eq!(time("1762795433.97"), Ok(1_762_795_433_970_000));
        assert_eq!(time("1762795433"), Ok(1_762_795_433_000_000));
        for text in ["1762795433.", ".5", "-1.5", "1.7e9", "1762795433.9x", "", "99999999999999"] {
            assert!(time(text).is_err(), "{text}");
        }
    }

    #[test]
    fn key_folders_read_back_and_look_alikes_do_not() {
        let minute = "2026-11-20T12:01:00Z".parse::<Minute>().expect("minute");
        assert_eq!(minute.date_and_clock(), ("2026-11-20".into(), "1201".into()));
        assert_eq!(Minute::from_date_and_clock("2026-11-20", "1201"), Some(minute));
        for (date, clock) in [
            ("2026-11-20", "2401"),
            ("2026-11-20", "1260"),
            ("2026-11-20", "121"),
            ("2026-02-30", "1201"),
            ("2026-11-2", "1201"),
            ("26-11-20", "1201"),
            ("2026-11-20", "+1+1"),
            ("1970-01-01", "0000"),
            ("2026-11-20", "é01"),
        ] {
            assert_eq!(Minute::from_date_and_clock(date, clock), None, "{date} {clock}");
        }
        assert!("2026-11-20T12:01:30Z".parse::<Minute>().is_err());
    }
}
