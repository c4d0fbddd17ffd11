//! What is known at this moment, told over HTTP: `/live` for pages, `/metrics` for Prometheus,
//! `/healthz` and `/readyz` for whoever runs containers. Stores nothing, and slows nobody down.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use anyhow::Context;
use axum::Json;
use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use market::{Book, Exchange, Live, Pair, PairView, Symbol, Time, Trade, View};
use serde::Serialize;
use tokio::net::TcpListener;
use tracing::warn;

use crate::Report;
use crate::config::{Named, Spread};
use crate::health::Pulse;

/// Whoever has got nothing acknowledged for so long is not ready; as `ingest --health` has it.
const MAX_AGE: Duration = Duration::from_secs(300);

type Counter = (&'static str, &'static str, fn(&Report) -> u64);

/// Each feed's counts, by the names that they have in its [`Report`].
const COUNTERS: [Counter; 9] = [
    ("trades", "Trades received.", |report| report.received),
    ("book_lines", "Lines of books.", |report| report.book_lines),
    ("repeated", "Trades whose ids had come before.", |report| report.repeated),
    ("refused_frames", "Frames that could not be read.", |report| report.refused_frames),
    ("gaps", "Places where ids are missing.", |report| report.gaps),
    ("missing_ids", "Ids that are missing.", |report| report.missing_ids),
    ("unproven", "Breaks of which ids tell nothing.", |report| report.unproven),
    ("broken_books", "Books out of step.", |report| report.broken_books),
    ("unknown", "Messages of no known kind.", |report| report.unknown),
];

type Key = (&'static str, Symbol);

/// What all feeds have written down.
pub(crate) struct Board {
    pulse: Arc<Pulse>,
    state: Mutex<Shown>,
}

#[derive(Default)]
struct Shown {
    symbols: BTreeMap<Key, Live>,
    pairs: Vec<Compared>,
    /// Of each feed, by its number.
    feeds: Vec<(Exchange, Report)>,
}

struct Compared {
    of: Key,
    against: Key,
    pair: Pair,
}

/// One feed's place on the board.
#[derive(Clone)]
pub(crate) struct Place {
    board: Arc<Board>,
    feed: usize,
    exchange: Exchange,
}

#[derive(Serialize)]
struct Row {
    exchange: &'static str,
    symbol: Symbol,
    #[serde(flatten)]
    view: View,
}

/// The answer of `/live`.
#[derive(Serialize)]
struct Told {
    now: Time,
    symbols: Vec<Row>,
    spreads: Vec<SpreadRow>,
}

#[derive(Serialize)]
struct SpreadRow {
    exchange: &'static str,
    symbol: Symbol,
    against_exchange: &'static str,
    against_symbol: Symbol,
    #[serde(flatten)]
    view: PairView,
}

impl Board {
    pub(crate) fn new(pulse: Arc<Pulse>) -> Arc<Board> {
        Arc::new(Board { pulse, state: Mutex::default() })
    }

    /// The next feed's place.
    pub(crate) fn place(self: &Arc<Board>, exchange: Exchange, symbols: &[Symbol]) -> Place {
        let mut state = self.state();
        let keys = symbols.iter().map(|symbol| (exchange.as_str(), symbol.clone()));
        state.symbols.extend(keys.map(|key| (key, Live::default())));
        state.feeds.push((exchange, Report::default()));
        Place { board: Arc::clone(self), feed: state.feeds.len() - 1, exchange }
    }

    /// Sets these against each other; the feeds have their places already.
    pub(crate) fn compare(&self, spreads: Vec<Spread>) {
        let key = |named: Named| (named.exchange.as_str(), named.symbol);
        self.state().pairs.extend(spreads.into_iter().map(|Spread { of, against }| Compared {
            of: key(of),
            against: key(against),
            pair: Pair::default(),
        }));
    }

    /// Binds `address`, and returns what answers there until it is dropped.
    pub(crate) async fn answer(
        self: Arc<Board>,
        address: SocketAddr,
    ) -> anyhow::Result<impl Future<Output = ()>> {
        let listener = TcpListener::bind(address).await;
        let listener = listener.with_context(|| format!("INGEST_LISTEN: cannot use {address}"))?;
        let router = Router::new()
            .route("/live", get(live))
            .route("/metrics", get(metrics))
            .route("/healthz", get(async || "ok\n"))
            .route("/readyz", get(ready))
            .with_state(self);
        Ok(async move {
            if let Err(error) = axum::serve(listener, router).await {
                warn!("nobody is told the live state any more: {error}");
            }
        })
    }

    fn state(&self) -> MutexGuard<'_, Shown> {
        self.state.lock().expect("nothing panics while it is held")
    }
}

