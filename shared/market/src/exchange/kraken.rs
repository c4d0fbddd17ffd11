//! Kraken spot, websocket v2: the messages of its `trade` and `book` channels and REST `Trades`
//! and `OHLC`; no futures, no account.
//!
//! Source: Kraken's "Spot WebSocket API v2", "Get Recent Trades" and "Get OHLC Data" documents.
//!
//! ```json
//! {"channel":"trade","type":"update","data":[{"symbol":"BTC/USD","side":"buy","price":43000.1,"qty":0.00004134,"ord_type":"limit","trade_id":100,"timestamp":"2023-11-14T22:13:20.120007Z"}]}
//! {"channel":"book","type":"update","data":[{"symbol":"BTC/USD","bids":[{"price":43000.1,"qty":0.50000000}],"asks":[],"checksum":2439117997,"timestamp":"2023-11-14T22:13:20.125000Z"}]}
//! {"channel":"heartbeat"}
//! {"channel":"status","type":"update","data":[{"system":"online","api_version":"v2"}]}
//! {"method":"subscribe","req_id":7,"result":{"channel":"book","depth":10,"symbol":"BTC/USD"},"success":true}
//! {"method":"subscribe","req_id":7,"error":"Currency pair not supported NO/SUCH","symbol":"NO/SUCH","success":false}
//! {"method":"pong"}
//! {"error":[],"result":{"XXBTZUSD":[["43000.10000","0.00004134",1700000000.1200071,"b","m","",100]],"last":"1700000000120007123"}}
//! ```
//! Numbers are JSON numbers in the pair's precision, whose digits are kept as they came. `side` is
//! the *taker's*; `trade_id` is contiguous for each pair. A pair is written `BTC/USD` here and
//! `BTC-USD` in a symbol. By REST pairs have other names, `b` and `s` are the taker's sides, and
//! times are floats: their text is read, cut at the microsecond, and `last`, not they, is what the
//! next page begins `since`.
//!
//! A book begins with a snapshot; a size of 0 deletes. Levels that fall behind the depth that was
//! asked for are not deleted by any message: the reader cuts them off. `checksum` is the CRC32 of
//! the best ten levels afterwards, by the text of their numbers.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

use super::wire::{
    amount, number, object, opening, prices, reason, records, request, side, trades, unix_time,
    unknown, utc_time,
};
use super::{Exchange, Found, Message, Record};
use crate::book::{BookUpdate, Form, Level, Proof};
use crate::candle::Candle;
use crate::decimal::shortened;
use crate::time::Time;
use crate::trade::{Ids, LineError, Marks, Source, Symbol, Trade, field_error, fill};

/// The depth that books are subscribed to: the smallest, which the checksum covers whole.
pub(super) const BOOK_DEPTH: usize = 10;

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow)]
    channel: Option<Cow<'a, str>>,
    #[serde(borrow, rename = "type")]
    form: Option<Cow<'a, str>>,
    #[serde(borrow)]
    data: Option<&'a RawValue>,
    #[serde(borrow)]
    method: Option<Cow<'a, str>>,
    success: Option<bool>,
    #[serde(borrow)]
    error: Option<Cow<'a, str>>,
    #[serde(borrow)]
    symbol: Option<Cow<'a, str>>,
    result: Option<Granted<'a>>,
    #[serde(borrow)]
    req_id: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Granted<'a> {
    #[serde(borrow)]
    channel: Option<Cow<'a, str>>,
    #[serde(borrow)]
    symbol: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
struct Row<'a> {
    #[serde(borrow)]
    symbol: Cow<'a, str>,
    #[serde(borrow)]
    side: Cow<'a, str>,
    #[serde(borrow)]
    price: &'a RawValue,
    #[serde(borrow)]
    qty: &'a RawValue,
    trade_id: u64,
    #[serde(borrow)]
    timestamp: Cow<'a, str>,
}

/// Price, size, time, side, order type, miscellaneous, and an id that old pages lack.
#[derive(Deserialize)]
struct RestRow<'a>(
    #[serde(borrow)] Cow<'a, str>,
    #[serde(borrow)] Cow<'a, str>,
    #[serde(borrow)] &'a RawValue,
    #[serde(borrow)] Cow<'a, str>,
    IgnoredAny,
    IgnoredAny,
    #[serde(default)] Option<u64>,
);

