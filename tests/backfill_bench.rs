//! What a day of a million aggregate trades takes the program of `backfill`, from its message to
//! its answer: time, seconds of a processor, and the most memory; beside the limits that Terraform
//! gives the function. A measurement, not a test: it fails where a limit is not kept.

use std::time::{Duration, Instant};

use market::{Exchange, Ids, Trade};
use serde_json::json;
use tests::archive::publish_binance;
use tests::bucket::Bucket;
use tests::rest::RestExchange;
use tests::runtime::Function;
use tests::trades::{MINUTE, trade};

const TRADES: u64 = 1_000_000;
/// 2024-11-20T00:00:00Z.
const MIDNIGHT: i64 = 1_732_060_800_000_000;
const DAY: i64 = 24 * 60 * MINUTE;
/// What `terraform/backfill.tf` gives the function.
const MEMORY: u64 = 512 << 20;
const TIMEOUT: Duration = Duration::from_secs(900);

#[tokio::main]
async fn main() {
    let bucket = Bucket::start().await;
    let server = RestExchange::start(Exchange::Binance, vec![]).await;
    let trades: Vec<Trade> = (0..TRADES)
        .map(|at| {
            let ids = Ids::range(2 * at + 1, 2 * at + 2).expect("ids");
            Trade { ids, ..trade(at, MIDNIGHT + at as i64 * (DAY / TRADES as i64)) }
        })
        .collect();
    let day = "2024-11-20".parse().expect("a day");
    publish_binance(&server, day, &trades);
    drop(trades);
    let mut environment = bucket.environment();
    for place in ["BINANCE_REST_URL", "BINANCE_ARCHIVE_URL"] {
        environment.push((place, server.url().to_owned()));
    }
    let body = json!({ "exchange": "binance", "symbol": "BTCUSDT", "day": "2024-11-20" });
    let message = json!({ "messageId": "m0", "body": body.to_string() });
    let event = json!({ "Records": [message] });
    let title = ["seconds", "processor", "peak memory"];
    print("a day of 1,000,000 trades", title.map(str::to_owned));
    for what in ["nothing of it is recorded", "all of it is recorded"] {
        let function = Function::start("backfill", &environment).await.expect("it starts");
        let mut function = function.within(TIMEOUT);
        let begin = Instant::now();
        let answer = function.invoke(&event).await;
        let took = begin.elapsed();
        assert_eq!(answer, Ok(json!({ "batchItemFailures": [] })), "{}", function.log());
        let memory = function.peak_memory();
        let [seconds, processor] =
            [took, function.processor_time()].map(|it| format!("{:.1}", it.as_secs_f64()));
        print(what, [seconds, processor, format!("{} MB", memory >> 20)]);
        assert!(took < TIMEOUT / 3, "well below its timeout");
        assert!(memory < MEMORY * 3 / 4, "well below its memory");
        assert_eq!(bucket.below("raw").len(), 1_440);
    }
    println!("one processor's worth is 1,769 MB of a Lambda; S3 is on this machine");
}

fn print(what: &str, figures: [String; 3]) {
    let figures: String = figures.iter().map(|it| format!("{it:>13}")).collect();
    println!("{what:<28}{figures}");
}
