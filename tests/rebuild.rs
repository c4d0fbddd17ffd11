//! `tickfold rebuild` as its users run it: emptied tables come back byte for byte from the objects,
//! and `--verify` names what is not as the objects have it.

use std::process::{Output, Stdio};

use aggregate::{App, handle};
use lake::{Kind, MinutePrefix};
use market::{BookLine, Source, Symbol, Trade};
use tests::binary::tickfold;
use tests::books::{book_line, book_lines};
use tests::bucket::{Bucket, batch};
use tests::databases::Database;
use tests::trades::{MINUTE, NOON, SECOND, lines, name, symbol, time, trade, trades};
use tokio::process::Command;

const DAY: i64 = 24 * 60 * MINUTE;
const SPAN: [&str; 4] = ["--from", "2026-11-20", "--to", "2026-11-22"];

fn command(bucket: &Bucket, database: &str, more: &[&str]) -> Command {
    let mut command = Command::new(tickfold());
    let environment = bucket.environment();
    command.arg("rebuild").args(more).env_clear();
    command.envs(environment.iter().map(|(name, value)| (name, value)));
    command.env("DATABASE_URL", database).stdin(Stdio::null());
    command
}

/// The bucket's server runs in this test, so nothing may wait here with its thread.
async fn rebuild(bucket: &Bucket, database: &str, more: &[&str]) -> Output {
    let more = [&SPAN[..], more].concat();
    command(bucket, database, &more).output().await.expect("tickfold starts")
}

/// Its exit status, and what it says to standard output and standard error.
fn told(ran: &Output) -> (Option<i32>, String, String) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("UTF-8");
    (ran.status.code(), text(&ran.stdout), text(&ran.stderr))
}

async fn dump(database: &Database) -> [Vec<String>; 2] {
    [database.dump("bars").await, database.dump("book_bars").await]
}

/// A day and a bit of everything that a lake can hold; returns the keys.
async fn everything(bucket: &Bucket) -> Vec<String> {
    let all = trades(1_000, 300, 30);
    let mut keys = vec![
        bucket.put("next-day", &[trade(9_000, NOON + DAY)]).await,
        bucket.put("books", &book_lines(50, 1)).await,
        bucket.put("books-again", &book_lines(60, 1)).await,
    ];
    for (at, minute) in all.chunks(10).enumerate() {
        keys.push(bucket.put(&format!("one-{at}"), &minute[..7]).await);
        keys.push(bucket.put(&format!("two-{at}"), &minute[3..]).await);
    }
    // Of another symbol, a contradiction, lines of other minutes and exchanges, and what is none.
    let of = |symbol: Symbol, trade: Trade| Trade { symbol, ..trade };
    let moved = Trade { time: time(NOON + 5 * SECOND), source: Source::Rest, ..all[0].clone() };
    let elsewhere = Trade { exchange: name("kraken"), ..trade(77, NOON + 3 * MINUTE) };
    let mixed = [of(symbol("ETHUSDT"), trade(5, NOON)), moved, elsewhere, trade(4, NOON - DAY / 4)];
    let text = format!("{}nonsense\n", lines(&mixed));
    let noon = MinutePrefix::raw_trades(name("binance"), time(NOON).minute());
    keys.push(bucket.lake().put_lines(&noon, "mixed", text.as_bytes()).await.expect("written"));
    let astray = [book_line(NOON + 60 * MINUTE), book_line(NOON + 10 * SECOND)];
    let other = BookLine { symbol: symbol("ETHUSDT"), ..book_line(NOON + 61 * MINUTE) };
    keys.push(bucket.put("astray", &[&astray[..], &[other]].concat()).await);
    let broken = MinutePrefix::raw(Kind::Trades, name("kraken"), time(NOON + MINUTE).minute());
    let good = Trade { exchange: name("kraken"), ..trade(1, NOON + MINUTE) };
    keys.push(bucket.put("good", &[good]).await);
    let mut keys: Vec<_> = keys.iter().map(ToString::to_string).collect();
    let broken = broken.object("broken").expect("a key").to_string();
    bucket.put_bytes(&broken, b"no gzip".to_vec()).await;
    keys.push(broken);
    keys
}

