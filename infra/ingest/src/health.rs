//! How long ago a line was acknowledged, told on a local port to whoever connects; `ingest
//! --health` is who asks. Says nothing of single feeds: their gaps show in the ids.
//!
//! A port and no file, so that a read-only container needs no folder for it, and so that a program
//! that hangs answers nothing.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context, anyhow, ensure};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, sleep, timeout};
use tracing::debug;

/// Local and a handful of bytes: whoever needs longer hangs.
const ANSWER_WITHIN: Duration = Duration::from_secs(3);
/// Out of file descriptors, which passes, or not: then the check fails, as it should.
const ACCEPT_AGAIN: Duration = Duration::from_millis(200);
/// Longer than any pause of a busy symbol, a broker's restart or a reconnect.
const MAX_AGE: Duration = Duration::from_secs(300);

/// When a line was last acknowledged; at first, when the program started.
pub(crate) struct Pulse {
    started: Instant,
    beat_after_millis: AtomicU64,
}

impl Pulse {
    pub(crate) fn new() -> Arc<Pulse> {
        Arc::new(Pulse { started: Instant::now(), beat_after_millis: AtomicU64::new(0) })
    }

    pub(crate) fn beat(&self) {
        let millis = self.started.elapsed().as_millis() as u64;
        self.beat_after_millis.fetch_max(millis, Ordering::Relaxed);
    }

    pub(crate) fn age(&self) -> Duration {
        let beat = Duration::from_millis(self.beat_after_millis.load(Ordering::Relaxed));
        self.started.elapsed().saturating_sub(beat)
    }

    /// Binds `address`, and returns what answers there until it is dropped.
    pub(crate) async fn answer(
        self: Arc<Pulse>,
        address: SocketAddr,
    ) -> anyhow::Result<impl Future<Output = ()>> {
        let listener = TcpListener::bind(address).await;
        let listener = listener.with_context(|| format!("INGEST_HEALTH: cannot use {address}"))?;
        Ok(async move {
            loop {
                let told = match listener.accept().await {
                    Ok((mut stream, _)) => {
                        let millis = format!("{}\n", self.age().as_millis());
                        stream.write_all(millis.as_bytes()).await
                    }
                    Err(error) => {
                        sleep(ACCEPT_AGAIN).await;
                        Err(error)
                    }
                };
                if let Err(error) = told {
                    debug!("nobody was told the health: {error}");
                }
            }
        })
    }
}

/// Where something is told: the variable's address; nowhere if it is unset.
pub(crate) fn address(
    env: &impl Fn(&str) -> Option<String>,
    variable: &str,
) -> anyhow::Result<Option<SocketAddr>> {
    let Some(text) = said(env, variable) else { return Ok(None) };
    let address = text.parse().map_err(|_| {
        anyhow!("{variable}: {text:?} is not an address and a port, such as 127.0.0.1:9100")
    })?;
    Ok(Some(address))
}

/// Asks the ingest that runs with the same environment; returns how long ago its last
/// line was acknowledged. Fails if none answers, and if that is longer ago than `INGEST_HEALTH_SECONDS`.
pub async fn check(env: impl Fn(&str) -> Option<String>) -> anyhow::Result<Duration> {
    let address = address(&env, "INGEST_HEALTH")?
        .context("INGEST_HEALTH: not set, so there is nobody to ask")?;
    let max_age = match said(&env, "INGEST_HEALTH_SECONDS") {
        None => MAX_AGE,
        Some(text) => Duration::from_secs(text.parse().map_err(|_| {
            anyhow!("INGEST_HEALTH_SECONDS: {text:?} is not a whole number of seconds")
        })?),
    };
    let asked = timeout(ANSWER_WITHIN, ask(address)).await;
    let asked = asked.map_err(|_| anyhow!("no answer within {} s", ANSWER_WITHIN.as_secs()));
    let age = asked.and_then(|answer| answer).with_context(|| format!("ingest at {address}"))?;
    let (seconds, limit) = (age.as_secs(), max_age.as_secs());
    ensure!(age <= max_age, "nothing was acknowledged for {seconds} s, and {limit} s are allowed");
    Ok(age)
}

async fn ask(address: SocketAddr) -> anyhow::Result<Duration> {
    let mut answer = String::new();
    TcpStream::connect(address).await?.read_to_string(&mut answer).await?;
    let millis = answer.trim().parse().with_context(|| format!("it says {answer:?}"))?;
    Ok(Duration::from_millis(millis))
}

/// An empty variable counts as unset.
fn said(env: &impl Fn(&str) -> Option<String>, name: &str) -> Option<String> {
    env(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty())
}
