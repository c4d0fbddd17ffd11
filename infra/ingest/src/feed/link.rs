//! Keeps one feed connected: connects, watches, replaces before the exchange ends it; passes
//! frames on unread.

use std::future::pending;
use std::mem;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, anyhow};
use futures_util::future::BoxFuture;
use futures_util::{FutureExt, StreamExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval, sleep, timeout};
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Error, Message as Frame};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async_with_config};
use tracing::{info, warn};

use super::pace::Pace;
use crate::backoff::Backoff;
use crate::config::Feed;
use crate::venue::Terms;

/// For TCP, TLS and the websocket's handshake together; more than ten round trips around the earth.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// For the exchange's answer to our close frame.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);
const RECONNECT: Backoff = Backoff { first: Duration::from_secs(1), cap: Duration::from_secs(30) };
/// A connection that held for so long was a good one: the next failure is a first one again.
const STABLE: Duration = Duration::from_secs(60);
/// A thousand times the largest trade message; what is larger is not meant for us.
const MAX_MESSAGE: usize = 1 << 20;
/// Trade messages are small and come one by one.
const READ_BUFFER: usize = 16 << 10;
/// How often the time-outs are looked at; they are seconds.
const TICK: Duration = Duration::from_millis(250);
/// Feeds are renewed up to this part of the age later, so that they do not all go at once.
const RENEW_JITTER: f64 = 0.02;

type Socket = Box<WebSocketStream<MaybeTlsStream<TcpStream>>>;

/// A connection that is always there, or being made.
pub(super) struct Link {
    feed: Feed,
    connector: Arc<Connector>,
    current: Option<Connection>,
    next: Next,
    /// Attempts to connect since a connection was last stable.
    attempts: u32,
    opened: u64,
    tick: Interval,
    /// When the last frame was passed on.
    passed: Instant,
}

struct Connection {
    socket: Socket,
    opened: Instant,
    /// When it last brought data, or could not because nobody read.
    heard: Instant,
    renew_at: Instant,
}

/// What comes after the current connection.
enum Next {
    Unneeded,
    Opening(BoxFuture<'static, (Socket, u32)>),
    /// Open, and not yet read: read at the same time as the old one it would seem to skip what
    /// that one has not brought yet. What it brings meanwhile waits in the socket.
    Waiting {
        connection: Connection,
        since: Instant,
    },
}

enum Event {
    Read(Option<Result<Frame, Error>>),
    Opened((Socket, u32)),
    Tick,
}

impl Link {
    pub(super) fn open(feed: &Feed, terms: Terms, pace: Arc<Pace>) -> Link {
        let mut tick = interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let connector = Arc::new(Connector { name: name(feed), url: terms.url, pace });
        let mut link = Link {
            feed: feed.clone(),
            connector,
            current: None,
            next: Next::Unneeded,
            attempts: 0,
            opened: 0,
            tick,
            passed: Instant::now(),
        };
        link.connect();
        link
    }

    pub(super) fn reconnects(&self) -> u64 {
        self.opened.saturating_sub(1)
    }

    /// The next frame; connects as often as it must. Loses nothing when it is dropped.
    pub(super) async fn frame(&mut self) -> Frame {
        self.forgive_waiting();
        loop {
            // Reading goes first: with the tick it would otherwise be decided that the old
            // connection is dispensable while it still has something to say.
            let event = tokio::select! {
                biased;
                read = read(&mut self.current) => Event::Read(read),
                opened = opened(&mut self.next) => Event::Opened(opened),
                _ = self.tick.tick() => Event::Tick,
            };
            match event {
                Event::Read(Some(Ok(Frame::Close(Some(close))))) => {
                    let (code, reason) = (close.code, close.reason);
                    self.lost(&format!("the exchange closed it: {code} {reason:?}"));
                }
                Event::Read(Some(Ok(Frame::Close(None)))) => self.lost("the exchange closed it"),
                Event::Read(Some(Ok(frame))) => {
                    self.passed = Instant::now();
                    return frame;
                }
                Event::Read(Some(Err(error))) => self.lost(&error.to_string()),
                Event::Read(None) => self.lost("it ended"),
                Event::Opened((socket, attempts)) => self.take_in(socket, attempts),
                Event::Tick => self.look_around(),
            }
        }
    }

