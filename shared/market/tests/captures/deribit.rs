//! Deribit's recordings: books and tickers of options, single messages of other channels, a page.

use market::exchange::{Exchange, Found, Message};
use market::{Source, Trade};

use super::{Feed, check_lines, decode, received, span, symbol, text};

#[test]
fn books_of_ten_options_are_chained() {
    let name = "deribit/cryptofeed_DERIBIT.ws.1.0_20210722.txt.gz";
    let Some(recording) = text("deribit options", name) else { return };
    let mut feed = Feed::default();
    let mut contexts = 0;
    for line in recording.lines().filter(|line| !line.starts_with("wss:")) {
        let Some((_, message)) = line.split_once(": ") else { continue };
        let read = decode(Exchange::Deribit, message);
        if let Message::Ack { channels, .. } = &read {
            assert_eq!(channels.len(), 30, "all that was asked for");
        }
        if let Message::Context(context) = &read {
            contexts += usize::from(context.mark_price.is_some());
        }
        feed.take(Exchange::Deribit, read);
    }
    assert_eq!((feed.counts["books"], feed.counts["context"], contexts), (46, 89, 89));
    // Ten snapshots and 36 changes, none of which was out of its chain.
    assert_eq!((feed.recorders.len(), feed.applied()), (10, vec![("Done", 46)]));
    // Of each change but the last of the five options whose book changed at all.
    assert_eq!(feed.holes_found(Exchange::Deribit), 36 - 5, "each names the one before");
    check_lines(&feed.lines);
}

#[test]
fn single_messages_of_the_perpetual() {
    let name = "deribit/cryptomsgparser_messages_BTC-PERPETUAL.jsonl";
    let Some(recording) = text("deribit messages", name) else { return };
    let mut counts = Feed::default();
    let mut lines = Vec::new();
    for message in recording.lines() {
        match decode(Exchange::Deribit, message) {
            // Of other days each: they are not one book.
            Message::Books(books) => {
                assert!(books[0].inverse && !books[0].bids.is_empty(), "{message}");
                *counts.counts.entry("books").or_default() += 1;
            }
            read => counts.take(Exchange::Deribit, read),
        }
    }
    lines.extend(counts.trades.iter().map(Trade::to_string));
    // Two answers to requests, a quote and a candle.
    let expected = [("ack", 2), ("books", 3), ("context", 1), ("other", 2), ("trades", 1)];
    assert_eq!(counts.counts(), expected);
    let first = r#"{"exchange":"deribit","symbol":"BTC-PERPETUAL","time":1616321478553000,"side":"buy","price":"56168.0","size":"5580.0","inverse":true,"first_id":92836831,"last_id":92836831,"received":1577836800000000,"source":"ws"}"#;
    assert_eq!((lines.len(), lines[0].as_str()), (2, first));

    let older = text("deribit messages", "deribit/tardis_mappers_trades_20190901.jsonl");
    counts.trades.clear();
    counts.take(Exchange::Deribit, decode(Exchange::Deribit, older.expect("both").trim()));
    assert_eq!(counts.contiguous("BTC-PERPETUAL").len(), 2);
    for (file, kind) in
        [("book_grouped_snapshot", "books"), ("quote", "other"), ("ticker", "context")]
    {
        let message = text("deribit messages", &format!("deribit/nautilus_ws_{file}.json"));
        let mut feed = Feed::default();
        feed.take(Exchange::Deribit, decode(Exchange::Deribit, &message.expect("all")));
        assert_eq!(feed.counts(), [(kind, 1)], "{file}");
    }
}

#[test]
fn a_page_is_contiguous_and_sized_in_dollars() {
    let Some(body) = text("deribit rest", "deribit/nautilus_http_get_last_trades.json") else {
        return;
    };
    let exchange = Exchange::Deribit;
    let page = exchange.decode_page(&symbol("ETH-PERPETUAL"), &body, received(), Source::Rest);
    let mut feed = Feed::default();
    for record in page.expect("a page") {
        match record.outcome.expect("a trade") {
            Found::Trade { trade, .. } => feed.trades.push(trade),
            Found::Tombstone { page_id } => panic!("{page_id}"),
        }
    }
    let trades = feed.contiguous("ETH-PERPETUAL");
    assert_eq!((trades.len(), span(trades[0]).0), (10, 203_024_587));
    let bar = &market::fold(feed.trades).expect("small sums")[0];
    assert_eq!(bar.quote_volume().expect("fits").to_string(), "115");
    let at_one_price = "115".parse::<market::Decimal>().expect("dollars");
    let base = at_one_price.checked_div_rounded("2968.3".parse().expect("a price"));
    let difference = bar.base_volume().zip(base).and_then(|(one, other)| one.checked_sub(other));
    // Ten roundings at the 18th decimal.
    let difference = difference.expect("fits").to_string();
    assert!(difference == "0" || difference.contains("0.00000000000000000"), "{difference}");
}
