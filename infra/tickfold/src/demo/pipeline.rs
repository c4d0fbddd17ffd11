//! The parts of a demo, in the order in which they start and stop; knows what each part is for, and
//! nothing of how it works.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use aggregate::App;
use anyhow::{Context, bail, ensure};
use futures_util::future::try_join_all;
use indicatif::{ProgressBar, ProgressFinish, ProgressStyle};
use lake::{Kind, Lake};
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
use super::folder::{Folder, Mode};
use super::history;
use super::notifications::{self, Notifications};
use super::s3::S3Server;
use super::source::{self, Listing, Source};
use crate::clock::now;
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
    listings: Vec<Listing>,
    lake: Lake,
    store: Store,
    address: SocketAddr,
    /// All history is folded up to what the sockets brought first.
    caught_up: bool,
    ingest: Part<ingest::Report>,
    batchers: Vec<Batching>,
    notifications: Part<notifications::Progress>,
    notified: watch::Receiver<notifications::Progress>,
    page: Part<()>,
    s3: S3Server,
    _broker: Broker,
}

/// What writes the objects of one topic.
struct Batching {
    topic: String,
    kind: Kind,
    part: Part<batcher::Report>,
    report: watch::Receiver<batcher::Report>,
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

        let listings = source.open(folder.memory.seed, folder.memory.anchor).await?;
        let topics: Vec<_> = listings.iter().flat_map(topics).collect();
        let names: Vec<_> = topics.iter().map(|(topic, _)| topic.clone()).collect();
        let broker = Broker::start(&names)?;
        let mut batchers = Vec::new();
        for (topic, kind) in topics {
            batchers.push(Batching::start(topic, kind, &broker, &s3, &all)?);
        }
        let live = free_address().await?;
        let ingest = ingest_config(&broker, &listings, live);
        let told = query::Ingest::at(&format!("http://{live}")).map_err(anyhow::Error::msg)?;
        Ok(Pipeline {
            address: listener.local_addr()?,
            caught_up: false,
            page: Part::start("the page", &all, |stop| {
                http::serve(listener, query::router(store.clone(), Some(told)), stop)
            }),
            notifications: Part::start("the queue", &all, async move |stop| {
                Ok(notifications.run(created, stop).await)
            }),
            batchers,
            ingest: Part::start("ingest", &all, |stop| ingest::run(ingest, stop)),
            folder,
            source,
            listings,
            lake,
            store,
            notified,
            s3,
            _broker: broker,
        })
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Waits for the first trade of each exchange's sockets, loads what was traded before it, and
    /// waits until all of it is folded. In this order no trade falls between the two.
    pub(super) async fn catch_up(&mut self) -> anyhow::Result<()> {
        let first = timeout(FIRST_TRADE, self.first_trades());
        let Ok(first) = first.await else {
            let seconds = FIRST_TRADE.as_secs();
            let remedy = match self.source.mode {
                Mode::Simulated => "",
                Mode::Live => " (without --live the demo needs no network)",
            };
            bail!("no trade came from each exchange within {seconds} seconds{remedy}")
        };
        first?;
        let to = now()?;
        let met = to.minute();
        let earliest = met.plus(-self.source.history_minutes_max);
        let from = self.folder.memory.resume.max(earliest);
        let load = async {
            let loads = self.listings.iter().map(|listing| {
                let Listing { history, symbols, .. } = listing;
                history::load(history, symbols, from.max(listing.from), to, &self.lake)
            });
            try_join_all(loads).await.context("the history could not be loaded")?;
            let objects = self.s3.reported();
            let mut notified = self.notified.clone();
            let folded = notified.wait_for(|notified| notified.done >= objects).await;
            let dead = folded.context("the queue ended before the history was folded")?.dead.len();
            ensure!(dead == 0, "{dead} objects could not be folded, see the log");
            Ok(())
        };
        let minutes = |listing: &Listing| minutes(from.max(listing.from), met);
        let objects = self.listings.iter().map(minutes).sum();
        tokio::select! {
            loaded = load => loaded?,
            () = show_progress(objects, self.notified.clone()) => {}
        }
        self.caught_up = true;
        self.folder.resume_from(met)
    }

