//! Kraken's decoder on messages in the documented shapes.

use super::*;

const TRADE: &str = r#"{"symbol":"BTC/USD","side":"buy","price":43000.1,"qty":0.00004130,"ord_type":"limit","trade_id":100,"timestamp":"2023-11-14T22:13:20.120007Z"}"#;
const BOOK: &str = r#"{"channel":"book","type":"update","data":[{"symbol":"BTC/USD","bids":[{"price":43000.1,"qty":0.50000000}],"asks":[{"price":43000.20,"qty":0.00000000}],"checksum":2439117997,"timestamp":"2023-11-14T22:13:20.125000Z"}]}"#;
const PAGE: &str = r#"{"error":[],"result":{"XXBTZUSD":[["43000.10000","0.00004130",1700000000.1200071,"b","m","",100],
["43000.10000","0.00004130",1700000000.12,"s","l",""],["0.0","1",1700000000.12,"s","l","",102]],"last":"1700000000120007123"}}"#;
const LINE: &str = r#"{"exchange":"kraken","symbol":"BTC-USD","time":1700000000120007,"side":"buy","price":"43000.1","size":"0.00004130","first_id":100,"last_id":100,"received":1700000000200000,"source":"ws"}"#;

fn received() -> Time {
    Time::from_micros(1_700_000_000_200_000).expect("time")
}

fn read(message: &str) -> Result<Message, String> {
    decode(message, received()).map_err(|error| error.to_string())
}