async fn fold(app: &App, keys: &[String]) {
    let batch = batch(keys.iter().map(String::as_str));
    let failed = handle(app, batch).await.expect("a batch never fails whole");
    assert_eq!(failed.batch_item_failures.len(), 1, "the broken one");
}

#[tokio::test]
async fn emptied_tables_come_back_byte_for_byte() {
    for database in Database::all().await {
        let bucket = Bucket::start().await;
        let keys = everything(&bucket).await;
        fold(&bucket.app(database.store()), &keys).await;
        let before = dump(&database).await;
        assert_eq!(before.each_ref().map(Vec::len), [35, 3], "{}", database.name);

        for table in ["bars", "book_bars"] {
            database.sql(&format!("delete from {table}")).await;
        }
        let (status, out, err) = told(&rebuild(&bucket, &database.url, &[]).await);
        assert_eq!((status, out.as_str()), (Some(0), ""), "{}: {err}", database.name);
        assert_eq!(dump(&database).await, before, "{}", database.name);
        assert!(err.contains("1 objects cannot be read"), "{err}");
        assert!(!err.contains('\u{1b}') && !err.contains(" left"), "no bar in a pipe: {err}");

        let (status, _, err) = told(&rebuild(&bucket, &database.url, &["--parallel", "16"]).await);
        let known = err.lines().any(|line| line.contains(" 0 of them changed"));
        assert!(status == Some(0) && known, "twice is once: {err}");
        assert_eq!(dump(&database).await, before, "{}", database.name);
        let (status, out, err) = told(&rebuild(&bucket, &database.url, &["--verify"]).await);
        assert_eq!((status, out.as_str()), (Some(0), ""), "{}: {err}", database.name);
        assert!(err.contains("38 rows compared, 0 differences"), "{err}");
    }
}

#[tokio::test]
async fn a_span_and_an_exchange_rebuild_no_other_row() {
    let (database, bucket) = (Database::sqlite().await, Bucket::start().await);
    let keys = everything(&bucket).await;
    fold(&bucket.app(database.store()), &keys).await;
    let [before, _] = dump(&database).await;
    database.sql("delete from bars").await;
    database.sql("delete from book_bars").await;
    let span = ["--from", "2026-11-20T12:02:00Z", "--to", "2026-11-20T12:04:00Z"];
    let more = [&span[..], &["--exchange", "kraken"]].concat();
    let ran = command(&bucket, &database.url, &more).output().await.expect("it starts");
    assert!(ran.status.success(), "{:?}", told(&ran));
    let of_kraken = before.iter().filter(|row| row.starts_with("kraken|BTCUSDT|2026-11-20T12:03"));
    let of_kraken: Vec<_> = of_kraken.cloned().collect();
    assert_eq!((dump(&database).await, of_kraken.len()), ([of_kraken.clone(), vec![]], 1));
}

#[tokio::test]
async fn verify_names_a_planted_difference_and_writes_nothing() {
    for database in Database::all().await {
        let bucket = Bucket::start().await;
        let app = bucket.app(database.store());
        let keys = everything(&bucket).await;
        fold(&app, &keys).await;
        let third = "exchange = 'binance' and symbol = 'BTCUSDT' and trade_count = 10 \
                     and first_id = 1020";
        database.sql(&format!("update bars set missing_count = 7 where {third}")).await;
        database.sql(&format!("update bars set buy_quote_volume = 1.5 where {third}")).await;
        database.sql("delete from book_bars where symbol = 'ETHUSDT'").await;
        bucket.delete(&keys[0].parse().expect("a key")).await;
        // An object that nobody has been told of, with a line of another minute.
        let late = [trade(8_000, NOON + 500 * MINUTE), trade(8_001, NOON + 501 * MINUTE)];
        let late = bucket.put("late", &late).await;

        let before = dump(&database).await;
        let (status, out, err) = told(&rebuild(&bucket, &database.url, &["--verify"]).await);
        let folded = &market::fold(trades(1_000, 300, 30)).expect("small sums")[2];
        let expected = [
            format!(
                "bars binance BTCUSDT 2026-11-20T12:02:00Z buy_quote_volume: stored 1.5, \
                 folded {}",
                folded.buy_quote_volume
            ),
            "bars binance BTCUSDT 2026-11-20T12:02:00Z missing_count: stored 7, folded 0".into(),
            format!(
                "raw/trades/exchange=binance/date=2026-11-20/minute=2021/ lacks its lines of {late}"
            ),
            "bars binance BTCUSDT 2026-11-20T20:20:00Z: not stored".into(),
            "bars binance BTCUSDT 2026-11-21T12:00:00Z: stored, and there is no object of it"
                .into(),
            "book_bars binance ETHUSDT 2026-11-20T13:01:00Z: not stored".into(),
        ];
        assert_eq!(out.lines().collect::<Vec<_>>(), expected, "{}", database.name);
        assert_eq!(status, Some(1), "{err}");
        assert!(err.contains("6 differences"), "{err}");
        assert_eq!(dump(&database).await, before, "{}", database.name);
        assert_eq!(bucket.below("quarantine/strays/trades").len(), 2, "nothing was moved");

        // What was lost comes back; what somebody changed stays until it is removed.
        assert_eq!(told(&rebuild(&bucket, &database.url, &[]).await).0, Some(0));
        let (status, out, _) = told(&rebuild(&bucket, &database.url, &["--verify"]).await);
        assert_eq!((status, out.lines().count()), (Some(1), 3), "{out}");
        database.sql(&format!("delete from bars where {third} or first_id = 9000")).await;
        assert_eq!(told(&rebuild(&bucket, &database.url, &[]).await).0, Some(0));
        assert_eq!(told(&rebuild(&bucket, &database.url, &["--verify"]).await).0, Some(0));
    }
}