/// Open time in seconds, open, high, low, close, vwap, base volume, trades.
#[derive(Deserialize)]
struct Ohlc<'a>(
    i64,
    #[serde(borrow)] Cow<'a, str>,
    #[serde(borrow)] Cow<'a, str>,
    #[serde(borrow)] Cow<'a, str>,
    #[serde(borrow)] Cow<'a, str>,
    #[serde(borrow)] Cow<'a, str>,
    #[serde(borrow)] Cow<'a, str>,
    u64,
);

#[derive(Deserialize)]
struct Book<'a> {
    #[serde(borrow)]
    symbol: Cow<'a, str>,
    #[serde(borrow)]
    bids: Vec<BookLevel<'a>>,
    #[serde(borrow)]
    asks: Vec<BookLevel<'a>>,
    checksum: u32,
    #[serde(borrow)]
    timestamp: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
struct BookLevel<'a> {
    #[serde(borrow)]
    price: &'a RawValue,
    #[serde(borrow)]
    qty: &'a RawValue,
}

#[derive(Deserialize)]
struct Page<'a> {
    #[serde(borrow)]
    error: Vec<Cow<'a, str>>,
    #[serde(borrow)]
    result: Option<BTreeMap<Cow<'a, str>, &'a RawValue>>,
}

pub(super) fn decode(message: &str, received: Time) -> Result<Message, LineError> {
    let envelope: Envelope<'_> = object(message)?;
    let Some(channel) = envelope.channel.as_deref() else { return Ok(envelope.answer()) };
    let data = || envelope.data.map(RawValue::get).ok_or_else(|| field_error("data", "is missing"));
    match channel {
        "trade" => {
            let rows: Vec<Row<'_>> = serde_json::from_str(data()?)?;
            trades(rows, |row| row.read(received))
        }
        "book" => {
            let form = match envelope.form.as_deref() {
                Some("snapshot") => Form::Snapshot,
                Some("update") => Form::Change,
                other => {
                    let why = format!("{other:?} is neither snapshot nor update");
                    return Err(field_error("type", why));
                }
            };
            let books: Vec<Book<'_>> = serde_json::from_str(data()?)?;
            let books: Result<_, _> = books.iter().map(|book| book.read(form, received)).collect();
            books.map(Message::Books)
        }
        "heartbeat" => Ok(Message::Heartbeat { newest: None }),
        "status" | "ticker" | "ohlc" | "instrument" => Ok(Message::Other),
        other => Ok(unknown(other)),
    }
}

pub(super) fn decode_page<'a>(
    symbol: &Symbol,
    body: &'a str,
    received: Time,
    source: Source,
) -> Result<Vec<Record<'a>>, LineError> {
    let (rows, _) = page(body)?;
    records(body, rows.get(), |text| {
        let row: RestRow<'_> = serde_json::from_str(text)?;
        row.read(symbol.clone(), received, source)
    })
}

pub(super) fn decode_cursor(body: &str) -> Result<u64, LineError> {
    let (_, last) = page(body)?;
    // Of trades it is text, since it has more digits than a float holds.
    last.trim_matches('"').parse().map_err(|why| field_error("last", why))
}

pub(super) fn decode_candles(body: &str) -> Result<Vec<Candle>, LineError> {
    let (rows, last) = page(body)?;
    let last = match last {
        "" => i64::MAX,
        last => last.parse().map_err(|why| field_error("last", why))?,
    };
    let rows: Vec<Ohlc<'_>> = serde_json::from_str(rows.get())?;
    // Behind the last closed candle stands the one that goes on.
    rows.iter().filter(|row| row.0 <= last).map(Ohlc::read).collect()
}

/// The rows of a REST answer, and its `last`.
fn page(body: &str) -> Result<(&RawValue, &str), LineError> {
    let page: Page<'_> = object(body)?;
    if !page.error.is_empty() {
        return Err(field_error("error", reason(&page.error.join(", "))));
    }
    let mut result = page.result.unwrap_or_default();
    let last = result.remove("last").map_or("", RawValue::get);
    // The pair's key need not be the name that was asked for.
    let mut pairs = result.into_values();
    match (pairs.next(), pairs.next()) {
        (Some(rows), None) => Ok((rows, last)),
        _ => Err(field_error("result", "does not hold the rows of one pair")),
    }
}

/// A symbol as REST has it: what the websocket calls BTC and DOGE still has its old names there.
pub(super) fn rest_spelling(symbol: &Symbol) -> String {
    let old = |name| match name {
        "BTC" => "XBT",
        "DOGE" => "XDG",
        name => name,
    };
    symbol.as_str().split('-').map(old).collect()
}

