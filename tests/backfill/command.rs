//! `tickfold backfill` as its users run it.

use std::process::{Command, Output};

use market::Exchange;
use tests::archive::publish_binance;
use tests::binary::tickfold;
use tests::bucket::Bucket;
use tests::rest::{Fault, RestExchange};

use crate::{day, exchange, market};

const DAYS: [&str; 6] = ["--exchange", "binance", "--from", "2024-11-19", "--to", "2024-11-20"];

async fn run(bucket: &Bucket, server: &RestExchange, more: &[&str]) -> Output {
    let mut command = Command::new(tickfold());
    command.arg("backfill").args(DAYS).args(["--symbol", "BTCUSDT"]).args(more);
    command.envs(bucket.environment());
    command.env("BINANCE_REST_URL", server.url()).env("BINANCE_ARCHIVE_URL", server.url());
    tokio::task::spawn_blocking(move || command.output().expect("it starts")).await.expect("ran")
}

fn text(bytes: &[u8]) -> &str {
    str::from_utf8(bytes).expect("UTF-8")
}

#[tokio::test]
async fn days_are_filled_in_looked_at_and_gone_on_with() {
    let bucket = Bucket::start().await;
    let (server, _) = exchange(Exchange::Binance, vec![]).await;
    let trades = market();
    publish_binance(&server, day(), &trades);
    let told = "binance BTCUSDT 2024-11-20: 600 trades, 600 not recorded, in 10 of 10 minutes\n";
    // The day before is not published.
    let dry = run(&bucket, &server, &["--dry-run", "--parallel", "1"]).await;
    assert_eq!((text(&dry.stdout), dry.status.code()), (told, Some(1)));
    let log = text(&dry.stderr);
    assert!(log.starts_with("binance BTCUSDT 2024-11-19: nothing more of it is written"), "{log}");
    assert!(log.contains("2024-11-19.zip.CHECKSUM is not there"), "{log}");
    assert!(log.ends_with("tickfold backfill: 1 days are not filled in, see above\n"), "{log}");
    assert!(bucket.below("raw").is_empty() && !log.contains('\u{1b}'), "no bar in a pipe");

    let day_before = trades.iter().map(|trade| market::Trade {
        time: tests::trades::time(trade.time.micros() - 24 * 60 * tests::trades::MINUTE),
        ..trade.clone()
    });
    publish_binance(&server, day().before(), &day_before.collect::<Vec<_>>());
    server.order([Fault::Status(503, None)]);
    let both = run(&bucket, &server, &[]).await;
    assert_eq!(both.status.code(), Some(0), "{}", text(&both.stderr));
    let mut lines: Vec<_> = text(&both.stdout).lines().collect();
    lines.sort_unstable();
    assert_eq!(lines, [&*told.replace("-20:", "-19:").trim_end().to_owned(), told.trim_end()]);
    assert_eq!(bucket.below("raw").len(), 20);

    let asked = server.asked().len();
    let again = run(&bucket, &server, &["--parallel", "1"]).await;
    let passed = "binance BTCUSDT 2024-11-19: was filled in before\n\
                  binance BTCUSDT 2024-11-20: was filled in before\n";
    assert_eq!((text(&again.stdout), again.status.code()), (passed, Some(0)));
    assert_eq!(server.asked().len(), asked, "nobody is asked");
    let anew = run(&bucket, &server, &["--again", "--parallel", "1"]).await;
    let nothing = "2024-11-20: 600 trades, 0 not recorded, in 0 of 10 minutes\n";
    assert!(text(&anew.stdout).ends_with(nothing), "{}", text(&anew.stdout));

    let wrong = run(&bucket, &server, &["--to", "2024-11-18"]).await;
    assert_ne!(wrong.status.code(), Some(0), "twice --to");
}
