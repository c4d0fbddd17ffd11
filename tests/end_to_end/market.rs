//! The truth of these tests: made-up trades as whole numbers, the frames that tell of them, and the
//! rows that they make, folded in another way and by other code than tickfold's.

use std::collections::{BTreeMap, BTreeSet};

use market::trade::fill;
use market::{Ids, Side, Source, Time, Trade};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::Value;
use tests::trades::{name, symbol, time};

pub(crate) const SYMBOLS: [&str; 3] = ["BTCUSDT", "ETHUSDT", "SOLUSDT"];
/// 2023-11-14T22:13:20Z: long past, so that every minute is final.
const BEGIN: i64 = 1_700_000_000_000_000;
pub(crate) const MINUTE: i64 = 60_000_000;
/// Decimals of every number of a row.
const SCALE: u32 = 18;

/// Aggregate trades that arrived, by symbol and first raw id.
pub(crate) type Arrived = BTreeMap<String, BTreeSet<u64>>;

/// An aggregate trade.
#[derive(Debug, Clone)]
pub(crate) struct Deal {
    pub(crate) symbol: &'static str,
    pub(crate) first: u64,
    pub(crate) last: u64,
    pub(crate) micros: i64,
    /// In hundredths.
    price: i128,
    /// In hundred-millionths.
    size: i128,
    bought: bool,
}

/// An exchange's trades, one symbol after the other, with nothing left out.
pub(crate) struct Market {
    random: StdRng,
    begin: i64,
    /// Whether the next trade of each symbol begins a minute.
    at_a_minute: bool,
    pub(crate) deals: Vec<Deal>,
}

/// What is compared of a row. Decimals are whole numbers of 10^-18.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Row {
    minute: String,
    open: i128,
    high: i128,
    low: i128,
    close: i128,
    /// Bought and sold.
    counts: [u64; 2],
    base: [i128; 2],
    quote: [i128; 2],
    trade_count: u64,
    base_volume: i128,
    quote_volume: i128,
    volume_delta: i128,
    ids: (u64, u64),
    times: (String, String),
    missing_before: Option<u64>,
    missing: u64,
    missing_after: Option<u64>,
    completeness: String,
}

impl Market {
    pub(crate) fn new(seed: u64) -> Market {
        Market::since(BEGIN, seed)
    }

    /// Its first trades are of that time.
    pub(crate) fn since(begin: i64, seed: u64) -> Market {
        let random = StdRng::seed_from_u64(seed);
        Market { random, begin, at_a_minute: false, deals: Vec::new() }
    }

    /// The next `count` trades of every symbol.
    pub(crate) fn trade(&mut self, count: usize) -> Vec<Deal> {
        let mut made = Vec::new();
        for _ in 0..count {
            for symbol in SYMBOLS {
                let deal = self.next(symbol);
                self.deals.push(deal.clone());
                made.push(deal);
            }
            self.at_a_minute = false;
        }
        made
    }

    /// The next trade of every symbol, in a minute of its own.
    pub(crate) fn trade_in_a_minute(&mut self) -> Vec<Deal> {
        self.at_a_minute = true;
        let made = self.trade(1);
        self.at_a_minute = true;
        made
    }

    fn next(&mut self, symbol: &'static str) -> Deal {
        let before = self.deals.iter().rev().find(|deal| deal.symbol == symbol);
        let (last, micros, price) =
            before.map_or((1_000, self.begin, 4_300_000), |it| (it.last, it.micros, it.price));
        let random = &mut self.random;
        let first = last + 1;
        // Now and then at the same microsecond, and now and then after an empty minute.
        let pause = match random.random_range(0..300) {
            0 => 2 * MINUTE,
            at => i64::from(at % 4 > 0) * random.random_range(0..400_000),
        };
        let next_minute = (micros / MINUTE + 1) * MINUTE;
        Deal {
            symbol,
            first,
            last: first + random.random_range(0..4),
            micros: if self.at_a_minute { next_minute } else { micros + pause },
            price: (price + random.random_range(-500..=500)).max(1),
            size: random.random_range(1..=250_000_000),
            bought: random.random(),
        }
    }
}

impl Deal {
    /// As Binance's combined stream sends it.
    pub(crate) fn frame(&self) -> String {
        let Deal { symbol, first, last, micros, .. } = self;
        let (stream, [price, size]) = (symbol.to_ascii_lowercase(), self.price_and_size());
        let maker_bought = !self.bought;
        format!(
            r#"{{"stream":"{stream}@aggTrade","data":{{"e":"aggTrade","E":{micros},"s":"{symbol}","a":{first},"p":"{price}","q":"{size}","f":{first},"l":{last},"T":{micros},"m":{maker_bought},"M":true}}}}"#
        )
    }

    /// For whoever asks the exchange about it afterwards.
    pub(crate) fn trade(&self) -> Trade {
        let (time, [price, size]) = (time(self.micros), self.price_and_size());
        Trade {
            exchange: name("binance"),
            symbol: symbol(self.symbol),
            time,
            side: if self.bought { Side::Buy } else { Side::Sell },
            fill: fill(&price, &size).expect("a price and a size"),
            ids: Ids::range(self.first, self.last).expect("ids"),
            received: time,
            source: Source::Rest,
            marks: Default::default(),
        }
    }

