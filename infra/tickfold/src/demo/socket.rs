//! One websocket of the simulated exchange, paced by the clock as the tape was traded; what was
//! traded, `generator` knows.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::ws::{Message, WebSocket};
use serde::Deserialize;
use tokio::time::{Instant, interval, sleep, sleep_until};

use super::exchange::{Fields, Market, now_ms};
use super::generator::{Aggregate, Record};
use super::instruments::INSTRUMENTS;
use super::outages::Outage;

const PING_EVERY: Duration = Duration::from_secs(20);
/// From the notice to the end of a connection: time to open the next one without losing a trade.
const NOTICE: Duration = Duration::from_secs(5);

/// How a connection's frames are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Raw,
    /// Each event stands in a frame that names its stream.
    Combined,
}

#[derive(Deserialize)]
struct Request {
    method: String,
    #[serde(default)]
    params: Vec<String>,
    id: serde_json::Value,
}

/// Sends until the client leaves, an outage ends the connection, or the exchange stops.
pub(super) async fn serve(market: Arc<Market>, mut socket: WebSocket, form: Form, streams: &str) {
    let mut feed = Feed { market: Arc::clone(&market), channels: Vec::new() };
    streams.split('/').for_each(|stream| feed.subscribe(stream));
    let mut outage = market.outages.next_after(now_ms());
    let mut pings = interval(PING_EVERY);
    let mut end: Option<Instant> = None;
    loop {
        let sent = tokio::select! {
            () = market.stop.cancelled() => return close(socket).await,
            () = until(feed.due_ms()) => {
                let mut sent = Ok(());
                for frame in feed.take(form) {
                    sent = sent.and(socket.send(Message::text(frame)).await);
                }
                sent
            }
            () = until(Some(outage.at_ms())) => match outage {
                Outage::Announced { at_ms } => {
                    tracing::info!("the simulated exchange announces the end of a connection");
                    end = Some(Instant::now() + NOTICE);
                    outage = market.outages.next_after(at_ms);
                    socket.send(Message::text(shutdown(form))).await
                }
                Outage::Hole { .. } => {
                    tracing::info!("the simulated exchange cuts a connection without a word");
                    return;
                }
            },
            () = sleep_until(end.unwrap_or_else(Instant::now)), if end.is_some() => {
                return close(socket).await;
            }
            _ = pings.tick() => {
                socket.send(Message::Ping(Bytes::from(now_ms().to_string()))).await
            }
            received = socket.recv() => match received {
                Some(Ok(Message::Text(text))) => match feed.answer(&text) {
                    Some(answer) => socket.send(Message::text(answer)).await,
                    None => Ok(()),
                },
                Some(Ok(Message::Binary(_) | Message::Ping(_) | Message::Pong(_))) => Ok(()),
                Some(Ok(Message::Close(_)) | Err(_)) | None => return,
            },
        };
        if sent.is_err() {
            return;
        }
    }
}

async fn close(mut socket: WebSocket) {
    // The client may have left already, and then there is nobody to tell.
    let _ = socket.send(Message::Close(None)).await;
}

/// Waits for this time of the clock; for ever if there is none.
async fn until(time_ms: Option<i64>) {
    let Some(time_ms) = time_ms else { return std::future::pending().await };
    let wait = u64::try_from(time_ms - now_ms()).unwrap_or(0);
    sleep(Duration::from_millis(wait)).await;
}

fn shutdown(form: Form) -> String {
    let event = format!(r#"{{"e":"serverShutdown","E":{}}}"#, now_ms());
    match form {
        Form::Raw => event,
        Form::Combined => format!(r#"{{"stream":"!serverShutdown","data":{event}}}"#),
    }
}

/// What this connection has been promised and not been sent.
struct Feed {
    market: Arc<Market>,
    channels: Vec<Channel>,
}

struct Channel {
    symbol: &'static str,
    /// The next minute of the tape.
    minute: usize,
    pending: VecDeque<Aggregate>,
}

impl Feed {
    /// `btcusdt@aggTrade`, from now on. Other streams are silent, as at the exchange.
    fn subscribe(&mut self, stream: &str) {
        let Some(name) = stream.strip_suffix("@aggTrade") else { return };
        let mut symbols = INSTRUMENTS.iter().map(|instrument| instrument.symbol);
        let Some(symbol) = symbols.find(|symbol| symbol.to_ascii_lowercase() == name) else {
            return;
        };
        self.unsubscribe(stream);
        let now = now_ms();
        let minute = self.market.with_tape(symbol, |tape| tape.minute_at(now)).unwrap_or(0);
        let mut channel = Channel { symbol, minute, pending: VecDeque::new() };
        channel.read(&self.market);
        channel.pending.retain(|trade| trade.time_ms > now);
        self.channels.push(channel);
    }

    fn unsubscribe(&mut self, stream: &str) {
        self.channels.retain(|channel| channel.stream() != stream);
    }

    fn answer(&mut self, text: &str) -> Option<String> {
        let request: Request = serde_json::from_str(text).ok()?;
        match request.method.as_str() {
            "SUBSCRIBE" => request.params.iter().for_each(|stream| self.subscribe(stream)),
            "UNSUBSCRIBE" => request.params.iter().for_each(|stream| self.unsubscribe(stream)),
            _ => return None,
        }
        Some(format!(r#"{{"result":null,"id":{}}}"#, request.id))
    }

    fn due_ms(&mut self) -> Option<i64> {
        let market = &self.market;
        self.channels.iter_mut().map(|channel| channel.due_ms(market)).min()
    }

    /// The frames that are due, in the order of time.
    fn take(&mut self, form: Form) -> Vec<String> {
        let now = now_ms();
        let mut due = Vec::new();
        for channel in &mut self.channels {
            while channel.due_ms(&self.market) <= now {
                let trade = channel.pending.pop_front().expect("something is due");
                if !self.market.outages.hides(trade.time_ms) {
                    due.push((trade.time_ms, channel.frame(&trade, form, now)));
                }
            }
        }
        due.sort_by_key(|(time_ms, _)| *time_ms);
        due.into_iter().map(|(_, frame)| frame).collect()
    }
}

impl Channel {
    fn stream(&self) -> String {
        format!("{}@aggTrade", self.symbol.to_ascii_lowercase())
    }

    fn due_ms(&mut self, market: &Market) -> i64 {
        loop {
            if let Some(trade) = self.pending.front() {
                return trade.time_ms;
            }
            self.read(market);
        }
    }

    /// Reads the next minute; a quiet one brings nothing. Voided records exist in REST only.
    fn read(&mut self, market: &Market) {
        let records = market.with_tape(self.symbol, |tape| tape.minute(self.minute));
        let trade = |record| match record {
            Record::Trade(trade) => Some(trade),
            Record::Tombstone { .. } => None,
        };
        self.pending.extend(records.unwrap_or_default().into_iter().filter_map(trade));
        self.minute += 1;
    }

    fn frame(&self, trade: &Aggregate, form: Form, now_ms: i64) -> String {
        let symbol = self.symbol;
        let event = format!(r#"{{"e":"aggTrade","E":{now_ms},"s":"{symbol}",{}}}"#, Fields(trade));
        match form {
            Form::Raw => event,
            Form::Combined => {
                format!(r#"{{"stream":"{}","data":{event}}}"#, self.stream())
            }
        }
    }
}
