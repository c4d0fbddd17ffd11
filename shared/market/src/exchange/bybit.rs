//! Bybit v5, linear contracts and spot: the messages of its trade, book and ticker topics, REST
//! `recent-trade` and `kline`, and the rows of its daily files; no inverse contracts, no options,
//! no account.
//!
//! Source: Bybit's "V5 API" documents, "WebSocket Stream" and "Market"; for the files, programs
//! that read them.
//!
//! ```json
//! {"topic":"publicTrade.BTCUSDT","type":"snapshot","ts":1700000000125,"data":[{"T":1700000000120,"s":"BTCUSDT","S":"Buy","v":"0.004","p":"43000.10","L":"PlusTick","i":"a9188a0a-82bc-50de-be60-03eedbe3cdd7","BT":false,"RPI":false,"seq":7538}]}
//! {"topic":"orderbook.50.BTCUSDT","type":"delta","ts":1700000000125,"data":{"s":"BTCUSDT","b":[["43000.10","0.5"]],"a":[["43000.20","0"]],"u":160,"seq":7539},"cts":1700000000121}
//! {"topic":"tickers.BTCUSDT","type":"delta","data":{"symbol":"BTCUSDT","markPrice":"43001.20","fundingRate":"-0.0001"},"cs":7540,"ts":1700000000125}
//! {"success":true,"ret_msg":"","conn_id":"d8bu1o","req_id":"7","op":"subscribe"}
//! {"success":false,"ret_msg":"error:handler not found,topic:publicTrade.NONE","conn_id":"d8bu1o","req_id":"7","op":"subscribe"}
//! {"success":true,"ret_msg":"pong","conn_id":"d8bu1o","req_id":"","op":"ping"}
//! ```
//! ```csv
//! timestamp,symbol,side,size,price,tickDirection,trdMatchID,grossValue,homeNotional,foreignNotional
//! 1700000000.1204,BTCUSDT,Buy,0.004,43000.1,PlusTick,a9188a0a-82bc-50de-be60-03eedbe3cdd7,1.7e10,0.004,172.0004
//! id,timestamp,price,volume,side
//! 1,1700000000120,43000.1,0.004,buy
//! ```
//! `p` price in quote units, `v` size in base units, `T` trade time in milliseconds, `S` the
//! *taker's* side, `BT` a block trade. `i` is an id without order: it tells duplicates and proves
//! no gap; `seq` is shared by trades and books and proves none either. `type` of a trade message
//! says "snapshot", yet it holds new trades only.
//!
//! A row of a linear contract's file has its time in seconds, to a tenth of a millisecond: cut at
//! the millisecond it is the socket's. Old files begin with the newest trade. A spot file numbers
//! its rows: those are not the ids that the socket and REST tell.
//!
//! A book begins with a snapshot; `u` grows by one with each message, and is 1 when the service
//! has begun anew. A size of 0 deletes. `orderbook.1` sends the whole of its one level each time,
//! and after three seconds again with the same `u`. `cts` is the matching engine's time, as `T` is.
//! Of a ticker only the fields that changed are sent, at spot none that is of use here.
//!
//! Both markets spell alike, with other instruments behind the same names: which one it is, only
//! the connection tells.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::wire::{
    amount, columns, object, opening, pairs, plain, prices, reason, records, request, side, symbol,
    trades, unix_time, unknown,
};
use super::{Context, Exchange, Found, Message, Record};
use crate::book::{BookUpdate, Form, Proof};
use crate::candle::Candle;
use crate::decimal::Decimal;
use crate::time::Time;
use crate::trade::{Ids, LineError, Marks, Source, Symbol, Trade, field_error, fill};

const MICROS_PER_MILLI: u64 = 1_000;

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow)]
    topic: Option<Cow<'a, str>>,
    #[serde(borrow, rename = "type")]
    form: Option<Cow<'a, str>>,
    #[serde(borrow)]
    data: Option<&'a RawValue>,
    ts: Option<i64>,
    cts: Option<i64>,
    #[serde(borrow)]
    op: Option<Cow<'a, str>>,
    success: Option<bool>,
    #[serde(borrow)]
    ret_msg: Option<Cow<'a, str>>,
    #[serde(borrow)]
    req_id: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct PublicTrade<'a> {
    #[serde(rename = "T")]
    time: i64,
    #[serde(borrow)]
    s: Cow<'a, str>,
    #[serde(borrow, rename = "S")]
    side: Cow<'a, str>,
    #[serde(borrow)]
    v: Cow<'a, str>,
    #[serde(borrow)]
    p: Cow<'a, str>,
    #[serde(borrow)]
    i: Cow<'a, str>,
    #[serde(rename = "BT", default)]
    block: bool,
}

#[derive(Deserialize)]
struct RestTrade<'a> {
    #[serde(borrow, rename = "execId")]
    id: Cow<'a, str>,
    #[serde(borrow)]
    symbol: Cow<'a, str>,
    #[serde(borrow)]
    price: Cow<'a, str>,
    #[serde(borrow)]
    size: Cow<'a, str>,
    #[serde(borrow)]
    side: Cow<'a, str>,
    #[serde(borrow)]
    time: Cow<'a, str>,
    #[serde(rename = "isBlockTrade", default)]
    block: bool,
}

