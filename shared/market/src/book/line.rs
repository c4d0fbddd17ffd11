//! The book line: what one symbol's book was in one interval, in the one form in which it travels
//! (Kafka value, S3 line, file); keeps no book.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;

use super::Standing;
use crate::decimal::{Decimal, Price, Size};
use crate::time::{Minute, Time};
use crate::trade::{ExchangeName, LineError, Symbol, field_error};

const MINUTE: u64 = 60_000_000;
/// Levels of one side in a line. Ten are written; a reader takes what a later writer may choose.
const MAX_LEVELS: usize = 100;
/// A thousand for each microsecond of a second: more is a broken number, and could not be summed.
const MAX_UPDATES: u64 = 1_000_000_000;

/// How long one line's interval is; minutes are whole numbers of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Interval(u64);

impl Interval {
    pub const SECOND: Interval = Interval(1_000_000);

    /// `None` if a minute is no multiple of it.
    pub fn from_micros(micros: u64) -> Option<Interval> {
        (micros > 0 && MINUTE.is_multiple_of(micros)).then_some(Interval(micros))
    }

    pub fn micros(self) -> u64 {
        self.0
    }
}

/// The middle between best bid and best ask over a span of time, at its start (or where it was
/// first there), at its highest and lowest, and at its end (or where it was last there).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mid {
    pub open: Decimal,
    pub high: Decimal,
    pub low: Decimal,
    pub close: Decimal,
}

impl From<Decimal> for Mid {
    fn from(mid: Decimal) -> Mid {
        Mid { open: mid, high: mid, low: mid, close: mid }
    }
}

impl Mid {
    /// With another one behind it.
    pub(super) fn then(self, mid: Decimal) -> Mid {
        self.before(Mid::from(mid))
    }

    pub(super) fn before(self, later: Mid) -> Mid {
        let (high, low) = (self.high.max(later.high), self.low.min(later.low));
        Mid { open: self.open, high, low, close: later.close }
    }
}

/// One symbol's book at the end of one interval, and what happened since the line before.
///
/// `Display` prints the line, without a newline; [`BookLine::from_line`] reads it.
///
/// ```json
/// {"exchange":"kraken","symbol":"BTC-USD","time":1700000001000000,"interval":1000000,"since":1700000001000000,"bids":[["43000.1","0.50000000"]],"asks":[["43000.3","1.25000000"]],"mid_open":"43000.2","mid_high":"43000.25","mid_low":"43000.2","mid_close":"43000.2","updates":2,"quoted_micros":1000000,"spread_seconds":"0.22","bid_size_seconds":"0.5","ask_size_seconds":"1.25","ofi":"-0.75","received":1700000001987654}
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BookLine {
    pub exchange: ExchangeName,
    pub symbol: Symbol,
    /// The interval's start: it alone decides the minute.
    pub time: Time,
    pub interval: Interval,
    /// Where the time begins that the sums are about; it ends with the interval. Earlier than
    /// `time` if the book stood still before, and never in another minute.
    pub since: Time,
    /// The best levels at the end of the interval, best first.
    pub bids: Vec<Standing>,
    pub asks: Vec<Standing>,
    /// Whether sizes are in quote units.
    pub inverse: bool,
    /// `None` if a side was empty all the time.
    pub mid: Option<Mid>,
    /// How often price or size of the best bid or ask changed.
    pub updates: u64,
    /// How long both sides stood.
    pub quoted_micros: u64,
    /// Sums over that time: spread times seconds, and the sizes of the levels above times seconds.
    pub spread_seconds: Decimal,
    pub bid_size_seconds: Decimal,
    pub ask_size_seconds: Decimal,
    /// Order flow imbalance: the sum of the order flow of each change; may be negative.
    pub ofi: Decimal,
    /// When we received the last update; decides nothing.
    pub received: Time,
}

