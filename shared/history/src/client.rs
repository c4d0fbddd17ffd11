//! The polite HTTP client: one request after the other within an exchange's limits, pauses that it
//! asks for, bounded attempts; knows nothing of what it fetches.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use market::Exchange;
use reqwest::header::RETRY_AFTER;
use reqwest::{Response, StatusCode};
use tokio::sync::Mutex;
use tokio::time::{Instant, sleep, sleep_until};

use crate::error::HistoryError;
use crate::limits::{
    ANSWER_BYTES, ANSWER_TIMEOUT, ATTEMPTS, BAN, CONNECT_TIMEOUT, FILE_BYTES, FILE_TIMEOUT,
    FIRST_PAUSE, MAX_WAIT,
};
use crate::{Places, limits, on_this_machine};

/// Binance tells milliseconds unless it is asked, as the sockets are, for microseconds.
const TIME_UNIT: (&str, &str) = ("X-MBX-TIME-UNIT", "MICROSECOND");
/// Some exchanges refuse clients that do not say who they are.
const USER_AGENT: &str = "tickfold";
/// What is shown of an answer that is an error.
const MAX_REASON: usize = 240;

/// Clones share the pace.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    http: reqwest::Client,
    exchange: Exchange,
    /// Before it no request is made.
    next: Arc<Mutex<Instant>>,
    pace: Duration,
    pause: Duration,
}

/// What an attempt came to, when it did not succeed.
enum Failure {
    /// May succeed when it is made again, not before that long.
    Passing {
        why: String,
        wait: Option<Duration>,
        throttled: bool,
    },
    Final(HistoryError),
}

impl Client {
    pub(crate) fn new(exchange: Exchange, places: &Places) -> Result<Client, HistoryError> {
        // The first one in a process counts, and each of them would do.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder().user_agent(USER_AGENT);
        let http = http.connect_timeout(CONNECT_TIMEOUT).timeout(ANSWER_TIMEOUT);
        // What is on this machine, no proxy has to do with.
        let http = if on_this_machine(&places.rest) { http.no_proxy() } else { http };
        Ok(Client {
            http: http.build().map_err(HistoryError::Client)?,
            exchange,
            next: Arc::new(Mutex::new(Instant::now())),
            pace: places.pace.unwrap_or_else(|| limits::of(exchange).pace),
            pause: places.pause,
        })
    }

    /// The body of an answer.
    pub(crate) async fn get(
        &self,
        url: &str,
        query: &[(&str, String)],
        weight: u32,
    ) -> Result<String, HistoryError> {
        for attempt in 1.. {
            self.turn(weight).await;
            match self.attempt(url, query).await {
                Ok(body) => return Ok(body),
                Err(failure) => self.after(failure, attempt, url).await?,
            }
        }
        unreachable!("the last attempt returns")
    }

    /// A file, in pieces as they come; after `None` it comes from the beginning again.
    pub(crate) async fn download(
        &self,
        url: &str,
        take: &mut (impl FnMut(Option<&[u8]>) -> io::Result<()> + Send),
    ) -> Result<(), HistoryError> {
        for attempt in 1.. {
            self.turn(1).await;
            match self.pieces(url, take).await {
                Ok(()) => return Ok(()),
                Err(failure) => self.after(failure, attempt, url).await?,
            }
        }
        unreachable!("the last attempt returns")
    }

    /// Waits until the next attempt may be made, if there is one.
    async fn after(&self, failure: Failure, attempt: u32, url: &str) -> Result<(), HistoryError> {
        let (why, wait, throttled) = match failure {
            Failure::Final(error) => return Err(error),
            Failure::Passing { why, wait, throttled } => (why, wait, throttled),
        };
        let url = url.to_owned();
        let wait = wait.unwrap_or_else(|| self.backoff(attempt));
        match (throttled, wait > MAX_WAIT || attempt == ATTEMPTS) {
            (true, true) => return Err(HistoryError::Throttled { url, wait, why }),
            (false, true) => {
                return Err(HistoryError::Unreachable { url, attempts: attempt, why });
            }
            // It means everybody who asks from here.
            (true, false) => self.hold(wait).await,
            (false, false) => sleep(wait).await,
        }
        Ok(())
    }

    /// Waits until the next request may be made, and takes its place.
    async fn turn(&self, weight: u32) {
        let at = {
            let mut next = self.next.lock().await;
            let at = (*next).max(Instant::now());
            *next = at + self.pace * weight;
            at
        };
        sleep_until(at).await;
    }

    async fn hold(&self, wait: Duration) {
        let mut next = self.next.lock().await;
        *next = (*next).max(Instant::now() + wait);
    }

    /// Full jitter: many that fail together do not come back together.
    fn backoff(&self, attempt: u32) -> Duration {
        let most = self.pause * 2u32.pow(attempt - 1);
        let micros = u64::try_from(most.as_micros()).unwrap_or(u64::MAX);
        Duration::from_micros(rand::random_range(0..=micros)).min(FIRST_PAUSE * 60)
    }

