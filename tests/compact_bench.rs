//! What a day of a million trades takes the program of `compact`, from its event to its answer:
//! time, seconds of a processor, the most memory, bytes before and after; beside the limits that
//! Terraform gives the function. A measurement, not a test: it fails where a limit is not kept.

use std::fs;
use std::time::{Duration, Instant};

use compact::Receipt;
use market::trade::fill;
use market::{Ids, Side, Trade};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::json;
use tests::bucket::Bucket;
use tests::runtime::Function;
use tests::trades::{MINUTE, lines, symbol, time, trade};

const TRADES: u64 = 1_000_000;
const MINUTES: i64 = 24 * 60;
/// 2024-11-20T00:00:00Z.
const MIDNIGHT: i64 = 1_732_060_800_000_000;
/// What `compact_memory` gives the function by default, and `terraform/compact.tf`.
const MEMORY: u64 = 1024 << 20;
const TIMEOUT: Duration = Duration::from_secs(900);

/// One symbol's market, so that its lines compress as an exchange's do, not as counted ones.
struct Market {
    name: String,
    /// In hundredths.
    price: u64,
    id: u64,
}

impl Market {
    fn new(at: usize) -> Market {
        Market { name: format!("S{at}USDT"), price: 9_000_000, id: 3_000_000_000 }
    }

    /// An aggregate trade of one to three fills, a step or none from the last one's price.
    fn trade(&mut self, micros: i64, random: &mut StdRng) -> Trade {
        if random.random_ratio(1, 4) {
            self.price = self.price + random.random_range(0..200) - 100;
        }
        let first = self.id;
        let last = first + random.random_range(0..3);
        self.id = last + 1;
        let price = format!("{}.{:02}000000", self.price / 100, self.price % 100);
        // Few are large.
        let most = 10_u64.pow(random.random_range(2..6));
        let size = format!("0.{:05}000", random.random_range(1..most));
        Trade {
            symbol: symbol(&self.name),
            side: if random.random() { Side::Buy } else { Side::Sell },
            fill: fill(&price, &size).expect("a price and a size"),
            ids: Ids::range(first, last).expect("ids"),
            received: time(micros + random.random_range(20_000..120_000)),
            ..trade(1, micros)
        }
    }
}

/// Bytes of a day's lines.
#[derive(Default)]
struct Day {
    trades: u64,
    lines: u64,
    objects: u64,
}

/// Writes a day's objects, one a minute as Vector does.
async fn publish(bucket: &Bucket, symbols: usize) -> Day {
    let mut random = StdRng::seed_from_u64(symbols as u64);
    let mut markets: Vec<_> = (0..symbols).map(Market::new).collect();
    let mut day = Day::default();
    for minute in 0..MINUTES as u64 {
        let (from, to) = (minute * TRADES / MINUTES as u64, (minute + 1) * TRADES / MINUTES as u64);
        let begin = MIDNIGHT + minute as i64 * MINUTE;
        let mut times: Vec<_> =
            (from..to).map(|_| begin + random.random_range(0..MINUTE)).collect();
        times.sort_unstable();
        let mut trades = Vec::new();
        for micros in times {
            let market = random.random_range(0..symbols);
            trades.push(markets[market].trade(micros, &mut random));
        }
        let key = bucket.put("day", &trades).await.to_string();
        day.trades += trades.iter().map(|it| it.ids.count()).sum::<u64>();
        day.lines += lines(&trades).len() as u64;
        day.objects += fs::metadata(bucket.files().join(key)).expect("an object").len();
    }
    day
}

#[tokio::main]
async fn main() {
    let title = ["seconds", "processor", "peak memory", "lines", "as objects", "as Parquet"];
    print("a day of 1,000,000 trades", title.map(str::to_owned));
    for (what, symbols) in [("of one symbol", 1), ("of a hundred symbols", 100)] {
        let bucket = Bucket::start().await;
        let day = publish(&bucket, symbols).await;
        let event = json!({ "exchange": "binance", "day": "2024-11-20" });
        let function = Function::start("compact", &bucket.environment()).await.expect("it starts");
        let mut function = function.within(TIMEOUT);
        let begin = Instant::now();
        let answer = function.invoke(&event).await;
        let took = begin.elapsed();
        let all = json!({ "days": 1, "trades": day.trades, "unchanged": 0 });
        assert_eq!(answer, Ok(all), "{}", function.log());
        let receipt = bucket.files().join("parquet/days/exchange=binance/date=2024-11-20.json");
        let receipt = Receipt::read(&fs::read(receipt).expect("a receipt")).expect("a receipt");
        assert_eq!(receipt.files.values().map(|file| file.rows).sum::<u64>(), TRADES);
        let parquet = receipt.files.values().map(|file| file.bytes).sum::<u64>();
        let memory = function.peak_memory();
        let [seconds, processor] =
            [took, function.processor_time()].map(|it| format!("{:.1}", it.as_secs_f64()));
        let peak = format!("{} MB", memory >> 20);
        let [lines, objects, parquet] =
            [day.lines, day.objects, parquet].map(|bytes| format!("{:.1} MB", bytes as f64 / 1e6));
        print(what, [seconds, processor, peak, lines, objects, parquet]);
        assert!(took < TIMEOUT / 3, "well below its timeout");
        assert!(memory < MEMORY * 3 / 4, "well below its memory");
    }
    println!("one processor's worth is 1,769 MB of a Lambda; S3 is on this machine");
}

fn print(what: &str, figures: [String; 6]) {
    let figures: String = figures.iter().map(|it| format!("{it:>13}")).collect();
    println!("{what:<26}{figures}");
}