#[derive(Deserialize)]
struct OrderBook<'a> {
    #[serde(borrow)]
    s: Cow<'a, str>,
    #[serde(borrow)]
    b: Vec<[Cow<'a, str>; 2]>,
    #[serde(borrow)]
    a: Vec<[Cow<'a, str>; 2]>,
    u: u64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Ticker<'a> {
    #[serde(borrow)]
    symbol: Cow<'a, str>,
    #[serde(borrow)]
    funding_rate: Option<Cow<'a, str>>,
    #[serde(borrow)]
    open_interest: Option<Cow<'a, str>>,
    #[serde(borrow)]
    mark_price: Option<Cow<'a, str>>,
    #[serde(borrow)]
    index_price: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Page<'a> {
    ret_code: i64,
    #[serde(borrow)]
    ret_msg: Cow<'a, str>,
    #[serde(borrow)]
    result: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct List<'a> {
    #[serde(borrow)]
    list: &'a RawValue,
}

/// Start, open, high, low, close, base volume, turnover.
#[derive(Deserialize)]
struct Kline<'a>(
    #[serde(borrow)] Cow<'a, str>,
    #[serde(borrow)] Cow<'a, str>,
    #[serde(borrow)] Cow<'a, str>,
    #[serde(borrow)] Cow<'a, str>,
    #[serde(borrow)] Cow<'a, str>,
    #[serde(borrow)] Cow<'a, str>,
    #[serde(borrow)] Cow<'a, str>,
);

pub(super) fn decode(
    exchange: Exchange,
    message: &str,
    received: Time,
) -> Result<Message, LineError> {
    let envelope: Envelope<'_> = object(message)?;
    let Some(topic) = envelope.topic.as_deref() else { return Ok(envelope.answer()) };
    let (channel, _) = topic.split_once('.').unwrap_or((topic, ""));
    let data = || envelope.data.map(RawValue::get).ok_or_else(|| field_error("data", "is missing"));
    match channel {
        "publicTrade" => {
            let rows: Vec<PublicTrade<'_>> = serde_json::from_str(data()?)?;
            trades(rows, |row| row.read(exchange, received))
        }
        "orderbook" => {
            let book: OrderBook<'_> = object(data()?)?;
            Ok(Message::Books(vec![book.read(&envelope, topic, received)?]))
        }
        "tickers" if exchange == Exchange::Bybit => {
            let ticker: Ticker<'_> = object(data()?)?;
            Ok(Message::Context(ticker.read()?))
        }
        "tickers" | "kline" => Ok(Message::Other),
        other => Ok(unknown(other)),
    }
}

pub(super) fn decode_page<'a>(
    exchange: Exchange,
    symbol: &Symbol,
    body: &'a str,
    received: Time,
    source: Source,
) -> Result<Vec<Record<'a>>, LineError> {
    records(body, list(body)?.get(), |text| {
        let row: RestTrade<'_> = object(text)?;
        let trade = row.read(exchange, symbol, received, source)?;
        Ok(Found::Trade { page_id: None, trade })
    })
}

pub(super) fn decode_candles(body: &str) -> Result<Vec<Candle>, LineError> {
    let rows: Vec<Kline<'_>> = serde_json::from_str(list(body)?.get())?;
    // The newest comes first.
    rows.iter().rev().map(Kline::read).collect()
}

pub(super) fn decode_row(
    exchange: Exchange,
    asked: &Symbol,
    row: &str,
    received: Time,
) -> Result<Option<Found>, LineError> {
    if !row.starts_with(|first: char| first.is_ascii_digit()) {
        return Ok(None);
    }
    let trade = match exchange {
        Exchange::BybitSpot => spot_row(asked, row, received)?,
        _ => linear_row(asked, row, received)?,
    };
    Ok(Some(Found::Trade { page_id: None, trade }))
}

fn linear_row(asked: &Symbol, row: &str, received: Time) -> Result<Trade, LineError> {
    let [time, name, whose, size, price, _, id] = columns(row)?;
    let symbol = symbol(name)?;
    if symbol != *asked {
        return Err(field_error("symbol", format!("{symbol} is not the {asked} asked for")));
    }
    let time = Time::from_seconds(time).map_err(|why| field_error("timestamp", why))?;
    Ok(Trade {
        exchange: Exchange::Bybit.name(),
        symbol,
        // The socket tells milliseconds, and a row must not depend on where its trades came from.
        time: time.floor(MICROS_PER_MILLI),
        side: side(whose, "Buy", "Sell")?,
        fill: fill(&plain("price", price)?, &plain("size", size)?)?,
        ids: Ids::opaque(id)?,
        received,
        source: Source::Archive,
        marks: Marks::default(),
    })
}

