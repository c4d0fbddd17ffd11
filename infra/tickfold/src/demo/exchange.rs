//! A simulated Binance on a local port: its REST list of aggregate trades, and the router of its
//! sockets, which `socket` serves. Knows no accounts, and no rate limits.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use anyhow::Context;
use axum::Router;
use axum::extract::ws::WebSocketUpgrade;
use axum::extract::{Path, Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get};
use market::Minute;
use tokio::net::TcpListener;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::generator::{Record, Tape};
use super::instruments::INSTRUMENTS;
use super::market::{Fields, Market, now_ms};
use super::socket;

/// As Binance has it: what a page holds if nothing is asked for, and at most.
const PAGE_DEFAULT: usize = 500;
const PAGE_MAX: usize = 1_000;

/// The exchange, until it is dropped.
pub struct SimulatedExchange {
    address: SocketAddr,
    _stop: DropGuard,
}

impl SimulatedExchange {
    /// Everything it will ever say is decided by the seed and the anchor, the first minute that it
    /// knows; only the outages of its sockets count from now.
    pub async fn start(seed: u64, anchor: Minute) -> anyhow::Result<SimulatedExchange> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await;
        let listener = listener.context("cannot open a local port for the simulated exchange")?;
        let address = listener.local_addr()?;
        let stop = CancellationToken::new();
        let market = Arc::new(Market::new(&INSTRUMENTS, seed, anchor, stop.clone()));
        let router = Router::new()
            .route("/api/v3/ping", get(async || axum::Json(serde_json::json!({}))))
            .route("/api/v3/aggTrades", get(agg_trades))
            .route("/stream", any(combined))
            .route("/ws", any(bare))
            .route("/ws/{*streams}", any(raw))
            .with_state(market);
        let server = axum::serve(listener, router).into_future();
        tokio::spawn(stop.clone().run_until_cancelled_owned(server));
        Ok(SimulatedExchange { address, _stop: stop.drop_guard() })
    }

    pub fn rest_url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub fn socket_url(&self) -> String {
        format!("ws://{}", self.address)
    }
}

async fn combined(
    State(market): State<Arc<Market>>,
    Query(query): Query<HashMap<String, String>>,
    upgrade: WebSocketUpgrade,
) -> Response {
    let streams = query.get("streams").map_or("", String::as_str).to_owned();
    upgrade.on_upgrade(async move |socket| {
        socket::serve(market, socket, socket::Form::Combined, &streams).await;
    })
}

async fn raw(
    State(market): State<Arc<Market>>,
    Path(streams): Path<String>,
    upgrade: WebSocketUpgrade,
) -> Response {
    upgrade.on_upgrade(async move |socket| {
        socket::serve(market, socket, socket::Form::Raw, &streams).await;
    })
}

async fn bare(State(market): State<Arc<Market>>, upgrade: WebSocketUpgrade) -> Response {
    upgrade.on_upgrade(async move |socket| {
        socket::serve(market, socket, socket::Form::Raw, "").await;
    })
}

/// An error in Binance's own words.
struct Refusal {
    code: i32,
    message: String,
}

impl Refusal {
    fn new(code: i32, message: impl Into<String>) -> Refusal {
        Refusal { code, message: message.into() }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let body = serde_json::json!({ "code": self.code, "msg": self.message });
        (StatusCode::BAD_REQUEST, axum::Json(body)).into_response()
    }
}

/// Which records a request asks for.
enum Window {
    /// From this id on.
    Ids { from: u64 },
    /// From this time on, the oldest first.
    Times { start_ms: i64, end_ms: i64 },
    /// The newest ones.
    Latest { end_ms: i64 },
}

