//! What ingest can be told, and what it does untold; reading it from a file and the environment is
//! [`Config::load`].

use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use market::{Exchange, Symbol};

mod load;
mod said;
mod sink;
mod spread;

/// Everything that ingest is told.
///
/// `ingest` reads it from a TOML file and from environment variables, which go before the file:
///
/// | variable | in the file | default | meaning |
/// |---|---|---|---|
/// | `INGEST_CONFIG` | | none | the file, where the argument `--config` names none |
/// | `INGEST_SINK` | `sink` | `kafka` | where the lines go: `kafka` or `kinesis` |
/// | `KAFKA_BROKERS` | `kafka.brokers` | required for Kafka | Kafka's bootstrap servers, `host:port` with commas between |
/// | `KAFKA_SECURITY` | `kafka.security` | `plaintext` | `plaintext`, or `msk-iam`: TLS, and IAM's credentials as the AWS SDK finds them |
/// | `KINESIS_STREAM` | `kinesis.stream` | required for Kinesis | the stream's name; `AWS_REGION` and the like are as the AWS SDK reads them |
/// | `INGEST_EXCHANGE` | `feed.exchange` | required | the exchange: `binance`, `bybit` (linear contracts), `bybit-spot`, `deribit`, `coinbase`, `kraken` |
/// | `INGEST_SYMBOLS` | `feed.symbols` | required | the exchange's own names of the instruments, with `-` for `/`; with commas between in the variable |
/// | `INGEST_STREAM` | `feed.stream` | `aggTrade` | of `binance` alone: `aggTrade` or `trade` (each fill of its own) |
/// | `INGEST_BOOKS` | `feed.books` | `false` | `true`: order books too, as lines of the best levels each second |
/// | `INGEST_URL` | `feed.url` | the exchange's public one | base of the websocket's address: `wss://host[:port]` |
/// | `INGEST_SILENCE_SECONDS` | `feed.silence_seconds` | 60 | connect anew when no trade of any of the symbols has come for so long |
/// | `INGEST_HEALTH` | | none | address and port that tell `ingest --health` how its lines do: `127.0.0.1:9100` |
/// | `INGEST_HEALTH_SECONDS` | | 300 | `ingest --health` fails when nothing was acknowledged for so long |
/// | `INGEST_LISTEN` | | none | address and port of `/live`, `/metrics`, `/healthz` and `/readyz` |
/// | | `spread.of`, `spread.against` | none | two symbols whose mids `/live` sets against each other, as `binance BTCUSDT` |
/// | `INGEST_DRAIN_SECONDS` | `drain_seconds` | 25 | how long a shutdown waits for acknowledgements; below the 30 s after which Docker and ECS kill |
///
/// `INGEST_EXCHANGE` to `INGEST_SILENCE_SECONDS` describe one feed; with several `[[feed]]` in the
/// file they are an error. An empty variable counts as unset.
///
/// ```toml
/// drain_seconds = 25
///
/// [kafka]
/// brokers = "kafka:9092"
///
/// [[feed]]
/// exchange = "binance"
/// symbols = ["BTCUSDT", "ETHUSDT"]
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    pub sink: Sink,
    /// One connection each.
    pub feeds: Vec<Feed>,
    /// Trades that may wait for the producer; then the feeds stop reading their sockets.
    pub queued: usize,
    /// How long a shutdown waits for acknowledgements.
    pub drain: Duration,
    /// Where it is told how long ago a line was acknowledged; see [`crate::check_health`].
    pub health: Option<SocketAddr>,
    /// Where the live state is told over HTTP.
    pub listen: Option<SocketAddr>,
    /// What the live state sets against each other; the feeds must bring the books.
    pub spreads: Vec<Spread>,
}

/// Two symbols of which the live state tells how far the mid of the one is above the other's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spread {
    pub of: Named,
    pub against: Named,
}

/// A symbol of an exchange.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    pub exchange: Exchange,
    pub symbol: Symbol,
}

/// Where lines go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sink {
    Kafka(Kafka),
    Kinesis(Kinesis),
}

/// The broker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kafka {
    /// Bootstrap servers, `host:port` with commas between.
    pub brokers: String,
    pub security: Security,
    /// Lines that may be with librdkafka, not yet acknowledged.
    pub in_flight: usize,
    /// How long librdkafka itself tries to deliver a line, before it is handed back and sent anew.
    pub delivery_timeout: Duration,
}

