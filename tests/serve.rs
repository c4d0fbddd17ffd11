//! `tickfold serve` as `infra/compose.yaml` runs it, with its set-up of the queue and its
//! environment, but for Docker: moto plays S3 and SQS, and the database is PostgreSQL.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::Arc;
use std::time::Duration;

use aws_sdk_s3::primitives::ByteStream;
use lake::{Kind, Lake, MinutePrefix};
use market::{Bar, Day, Exchange, Trade};
use serde_json::{Value, json};
use sqlx::{Connection, Executor, PgConnection};
use store::{Range, Store};
use tempfile::TempDir;
use tests::archive::publish_binance;
use tests::binary::tickfold;
use tests::books::book_lines;
use tests::http_client;
use tests::moto::Moto;
use tests::postgres::Postgres;
use tests::queue::{Queue, key};
use tests::rest::RestExchange;
use tests::trades::{MINUTE, NOON, lines, name, symbol, time, trade, trades};

/// Nothing here takes so long, however busy the machine is.
const SOON: Duration = Duration::from_secs(120);
const POLL: Duration = Duration::from_millis(50);
/// So that what failed comes again while the test waits; many times what a fold takes.
const HIDDEN_SECONDS: &str = "4";
const BUCKET: &str = "trades";

async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    tokio::time::timeout(SOON, future).await.unwrap_or_else(|_| panic!("no sign of {what}"))
}

/// Asks again and again.
async fn until(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let asking = async {
        while !is_so().await {
            tokio::time::sleep(POLL).await;
        }
    };
    soon(what, asking).await;
}

fn service(name: &str) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../infra/compose.yaml");
    let text = std::fs::read_to_string(path).expect("compose.yaml");
    let compose: Value = serde_saphyr::from_str(&text).expect("YAML");
    compose["services"][name].clone()
}

/// A service's environment, with this test's servers for those of compose.
fn environment(service: &Value, moto: &str, database: &str) -> Vec<(&'static str, String)> {
    let entries = service["environment"].as_object().expect("an environment");
    let set = entries.iter().map(|(name, value)| {
        let value = value.as_str().expect("a text").replace("http://aws:5000", moto);
        let name: &'static str = name.clone().leak();
        (name, if name == "DATABASE_URL" { database.to_owned() } else { value })
    });
    set.collect()
}

fn words(service: &Value) -> Vec<&str> {
    let command = service["command"].as_array().expect("a command");
    command.iter().map(|word| word.as_str().expect("a word")).collect()
}

fn run(arguments: &[&str], environment: &[(&str, String)]) -> Output {
    let environment = environment.iter().map(|(name, value)| (*name, value));
    let mut command = Command::new(tickfold());
    command.args(arguments).env_clear().envs(environment).output().expect("tickfold starts")
}

/// A running `tickfold serve` that does not outlive its test.
struct Serve {
    child: Child,
    folder: TempDir,
    address: String,
}

impl Serve {
    fn start(environment: &[(&str, String)]) -> Serve {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let log = File::create(folder.path().join("log")).expect("a file");
        let environment = environment.iter().map(|(name, value)| (*name, value));
        let mut child = Command::new(tickfold())
            .arg("serve")
            .env_clear()
            .envs(environment)
            .env("LISTEN", "127.0.0.1:0")
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .expect("tickfold starts");
        let mut line = String::new();
        let stdout = child.stdout.take().expect("it is piped");
        BufReader::new(stdout).read_line(&mut line).expect("a line");
        let mut serve = Serve { child, folder, address: String::new() };
        let address = line.trim().strip_prefix("tickfold serve is ready: http://");
        let address = address.and_then(|rest| rest.strip_suffix('/'));
        serve.address = address.unwrap_or_else(|| panic!("{line:?} {}", serve.log())).to_owned();
        serve
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).expect("the log")
    }

    async fn get(&self, path: &str) -> (u16, String) {
        let url = format!("http://{}{path}", self.address);
        let answer = http_client().get(url).send().await.expect("an answer");
        (answer.status().as_u16(), answer.text().await.expect("text"))
    }

    fn terminate(&self) {
        let id = self.child.id().to_string();
        tests::binary::signal("TERM", &id);
    }

    fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("it is this process's child")
    }
}

