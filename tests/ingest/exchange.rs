//! An exchange's websocket server on this machine whose every frame the test decides; answers
//! pings as any server does, and nothing else by itself.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade};
use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use futures_util::{SinkExt, StreamExt};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::running::soon;

pub(crate) struct Exchange {
    pub(crate) url: String,
    sessions: mpsc::UnboundedReceiver<Session>,
    refusals: Arc<AtomicU64>,
}

/// One connection of ingest's.
pub(crate) struct Session {
    /// The path and query that it was opened with.
    pub(crate) address: String,
    frames: mpsc::UnboundedSender<Message>,
    heard: mpsc::UnboundedReceiver<Message>,
    /// Frames that the socket has taken.
    sent: Arc<AtomicU64>,
    death: CancellationToken,
}

#[derive(Clone)]
struct Server {
    sessions: mpsc::UnboundedSender<Session>,
    refusals: Arc<AtomicU64>,
}

impl Exchange {
    pub(crate) async fn start() -> Exchange {
        Exchange::start_refusing(0).await
    }

    /// Refuses the first connections.
    pub(crate) async fn start_refusing(refusals: u64) -> Exchange {
        let (sender, sessions) = mpsc::unbounded_channel();
        let left = Arc::new(AtomicU64::new(0));
        let server = Server { sessions: sender, refusals: Arc::clone(&left) };
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("ws://{}", listener.local_addr().expect("an address"));
        let router = Router::new().fallback(any(accept)).with_state(server);
        tokio::spawn(async move { axum::serve(listener, router).await });
        let exchange = Exchange { url, sessions, refusals: left };
        exchange.refuse(refusals);
        exchange
    }

    /// Refuses so many more connections, with a status of HTTP.
    pub(crate) fn refuse(&self, connections: u64) {
        self.refusals.fetch_add(connections, Ordering::SeqCst);
    }

    /// The next connection that is opened.
    pub(crate) async fn session(&mut self) -> Session {
        soon("a connection", self.sessions.recv()).await.expect("the server runs")
    }
}

async fn accept(State(server): State<Server>, uri: Uri, upgrade: WebSocketUpgrade) -> Response {
    let less = |refusals: u64| refusals.checked_sub(1);
    if server.refusals.fetch_update(Ordering::SeqCst, Ordering::SeqCst, less).is_ok() {
        return (StatusCode::SERVICE_UNAVAILABLE, "not now").into_response();
    }
    upgrade.on_upgrade(async move |socket| {
        let (frames, orders) = mpsc::unbounded_channel();
        let (ears, heard) = mpsc::unbounded_channel();
        let (sent, death) = (Arc::new(AtomicU64::new(0)), CancellationToken::new());
        let (address, counter, dies) = (uri.to_string(), Arc::clone(&sent), death.clone());
        let _ = server.sessions.send(Session { address, frames, heard, sent, death });
        dies.run_until_cancelled(serve(socket, orders, ears, counter)).await;
    })
}

async fn serve(
    socket: WebSocket,
    mut orders: mpsc::UnboundedReceiver<Message>,
    ears: mpsc::UnboundedSender<Message>,
    sent: Arc<AtomicU64>,
) {
    let (mut sink, mut stream) = socket.split();
    let listen = async {
        while let Some(Ok(message)) = stream.next().await {
            let _ = ears.send(message);
        }
    };
    let speak = async {
        while let Some(message) = orders.recv().await {
            if sink.send(message).await.is_err() {
                break;
            }
            sent.fetch_add(1, Ordering::SeqCst);
        }
    };
    tokio::select! { () = listen => {}, () = speak => {} }
}

impl Session {
    pub(crate) fn send(&self, frame: impl Into<String>) {
        self.message(Message::Text(frame.into().into()));
    }

    pub(crate) fn message(&self, message: Message) {
        let _ = self.frames.send(message);
    }

    /// Ends the connection without a word, and with what was not sent yet.
    pub(crate) fn cut(&self) {
        self.death.cancel();
    }

    pub(crate) fn close(&self, code: u16, reason: &str) {
        self.message(Message::Close(Some(CloseFrame { code, reason: reason.into() })));
    }

    /// Waits until ingest reads no more of what is sent; returns how many frames the socket took.
    pub(crate) async fn stuck(&self) -> u64 {
        let sent = || self.sent.load(Ordering::SeqCst);
        let stuck = async {
            let mut before = u64::MAX;
            while before != sent() || before == 0 {
                before = sent();
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
            before
        };
        soon("back-pressure", stuck).await
    }

    /// What ingest sends next; `None` once the connection has ended.
    pub(crate) async fn heard(&mut self) -> Option<Message> {
        soon("a frame of ingest's", self.heard.recv()).await
    }

    /// Waits until ingest has read everything that was sent so far: frames are read in order, and
    /// so is this ping.
    pub(crate) async fn read_so_far(&mut self) {
        let payload = format!("ping {:016x}", rand::random::<u64>()).into_bytes();
        self.message(Message::Ping(payload.clone().into()));
        loop {
            match self.heard().await {
                Some(Message::Pong(answer)) if *answer == *payload => return,
                Some(_) => {}
                None => panic!("the connection ended before the pong"),
            }
        }
    }
}
