//! Reads a [`Config`] from a TOML file and the environment; every refusal names the field, what it
//! held, where that stands, and what is expected. Reads no environment but what it is handed.

use std::collections::HashSet;
use std::ops::RangeInclusive;
use std::path::PathBuf;

use anyhow::{Context, anyhow, bail, ensure};
use market::{Exchange, Symbol};
use serde::Deserialize;
use tokio_tungstenite::tungstenite::http::Uri;
use toml::Spanned;

use super::said::{Lines, Said};
use super::sink::{check_brokers, check_stream, read_security, read_sink};
use super::spread::{self, FileSpread, RawSpread};
use super::{Config, Feed, Sink, Stream};
use crate::{health, venue};

/// From a second, for tests, to a day, which is no watchdog any more.
const SILENCE_SECONDS: RangeInclusive<i64> = 1..=86_400;
/// Whoever stops a container waits some minutes at the most.
const DRAIN_SECONDS: RangeInclusive<i64> = 1..=600;

impl Config {
    /// Reads `file`, or the file that `INGEST_CONFIG` names, or none; variables of `env` go before
    /// it.
    pub fn load(
        file: Option<PathBuf>,
        env: impl Fn(&str) -> Option<String>,
    ) -> anyhow::Result<Config> {
        let health = health::address(&env, "INGEST_HEALTH")?;
        let listen = health::address(&env, "INGEST_LISTEN")?;
        let env = |name: &str| {
            let value = env(name)?.trim().to_owned();
            (!value.is_empty()).then(|| Said { value, origin: name.to_owned() })
        };
        let file = file.or_else(|| env("INGEST_CONFIG").map(|said| said.value.into()));
        let document = file.map(Document::read).transpose()?.unwrap_or_default();

        let sink = env("INGEST_SINK").or(document.sink);
        let to_kinesis = sink.as_ref().map(read_sink).transpose()?.unwrap_or(false);
        let brokers = env("KAFKA_BROKERS").or(document.brokers);
        let security = env("KAFKA_SECURITY").or(document.security);
        let stream = env("KINESIS_STREAM").or(document.stream);
        let feeds = || feeds(RawFeed::of_env(&env)?, document.feeds);
        let mut config = if to_kinesis {
            let stream = stream.context(
                "kinesis.stream: missing; set KINESIS_STREAM, or stream under [kinesis] in the file",
            )?;
            check_stream(&stream)?;
            Config::kinesis(stream.value, feeds()?)
        } else {
            let brokers = brokers.context(
                "kafka.brokers: missing; set KAFKA_BROKERS, or brokers under [kafka] in the file, \
                 to host:port",
            )?;
            check_brokers(&brokers)?;
            let mut config = Config::new(brokers.value, feeds()?);
            if let (Some(said), Sink::Kafka(kafka)) = (&security, &mut config.sink) {
                kafka.security = read_security(said)?;
            }
            config
        };
        (config.health, config.listen) = (health, listen);
        config.spreads = spread::spreads(document.spreads, &config.feeds)?;
        config.feeds.iter_mut().for_each(|feed| feed.context = listen.is_some());
        let drain = seconds_of_env(&env, "INGEST_DRAIN_SECONDS", "drain_seconds")?;
        if let Some(drain) = drain.or(document.drain) {
            config.drain = drain.seconds("drain_seconds", DRAIN_SECONDS)?;
        }
        Ok(config)
    }
}

fn seconds_of_env(
    env: &impl Fn(&str) -> Option<Said<String>>,
    name: &str,
    field: &str,
) -> anyhow::Result<Option<Said<i64>>> {
    let read = |said: Said<String>| match said.value.parse() {
        Ok(value) => Ok(Said { value, origin: said.origin }),
        Err(_) => {
            Err(said.refuse(field, format!("{:?} is not a whole number of seconds", said.value)))
        }
    };
    env(name).map(read).transpose()
}