impl Drop for Serve {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

async fn rows(url: &str) -> Vec<Bar> {
    let (exchange, symbol) = (name("binance"), symbol("BTCUSDT"));
    let (from, to, limit) = (market::Minute::MIN, market::Minute::MAX, 5_000);
    let store = Store::connect(url, 1).expect("a URL");
    let rows = store.bars(&Range { exchange, symbol, from, to, limit }).await.expect("rows");
    rows.into_iter().map(|row| row.bar).collect()
}

/// Messages that are in the queue, seen or hidden.
async fn held(queue: &Queue) -> u64 {
    let names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"];
    let asked = queue.call("GetQueueAttributes", json!({ "AttributeNames": names })).await;
    let count = |name: &str| asked["Attributes"][name].as_str().expect("a text").parse::<u64>();
    names.iter().map(|name| count(name).expect("a number")).sum()
}

async fn put(lake: &Lake, minute: i64, name_of_it: &str, trades: &[Trade]) {
    let minute = MinutePrefix::raw_trades(name("binance"), time(NOON + minute * MINUTE).minute());
    lake.put_lines(&minute, name_of_it, lines(trades).as_bytes()).await.expect("written");
}

/// The bucket with its queue, and a database with its tables; returns the database's URL.
fn set_up(moto: &Moto, postgres: &Postgres) -> String {
    let database = postgres.database();
    let set_up = service("aws-setup");
    Moto::run_script(words(&set_up)[0], &environment(&set_up, moto.endpoint(), &database));
    let migrate = service("migrate");
    let ran = run(&words(&migrate), &environment(&migrate, moto.endpoint(), &database));
    assert!(ran.status.success(), "{ran:?}");
    database
}

#[tokio::test]
async fn objects_become_rows_and_what_fails_a_dead_letter() {
    let Some(moto) = Moto::start("serve").map(Arc::new) else { return };
    let postgres = Postgres::shared();
    let database = set_up(&moto, &postgres);
    let queue = Queue::find(&moto, "aggregate").await;
    let hidden = json!({ "Attributes": { "VisibilityTimeout": HIDDEN_SECONDS } });
    queue.call("SetQueueAttributes", hidden).await;
    let dead = Queue::find(&moto, "aggregate-dead").await;

    let definition = service("serve");
    assert_eq!(words(&definition), ["serve"]);
    let mut environment = environment(&definition, moto.endpoint(), &database);
    let mut serve = Serve::start(&environment);
    let lake = Lake::new(moto.s3(), BUCKET);
    let all: Vec<Trade> = trades(1, 30, 1);
    put(&lake, 0, "one", &all[..20]).await;
    put(&lake, 0, "two", &all[20..]).await;
    let books = MinutePrefix::raw(Kind::Books, name("binance"), time(NOON).minute());
    let lines_of_books = lines(&book_lines(20, 1));
    lake.put_lines(&books, "one", lines_of_books.as_bytes()).await.expect("written");
    let broken = MinutePrefix::raw_trades(name("binance"), time(NOON + MINUTE).minute());
    let broken = broken.object("broken").expect("a key").to_string();
    for key in [broken.as_str(), "raw/trades/notes.txt"] {
        let put = moto.s3().put_object().bucket(BUCKET).key(key);
        put.body(ByteStream::from_static(b"no gzip")).send().await.expect("written");
    }
    let expected = market::fold(all).expect("small sums");
    let expected = [Bar { object_count: 2, ..expected[0].clone() }];
    until("the row", async || rows(&database).await == expected).await;
    let range = "exchange=binance&symbol=BTCUSDT&from=2026-11-20T00:00:00Z&to=2026-11-21T00:00:00Z";
    let (status, page) = serve.get(&format!("/v1/bars?{range}")).await;
    let page: Value = serde_json::from_str(&page).expect("JSON");
    assert_eq!((status, &page["bars"][0]["trade_count"]), (200, &json!(30)), "{page}");
    let books = format!("/v1/books?{range}");
    let folded = async || serve.get(&books).await.1.contains("\"line_count\":20,");
    until("the row of books", folded).await;
    assert_eq!(serve.get("/").await.0, 200, "the page");

    let (status, text) = serve.get("/health").await;
    assert_eq!(status, 200, "{text}");
    environment.push(("LISTEN", serve.address.clone()));
    let well = run(&["serve", "--health"], &environment);
    let told = String::from_utf8_lossy(&well.stdout).into_owned();
    assert!(well.status.success() && told.starts_with("the queue answered "), "{well:?}");

    // What fails stays, comes again, and is not deleted before it is a dead letter.
    until("the dead letter", async || held(&dead).await == 1).await;
    let letter = dead.receive().await.remove(0);
    assert_eq!(key(letter["Body"].as_str().expect("text")), broken);
    until("the end of the queue", async || held(&queue).await == 0).await;
    assert_eq!(held(&dead).await, 1, "and nothing else is one");

    ends_with_what_it_has(&mut serve, &database, &lake).await;
    assert_eq!(held(&queue).await, 0, "it was deleted: {}", serve.log());
    let gone = run(&["serve", "--health"], &environment);
    let told = String::from_utf8_lossy(&gone.stderr).into_owned();
    let expected = format!("tickfold serve: nothing answers at {}", serve.address);
    assert!(!gone.status.success() && told.starts_with(&expected), "{told}");
}

/// Another transaction keeps the write waiting: so SIGTERM comes while a batch is being folded.
async fn ends_with_what_it_has(serve: &mut Serve, database: &str, lake: &Lake) {
    let mut other = PgConnection::connect(database).await.expect("connected");
    let mut lock = other.begin().await.expect("begun");
    lock.execute("lock table bars in share mode").await.expect("locked");
    let later: Vec<Trade> = (31..41).map(|id| trade(id, NOON + 2 * MINUTE + id as i64)).collect();
    put(lake, 2, "later", &later).await;
    let mut watcher = PgConnection::connect(database).await.expect("connected");
    until("a write that waits", async || {
        let waiting = "select count(*) from pg_stat_activity \
                       where datname = current_database() and wait_event_type = 'Lock'";
        let waiting = sqlx::query_scalar::<_, i64>(waiting).fetch_one(&mut watcher).await;
        waiting.expect("answered") == 1
    })
    .await;
    serve.terminate();
    let log = serve.folder.path().join("log");
    until("its end", async || {
        std::fs::read_to_string(&log).expect("the log").contains("ending; once more")
    })
    .await;
    assert_eq!(serve.ended(), None, "it has not finished");
    lock.rollback().await.expect("unlocked");
    let mut status = None;
    until("the end", async || {
        status = serve.ended();
        status.is_some()
    })
    .await;
    assert!(status.expect("it ended").success(), "{}", serve.log());
    let newest = rows(database).await.pop().expect("rows");
    assert_eq!((newest.minute, newest.trade_count), (time(NOON + 2 * MINUTE).minute(), 10));
}

#[tokio::test]
async fn what_the_clock_calls_on_aws_is_called_here_as_well() {
    let Some(moto) = Moto::start("serve by the clock").map(Arc::new) else { return };
    let postgres = Postgres::shared();
    let database = set_up(&moto, &postgres);
    // Yesterday, two minutes of which the end is not recorded; no id behind it tells so.
    let now = chrono::Utc::now().timestamp_micros();
    let day = Day::of(time(now - 30 * MINUTE)).before();
    let noon = day.start().plus(12 * 60).start().micros();
    let mut all = vec![trade(1, noon - 60 * MINUTE)];
    all.extend((2..32).map(|id| trade(id, noon + (id as i64 - 2) * 4_000_000)));
    let recorded = &all[..21];
    let lake = Lake::new(moto.s3(), BUCKET);
    for trades in recorded.chunk_by(|one, next| one.minute() == next.minute()) {
        let minute = MinutePrefix::raw_trades(name("binance"), trades[0].minute());
        lake.put_lines(&minute, "one", lines(trades).as_bytes()).await.expect("written");
    }
    let counted = |trades: &[Trade], objects: &[u64]| -> Vec<Bar> {
        let bars = market::fold(trades.to_vec()).expect("small sums").into_iter().zip(objects);
        bars.map(|(bar, &object_count)| Bar { object_count, ..bar }).collect()
    };
    let store = Store::connect(&database, 1).expect("a URL");
    store.put_newer(&counted(&recorded[1..], &[1, 1])).await.expect("written");

    // The events are lost, those of a trade an hour before as well, of which there is no row.
    let queue = Queue::find(&moto, "aggregate").await;
    while held(&queue).await > 0 {
        queue.call("PurgeQueue", json!({})).await;
    }

    let exchange = RestExchange::start(Exchange::Binance, all.clone()).await;
    publish_binance(&exchange, day, &all);
    exchange.publish("/api/v3/klines", "[]");
    let mut environment = environment(&service("serve"), moto.endpoint(), &database);
    for place in ["BINANCE_REST_URL", "BINANCE_ARCHIVE_URL"] {
        environment.push((place, exchange.url().to_owned()));
    }
    let serve = Serve::start(&environment);
    let whole = counted(&all, &[1, 1, 2]);
    until("what a sweep finds and yesterday's file tells", async || rows(&database).await == whole)
        .await;
    let (exchange, symbol) = (name("binance"), symbol("BTCUSDT"));
    let (from, to) = (market::Minute::MIN, market::Minute::MAX);
    let range = Range { exchange, symbol, from, to, limit: 10 };
    // But for the minute in which the symbol begins.
    let missing = async || {
        let audits = store.audits(&range).await.expect("audits");
        let second = day.start().plus(12 * 60 + 1);
        audits.iter().any(|audit| audit.found.missing_there.contains(&second))
    };
    until("an audit", missing).await;
    let parquet = async || {
        let list = moto.s3().list_objects_v2().bucket(BUCKET).prefix("parquet/").send().await;
        let keys = list.expect("a list").contents.unwrap_or_default();
        keys.iter().any(|it| it.key().is_some_and(|key| key.ends_with("/trades.parquet")))
    };
    until("yesterday as Parquet", parquet).await;
    assert!(!serve.log().contains(", again in "), "{}", serve.log());
}

#[tokio::test]
async fn it_says_what_is_missing_and_is_not_well_without_it() {
    let nowhere = "http://127.0.0.1:1";
    let mut environment =
        environment(&service("serve"), nowhere, "postgres://me:secret@127.0.0.1:1/db");
    let serve = Serve::start(&environment);
    environment.push(("LISTEN", serve.address.clone()));
    let asked = run(&["serve", "--health"], &environment);
    let told = String::from_utf8_lossy(&asked.stderr).into_owned();
    let expected = "tickfold serve: not well: no connection to the database at 127.0.0.1:1";
    assert!(!asked.status.success() && told.starts_with(expected), "{told}");
    let queue = format!("{nowhere}/123456789012/aggregate gives no messages, again in 5 s");
    until("the queue's failure", async || serve.log().contains(&queue)).await;

    let taken = run(&["serve"], &environment);
    let told = String::from_utf8_lossy(&taken.stderr).into_owned();
    assert!(told.contains("is taken: name another one with --listen"), "{told}");
    let refused = |gone: &str| {
        let rest: Vec<_> = environment.iter().filter(|(it, _)| *it != gone).cloned().collect();
        let ran = run(&["serve", "--listen", "127.0.0.1:0"], &rest);
        assert!(!ran.status.success(), "{gone}");
        String::from_utf8_lossy(&ran.stderr).into_owned()
    };
    assert!(refused("AWS_REGION").contains("AWS_REGION is not set"));
    for (gone, option) in
        [("QUEUE_URL", "--queue-url"), ("BUCKET", "--bucket"), ("DATABASE_URL", "--database-url")]
    {
        let told = refused(gone);
        assert!(told.contains(option) && !told.contains("secret"), "{told}");
    }
}
