//! Binance's recordings: raw and aggregate trades, books by changes, candles, REST pages.

use std::collections::BTreeMap;

use market::exchange::{Exchange, Found};
use market::{Decimal, Side, Source, Time, Trade};
use serde::Deserialize;

use super::{Feed, check_lines, decode, received, span, symbol, text};

#[test]
fn ten_minutes_across_midnight() {
    let mut feed = Feed::default();
    let mut tickers = BTreeMap::new();
    let mut compared = 0;
    for day in ["08", "09"] {
        let name = format!("binance/hft_spot_btcusdt_202408{day}.gz");
        let Some(recording) = text("binance raw", &name) else { return };
        for line in recording.lines() {
            // Each line is the receive time, a blank, and the message; one is a book by REST.
            let (nanos, message) = line.split_once(' ').expect("two parts");
            if message.starts_with(r#"{"lastUpdateId""#) {
                let micros = nanos.parse::<i64>().expect("nanoseconds") / 1_000;
                let now = Time::from_micros(micros).expect("a time");
                let book = Exchange::Binance.decode_book(&symbol("BTCUSDT"), message, now);
                feed.apply(Exchange::Binance, book.expect("a book"));
                continue;
            }
            let ticker: Stream = serde_json::from_str(message).expect("a stream's message");
            if let Data { last: Some(last), b: Some(bid), a: Some(ask), .. } = ticker.data {
                match (bid.as_str(), ask.as_str()) {
                    (Some(bid), Some(ask)) => {
                        tickers.insert(last, (bid.to_owned(), ask.to_owned()));
                    }
                    // Changes of the book: the best prices as of the same update are these.
                    _ => {
                        feed.take(Exchange::Binance, decode(Exchange::Binance, message));
                        let best = feed.book("BTCUSDT").best();
                        if let (Some((bid, ask)), Some((ours, _)), Some((our_ask, _))) =
                            (tickers.get(&last), best.bid, best.ask)
                        {
                            assert_eq!((&ours.to_string(), &our_ask.to_string()), (bid, ask));
                            compared += 1;
                        }
                        continue;
                    }
                }
            }
            feed.take(Exchange::Binance, decode(Exchange::Binance, message));
        }
    }
    assert_eq!(
        feed.counts(),
        [("books", 3_451 + 3_044), ("other", 28_040 + 45_134), ("trades", 9_757 + 10_147)]
    );
    let trades = feed.contiguous("BTCUSDT");
    assert_eq!(span(trades[0]).0, 3_735_683_259);
    assert_eq!(span(trades[trades.len() - 1]).1, 3_735_703_162);
    assert!(compared > 1_000, "{compared} tickers were of the book's own update");
    // What came before the snapshot waited for it; the one Done beside the changes is itself.
    let applied: BTreeMap<_, _> = feed.applied().into_iter().collect();
    assert_eq!(applied["Waiting"] + applied["Done"], 3_451 + 3_044 + 1, "{applied:?}");
    assert!(!applied.contains_key("Old"), "{applied:?}");
    check_lines(&feed.lines);
    assert!(feed.lines.len() > 600, "{}", feed.lines.len());
}

#[test]
fn trades_and_books_of_two_symbols() {
    let name = "binance/flashbook_live-btc-eth_20260707.ndjson.gz";
    let Some(recording) = text("binance two symbols", name) else { return };
    let mut feed = Feed::default();
    for message in recording.lines() {
        feed.take(Exchange::Binance, decode(Exchange::Binance, message));
    }
    assert_eq!(feed.counts(), [("books", 900), ("trades", 1_163)]);
    assert_eq!(feed.applied(), [("Waiting", 900)], "no snapshot was recorded");
    assert_eq!(feed.contiguous("BTCUSDT").len(), 748);
    assert_eq!(feed.contiguous("ETHUSDT").len(), 415);

    // It was asked for after the recording: it meets none of its changes, and says so by nothing.
    let body = text("binance two symbols", "binance/flashbook_rest-depth-btc.json").expect("both");
    let book = Exchange::Binance.decode_book(&symbol("BTCUSDT"), &body, received());
    feed.apply(Exchange::Binance, book.expect("a book"));
    assert_eq!(feed.book("BTCUSDT").best().bid.expect("a bid").0.to_string(), "63566.00000000");
}

