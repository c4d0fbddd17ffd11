//! Binance spot: the messages of its trade and depth streams, REST `aggTrades`, `klines` and
//! `depth`, and the rows of its daily files; no account.
//!
//! Source: Binance's "Web Socket Streams" and "REST API" documents for the spot market, and the
//! description of its public data.
//!
//! ```json
//! {"e":"aggTrade","E":1700000000125,"s":"BTCUSDT","a":9,"p":"43000.01000000","q":"0.00123000","f":100,"l":105,"T":1700000000120,"m":false,"M":true}
//! {"e":"trade","E":1700000000125,"s":"BTCUSDT","t":100,"p":"43000.01000000","q":"0.00123000","T":1700000000120,"m":false,"M":true}
//! {"e":"depthUpdate","E":1700000000125,"s":"BTCUSDT","U":157,"u":160,"b":[["43000.01","10"]],"a":[["43000.02","0"]]}
//! {"stream":"btcusdt@aggTrade","data":{...one of the above...}}
//! {"stream":"btcusdt@depth20@100ms","data":{"lastUpdateId":160,"bids":[["43000.01","10"]],"asks":[["43000.02","5"]]}}
//! {"result":null,"id":1}
//! {"error":{"code":2,"msg":"Invalid request: unknown stream"},"id":1}
//! {"e":"serverShutdown","E":1700000000125}
//! ```
//! ```csv
//! 9,43000.01000000,0.00123000,100,105,1700000000120007,False,True
//! ```
//! `p` price in quote units, `q` size in base units, `T` trade time (milliseconds, or microseconds
//! where the connection asked for them), `f` and `l` the first and last raw trade id, `a` the id by
//! which REST pages are walked, `m` true if the *buyer was the maker*: then the taker sold.
//!
//! A row of a file has `a`, `p`, `q`, `f`, `l`, `T`, `m` and `M` in this order, without a row of
//! names. Its times are microseconds from 2025 on and milliseconds before.
//!
//! Books come in one of two ways. `depth20` is the whole of the best 20 levels, ten times a second:
//! nothing in it can be out of step, and it tells no time of the exchange's. `depth` is what
//! changed: `U` to `u` are the update ids it covers, the next one continues with `u + 1`, and it
//! begins with the REST `depth` of which `lastUpdateId` says which changes are in it already; a
//! size of 0 deletes.

use std::borrow::Cow;

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

use super::wire::{
    amount, columns, object, opening, pairs, plain, prices, reason, records, request, symbol,
    unix_time, unknown,
};
use super::{Exchange, Found, Message, Record};
use crate::book::{BookUpdate, Form, Proof};
use crate::candle::Candle;
use crate::time::Time;
use crate::trade::{Ids, LineError, Marks, Side, Source, Symbol, Trade, field_error, fill};

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow)]
    stream: Option<Cow<'a, str>>,
    #[serde(borrow)]
    data: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Kind<'a> {
    #[serde(borrow)]
    e: Option<Cow<'a, str>>,
    #[serde(borrow)]
    id: Option<&'a RawValue>,
    #[serde(borrow)]
    error: Option<&'a RawValue>,
    #[serde(borrow)]
    msg: Option<&'a RawValue>,
    #[serde(borrow, rename = "lastUpdateId")]
    last_update_id: Option<&'a RawValue>,
    #[serde(borrow, rename = "u")]
    book_ticker: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct AggTrade<'a> {
    #[serde(borrow)]
    s: Option<Cow<'a, str>>,
    a: u64,
    #[serde(borrow)]
    p: Cow<'a, str>,
    #[serde(borrow)]
    q: Cow<'a, str>,
    f: i64,
    l: i64,
    #[serde(rename = "T")]
    time: i64,
    m: bool,
}

#[derive(Deserialize)]
struct RawTrade<'a> {
    #[serde(borrow)]
    s: Cow<'a, str>,
    t: u64,
    #[serde(borrow)]
    p: Cow<'a, str>,
    #[serde(borrow)]
    q: Cow<'a, str>,
    #[serde(rename = "T")]
    time: i64,
    m: bool,
}

