//! Recorded messages through the whole path: a websocket server that sends them, the real ingest,
//! the embedded broker, the batcher, the S3 server, its notifications, the real `aggregate`.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use aggregate::App;
use axum::Router;
use axum::extract::State;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::response::Response;
use axum::routing::get;
use ingest::{Config, Feed, Stream};
use market::Exchange;
use store::Store;
use tempfile::TempDir;
use tickfold::demo::batcher::{self, Batcher};
use tickfold::demo::broker::{Broker, PARTITIONS};
use tickfold::demo::notifications::{Notifications, Progress};
use tickfold::demo::s3::S3Server;
use tokio_util::sync::CancellationToken;

use crate::bucket::BUCKET;
use crate::trades::symbol;

const TOPIC: &str = "binance.trades";
/// Long enough for every minute of a recording to be one object; the shutdown flushes the rest.
const BATCH: Duration = Duration::from_secs(2);
/// A machine that is busy with other tests may need most of it.
const DEADLINE: Duration = Duration::from_secs(300);

/// What is left when everything has gone through.
pub struct Replayed {
    pub ingest: ingest::Report,
    pub batcher: batcher::Report,
    pub notifications: Progress,
    pub app: Arc<App>,
    _server: S3Server,
    _folder: TempDir,
}

/// Sends `messages`, which hold `trades` trades of `of`, into `store`.
pub async fn replay(
    messages: Vec<String>,
    trades: u64,
    of: &str,
    stream: Stream,
    store: Store,
) -> Replayed {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (server, created) = S3Server::start(folder.path(), BUCKET).await.expect("an S3 server");
    let app = Arc::new(App { lake: lake::Lake::new(server.client(), BUCKET), store });
    let broker = Broker::start(&[TOPIC.to_owned()]).expect("a broker");

    let notified = CancellationToken::new();
    let notifications = Notifications::new(Arc::clone(&app));
    let notifications = tokio::spawn(notifications.run(created, notified.clone()));
    let config = batcher::Config {
        bootstrap_servers: broker.bootstrap_servers(),
        topic: TOPIC.to_owned(),
        partitions: PARTITIONS,
        bucket: BUCKET.to_owned(),
        timeout: BATCH,
    };
    let batched = CancellationToken::new();
    let batcher = Batcher::new(server.client(), config).expect("a reader of the broker");
    let mut seen = batcher.watch();
    let batcher = tokio::spawn(batcher.run(batched.clone()));

    let address = serve(messages).await;
    let mut feed = Feed::new(Exchange::Binance, vec![symbol(of)]);
    (feed.stream, feed.url) = (stream, Some(format!("ws://{address}")));
    // The recording ends, and then the server is silent: that is no fault of the connection.
    feed.silence = DEADLINE * 2;
    let ingested = CancellationToken::new();
    let config = Config::new(broker.bootstrap_servers(), vec![feed]);
    let ingest = tokio::spawn(ingest::run(config, ingested.clone()));

    let all = seen.wait_for(|report| report.lines >= trades);
    tokio::time::timeout(DEADLINE, all).await.expect("all trades arrive").expect("it runs");
    ingested.cancel();
    let ingest = ingest.await.expect("no panic").expect("everything was acknowledged");
    batched.cancel();
    let batcher = batcher.await.expect("no panic").expect("every batch was written");
    notified.cancel();
    let notifications = notifications.await.expect("no panic");
    Replayed { ingest, batcher, notifications, app, _server: server, _folder: folder }
}

/// A server that sends every message on each connection, and then keeps it open.
async fn serve(messages: Vec<String>) -> SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let router = Router::new().route("/stream", get(stream)).with_state(Arc::new(messages));
    tokio::spawn(async move { axum::serve(listener, router).await });
    address
}

async fn stream(upgrade: WebSocketUpgrade, State(messages): State<Arc<Vec<String>>>) -> Response {
    upgrade.on_upgrade(async move |mut socket: WebSocket| {
        for message in messages.iter() {
            if socket.send(Message::text(message.clone())).await.is_err() {
                return;
            }
        }
        // Until the other side closes.
        while let Some(Ok(_)) = socket.recv().await {}
    })
}