/// The file as TOML has it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    sink: Option<Spanned<String>>,
    kafka: Option<FileKafka>,
    kinesis: Option<FileKinesis>,
    #[serde(default)]
    feed: Vec<Spanned<FileFeed>>,
    #[serde(default)]
    spread: Vec<Spanned<FileSpread>>,
    drain_seconds: Option<Spanned<i64>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FileKafka {
    brokers: Option<Spanned<String>>,
    security: Option<Spanned<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FileKinesis {
    stream: Option<Spanned<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FileFeed {
    exchange: Option<Spanned<String>>,
    symbols: Option<Vec<Spanned<String>>>,
    stream: Option<Spanned<String>>,
    books: Option<Spanned<bool>>,
    url: Option<Spanned<String>>,
    silence_seconds: Option<Spanned<i64>>,
}

/// The file's values, each with its line.
#[derive(Default)]
struct Document {
    security: Option<Said<String>>,
    sink: Option<Said<String>>,
    stream: Option<Said<String>>,
    brokers: Option<Said<String>>,
    feeds: Vec<RawFeed>,
    spreads: Vec<RawSpread>,
    drain: Option<Said<i64>>,
}

impl Document {
    fn read(path: PathBuf) -> anyhow::Result<Document> {
        let path_text = path.display().to_string();
        let text = std::fs::read_to_string(&path)
            .with_context(|| format!("the configuration {path_text} cannot be read"))?;
        let lines = Lines { path: path_text, text: &text };
        let file: File = toml::from_str(&text).map_err(|error| lines.refuse(&error))?;
        let stream = file.kinesis.and_then(|kinesis| kinesis.stream);
        let (brokers, security) =
            file.kafka.map_or((None, None), |kafka| (kafka.brokers, kafka.security));
        Ok(Document {
            sink: file.sink.map(|said| lines.said(said)),
            stream: stream.map(|said| lines.said(said)),
            brokers: brokers.map(|said| lines.said(said)),
            security: security.map(|said| lines.said(said)),
            feeds: file.feed.into_iter().map(|it| RawFeed::of_file(&lines, it)).collect(),
            spreads: file.spread.into_iter().map(|it| RawSpread::new(&lines, it)).collect(),
            drain: file.drain_seconds.map(|said| lines.said(said)),
        })
    }
}

/// A feed as it was written, nothing checked.
#[derive(Default)]
struct RawFeed {
    /// Where the file begins it.
    origin: Option<String>,
    exchange: Option<Said<String>>,
    symbols: Option<Vec<Said<String>>>,
    stream: Option<Said<String>>,
    books: Option<Said<bool>>,
    url: Option<Said<String>>,
    silence: Option<Said<i64>>,
}

/// The feeds: the environment speaks of one, and goes before the file's.
fn feeds(env: RawFeed, mut file: Vec<RawFeed>) -> anyhow::Result<Vec<Feed>> {
    if file.len() > 1 {
        if let Some(variable) = env.first_origin() {
            let count = file.len();
            bail!("{variable}: describes one feed, but the file has {count}: unset it");
        }
        return file.into_iter().map(RawFeed::finish).collect();
    }
    let file = file.pop();
    ensure!(
        file.is_some() || env.first_origin().is_some(),
        "feed: there is none; set INGEST_EXCHANGE and INGEST_SYMBOLS, or write a [[feed]] with \
         exchange and symbols into the file"
    );
    Ok(vec![env.or(file.unwrap_or_default()).finish()?])
}

impl RawFeed {
    fn of_file(lines: &Lines, feed: Spanned<FileFeed>) -> RawFeed {
        let Said { value: feed, origin } = lines.said(feed);
        let symbols = |list: Vec<_>| list.into_iter().map(|said| lines.said(said)).collect();
        RawFeed {
            origin: Some(origin),
            exchange: feed.exchange.map(|said| lines.said(said)),
            symbols: feed.symbols.map(symbols),
            stream: feed.stream.map(|said| lines.said(said)),
            books: feed.books.map(|said| lines.said(said)),
            url: feed.url.map(|said| lines.said(said)),
            silence: feed.silence_seconds.map(|said| lines.said(said)),
        }
    }

    fn of_env(env: &impl Fn(&str) -> Option<Said<String>>) -> anyhow::Result<RawFeed> {
        let split = |said: Said<String>| {
            let symbol =
                |text: &str| Said { value: text.trim().to_owned(), origin: said.origin.clone() };
            said.value.split(',').map(symbol).collect()
        };
        Ok(RawFeed {
            origin: None,
            exchange: env("INGEST_EXCHANGE"),
            symbols: env("INGEST_SYMBOLS").map(split),
            stream: env("INGEST_STREAM"),
            books: env("INGEST_BOOKS").map(read_books).transpose()?,
            url: env("INGEST_URL"),
            silence: seconds_of_env(env, "INGEST_SILENCE_SECONDS", "feed.silence_seconds")?,
        })
    }

    fn or(self, other: RawFeed) -> RawFeed {
        RawFeed {
            origin: self.origin.or(other.origin),
            exchange: self.exchange.or(other.exchange),
            symbols: self.symbols.or(other.symbols),
            stream: self.stream.or(other.stream),
            books: self.books.or(other.books),
            url: self.url.or(other.url),
            silence: self.silence.or(other.silence),
        }
    }

    /// Where the first thing said of this feed stands.
    fn first_origin(&self) -> Option<&str> {
        let texts = [&self.exchange, &self.stream, &self.url].into_iter().flatten();
        let symbol = self.symbols.iter().flatten();
        let origins = texts.chain(symbol).map(|said| said.origin.as_str());
        let origins = origins.chain(self.books.iter().map(|said| said.origin.as_str()));
        origins.chain(self.silence.iter().map(|said| said.origin.as_str())).next()
    }

    fn finish(self) -> anyhow::Result<Feed> {
        let place = self.origin.as_ref().map_or(String::new(), |origin| format!("{origin}: "));
        let missing = |field: &str, variable: &str| {
            let otherwise = format!("or {field} under [[feed]] in the file");
            anyhow!("{place}feed.{field}: missing; set {variable}, {otherwise}")
        };
        let said = self.exchange.as_ref().ok_or_else(|| missing("exchange", "INGEST_EXCHANGE"))?;
        let exchange = said.value.parse().map_err(|why| said.refuse("feed.exchange", why))?;
        let said = self.symbols.as_deref().filter(|symbols| !symbols.is_empty());
        let symbols = said.ok_or_else(|| missing("symbols", "INGEST_SYMBOLS"))?;
        let mut feed = Feed::new(exchange, read_symbols(symbols)?);
        if let Some(said) = &self.stream {
            feed.stream = read_stream(said)?;
            if exchange != Exchange::Binance {
                let why = format!("{exchange} has one stream of trades, not two: leave it away");
                return Err(said.refuse("feed.stream", why));
            }
        }
        feed.books = self.books.is_some_and(|said| said.value);
        if let Some(said) = &self.url {
            feed.url = Some(read_url(said)?);
        }
        if let Some(said) = &self.silence {
            feed.silence = said.seconds("feed.silence_seconds", SILENCE_SECONDS)?;
        }
        venue::terms(&feed).map_err(|why| symbols[0].refuse("feed.symbols", why))?;
        Ok(feed)
    }
}

fn read_symbols(symbols: &[Said<String>]) -> anyhow::Result<Vec<Symbol>> {
    let mut seen = HashSet::new();
    let mut read = |said: &Said<String>| {
        let symbol: Symbol =
            said.value.parse().map_err(|why: String| said.refuse("feed.symbols", why))?;
        let twice = || said.refuse("feed.symbols", format!("{symbol} stands there twice"));
        seen.insert(symbol.clone()).then(|| symbol.clone()).ok_or_else(twice)
    };
    symbols.iter().map(&mut read).collect()
}

fn read_stream(said: &Said<String>) -> anyhow::Result<Stream> {
    match said.value.as_str() {
        "aggTrade" => Ok(Stream::AggTrade),
        "trade" => Ok(Stream::Trade),
        other => {
            Err(said.refuse("feed.stream", format!("{other:?} is neither aggTrade nor trade")))
        }
    }
}

fn read_books(said: Said<String>) -> anyhow::Result<Said<bool>> {
    match said.value.parse() {
        Ok(value) => Ok(Said { value, origin: said.origin }),
        Err(_) => {
            Err(said.refuse("feed.books", format!("{:?} is neither true nor false", said.value)))
        }
    }
}

fn read_url(said: &Said<String>) -> anyhow::Result<String> {
    let text = said.value.trim_end_matches('/');
    let good = text.parse::<Uri>().is_ok_and(|uri| {
        matches!(uri.scheme_str(), Some("ws" | "wss"))
            && uri.host().is_some_and(|host| !host.is_empty())
            && uri.path() == "/"
            && uri.query().is_none()
    });
    let why = || format!("{:?} is not a base such as wss://stream.example.com:9443", said.value);
    good.then(|| text.to_owned()).ok_or_else(|| said.refuse("feed.url", why()))
}
