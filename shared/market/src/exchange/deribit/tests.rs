//! Deribit's decoder on messages in the documented shapes.

use super::*;
use crate::decimal::Decimal;

const TRADE: &str = r#"{"trade_seq":100,"trade_id":"137487241","timestamp":1700000000120,"tick_direction":1,"price":43000.50,"mark_price":43001.1,"instrument_name":"BTC-PERPETUAL","index_price":43002.0,"direction":"buy","amount":5580.0,"contracts":558.0}"#;
const BOOK: &str = r#"{"type":"change","timestamp":1700000000125,"instrument_name":"BTC-PERPETUAL","prev_change_id":157,"change_id":160,"bids":[["new",43000.5,20.0]],"asks":[["delete",43001.0,0.0],["change",43002.0,1.0e1]]}"#;

fn received() -> Time {
    Time::from_micros(1_700_000_000_200_000).expect("time")
}

fn read(message: &str) -> Result<Message, String> {
    decode(message, received()).map_err(|error| error.to_string())
}

fn notify(channel: &str, data: &str) -> Result<Message, String> {
    read(&format!(
        r#"{{"jsonrpc":"2.0","method":"subscription","params":{{"channel":"{channel}","data":{data}}}}}"#
    ))
}

fn line(trade: &str) -> Result<String, String> {
    match notify("trades.BTC-PERPETUAL.100ms", &format!("[{trade}]"))? {
        Message::Trades(trades) => Ok(trades[0].to_string()),
        other => panic!("{trade}: {other:?}"),
    }
}

fn book(data: &str) -> BookUpdate {
    match notify("book.BTC-PERPETUAL.100ms", data).expect(data) {
        Message::Books(mut books) => books.remove(0),
        other => panic!("{data}: {other:?}"),
    }
}