impl Place {
    pub(crate) fn trade(&self, trade: &Trade) {
        self.with(&trade.symbol, |live| live.trade(trade, trade.received));
    }

    /// The book after an update at `at`, or after it broke.
    pub(crate) fn book(&self, symbol: &Symbol, book: &Book, at: Time) {
        let mut state = self.board.state();
        let Shown { symbols, pairs, .. } = &mut *state;
        let key = (self.exchange.as_str(), symbol.clone());
        // What was not asked for is not shown.
        let Some(live) = symbols.get_mut(&key) else { return };
        live.book(book, at);
        for Compared { of, against, pair } in pairs {
            if (*of == key || *against == key)
                && let (Some(one), Some(other)) = (symbols.get(of), symbols.get(against))
            {
                pair.book(one, other, at);
            }
        }
    }

    pub(crate) fn context(&self, news: &market::exchange::Context, at: Time) {
        self.with(&news.symbol, |live| live.context(news.clone(), at));
    }

    pub(crate) fn report(&self, report: Report) {
        self.board.state().feeds[self.feed].1 = report;
    }

    /// What was not asked for is not shown.
    fn with(&self, symbol: &Symbol, change: impl FnOnce(&mut Live)) {
        let key = (self.exchange.as_str(), symbol.clone());
        if let Some(live) = self.board.state().symbols.get_mut(&key) {
            change(live);
        }
    }
}

async fn live(State(board): State<Arc<Board>>) -> Response {
    let Ok(now) = Time::from_micros(chrono::Utc::now().timestamp_micros()) else {
        return (StatusCode::INTERNAL_SERVER_ERROR, "the clock is out of range\n").into_response();
    };
    Json(board.state().told(now)).into_response()
}

impl Shown {
    fn told(&self, now: Time) -> Told {
        let row = |((exchange, symbol), live): (&Key, &Live)| Row {
            exchange,
            symbol: symbol.clone(),
            view: live.view(now),
        };
        let spread = |Compared { of, against, pair }: &Compared| {
            let (one, other) = (self.symbols.get(of)?, self.symbols.get(against)?);
            Some(SpreadRow {
                exchange: of.0,
                symbol: of.1.clone(),
                against_exchange: against.0,
                against_symbol: against.1.clone(),
                view: pair.view(one, other, now),
            })
        };
        let symbols = self.symbols.iter().map(row).collect();
        Told { now, symbols, spreads: self.pairs.iter().filter_map(spread).collect() }
    }
}

async fn metrics(State(board): State<Arc<Board>>) -> impl IntoResponse {
    let state = board.state();
    let mut text = String::new();
    for (name, help, count) in COUNTERS {
        let mut sums: BTreeMap<_, u64> = BTreeMap::new();
        for (exchange, report) in &state.feeds {
            *sums.entry(exchange.as_str()).or_default() += count(report);
        }
        let name = format!("tickfold_ingest_{name}_total");
        let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} counter");
        for (exchange, sum) in sums {
            let _ = writeln!(text, "{name}{{exchange=\"{exchange}\"}} {sum}");
        }
    }
    let name = "tickfold_ingest_acknowledged_age_seconds";
    let age = board.pulse.age().as_secs_f64();
    let help = "Since a line was last acknowledged.";
    let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} gauge\n{name} {age}");
    ([(CONTENT_TYPE, "text/plain; version=0.0.4")], text)
}

/// Ready is who has heard of every feed, and gets its lines acknowledged.
async fn ready(State(board): State<Arc<Board>>) -> Response {
    let silent = |(_, report): &&(Exchange, Report)| report.received + report.book_lines == 0;
    let state = board.state();
    let silent: Vec<_> = state.feeds.iter().filter(silent).map(|(it, _)| it.as_str()).collect();
    let why = if !silent.is_empty() {
        format!("nothing has come from {} yet\n", silent.join(", "))
    } else if board.pulse.age() > MAX_AGE {
        format!("nothing was acknowledged for {} s\n", board.pulse.age().as_secs())
    } else {
        return "ready\n".into_response();
    };
    (StatusCode::SERVICE_UNAVAILABLE, why).into_response()
}
