//! The parts of a demo, in the order in which they start and stop; knows what each part is for, and
//! nothing of how it works.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use aggregate::App;
use anyhow::{Context, bail, ensure};
use indicatif::{ProgressBar, ProgressFinish, ProgressStyle};
use lake::Lake;
use market::Minute;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use store::Store;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::batcher::{self, Batcher};
use super::broker::{self, Broker};
use super::exchange::SimulatedExchange;
use super::folder::{Folder, Mode};
use super::history::{self, Rest};
use super::notifications::{self, Notifications};
use super::now;
use super::s3::S3Server;
use super::source::{self, Source};
use crate::http;

const BUCKET: &str = "tickfold-demo";
/// A row follows its trades by little more than this; each batch is one object.
const BATCH: Duration = Duration::from_secs(2);
/// Readers beside the one writer that SQLite has.
const CONNECTIONS: u32 = 6;
/// From the start of ingest to the first trade: a quiet minute and a slow connection fit in.
const FIRST_TRADE: Duration = Duration::from_secs(120);

/// What a path may hold that a URL does not.
const IN_URL: &AsciiSet = &NON_ALPHANUMERIC.remove(b'/').remove(b'-').remove(b'_').remove(b'.');

/// Everything that runs, in the order of the data.
pub(super) struct Pipeline {
    folder: Folder,
    source: Source,
    rest: Rest,
    lake: Lake,
    store: Store,
    address: SocketAddr,
    /// All history is folded up to what the sockets brought first.
    caught_up: bool,
    ingest: Part<ingest::Report>,
    batcher: Part<batcher::Report>,
    batched: watch::Receiver<batcher::Report>,
    notifications: Part<notifications::Progress>,
    notified: watch::Receiver<notifications::Progress>,
    page: Part<()>,
    s3: S3Server,
    _broker: Broker,
    _exchange: Option<SimulatedExchange>,
}

/// One running part. Where it ends, the whole demo ends.
struct Part<T> {
    stop: CancellationToken,
    task: JoinHandle<anyhow::Result<T>>,
}

impl<T: Send + 'static> Part<T> {
    fn start<F>(
        name: &'static str,
        all: &CancellationToken,
        run: impl FnOnce(CancellationToken) -> F,
    ) -> Part<T>
    where
        F: Future<Output = anyhow::Result<T>> + Send + 'static,
    {
        let (stop, all) = (CancellationToken::new(), all.clone());
        let running = run(stop.clone());
        let task = tokio::spawn(async move {
            // Dropped by a panic as well.
            let _all = all.drop_guard();
            running.await.with_context(|| format!("{name} failed"))
        });
        Part { stop, task }
    }

    /// Lets it finish what it has.
    async fn stop(self) -> anyhow::Result<T> {
        self.stop.cancel();
        self.task.await?
    }
}

