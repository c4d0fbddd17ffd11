//! Bybit's decoder on messages in the documented shapes.

use super::*;
use crate::trade::Side;

const TRADES: &str = r#"{"topic":"publicTrade.BTCUSDT","type":"snapshot","ts":1700000000125,"data":[{"T":1700000000120,"s":"BTCUSDT","S":"Buy","v":"0.004","p":"43000.10","L":"PlusTick","i":"a9188a0a-82bc-50de-be60-03eedbe3cdd7","BT":false,"RPI":false,"seq":7538},{"T":1700000000121,"s":"BTCUSDT","S":"Sell","v":"1.000","p":"43000.00","L":"MinusTick","i":"0de3f0d8-7f25-5f61-bdb5-75ad36ca187c","BT":true,"RPI":false,"seq":7538}]}"#;
const BOOK: &str = r#"{"topic":"orderbook.50.BTCUSDT","type":"delta","ts":1700000000125,"data":{"s":"BTCUSDT","b":[["43000.10","0.500"]],"a":[["43000.20","0"]],"u":160,"seq":7539},"cts":1700000000121}"#;
const PAGE: &str = r#"{"retCode":0,"retMsg":"OK","result":{"category":"linear","list":[
{"execId":"a9188a0a-82bc-50de-be60-03eedbe3cdd7","symbol":"BTCUSDT","price":"43000.10","size":"0.004","side":"Buy","time":"1700000000120","isBlockTrade":false,"isRPITrade":false,"seq":"7538"},
{"execId":"x","symbol":"ETHUSDT","price":"1","size":"1","side":"Buy","time":"1700000000120","isBlockTrade":false}
]},"retExtInfo":{},"time":1700000000200}"#;

fn received() -> Time {
    Time::from_micros(1_700_000_000_200_000).expect("time")
}

fn linear(message: &str) -> Result<Message, String> {
    decode(Exchange::Bybit, message, received()).map_err(|error| error.to_string())
}

fn lines(exchange: Exchange, message: &str) -> Vec<String> {
    match decode(exchange, message, received()).expect(message) {
        Message::Trades(trades) => trades.iter().map(Trade::to_string).collect(),
        other => panic!("{message}: {other:?}"),
    }
}

#[test]
fn a_trade_keeps_the_takers_side_and_its_id_and_a_block_its_mark() {
    let first = r#"{"exchange":"bybit","symbol":"BTCUSDT","time":1700000000120000,"side":"buy","price":"43000.10","size":"0.004","id":"a9188a0a-82bc-50de-be60-03eedbe3cdd7","received":1700000000200000,"source":"ws"}"#;
    let second = r#"{"exchange":"bybit","symbol":"BTCUSDT","time":1700000000121000,"side":"sell","price":"43000.00","size":"1.000","id":"0de3f0d8-7f25-5f61-bdb5-75ad36ca187c","received":1700000000200000,"source":"ws","block":true}"#;
    assert_eq!(lines(Exchange::Bybit, TRADES), [first, second]);
    // The same name at spot is another instrument.
    let spot = first.replace("\"bybit\"", "\"bybit-spot\"");
    assert_eq!(lines(Exchange::BybitSpot, TRADES)[0], spot);
}

#[test]
fn one_bad_trade_takes_no_other_with_it() {
    let message = TRADES.replace("\"Sell\"", "\"None\"");
    let Ok(Message::Partly { trades, refused }) = linear(&message) else { panic!("{message}") };
    assert_eq!((trades.len(), trades[0].side), (1, Side::Buy));
    assert_eq!(refused, ["side: \"None\" is neither \"Buy\" nor \"Sell\""]);
    let none = message.replace("\"Buy\"", "\"None\"");
    assert_eq!(linear(&none), Err("side: \"None\" is neither \"Buy\" nor \"Sell\"".into()));
    let unusual = linear(&TRADES.replace("0.004", "0")).expect("the other is good");
    assert!(matches!(unusual, Message::Partly { .. }), "{unusual:?}");
}