#[derive(Deserialize)]
struct DepthUpdate<'a> {
    #[serde(borrow)]
    s: Cow<'a, str>,
    #[serde(rename = "E")]
    time: i64,
    #[serde(rename = "U")]
    first: u64,
    #[serde(rename = "u")]
    last: u64,
    #[serde(borrow)]
    b: Vec<[Cow<'a, str>; 2]>,
    #[serde(borrow)]
    a: Vec<[Cow<'a, str>; 2]>,
}

#[derive(Deserialize)]
struct Depth<'a> {
    #[serde(rename = "lastUpdateId")]
    last_update_id: u64,
    #[serde(borrow)]
    bids: Vec<[Cow<'a, str>; 2]>,
    #[serde(borrow)]
    asks: Vec<[Cow<'a, str>; 2]>,
}

/// Open time, open, high, low, close, base volume, close time, quote volume, trades, base and quote
/// volume that takers bought, and nothing.
#[derive(Deserialize)]
struct Kline<'a>(
    i64,
    #[serde(borrow)] Cow<'a, str>,
    #[serde(borrow)] Cow<'a, str>,
    #[serde(borrow)] Cow<'a, str>,
    #[serde(borrow)] Cow<'a, str>,
    #[serde(borrow)] Cow<'a, str>,
    IgnoredAny,
    #[serde(borrow)] Cow<'a, str>,
    u64,
    #[serde(borrow)] Cow<'a, str>,
    #[serde(borrow)] Cow<'a, str>,
    IgnoredAny,
);

pub(super) fn decode(message: &str, received: Time) -> Result<Message, LineError> {
    let envelope: Envelope<'_> = object(message)?;
    let Some(data) = envelope.data else { return event(None, message, received) };
    let stream = envelope.stream.as_deref().unwrap_or_default();
    // Streams of all symbols at once bring arrays.
    if !data.get().starts_with('{') {
        return Ok(unknown(stream));
    }
    event(Some(stream), data.get(), received)
}

pub(super) fn decode_page<'a>(
    symbol: &Symbol,
    body: &'a str,
    received: Time,
    source: Source,
) -> Result<Vec<Record<'a>>, LineError> {
    records(body, body, |text| {
        let row: AggTrade<'_> = object(text)?;
        row.read(symbol.clone(), received, source)
    })
}

pub(super) fn decode_candles(body: &str) -> Result<Vec<Candle>, LineError> {
    let rows: Vec<Kline<'_>> = serde_json::from_str(body)?;
    rows.iter().map(Kline::read).collect()
}

pub(super) fn decode_row(
    symbol: &Symbol,
    row: &str,
    received: Time,
) -> Result<Option<Found>, LineError> {
    let [a, p, q, f, l, time, m] = columns(row)?;
    if !a.starts_with(|first: char| first.is_ascii_digit()) {
        return Ok(None);
    }
    let whole = |field, text: &str| text.parse::<i64>().map_err(|why| field_error(field, why));
    let row = AggTrade {
        s: None,
        a: a.parse().map_err(|why| field_error("agg_trade_id", why))?,
        p: plain("price", p)?,
        q: plain("size", q)?,
        f: whole("first_id", f)?,
        l: whole("last_id", l)?,
        time: whole("time", time)?,
        m: match m {
            "True" | "true" => true,
            "False" | "false" => false,
            other => return Err(field_error("is_buyer_maker", format!("is {other:?}"))),
        },
    };
    row.read(symbol.clone(), received, Source::Archive).map(Some)
}

pub(super) fn decode_book(
    symbol: &Symbol,
    body: &str,
    received: Time,
) -> Result<BookUpdate, LineError> {
    let depth: Depth<'_> = object(body)?;
    depth.read(symbol.clone(), Form::Snapshot, received)
}

fn event(stream: Option<&str>, payload: &str, received: Time) -> Result<Message, LineError> {
    let kind: Kind<'_> = object(payload)?;
    match kind.e.as_deref() {
        Some("aggTrade") => {
            let row: AggTrade<'_> = object(payload)?;
            let name = row.s.as_ref().ok_or_else(|| field_error("symbol", "\"s\" is missing"))?;
            match row.read(symbol(name)?, received, Source::Ws)? {
                Found::Trade { trade, .. } => Ok(Message::Trades(vec![trade])),
                Found::Tombstone { .. } => Ok(Message::Other),
            }
        }
        Some("trade") => {
            let row: RawTrade<'_> = object(payload)?;
            Ok(Message::Trades(vec![row.read(received)?]))
        }
        Some("depthUpdate") => {
            let row: DepthUpdate<'_> = object(payload)?;
            Ok(Message::Books(vec![row.read(received)?]))
        }
        Some("serverShutdown") => Ok(Message::Closing),
        Some("kline") => Ok(Message::Other),
        Some(other) => Ok(unknown(other)),
        None => kind.without_name(stream, payload, received),
    }
}

