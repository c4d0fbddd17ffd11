//! Kraken's recordings: a book with its checksums, trades, and REST trades against REST candles.

use std::collections::BTreeMap;

use market::exchange::{Exchange, Found};
use market::{Bar, Decimal, Source, fold};
use serde::Deserialize;

use super::{Feed, check_lines, decode, received, span, symbol, text};

#[test]
fn every_checksum_is_the_books() {
    let Some(recording) = text("kraken", "kraken/flashbook_ws2_BTCUSD_20260707.ndjson.gz") else {
        return;
    };
    let mut feed = Feed::default();
    for message in recording.lines() {
        feed.take(Exchange::Kraken, decode(Exchange::Kraken, message));
    }
    let expected = [("ack", 2), ("books", 562), ("heartbeat", 23), ("other", 1), ("trades", 6)];
    assert_eq!(feed.counts(), expected);
    // A wrong checksum would have been an error.
    assert_eq!(feed.applied(), [("Done", 562)]);
    // Of the others the next one writes the same levels over, so that nothing is lost.
    assert_eq!(feed.holes_found(Exchange::Kraken), 460);
    let trades = feed.contiguous("BTC-USD");
    assert_eq!((trades.len(), span(trades[0]).0), (12, 103_436_768));
    check_lines(&feed.lines);
}

/// `[time,"o","h","l","c","vwap","volume",count]`
type Candle = (i64, Decimal, Decimal, Decimal, Decimal, String, Decimal, u64);

#[derive(Deserialize)]
struct Candles {
    result: BTreeMap<String, Vec<Candle>>,
}

#[test]
fn folded_rest_trades_are_the_candles() {
    let Some(body) = text("kraken rest", "kraken/nautilus_rest_Trades_XBTUSDT_part1.json") else {
        return;
    };
    let exchange = Exchange::Kraken;
    let page = exchange.decode_page(&symbol("XBT-USDT"), &body, received(), Source::Rest);
    let mut feed = Feed::default();
    for record in page.expect("a page") {
        match record.outcome.expect("a trade") {
            Found::Trade { trade, .. } => feed.trades.push(trade),
            Found::Tombstone { page_id } => panic!("{page_id}"),
        }
    }
    assert_eq!(span(feed.contiguous("XBT-USDT")[487]).1, 10_218_695);
    let bars: BTreeMap<i64, Bar> = fold(feed.trades)
        .expect("small sums")
        .into_iter()
        .map(|bar| (bar.minute.start().micros() / 1_000_000, bar))
        .collect();

    let candles = text("kraken rest", "kraken/nautilus_rest_OHLC_XBTUSDT_part1.json");
    let candles: Candles = serde_json::from_str(&candles.expect("both")).expect("candles");
    // The first trade that was asked for lies inside its minute.
    let begun = *bars.keys().next().expect("a minute");
    let ended = *bars.keys().next_back().expect("a minute");
    let (mut equal, mut quiet) = (0, 0);
    for (time, open, high, low, close, _, volume, count) in &candles.result["XBTUSDT"] {
        if *time <= begun || *time > ended {
            continue;
        }
        let Some(bar) = bars.get(time) else {
            assert_eq!(*count, 0, "{time}");
            quiet += 1;
            continue;
        };
        assert_eq!((bar.open, bar.high, bar.low, bar.close), (*open, *high, *low, *close));
        assert_eq!((bar.base_volume(), bar.trade_count), (Some(*volume), *count));
        equal += 1;
    }
    assert_eq!((equal, quiet, bars.len()), (139, 77, 140));
}
