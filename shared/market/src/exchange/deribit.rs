//! Deribit: the messages of its trade, book and ticker channels, REST
//! `get_last_trades_by_instrument` and `get_tradingview_chart_data`; no combinations of instruments, no account.
//!
//! Source: Deribit's API documents, "Subscriptions", "Market Data" and "Naming".
//!
//! ```json
//! {"jsonrpc":"2.0","method":"subscription","params":{"channel":"trades.BTC-PERPETUAL.100ms","data":[{"trade_seq":100,"trade_id":"137487241","timestamp":1700000000120,"price":43000.5,"amount":5580.0,"direction":"buy","instrument_name":"BTC-PERPETUAL","liquidation":"T","block_trade_id":"66"}]}}
//! {"jsonrpc":"2.0","method":"subscription","params":{"channel":"book.BTC-PERPETUAL.100ms","data":{"type":"change","timestamp":1700000000125,"instrument_name":"BTC-PERPETUAL","prev_change_id":157,"change_id":160,"bids":[["new",43000.5,20.0]],"asks":[["delete",43001.0,0.0]]}}}
//! {"jsonrpc":"2.0","method":"subscription","params":{"channel":"book.BTC-PERPETUAL.none.10.100ms","data":{"timestamp":1700000000125,"instrument_name":"BTC-PERPETUAL","change_id":160,"bids":[[43000.5,20.0]],"asks":[[43001.0,10.0]]}}}
//! {"jsonrpc":"2.0","method":"subscription","params":{"channel":"ticker.BTC-PERPETUAL.100ms","data":{"instrument_name":"BTC-PERPETUAL","mark_price":43000.7,"funding_8h":1.0e-5}}}
//! {"jsonrpc":"2.0","id":7,"result":["trades.BTC-PERPETUAL.100ms"]}
//! {"jsonrpc":"2.0","id":7,"error":{"code":-32602,"message":"Invalid params"}}
//! {"jsonrpc":"2.0","method":"heartbeat","params":{"type":"test_request"}}
//! ```
//! Numbers are JSON numbers, whose digits are kept as they came. `trade_seq` is contiguous for
//! each instrument, `trade_id` is not; `direction` is the *taker's*; times are milliseconds;
//! `liquidation` says whose order was a forced one: `T` the taker's, `M` the maker's, `MT` both.
//! Channels that do not exist are left out of the `result` without a word.
//!
//! `amount` is in USD for perpetuals and futures settled in their coin (inverse), in base units for
//! all else. The message does not say which, the documented names do: [`inverse`]. An option's
//! price is in units of what it is settled in, as its quote volume is then.
//!
//! A book without `type` is the whole of its best levels each time; one with begins with a
//! snapshot, and each change names the one before, whose id is not its own less one.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::wire::{
    amount, number, object, opening, optional, reason, records, request, side, symbol, trades,
    unix_time, unknown,
};
use super::{Context, Exchange, Found, Message, Record};
use crate::book::{BookUpdate, Form, Level, Proof};
use crate::candle::Candle;
use crate::time::Time;
use crate::trade::{
    Ids, LineError, Liquidation, Marks, Source, Symbol, Trade, field_error, fill, inverse_fill,
};

/// What a `test_request` is to be answered with; without it the connection is closed. No caller
/// counts its own requests up to this id.
const TEST: &str = r#"{"jsonrpc":"2.0","id":4294967295,"method":"public/test","params":{}}"#;

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow)]
    method: Option<Cow<'a, str>>,
    #[serde(borrow)]
    params: Option<&'a RawValue>,
    #[serde(borrow)]
    id: Option<&'a RawValue>,
    #[serde(borrow)]
    result: Option<&'a RawValue>,
    #[serde(borrow)]
    error: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Params<'a> {
    #[serde(borrow, rename = "type")]
    kind: Option<Cow<'a, str>>,
    #[serde(borrow)]
    channel: Option<Cow<'a, str>>,
    #[serde(borrow)]
    data: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Row<'a> {
    trade_seq: u64,
    timestamp: i64,
    #[serde(borrow)]
    price: &'a RawValue,
    #[serde(borrow)]
    amount: &'a RawValue,
    #[serde(borrow)]
    direction: Cow<'a, str>,
    #[serde(borrow)]
    instrument_name: Cow<'a, str>,
    #[serde(borrow)]
    liquidation: Option<Cow<'a, str>>,
    #[serde(borrow)]
    block_trade_id: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Book<'a> {
    #[serde(borrow, rename = "type")]
    form: Option<Cow<'a, str>>,
    timestamp: i64,
    #[serde(borrow)]
    instrument_name: Cow<'a, str>,
    prev_change_id: Option<u64>,
    change_id: u64,
    #[serde(borrow)]
    bids: &'a RawValue,
    #[serde(borrow)]
    asks: &'a RawValue,
}