impl BookLine {
    /// Reads one line. Unknown fields are passed over, so that an older reader folds what a newer
    /// writer adds.
    pub fn from_line(line: &[u8]) -> Result<BookLine, LineError> {
        // serde would take an array of the same values for the object.
        if !line.trim_ascii_start().starts_with(b"{") {
            return Err(LineError::NoObject);
        }
        let line: Line<'_> = serde_json::from_slice(line)?;
        let sum = |field, text: &str| text.parse().map_err(|why| field_error(field, why));
        let time = |field, time| Time::from_micros(time).map_err(|why| field_error(field, why));
        let read = BookLine {
            exchange: line.exchange.parse().map_err(|why: String| field_error("exchange", why))?,
            symbol: line.symbol.parse().map_err(|why: String| field_error("symbol", why))?,
            time: time("time", line.time)?,
            interval: Interval::from_micros(line.interval)
                .ok_or_else(|| field_error("interval", "is no whole part of a minute"))?,
            since: time("since", line.since)?,
            bids: levels("bids", &line.bids)?,
            asks: levels("asks", &line.asks)?,
            inverse: line.inverse == Some(true),
            mid: line.mid()?,
            updates: line.updates,
            quoted_micros: line.quoted_micros,
            spread_seconds: sum("spread_seconds", &line.spread_seconds)?,
            bid_size_seconds: sum("bid_size_seconds", &line.bid_size_seconds)?,
            ask_size_seconds: sum("ask_size_seconds", &line.ask_size_seconds)?,
            ofi: Decimal::from_signed(&line.ofi).map_err(|why| field_error("ofi", why))?,
            received: time("received", line.received)?,
        };
        read.check()?;
        Ok(read)
    }

    pub fn minute(&self) -> Minute {
        self.time.minute()
    }

    /// The first moment that it tells nothing of any more.
    pub fn end(&self) -> Time {
        self.time.plus(self.interval.micros())
    }

    /// What no recorder writes would spoil a row quietly.
    fn check(&self) -> Result<(), LineError> {
        let worse = |levels: &[Standing], better: fn(&Price, &Price) -> bool| {
            levels.windows(2).find(|pair| !better(&pair[0].0, &pair[1].0)).map(|pair| pair[1].0)
        };
        let falling = worse(&self.bids, |one, next| one.value() > next.value());
        let rising = worse(&self.asks, |one, next| one.value() < next.value());
        if let Some(price) = falling.or(rising) {
            return Err(field_error("bids and asks", format!("{price} is not in its order")));
        }
        if let (Some((bid, _)), Some((ask, _))) = (self.bids.first(), self.asks.first())
            && bid.value() >= ask.value()
        {
            return Err(field_error("bids", format!("{bid} is not below the ask {ask}")));
        }
        if self.time.floor(self.interval.micros()) != self.time {
            return Err(field_error("time", "is not the start of an interval"));
        }
        if self.since >= self.end() || self.since.minute() != self.minute() {
            return Err(field_error("since", "is not in the minute, before the interval's end"));
        }
        if self.quoted_micros > self.end().since(self.since) {
            return Err(field_error("quoted_micros", "is more than the time since `since`"));
        }
        if self.updates > MAX_UPDATES {
            return Err(field_error("updates", format!("is above {MAX_UPDATES}")));
        }
        let sums = [self.spread_seconds, self.bid_size_seconds, self.ask_size_seconds];
        if self.quoted_micros == 0 && sums != [Decimal::ZERO; 3] {
            return Err(field_error("quoted_micros", "is 0, yet something was summed up"));
        }
        if self.mid.is_none() && self.quoted_micros > 0 {
            return Err(field_error("mid_open", "is null, yet both sides stood"));
        }
        Ok(())
    }
}