    /// The current connection has brought data.
    pub(super) fn heard(&mut self) {
        if let Some(current) = &mut self.current {
            current.heard = Instant::now();
        }
    }

    /// Opens the current connection's successor, and reads on meanwhile.
    pub(super) fn renew(&mut self, why: &str) {
        if matches!(self.next, Next::Unneeded) {
            info!("{}: the connection is being replaced: {why}", self.connector.name);
            self.connect();
        }
    }

    /// Says goodbye, and waits a little for the answer.
    pub(super) async fn close(&mut self) {
        let waiting = match mem::replace(&mut self.next, Next::Unneeded) {
            Next::Waiting { connection, .. } => Some(connection),
            Next::Unneeded | Next::Opening(_) => None,
        };
        let open = self.current.take().into_iter().chain(waiting);
        futures_util::future::join_all(open.map(|connection| close(connection.socket))).await;
    }

    /// Time in which the last frame could not be handed on is nobody's silence, and no overlap: the
    /// old connection may have much to bring yet.
    fn forgive_waiting(&mut self) {
        if self.passed.elapsed() < TICK {
            return;
        }
        let now = Instant::now();
        if let Some(current) = &mut self.current {
            current.heard = now;
        }
        if let Next::Waiting { since, .. } = &mut self.next {
            *since = now;
        }
    }

    fn connect(&mut self) {
        if self.current.as_ref().is_some_and(|current| current.opened.elapsed() >= STABLE) {
            self.attempts = 0;
        }
        self.next = Next::Opening(Arc::clone(&self.connector).connect(self.attempts).boxed());
    }

    fn take_in(&mut self, socket: Socket, attempts: u32) {
        let now = Instant::now();
        self.attempts = attempts;
        self.opened += 1;
        let renew = self.feed.renew.mul_f64(1.0 + RENEW_JITTER * rand::random::<f64>());
        let connection = Connection { socket, opened: now, heard: now, renew_at: now + renew };
        if self.current.is_some() {
            self.next = Next::Waiting { connection, since: now };
        } else {
            self.current = Some(connection);
            self.next = Next::Unneeded;
        }
    }

    fn lost(&mut self, why: &str) {
        warn!("{}: connection lost: {why}", self.connector.name);
        match mem::replace(&mut self.next, Next::Unneeded) {
            Next::Unneeded => self.connect(),
            Next::Waiting { connection, .. } => return self.switch(connection),
            opening @ Next::Opening(_) => self.next = opening,
        }
        close_behind(self.current.take());
    }

    fn switch(&mut self, mut connection: Connection) {
        connection.heard = Instant::now();
        close_behind(self.current.replace(connection));
    }

    fn look_around(&mut self) {
        let now = Instant::now();
        if let Next::Waiting { since, .. } = self.next
            && now - since >= self.feed.overlap
            && let Next::Waiting { connection, .. } = mem::replace(&mut self.next, Next::Unneeded)
        {
            return self.switch(connection);
        }
        let Some(current) = &self.current else { return };
        // A silent connection is kept till its successor is there: its market may be quiet.
        if now - current.heard >= self.feed.silence {
            self.renew(&format!("no trade for {} s", self.feed.silence.as_secs()));
        } else if now >= current.renew_at {
            self.renew("the exchange would end it soon");
        }
    }
}

/// What a feed is called in the log.
fn name(feed: &Feed) -> String {
    let first = feed.symbols.first().map_or("", market::Symbol::as_str);
    match feed.symbols.len() {
        0 | 1 => format!("{} {first}", feed.exchange),
        count => format!("{} {first} and {} more", feed.exchange, count - 1),
    }
}

async fn read(current: &mut Option<Connection>) -> Option<Result<Frame, Error>> {
    match current {
        // A ping is answered inside: its pong is flushed by the next call, which follows at once.
        Some(connection) => connection.socket.next().await,
        None => pending().await,
    }
}

async fn opened(next: &mut Next) -> (Socket, u32) {
    match next {
        Next::Opening(opening) => opening.await,
        Next::Unneeded | Next::Waiting { .. } => pending().await,
    }
}

fn close_behind(connection: Option<Connection>) {
    if let Some(connection) = connection {
        tokio::spawn(close(connection.socket));
    }
}

async fn close(mut socket: Socket) {
    let goodbye = async {
        // It may be dead already; then there is nobody to be polite to.
        if socket.close(None).await.is_ok() {
            while let Some(Ok(_)) = socket.next().await {}
        }
    };
    let _ = timeout(CLOSE_TIMEOUT, goodbye).await;
}

struct Connector {
    name: String,
    url: String,
    pace: Arc<Pace>,
}

impl Connector {
    /// Tries until a connection is open.
    async fn connect(self: Arc<Self>, mut attempts: u32) -> (Socket, u32) {
        loop {
            sleep(RECONNECT.delay(attempts, rand::random())).await;
            self.pace.turn().await;
            attempts = attempts.saturating_add(1);
            match self.attempt().await {
                Ok(socket) => {
                    info!("{}: connected", self.name);
                    return (socket, attempts);
                }
                Err(error) => {
                    warn!(attempts, "{}: attempt {attempts} to connect: {error:#}", self.name);
                }
            }
        }
    }