impl Pipeline {
    pub(super) async fn start(
        folder: Folder,
        source: Source,
        listener: TcpListener,
        all: CancellationToken,
    ) -> anyhow::Result<Pipeline> {
        let (s3, created) = S3Server::start(&folder.objects(), BUCKET).await?;
        let store = open_store(&folder).await?;
        let lake = Lake::new(s3.client(), BUCKET);
        let app = Arc::new(App { lake: lake.clone(), store: store.clone() });
        let notifications = Notifications::new(app);
        let notified = notifications.watch();

        let exchange = match source.mode {
            Mode::Simulated => {
                let memory = &folder.memory;
                Some(SimulatedExchange::start(memory.seed, memory.anchor).await?)
            }
            Mode::Live => None,
        };
        let rest = match &exchange {
            Some(exchange) => Rest::new(&exchange.rest_url(), true)?,
            None => source::live_rest()?,
        };
        let topic = format!("{}.trades", source.exchange);
        let broker = Broker::start(&topic)?;
        let config = batcher::Config {
            bootstrap_servers: broker.bootstrap_servers(),
            topic,
            partitions: broker::PARTITIONS,
            bucket: BUCKET.to_owned(),
            timeout: BATCH,
        };
        let batcher = Batcher::new(s3.client(), config)?;
        let batched = batcher.watch();
        let ingest = ingest_config(&broker, &source, exchange.as_ref());
        Ok(Pipeline {
            address: listener.local_addr()?,
            caught_up: false,
            page: Part::start("the page", &all, |stop| {
                http::serve(listener, query::router(store.clone(), None), stop)
            }),
            notifications: Part::start("the queue", &all, async move |stop| {
                Ok(notifications.run(created, stop).await)
            }),
            batcher: Part::start("the batcher", &all, |stop| batcher.run(stop)),
            ingest: Part::start("ingest", &all, |stop| ingest::run(ingest, stop)),
            folder,
            source,
            rest,
            lake,
            store,
            batched,
            notified,
            s3,
            _broker: broker,
            _exchange: exchange,
        })
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Waits for the first trade of the sockets, loads what was traded before it, and waits until
    /// all of it is folded. In this order no trade falls between the two.
    pub(super) async fn catch_up(&mut self) -> anyhow::Result<()> {
        let first = timeout(FIRST_TRADE, self.batched.wait_for(|batched| batched.lines > 0));
        match first.await {
            Ok(arrived) => drop(arrived.context("the batcher ended before the first trade")?),
            Err(_) => {
                let (exchange, seconds) = (self.source.exchange, FIRST_TRADE.as_secs());
                let remedy = match self.source.mode {
                    Mode::Simulated => "",
                    Mode::Live => " (without --live the demo needs no network)",
                };
                bail!("no trade came from {exchange} within {seconds} seconds{remedy}")
            }
        }
        let met = now()?.minute();
        let earliest = met.plus(-self.source.history_minutes_max);
        let from = self.folder.memory.resume.max(earliest);
        let Source { exchange, symbols, .. } = &self.source;
        let load = async {
            let loaded = history::load(&self.rest, *exchange, symbols, from, &self.lake).await;
            loaded.context("the history could not be loaded")?;
            let objects = self.s3.reported();
            let mut notified = self.notified.clone();
            let folded = notified.wait_for(|notified| notified.done >= objects).await;
            let dead = folded.context("the queue ended before the history was folded")?.dead.len();
            ensure!(dead == 0, "{dead} objects could not be folded, see the log");
            Ok(())
        };
        tokio::select! {
            loaded = load => loaded?,
            () = show_progress(from, met, self.notified.clone()) => {}
        }
        self.caught_up = true;
        self.folder.resume_from(met)
    }

    /// Lets each part finish what the one before it has left, then closes the database.
    pub(super) async fn stop(mut self) -> anyhow::Result<()> {
        let ingested = self.ingest.stop().await;
        let batched = self.batcher.stop().await;
        let notified = self.notifications.stop().await;
        let page = self.page.stop().await;
        let newest = self.store.symbols().await;
        self.store.close().await;
        let (ingested, batched, notified) = (ingested?, batched?, notified?);
        page?;
        tracing::info!(?ingested, ?batched, objects = notified.done, "ended");
        let newest = newest?;
        let newest = newest.iter().map(|symbol| symbol.last_minute).min();
        // A symbol that has not traded since the sockets opened has nothing new to load either.
        if let Some(newest) = newest.max(Some(self.folder.memory.resume))
            && self.caught_up
            && notified.dead.is_empty()
        {
            self.folder.resume_from(newest)?;
        }
        Ok(())
    }
}

async fn open_store(folder: &Folder) -> anyhow::Result<Store> {
    let path = folder.database();
    let text = path.to_str().context("the data directory's name is not UTF-8")?;
    let url = format!("sqlite://{}", utf8_percent_encode(text, IN_URL));
    let store = Store::connect(&url, CONNECTIONS)?;
    store.migrate().await.with_context(|| format!("cannot open {}", path.display()))?;
    Ok(store)
}

fn ingest_config(
    broker: &Broker,
    source: &Source,
    exchange: Option<&SimulatedExchange>,
) -> ingest::Config {
    let url = exchange.map(SimulatedExchange::socket_url);
    let feed = ingest::Feed::new(source.exchange, source.symbols.clone());
    ingest::Config::new(broker.bootstrap_servers(), vec![ingest::Feed { url, ..feed }])
}

/// On a terminal, and never ends: what is loaded is known, what is folded is shown.
async fn show_progress(
    from: Minute,
    to: Minute,
    mut notified: watch::Receiver<notifications::Progress>,
) {
    let minutes = (to.start().micros() - from.start().micros()) / 60_000_000 + 1;
    let bar = ProgressBar::new(minutes.unsigned_abs()).with_finish(ProgressFinish::AndClear);
    let style = ProgressStyle::with_template("history {bar:40} {pos}/{len} minutes");
    bar.set_style(style.expect("a template written here is one"));
    while notified.changed().await.is_ok() {
        bar.set_position(notified.borrow_and_update().done.min(minutes.unsigned_abs()));
    }
    std::future::pending().await
}