#[tokio::test]
async fn what_cannot_be_done_is_neither_equal_nor_different() {
    let (database, bucket) = (Database::sqlite().await, Bucket::start().await);
    bucket.put("one", &trades(1, 10, 1)).await;
    for verify in [&[][..], &["--verify"]] {
        let (status, _, err) =
            told(&rebuild(&bucket, "postgres://me:secret@127.0.0.1:1/db", verify).await);
        assert_eq!(status, Some(2), "{err}");
        assert!(err.contains("no connection to the database at 127.0.0.1:1"), "{err}");
        assert!(!err.contains("secret"), "{err}");
        let elsewhere = [verify, &["--bucket", "elsewhere"]].concat();
        let (status, out, err) = told(&rebuild(&bucket, &database.url, &elsewhere).await);
        assert_eq!((status, out.as_str()), (Some(2), ""), "{err}");
        assert!(err.contains("cannot list s3://elsewhere/raw/trades/"), "{err}");
    }
    // A minute whose sums do not fit is told of, and its stored row is not said to be wrong.
    let huge = |id| {
        let fill = market::trade::fill("99999999999999", "999999").expect("a price and a size");
        Trade { fill, ..trade(id, NOON + 5 * MINUTE) }
    };
    bucket.put("huge", &[huge(1), huge(2), huge(3)]).await;
    for verify in [&[][..], &["--verify"]] {
        let (status, out, err) = told(&rebuild(&bucket, &database.url, verify).await);
        assert_eq!((status, out.as_str()), (Some(2), ""), "{err}");
        assert!(
            err.contains("BTCUSDT 2026-11-20T12:05:00Z: quote_volume needs more than"),
            "{err}"
        );
    }
    let backwards = ["--from", "2026-11-21", "--to", "2026-11-20"];
    let ran = command(&bucket, &database.url, &backwards).output().await.expect("it starts");
    let (status, _, err) = told(&ran);
    assert!(status == Some(2) && err.contains("is not before --to"), "{err}");
}

#[tokio::test]
async fn a_terminal_sees_how_far_it_has_come() {
    let (database, bucket) = (Database::sqlite().await, Bucket::start().await);
    bucket.put("one", &trades(1, 10, 1)).await;
    let program = format!("{} rebuild {}", tickfold().display(), SPAN.join(" "));
    let mut terminal = Command::new("script");
    terminal.args(["--quiet", "--return", "--command", &program, "/dev/null"]);
    terminal.env("DATABASE_URL", &database.url).env("TERM", "xterm").stdin(Stdio::null());
    terminal.envs(bucket.environment());
    let ran = terminal.output().await.expect("script is on every Debian");
    let seen = String::from_utf8_lossy(&ran.stdout);
    assert!(ran.status.success() && seen.contains(" of 2880 minutes"), "{seen}");
}
