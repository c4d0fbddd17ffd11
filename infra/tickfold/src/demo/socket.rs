//! One websocket of the simulated Binance, paced by the clock as the tape was traded; what was
//! traded, `generator` knows, and what was offered, `depth`.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::ws::{Message, WebSocket};
use serde::Deserialize;
use tokio::time::{Instant, interval, sleep, sleep_until};

use super::cursor::Cursor;
use super::depth::{Depth, Offer, STEP_MS, step_at};
use super::generator::Aggregate;
use super::market::{Fields, Market, now_ms};
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
    let mut feed = Feed { market: Arc::clone(&market), trades: vec![], books: vec![] };
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

pub(super) async fn close(mut socket: WebSocket) {
    // The client may have left already, and then there is nobody to tell.
    let _ = socket.send(Message::Close(None)).await;
}

/// Waits for this time of the clock; for ever if there is none.
pub(super) async fn until(time_ms: Option<i64>) {
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
    trades: Vec<Cursor>,
    books: Vec<Book>,
}

/// Whole books, one for each step of time.
struct Book {
    symbol: &'static str,
    /// The next one.
    step: i64,
}

const TRADES: &str = "@aggTrade";
const BOOKS: &str = "@depth20@100ms";

impl Feed {
    /// `btcusdt@aggTrade`, from now on, or `btcusdt@depth20@100ms`. Other streams are silent, as
    /// at the exchange.
    fn subscribe(&mut self, stream: &str) {
        let Some((name, kind)) = stream.find('@').map(|at| stream.split_at(at)) else { return };
        let symbol = name.to_ascii_uppercase();
        self.unsubscribe(stream);
        let now = now_ms();
        match kind {
            TRADES => self.trades.extend(Cursor::behind(&self.market, &symbol, now)),
            BOOKS => {
                let symbol = self.market.symbols().find(|it| *it == symbol);
                let book = |symbol| Book { symbol, step: step_at(now) };
                self.books.extend(symbol.map(book));
            }
            _ => {}
        }
    }

    fn unsubscribe(&mut self, stream: &str) {
        self.trades.retain(|trades| name(trades.symbol, TRADES) != stream);
        self.books.retain(|book| name(book.symbol, BOOKS) != stream);
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
        let trades = self.trades.iter_mut().map(|trades| trades.due_ms(market));
        trades.chain(self.books.iter().map(|book| book.step * STEP_MS)).min()
    }

    /// The frames that are due, in the order of time.
    fn take(&mut self, form: Form) -> Vec<String> {
        let (market, now) = (&self.market, now_ms());
        let mut due = Vec::new();
        for trades in &mut self.trades {
            while let Some(trade) = trades.take(market, now) {
                if !market.outages.hides(trade.time_ms) {
                    let event = event(trades.symbol, &trade, now);
                    due.push((trade.time_ms, frame(trades.symbol, TRADES, event, form)));
                }
            }
        }
        for book in &mut self.books {
            // Of several that are due the last one says it all.
            if book.step * STEP_MS <= now {
                let step = step_at(now);
                let depth = market.with_tape(book.symbol, |tape| Depth::at(tape, step));
                let image = image(step, &depth.unwrap_or_default());
                due.push((step * STEP_MS, frame(book.symbol, BOOKS, image, form)));
                book.step = step + 1;
            }
        }
        due.sort_by_key(|(time_ms, _)| *time_ms);
        due.into_iter().map(|(_, frame)| frame).collect()
    }
}

fn name(symbol: &str, kind: &str) -> String {
    format!("{}{kind}", symbol.to_ascii_lowercase())
}

fn frame(symbol: &str, kind: &str, event: String, form: Form) -> String {
    match form {
        Form::Raw => event,
        Form::Combined => format!(r#"{{"stream":"{}","data":{event}}}"#, name(symbol, kind)),
    }
}

fn event(symbol: &str, trade: &Aggregate, now_ms: i64) -> String {
    format!(r#"{{"e":"aggTrade","E":{now_ms},"s":"{symbol}",{}}}"#, Fields(trade))
}

fn image(id: i64, depth: &Depth) -> String {
    let side = |offers: &[Offer]| {
        let offer = |(price, size): &Offer| format!(r#"["{price}","{size}"]"#);
        offers.iter().map(offer).collect::<Vec<_>>().join(",")
    };
    let (bids, asks) = (side(&depth.bids), side(&depth.asks));
    format!(r#"{{"lastUpdateId":{id},"bids":[{bids}],"asks":[{asks}]}}"#)
}
