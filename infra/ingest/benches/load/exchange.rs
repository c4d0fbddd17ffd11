//! An exchange's websocket server that grants what it is asked for, and then says as much as the
//! socket takes; knows the messages from `script.rs`.

use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::Utc;
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use market::Exchange;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Barrier;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_util::sync::CancellationToken;

use crate::script;

/// A trade is rare beside the changes of the book.
const CHANGES_PER_TRADE: u64 = 3;

#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Sent {
    pub(crate) trades: u64,
    pub(crate) changes: u64,
}

pub(crate) struct Server {
    pub(crate) exchange: Exchange,
    pub(crate) listener: TcpListener,
    /// All are subscribed to.
    pub(crate) ready: Arc<Barrier>,
    /// Nobody needs the connection any more.
    pub(crate) over: CancellationToken,
}

type Sink = SplitSink<WebSocketStream<TcpStream>, Message>;

impl Server {
    /// Serves one connection, which must not end before this does.
    pub(crate) async fn run(self, load: Duration) -> (Exchange, Sent) {
        let (stream, _) = self.listener.accept().await.expect("a connection");
        let socket = tokio_tungstenite::accept_async(stream).await.expect("a websocket");
        let (mut sink, mut stream) = socket.split();
        grant(self.exchange, &mut sink, &mut stream).await;
        self.ready.wait().await;
        let symbols = script::symbols(self.exchange);
        for symbol in &symbols {
            if let Some(snapshot) = script::snapshot(self.exchange, symbol, Utc::now()) {
                sink.feed(Message::text(snapshot)).await.expect("a socket");
            }
        }
        let (begun, mut sent, mut round) = (Instant::now(), Sent::default(), 0);
        while begun.elapsed() < load {
            let now = Utc::now();
            for symbol in &symbols {
                round_of(self.exchange, symbol, round, now, &mut sink).await;
            }
            sink.flush().await.expect("a socket");
            sent.trades += symbols.len() as u64;
            sent.changes += CHANGES_PER_TRADE * symbols.len() as u64;
            round += 1;
        }
        // What it is asked meanwhile are keep-alives, which need no answer to be kept alive.
        tokio::spawn(async move {
            let _open = (sink, stream);
            self.over.cancelled().await;
        });
        (self.exchange, sent)
    }
}

async fn round_of(
    exchange: Exchange,
    symbol: &str,
    round: u64,
    now: chrono::DateTime<Utc>,
    sink: &mut Sink,
) {
    let trade = script::trade(exchange, symbol, round + 1, now);
    sink.feed(Message::text(trade)).await.expect("a socket");
    for change in 0..CHANGES_PER_TRADE {
        let change = script::change(exchange, symbol, round * CHANGES_PER_TRADE + change, now);
        sink.feed(Message::text(change)).await.expect("a socket");
    }
}

/// Until everything is granted that the exchange will be asked for.
async fn grant(
    exchange: Exchange,
    sink: &mut Sink,
    stream: &mut SplitStream<WebSocketStream<TcpStream>>,
) {
    let mut granted = 0;
    while granted < script::channels(exchange) {
        let message = stream.next().await.expect("a message").expect("a message");
        let Message::Text(text) = message else { continue };
        let (channels, answers) = script::grant(exchange, &text);
        granted += channels;
        for answer in answers {
            sink.send(Message::text(answer)).await.expect("a socket");
        }
    }
}
