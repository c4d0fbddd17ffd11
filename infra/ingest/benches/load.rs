//! How many messages a second the program takes from five exchanges of fifty symbols each, as fast
//! as its sockets take them, for a minute: trades and books, to an embedded broker. A measurement
//! that fails if a trade is lost, a book breaks, or memory grows beyond what its container has.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use market::Exchange;
use rdkafka::mocking::MockCluster;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Barrier;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use exchange::{Sent, Server};

#[path = "load/exchange.rs"]
mod exchange;
#[path = "load/script.rs"]
mod script;

/// Bybit once: both of its markets speak alike.
const EXCHANGES: [Exchange; 5] =
    [Exchange::Binance, Exchange::Bybit, Exchange::Deribit, Exchange::Coinbase, Exchange::Kraken];
const SYMBOLS: usize = 50;
const LOAD: Duration = Duration::from_secs(60);
/// What `terraform/ingest/tickfold-ingest.service.tftpl` gives the container.
const MEMORY_KB: u64 = 256 << 10;
/// Of the kernel's clock in which a process's time is told.
const TICKS: f64 = 100.0;
/// The rest is read and acknowledged in seconds.
const SOON: Duration = Duration::from_secs(300);

#[tokio::main]
async fn main() {
    let cluster = MockCluster::new(1).expect("a broker");
    for topic in
        EXCHANGES.iter().flat_map(|it| ["trades", "books"].map(|kind| format!("{it}.{kind}")))
    {
        cluster.create_topic(&topic, 4, 1).expect("a topic");
    }
    let (ready, over) = (Arc::new(Barrier::new(EXCHANGES.len() + 1)), CancellationToken::new());
    let mut file = String::new();
    let mut servers = JoinSet::new();
    for exchange in EXCHANGES {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        file += &feed(exchange, &format!("ws://{}", listener.local_addr().expect("an address")));
        let server = Server { exchange, listener, ready: Arc::clone(&ready), over: over.clone() };
        servers.spawn(server.run(LOAD));
    }
    let folder = tempfile::tempdir().expect("a folder");
    let program = Program::start(folder.path(), &file, &cluster.bootstrap_servers()).await;

    let all = timeout(SOON, ready.wait()).await;
    assert!(all.is_ok(), "not all is subscribed to: {}", program.log());
    let (begun, idle) = (Instant::now(), program.seconds());
    println!("{:<12}{:>12}{:>16}", "exchange", "trades", "changes of books");
    let mut sent = Sent::default();
    for _ in EXCHANGES {
        let (exchange, of) = program.told_by(&mut servers).await;
        println!("{exchange:<12}{:>12}{:>16}", of.trades, of.changes);
        sent = Sent { trades: sent.trades + of.trades, changes: sent.changes + of.changes };
    }
    program.until_counted(sent.trades).await;
    let (took, used) = (begun.elapsed().as_secs_f64(), program.seconds() - idle);
    let peak = program.peak_kb();
    let counts = program.metrics().await.expect("it runs");
    program.stop().await;
    over.cancel();

    let messages = (sent.trades + sent.changes) as f64;
    println!("{:>12.0} messages a second, for {took:.0} s", messages / took);
    println!("{:>12.0} messages a second of one processor's time", messages / used);
    println!("{:>12.1} MB at most, of {} that it may take", peak as f64 / 1024.0, MEMORY_KB >> 10);
    assert!(peak < MEMORY_KB, "{peak} kB");
    for count in ["missing_ids", "broken_books", "refused_frames", "unknown"] {
        assert_eq!(total(&counts, count), 0, "{count}: {counts}");
    }
    assert!(total(&counts, "book_lines") > (SYMBOLS * EXCHANGES.len()) as u64, "{counts}");
}

/// A feed of ingest's file.
fn feed(exchange: Exchange, url: &str) -> String {
    let symbols = script::symbols(exchange);
    format!(
        "[[feed]]\nexchange = \"{exchange}\"\nsymbols = {symbols:?}\nbooks = true\nurl = \"{url}\"\n"
    )
}

/// A counter of `/metrics`, of all feeds together.
fn total(metrics: &str, name: &str) -> u64 {
    let begin = format!("tickfold_ingest_{name}_total{{");
    let lines = metrics.lines().filter(|line| line.starts_with(&begin));
    lines.filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok()).sum()
}

/// The program under load, which does not outlive this one.
struct Program {
    child: Child,
    listen: String,
    log: std::path::PathBuf,
}

impl Program {
    async fn start(folder: &Path, feeds: &str, brokers: &str) -> Program {
        let (file, log) = (folder.join("ingest.toml"), folder.join("log"));
        fs::write(&file, feeds).expect("written");
        let free = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let listen = free.local_addr().expect("an address").to_string();
        drop(free);
        let child = Command::new(env!("CARGO_BIN_EXE_ingest"))
            .env_clear()
            .env("INGEST_CONFIG", &file)
            .env("INGEST_LISTEN", &listen)
            .env("KAFKA_BROKERS", brokers)
            .env("RUST_LOG", "warn")
            .stdin(Stdio::null())
            .stderr(fs::File::create(&log).expect("a log"))
            .spawn();
        Program { child: child.expect("the program starts"), listen, log }
    }

    fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// The next server's count; a program that is gone, or that left it, is told with its log.
    async fn told_by(&self, servers: &mut JoinSet<(Exchange, Sent)>) -> (Exchange, Sent) {
        let told = servers.join_next().await.expect("a server");
        told.unwrap_or_else(|why| panic!("{why}: {}", self.log()))
    }

    async fn metrics(&self) -> Option<String> {
        let mut stream = TcpStream::connect(&self.listen).await.ok()?;
        let request = "GET /metrics HTTP/1.1\r\nHost: load\r\nConnection: close\r\n\r\n";
        stream.write_all(request.as_bytes()).await.ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.ok()?;
        Some(answer)
    }

    /// Waits until all of them have come.
    async fn until_counted(&self, trades: u64) {
        let begun = Instant::now();
        loop {
            let metrics = self.metrics().await.unwrap_or_else(|| panic!("{}", self.log()));
            let counted = total(&metrics, "trades");
            if counted == trades {
                return;
            }
            assert!(begun.elapsed() < SOON, "{counted} of {trades} trades: {}", self.log());
            sleep(Duration::from_millis(100)).await;
        }
    }

    fn status(&self, file: &str) -> String {
        fs::read_to_string(format!("/proc/{}/{file}", self.child.id())).expect("it runs")
    }

    /// The most memory that it has had.
    fn peak_kb(&self) -> u64 {
        let status = self.status("status");
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let number = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
        number.expect("a number of kB")
    }

    /// Of processors, in itself and in the kernel.
    fn seconds(&self) -> f64 {
        let stat = self.status("stat");
        // Behind the name, which is in parentheses, utime and stime are the 12th and 13th.
        let (_, rest) = stat.rsplit_once(") ").expect("a name");
        rest.split(' ').skip(11).take(2).filter_map(|it| it.parse::<f64>().ok()).sum::<f64>()
            / TICKS
    }

    /// Everything that it took is acknowledged, or it fails.
    async fn stop(mut self) {
        let kill = format!("kill -TERM {}", self.child.id());
        assert!(Command::new("sh").args(["-c", &kill]).status().expect("a shell").success());
        let begun = Instant::now();
        let status = loop {
            if let Some(status) = self.child.try_wait().expect("its own child") {
                break status;
            }
            assert!(begun.elapsed() < SOON, "it does not end: {}", self.log());
            sleep(Duration::from_millis(100)).await;
        };
        assert!(status.success(), "{status}: {}", self.log());
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