/// A symbol as Kraken writes it: the dash is a slash.
pub(super) fn spelling(symbol: &Symbol) -> String {
    symbol.as_str().replacen('-', "/", 1)
}

/// A pair as a symbol. One slash and no dash: so no two pairs are one symbol.
fn symbol(text: &str) -> Result<Symbol, LineError> {
    match text.split('/').collect::<Vec<_>>()[..] {
        [base, quote] if !text.contains('-') && !base.is_empty() && !quote.is_empty() => {
            super::wire::symbol(&format!("{base}-{quote}"))
        }
        _ => {
            let why = format!("{:?} is not a pair such as \"BTC/USD\"", shortened(text));
            Err(field_error("symbol", why))
        }
    }
}

impl Envelope<'_> {
    /// Everything without a channel answers a request; each symbol of it is answered apart.
    fn answer(&self) -> Message {
        let request = request(self.req_id);
        let of = |channel: Option<&str>, symbol: Option<&str>| match (channel, symbol) {
            (Some(channel), Some(symbol)) => Some(format!("{channel}.{symbol}")),
            (channel, symbol) => channel.or(symbol).map(str::to_owned),
        };
        match (self.method.as_deref(), &self.error, self.success) {
            (_, Some(why), _) => {
                let channel = of(None, self.symbol.as_deref());
                Message::Refused { request, channel, why: reason(why) }
            }
            (Some("pong"), None, _) => Message::Heartbeat { newest: None },
            (Some("subscribe" | "unsubscribe"), None, Some(true)) => {
                let granted = self.result.as_ref();
                let channel =
                    granted.and_then(|it| of(it.channel.as_deref(), it.symbol.as_deref()));
                Message::Ack { request, channels: channel.into_iter().collect() }
            }
            (method, None, _) => unknown(method.unwrap_or("without a name")),
        }
    }
}

impl Row<'_> {
    fn read(&self, received: Time) -> Result<Trade, LineError> {
        Ok(Trade {
            exchange: Exchange::Kraken.name(),
            symbol: symbol(&self.symbol)?,
            time: utc_time(&self.timestamp)?,
            side: side(&self.side, "buy", "sell")?,
            fill: fill(&number("price", self.price)?, &number("qty", self.qty)?)?,
            ids: Ids::range(self.trade_id, self.trade_id)?,
            received,
            source: Source::Ws,
            marks: Marks::default(),
        })
    }
}

impl RestRow<'_> {
    fn read(&self, symbol: Symbol, received: Time, source: Source) -> Result<Found, LineError> {
        let RestRow(price, size, time, whose, _, _, id) = self;
        let id = id.ok_or_else(|| {
            field_error("trade_id", "is missing, and without it no repetition could be told")
        })?;
        let seconds = number("time", time)?;
        let trade = Trade {
            exchange: Exchange::Kraken.name(),
            symbol,
            time: Time::from_seconds(&seconds).map_err(|why| field_error("time", why))?,
            side: side(whose, "b", "s")?,
            fill: fill(price, size)?,
            ids: Ids::range(id, id)?,
            received,
            source,
            marks: Marks::default(),
        };
        Ok(Found::Trade { page_id: Some(id), trade })
    }
}

impl Ohlc<'_> {
    fn read(&self) -> Result<Candle, LineError> {
        let Ohlc(seconds, open, high, low, close, vwap, volume, count) = self;
        let prices = prices([open, high, low, close])?;
        let minute = opening(unix_time(seconds.saturating_mul(1_000))?)?;
        Ok(Candle {
            trade_count: Some(*count),
            vwap: Some(amount("vwap", vwap)?).filter(|_| *count > 0),
            ..Candle::new(minute, prices, amount("volume", volume)?)
        })
    }
}

impl Book<'_> {
    fn read(&self, form: Form, received: Time) -> Result<BookUpdate, LineError> {
        Ok(BookUpdate {
            symbol: symbol(&self.symbol)?,
            time: self.timestamp.as_deref().map_or(Ok(received), utc_time)?,
            received,
            form,
            proof: Proof::Checksum(self.checksum),
            bids: levels(&self.bids)?,
            asks: levels(&self.asks)?,
            inverse: false,
        })
    }
}

fn levels(rows: &[BookLevel<'_>]) -> Result<Vec<Level>, LineError> {
    let level =
        |row: &BookLevel<'_>| Level::read(&number("price", row.price)?, &number("qty", row.qty)?);
    rows.iter().map(level).collect()
}

#[cfg(test)]
mod tests;
