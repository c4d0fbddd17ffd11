//! Coinbase's decoder on messages in the documented shapes.

use super::*;

const MATCH: &str = r#"{"type":"match","trade_id":100,"maker_order_id":"6e91","taker_order_id":"de62","side":"sell","size":"0.00211003","price":"43000.01","product_id":"BTC-USD","sequence":7538,"time":"2023-11-14T22:13:20.120007Z"}"#;
const UPDATE: &str = r#"{"type":"l2update","product_id":"BTC-USD","changes":[["buy","43000.01","0.00000000"],["sell","43000.02","1.5"]],"time":"2023-11-14T22:13:20.125000Z"}"#;

fn received() -> Time {
    Time::from_micros(1_700_000_000_200_000).expect("time")
}

fn read(message: &str) -> Result<Message, String> {
    decode(message, received()).map_err(|error| error.to_string())
}

fn line(message: &str) -> Result<String, String> {
    match read(message)? {
        Message::Trades(trades) => Ok(trades[0].to_string()),
        other => panic!("{message}: {other:?}"),
    }
}

fn book(message: &str) -> BookUpdate {
    match read(message).expect(message) {
        Message::Books(mut books) => books.remove(0),
        other => panic!("{message}: {other:?}"),
    }
}

#[test]
fn a_maker_who_sold_is_a_taker_who_bought() {
    let bought = r#"{"exchange":"coinbase","symbol":"BTC-USD","time":1700000000120007,"side":"buy","price":"43000.01","size":"0.00211003","first_id":100,"last_id":100,"received":1700000000200000,"source":"ws"}"#;
    assert_eq!(line(MATCH).as_deref(), Ok(bought));
    let sold = bought.replace("\"buy\"", "\"sell\"");
    assert_eq!(line(&MATCH.replace("\"sell\"", "\"buy\"")), Ok(sold));
    for (from, to, expected) in [
        ("\"sell\"", "\"SELL\"", "side: \"SELL\" is neither \"buy\" nor \"sell\""),
        ("\"43000.01\"", "43000.01", "invalid type"),
        ("2023-11-14T", "", "time: \"22:13:20.120007Z\" is not a UTC time"),
        ("\"product_id\":\"BTC-USD\",", "", "symbol: product_id is missing"),
    ] {
        let error = line(&MATCH.replace(from, to)).expect_err(to);
        assert!(error.contains(expected), "{to}: {error}");
    }
}

#[test]
fn a_heartbeat_tells_the_newest_trade_and_so_does_the_last_match() {
    let newest = |id| Message::Heartbeat { newest: Some(("BTC-USD".parse().expect("name"), id)) };
    let beat = r#"{"type":"heartbeat","last_trade_id":100,"product_id":"BTC-USD","sequence":7540,"time":"2023-11-14T22:13:21.000000Z"}"#;
    assert_eq!(read(beat), Ok(newest(100)));
    assert_eq!(read(&MATCH.replace("match\"", "last_match\"")), Ok(newest(100)));
    let never = Message::Heartbeat { newest: None };
    assert_eq!(read(&beat.replace("100", "0")), Ok(never));
}

#[test]
fn books_begin_and_continue() {
    let snapshot = r#"{"type":"snapshot","product_id":"BTC-USD","bids":[["43000.01","10"]],"asks":[["43000.02","5"]],"time":"2023-11-14T22:13:20.000000Z"}"#;
    let whole = book(snapshot);
    assert_eq!((whole.form, whole.time.micros()), (Form::Snapshot, 1_700_000_000_000_000));
    let timeless = snapshot.replace(r#","time":"2023-11-14T22:13:20.000000Z""#, "");
    assert_eq!(book(&timeless).time, received());
    let change = book(UPDATE);
    assert_eq!((change.form, change.proof), (Form::Change, Proof::None));
    assert_eq!((change.bids[0].size, change.asks.len()), (None, 1));
    assert_eq!(change.asks[0].size.expect("a size").to_string(), "1.5");
    assert!(read(&UPDATE.replace("\"buy\"", "\"bid\"")).is_err());
}

#[test]
fn answers_and_strangers_are_told_apart() {
    let subscriptions = r#"{"type":"subscriptions","channels":[{"name":"level2_50","product_ids":["BTC-USD","ETH-USD"],"account_ids":null},{"name":"matches","product_ids":["BTC-USD"]}]}"#;
    let channels = ["level2_batch.BTC-USD", "level2_batch.ETH-USD", "matches.BTC-USD"];
    let channels = channels.map(str::to_owned).to_vec();
    assert_eq!(read(subscriptions), Ok(Message::Ack { request: None, channels }));
    let error = r#"{"type":"error","message":"Failed to subscribe","reason":"NO-SUCH is not a valid product"}"#;
    let why = "Failed to subscribe: NO-SUCH is not a valid product".to_owned();
    assert_eq!(read(error), Ok(Message::Refused { request: None, channel: None, why }));
    assert_eq!(read(r#"{"type":"ticker","price":"1"}"#), Ok(Message::Other));
    assert_eq!(read(r#"{"type":"activate"}"#), Ok(unknown("activate")));
    assert_eq!(read(r#"{"channel":"market_trades"}"#), Ok(unknown("without a name")));
    assert_eq!(read("[]"), Err("not a JSON object".into()));
}

#[test]
fn a_page_has_the_makers_side_too() {
    let body = r#"[{"trade_id":101,"side":"buy","size":"1.0","price":"43000.01","time":"2023-11-14T22:13:20.120007Z"},
{"trade_id":100,"side":"sell","size":"0","price":"43000.01","time":"2023-11-14T22:13:20.120007Z"}]"#;
    let symbol = "BTC-USD".parse().expect("symbol");
    let page = decode_page(&symbol, body, received(), Source::Rest).expect("a page");
    let found = page[0].outcome.as_ref().expect("a trade");
    let Found::Trade { trade, .. } = found else { panic!("{found:?}") };
    assert_eq!((found.page_id(), trade.side), (Some(101), Side::Sell));
    assert!(page[1].outcome.is_err());
    let refused = r#"{"message":"NotFound"}"#;
    assert!(decode_page(&symbol, refused, received(), Source::Rest).is_err());
}

#[test]
fn a_candle_tells_the_low_before_the_high_and_the_newest_first() {
    let body = "[[1700000100,1,2,1.5,2,0.1],[1700000040,42999.5,43001,43000.01,43000.02,1.5e-3]]";
    let candles = decode_candles(body).expect("candles");
    let first = &candles[0];
    assert_eq!(first.minute.to_string(), "2023-11-14T22:14:00Z");
    let prices = [first.open, first.high, first.low, first.close].map(|price| price.to_string());
    assert_eq!(prices, ["43000.01", "43001", "42999.5", "43000.02"]);
    assert_eq!((first.base_volume.to_string(), first.quote_volume), ("0.0015".into(), None));
    assert_eq!(candles.len(), 2);
    assert!(decode_candles(r#"{"message":"NotFound"}"#).is_err());
}
