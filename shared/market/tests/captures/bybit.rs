//! Bybit's recordings: both markets at once, one-level books, the head of an archive of books.

use std::collections::BTreeMap;
use std::io::Read;

use flate2::read::DeflateDecoder;
use market::book::{Form, Proof};
use market::exchange::{Exchange, Message};
use market::{Decimal, Time, fold};
use serde::Deserialize;

use super::{Feed, bytes, check_lines, decode, text};

#[derive(Deserialize)]
struct Recorded {
    t: String,
    #[serde(default)]
    conn: String,
    data: Option<String>,
}

#[derive(Deserialize)]
struct Kline {
    topic: Option<String>,
    #[serde(default)]
    data: serde_json::Value,
}

/// Volume and turnover of the last candle of a minute, by symbol and minute, and how many trades
/// had come by then.
type Candles = BTreeMap<(String, i64), (Decimal, Decimal, usize)>;

fn candle(message: &str, trades: usize, candles: &mut Candles) {
    let kline: Kline = serde_json::from_str(message).expect("JSON");
    let Some(name) = kline.topic.as_deref().and_then(|topic| topic.strip_prefix("kline.1.")) else {
        return;
    };
    for item in kline.data.as_array().expect("items") {
        let number =
            |field: &str| item[field].as_str().expect(field).parse::<Decimal>().expect("a decimal");
        let start = item["start"].as_i64().expect("milliseconds");
        let candle = (number("volume"), number("turnover"), trades);
        candles.insert((name.to_owned(), start), candle);
    }
}

#[test]
fn folded_trades_are_the_candles_volume_and_turnover() {
    let name = "bybit/cryptofeed_v5_20260809_BTC-SOL.jsonl.gz";
    let Some(recording) = text("bybit", name) else { return };
    let (mut linear, mut spot) = (Feed::default(), Feed::default());
    let (mut linear_candles, mut spot_candles) = (Candles::new(), Candles::new());
    for line in recording.lines() {
        let line: Recorded = serde_json::from_str(line).expect("a record");
        let (exchange, feed, candles) = match line.conn.as_str() {
            "BYBIT.ws.2" => (Exchange::Bybit, &mut linear, &mut linear_candles),
            "BYBIT.ws.3" => (Exchange::BybitSpot, &mut spot, &mut spot_candles),
            _ => continue,
        };
        let Some(message) = line.data.filter(|_| line.t == "recv") else { continue };
        feed.take(exchange, decode(exchange, &message));
        candle(&message, feed.trades.len(), candles);
    }
    let count = |feed: &Feed, kind| feed.counts[kind];
    assert_eq!((count(&linear, "books"), count(&spot, "books")), (414 + 383, 300));
    assert_eq!((count(&linear, "context"), linear.trades.len()), (185 + 193, 56 + 165));
    assert_eq!(spot.trades.len(), 11);
    assert_eq!(count(&linear, "ack") + count(&spot, "ack"), 24);
    for feed in [&linear, &spot] {
        assert_eq!(feed.applied(), [("Done", count(feed, "books"))]);
        check_lines(&feed.lines);
    }
    for (feed, name) in [(&linear, "BTCUSDT"), (&linear, "SOLUSDT"), (&spot, "BTCUSDT")] {
        let (bids, asks) = feed.book(name).top(1_000);
        assert_eq!((bids.len(), asks.len()), (200, 200), "{name}");
    }

    // Each but the first and the last of its symbol.
    let holes = (linear.holes_found(Exchange::Bybit), spot.holes_found(Exchange::BybitSpot));
    assert_eq!(holes, (414 + 383 - 2 * 2, 300 - 2), "each u continues the one before");

    let start = 1_786_310_820_000;
    for (feed, candles, name) in [
        (&linear, &linear_candles, "BTCUSDT"),
        (&linear, &linear_candles, "SOLUSDT"),
        (&spot, &spot_candles, "BTCUSDT"),
    ] {
        let (volume, turnover, trades) = candles[&(name.to_owned(), start)];
        let mine = feed.trades[..trades].iter().filter(|trade| trade.symbol.as_str() == name);
        let bars = fold(mine.cloned()).expect("small sums");
        let bar = bars.last().expect("a minute");
        assert_eq!(bar.minute.to_string(), "2026-08-09T21:27:00Z");
        let folded = (bar.base_volume(), bar.quote_volume());
        assert_eq!(folded, (Some(volume), Some(turnover)), "{}", bar.key());
    }
}

#[test]
fn a_book_of_one_level_is_sent_again_while_it_stands_still() {
    let name = "bybit/cryptofeed_BYBIT.ws.1.0_linear_ob1_20250613.txt.gz";
    let Some(recording) = text("bybit one level", name) else { return };
    let mut feed = Feed::default();
    for line in recording.lines().filter(|line| !line.starts_with("wss:")) {
        let (_, message) = line.split_once(": ").expect("two parts");
        feed.take(Exchange::Bybit, decode(Exchange::Bybit, message));
    }
    assert_eq!(feed.counts["books"], 45 + 18 + 107 + 28);
    assert_eq!(feed.applied(), [("Done", 198 - 16), ("Old", 16)]);
    check_lines(&feed.lines);
}

#[test]
fn the_head_of_an_archive_is_a_snapshot_and_its_changes() {
    let name = "bybit/nautilus_xrpusdt-ob500_20241201.data.zip";
    let Some(zip) = bytes("bybit archive", name) else { return };
    // Its one file begins behind the local header of 30 bytes, the name and the extra field.
    let length = |at: usize| usize::from(u16::from_le_bytes([zip[at], zip[at + 1]]));
    let start = 30 + length(26) + length(28);
    let mut recording = String::new();
    match length(8) {
        0 => recording.push_str(&String::from_utf8_lossy(&zip[start..start + 80_382])),
        _ => {
            let mut file = DeflateDecoder::new(&zip[start..]);
            file.read_to_string(&mut recording).expect("a whole file");
        }
    }
    let mut feed = Feed::default();
    for message in recording.lines() {
        let read = decode(Exchange::Bybit, message);
        if let Message::Books(books) = &read {
            assert!(matches!(books[0].proof, Proof::Range { .. }) && books[0].form != Form::Image);
            assert!(books[0].time > Time::from_micros(1_733_000_000_000_000).expect("2024"));
        }
        feed.take(Exchange::Bybit, read);
    }
    assert_eq!((feed.counts(), feed.applied()), (vec![("books", 50)], vec![("Done", 50)]));
}