#[derive(Deserialize)]
struct Ticker<'a> {
    #[serde(borrow)]
    instrument_name: Cow<'a, str>,
    #[serde(borrow)]
    funding_8h: Option<&'a RawValue>,
    #[serde(borrow)]
    open_interest: Option<&'a RawValue>,
    #[serde(borrow)]
    mark_price: Option<&'a RawValue>,
    #[serde(borrow)]
    index_price: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Page<'a> {
    #[serde(borrow)]
    result: Option<&'a RawValue>,
    #[serde(borrow)]
    error: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct List<'a> {
    #[serde(borrow)]
    trades: &'a RawValue,
}

/// Candles as columns.
#[derive(Deserialize)]
struct Chart<'a> {
    ticks: Vec<i64>,
    #[serde(borrow)]
    open: Vec<&'a RawValue>,
    #[serde(borrow)]
    high: Vec<&'a RawValue>,
    #[serde(borrow)]
    low: Vec<&'a RawValue>,
    #[serde(borrow)]
    close: Vec<&'a RawValue>,
    #[serde(borrow)]
    volume: Vec<&'a RawValue>,
    #[serde(borrow)]
    cost: Vec<&'a RawValue>,
}

pub(super) fn decode(message: &str, received: Time) -> Result<Message, LineError> {
    let envelope: Envelope<'_> = object(message)?;
    let Some(method) = envelope.method.as_deref() else { return Ok(envelope.answer()) };
    let params = envelope.params.map_or("{}", RawValue::get);
    let params: Params<'_> = object(params)?;
    match (method, params.kind.as_deref(), params.channel.as_deref()) {
        ("heartbeat", Some("test_request"), _) => Ok(Message::Ping { answer: TEST.to_owned() }),
        ("heartbeat", _, _) => Ok(Message::Heartbeat { newest: None }),
        ("subscription", _, Some(channel)) => params.notification(channel, received),
        (other, _, _) => Ok(unknown(other)),
    }
}

pub(super) fn decode_page<'a>(
    symbol: &Symbol,
    body: &'a str,
    received: Time,
    source: Source,
) -> Result<Vec<Record<'a>>, LineError> {
    let List { trades } = object(result(body)?.get())?;
    records(body, trades.get(), |text| {
        let row: Row<'_> = object(text)?;
        let trade = row.read(received, source)?;
        if trade.symbol != *symbol {
            let why = format!("{} is not the {symbol} asked for", trade.symbol);
            return Err(field_error("symbol", why));
        }
        Ok(Found::Trade { page_id: Some(row.trade_seq), trade })
    })
}

pub(super) fn decode_candles(body: &str) -> Result<Vec<Candle>, LineError> {
    let chart: Chart<'_> = object(result(body)?.get())?;
    (0..chart.ticks.len()).map(|at| chart.read(at)).collect()
}

/// What a REST answer brings.
fn result(body: &str) -> Result<&RawValue, LineError> {
    let page: Page<'_> = object(body)?;
    page.result.ok_or_else(|| {
        let why = page.error.map_or("has no result", RawValue::get);
        field_error("result", reason(why))
    })
}

impl Chart<'_> {
    fn read(&self, at: usize) -> Result<Candle, LineError> {
        let amount = |field, column: &[&RawValue]| {
            let token = column.get(at).ok_or_else(|| field_error(field, "is shorter than ticks"));
            amount(field, &number(field, token?)?)
        };
        let prices = [
            amount("open", &self.open)?,
            amount("high", &self.high)?,
            amount("low", &self.low)?,
            amount("close", &self.close)?,
        ];
        let minute = opening(unix_time(self.ticks[at])?)?;
        Ok(Candle {
            quote_volume: Some(amount("cost", &self.cost)?),
            ..Candle::new(minute, prices, amount("volume", &self.volume)?)
        })
    }
}

impl Envelope<'_> {
    /// Everything without a method answers a request.
    fn answer(&self) -> Message {
        let request = request(self.id);
        match (self.error, self.result) {
            (Some(why), _) => Message::Refused { request, channel: None, why: reason(why.get()) },
            // Of a subscription it is the list of what was accepted.
            (None, Some(result)) => {
                let channels = serde_json::from_str(result.get()).unwrap_or_default();
                Message::Ack { request, channels }
            }
            (None, None) => unknown("without a name"),
        }
    }
}

impl Params<'_> {
    fn notification(&self, channel: &str, received: Time) -> Result<Message, LineError> {
        let data = self.data.map(RawValue::get);
        let data = || data.ok_or_else(|| field_error("data", "is missing"));
        match channel.split_once('.').map_or(channel, |(kind, _)| kind) {
            "trades" => {
                let rows: Vec<Row<'_>> = serde_json::from_str(data()?)?;
                trades(rows, |row| row.read(received, Source::Ws))
            }
            "book" => {
                let book: Book<'_> = object(data()?)?;
                Ok(Message::Books(vec![book.read(received)?]))
            }
            "ticker" => {
                let ticker: Ticker<'_> = object(data()?)?;
                Ok(Message::Context(ticker.read()?))
            }
            "quote" | "chart" => Ok(Message::Other),
            other => Ok(unknown(other)),
        }
    }
}