#[test]
fn what_candles_grow_by_is_what_was_traded() {
    let name = "binance/cryptofeed_BINANCE-ee25be.0_20210404.txt.gz";
    let Some(recording) = text("binance candles", name) else { return };
    let mut feed = Feed::default();
    let mut candles: BTreeMap<String, Vec<Candle>> = BTreeMap::new();
    for line in recording.lines().filter(|line| !line.starts_with("configuration:")) {
        if let Some((head, body)) = line.split_once(": {") {
            let body = format!("{{{body}");
            if let Some((_, rest)) = head.split_once("depth?symbol=") {
                let name = rest.split_once('&').expect("a limit").0;
                let seconds = rest.split_once("-> ").expect("a time").1;
                let now = Time::from_seconds(seconds).expect("a time");
                let book = Exchange::Binance.decode_book(&symbol(name), &body, now);
                feed.apply(Exchange::Binance, book.expect("a book"));
                continue;
            }
            if head.starts_with("http") {
                continue;
            }
            feed.take(Exchange::Binance, decode(Exchange::Binance, &body));
            let stream: Stream = serde_json::from_str(&body).expect("a stream's message");
            if let Some(candle) = stream.data.candle {
                candles.entry(candle.s.clone()).or_default().push(candle);
            }
        }
    }
    assert_eq!(feed.counts(), [("books", 880 + 899 + 909), ("other", 118), ("trades", 1_910)]);
    assert!(["BTCUSDT", "ETHUSDT", "DOTUSDT"].iter().all(|name| feed.book(name).is_known()));
    check_lines(&feed.lines);
    let mut compared = 0;
    for (name, candles) in candles {
        let trades = feed.contiguous(&name);
        for pair in candles.windows(2) {
            // A closed candle is followed by one that begins with nothing.
            assert!(pair[0].closed == (pair[0].open_time != pair[1].open_time), "{name}");
            let new = |trade: &&&Trade| {
                span(trade).0.cast_signed() > pair[0].last_id
                    && span(trade).1.cast_signed() <= pair[1].last_id
            };
            let new: Vec<_> = trades.iter().filter(new).collect();
            let count: u64 = new.iter().map(|trade| trade.ids.count()).sum();
            // A candle may end inside an aggregate trade, which cannot be parted.
            if count != (pair[1].last_id - pair[0].last_id).cast_unsigned() {
                continue;
            }
            let sum = |of: &dyn Fn(&Trade) -> Decimal, bought: bool| {
                let mine = new.iter().filter(|trade| !bought || trade.side == Side::Buy);
                mine.fold(Decimal::ZERO, |sum, trade| sum.checked_add(of(trade)).expect("fits"))
            };
            let (base, quote) =
                (|trade: &Trade| trade.fill.base(), |trade: &Trade| trade.fill.quote());
            let before = |of: fn(&Candle) -> Decimal| match pair[0].closed {
                true => Decimal::ZERO,
                false => of(&pair[0]),
            };
            let grown = |of: fn(&Candle) -> Decimal| of(&pair[1]).checked_sub(before(of));
            assert_eq!(grown(|candle| candle.v), Some(sum(&base, false)), "{name}");
            assert_eq!(grown(|candle| candle.q), Some(sum(&quote, false)), "{name}");
            assert_eq!(grown(|candle| candle.bought_base), Some(sum(&base, true)), "{name}");
            assert_eq!(grown(|candle| candle.bought_quote), Some(sum(&quote, true)), "{name}");
            let before = if pair[0].closed { 0 } else { pair[0].n };
            assert_eq!(pair[1].n - before, count, "{name}");
            compared += 1;
        }
    }
    assert_eq!(compared, 36 + 30 + 33);
}

#[test]
fn rest_trades_of_thirty_hours() {
    let name = "binance/freqtrade_XRPETH_rest_aggTrades_201910_part1.json.gz";
    let Some(body) = text("binance rest", name) else { return };
    let page = Exchange::Binance.decode_page(&symbol("XRPETH"), &body, received(), Source::Rest);
    let page = page.expect("a page");
    let ids: Vec<_> = page
        .iter()
        .map(|record| record.outcome.as_ref().expect("a trade"))
        .map(|found: &Found| found.page_id().expect("an id"))
        .collect();
    assert_eq!(ids, (13_519_807..=13_526_528).collect::<Vec<_>>());
}

/// `{"stream":"btcusdt@kline_1m","data":{"e":"kline","s":"BTCUSDT","k":{...}}}`
#[derive(Deserialize)]
struct Stream {
    data: Data,
}

#[derive(Deserialize)]
struct Data {
    #[serde(rename = "u")]
    last: Option<u64>,
    b: Option<serde_json::Value>,
    a: Option<serde_json::Value>,
    #[serde(rename = "k")]
    candle: Option<Candle>,
}

/// A running candle: of the trades up to `L`.
#[derive(Deserialize)]
struct Candle {
    #[serde(rename = "t")]
    open_time: i64,
    s: String,
    #[serde(rename = "L")]
    last_id: i64,
    n: u64,
    #[serde(rename = "x")]
    closed: bool,
    v: Decimal,
    q: Decimal,
    #[serde(rename = "V")]
    bought_base: Decimal,
    #[serde(rename = "Q")]
    bought_quote: Decimal,
}
