//! A simulated Coinbase Exchange on a local port: its REST pages of trades, and its sockets with
//! trades, books and heartbeats. Its prices follow the simulated Binance's. Unlike that one it never
//! lets go of a connection, and it knows no accounts, and no rate limits.

use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use anyhow::Context;
use axum::Router;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get};
use chrono::{DateTime, SecondsFormat};
use market::Minute;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::cursor::Cursor;
use super::depth::{Depth, Offer, STEP_MS, step_at};
use super::generator::{Aggregate, Record, Tape};
use super::instruments::FOLLOWERS;
use super::market::{Market, now_ms};
use super::socket::{close, until};

/// As Coinbase has it: what a page of trades holds at most.
const PAGE_MAX: usize = 1_000;
const HEARTBEAT_MS: i64 = 1_000;

/// The exchange, until it is dropped.
pub struct SimulatedCoinbase {
    address: SocketAddr,
    _stop: DropGuard,
}

impl SimulatedCoinbase {
    /// The same seed and anchor as the simulated Binance's make the same coins.
    pub async fn start(seed: u64, anchor: Minute) -> anyhow::Result<SimulatedCoinbase> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await;
        let listener = listener.context("cannot open a local port for the simulated Coinbase")?;
        let address = listener.local_addr()?;
        let stop = CancellationToken::new();
        let market = Arc::new(Market::new(&FOLLOWERS, seed, anchor, stop.clone()));
        let router = Router::new()
            .route("/products/{product}/trades", get(trades))
            .route("/", any(socket))
            .with_state(market);
        let server = axum::serve(listener, router).into_future();
        tokio::spawn(stop.clone().run_until_cancelled_owned(server));
        Ok(SimulatedCoinbase { address, _stop: stop.drop_guard() })
    }

    pub fn rest_url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub fn socket_url(&self) -> String {
        format!("ws://{}", self.address)
    }
}

/// The newest trades before the id `after`, or of all; the newest first.
async fn trades(
    State(market): State<Arc<Market>>,
    Path(product): Path<String>,
    Query(query): Query<HashMap<String, String>>,
) -> Response {
    let number = |name: &str| query.get(name).map(|text| text.parse::<u64>()).transpose();
    let (Ok(after), Ok(limit)) = (number("after"), number("limit")) else {
        return refusal(StatusCode::BAD_REQUEST, "after and limit are numbers");
    };
    let limit = limit.map_or(PAGE_MAX, |limit| (limit as usize).clamp(1, PAGE_MAX));
    let now = now_ms();
    let page = market.with_tape(&product, |tape| page(tape, after.unwrap_or(u64::MAX), limit, now));
    let Some(page) = page else { return refusal(StatusCode::NOT_FOUND, "NotFound") };
    let rows: Vec<Value> = page.iter().map(|trade| Value::Object(fields(trade))).collect();
    axum::Json(rows).into_response()
}

fn refusal(status: StatusCode, message: &str) -> Response {
    (status, axum::Json(json!({ "message": message }))).into_response()
}

fn page(tape: &mut Tape, before: u64, limit: usize, now_ms: i64) -> Vec<Aggregate> {
    let mut page = Vec::new();
    let last = tape.minute_at(now_ms);
    for minute in (0..=tape.minute_of(before.saturating_sub(1), last)).rev() {
        let trades = tape.minute(minute).into_iter().rev().filter_map(|record| match record {
            Record::Trade(trade) => Some(trade),
            Record::Tombstone { .. } => None,
        });
        page.extend(trades.filter(|trade| trade.id < before && trade.time_ms <= now_ms));
        if page.len() >= limit {
            break;
        }
    }
    page.truncate(limit);
    page
}

/// What REST and sockets write alike. Coinbase names the maker's side.
fn fields(trade: &Aggregate) -> serde_json::Map<String, Value> {
    let side = if trade.buyer_is_maker { "buy" } else { "sell" };
    let pairs = [
        ("trade_id", json!(trade.id)),
        ("side", json!(side)),
        ("size", json!(trade.size.to_string())),
        ("price", json!(format!("{:.2}", trade.price))),
        ("time", json!(time(trade.time_ms))),
    ];
    pairs.map(|(name, value)| (name.to_owned(), value)).into_iter().collect()
}

fn time(time_ms: i64) -> String {
    let time = DateTime::from_timestamp_millis(time_ms).unwrap_or_default();
    time.to_rfc3339_opts(SecondsFormat::Micros, true)
}

