//! A scripted exchange's REST interface: answers of a set of trades as each exchange would, on a
//! port of its own, with the faults that a test orders. Knows no reader of it.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, Response, StatusCode, Uri};
use futures_util::stream;
use market::{Exchange, Trade};

mod spelling;

/// What happens to one request instead of, or with, its answer.
#[derive(Debug, Clone)]
pub enum Fault {
    /// With `Retry-After`, if there are seconds.
    Status(u16, Option<u64>),
    /// Another body, with status 200.
    Says(String),
    /// The connection ends in the midst of the answer.
    BreaksOff,
    /// The page has no more than so many rows.
    Short(usize),
    /// The page lacks its second row.
    Skips,
}

pub struct RestExchange {
    url: String,
    shared: Arc<Shared>,
}

struct Shared {
    exchange: Exchange,
    trades: Mutex<Vec<Trade>>,
    files: Mutex<BTreeMap<String, Vec<u8>>>,
    faults: Mutex<VecDeque<Fault>>,
    asked: Mutex<Vec<String>>,
}

/// One request, as `spelling` needs it.
struct Question<'a> {
    path: &'a str,
    query: BTreeMap<String, String>,
    /// Whether times are wanted in microseconds.
    micros: bool,
    /// The rows that a page has at most.
    most: usize,
}

impl RestExchange {
    /// Trades in the order of their ids.
    pub async fn start(exchange: Exchange, trades: Vec<Trade>) -> RestExchange {
        let shared = Arc::new(Shared {
            exchange,
            trades: Mutex::new(trades),
            files: Mutex::default(),
            faults: Mutex::default(),
            asked: Mutex::default(),
        });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let router = Router::new().fallback(answer).with_state(Arc::clone(&shared));
        tokio::spawn(async move { axum::serve(listener, router).await });
        RestExchange { url, shared }
    }

    pub fn url(&self) -> &str {
        &self.url
    }

    /// The next requests meet these, one each.
    pub fn order(&self, faults: impl IntoIterator<Item = Fault>) {
        self.shared.faults.lock().expect("whole").extend(faults);
    }

    /// Paths and queries of all requests so far.
    pub fn asked(&self) -> Vec<String> {
        self.shared.asked.lock().expect("whole").clone()
    }

    /// A file, such as a day's archive; `path` begins with a slash.
    pub fn publish(&self, path: &str, bytes: impl Into<Vec<u8>>) {
        self.shared.files.lock().expect("whole").insert(path.to_owned(), bytes.into());
    }

    pub fn trade(&self, trade: Trade) {
        self.shared.trades.lock().expect("whole").push(trade);
    }
}

async fn answer(State(shared): State<Arc<Shared>>, uri: Uri, headers: HeaderMap) -> Response<Body> {
    shared.asked.lock().expect("whole").push(uri.to_string());
    let fault = shared.faults.lock().expect("whole").pop_front();
    let (mut most, mut skips) = (usize::MAX, false);
    match &fault {
        Some(Fault::Status(status, wait)) => return refusal(*status, *wait),
        Some(Fault::Says(body)) => return Response::new(Body::from(body.clone())),
        Some(Fault::Short(count)) => most = *count,
        Some(Fault::Skips) => skips = true,
        Some(Fault::BreaksOff) | None => {}
    }
    let file = shared.files.lock().expect("whole").get(uri.path()).cloned();
    let body = file.or_else(|| {
        let question = Question { most, ..Question::of(&uri, &headers) };
        let trades = shared.trades.lock().expect("whole");
        let (before, mut page, behind) = spelling::page(shared.exchange, &trades, &question)?;
        if skips {
            page.remove(1);
        }
        Some(format!("{before}{}{behind}", page.join(",")).into_bytes())
    });
    match (body, fault) {
        (None, _) => refusal(404, None),
        (Some(body), Some(Fault::BreaksOff)) => {
            let half = Bytes::copy_from_slice(&body[..body.len() / 2]);
            let broken = Err(io::Error::other("ordered by the test"));
            Response::new(Body::from_stream(stream::iter([Ok(half), broken])))
        }
        (Some(body), _) => Response::new(Body::from(body)),
    }
}

fn refusal(status: u16, wait: Option<u64>) -> Response<Body> {
    let answer = Response::builder().status(StatusCode::from_u16(status).expect("a status"));
    let answer = match wait {
        Some(seconds) => answer.header("retry-after", seconds),
        None => answer,
    };
    answer.body(Body::from(format!("{{\"message\":\"ordered {status}\"}}"))).expect("an answer")
}

impl Question<'_> {
    fn of<'a>(uri: &'a Uri, headers: &HeaderMap) -> Question<'a> {
        let pairs = uri.query().unwrap_or_default().split('&').filter_map(|it| it.split_once('='));
        let decode = |text: &str| text.replace("%3A", ":");
        Question {
            path: uri.path(),
            query: pairs.map(|(key, value)| (key.to_owned(), decode(value))).collect(),
            most: usize::MAX,
            micros: headers.get("x-mbx-time-unit").is_some_and(|unit| unit == "MICROSECOND"),
        }
    }

    fn number(&self, key: &str) -> Option<i64> {
        self.query.get(key).map(|text| text.parse().expect("a number"))
    }

    /// What a page may hold.
    fn limit(&self, key: &str, default: usize, most: usize) -> usize {
        let asked = self.number(key).map(|limit| usize::try_from(limit).expect("positive"));
        asked.unwrap_or(default).min(most).min(self.most)
    }
}
