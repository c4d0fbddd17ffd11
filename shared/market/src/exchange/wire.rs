//! What the exchanges' messages have in common as JSON; knows no exchange.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{Message, Record};
use crate::book::Level;
use crate::decimal::{Decimal, shortened};
use crate::time::{Minute, Time};
use crate::trade::{LineError, Side, Symbol, Trade, field_error};

/// Zeros that an exponent may add: more digits than any number here may have.
const MAX_ZEROS: usize = 40;
/// Characters of an exchange's refusal that are kept: they are a sentence.
const MAX_REASON: usize = 240;

/// The JSON array that pages of several exchanges are, as its records' own text and where in
/// `body` it begins.
pub(super) fn records<'a>(
    body: &str,
    array: &'a str,
    read: impl Fn(&str) -> Result<super::Found, LineError>,
) -> Result<Vec<Record<'a>>, LineError> {
    let rows: Vec<&'a RawValue> = serde_json::from_str(array)?;
    let start = body.as_ptr() as usize;
    let record = |row: &'a RawValue| {
        let text = row.get();
        Record { text, offset: text.as_ptr() as usize - start, outcome: read(text) }
    };
    Ok(rows.into_iter().map(record).collect())
}

/// Reads an object; serde alone would take an array of the same values for one.
pub(super) fn object<'a, T: Deserialize<'a>>(text: &'a str) -> Result<T, LineError> {
    if text.trim_ascii_start().starts_with('{') {
        Ok(serde_json::from_str(text)?)
    } else {
        Err(LineError::NoObject)
    }
}

/// A symbol as the exchange wrote it.
pub(super) fn symbol(text: &str) -> Result<Symbol, LineError> {
    text.parse().map_err(|why: String| field_error("symbol", why))
}

/// A time in milliseconds or microseconds.
pub(super) fn unix_time(number: i64) -> Result<Time, LineError> {
    Time::from_millis_or_micros(number).map_err(|why| field_error("time", why))
}

/// A time such as `2026-11-20T12:01:00.123456Z`.
pub(super) fn utc_time(text: &str) -> Result<Time, LineError> {
    text.parse().map_err(|why| field_error("time", why))
}

/// A side by the two words that an exchange has for it.
pub(super) fn side(text: &str, buy: &str, sell: &str) -> Result<Side, LineError> {
    if text == buy {
        Ok(Side::Buy)
    } else if text == sell {
        Ok(Side::Sell)
    } else {
        let why = format!("{:?} is neither {buy:?} nor {sell:?}", shortened(text));
        Err(field_error("side", why))
    }
}

/// The digits of a JSON number as they were sent; only an exponent is written out, which some
/// exchanges' servers use for what is small.
pub(super) fn number<'a>(
    field: &'static str,
    token: &'a RawValue,
) -> Result<Cow<'a, str>, LineError> {
    plain(field, token.get())
}

/// The same of a number in a file.
pub(super) fn plain<'a>(field: &'static str, text: &'a str) -> Result<Cow<'a, str>, LineError> {
    if !text.starts_with(|first: char| first.is_ascii_digit() || first == '-') {
        return Err(field_error(field, format!("{:?} is not a number", shortened(text))));
    }
    let Some((mantissa, exponent)) = text.split_once(['e', 'E']) else {
        return Ok(Cow::Borrowed(text));
    };
    let refuse = || field_error(field, format!("{:?} is out of range", shortened(text)));
    let exponent: i32 = exponent.parse().map_err(|_| refuse())?;
    let (sign, mantissa) = match mantissa.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", mantissa),
    };
    let (integer, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let added = usize::try_from(exponent.unsigned_abs()).ok().filter(|zeros| *zeros <= MAX_ZEROS);
    let zeros = "0".repeat(added.ok_or_else(refuse)?);
    // With that many zeros on both sides the point can move without looking whether it may.
    let (before, behind) = if exponent < 0 { (&*zeros, "") } else { ("", &*zeros) };
    let digits = format!("{before}{integer}{fraction}{behind}");
    let point = digits.len() - fraction.len() - behind.len();
    let point = point.saturating_add_signed(exponent as isize);
    let (integer, fraction) = digits.split_at(point);
    let integer = match integer.trim_start_matches('0') {
        "" => "0",
        significant => significant,
    };
    let fraction = fraction.trim_end_matches('0');
    let point = if fraction.is_empty() { "" } else { "." };
    Ok(Cow::Owned(format!("{sign}{integer}{point}{fraction}")))
}

