//! The layout of the bucket: the one place that prints and parses keys; lists and reads nothing.
//!
//! ```text
//! raw/trades/exchange=binance/date=2026-11-20/minute=1201/{name}.ndjson.gz         what arrived
//! raw/books/exchange=binance/date=2026-11-20/minute=1201/{name}.ndjson.gz          of order books
//! quarantine/strays/trades/exchange=../date=../minute=../{name}.ndjson.gz          right line, wrong object
//! quarantine/lines/trades/exchange=../date=../minute=../{name}.ndjson.gz           refused lines
//! dead/date=2026-11-20/{name}.ndjson.gz                                            of no known minute
//! ```

use std::fmt;
use std::str::FromStr;

use market::{ExchangeName, Minute};

const SUFFIX: &str = ".ndjson.gz";
/// Prefix and suffix of the keys that the bucket is to notify `aggregate` of.
pub const EVENT_FILTER: (&str, &str) = ("raw/", SUFFIX);
/// S3 allows 1024 bytes a key; the folders take at most 120 of them.
const MAX_NAME: usize = 200;

/// Who wrote what stands below a prefix, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Area {
    /// What arrived. `aggregate` only reads here, so its own writes can never call it again.
    Raw,
    /// Lines that were found in another minute's object, copied to their own minute.
    Strays,
    /// Refused lines, with the reason and the object and offset they came from.
    RefusedLines,
}

impl Area {
    const ALL: [Area; 3] = [Area::Raw, Area::Strays, Area::RefusedLines];

    fn as_str(self) -> &'static str {
        match self {
            Area::Raw => "raw",
            Area::Strays => "quarantine/strays",
            Area::RefusedLines => "quarantine/lines",
        }
    }
}

/// What the lines of an object are. Topics end with the same words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    Trades,
    Books,
}

impl Kind {
    pub const ALL: [Kind; 2] = [Kind::Trades, Kind::Books];

    pub fn as_str(self) -> &'static str {
        match self {
            Kind::Trades => "trades",
            Kind::Books => "books",
        }
    }
}

/// The folder of one exchange and minute. Prints with its trailing slash.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MinutePrefix {
    pub area: Area,
    pub kind: Kind,
    pub exchange: ExchangeName,
    pub minute: Minute,
}

impl MinutePrefix {
    pub fn raw(kind: Kind, exchange: ExchangeName, minute: Minute) -> MinutePrefix {
        MinutePrefix { area: Area::Raw, kind, exchange, minute }
    }

    pub fn raw_trades(exchange: ExchangeName, minute: Minute) -> MinutePrefix {
        MinutePrefix::raw(Kind::Trades, exchange, minute)
    }

    /// The same exchange and minute in another area.
    pub fn within(&self, area: Area) -> MinutePrefix {
        MinutePrefix { area, ..self.clone() }
    }

    pub fn object(&self, name: &str) -> Result<ObjectKey, KeyError> {
        check_name(name)?;
        Ok(ObjectKey { prefix: self.clone(), name: name.to_owned() })
    }
}

fn check_name(name: &str) -> Result<(), KeyError> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    if name.is_empty() || name.len() > MAX_NAME || !name.bytes().all(allowed) {
        return Err(KeyError::Name(name.to_owned()));
    }
    Ok(())
}

/// The key of lines that do not tell their exchange and minute, by the date on which they came.
pub(crate) fn dead(date: &str, name: &str) -> Result<String, KeyError> {
    check_name(date)?;
    check_name(name)?;
    Ok(format!("dead/date={date}/{name}{SUFFIX}"))
}

impl fmt::Display for MinutePrefix {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (date, clock) = self.minute.date_and_clock();
        let (area, kind) = (self.area.as_str(), self.kind.as_str());
        write!(out, "{area}/{kind}/exchange={}/date={date}/minute={clock}/", self.exchange)
    }
}

/// One object of a minute; `name` is what stands between the folder and `.ndjson.gz`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectKey {
    pub prefix: MinutePrefix,
    pub name: String,
}

impl fmt::Display for ObjectKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}{}{SUFFIX}", self.prefix, self.name)
    }
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    #[error(
        "{0:?} is no object of this lake ({{area}}/{{kind}}/exchange=/date=/minute=/{{name}}{SUFFIX})"
    )]
    Foreign(String),
    #[error("{0:?} is no object name (1 to {MAX_NAME} of A-Z a-z 0-9 - _ .)")]
    Name(String),
}

/// Reads what `Display` prints, and nothing that only resembles it.
impl FromStr for ObjectKey {
    type Err = KeyError;

    fn from_str(key: &str) -> Result<ObjectKey, KeyError> {
        parse(key).ok_or_else(|| KeyError::Foreign(key.to_owned()))
    }
}

fn parse(key: &str) -> Option<ObjectKey> {
    let (area, rest) = Area::ALL
        .into_iter()
        .find_map(|area| Some((area, key.strip_prefix(area.as_str())?.strip_prefix('/')?)))?;
    let mut parts = rest.split('/');
    let kind = parts.next()?;
    let kind = Kind::ALL.into_iter().find(|known| known.as_str() == kind)?;
    let exchange = parts.next()?.strip_prefix("exchange=")?.parse().ok()?;
    let date = parts.next()?.strip_prefix("date=")?;
    let clock = parts.next()?.strip_prefix("minute=")?;
    let minute = Minute::from_date_and_clock(date, clock)?;
    let name = parts.next()?.strip_suffix(SUFFIX)?;
    let prefix = MinutePrefix { area, kind, exchange, minute };
    parts.next().is_none().then(|| prefix.object(name).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str =
        "raw/trades/exchange=binance/date=2026-11-20/minute=1201/20261120T120230-0a1b.ndjson.gz";

    #[test]
    fn keys_print_as_they_were_read() {
        for area in ["raw", "quarantine/strays", "quarantine/lines"] {
            for kind in Kind::ALL {
                let key = KEY.replacen("raw/trades", &format!("{area}/{}", kind.as_str()), 1);
                let read = key.parse::<ObjectKey>().expect(&key);
                assert_eq!((read.to_string(), read.prefix.kind), (key, kind));
            }
        }
        let key = KEY.parse::<ObjectKey>().expect("key");
        assert_eq!(key.prefix.minute.to_string(), "2026-11-20T12:01:00Z");
        assert!(KEY.starts_with(EVENT_FILTER.0) && KEY.ends_with(EVENT_FILTER.1));
        assert_eq!(
            key.prefix.within(Area::Strays).to_string(),
            "quarantine/strays/trades/exchange=binance/date=2026-11-20/minute=1201/"
        );
    }

    #[test]
    fn look_alikes_are_foreign() {
        for (from, to) in [
            ("raw/", ""),
            ("raw/", "raw/raw/"),
            ("trades", "books2"),
            ("exchange=binance", "exchange=Binance"),
            ("date=2026-11-20", "date=2026-11-31"),
            ("minute=1201", "minute=2401"),
            ("minute=1201", "1201"),
            (".ndjson.gz", ".ndjson"),
            ("/20261120T120230-0a1b", "/"),
            ("/20261120T120230-0a1b", "/a/b"),
            ("20261120T120230", ".%2e"),
        ] {
            let key = KEY.replacen(from, to, 1);
            assert_eq!(key.parse::<ObjectKey>(), Err(KeyError::Foreign(key.clone())), "{key}");
        }
    }
}
