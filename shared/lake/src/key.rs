//! The layout of the bucket: the one place that prints and parses keys; lists and reads nothing.
//!
//! ```text
//! raw/trades/exchange=binance/date=2026-11-20/minute=1201/{name}.ndjson.gz         what arrived
//! raw/books/exchange=binance/date=2026-11-20/minute=1201/{name}.ndjson.gz          of order books
//! quarantine/strays/trades/exchange=../date=../minute=../{name}.ndjson.gz          right line, wrong object
//! quarantine/lines/trades/exchange=../date=../minute=../{name}.ndjson.gz           refused lines
//! dead/date=2026-11-20/{name}.ndjson.gz                                            of no known minute
//! parquet/trades/exchange=binance/symbol=BTCUSDT/date=2026-11-20/trades.parquet    a day's trades, each once
//! parquet/days/exchange=binance/date=2026-11-20.json                               what they were made of
//! ```

use std::fmt;
use std::str::FromStr;

use market::{ExchangeName, Minute, Symbol};

const SUFFIX: &str = ".ndjson.gz";
/// Prefix and suffix of the keys that the bucket is to notify `aggregate` of.
pub const EVENT_FILTER: (&str, &str) = ("raw/", SUFFIX);
/// The folder that readers of Parquet are pointed at.
pub const PARQUET: &str = "parquet/trades/";
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
    /// What rows are made of.
    pub(crate) const OF_ROWS: [Area; 2] = [Area::Raw, Area::Strays];

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

/// The folder that holds a folder for each exchange.
pub(crate) fn exchanges(area: Area, kind: Kind) -> String {
    format!("{}/{}/", area.as_str(), kind.as_str())
}

/// The exchange whose folder this is.
pub(crate) fn exchange_of(folder: &str) -> Option<ExchangeName> {
    let (_, name) = folder.strip_suffix('/')?.rsplit_once('/')?;
    name.strip_prefix("exchange=")?.parse().ok()
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

    /// The folder of the minute's day, which holds a folder for each minute.
    pub(crate) fn day(&self) -> String {
        let minute = self.to_string();
        let (day, _) = minute.split_once("minute=").expect("a minute's folder has a name");
        day.to_owned()
    }

    /// The minute whose folder this is, below the folder of this one's day.
    pub(crate) fn minute_of(&self, folder: &str) -> Option<Minute> {
        let clock = folder.strip_prefix(&self.day())?.strip_prefix("minute=")?.strip_suffix('/')?;
        Minute::from_date_and_clock(&self.minute.date_and_clock().0, clock)
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

/// A day of one exchange.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct DayKey {
    pub exchange: ExchangeName,
    /// Its first minute.
    midnight: Minute,
}

impl DayKey {
    /// The day that holds a minute.
    pub fn of(exchange: ExchangeName, minute: Minute) -> DayKey {
        DayKey { exchange, midnight: minute.midnight() }
    }

    pub fn midnight(&self) -> Minute {
        self.midnight
    }

    /// `2026-11-20`.
    pub fn date(&self) -> String {
        self.midnight.date_and_clock().0
    }

    /// The folder of what lies in an area of this day.
    pub(crate) fn folder(&self, area: Area, kind: Kind) -> String {
        MinutePrefix::raw(kind, self.exchange.clone(), self.midnight).within(area).day()
    }

    /// Where a symbol's trades of the day lie as Parquet.
    pub(crate) fn parquet(&self, symbol: &Symbol) -> String {
        let (exchange, date) = (&self.exchange, self.date());
        format!("{PARQUET}exchange={exchange}/symbol={symbol}/date={date}/trades.parquet")
    }

    /// Where it stands what they were made of: not among the trades, whose readers read all files.
    pub(crate) fn receipt(&self) -> String {
        format!("parquet/days/exchange={}/date={}.json", self.exchange, self.date())
    }
}

impl fmt::Display for DayKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} {}", self.exchange, self.date())
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
    fn folders_tell_their_exchange_and_minute() {
        let key = KEY.parse::<ObjectKey>().expect("key");
        assert_eq!(exchanges(Area::Strays, Kind::Books), "quarantine/strays/books/");
        let exchange = exchange_of("raw/trades/exchange=binance/");
        assert_eq!(exchange.as_ref(), Some(&key.prefix.exchange));
        for foreign in ["raw/trades/", "raw/trades/exchange=Binance/", "exchange=binance"] {
            assert_eq!(exchange_of(foreign), None, "{foreign}");
        }
        let day = key.prefix.day();
        assert_eq!(day, "raw/trades/exchange=binance/date=2026-11-20/");
        let minute = |folder: &str| key.prefix.minute_of(&format!("{day}{folder}"));
        assert_eq!(minute("minute=2359/"), Some(key.prefix.minute.midnight().plus(1_439)));
        for foreign in ["minute=2400/", "minute=1201", "1201/", "minute=1201/a/"] {
            assert_eq!(minute(foreign), None, "{foreign}");
        }
    }

    #[test]
    fn a_day_has_a_folder_for_each_symbol_and_a_receipt() {
        let key = KEY.parse::<ObjectKey>().expect("key");
        let day = DayKey::of(key.prefix.exchange, key.prefix.minute);
        assert_eq!(
            day.parquet(&"BTC-USD".parse().expect("symbol")),
            "parquet/trades/exchange=binance/symbol=BTC-USD/date=2026-11-20/trades.parquet"
        );
        assert_eq!(day.receipt(), "parquet/days/exchange=binance/date=2026-11-20.json");
        let strays = "quarantine/strays/trades/exchange=binance/date=2026-11-20/";
        assert_eq!(day.folder(Area::Strays, Kind::Trades), strays);
        assert_eq!(day.to_string(), "binance 2026-11-20");
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
