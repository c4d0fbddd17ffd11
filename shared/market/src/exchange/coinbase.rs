//! Coinbase Exchange: the messages of its `matches`, `level2_batch` and `heartbeat` channels and
//! REST `trades` and `candles`; not Coinbase's Advanced Trade, whose messages are others, and no account.
//!
//! Source: Coinbase's "Exchange" documents, "WebSocket Channels", "Get product trades"
//! and "Get product candles".
//!
//! ```json
//! {"type":"match","trade_id":100,"maker_order_id":"6e91","taker_order_id":"de62","side":"sell","size":"0.00211003","price":"43000.01","product_id":"BTC-USD","sequence":7538,"time":"2023-11-14T22:13:20.120007Z"}
//! {"type":"heartbeat","last_trade_id":100,"product_id":"BTC-USD","sequence":7540,"time":"2023-11-14T22:13:21.000000Z"}
//! {"type":"snapshot","product_id":"BTC-USD","bids":[["43000.01","10"]],"asks":[["43000.02","5"]],"time":"2023-11-14T22:13:20.000000Z"}
//! {"type":"l2update","product_id":"BTC-USD","changes":[["buy","43000.01","0.00000000"]],"time":"2023-11-14T22:13:20.125000Z"}
//! {"type":"subscriptions","channels":[{"name":"matches","product_ids":["BTC-USD"]}]}
//! {"type":"error","message":"Failed to subscribe","reason":"NO-SUCH is not a valid product"}
//! ```
//! `side` of a match is the *maker's*, here and by REST: the taker's is the other one. `trade_id`
//! is contiguous for each product; `sequence` is not, since it counts what other channels carry.
//!
//! `last_match` comes once after subscribing and repeats the last trade before it: like the
//! `heartbeat` of each second, it tells up to which id trades must have been seen.
//!
//! A book begins with a snapshot; sizes are absolute, and a size of 0 deletes. Nothing in its
//! updates proves that none was lost: a book that crosses was out of step, and a heartbeat that
//! tells of an unseen trade says that this connection drops messages.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::wire::{
    amount, number, object, opening, pairs, reason, records, side, symbol, unix_time, unknown,
    utc_time,
};
use super::{Exchange, Found, Message, Record};
use crate::book::{BookUpdate, Form, Level, Proof};
use crate::candle::Candle;
use crate::time::Time;
use crate::trade::{Ids, LineError, Marks, Side, Source, Symbol, Trade, field_error, fill};

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow, rename = "type")]
    kind: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
struct Match<'a> {
    trade_id: u64,
    #[serde(borrow)]
    side: Cow<'a, str>,
    #[serde(borrow)]
    size: Cow<'a, str>,
    #[serde(borrow)]
    price: Cow<'a, str>,
    #[serde(borrow)]
    product_id: Option<Cow<'a, str>>,
    #[serde(borrow)]
    time: Cow<'a, str>,
}

#[derive(Deserialize)]
struct Heartbeat<'a> {
    #[serde(borrow)]
    product_id: Cow<'a, str>,
    /// Of a product that was never traded it is 0.
    #[serde(alias = "trade_id")]
    last_trade_id: u64,
}

#[derive(Deserialize)]
struct Snapshot<'a> {
    #[serde(borrow)]
    product_id: Cow<'a, str>,
    #[serde(borrow)]
    bids: Vec<[Cow<'a, str>; 2]>,
    #[serde(borrow)]
    asks: Vec<[Cow<'a, str>; 2]>,
    #[serde(borrow)]
    time: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
struct L2Update<'a> {
    #[serde(borrow)]
    product_id: Cow<'a, str>,
    #[serde(borrow)]
    changes: Vec<[Cow<'a, str>; 3]>,
    #[serde(borrow)]
    time: Cow<'a, str>,
}

#[derive(Deserialize)]
struct Subscriptions<'a> {
    #[serde(borrow)]
    channels: Vec<Channel<'a>>,
}

#[derive(Deserialize)]
struct Channel<'a> {
    #[serde(borrow)]
    name: Cow<'a, str>,
    #[serde(borrow, default)]
    product_ids: Vec<Cow<'a, str>>,
}

#[derive(Deserialize)]
struct Refusal<'a> {
    #[serde(borrow, default)]
    message: Cow<'a, str>,
    #[serde(borrow, default)]
    reason: Cow<'a, str>,
}

/// Open time in seconds, *low*, *high*, open, close, base volume.
#[derive(Deserialize)]
struct Row<'a>(
    i64,
    #[serde(borrow)] &'a RawValue,
    #[serde(borrow)] &'a RawValue,
    #[serde(borrow)] &'a RawValue,
    #[serde(borrow)] &'a RawValue,
    #[serde(borrow)] &'a RawValue,
);