fn line(trade: &str) -> Result<String, String> {
    match read(&format!(r#"{{"channel":"trade","type":"update","data":[{trade}]}}"#))? {
        Message::Trades(trades) => Ok(trades[0].to_string()),
        other => panic!("{trade}: {other:?}"),
    }
}

#[test]
fn a_trade_keeps_its_digits_and_its_pair_becomes_a_symbol() {
    assert_eq!(line(TRADE).as_deref(), Ok(LINE));
    let sold = line(&TRADE.replace("\"buy\"", "\"sell\"")).expect("a trade");
    assert_eq!(sold, LINE.replace("\"buy\"", "\"sell\""));
    for (from, to, expected) in [
        ("BTC/USD", "BTC-USD", "symbol: \"BTC-USD\" is not a pair"),
        ("BTC/USD", "A-B/USD", "symbol: \"A-B/USD\" is not a pair"),
        ("BTC/USD", "A/B/USD", "symbol: \"A/B/USD\" is not a pair"),
        ("BTC/USD", "/USD", "symbol: \"/USD\" is not a pair"),
        ("BTC/USD", "AAPLx/USD", "symbol: \"AAPLx-USD\" is not a symbol"),
        ("43000.1", "\"43000.1\"", "price: \"\\\"43000.1\\\"\" is not a number"),
        ("0.00004130", "-1", "size: \"-1\" is not a plain decimal"),
        ("\"buy\"", "\"b\"", "side: \"b\" is neither \"buy\" nor \"sell\""),
    ] {
        let error = line(&TRADE.replace(from, to)).expect_err(to);
        assert!(error.starts_with(expected), "{to}: {error}");
    }
}

#[test]
fn a_symbol_is_spelt_as_the_pair_it_came_from() {
    let symbol = symbol("BTC/USD").expect("a symbol");
    assert_eq!((symbol.as_str(), &*Exchange::Kraken.spelling(&symbol)), ("BTC-USD", "BTC/USD"));
    assert_eq!(Exchange::Coinbase.spelling(&symbol), "BTC-USD");
}

#[test]
fn books_begin_and_continue_with_their_checksum() {
    let of = |message: &str| match read(message).expect(message) {
        Message::Books(mut books) => books.remove(0),
        other => panic!("{message}: {other:?}"),
    };
    let change = of(BOOK);
    assert_eq!((change.form, change.proof), (Form::Change, Proof::Checksum(2_439_117_997)));
    assert_eq!(change.bids[0].size.expect("a size").to_string(), "0.50000000");
    assert_eq!(
        (change.asks[0].price.to_string().as_str(), change.asks[0].size),
        ("43000.20", None)
    );
    let snapshot = BOOK.replace("\"update\"", "\"snapshot\"");
    let snapshot = of(&snapshot.replace(r#","timestamp":"2023-11-14T22:13:20.125000Z""#, ""));
    assert_eq!((snapshot.form, snapshot.time), (Form::Snapshot, received()));
    assert!(read(&BOOK.replace("\"update\"", "\"what\"")).is_err());
    assert!(read(&BOOK.replace("2439117997", "-1")).is_err());
}

#[test]
fn answers_heartbeats_and_strangers_are_told_apart() {
    let request = Some("7".to_owned());
    for (message, expected) in [
        (
            r#"{"method":"subscribe","req_id":7,"result":{"channel":"book","depth":10,"snapshot":true,"symbol":"BTC/USD"},"success":true,"time_in":"x"}"#,
            Message::Ack { request: request.clone(), channels: vec!["book.BTC/USD".into()] },
        ),
        (
            r#"{"method":"subscribe","req_id":7,"error":"Currency pair not supported NO/SUCH","symbol":"NO/SUCH","success":false}"#,
            Message::Refused {
                request,
                channel: Some("NO/SUCH".into()),
                why: "Currency pair not supported NO/SUCH".into(),
            },
        ),
        (
            r#"{"error":"Malformed request","method":"error","success":false}"#,
            Message::Refused { request: None, channel: None, why: "Malformed request".into() },
        ),
        (r#"{"method":"pong","time_in":"x"}"#, Message::Heartbeat { newest: None }),
        (r#"{"channel":"heartbeat"}"#, Message::Heartbeat { newest: None }),
        (r#"{"channel":"status","type":"update","data":[{"system":"online"}]}"#, Message::Other),
        (r#"{"channel":"level3","data":[]}"#, unknown("level3")),
        (r#"{"method":"news"}"#, unknown("news")),
        ("{}", unknown("without a name")),
    ] {
        assert_eq!(read(message), Ok(expected), "{message}");
    }
    assert_eq!(read(r#"{"channel":"trade"}"#), Err("data: is missing".into()));
}

#[test]
fn a_page_is_read_by_its_texts_and_without_an_id_nothing_is() {
    let symbol = "BTC-USD".parse().expect("symbol");
    let page = decode_page(&symbol, PAGE, received(), Source::Rest).expect("a page");
    let found = page[0].outcome.as_ref().expect("a trade");
    let Found::Trade { trade, .. } = found else { panic!("{found:?}") };
    assert_eq!(found.page_id(), Some(100));
    let rest = LINE.replace("\"ws\"", "\"rest\"").replace("43000.1\"", "43000.10000\"");
    assert_eq!(trade.to_string(), rest);
    let error = |at: usize| page[at].outcome.as_ref().expect_err("no trade").to_string();
    assert!(error(1).starts_with("trade_id: is missing"), "{}", error(1));
    assert!(error(2).starts_with("price: \"0.0\" is not greater"), "{}", error(2));
    assert!(PAGE[page[1].offset..].starts_with(page[1].text));
    for (body, expected) in [
        (r#"{"error":["EGeneral:Too many requests"]}"#, "error: EGeneral:Too many requests"),
        (r#"{"error":[],"result":{"last":"1"}}"#, "result: does not hold the rows of one pair"),
        (r#"{"error":[]}"#, "result: does not hold the rows of one pair"),
    ] {
        let error = decode_page(&symbol, body, received(), Source::Rest).expect_err(body);
        assert_eq!(error.to_string(), expected);
    }
}

#[test]
fn a_page_says_where_the_next_one_begins() {
    assert_eq!(decode_cursor(PAGE).expect("last"), 1_700_000_000_120_007_123);
    let without = r#"{"error":[],"result":{"XXBTZUSD":[]}}"#;
    assert!(decode_cursor(without).expect_err("none").to_string().starts_with("last: "));
}

#[test]
fn candles_end_with_the_last_closed_one() {
    let body = r#"{"error":[],"result":{"XBTUSDT":[[1700000040,"1","3","0.5","2","1.66","1.5",7],[1700000100,"2","2","2","2","0.0","0.0",0],[1700000160,"9","9","9","9","9","9",9]],"last":1700000100}}"#;
    let candles = decode_candles(body).expect("candles");
    assert_eq!(candles.len(), 2);
    assert_eq!(
        (candles[0].trade_count, candles[0].vwap.expect("vwap").to_string()),
        (Some(7), "1.66".into())
    );
    assert_eq!((candles[1].trade_count, candles[1].vwap), (Some(0), None));
}

#[test]
fn rest_knows_the_older_names() {
    let old =
        |symbol: &str| Exchange::Kraken.rest_spelling(&symbol.parse().expect(symbol)).into_owned();
    assert_eq!(old("BTC-USD"), "XBTUSD");
    assert_eq!(old("DOGE-BTC"), "XDGXBT");
    assert_eq!(old("ETH-EUR"), "ETHEUR");
}