impl fmt::Display for BookLine {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (exchange, symbol) = (&self.exchange, &self.symbol);
        let (time, interval, since) =
            (self.time.micros(), self.interval.micros(), self.since.micros());
        write!(out, r#"{{"exchange":"{exchange}","symbol":"{symbol}","time":{time},"#)?;
        write!(out, r#""interval":{interval},"since":{since},"#)?;
        for (name, levels) in [("bids", &self.bids), ("asks", &self.asks)] {
            write!(out, r#""{name}":["#)?;
            for (at, (price, size)) in levels.iter().enumerate() {
                let comma = if at == 0 { "" } else { "," };
                write!(out, r#"{comma}["{price}","{size}"]"#)?;
            }
            out.write_str("],")?;
        }
        if self.inverse {
            out.write_str(r#""inverse":true,"#)?;
        }
        match &self.mid {
            Some(Mid { open, high, low, close }) => {
                write!(out, r#""mid_open":"{open}","mid_high":"{high}","#)?;
                write!(out, r#""mid_low":"{low}","mid_close":"{close}","#)?;
            }
            None => out
                .write_str(r#""mid_open":null,"mid_high":null,"mid_low":null,"mid_close":null,"#)?,
        }
        let (updates, quoted, spread) = (self.updates, self.quoted_micros, self.spread_seconds);
        let (bid, ask, ofi) = (self.bid_size_seconds, self.ask_size_seconds, self.ofi);
        let received = self.received.micros();
        write!(out, r#""updates":{updates},"quoted_micros":{quoted},"#)?;
        write!(out, r#""spread_seconds":"{spread}","bid_size_seconds":"{bid}","#)?;
        write!(out, r#""ask_size_seconds":"{ask}","ofi":"{ofi}","received":{received}}}"#)
    }
}

/// The line as JSON types; a key that stands twice is an error of serde's.
#[derive(Deserialize)]
struct Line<'a> {
    #[serde(borrow)]
    exchange: Cow<'a, str>,
    #[serde(borrow)]
    symbol: Cow<'a, str>,
    time: i64,
    interval: u64,
    since: i64,
    #[serde(borrow)]
    bids: Vec<[Cow<'a, str>; 2]>,
    #[serde(borrow)]
    asks: Vec<[Cow<'a, str>; 2]>,
    inverse: Option<bool>,
    mid_open: Option<Decimal>,
    mid_high: Option<Decimal>,
    mid_low: Option<Decimal>,
    mid_close: Option<Decimal>,
    updates: u64,
    quoted_micros: u64,
    #[serde(borrow)]
    spread_seconds: Cow<'a, str>,
    #[serde(borrow)]
    bid_size_seconds: Cow<'a, str>,
    #[serde(borrow)]
    ask_size_seconds: Cow<'a, str>,
    #[serde(borrow)]
    ofi: Cow<'a, str>,
    received: i64,
}

impl Line<'_> {
    fn mid(&self) -> Result<Option<Mid>, LineError> {
        let (open, high, low, close) =
            match (self.mid_open, self.mid_high, self.mid_low, self.mid_close) {
                (Some(open), Some(high), Some(low), Some(close)) => (open, high, low, close),
                (None, None, None, None) => return Ok(None),
                _ => return Err(field_error("mid_open", "all of mid_* are null, or none")),
            };
        if low > open.min(close) || high < open.max(close) {
            return Err(field_error("mid_high", "does not reach around mid_open and mid_close"));
        }
        Ok(Some(Mid { open, high, low, close }))
    }
}

fn levels(field: &'static str, rows: &[[Cow<'_, str>; 2]]) -> Result<Vec<Standing>, LineError> {
    if rows.len() > MAX_LEVELS {
        return Err(field_error(field, format!("{} levels, above {MAX_LEVELS}", rows.len())));
    }
    let level = |[price, size]: &[Cow<'_, str>; 2]| {
        let price: Price = price.parse().map_err(|why| field_error(field, why))?;
        let size: Size = size.parse().map_err(|why| field_error(field, why))?;
        Ok((price, size))
    };
    rows.iter().map(level).collect()
}

#[cfg(test)]
mod tests;
