//! Sockets -> trade lines -> Kafka: listens to exchanges and writes every trade to the topic
//! `{exchange}.trades`, key = symbol, value = the trade line, timestamp = trade time; and what it
//! is told of order books, as book lines to `{exchange}.books`; or both to one Kinesis stream,
//! partition key = symbol. Folds nothing, stores nothing, repairs nothing: what the
//! sockets miss shows as missing ids.
//!
//! * [`Config`]: what it can be told, and the table of settings.
//! * [`run`]: all of it, until it is asked to stop.
//! * [`plan`]: where it would connect, and what it would say there.
//! * [`check_health`]: whether one that runs gets its lines acknowledged.

use std::collections::HashMap;
use std::ops::AddAssign;
use std::sync::Arc;

use anyhow::{Context, anyhow, bail, ensure};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;
use tracing::info;

mod backoff;
mod board;
mod config;
mod feed;
mod health;
mod line;
mod publish;
mod undelivered;
mod venue;

pub use config::{Config, Feed, Kafka, Kinesis, Named, Security, Sink, Spread, Stream};
pub use health::check as check_health;

/// What a run did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Report {
    /// Trades that the sockets brought, less those that were dropped as repeated.
    pub received: u64,
    /// Lines of books that were made of what the sockets brought.
    pub book_lines: u64,
    /// Lines that were acknowledged, of trades and books.
    pub published: u64,
    /// Sendings beyond a line's first.
    pub resent: u64,
    /// Trades that were dropped, since their ids had come lately: for the most part when one
    /// connection relieved another.
    pub repeated: u64,
    /// Frames that could not be read.
    pub refused_frames: u64,
    /// Connections beyond each feed's first.
    pub reconnects: u64,
    /// Places where ids are missing, and how many ids.
    pub gaps: u64,
    pub missing_ids: u64,
    /// Broken connections of exchanges whose ids do not tell whether any are missing.
    pub unproven: u64,
    /// How often a channel was refused, or not granted in time.
    pub refused_channels: u64,
    /// How often a book was out of step with its exchange's, and asked for anew.
    pub broken_books: u64,
    /// Messages of a kind that is not known.
    pub unknown: u64,
}

/// Runs until `shutdown`, then closes the sockets and waits until the rest is acknowledged.
///
/// A `wss` address needs rustls' process-wide crypto provider, if more than one is compiled in.
///
/// Fails if the configuration cannot work, and if lines were not acknowledged in time: the error
/// says how many of which symbols, and their ids.
pub async fn run(config: Config, shutdown: CancellationToken) -> anyhow::Result<Report> {
    ensure!(!config.feeds.is_empty(), "feeds: there is none, so there is nothing to do");
    ensure!(config.sink.in_flight() > 0, "in_flight: 0 lines can never be delivered");
    let Config { sink, feeds, queued, drain, health, listen, spreads } = config;
    let pulse = health::Pulse::new();
    let _answering = match health {
        Some(address) => {
            let answer = Arc::clone(&pulse).answer(address).await?;
            Some(AbortOnDropHandle::new(tokio::spawn(answer)))
        }
        None => None,
    };
    let board = board::Board::new(Arc::clone(&pulse));
    let stop = shutdown.child_token();
    let (sender, lines) = mpsc::channel(queued.max(1));
    let mut running = start(feeds, &board, sender, &stop)?;
    board.compare(spreads);
    let _telling = match listen {
        Some(address) => Some(AbortOnDropHandle::new(tokio::spawn(board.answer(address).await?))),
        None => None,
    };
    let give_up = async {
        stop.cancelled().await;
        info!("stopping; up to {} s for what is not acknowledged yet", drain.as_secs());
        tokio::time::sleep(drain).await;
    };
    let published = match &sink {
        Sink::Kafka(kafka) => publish::run(kafka, lines, &pulse, give_up).await?,
        Sink::Kinesis(kinesis) => publish::kinesis::run(kinesis, lines, &pulse, give_up).await?,
    };

    let mut report =
        Report { published: published.acknowledged, resent: published.resent, ..Report::default() };
    let mut broken = None;
    while let Some(feed) = running.join_next().await {
        match feed {
            Ok(feed) => report += feed,
            Err(panic) => broken = Some(panic),
        }
    }
    report.log(&sink);
    if !published.undelivered.is_empty() {
        let seconds = drain.as_secs_f64();
        let lines = undelivered::describe(&published.undelivered);
        bail!("{sink} has not acknowledged within {seconds} s: {lines}");
    }
    match broken {
        Some(panic) => Err(panic).context("a feed failed, and everything was stopped with it"),
        None => Ok(report),
    }
}