/// A number that may be absent or null.
pub(super) fn optional(
    field: &'static str,
    token: Option<&RawValue>,
) -> Result<Option<Decimal>, LineError> {
    let Some(token) = token.filter(|token| token.get() != "null") else { return Ok(None) };
    let text = number(field, token)?;
    Decimal::from_signed(&text).map(Some).map_err(|why| field_error(field, why))
}

/// A price or a volume of a candle, which may be zero.
pub(super) fn amount(field: &'static str, text: &str) -> Result<Decimal, LineError> {
    text.parse().map_err(|why| field_error(field, why))
}

/// Open, high, low and close of a candle that tells them as texts.
pub(super) fn prices(texts: [&str; 4]) -> Result<[Decimal; 4], LineError> {
    let [open, high, low, close] = texts;
    Ok([amount("open", open)?, amount("high", high)?, amount("low", low)?, amount("close", close)?])
}

/// The minute that opens at a time.
pub(super) fn opening(time: Time) -> Result<Minute, LineError> {
    let minute = time.minute();
    if minute.start() != time {
        return Err(field_error("time", format!("{time} is not the start of a minute")));
    }
    Ok(minute)
}

/// The first columns of a row of a file; nothing in such files is quoted.
pub(super) fn columns<const N: usize>(row: &str) -> Result<[&str; N], LineError> {
    let mut columns = row.split(',');
    let mut found = [""; N];
    for (at, column) in found.iter_mut().enumerate() {
        let why = || field_error("row", format!("has {at} columns, not {N} or more"));
        *column = columns.next().ok_or_else(why)?;
    }
    Ok(found)
}

/// Levels of `["price","size"]` pairs.
pub(super) fn pairs(rows: &[[Cow<'_, str>; 2]]) -> Result<Vec<Level>, LineError> {
    rows.iter().map(|[price, size]| Level::read(price, size)).collect()
}

/// A message of several trades: one that cannot be read takes none of the others with it.
pub(super) fn trades<T>(
    rows: Vec<T>,
    read: impl Fn(T) -> Result<Trade, LineError>,
) -> Result<Message, LineError> {
    let mut trades = Vec::with_capacity(rows.len());
    let mut errors = Vec::new();
    for row in rows {
        match read(row) {
            Ok(trade) => trades.push(trade),
            Err(error) => errors.push(error),
        }
    }
    match (trades.is_empty(), errors.is_empty()) {
        (_, true) => Ok(Message::Trades(trades)),
        (true, false) => Err(errors.swap_remove(0)),
        (false, false) => {
            let refused = errors.iter().map(LineError::to_string).collect();
            Ok(Message::Partly { trades, refused })
        }
    }
}

/// What is not known calls itself so.
pub(super) fn unknown(kind: &str) -> Message {
    Message::Unknown { kind: shortened(kind) }
}

/// What an exchange says of its refusal, in a length that a log can bear.
pub(super) fn reason(text: &str) -> String {
    match text.char_indices().nth(MAX_REASON) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// An id of a request, as text whatever type it has.
pub(super) fn request(id: Option<&RawValue>) -> Option<String> {
    let text = id?.get().trim_matches('"');
    (!matches!(text, "" | "null")).then(|| shortened(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_keeps_its_digits_and_an_exponent_is_written_out() {
        let read = |text: &str| {
            let token: &RawValue = serde_json::from_str(text).expect(text);
            number("price", token).map(Cow::into_owned).map_err(|error| error.to_string())
        };
        for (text, expected) in [
            ("63501.90", "63501.90"),
            ("4714.0", "4714.0"),
            ("1.0e-5", "0.00001"),
            ("1e-05", "0.00001"),
            ("-2.50E-3", "-0.0025"),
            ("1.25e3", "1250"),
            ("1.2345e2", "123.45"),
            ("5E+2", "500"),
            ("0e0", "0"),
        ] {
            assert_eq!(read(text).as_deref(), Ok(expected), "{text}");
        }
        assert!(read("1e999").expect_err("huge").starts_with("price: \"1e999\" is out of range"));
        assert!(read("1e-99999999999").is_err());
        assert_eq!(read("\"1\"").expect_err("text"), "price: \"\\\"1\\\"\" is not a number");
        assert!(read("null").is_err());
    }
}