impl Row<'_> {
    fn read(&self, received: Time, source: Source) -> Result<Trade, LineError> {
        let (price, amount) = (number("price", self.price)?, number("amount", self.amount)?);
        let fill = if inverse(&self.instrument_name)? { inverse_fill } else { fill };
        Ok(Trade {
            exchange: Exchange::Deribit.name(),
            symbol: symbol(&self.instrument_name)?,
            time: unix_time(self.timestamp)?,
            side: side(&self.direction, "buy", "sell")?,
            fill: fill(&price, &amount)?,
            ids: Ids::range(self.trade_seq, self.trade_seq)?,
            received,
            source,
            marks: Marks {
                block: self.block_trade_id.is_some(),
                liquidation: match self.liquidation.as_deref() {
                    Some("T") => Some(Liquidation::Taker),
                    Some("M") => Some(Liquidation::Maker),
                    Some("MT") => Some(Liquidation::Both),
                    // A word that is new costs the mark, and must not cost the trade.
                    _ => None,
                },
            },
        })
    }
}

impl Book<'_> {
    fn read(&self, received: Time) -> Result<BookUpdate, LineError> {
        let form = match (self.form.as_deref(), self.prev_change_id) {
            (None, _) => Form::Image,
            (Some("snapshot"), None) => Form::Snapshot,
            (Some("change"), Some(_)) => Form::Change,
            (Some(other), previous) => {
                let why = format!("{:?} with prev_change_id {previous:?}", reason(other));
                return Err(field_error("type", why));
            }
        };
        let levels = |side: &RawValue| match form {
            Form::Image => whole_levels(side.get()),
            Form::Snapshot | Form::Change => changed_levels(side.get()),
        };
        Ok(BookUpdate {
            symbol: symbol(&self.instrument_name)?,
            time: unix_time(self.timestamp)?,
            received,
            form,
            proof: Proof::Follows { previous: self.prev_change_id, id: self.change_id },
            bids: levels(self.bids)?,
            asks: levels(self.asks)?,
            inverse: inverse(&self.instrument_name)?,
        })
    }
}

impl Ticker<'_> {
    fn read(&self) -> Result<Context, LineError> {
        Ok(Context {
            symbol: symbol(&self.instrument_name)?,
            funding_rate: optional("funding_8h", self.funding_8h)?,
            open_interest: optional("open_interest", self.open_interest)?,
            mark_price: optional("mark_price", self.mark_price)?,
            index_price: optional("index_price", self.index_price)?,
        })
    }
}

fn whole_levels(text: &str) -> Result<Vec<Level>, LineError> {
    let rows: Vec<[&RawValue; 2]> = serde_json::from_str(text)?;
    let level = |[price, amount]: [&RawValue; 2]| {
        Level::read(&number("price", price)?, &number("amount", amount)?)
    };
    rows.into_iter().map(level).collect()
}

fn changed_levels(text: &str) -> Result<Vec<Level>, LineError> {
    let rows: Vec<(&RawValue, &RawValue, &RawValue)> = serde_json::from_str(text)?;
    let level = |(action, price, amount): (&RawValue, &RawValue, &RawValue)| {
        let price = number("price", price)?;
        match action.get() {
            r#""new""# | r#""change""# => Level::read(&price, &number("amount", amount)?),
            r#""delete""# => Level::read(&price, "0"),
            other => Err(field_error("action", format!("{:?} is unknown", reason(other)))),
        }
    };
    rows.into_iter().map(level).collect()
}

/// Whether an instrument is sized in USD, by its name:
///
/// | name | what it is | sized in |
/// |---|---|---|
/// | `BTC-PERPETUAL`, `ETH-25DEC26` | perpetual, future | USD |
/// | `SOL_USDC-PERPETUAL`, `BTC_USDC-25DEC26` | linear perpetual, future | base units |
/// | `BTC-25DEC26-50000-C`, `BTC_USDC-25DEC26-50000-P` | option | base units |
/// | `BTC_USDC` | spot | base units |
///
/// Anything else is refused, above all combinations (`BTC-FS-25DEC26_PERP`): their prices are
/// differences, which may be negative.
fn inverse(name: &str) -> Result<bool, LineError> {
    let linear = |underlying: &str| underlying.contains('_');
    match name.split('-').collect::<Vec<_>>()[..] {
        [underlying, "PERPETUAL"] => Ok(!linear(underlying)),
        [underlying, date] if is_date(date) => Ok(!linear(underlying)),
        [_, date, _, "C" | "P"] if is_date(date) => Ok(false),
        [pair] if linear(pair) => Ok(false),
        _ => {
            let what = "a perpetual, future, option or pair of Deribit's";
            Err(field_error("symbol", format!("{:?} is not {what}", reason(name))))
        }
    }
}

/// `3JAN25`, `25DEC26`.
fn is_date(text: &str) -> bool {
    let month = text.trim_start_matches(|digit: char| digit.is_ascii_digit());
    let month = month.trim_end_matches(|digit: char| digit.is_ascii_digit());
    (6..=7).contains(&text.len())
        && month.len() == 3
        && text.ends_with(|digit: char| digit.is_ascii_digit())
        && text.starts_with(|digit: char| digit.is_ascii_digit())
        && month.bytes().all(|letter| letter.is_ascii_uppercase())
}

#[cfg(test)]
mod tests;