pub(super) fn decode(message: &str, received: Time) -> Result<Message, LineError> {
    let envelope: Envelope<'_> = object(message)?;
    match envelope.kind.as_deref() {
        Some("match") => {
            let row: Match<'_> = object(message)?;
            let name = row.product_id.as_deref();
            let name = name.ok_or_else(|| field_error("symbol", "product_id is missing"))?;
            Ok(Message::Trades(vec![row.read(symbol(name)?, received, Source::Ws)?]))
        }
        Some("heartbeat" | "last_match") => {
            let beat: Heartbeat<'_> = object(message)?;
            let newest = (symbol(&beat.product_id)?, beat.last_trade_id);
            Ok(Message::Heartbeat { newest: Some(newest).filter(|(_, id)| *id > 0) })
        }
        Some("snapshot") => {
            let snapshot: Snapshot<'_> = object(message)?;
            Ok(Message::Books(vec![snapshot.read(received)?]))
        }
        Some("l2update") => {
            let update: L2Update<'_> = object(message)?;
            Ok(Message::Books(vec![update.read(received)?]))
        }
        Some("subscriptions") => {
            let subscriptions: Subscriptions<'_> = object(message)?;
            Ok(Message::Ack { request: None, channels: subscriptions.names() })
        }
        Some("error") => {
            let refusal: Refusal<'_> = object(message)?;
            let why = reason(&format!("{}: {}", refusal.message, refusal.reason));
            Ok(Message::Refused { request: None, channel: None, why })
        }
        Some("ticker") => Ok(Message::Other),
        other => Ok(unknown(other.unwrap_or("without a name"))),
    }
}

pub(super) fn decode_page<'a>(
    symbol: &Symbol,
    body: &'a str,
    received: Time,
    source: Source,
) -> Result<Vec<Record<'a>>, LineError> {
    records(body, body, |text| {
        let row: Match<'_> = object(text)?;
        let trade = row.read(symbol.clone(), received, source)?;
        Ok(Found::Trade { page_id: Some(row.trade_id), trade })
    })
}

pub(super) fn decode_candles(body: &str) -> Result<Vec<Candle>, LineError> {
    let rows: Vec<Row<'_>> = serde_json::from_str(body)?;
    // The newest comes first.
    rows.iter().rev().map(Row::read).collect()
}

impl Row<'_> {
    fn read(&self) -> Result<Candle, LineError> {
        let Row(seconds, low, high, open, close, volume) = self;
        let amount = |field, token| amount(field, &number(field, token)?);
        let prices = [
            amount("open", open)?,
            amount("high", high)?,
            amount("low", low)?,
            amount("close", close)?,
        ];
        let minute = opening(unix_time(seconds.saturating_mul(1_000))?)?;
        Ok(Candle::new(minute, prices, amount("volume", volume)?))
    }
}

impl Match<'_> {
    fn read(&self, symbol: Symbol, received: Time, source: Source) -> Result<Trade, LineError> {
        let maker = side(&self.side, "buy", "sell")?;
        Ok(Trade {
            exchange: Exchange::Coinbase.name(),
            symbol,
            time: utc_time(&self.time)?,
            side: match maker {
                Side::Buy => Side::Sell,
                Side::Sell => Side::Buy,
            },
            fill: fill(&self.price, &self.size)?,
            ids: Ids::range(self.trade_id, self.trade_id)?,
            received,
            source,
            marks: Marks::default(),
        })
    }
}

impl Snapshot<'_> {
    fn read(&self, received: Time) -> Result<BookUpdate, LineError> {
        Ok(BookUpdate {
            symbol: symbol(&self.product_id)?,
            time: self.time.as_deref().map_or(Ok(received), utc_time)?,
            received,
            form: Form::Snapshot,
            proof: Proof::None,
            bids: pairs(&self.bids)?,
            asks: pairs(&self.asks)?,
            inverse: false,
        })
    }
}

impl L2Update<'_> {
    fn read(&self, received: Time) -> Result<BookUpdate, LineError> {
        let (mut bids, mut asks) = (Vec::new(), Vec::new());
        for [whose, price, size] in &self.changes {
            let level = Level::read(price, size)?;
            match side(whose, "buy", "sell")? {
                Side::Buy => bids.push(level),
                Side::Sell => asks.push(level),
            }
        }
        Ok(BookUpdate {
            symbol: symbol(&self.product_id)?,
            time: utc_time(&self.time)?,
            received,
            form: Form::Change,
            proof: Proof::None,
            bids,
            asks,
            inverse: false,
        })
    }
}

impl Subscriptions<'_> {
    /// `level2_batch` is acknowledged under another name than it is asked for.
    fn names(&self) -> Vec<String> {
        let of = |channel: &Channel<'_>| {
            let name = match &*channel.name {
                "level2_50" => "level2_batch",
                name => name,
            };
            let named = |product: &Cow<'_, str>| format!("{name}.{product}");
            channel.product_ids.iter().map(named).collect::<Vec<_>>()
        };
        self.channels.iter().flat_map(of).collect()
    }
}

#[cfg(test)]
mod tests;
