//! All the programs around one market, from the exchange's socket to two databases, and the ways to
//! disturb them. What they have made in the end is judged elsewhere.

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, Write};
use std::path::Path;
use std::pin::pin;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use store::Store;
use tempfile::TempDir;
use tests::binary::program;
use tests::bucket::{BUCKET, environment};
use tests::mariadb::Mariadb;
use tests::moto::{KEY, Moto, REGION};
use tests::postgres::Postgres;
use tests::queue::Queue;
use tokio::process::Command;
use tokio::task::{AbortHandle, block_in_place};
use tokio::time::sleep;

use crate::broker::Broker;
use crate::exchange::{Exchange, Session};
use crate::kept::Kept;
use crate::mapping::{Mapping, Running};
use crate::market::{Deal, Market, SYMBOLS};
use crate::running::soon;
use crate::settled::Settled;
use crate::topic::{self, Seen};

pub(crate) const STREAM: &str = "trades";
/// Longer than the test: what failed is shown again at once, by hand.
const HIDDEN_SECONDS: &str = "3600";
/// Between trades while ingest is about to die.
const PACE: Duration = Duration::from_millis(2);
/// Of each symbol.
const TRADES_AT_DEATH: usize = 50;
/// Connections that fail before a cut one is replaced.
const REFUSALS: u64 = 2;
/// Between looks at what is under way.
const PAUSE: Duration = Duration::from_millis(50);