#[test]
fn books_begin_continue_and_begin_anew() {
    let of = |message: &str| match linear(message).expect(message) {
        Message::Books(mut books) => books.remove(0),
        other => panic!("{message}: {other:?}"),
    };
    let change = of(BOOK);
    assert_eq!((change.form, change.proof), (Form::Change, Proof::Range { first: 160, last: 160 }));
    assert_eq!(change.time.micros(), 1_700_000_000_121_000, "the matching engine's");
    assert_eq!(change.asks[0].size, None);
    let snapshot = BOOK.replace("delta", "snapshot");
    assert_eq!(of(&snapshot).form, Form::Snapshot);
    let best = snapshot.replace("orderbook.50", "orderbook.1");
    assert_eq!(of(&best).form, Form::Image);
    assert_eq!(of(&best.replace(":160", ":1")).form, Form::Snapshot, "the service began anew");
    assert!(linear(&BOOK.replace("delta", "what")).is_err());
}

#[test]
fn a_ticker_tells_what_changed() {
    let ticker = r#"{"topic":"tickers.BTCUSDT","type":"delta","data":{"symbol":"BTCUSDT","markPrice":"43001.20","fundingRate":"-0.0001","indexPrice":""},"cs":7540,"ts":1700000000125}"#;
    let number = |text: &str| Some(Decimal::from_signed(text).expect(text));
    let expected = Context {
        symbol: "BTCUSDT".parse().expect("symbol"),
        funding_rate: number("-0.0001"),
        open_interest: None,
        mark_price: number("43001.2"),
        index_price: None,
    };
    assert_eq!(linear(ticker), Ok(Message::Context(expected)));
    let spot = decode(Exchange::BybitSpot, ticker, received()).expect("a message");
    assert_eq!(spot, Message::Other);
}