impl Kind<'_> {
    /// Messages that do not call themselves anything are known by their fields.
    fn without_name(
        &self,
        stream: Option<&str>,
        payload: &str,
        received: Time,
    ) -> Result<Message, LineError> {
        let refused = |why: &RawValue| Message::Refused {
            request: request(self.id),
            channel: None,
            why: reason(why.get()),
        };
        match self {
            Kind { error: Some(why), .. } | Kind { msg: Some(why), .. } => Ok(refused(why)),
            Kind { id: Some(_), .. } => {
                Ok(Message::Ack { request: request(self.id), channels: vec![] })
            }
            Kind { last_update_id: Some(_), .. } => {
                // It names no symbol: only its stream's name does.
                let Some((name, _)) = stream.and_then(|stream| stream.split_once('@')) else {
                    return Ok(Message::Other);
                };
                let depth: Depth<'_> = object(payload)?;
                let symbol = symbol(&name.to_ascii_uppercase())?;
                Ok(Message::Books(vec![depth.read(symbol, Form::Image, received)?]))
            }
            // The best bid and ask.
            Kind { book_ticker: Some(_), .. } => Ok(Message::Other),
            _ => Ok(unknown(stream.unwrap_or("without a name"))),
        }
    }
}

impl Depth<'_> {
    fn read(&self, symbol: Symbol, form: Form, received: Time) -> Result<BookUpdate, LineError> {
        let id = self.last_update_id;
        Ok(BookUpdate {
            symbol,
            time: received,
            received,
            form,
            proof: Proof::Range { first: id, last: id },
            bids: pairs(&self.bids)?,
            asks: pairs(&self.asks)?,
            inverse: false,
        })
    }
}

impl DepthUpdate<'_> {
    fn read(&self, received: Time) -> Result<BookUpdate, LineError> {
        if self.first > self.last {
            return Err(field_error("u", format!("{} is before U {}", self.last, self.first)));
        }
        Ok(BookUpdate {
            symbol: symbol(&self.s)?,
            time: unix_time(self.time)?,
            received,
            form: Form::Change,
            proof: Proof::Range { first: self.first, last: self.last },
            bids: pairs(&self.b)?,
            asks: pairs(&self.a)?,
            inverse: false,
        })
    }
}

impl AggTrade<'_> {
    fn read(&self, symbol: Symbol, received: Time, source: Source) -> Result<Found, LineError> {
        // Since April 2022 invalid duplicates stand in the records with p = q = 0 and f = l = -1.
        if self.f == -1 && self.l == -1 {
            return Ok(Found::Tombstone { page_id: self.a });
        }
        let id = |field, id: i64| {
            u64::try_from(id).map_err(|_| field_error(field, format!("{id} is negative")))
        };
        let ids = Ids::range(id("first_id", self.f)?, id("last_id", self.l)?)?;
        let row = Row {
            symbol,
            ids,
            price: &self.p,
            size: &self.q,
            time: self.time,
            buyer_is_maker: self.m,
        };
        Ok(Found::Trade { page_id: Some(self.a), trade: row.trade(received, source)? })
    }
}

impl RawTrade<'_> {
    fn read(&self, received: Time) -> Result<Trade, LineError> {
        let (symbol, ids) = (symbol(&self.s)?, Ids::range(self.t, self.t)?);
        let row = Row {
            symbol,
            ids,
            price: &self.p,
            size: &self.q,
            time: self.time,
            buyer_is_maker: self.m,
        };
        row.trade(received, Source::Ws)
    }
}

impl Kline<'_> {
    fn read(&self) -> Result<Candle, LineError> {
        let Kline(time, open, high, low, close, base, _, quote, count, bought, paid, _) = self;
        let prices = prices([open, high, low, close])?;
        let minute = opening(unix_time(*time)?)?;
        Ok(Candle {
            quote_volume: Some(amount("quote_volume", quote)?),
            trade_count: Some(*count),
            buy_base_volume: Some(amount("buy_base_volume", bought)?),
            buy_quote_volume: Some(amount("buy_quote_volume", paid)?),
            ..Candle::new(minute, prices, amount("volume", base)?)
        })
    }
}

/// What both kinds of record say.
struct Row<'a> {
    symbol: Symbol,
    ids: Ids,
    price: &'a str,
    size: &'a str,
    time: i64,
    buyer_is_maker: bool,
}

impl Row<'_> {
    fn trade(self, received: Time, source: Source) -> Result<Trade, LineError> {
        Ok(Trade {
            exchange: Exchange::Binance.name(),
            symbol: self.symbol,
            time: unix_time(self.time)?,
            side: if self.buyer_is_maker { Side::Sell } else { Side::Buy },
            fill: fill(self.price, self.size)?,
            ids: self.ids,
            received,
            source,
            marks: Marks::default(),
        })
    }
}

#[cfg(test)]
mod tests;