pub(crate) struct World {
    moto: Arc<Moto>,
    queue_url: String,
    pub(crate) market: Market,
    pub(crate) seen: Seen,
    pub(crate) exchange: Exchange,
    pub(crate) session: Session,
    pub(crate) ingest: Kept,
    pub(crate) stream: Stream,
    pub(crate) aggregate: Mapping,
    pub(crate) databases: [Database; 2],
    /// Trades that may be lost, as ingest was killed while it had them.
    at_risk: BTreeSet<(&'static str, u64)>,
    /// Trades that are lost, as nobody listened.
    unheard: BTreeSet<(&'static str, u64)>,
    _folder: TempDir,
}

/// What carries lines from ingest to objects.
pub(crate) enum Stream {
    Kafka { broker: Broker, reader: AbortHandle, batcher: Kept },
    Kinesis { land: Mapping },
}

pub(crate) enum Database {
    Postgres(Postgres, String),
    Mariadb(Mariadb, String),
}

impl Database {
    pub(crate) fn url(&self) -> &str {
        match self {
            Database::Postgres(_, url) | Database::Mariadb(_, url) => url,
        }
    }

    fn kill(&mut self) {
        match self {
            Database::Postgres(server, _) => server.kill(),
            Database::Mariadb(server, _) => server.kill(),
        }
    }

    /// On what it left.
    fn restart(&mut self) {
        block_in_place(|| match self {
            Database::Postgres(server, _) => server.restart(),
            Database::Mariadb(server, _) => server.restart(),
        });
    }
}

async fn databases() -> [Database; 2] {
    let (postgres, mariadb) = (Postgres::start(), Mariadb::start_mortal());
    let urls = (postgres.database(), mariadb.database());
    let databases = [Database::Postgres(postgres, urls.0), Database::Mariadb(mariadb, urls.1)];
    for database in &databases {
        let store = Store::connect(database.url(), 1).expect("a database URL");
        store.migrate().await.expect("tables");
        store.close().await;
    }
    databases
}

impl World {
    /// Over Kafka, or the embedded broker.
    /// A batch stays open for `open`.
    pub(crate) async fn over_kafka(
        test: &str,
        moto: Arc<Moto>,
        market: Market,
        open: Duration,
    ) -> World {
        let broker = Broker::start(test).await;
        let seen = Seen::nothing();
        let reader = topic::read(&broker.brokers(), seen.clone());
        let sink = [("KAFKA_BROKERS", broker.brokers())];
        let folder = tempfile::tempdir().expect("a folder");
        let batcher = batcher(test, folder.path(), &broker, &moto, open);
        let stream = Stream::Kafka { broker, reader, batcher };
        World::start(moto, market, seen, sink.into(), stream, folder).await
    }

    /// Over Kinesis, whose address is given apart.
    pub(crate) async fn over_kinesis(moto: Arc<Moto>, address: String, market: Market) -> World {
        let create = json!({ "StreamName": STREAM, "ShardCount": 2 });
        moto.call("kinesis", "Kinesis_20131202.CreateStream", &create).await;
        let seen = Seen::nothing();
        let land = Running::start("land", environment(moto.endpoint(), KEY, KEY)).await;
        let land = Mapping::of_stream(Arc::clone(&moto), STREAM, land, seen.clone());
        let sink = [
            ("INGEST_SINK", "kinesis".to_owned()),
            ("KINESIS_STREAM", STREAM.to_owned()),
            ("AWS_ENDPOINT_URL_KINESIS", address),
            ("AWS_REGION", REGION.to_owned()),
            ("AWS_ACCESS_KEY_ID", KEY.to_owned()),
            ("AWS_SECRET_ACCESS_KEY", KEY.to_owned()),
        ];
        let folder = tempfile::tempdir().expect("a folder");
        World::start(moto, market, seen, sink.into(), Stream::Kinesis { land }, folder).await
    }

    async fn start(
        moto: Arc<Moto>,
        market: Market,
        seen: Seen,
        sink: Vec<(&'static str, String)>,
        stream: Stream,
        folder: TempDir,
    ) -> World {
        moto.s3().create_bucket().bucket(BUCKET).send().await.expect("a bucket");
        let hidden = json!({ "VisibilityTimeout": HIDDEN_SECONDS });
        let queue = Queue::create(&moto, "aggregate", hidden).await;
        queue.listen_to(BUCKET).await;
        // S3's own test message is nobody's trade, and as good as any other.
        let databases = databases().await;
        let mut functions = Vec::new();
        for database in &databases {
            let mut environment = environment(moto.endpoint(), KEY, KEY);
            environment.push(("DATABASE_URL", database.url().to_owned()));
            functions.push(Running::start("aggregate", environment).await);
        }
        let mut exchange = Exchange::start().await;
        let ingest = Kept::start("ingest", folder.path(), ingest(&exchange, sink));
        let session = exchange.session().await;
        let (at_risk, unheard) = Default::default();
        let queue_url = queue.url.clone();
        let aggregate = Mapping::of_queue(queue, functions, seen.alarm());
        World {
            moto,
            queue_url,
            market,
            seen,
            exchange,
            session,
            ingest,
            stream,
            aggregate,
            databases,
            at_risk,
            unheard,
            _folder: folder,
        }
    }

    pub(crate) fn send(&self, deals: &[Deal]) {
        send(&self.session, deals);
    }

    /// Kills ingest while it has these trades and those that follow, after the first `at` of them
    /// have arrived; returns when the next one listens. What happens meanwhile nobody hears.
    pub(crate) async fn kill_ingest(&mut self, at: usize) {
        self.make_trades_until_dead(at).await;
        self.bury().await;
    }

    async fn make_trades_until_dead(&mut self, at: usize) {
        let World { market, seen, session, ingest, .. } = self;
        let first = market.trade(at);
        send(session, &first);
        let mut death = pin!(async {
            seen.until(&first).await;
            ingest.kill().await;
        });
        // No more of them than that, lest they come faster than they are carried away.
        for _ in 0..TRADES_AT_DEATH {
            tokio::select! {
                () = &mut death => return,
                () = sleep(PACE) => send(session, &market.trade(1)),
            }
        }
        death.await;
    }

    /// Notes what may be lost with an ingest that is dead: whatever has not arrived, also of what it
    /// had long, as the broker may have been away; and one more of each symbol that nobody hears.
    async fn bury(&mut self) {
        let arrived = self.seen.now();
        let name = |deal: &Deal| (deal.symbol, deal.first);
        let open = |deal: &&Deal| !arrived[deal.symbol].contains(&deal.first);
        self.at_risk.extend(self.market.deals.iter().filter(open).map(name));
        self.unheard.extend(self.market.trade(1).iter().map(name));
        self.session = self.exchange.session().await;
    }

    /// Cuts the socket when ingest has carried away what it `heard`, and lets it in again when these
    /// have been made that nobody hears.
    pub(crate) async fn cut(&mut self, heard: &[Deal], unheard: &[Deal]) {
        self.seen.until(heard).await;
        self.exchange.refuse(REFUSALS);
        self.session.cut();
        self.unheard.extend(unheard.iter().map(|deal| (deal.symbol, deal.first)));
        self.session = self.exchange.session().await;
    }

    /// Kills the server of a database and starts it again on what it left.
    pub(crate) fn kill_database(&mut self, which: usize) {
        self.databases[which].kill();
        self.databases[which].restart();
    }

    /// The same, but it stays away until `aggregate` has failed to write minutes of which no other
    /// object will come.
    pub(crate) async fn miss_database(&mut self, which: usize) {
        self.databases[which].kill();
        // The first event may have begun before; each minute brings at least one.
        for _ in 0..2 {
            let handed = self.aggregate.handed();
            let deals = self.market.trade_in_a_minute();
            self.send(&deals);
            let wait = async {
                while self.aggregate.handed() == handed {
                    sleep(PAUSE).await;
                }
            };
            soon("an event", wait).await;
        }
        self.databases[which].restart();
    }

    /// All that ought to have arrived by now.
    pub(crate) async fn arrival(&self) {
        let sure = |deal: &&Deal| {
            let name = (deal.symbol, deal.first);
            !self.at_risk.contains(&name) && !self.unheard.contains(&name)
        };
        let deals: Vec<Deal> = self.market.deals.iter().filter(sure).cloned().collect();
        self.seen.until(&deals).await;
    }

    /// Lets every program end its work, and compares the rows; see [`Settled::judge`].
    pub(crate) async fn judge(self) -> u64 {
        self.settle().await.judge().await
    }

    /// Ends every program when it has done its work, but for those that a later object would need.
    pub(crate) async fn settle(self) -> Settled {
        self.arrival().await;
        let World { moto, queue_url, market, seen, ingest, stream, aggregate, databases, .. } =
            self;
        ingest.stop().await;
        match stream {
            Stream::Kafka { broker: _broker, reader, batcher } => {
                batcher.stop().await;
                reader.abort();
            }
            Stream::Kinesis { land } => land.drain().await,
        }
        aggregate.drain().await;
        let settled = Settled {
            moto,
            queue_url,
            deals: market.deals,
            arrived: seen.now(),
            aggregate,
            databases,
        };
        let lost = settled.lost();
        let names: BTreeSet<_> = lost.iter().map(|deal| (deal.symbol, deal.first)).collect();
        assert!(names.is_superset(&self.unheard), "nobody heard them");
        let known: BTreeSet<_> = self.unheard.union(&self.at_risk).copied().collect();
        assert!(names.is_subset(&known), "lost, and ingest was not killed");
        let of_ingest = names.intersection(&self.at_risk).count();
        let said = format!("{of_ingest} of {} that ingest had", self.at_risk.len());
        let _ = writeln!(io::stderr(), "lost with ingest: {said}, aggregate trades");
        settled
    }
}

fn send(session: &Session, deals: &[Deal]) {
    deals.iter().for_each(|deal| session.send(deal.frame()));
}

fn ingest(exchange: &Exchange, sink: Vec<(&'static str, String)>) -> impl Fn() -> Command + use<> {
    let (program, url) = (program("ingest"), exchange.url.clone());
    move || {
        let mut ingest = Command::new(&program);
        ingest
            .env_clear()
            .envs(sink.iter().map(|(name, value)| (name, value)))
            .env("INGEST_EXCHANGE", "binance")
            .env("INGEST_SYMBOLS", SYMBOLS.join(","))
            .env("INGEST_URL", &url)
            // The test is silent for as long as a broker takes to start.
            .env("INGEST_SILENCE_SECONDS", "3600")
            .env("INGEST_DRAIN_SECONDS", "120");
        ingest
    }
}

/// Vector with the configuration of this repository, or its stand-in; says which.
fn batcher(test: &str, folder: &Path, broker: &Broker, moto: &Moto, open: Duration) -> Kept {
    let mut environment = environment(moto.endpoint(), KEY, KEY);
    environment.push(("KAFKA_BROKERS", broker.brokers()));
    let mut vector = std::process::Command::new("vector");
    if vector.arg("--version").stdout(Stdio::null()).status().is_err() {
        tests::skipped(test, "no vector on the PATH: its stand-in wrote the objects");
        let program = program("batcher");
        environment.push(("BATCH_MILLIS", open.as_millis().to_string()));
        return Kept::start("batcher", folder, move || with(Command::new(&program), &environment));
    }
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../vector/vector.yaml");
    let text = fs::read_to_string(file).expect("it is in vector/");
    let seconds = open.as_secs().clamp(1, 75);
    let shortened = text.replace("timeout_secs: 75", &format!("timeout_secs: {seconds}"));
    assert!(text.contains("timeout_secs: 75"), "the batch has another length");
    let config = folder.join("vector.yaml");
    fs::write(&config, shortened).expect("written");
    environment.extend([
        ("VECTOR_DANGEROUSLY_ALLOW_ENV_VAR_INTERPOLATION", "true".to_owned()),
        ("VECTOR_DATA_DIR", folder.display().to_string()),
        ("METRICS_ADDRESS", "127.0.0.1:0".to_owned()),
    ]);
    Kept::start("vector", folder, move || {
        let mut vector = with(Command::new("vector"), &environment);
        vector.arg("--config").arg(&config);
        vector
    })
}

fn with(mut command: Command, environment: &[(&'static str, String)]) -> Command {
    command.envs(environment.iter().map(|(name, value)| (name, value)));
    command
}