fn spot_row(symbol: &Symbol, row: &str, received: Time) -> Result<Trade, LineError> {
    let [id, time, price, size, whose] = columns(row)?;
    let time = time.parse().map_err(|why| field_error("timestamp", why))?;
    Ok(Trade {
        exchange: Exchange::BybitSpot.name(),
        symbol: symbol.clone(),
        time: unix_time(time)?,
        side: side(whose, "buy", "sell")?,
        fill: fill(&plain("price", price)?, &plain("volume", size)?)?,
        ids: Ids::opaque(id)?,
        received,
        source: Source::Archive,
        marks: Marks::default(),
    })
}

/// What a REST answer lists.
fn list(body: &str) -> Result<&RawValue, LineError> {
    let page: Page<'_> = object(body)?;
    let Some(result) = page.result.filter(|_| page.ret_code == 0) else {
        let why = format!("{}: {}", page.ret_code, reason(&page.ret_msg));
        return Err(field_error("retCode", why));
    };
    let List { list } = object(result.get())?;
    Ok(list)
}

impl Kline<'_> {
    fn read(&self) -> Result<Candle, LineError> {
        let Kline(time, open, high, low, close, base, turnover) = self;
        let prices = prices([open, high, low, close])?;
        let time = unix_time(time.parse().map_err(|why| field_error("time", why))?)?;
        Ok(Candle {
            quote_volume: Some(amount("turnover", turnover)?),
            ..Candle::new(opening(time)?, prices, amount("volume", base)?)
        })
    }
}

impl Envelope<'_> {
    /// Everything without a topic answers a request.
    fn answer(&self) -> Message {
        let request = request(self.req_id);
        let why = self.ret_msg.as_deref().unwrap_or_default();
        match (self.op.as_deref(), self.success) {
            (Some("ping" | "pong"), _) => Message::Heartbeat { newest: None },
            (_, Some(false)) => {
                let channel = why.split_once("topic:").map(|(_, topic)| topic.to_owned());
                Message::Refused { request, channel, why: reason(why) }
            }
            (Some("subscribe" | "unsubscribe"), Some(true)) => {
                Message::Ack { request, channels: vec![] }
            }
            (op, _) => unknown(op.unwrap_or("without a name")),
        }
    }
}

impl PublicTrade<'_> {
    fn read(&self, exchange: Exchange, received: Time) -> Result<Trade, LineError> {
        Ok(Trade {
            exchange: exchange.name(),
            symbol: symbol(&self.s)?,
            time: unix_time(self.time)?,
            side: side(&self.side, "Buy", "Sell")?,
            fill: fill(&self.p, &self.v)?,
            ids: Ids::opaque(&self.i)?,
            received,
            source: Source::Ws,
            marks: Marks { block: self.block, liquidation: None },
        })
    }
}

impl RestTrade<'_> {
    fn read(
        &self,
        exchange: Exchange,
        asked: &Symbol,
        received: Time,
        source: Source,
    ) -> Result<Trade, LineError> {
        let symbol = symbol(&self.symbol)?;
        if symbol != *asked {
            return Err(field_error("symbol", format!("{symbol} is not the {asked} asked for")));
        }
        Ok(Trade {
            exchange: exchange.name(),
            symbol,
            time: unix_time(self.time.parse().map_err(|why| field_error("time", why))?)?,
            side: side(&self.side, "Buy", "Sell")?,
            fill: fill(&self.price, &self.size)?,
            ids: Ids::opaque(&self.id)?,
            received,
            source,
            marks: Marks { block: self.block, liquidation: None },
        })
    }
}

impl OrderBook<'_> {
    fn read(
        &self,
        envelope: &Envelope<'_>,
        topic: &str,
        received: Time,
    ) -> Result<BookUpdate, LineError> {
        let at = envelope.cts.or(envelope.ts);
        let form = match envelope.form.as_deref() {
            Some("delta") => Form::Change,
            Some("snapshot") if topic.starts_with("orderbook.1.") && self.u != 1 => Form::Image,
            Some("snapshot") => Form::Snapshot,
            other => {
                let why = format!("{:?} is neither snapshot nor delta", other);
                return Err(field_error("type", why));
            }
        };
        Ok(BookUpdate {
            symbol: symbol(&self.s)?,
            time: unix_time(at.ok_or_else(|| field_error("time", "cts and ts are missing"))?)?,
            received,
            form,
            proof: Proof::Range { first: self.u, last: self.u },
            bids: pairs(&self.b)?,
            asks: pairs(&self.a)?,
            inverse: false,
        })
    }
}

impl Ticker<'_> {
    fn read(&self) -> Result<Context, LineError> {
        // What a contract does not have yet, before it is listed, is an empty text.
        let number = |field, text: &Option<Cow<'_, str>>| {
            let text = text.as_deref().filter(|text| !text.is_empty());
            let number = text.map(Decimal::from_signed).transpose();
            number.map_err(|why| field_error(field, why))
        };
        Ok(Context {
            symbol: symbol(&self.symbol)?,
            funding_rate: number("fundingRate", &self.funding_rate)?,
            open_interest: number("openInterest", &self.open_interest)?,
            mark_price: number("markPrice", &self.mark_price)?,
            index_price: number("indexPrice", &self.index_price)?,
        })
    }
}

#[cfg(test)]
mod tests;