    fn price_and_size(&self) -> [String; 2] {
        [
            format!("{}.{:02}", self.price / 100, self.price % 100),
            format!("{}.{:08}", self.size / 100_000_000, self.size % 100_000_000),
        ]
    }

    pub(crate) fn raw_trades(&self) -> u64 {
        self.last - self.first + 1
    }

    fn price(&self) -> i128 {
        self.price * 10_i128.pow(SCALE - 2)
    }
}

impl Row {
    /// Raw trades that are missing in the minute, or between it and the row before.
    pub(crate) fn missing_up_to_here(&self) -> u64 {
        self.missing_before.unwrap_or_default() + self.missing
    }
}

/// The rows that the arrived trades of one symbol make.
pub(crate) fn rows(deals: &[Deal], symbol: &str, arrived: &Arrived) -> Vec<Row> {
    let there = |deal: &&Deal| deal.symbol == symbol && arrived[symbol].contains(&deal.first);
    let deals: Vec<&Deal> = deals.iter().filter(there).collect();
    // A symbol's trades are made in the order of their times and ids.
    let minutes: Vec<&[&Deal]> =
        deals.chunk_by(|one, next| one.micros / MINUTE == next.micros / MINUTE).collect();
    let gap = |at: usize| Some(minutes.get(at + 1)?[0].first - minutes[at].last()?.last - 1);
    (0..minutes.len())
        .map(|at| row(minutes[at], at.checked_sub(1).and_then(gap), gap(at)))
        .collect()
}

fn row(deals: &[&Deal], missing_before: Option<u64>, missing_after: Option<u64>) -> Row {
    let of = |bought: bool| deals.iter().filter(move |deal| deal.bought == bought);
    let both = |sum: &dyn Fn(bool) -> i128| [sum(true), sum(false)];
    let (opening, closing) = (deals[0], deals[deals.len() - 1]);
    let prices = || deals.iter().map(|deal| deal.price());
    let ids = (opening.first, closing.last);
    let there: u64 = deals.iter().map(|deal| deal.raw_trades()).sum();
    let missing = ids.1 - ids.0 + 1 - there;
    let all = [missing_before, Some(missing), missing_after];
    // All of it is long past.
    let completeness = match (all.iter().flatten().sum::<u64>(), missing_before, missing_after) {
        (1.., _, _) => "gap",
        (0, None, _) => "unknown",
        (0, Some(_), None) => "open",
        (0, Some(_), Some(_)) => "complete",
    };
    let start = Time::from_micros(opening.micros).expect("a time").minute();
    let base = both(&|bought| of(bought).map(|deal| deal.size).sum::<i128>() * 10_i128.pow(10));
    let quote = both(&|bought| {
        of(bought).map(|deal| deal.price * deal.size).sum::<i128>() * 10_i128.pow(8)
    });
    let time = |deal: &Deal| Time::from_micros(deal.micros).expect("a time").to_string();
    Row {
        minute: start.to_string(),
        open: opening.price(),
        high: prices().max().expect("a trade"),
        low: prices().min().expect("a trade"),
        close: closing.price(),
        counts: [true, false].map(|bought| of(bought).map(|deal| deal.raw_trades()).sum()),
        base,
        quote,
        trade_count: there,
        base_volume: base[0] + base[1],
        quote_volume: quote[0] + quote[1],
        volume_delta: base[0] - base[1],
        times: (time(opening), time(closing)),
        ids,
        missing_before,
        missing,
        missing_after,
        completeness: completeness.to_owned(),
    }
}

/// A bar as the API tells it.
pub(crate) fn told(bar: &Value) -> Row {
    let decimal =
        |name: &str| scaled(bar[name].as_str().unwrap_or_else(|| panic!("{name}: {bar}")));
    let number = |name: &str| bar[name].as_u64();
    let text =
        |name: &str| bar[name].as_str().unwrap_or_else(|| panic!("{name}: {bar}")).to_owned();
    let whole = |name: &str| number(name).unwrap_or_else(|| panic!("{name}: {bar}"));
    for name in ["conflict_count", "quarantined_count"] {
        assert_eq!(whole(name), 0, "{name}: {bar}");
    }
    assert_eq!(bar["final"], true, "it is long past: {bar}");
    Row {
        minute: text("minute"),
        open: decimal("open"),
        high: decimal("high"),
        low: decimal("low"),
        close: decimal("close"),
        counts: ["buy_count", "sell_count"].map(whole),
        base: ["buy_base_volume", "sell_base_volume"].map(decimal),
        quote: ["buy_quote_volume", "sell_quote_volume"].map(decimal),
        trade_count: whole("trade_count"),
        base_volume: decimal("base_volume"),
        quote_volume: decimal("quote_volume"),
        volume_delta: decimal("volume_delta"),
        ids: (whole("first_id"), whole("last_id")),
        times: (text("first_time"), text("last_time")),
        missing_before: number("missing_before"),
        missing: whole("missing_count"),
        missing_after: number("missing_after"),
        completeness: text("completeness"),
    }
}

/// `12.5` -> 12500000000000000000
fn scaled(text: &str) -> i128 {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = format!("{whole}{fraction:0<18}");
    assert!(fraction.len() <= SCALE as usize, "{text}");
    digits.parse().expect("digits")
}