async fn agg_trades(
    State(market): State<Arc<Market>>,
    Query(query): Query<HashMap<String, String>>,
) -> Result<Response, Refusal> {
    let symbol = query.get("symbol").filter(|symbol| !symbol.is_empty()).ok_or_else(|| {
        let message = "Mandatory parameter 'symbol' was not sent, was empty/null, or malformed.";
        Refusal::new(-1102, message)
    })?;
    let limit = number(&query, "limit")?.map_or(PAGE_DEFAULT, |limit| limit as usize);
    let window = match (number(&query, "fromId")?, times(&query)?) {
        (Some(from), (None, None)) => Window::Ids { from },
        (None, (Some(start_ms), end_ms)) => {
            Window::Times { start_ms, end_ms: end_ms.unwrap_or(i64::MAX) }
        }
        (None, (None, end_ms)) => Window::Latest { end_ms: end_ms.unwrap_or(i64::MAX) },
        (Some(_), _) => {
            return Err(Refusal::new(-1128, "Combination of optional parameters invalid."));
        }
    };
    let (limit, now) = (limit.clamp(1, PAGE_MAX), now_ms());
    let body = market.with_tape(symbol, |tape| body(&page(tape, &window, limit, now)));
    let body = body.ok_or_else(|| Refusal::new(-1121, "Invalid symbol."))?;
    Ok(([(header::CONTENT_TYPE, "application/json;charset=UTF-8")], body).into_response())
}

type Times = (Option<i64>, Option<i64>);

fn times(query: &HashMap<String, String>) -> Result<Times, Refusal> {
    let time = |name| Ok(number(query, name)?.map(|time| i64::try_from(time).unwrap_or(i64::MAX)));
    Ok((time("startTime")?, time("endTime")?))
}

fn number(query: &HashMap<String, String>, name: &str) -> Result<Option<u64>, Refusal> {
    let Some(text) = query.get(name) else { return Ok(None) };
    let number = text.parse().map_err(|_| {
        let legal = "legal range is '^[0-9]{1,20}$'.";
        Refusal::new(-1100, format!("Illegal characters found in parameter '{name}'; {legal}"))
    });
    number.map(Some)
}

/// What has been traded by now, in the order of ids.
fn page(tape: &mut Tape, window: &Window, limit: usize, now_ms: i64) -> Vec<Record> {
    let mut page = Vec::new();
    match *window {
        Window::Ids { from } => {
            let last = tape.minute_at(now_ms);
            for minute in tape.minute_of(from, last)..=last {
                let wanted = |record: &Record| record.id() >= from && record.time_ms() <= now_ms;
                page.extend(tape.minute(minute).into_iter().filter(wanted));
                if page.len() >= limit {
                    break;
                }
            }
        }
        Window::Times { start_ms, end_ms } => {
            let end_ms = end_ms.min(now_ms);
            for minute in tape.minute_at(start_ms)..=tape.minute_at(end_ms) {
                let wanted = |record: &Record| (start_ms..=end_ms).contains(&record.time_ms());
                page.extend(tape.minute(minute).into_iter().filter(wanted));
                if page.len() >= limit {
                    break;
                }
            }
        }
        Window::Latest { end_ms } => {
            let end_ms = end_ms.min(now_ms);
            for minute in (0..=tape.minute_at(end_ms)).rev() {
                let records = tape.minute(minute).into_iter();
                let older: Vec<Record> =
                    records.filter(|record| record.time_ms() <= end_ms).collect();
                page.splice(0..0, older);
                if page.len() >= limit {
                    page.drain(..page.len() - limit);
                    break;
                }
            }
        }
    }
    page.truncate(limit);
    page
}

fn body(records: &[Record]) -> String {
    let mut body = String::from("[");
    for (at, record) in records.iter().enumerate() {
        let comma = if at == 0 { "" } else { "," };
        let written = match record {
            Record::Trade(trade) => write!(body, "{comma}{{{}}}", Fields(trade)),
            Record::Tombstone { id, time_ms } => write!(
                body,
                r#"{comma}{{"a":{id},"p":"0","q":"0","f":-1,"l":-1,"T":{time_ms},"m":false,"M":true}}"#
            ),
        };
        written.expect("a string takes every byte");
    }
    body + "]"
}