/// How a broker knows who this is, and how nobody else knows what is said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Security {
    /// It does not, and everybody does.
    Plaintext,
    /// MSK's: TLS, and tokens that are signed with the credentials that the AWS SDK finds.
    MskIam,
    /// No TLS, and tokens that prove nothing, for a broker of one's own; no file can say this.
    Unsecured { principal: String, lifetime: Duration },
}

/// The stream; region, credentials and endpoint are what the AWS SDK finds in the environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kinesis {
    pub stream: String,
    /// Lines that may be not yet acknowledged.
    pub in_flight: usize,
}

/// One connection to one exchange.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Feed {
    pub exchange: Exchange,
    pub symbols: Vec<Symbol>,
    pub stream: Stream,
    /// Whether order books are read as well.
    pub books: bool,
    /// Whether funding rates, open interest and the like are read, for the live state alone.
    pub context: bool,
    /// Base of the websocket's address; `None` is the exchange's public one.
    pub url: Option<String>,
    /// The connection is replaced when no trade has come for so long.
    pub silence: Duration,
    /// Age at which a connection is replaced, before the exchange ends it.
    pub renew: Duration,
    /// How long the old connection is still read once its replacement is open.
    pub overlap: Duration,
    /// A request that is not answered for so long is made again.
    pub answer_within: Duration,
    /// In what intervals the connection is kept, where that is the client's part; `None` is the
    /// exchange's own.
    pub keep_alive: Option<Duration>,
}

/// Which of an exchange's trade streams is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stream {
    /// The fills of one order at one price as one trade: a fraction of the messages.
    AggTrade,
    /// Each fill as a trade of its own.
    Trade,
}

/// At a few hundred bytes each these stay below 40 MB, and carry ten busy symbols through an
/// outage of some twenty minutes.
const QUEUED: usize = 50_000;
const IN_FLIGHT: usize = 20_000;
/// ECS and Docker kill 30 s after they asked; the rest is for closing sockets and saying so.
const DRAIN: Duration = Duration::from_secs(25);
/// librdkafka's own default.
const DELIVERY_TIMEOUT: Duration = Duration::from_secs(300);
/// Of the symbols of a feed the busiest decides, so that a minute without any trade is no market.
const SILENCE: Duration = Duration::from_secs(60);
/// Binance ends a connection after 24 hours.
const RENEW: Duration = Duration::from_secs(23 * 60 * 60);
/// Servers of one exchange may be a little apart; what both send is only a duplicate.
const OVERLAP: Duration = Duration::from_secs(3);
/// Answers take milliseconds.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);

impl Config {
    /// To Kafka.
    pub fn new(brokers: impl Into<String>, feeds: Vec<Feed>) -> Config {
        let kafka = Kafka {
            brokers: brokers.into(),
            security: Security::Plaintext,
            in_flight: IN_FLIGHT,
            delivery_timeout: DELIVERY_TIMEOUT,
        };
        Config {
            sink: Sink::Kafka(kafka),
            feeds,
            queued: QUEUED,
            drain: DRAIN,
            health: None,
            listen: None,
            spreads: vec![],
        }
    }

    pub fn kinesis(stream: impl Into<String>, feeds: Vec<Feed>) -> Config {
        let kinesis = Kinesis { stream: stream.into(), in_flight: IN_FLIGHT };
        Config {
            sink: Sink::Kinesis(kinesis),
            feeds,
            queued: QUEUED,
            drain: DRAIN,
            health: None,
            listen: None,
            spreads: vec![],
        }
    }
}

impl Sink {
    pub(crate) fn in_flight(&self) -> usize {
        match self {
            Sink::Kafka(kafka) => kafka.in_flight,
            Sink::Kinesis(kinesis) => kinesis.in_flight,
        }
    }
}

impl fmt::Display for Spread {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Spread { of, against } = self;
        write!(out, "{} {} against {} {}", of.exchange, of.symbol, against.exchange, against.symbol)
    }
}

impl fmt::Display for Sink {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Sink::Kafka(kafka) => kafka.fmt(out),
            Sink::Kinesis(kinesis) => kinesis.fmt(out),
        }
    }
}

impl fmt::Display for Kafka {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Kafka at {}", self.brokers)
    }
}

impl fmt::Display for Kinesis {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Kinesis stream {}", self.stream)
    }
}

impl Feed {
    pub fn new(exchange: Exchange, symbols: Vec<Symbol>) -> Feed {
        Feed {
            exchange,
            symbols,
            stream: Stream::AggTrade,
            books: false,
            context: false,
            url: None,
            silence: SILENCE,
            renew: RENEW,
            overlap: OVERLAP,
            answer_within: ANSWER_WITHIN,
            keep_alive: None,
        }
    }
}