    async fn first_trades(&mut self) -> anyhow::Result<()> {
        for batching in self.batchers.iter_mut().filter(|it| it.kind == Kind::Trades) {
            let arrived = batching.report.wait_for(|report| report.lines > 0).await;
            arrived.context("a batcher ended before the first trade")?;
        }
        Ok(())
    }

    /// Lets each part finish what the one before it has left, then closes the database.
    pub(super) async fn stop(mut self) -> anyhow::Result<()> {
        let ingested = self.ingest.stop().await;
        let mut batched = Vec::new();
        for Batching { topic, part, .. } in self.batchers {
            batched.push((topic, part.stop().await));
        }
        let notified = self.notifications.stop().await;
        let page = self.page.stop().await;
        let newest = self.store.symbols().await;
        self.store.close().await;
        let (ingested, notified) = (ingested?, notified?);
        page?;
        for (topic, batched) in batched {
            let batched = batched?;
            tracing::info!(topic, ?batched, "ended");
        }
        tracing::info!(?ingested, objects = notified.done, "ended");
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

impl Batching {
    fn start(
        topic: String,
        kind: Kind,
        broker: &Broker,
        s3: &S3Server,
        all: &CancellationToken,
    ) -> anyhow::Result<Batching> {
        let config = batcher::Config {
            bootstrap_servers: broker.bootstrap_servers(),
            topic: topic.clone(),
            partitions: broker::PARTITIONS,
            bucket: BUCKET.to_owned(),
            timeout: BATCH,
        };
        let batcher = Batcher::new(s3.client(), config)?;
        let report = batcher.watch();
        let part = Part::start("a batcher", all, |stop| batcher.run(stop));
        Ok(Batching { topic, kind, part, report })
    }
}

/// Where ingest writes what it is told by an exchange.
fn topics(listing: &Listing) -> [(String, Kind); 2] {
    Kind::ALL.map(|kind| (format!("{}.{}", listing.exchange, kind.as_str()), kind))
}

/// Where ingest can tell its live state; it takes no port of which it would tell the number.
async fn free_address() -> anyhow::Result<SocketAddr> {
    let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await;
    Ok(free.context("cannot open a local port for the live state")?.local_addr()?)
}

/// With the coins that are on two exchanges set against themselves.
fn ingest_config(broker: &Broker, listings: &[Listing], live: SocketAddr) -> ingest::Config {
    let feed = |listing: &Listing| {
        let feed = ingest::Feed::new(listing.exchange, listing.symbols.clone());
        ingest::Feed { url: listing.url.clone(), books: true, ..feed }
    };
    let feeds = listings.iter().map(feed).collect();
    let config = ingest::Config::new(broker.bootstrap_servers(), feeds);
    ingest::Config { listen: Some(live), spreads: source::spreads(listings), ..config }
}

/// How many there are, both ends counted.
fn minutes(from: Minute, to: Minute) -> u64 {
    let micros = to.start().micros() - from.start().micros();
    u64::try_from(micros / 60_000_000 + 1).unwrap_or(0)
}

/// On a terminal, and never ends: what is loaded is known, what is folded is shown.
async fn show_progress(objects: u64, mut notified: watch::Receiver<notifications::Progress>) {
    let bar = ProgressBar::new(objects).with_finish(ProgressFinish::AndClear);
    let style = ProgressStyle::with_template("history {bar:40} {pos}/{len} minutes");
    bar.set_style(style.expect("a template written here is one"));
    while notified.changed().await.is_ok() {
        bar.set_position(notified.borrow_and_update().done.min(objects));
    }
    std::future::pending().await
}