async fn socket(State(market): State<Arc<Market>>, upgrade: WebSocketUpgrade) -> Response {
    upgrade.on_upgrade(async move |socket| serve(market, socket).await)
}

/// Sends what was subscribed until the client leaves, or the exchange stops.
async fn serve(market: Arc<Market>, mut socket: WebSocket) {
    let mut session = Session { market: Arc::clone(&market), channels: vec![] };
    loop {
        let frames = tokio::select! {
            () = market.stop.cancelled() => return close(socket).await,
            () = until(session.due_ms()) => session.take(),
            received = socket.recv() => match received {
                Some(Ok(Message::Text(text))) => session.answer(&text),
                Some(Ok(Message::Binary(_) | Message::Ping(_) | Message::Pong(_))) => vec![],
                Some(Ok(Message::Close(_)) | Err(_)) | None => return,
            },
        };
        for frame in frames {
            if socket.send(Message::text(frame.to_string())).await.is_err() {
                return;
            }
        }
    }
}

#[derive(Deserialize)]
struct Request {
    #[serde(rename = "type")]
    verb: String,
    #[serde(default)]
    product_ids: Vec<String>,
    #[serde(default)]
    channels: Vec<String>,
}

/// One connection, and what it has been promised.
struct Session {
    market: Arc<Market>,
    channels: Vec<Channel>,
}

enum Channel {
    Matches(Cursor),
    Heartbeat {
        symbol: &'static str,
        due_ms: i64,
    },
    /// Changes, from the book that the client has to that of the next step.
    Book {
        symbol: &'static str,
        known: Depth,
        step: i64,
    },
}

impl Session {
    /// What has been asked for is confirmed by the list of all that is subscribed; a product that
    /// is not traded here fails the request, as at the exchange.
    fn answer(&mut self, text: &str) -> Vec<Value> {
        let Ok(request) = serde_json::from_str::<Request>(text) else {
            return vec![json!({"type": "error", "message": "Malformed JSON"})];
        };
        let mut first = Vec::new();
        for product in &request.product_ids {
            let Some(symbol) = self.market.symbols().find(|symbol| symbol == product) else {
                let reason = format!("{product} is not a valid product");
                let message = "Failed to subscribe";
                return vec![json!({"type": "error", "message": message, "reason": reason})];
            };
            for kind in &request.channels {
                self.channels.retain(|it| (it.kind(), it.symbol()) != (kind, symbol));
                if request.verb == "subscribe" {
                    first.extend(self.subscribe(kind, symbol));
                }
            }
        }
        std::iter::once(self.subscriptions()).chain(first).collect()
    }

    /// The message that a channel begins with.
    fn subscribe(&mut self, kind: &str, symbol: &'static str) -> Option<Value> {
        let now = now_ms();
        let market = &self.market;
        match kind {
            "matches" => {
                self.channels.push(Channel::Matches(Cursor::behind(market, symbol, now)?));
                let last = last_match(market, symbol, now)?;
                Some(message("last_match", symbol, fields(&last)))
            }
            "heartbeat" => {
                self.channels.push(Channel::Heartbeat { symbol, due_ms: now + HEARTBEAT_MS });
                None
            }
            "level2_batch" => {
                let step = step_at(now);
                let known = market.with_tape(symbol, |tape| Depth::at(tape, step))?;
                let pair = |(price, size): &Offer| json!([format!("{price:.2}"), size.to_string()]);
                let side = |offers: &[Offer]| offers.iter().map(pair).collect::<Vec<_>>();
                let snapshot = json!({"type": "snapshot", "product_id": symbol,
                    "bids": side(&known.bids), "asks": side(&known.asks), "time": time(now)});
                self.channels.push(Channel::Book { symbol, known, step: step + 1 });
                Some(snapshot)
            }
            _ => None,
        }
    }

    fn subscriptions(&self) -> Value {
        // Coinbase confirms level2_batch by another name.
        let names =
            [("matches", "matches"), ("heartbeat", "heartbeat"), ("level2_batch", "level2_50")];
        let list = names.iter().filter_map(|(kind, name)| {
            let of = self.channels.iter().filter(|channel| channel.kind() == *kind);
            let products: Vec<_> = of.map(Channel::symbol).collect();
            (!products.is_empty()).then(|| json!({"name": name, "product_ids": products}))
        });
        json!({"type": "subscriptions", "channels": list.collect::<Vec<_>>()})
    }

    fn due_ms(&mut self) -> Option<i64> {
        let market = &self.market;
        self.channels.iter_mut().map(|channel| channel.due_ms(market)).min()
    }