#[test]
fn a_trade_keeps_its_digits_its_side_and_its_sequence_number() {
    let expected = r#"{"exchange":"deribit","symbol":"BTC-PERPETUAL","time":1700000000120000,"side":"buy","price":"43000.50","size":"5580.0","inverse":true,"first_id":100,"last_id":100,"received":1700000000200000,"source":"ws"}"#;
    assert_eq!(line(TRADE).as_deref(), Ok(expected));
    let linear = TRADE.replace("BTC-PERPETUAL", "BTC_USDC-PERPETUAL").replace("5580.0", "1.0e-3");
    let expected = expected.replace("BTC-PERPETUAL", "BTC_USDC-PERPETUAL");
    let expected = expected.replace(r#""5580.0","inverse":true"#, r#""0.001""#);
    assert_eq!(line(&linear), Ok(expected));
    assert!(line(&TRADE.replace("43000.50", "\"43000.50\"")).is_err());
    assert!(line(&TRADE.replace("\"buy\"", "\"Buy\"")).is_err());
}

#[test]
fn blocks_and_liquidations_are_marked() {
    for (field, expected) in [
        (r#""liquidation":"T""#, r#","liquidation":"taker"}"#),
        (r#""liquidation":"M""#, r#","liquidation":"maker"}"#),
        (r#""liquidation":"MT""#, r#","liquidation":"both"}"#),
        (r#""liquidation":"none""#, r#""source":"ws"}"#),
        (r#""block_trade_id":"66""#, r#","block":true}"#),
        (r#""block_trade_id":66"#, r#","block":true}"#),
        (r#""block_trade_id":null"#, r#""source":"ws"}"#),
    ] {
        let line = line(&TRADE.replace('}', &format!(",{field}}}"))).expect(field);
        assert!(line.ends_with(expected), "{field}: {line}");
    }
}

#[test]
fn what_an_amount_is_counted_in_the_name_tells() {
    for name in ["BTC-PERPETUAL", "ETH-25DEC26", "BTC-3JAN25"] {
        assert_eq!(inverse(name).ok(), Some(true), "{name}");
    }
    for name in [
        "SOL_USDC-PERPETUAL",
        "BTC_USDC-25DEC26",
        "BTC-25DEC26-50000-C",
        "XRP_USDC-25DEC26-0d625-P",
        "BTC_USDC",
    ] {
        assert_eq!(inverse(name).ok(), Some(false), "{name}");
    }
    for name in [
        "BTC-FS-25DEC26_PERP",
        "BTC-CS-25DEC26-50000_60000",
        "BTC-STRG-21OCT22-19000_22000",
        "BTC",
        "BTC-",
        "BTC-INDEX",
        "BTC-25dec26",
        "BTC-123456",
        "BTC-25DEC26-50000-X",
        "",
    ] {
        assert!(inverse(name).is_err(), "{name}");
    }
    let error = line(&TRADE.replace("BTC-PERPETUAL", "BTC-FS-25DEC26_PERP")).expect_err("a combo");
    assert!(error.starts_with("symbol: \"BTC-FS-25DEC26_PERP\" is not a perpetual"), "{error}");
}

#[test]
fn books_begin_continue_and_come_whole() {
    let change = book(BOOK);
    let proof = Proof::Follows { previous: Some(157), id: 160 };
    assert_eq!((change.form, change.proof, change.inverse), (Form::Change, proof, true));
    let asks: Vec<_> =
        change.asks.iter().map(|level| level.size.map(|it| it.to_string())).collect();
    assert_eq!(asks, [None, Some("10".to_owned())]);
    let snapshot =
        BOOK.replace("change\",\"t", "snapshot\",\"t").replace("\"prev_change_id\":157,", "");
    let snapshot = book(&snapshot.replace("delete", "new").replace("0.0]", "5.0]"));
    assert_eq!(snapshot.form, Form::Snapshot);
    assert_eq!(snapshot.proof, Proof::Follows { previous: None, id: 160 });
    let whole = book(
        r#"{"timestamp":1700000000125,"instrument_name":"BTC_USDC","change_id":160,"bids":[[43000.5,20.0]],"asks":[]}"#,
    );
    assert_eq!((whole.form, whole.inverse, whole.bids.len()), (Form::Image, false, 1));
    let without = notify("book.X.100ms", &BOOK.replace("\"prev_change_id\":157,", ""));
    assert_eq!(without, Err("type: \"change\" with prev_change_id None".into()));
    let action = notify("book.X.100ms", &BOOK.replace("delete", "drop"));
    assert_eq!(action, Err("action: \"\\\"drop\\\"\" is unknown".into()));
}

#[test]
fn a_ticker_tells_the_context() {
    let ticker = r#"{"instrument_name":"BTC-PERPETUAL","mark_price":43000.7,"index_price":null,"funding_8h":-1.0e-5,"open_interest":559791310,"interest_value":0.0028213400122472977}"#;
    let number = |text: &str| Some(Decimal::from_signed(text).expect(text));
    let expected = Context {
        symbol: "BTC-PERPETUAL".parse().expect("symbol"),
        funding_rate: number("-0.00001"),
        open_interest: number("559791310"),
        mark_price: number("43000.7"),
        index_price: None,
    };
    assert_eq!(notify("ticker.BTC-PERPETUAL.100ms", ticker), Ok(Message::Context(expected)));
}

#[test]
fn answers_heartbeats_and_strangers_are_told_apart() {
    let request = Some("7".to_owned());
    for (message, expected) in [
        (
            r#"{"jsonrpc":"2.0","id":7,"result":["trades.BTC-PERPETUAL.100ms"]}"#,
            Message::Ack {
                request: request.clone(),
                channels: vec!["trades.BTC-PERPETUAL.100ms".into()],
            },
        ),
        (
            r#"{"jsonrpc":"2.0","id":7,"result":"ok"}"#,
            Message::Ack { request: request.clone(), channels: vec![] },
        ),
        (
            r#"{"jsonrpc":"2.0","id":7,"error":{"code":-32602,"message":"Invalid params"}}"#,
            Message::Refused {
                request,
                channel: None,
                why: r#"{"code":-32602,"message":"Invalid params"}"#.into(),
            },
        ),
        (
            r#"{"jsonrpc":"2.0","method":"heartbeat","params":{"type":"heartbeat"}}"#,
            Message::Heartbeat { newest: None },
        ),
        (
            r#"{"jsonrpc":"2.0","method":"heartbeat","params":{"type":"test_request"}}"#,
            Message::Ping { answer: TEST.into() },
        ),
        (r#"{"jsonrpc":"2.0","method":"news","params":{}}"#, unknown("news")),
        (r#"{"jsonrpc":"2.0"}"#, unknown("without a name")),
    ] {
        assert_eq!(read(message), Ok(expected), "{message}");
    }
    assert_eq!(notify("quote.BTC-PERPETUAL", "{}"), Ok(Message::Other));
    assert_eq!(notify("announcements", "{}"), Ok(unknown("announcements")));
    assert!(serde_json::from_str::<Envelope<'_>>(TEST).is_ok(), "what is answered is JSON");
}

#[test]
fn a_page_is_read_with_its_sequence_numbers() {
    let symbol = "BTC-PERPETUAL".parse().expect("symbol");
    let other = TRADE.replace("BTC-PERPETUAL", "ETH-PERPETUAL");
    let body = format!(
        r#"{{"jsonrpc":"2.0","id":2,"result":{{"has_more":true,"trades":[{TRADE}, {other}]}}}}"#
    );
    let page = decode_page(&symbol, &body, received(), Source::Rest).expect("a page");
    let found = page[0].outcome.as_ref().expect("a trade");
    assert_eq!(found.page_id(), Some(100));
    assert_eq!((page[0].text, &body[page[1].offset..][..other.len()]), (TRADE, other.as_str()));
    let error = page[1].outcome.as_ref().expect_err("another symbol").to_string();
    assert_eq!(error, "symbol: ETH-PERPETUAL is not the BTC-PERPETUAL asked for");
    let refused = r#"{"jsonrpc":"2.0","error":{"code":10028,"message":"too_many_requests"}}"#;
    let error = decode_page(&symbol, refused, received(), Source::Rest).expect_err("no page");
    assert_eq!(error.to_string(), r#"result: {"code":10028,"message":"too_many_requests"}"#);
}

#[test]
fn candles_are_columns() {
    let body = r#"{"jsonrpc":"2.0","result":{"ticks":[1700000040000,1700000100000],"open":[43000.5,1],"high":[43001.0,1],"low":[42999.0,1],"close":[43000.0,1],"volume":[0.5,0],"cost":[21500.0,0],"status":"ok"}}"#;
    let candles = decode_candles(body).expect("candles");
    assert_eq!(candles[0].minute.to_string(), "2023-11-14T22:14:00Z");
    assert_eq!(candles[0].quote_volume.expect("cost").to_string(), "21500");
    assert_eq!(candles[1].base_volume, Decimal::ZERO);
    let error = decode_candles(&body.replace("[42999.0,1]", "[42999.0]")).expect_err("short");
    assert_eq!(error.to_string(), "low: is shorter than ticks");
    let refused = r#"{"error":{"code":11050,"message":"bad_request"}}"#;
    assert!(decode_candles(refused).expect_err("refused").to_string().contains("bad_request"));
}