#[test]
fn answers_are_told_apart() {
    let request = Some("7".to_owned());
    for (message, expected) in [
        (
            r#"{"success":true,"ret_msg":"","conn_id":"d8","req_id":"7","op":"subscribe"}"#,
            Message::Ack { request: request.clone(), channels: vec![] },
        ),
        (
            r#"{"success":true,"ret_msg":"subscribe","conn_id":"d8","req_id":"","op":"subscribe"}"#,
            Message::Ack { request: None, channels: vec![] },
        ),
        (
            r#"{"success":false,"ret_msg":"error:handler not found,topic:a.B","conn_id":"d8","req_id":"7","op":"subscribe"}"#,
            Message::Refused {
                request,
                channel: Some("a.B".into()),
                why: "error:handler not found,topic:a.B".into(),
            },
        ),
        (
            r#"{"success":true,"ret_msg":"pong","conn_id":"d8","req_id":"","op":"ping"}"#,
            Message::Heartbeat { newest: None },
        ),
        (r#"{"topic":"kline.1.BTCUSDT","data":[]}"#, Message::Other),
        (r#"{"topic":"allLiquidation.BTCUSDT","data":[]}"#, unknown("allLiquidation")),
        (r#"{"op":"auth","success":true}"#, unknown("auth")),
        ("{}", unknown("without a name")),
    ] {
        assert_eq!(linear(message), Ok(expected), "{message}");
    }
    assert_eq!(linear("[]"), Err("not a JSON object".into()));
    assert_eq!(linear(r#"{"topic":"publicTrade.X"}"#), Err("data: is missing".into()));
}

#[test]
fn a_page_is_read_whatever_it_is_wrapped_in() {
    let symbol = "BTCUSDT".parse().expect("symbol");
    let read = |body| decode_page(Exchange::Bybit, &symbol, body, received(), Source::Rest);
    let page = read(PAGE).expect("a page");
    let Ok(Found::Trade { page_id: None, trade }) = &page[0].outcome else { panic!("{page:?}") };
    // The same trade by websocket is the same but for where it came from.
    let live = lines(Exchange::Bybit, TRADES)[0].replace("\"ws\"", "\"rest\"");
    assert_eq!(trade.to_string(), live);
    let other = page[1].outcome.as_ref().expect_err("another symbol").to_string();
    assert_eq!(other, "symbol: ETHUSDT is not the BTCUSDT asked for");
    assert!(PAGE[page[1].offset..].starts_with(page[1].text));
    let limited = r#"{"retCode":10006,"retMsg":"Too many visits!","result":null}"#;
    assert_eq!(read(limited).expect_err("no page").to_string(), "retCode: 10006: Too many visits!");
}

#[test]
fn a_linear_files_row_is_the_sockets_trade() {
    let symbol: Symbol = "BTCUSDT".parse().expect("symbol");
    let read = |row: &str| {
        decode_row(Exchange::Bybit, &symbol, row, received()).map_err(|error| error.to_string())
    };
    const ROW: &str = "1700000000.1209,BTCUSDT,Sell,1e-3,43000.1,PlusTick,a9188a0a-82bc-50de-be60-03eedbe3cdd7,1.7e10,0.004,172.0004,0";
    let Ok(Some(Found::Trade { page_id: None, trade })) = read(ROW) else { panic!("a trade") };
    assert_eq!((trade.time.micros(), trade.side), (1_700_000_000_120_000, Side::Sell));
    assert_eq!(trade.fill.size().to_string(), "0.001");
    assert_eq!(trade.ids, Ids::opaque("a9188a0a-82bc-50de-be60-03eedbe3cdd7").expect("id"));
    let names = "timestamp,symbol,side,size,price,tickDirection,trdMatchID,grossValue";
    assert_eq!(read(names), Ok(None));
    for (from, to, expected) in [
        ("BTCUSDT", "ETHUSDT", "symbol: ETHUSDT is not the BTCUSDT asked for"),
        ("Sell", "sell", "side: \"sell\" is neither \"Buy\" nor \"Sell\""),
        ("1700000000.1209", "1700000000.12x", "timestamp: \"1700000000.12x\" is not a number"),
    ] {
        let error = read(&ROW.replacen(from, to, 1)).expect_err(to);
        assert!(error.starts_with(expected), "{to}: {error}");
    }
}

#[test]
fn a_spot_files_rows_have_another_shape() {
    let symbol: Symbol = "BTCUSDT".parse().expect("symbol");
    let read = |row: &str| decode_row(Exchange::BybitSpot, &symbol, row, received());
    assert!(matches!(read("id,timestamp,price,volume,side,rpi"), Ok(None)));
    let found = read("1,1700000000120,43000.1,0.004,buy,0").expect("a row");
    let Some(Found::Trade { trade, .. }) = found else { panic!("a trade") };
    let expected = r#"{"exchange":"bybit-spot","symbol":"BTCUSDT","time":1700000000120000,"side":"buy","price":"43000.1","size":"0.004","id":"1","#;
    assert!(trade.to_string().starts_with(expected), "{trade}");
}

#[test]
fn candles_come_in_the_order_of_time() {
    let body = r#"{"retCode":0,"retMsg":"OK","result":{"category":"linear","symbol":"BTCUSDT","list":[["1700000100000","2","2","2","2","0","0"],["1700000040000","1","3","0.5","2","7.035","458078.3588"]]}}"#;
    let candles = decode_candles(body).expect("candles");
    let minutes: Vec<_> = candles.iter().map(|candle| candle.minute.to_string()).collect();
    assert_eq!(minutes, ["2023-11-14T22:14:00Z", "2023-11-14T22:15:00Z"]);
    assert_eq!(candles[0].quote_volume.expect("turnover").to_string(), "458078.3588");
    let refused = r#"{"retCode":10006,"retMsg":"Too many visits!","result":{}}"#;
    let error = decode_candles(refused).expect_err("refused").to_string();
    assert_eq!(error, "retCode: 10006: Too many visits!");
}