/// Where each feed would connect, and each message that would subscribe it, a line each; connects
/// nowhere.
pub fn plan(config: &Config) -> anyhow::Result<String> {
    let mut told = format!("lines go to {}\n", config.sink);
    for feed in &config.feeds {
        let terms = terms(feed)?;
        let said = feed::plan(&terms);
        told += &format!("{}: {}\n", feed.exchange, terms.url);
        told.extend(said.iter().map(|message| format!("  {message}\n")));
        if said.is_empty() {
            told += "  nothing is said: the address subscribes\n";
        }
    }
    told.extend(config.spreads.iter().map(|spread| format!("live spread: {spread}\n")));
    Ok(told)
}

fn terms(feed: &Feed) -> anyhow::Result<venue::Terms> {
    venue::terms(feed).map_err(|why| anyhow!("feed {}: {why}", feed.exchange))
}

/// Starts the feeds. Each stops the others when it ends, be it by a panic: half of ingest is worth
/// a restart.
fn start(
    feeds: Vec<Feed>,
    board: &Arc<board::Board>,
    lines: mpsc::Sender<line::Line>,
    stop: &CancellationToken,
) -> anyhow::Result<JoinSet<Report>> {
    let mut paces = HashMap::new();
    let mut running = JoinSet::new();
    for feed in feeds {
        let terms = terms(&feed)?;
        let pace = || Arc::new(feed::Pace::new(terms.connect_every));
        let pace = Arc::clone(paces.entry(feed.exchange).or_insert_with(pace));
        let (lines, stop) = (lines.clone(), stop.clone());
        info!("{} from {}: {} symbols", feed.exchange, venue::base_url(&feed), feed.symbols.len());
        let place = board.place(feed.exchange, &feed.symbols);
        running.spawn(async move {
            let _stop_all = stop.clone().drop_guard();
            feed::run(feed, terms, pace, place, lines, stop).await
        });
    }
    Ok(running)
}

impl Report {
    fn log(&self, sink: &Sink) {
        let Report { received, book_lines, published, resent, repeated, .. } = self;
        let Report { refused_frames, reconnects, gaps, missing_ids, .. } = self;
        let lines = received + book_lines;
        let Report { unproven, refused_channels, broken_books, unknown, .. } = self;
        info!(
            received,
            book_lines,
            published,
            resent,
            repeated,
            refused_frames,
            reconnects,
            gaps,
            missing_ids,
            unproven,
            refused_channels,
            broken_books,
            unknown,
            "stopped: {published} of {lines} lines are with {sink}"
        );
    }
}

impl AddAssign for Report {
    fn add_assign(&mut self, other: Report) {
        self.received += other.received;
        self.published += other.published;
        self.resent += other.resent;
        self.repeated += other.repeated;
        self.refused_frames += other.refused_frames;
        self.reconnects += other.reconnects;
        self.gaps += other.gaps;
        self.missing_ids += other.missing_ids;
        self.unproven += other.unproven;
        self.refused_channels += other.refused_channels;
        self.book_lines += other.book_lines;
        self.broken_books += other.broken_books;
        self.unknown += other.unknown;
    }
}
