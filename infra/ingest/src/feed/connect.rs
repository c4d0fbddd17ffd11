//! Opens websockets, one attempt after another, and closes them; keeps none.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, anyhow};
use futures_util::{SinkExt, StreamExt};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};
use tokio_tungstenite::tungstenite::Message as Frame;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async_with_config};
use tracing::{info, warn};

use super::pace::Pace;
use crate::backoff::Backoff;

/// For TCP, TLS and the websocket's handshake together; more than ten round trips around the earth.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// For the exchange's answer to our close frame.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);
/// A socket takes our few words at once, unless nobody is there.
const SAY_TIMEOUT: Duration = Duration::from_secs(5);
const RECONNECT: Backoff = Backoff { first: Duration::from_secs(1), cap: Duration::from_secs(30) };
/// Trade messages are small and come one by one.
const READ_BUFFER: usize = 16 << 10;

pub(super) type Socket = Box<WebSocketStream<MaybeTlsStream<TcpStream>>>;

pub(super) struct Connector {
    /// What the feed is called in the log.
    pub(super) name: String,
    pub(super) url: String,
    pub(super) max_message: usize,
    pub(super) pace: Arc<Pace>,
}

impl Connector {
    /// Tries until a connection is open.
    pub(super) async fn connect(self: Arc<Self>, mut attempts: u32) -> (Socket, u32) {
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
            .max_message_size(Some(self.max_message))
            .max_frame_size(Some(self.max_message));
        let connect = connect_async_with_config(&self.url, Some(limits), true);
        let in_time = timeout(CONNECT_TIMEOUT, connect).await;
        let connected = in_time.with_context(|| format!("no answer in {CONNECT_TIMEOUT:?}"))?;
        // Its own text has its cause in it.
        let (socket, _) = connected.map_err(|error| anyhow!("{error}"))?;
        Ok(Box::new(socket))
    }
}

/// Says something; an error is the connection's end.
pub(super) async fn say(socket: &mut Socket, text: String) -> Result<(), String> {
    match timeout(SAY_TIMEOUT, socket.send(Frame::text(text))).await {
        Ok(said) => said.map_err(|error| error.to_string()),
        Err(_) => Err(format!("it has taken nothing for {SAY_TIMEOUT:?}")),
    }
}

/// Says goodbye, and waits a little for the answer.
pub(super) async fn close(mut socket: Socket) {
    let goodbye = async {
        // It may be dead already; then there is nobody to be polite to.
        if WebSocketStream::close(&mut socket, None).await.is_ok() {
            while let Some(Ok(_)) = socket.next().await {}
        }
    };
    let _ = timeout(CLOSE_TIMEOUT, goodbye).await;
}
