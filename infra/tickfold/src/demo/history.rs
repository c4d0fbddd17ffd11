//! What was traded before the sockets opened: an exchange's REST pages -> one object per exchange
//! and minute in the lake. Touches no row: the objects go the way of all objects.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use anyhow::{Context, bail};
use chrono::Utc;
use futures_util::stream::{self, TryStreamExt};
use lake::{Lake, MinutePrefix};
use market::exchange::Found;
use market::{Exchange, Minute, Source, Symbol, Time};
use reqwest::StatusCode;
use tokio::time::sleep;

use super::batcher::object_name;

/// The sockets' times are microseconds: in milliseconds the same trade would contradict itself.
const TIME_UNIT: (&str, &str) = ("X-MBX-TIME-UNIT", "MICROSECOND");
/// The most that one page holds.
const PAGE: usize = 1_000;
/// Objects that are written at a time.
const WRITTEN_AT_ONCE: usize = 8;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);
/// Attempts at one page: an exchange that asks for patience or is briefly unwell gets some.
const ATTEMPTS: u32 = 5;
const RETRY_AFTER: Duration = Duration::from_secs(2);
/// The longest pause that an exchange may ask of us; its request weights count by the minute.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(61);

/// An exchange's REST interface; for now Binance's.
pub struct Rest {
    client: reqwest::Client,
    url: String,
}

/// Where a page begins.
#[derive(Debug, Clone, Copy)]
enum From {
    Time(Time),
    Id(u64),
}

/// How one symbol is walked.
struct Walk {
    symbol: Symbol,
    from: From,
    /// No minute before this one gets another line of this symbol; `None` when it is through.
    frontier: Option<Minute>,
}

impl Rest {
    /// `direct` is for an exchange on this machine, which no proxy has to do with.
    pub fn new(url: &str, direct: bool) -> anyhow::Result<Rest> {
        // The first one in a process counts, and each of them would do.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder();
        let client = if direct { client.no_proxy() } else { client };
        let client = client.connect_timeout(CONNECT_TIMEOUT).timeout(REQUEST_TIMEOUT);
        let client = client.build().context("cannot make an HTTP client")?;
        Ok(Rest { client, url: url.to_owned() })
    }

    /// Whether anybody answers at all.
    pub async fn ping(&self) -> anyhow::Result<()> {
        let url = format!("{}/api/v3/ping", self.url);
        let answer = self.client.get(&url).send().await;
        let answer = answer.and_then(reqwest::Response::error_for_status);
        answer.map_err(reqwest::Error::without_url).with_context(|| url)?;
        Ok(())
    }

    async fn page(&self, symbol: &Symbol, from: From) -> anyhow::Result<String> {
        let url = format!("{}/api/v3/aggTrades", self.url);
        let from = match from {
            From::Time(time) => ("startTime", (time.micros() / 1_000).to_string()),
            From::Id(id) => ("fromId", id.to_string()),
        };
        let limit = PAGE.to_string();
        let query = [("symbol", symbol.as_str()), (from.0, &from.1), ("limit", &limit)];
        for attempt in 1.. {
            let asked = self.client.get(&url).header(TIME_UNIT.0, TIME_UNIT.1).query(&query);
            let (why, wait) = match asked.send().await {
                Ok(answer) if answer.status().is_success() => {
                    return answer.text().await.with_context(|| url);
                }
                Ok(answer) => {
                    let (status, wait) = (answer.status(), retry_after(&answer));
                    let why = format!("{status} {}", answer.text().await.unwrap_or_default());
                    if status != StatusCode::TOO_MANY_REQUESTS && !status.is_server_error() {
                        bail!("{url} for {symbol}: {why}");
                    }
                    (why, wait)
                }
                Err(error) => (format!("{:#}", anyhow::Error::new(error)), None),
            };
            if attempt == ATTEMPTS {
                bail!("{url} for {symbol}, {attempt} times: {why}");
            }
            sleep(wait.unwrap_or(RETRY_AFTER * attempt)).await;
        }
        unreachable!("the last attempt returns")
    }
}

fn retry_after(answer: &reqwest::Response) -> Option<Duration> {
    let seconds = answer.headers().get("retry-after")?.to_str().ok()?.parse().ok()?;
    Some(Duration::from_secs(seconds).min(RETRY_AFTER_MAX))
}

/// Loads all trades from a minute on until the exchange has no more. Whoever wants no gap opens
/// the sockets first.
pub async fn load(
    rest: &Rest,
    exchange: Exchange,
    symbols: &[Symbol],
    from: Minute,
    lake: &Lake,
) -> anyhow::Result<()> {
    let walk = |symbol: &Symbol| Walk {
        symbol: symbol.clone(),
        from: From::Time(from.start()),
        frontier: Some(from),
    };
    let mut walks: Vec<Walk> = symbols.iter().map(walk).collect();
    let mut minutes: BTreeMap<Minute, String> = BTreeMap::new();
    // The one that is behind goes first, so that minutes are whole as early as they can be.
    while let Some(walk) =
        walks.iter_mut().filter(|walk| walk.frontier.is_some()).min_by_key(|walk| walk.frontier)
    {
        walk.step(rest, exchange, &mut minutes).await?;
        let frontier = walks.iter().filter_map(|walk| walk.frontier).min();
        let open = frontier.map_or_else(BTreeMap::new, |frontier| minutes.split_off(&frontier));
        let whole = std::mem::replace(&mut minutes, open);
        stream::iter(whole.into_iter().map(anyhow::Ok))
            .try_for_each_concurrent(WRITTEN_AT_ONCE, async |(minute, lines)| {
                let prefix = MinutePrefix::raw_trades(exchange.name(), minute);
                lake.put_lines(&prefix, &object_name(), lines.as_bytes()).await?;
                Ok(())
            })
            .await?;
    }
    Ok(())
}

impl Walk {
    /// Takes one page, or fails loudly: history that is not exactly what the exchange has is none.
    async fn step(
        &mut self,
        rest: &Rest,
        exchange: Exchange,
        minutes: &mut BTreeMap<Minute, String>,
    ) -> anyhow::Result<()> {
        let symbol = &self.symbol;
        let page = rest.page(symbol, self.from).await?;
        let received = Time::from_micros(Utc::now().timestamp_micros())?;
        let records = exchange.decode_page(symbol, &page, received, Source::Rest);
        let records = records.with_context(|| format!("{exchange}'s page of {symbol}"))?;
        for record in &records {
            let found = record.outcome.as_ref().map_err(|why| {
                anyhow::anyhow!("{exchange}'s page of {symbol} holds {}: {why}", record.text)
            })?;
            let id = found.page_id().context("a record without an id to go on from")?;
            if let From::Id(expected) = self.from
                && id != expected
            {
                bail!("{exchange}'s pages of {symbol} go on with id {id}, not {expected}");
            }
            self.from = From::Id(id + 1);
            if let Found::Trade { trade, .. } = found {
                self.frontier = self.frontier.max(Some(trade.minute()));
                let lines = minutes.entry(trade.minute()).or_default();
                writeln!(lines, "{trade}").expect("a string takes every byte");
            }
        }
        if records.len() < PAGE {
            self.frontier = None;
        }
        Ok(())
    }
}
