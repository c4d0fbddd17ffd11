//! Coinbase's recording: matches, books by changes, heartbeats.

use std::collections::BTreeMap;

use market::exchange::{Exchange, Message};
use market::{Seen, Sequence};

use super::{Feed, check_lines, decode, span, text};

#[test]
fn heartbeats_name_the_latest_match_and_books_never_cross() {
    let name = "coinbase/flashbook_live-btc-eth_20260707.ndjson.gz";
    let Some(recording) = text("coinbase", name) else { return };
    let mut feed = Feed::default();
    let mut sequences: BTreeMap<String, Sequence> = BTreeMap::new();
    let (mut anchors, mut agree) = (0, 0);
    for message in recording.lines() {
        let read = decode(Exchange::Coinbase, message);
        match &read {
            Message::Trades(trades) => {
                let (first, last) = span(&trades[0]);
                let sequence = sequences.entry(trades[0].symbol.to_string()).or_default();
                assert_eq!(sequence.observe(first, last), Seen::Next);
            }
            Message::Heartbeat { newest: Some((symbol, id)) } => {
                match sequences.entry(symbol.to_string()).or_default().announce(*id) {
                    Seen::Next => anchors += 1,
                    Seen::Again => agree += 1,
                    Seen::Gap { missing } => panic!("{symbol}: {missing} missing up to {id}"),
                }
            }
            _ => {}
        }
        feed.take(Exchange::Coinbase, read);
    }
    // The two last matches begin the sequences; each heartbeat then names one that was seen.
    assert_eq!((anchors, agree), (2, 118));
    let expected = [("ack", 1), ("books", 2 + 1_898), ("heartbeat", 2 + 118), ("trades", 435)];
    assert_eq!(feed.counts(), expected);
    for (name, count, first) in [("BTC-USD", 344, 1_052_119_289), ("ETH-USD", 91, 825_468_237)] {
        let trades = feed.contiguous(name);
        assert_eq!((trades.len(), span(trades[0]).0), (count, first));
    }
    assert_eq!(feed.applied(), [("Done", 1_900)]);
    check_lines(&feed.lines);
    // A minute of two products, of which the last second is not over.
    assert!((110..=120).contains(&feed.lines.len()), "{}", feed.lines.len());
}