    /// The frames that are due: no heartbeat tells of a trade that has not been sent.
    fn take(&mut self) -> Vec<Value> {
        let now = now_ms();
        let mut frames = Vec::new();
        for kind in ["matches", "heartbeat", "level2_batch"] {
            for channel in self.channels.iter_mut().filter(|channel| channel.kind() == kind) {
                channel.take(&self.market, now, &mut frames);
            }
        }
        frames
    }
}

impl Channel {
    fn kind(&self) -> &'static str {
        match self {
            Channel::Matches(_) => "matches",
            Channel::Heartbeat { .. } => "heartbeat",
            Channel::Book { .. } => "level2_batch",
        }
    }

    fn symbol(&self) -> &'static str {
        match self {
            Channel::Matches(cursor) => cursor.symbol,
            Channel::Heartbeat { symbol, .. } | Channel::Book { symbol, .. } => symbol,
        }
    }

    fn due_ms(&mut self, market: &Market) -> i64 {
        match self {
            Channel::Matches(cursor) => cursor.due_ms(market),
            Channel::Heartbeat { due_ms, .. } => *due_ms,
            Channel::Book { step, .. } => *step * STEP_MS,
        }
    }

    fn take(&mut self, market: &Market, now: i64, frames: &mut Vec<Value>) {
        match self {
            Channel::Matches(cursor) => {
                while let Some(trade) = cursor.take(market, now) {
                    frames.push(message("match", cursor.symbol, fields(&trade)));
                }
            }
            Channel::Heartbeat { symbol, due_ms } => {
                if *due_ms > now {
                    return;
                }
                *due_ms = now + HEARTBEAT_MS;
                if let Some(last) = last_match(market, symbol, now) {
                    frames.push(json!({"type": "heartbeat", "product_id": symbol,
                        "last_trade_id": last.id, "time": time(now)}));
                }
            }
            Channel::Book { symbol, known, step } => {
                // Of several that are due the last one says it all.
                let due = step_at(now);
                if *step > due {
                    return;
                }
                let next = market.with_tape(symbol, |tape| Depth::at(tape, due));
                let next = next.unwrap_or_default();
                let changes = changes(known, &next);
                frames.push(json!({"type": "l2update", "product_id": symbol,
                    "changes": changes, "time": time(now)}));
                (*known, *step) = (next, due + 1);
            }
        }
    }
}

fn message(kind: &str, symbol: &str, mut fields: serde_json::Map<String, Value>) -> Value {
    fields.insert("type".to_owned(), json!(kind));
    fields.insert("product_id".to_owned(), json!(symbol));
    Value::Object(fields)
}

fn last_match(market: &Market, symbol: &str, now_ms: i64) -> Option<Aggregate> {
    let page = market.with_tape(symbol, |tape| page(tape, u64::MAX, 1, now_ms));
    page?.into_iter().next()
}

/// What makes one book of the other; a size of 0 takes a price away.
fn changes(known: &Depth, next: &Depth) -> Vec<Value> {
    let mut changes = Vec::new();
    let change = |side, price, size: String| json!([side, format!("{price:.2}"), size]);
    for (side, old, new) in [("buy", &known.bids, &next.bids), ("sell", &known.asks, &next.asks)] {
        let gone = old.iter().filter(|(price, _)| new.iter().all(|(it, _)| it != price));
        changes.extend(gone.map(|(price, _)| change(side, price, "0.00000000".to_owned())));
        let moved = new.iter().filter(|offer| !old.contains(offer));
        changes.extend(moved.map(|(price, size)| change(side, price, size.to_string())));
    }
    changes
}

#[cfg(test)]
mod tests {
    use super::super::instruments::Units;
    use super::*;

    #[test]
    fn changes_lead_from_one_book_to_the_next() {
        let offers = |of: &[(i64, i64)]| of.iter().map(|it| (Units(it.0), Units(it.1))).collect();
        let depth = |bids: &[(i64, i64)], asks: &[(i64, i64)]| Depth {
            bids: offers(bids),
            asks: offers(asks),
        };
        let cent = 1_000_000;
        let before = depth(&[(2 * cent, 5), (cent, 6)], &[(3 * cent, 7)]);
        let after = depth(&[(2 * cent, 5), (0, 8)], &[(3 * cent, 9)]);
        let expected = json!([
            ["buy", "0.01", "0.00000000"],
            ["buy", "0.00", "0.00000008"],
            ["sell", "0.03", "0.00000009"]
        ]);
        assert_eq!(Value::from(changes(&before, &after)), expected);
    }
}