    async fn attempt(&self, url: &str, query: &[(&str, String)]) -> Result<String, Failure> {
        let request = self.http.get(url).query(query);
        let request = match self.exchange {
            Exchange::Binance => request.header(TIME_UNIT.0, TIME_UNIT.1),
            _ => request,
        };
        let answer = request.send().await.map_err(Failure::from)?;
        let answer = accepted(answer, url).await?;
        let body = body(answer, url).await?;
        match too_many(self.exchange, &body) {
            Some(why) => Err(Failure::Passing { why, wait: None, throttled: true }),
            None => Ok(body),
        }
    }

    async fn pieces(
        &self,
        url: &str,
        take: &mut (impl FnMut(Option<&[u8]>) -> io::Result<()> + Send),
    ) -> Result<(), Failure> {
        let no_room = |why| Failure::Final(HistoryError::NoRoom { url: url.to_owned(), why });
        let too_large = || {
            let limit = FILE_BYTES;
            Failure::Final(HistoryError::TooLarge { url: url.to_owned(), limit })
        };
        take(None).map_err(no_room)?;
        let request = self.http.get(url).timeout(FILE_TIMEOUT);
        let mut answer = accepted(request.send().await.map_err(Failure::from)?, url).await?;
        if answer.content_length().is_some_and(|length| length > FILE_BYTES) {
            return Err(too_large());
        }
        let mut length = 0;
        while let Some(chunk) = answer.chunk().await.map_err(Failure::from)? {
            length += chunk.len() as u64;
            if length > FILE_BYTES {
                return Err(too_large());
            }
            take(Some(&chunk)).map_err(no_room)?;
        }
        Ok(())
    }
}

impl From<reqwest::Error> for Failure {
    fn from(error: reqwest::Error) -> Failure {
        Failure::Passing { why: chain(&error.without_url()), wait: None, throttled: false }
    }
}

/// The answer, if it is one to the question.
async fn accepted(answer: Response, url: &str) -> Result<Response, Failure> {
    let (status, wait) = (answer.status(), retry_after(&answer));
    if status.is_success() {
        return Ok(answer);
    }
    if status == StatusCode::NOT_FOUND {
        return Err(Failure::Final(HistoryError::NotFound { url: url.to_owned() }));
    }
    let body = body(answer, url).await?;
    match status.as_u16() {
        429 => Err(Failure::Passing { why: reason(status, &body), wait, throttled: true }),
        // Binance bans with 418, its firewall and Bybit with 403: each further request makes
        // it longer.
        403 | 418 => Err(Failure::Final(HistoryError::Throttled {
            url: url.to_owned(),
            wait: wait.unwrap_or(BAN),
            why: reason(status, &body),
        })),
        408 | 500.. => Err(Failure::Passing { why: reason(status, &body), wait, throttled: false }),
        _ => {
            let (url, why) = (url.to_owned(), reason(status, &body));
            let status = status.as_u16();
            Err(Failure::Final(HistoryError::Refused { url, status, why }))
        }
    }
}

/// The whole body, within the limit; one that breaks off is none.
async fn body(mut answer: Response, url: &str) -> Result<String, Failure> {
    let too_large =
        || Failure::Final(HistoryError::TooLarge { url: url.to_owned(), limit: ANSWER_BYTES });
    if answer.content_length().is_some_and(|length| length > ANSWER_BYTES) {
        return Err(too_large());
    }
    let mut body = Vec::new();
    loop {
        match answer.chunk().await.map_err(Failure::from)? {
            Some(chunk) if (body.len() + chunk.len()) as u64 > ANSWER_BYTES => {
                return Err(too_large());
            }
            Some(chunk) => body.extend_from_slice(&chunk),
            None => break,
        }
    }
    String::from_utf8(body).map_err(|_| {
        let why = "the answer is not UTF-8".to_owned();
        Failure::Passing { why, wait: None, throttled: false }
    })
}

/// Two exchanges say so with status 200.
fn too_many(exchange: Exchange, body: &str) -> Option<String> {
    let words: &[&str] = match exchange {
        Exchange::Kraken => &[
            "EGeneral:Too many requests",
            "EAPI:Rate limit exceeded",
            "EService:Unavailable",
            "EService:Busy",
        ],
        Exchange::Bybit | Exchange::BybitSpot => &["\"retCode\":10006", "\"retCode\":10018"],
        Exchange::Binance | Exchange::Deribit | Exchange::Coinbase => &[],
    };
    let head = body.get(..body.len().min(MAX_REASON)).unwrap_or_default();
    words.iter().any(|word| head.contains(word)).then(|| head.to_owned())
}

/// In seconds; as a date no exchange says it.
pub(crate) fn retry_after(answer: &Response) -> Option<Duration> {
    let seconds = answer.headers().get(RETRY_AFTER)?.to_str().ok()?.parse().ok()?;
    Some(Duration::from_secs(seconds))
}

fn reason(status: StatusCode, body: &str) -> String {
    let body: String = body.trim().chars().take(MAX_REASON).collect();
    format!("{status} {body}").trim_end().to_owned()
}

/// An error with what caused it: the outermost alone says "error sending request".
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(why) = cause {
        text = format!("{text}: {why}");
        cause = why.source();
    }
    text
}