    async fn attempt(&self) -> anyhow::Result<Socket> {
        let limits = WebSocketConfig::default()
            .read_buffer_size(READ_BUFFER)
            .max_message_size(Some(MAX_MESSAGE))
            .max_frame_size(Some(MAX_MESSAGE));
        let connect = connect_async_with_config(&self.url, Some(limits), true);
        let in_time = timeout(CONNECT_TIMEOUT, connect).await;
        let connected = in_time.with_context(|| format!("no answer in {CONNECT_TIMEOUT:?}"))?;
        // Its own text has its cause in it.
        let (socket, _) = connected.map_err(|error| anyhow!("{error}"))?;
        Ok(Box::new(socket))
    }
}

#[cfg(test)]
mod tests {
    use futures_util::SinkExt;
    use tokio::net::TcpListener;

    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    async fn accept(listener: &TcpListener) -> WebSocketStream<TcpStream> {
        let (stream, _) = listener.accept().await.expect("a connection");
        tokio_tungstenite::accept_async(stream).await.expect("a websocket")
    }

    /// A link, and what it is connected to.
    async fn linked(listener: &TcpListener) -> (Link, WebSocketStream<TcpStream>) {
        let url = format!("ws://{}", listener.local_addr().expect("an address"));
        let feed = Feed::new(market::Exchange::Binance, vec![]);
        let feed = Feed { overlap: MINUTE, silence: MINUTE, ..feed };
        let terms = Terms { url, connect_every: Duration::ZERO };
        let mut link = Link::open(&feed, terms, Arc::new(Pace::new(Duration::ZERO)));
        let server = accepted(&mut link, listener).await;
        (link, server)
    }

    async fn accepted(link: &mut Link, listener: &TcpListener) -> WebSocketStream<TcpStream> {
        tokio::select! {
            server = accept(listener) => server,
            frame = link.frame() => panic!("{frame}"),
        }
    }

    async fn idle(link: &mut Link) {
        assert!(timeout(2 * TICK, link.frame()).await.is_err());
    }

    /// While a full queue kept us from reading, the old connection may have fallen far behind.
    #[tokio::test]
    async fn time_in_which_nobody_read_is_neither_overlap_nor_silence() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let (mut link, mut old) = linked(&listener).await;
        old.send(Frame::text("before")).await.expect("sent");
        assert_eq!(link.frame().await, Frame::text("before"));
        link.renew("this is a test");
        let _new = accepted(&mut link, &listener).await;
        while !matches!(link.next, Next::Waiting { .. }) {
            idle(&mut link).await;
        }

        for blocked in [true, false] {
            let earlier = Instant::now() - MINUTE;
            let Next::Waiting { since, .. } = &mut link.next else { panic!("not waiting") };
            *since = earlier;
            link.current.as_mut().expect("connected").heard = earlier;
            link.passed = if blocked { earlier } else { Instant::now() };
            idle(&mut link).await;
            assert_eq!(matches!(link.next, Next::Waiting { .. }), blocked);
        }
        // Once somebody has read for so long, the old connection has said everything.
        assert!(old.next().await.expect("a frame").expect("a frame").is_close());
    }
}
