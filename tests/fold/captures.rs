//! Recorded market data, folded and held against the exchange's own candles and ids. The
//! recordings are no part of the project: without their folder these tests say so and pass.

use std::collections::BTreeMap;

use market::{Bar, Decimal, Time};
use serde::Deserialize;
use serde_json::value::RawValue;
use tests::captures::{capture, capture_text};

use super::fixture::{Folder, decimal, fold};

fn minute(millis: i64) -> String {
    Time::from_millis_or_micros(millis).expect("a time").minute().to_string()
}

#[test]
fn rest_trades_of_30_hours_are_the_recorded_candles() {
    let part = |kind| format!("binance/freqtrade_XRPETH_{kind}_201910_part1.json.gz");
    let Some(trades) = capture("fold rest", &part("rest_aggTrades")) else { return };
    let Some(candles) = capture_text("fold rest", &part("klines_1m")) else { return };
    let arguments = ["--input", "rest", "--symbol", "XRPETH", trades.to_str().expect("a path")];
    let ran = Folder::new().fold(&arguments);
    let expected = "lines 6722, trades 7935, duplicates 0, missing 0, refused 0, bars 1231";
    assert_eq!(ran.summary(), expected);
    let mut bars: BTreeMap<_, _> =
        ran.bars().into_iter().map(|bar| (bar.minute.to_string(), bar)).collect();

    // The number's own text: a float would be rounded before it is compared.
    let candles: Vec<[&RawValue; 6]> = serde_json::from_str(&candles).expect("candles");
    assert_eq!(candles.len(), 1_800);
    let (mut equal, mut quiet) = (0, 0);
    for [time, fields @ ..] in candles {
        let time = time.get().parse().expect("milliseconds");
        let [open, high, low, close, volume] = fields.map(|field| decimal(field.get()));
        match bars.remove(&minute(time)) {
            None => quiet += i32::from(volume == Decimal::ZERO),
            Some(bar) => {
                assert_eq!(
                    (bar.open, bar.high, bar.low, bar.close, bar.base_volume()),
                    (open, high, low, close, Some(volume)),
                    "{}",
                    bar.minute
                );
                equal += 1;
            }
        }
    }
    assert_eq!((equal, quiet, bars.len()), (1_231, 569, 0));
}

#[test]
fn raw_messages_across_midnight_miss_nothing() {
    let mut input = String::new();
    for day in ["08", "09"] {
        let name = format!("binance/hft_spot_btcusdt_202408{day}.gz");
        let Some(text) = capture_text("fold frames", &name) else { return };
        // Each line is the receive time, a blank, and the message.
        let messages = text.lines().map(|line| line.split_once(' ').expect("two parts").1);
        messages.for_each(|message| input.extend([message, "\n"]));
    }
    let ran = fold(&["--input", "frames"], &input);
    let expected = "lines 99574, trades 19904, duplicates 0, missing 0, refused 0, bars 12";
    assert_eq!((9_757 + 10_147, ran.summary()), (19_904, expected));
    let bars = ran.bars();
    assert_eq!(bars[0].first_id, Some(3_735_683_259));
    assert_eq!(bars[11].last_id, Some(3_735_703_162));
    for (bar, next) in bars.iter().zip(&bars[1..]) {
        assert_eq!(next.minute, bar.minute.plus(1));
        assert_eq!(next.first_id, bar.last_id.map(|id| id + 1));
    }
    assert_eq!(bars[0].minute.to_string(), "2024-08-08T23:54:00Z");
    assert_eq!(bars[11].minute.to_string(), "2024-08-09T00:05:00Z");
}

/// `{"stream":"btcusdt@aggTrade","data":{"e":"aggTrade","s":"BTCUSDT","f":1,"l":2,...}}` and
/// `{"stream":"btcusdt@kline_1m","data":{"e":"kline","s":"BTCUSDT","k":{...}}}`
#[derive(Deserialize)]
struct Message {
    data: Event,
}

#[derive(Deserialize)]
struct Event {
    s: String,
    /// Last raw trade of an aggregate trade.
    l: Option<u64>,
    #[serde(rename = "k")]
    candle: Option<Candle>,
}

/// A running candle: of the trades up to `L`.
#[derive(Deserialize)]
struct Candle {
    #[serde(rename = "t")]
    open_time: i64,
    #[serde(rename = "f")]
    first_id: u64,
    #[serde(rename = "L")]
    last_id: u64,
    o: Decimal,
    h: Decimal,
    l: Decimal,
    c: Decimal,
    n: u64,
    #[serde(rename = "v")]
    base_volume: Decimal,
    #[serde(rename = "q")]
    quote_volume: Decimal,
    #[serde(rename = "V")]
    buy_base_volume: Decimal,
    #[serde(rename = "Q")]
    buy_quote_volume: Decimal,
}

#[test]
fn messages_up_to_a_candle_are_that_candle_in_every_field_both_have() {
    let name = "binance/cryptofeed_BINANCE-ee25be.0_20210404.txt.gz";
    let Some(text) = capture_text("fold candles", name) else { return };
    let streamed = text.lines().filter_map(|line| Some(line.split_once(": ")?.1));
    let messages = streamed.filter_map(|text| Some((text, serde_json::from_str(text).ok()?)));
    let messages: Vec<(&str, Message)> = messages.collect();

    let mut compared = 0;
    for symbol in ["BTCUSDT", "ETHUSDT", "DOTUSDT"] {
        let events = || messages.iter().filter(|(_, message)| message.data.s == symbol);
        let trades = || events().filter_map(|(text, message)| Some((*text, message.data.l?)));
        // The recording begins inside 20:03, so that 20:04 is the first whole minute.
        for (_, message) in events() {
            let Some(candle) = &message.data.candle else { continue };
            let whole = minute(candle.open_time) == "2021-04-04T20:04:00Z";
            // Some candles end inside an aggregate trade, which cannot be parted.
            if !whole || !trades().any(|(_, last)| last == candle.last_id) {
                continue;
            }
            let until = trades().filter(|(_, last)| *last <= candle.last_id);
            let input: String = until.map(|(text, _)| format!("{text}\n")).collect();
            let bars = fold(&["--input", "frames"], &input).bars();
            assert_candle(bars.last().expect("the minute has trades"), candle);
            compared += 1;
        }
    }
    assert!(compared >= 30, "{compared}");
}

fn assert_candle(bar: &Bar, candle: &Candle) {
    assert_eq!((bar.first_id, bar.last_id), (Some(candle.first_id), Some(candle.last_id)));
    let prices = (bar.open, bar.high, bar.low, bar.close);
    assert_eq!(prices, (candle.o, candle.h, candle.l, candle.c));
    assert_eq!(bar.trade_count, candle.n);
    assert_eq!(bar.base_volume(), Some(candle.base_volume));
    assert_eq!(bar.quote_volume(), Some(candle.quote_volume));
    let bought = (bar.buy_base_volume, bar.buy_quote_volume);
    assert_eq!(bought, (candle.buy_base_volume, candle.buy_quote_volume));
}
