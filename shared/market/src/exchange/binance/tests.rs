//! Binance's decoder on messages in the documented shapes.

use super::*;
use crate::decimal::Decimal;

const AGG: &str = r#"{"e":"aggTrade","E":1700000000125,"s":"BTCUSDT","a":9,"p":"43000.01000000","q":"0.00123000","f":100,"l":105,"T":1700000000120,"m":false,"M":true}"#;
const RAW: &str = r#"{"e":"trade","E":1700000000125,"s":"BTCUSDT","t":100,"p":"43000.01000000","q":"0.00123000","b":88,"a":50,"T":1700000000120,"m":true,"M":true}"#;
const PAGE: &str = r#"[
{"a":9,"p":"0.00141342","q":"23.00000000","f":100,"l":101,"T":1570752011620,"m":true,"M":true},
{"a":10,"p":"0","q":"0","f":-1,"l":-1,"T":1570752011620,"m":true,"M":true},
{"a":11,"p":"0.00141266","q":"x","f":102,"l":102,"T":1570752011620,"m":false,"M":true},
{"a":12,"p":"0.00141266","q":"8.00000000","f":102,"l":102,"T":1570752017964123,"m":false,"M":true}]"#;

fn received() -> Time {
    Time::from_micros(1_700_000_000_200_000).expect("time")
}

fn check(message: &str, line: &str) {
    let read = decode(message, received()).expect(message);
    let Message::Trades(trades) = read else { panic!("{message}: {read:?}") };
    assert_eq!(trades.iter().map(Trade::to_string).collect::<Vec<_>>(), [line]);
}

#[test]
fn an_aggregate_trade_covers_its_raw_ids_and_m_false_is_a_taker_buy() {
    let line = r#"{"exchange":"binance","symbol":"BTCUSDT","time":1700000000120000,"side":"buy","price":"43000.01000000","size":"0.00123000","first_id":100,"last_id":105,"received":1700000000200000,"source":"ws"}"#;
    check(AGG, line);
    check(&format!(r#"{{"stream":"btcusdt@aggTrade","data":{AGG}}}"#), line);
    let micros = AGG.replace("1700000000120,", "1700000000120007,");
    check(&micros, &line.replace("1700000000120000", "1700000000120007"));
}

#[test]
fn a_raw_trade_is_its_own_range_and_m_true_is_a_taker_sell() {
    let line = r#"{"exchange":"binance","symbol":"BTCUSDT","time":1700000000120000,"side":"sell","price":"43000.01000000","size":"0.00123000","first_id":100,"last_id":100,"received":1700000000200000,"source":"ws"}"#;
    check(RAW, line);
    check(&format!(r#"{{"stream":"btcusdt@trade","data":{RAW}}}"#), line);
}

#[test]
fn messages_without_a_trade_are_told_apart() {
    let ack = |id: &str| Message::Ack { request: Some(id.into()), channels: vec![] };
    let refused = |id: Option<&str>, why: &str| Message::Refused {
        request: id.map(str::to_owned),
        channel: None,
        why: why.into(),
    };
    for (message, expected) in [
        (r#"{"result":null,"id":1}"#, ack("1")),
        (r#"{"result":null,"id":"again"}"#, ack("again")),
        (
            r#"{"error":{"code":2,"msg":"no"},"id":1}"#,
            refused(Some("1"), r#"{"code":2,"msg":"no"}"#),
        ),
        (r#"{"code":0,"msg":"Unknown property"}"#, refused(None, r#""Unknown property""#)),
        (
            r#"{"u":400900217,"s":"BNBUSDT","b":"25.3","B":"31.2","a":"25.4","A":"40.6"}"#,
            Message::Other,
        ),
        (r#"{"stream":"btcusdt@kline_1m","data":{"e":"kline","s":"BTCUSDT"}}"#, Message::Other),
        (r#"{"lastUpdateId":160,"bids":[],"asks":[]}"#, Message::Other),
        (r#"{"e":"blockTrade","s":"BTCUSDT"}"#, unknown("blockTrade")),
        (r#"{"stream":"!ticker@arr","data":[]}"#, unknown("!ticker@arr")),
        (r#"{"hello":1}"#, unknown("without a name")),
        (r#"{"e":"serverShutdown","E":1700000000125}"#, Message::Closing),
        (r#"{"stream":"!serverShutdown","data":{"e":"serverShutdown","E":1}}"#, Message::Closing),
    ] {
        assert_eq!(decode(message, received()).expect(message), expected, "{message}");
    }
}

#[test]
fn books_come_as_changes_as_images_and_by_rest() {
    let of = |message: &str| match decode(message, received()).expect(message) {
        Message::Books(mut books) => books.remove(0),
        other => panic!("{message}: {other:?}"),
    };
    let change = r#"{"e":"depthUpdate","E":1700000000125,"s":"BTCUSDT","U":157,"u":160,"b":[["43000.01","10.5"]],"a":[["43000.02","0.000"]]}"#;
    let book = of(change);
    assert_eq!((book.form, book.proof), (Form::Change, Proof::Range { first: 157, last: 160 }));
    assert_eq!(book.time.micros(), 1_700_000_000_125_000);
    assert_eq!(book.bids[0].size.expect("a size").to_string(), "10.5");
    assert_eq!((book.asks[0].price.to_string().as_str(), book.asks[0].size), ("43000.02", None));
    let backwards = decode(&change.replace("160", "150"), received()).expect_err("150 < 157");
    assert_eq!(backwards.to_string(), "u: 150 is before U 157");

    let body = r#"{"lastUpdateId":160,"bids":[["43000.01","10"]],"asks":[["43000.02","5"]]}"#;
    let book = of(&format!(r#"{{"stream":"btcusdt@depth20@100ms","data":{body}}}"#));
    assert_eq!((book.symbol.as_str(), book.form, book.time), ("BTCUSDT", Form::Image, received()));
    let symbol = "BTCUSDT".parse().expect("symbol");
    let snapshot = decode_book(&symbol, body, received()).expect("a book");
    assert_eq!(BookUpdate { form: Form::Image, ..snapshot }, book);
}

#[test]
fn what_cannot_be_a_trade_is_refused_with_its_reason() {
    for (from, to, expected) in [
        ("\"0.00123000\"", "\"0\"", "size: \"0\" is not greater than zero"),
        ("\"43000.01000000\"", "43000.01", "invalid type"),
        ("\"f\":100", "\"f\":-2", "first_id: -2 is negative"),
        ("\"l\":105", "\"l\":99", "last_id: 99 is before first_id 100"),
        ("\"T\":1700000000120", "\"T\":17", "time: 17000 is no time"),
        ("\"s\":\"BTCUSDT\",", "", "symbol: \"s\" is missing"),
        ("\"m\":false,", "", "missing field `m`"),
        ("\"a\":9,", "\"a\":9,\"a\":9,", "duplicate field `a`"),
    ] {
        let error = decode(&AGG.replacen(from, to, 1), received()).expect_err(to).to_string();
        assert!(error.contains(expected), "{to}: {error}");
    }
    let array = r#"["trade",null]"#;
    let error = decode(array, received()).expect_err(array).to_string();
    assert_eq!(error, "not a JSON object");
    assert!(decode("{not json", received()).is_err());
    assert!(decode("", received()).is_err());
}

#[test]
fn a_page_keeps_its_tombstones_ids_and_refuses_only_the_bad_record() {
    let symbol = "XRPETH".parse().expect("symbol");
    let page = decode_page(&symbol, PAGE, received(), Source::Rest).expect("a page");
    let ids: Vec<_> =
        page.iter().map(|record| record.outcome.as_ref().ok().and_then(Found::page_id)).collect();
    assert_eq!(ids, [Some(9), Some(10), None, Some(12)]);
    assert!(matches!(page[1].outcome, Ok(Found::Tombstone { page_id: 10 })));
    assert!(
        page[2].text.starts_with(r#"{"a":11"#) && PAGE[page[2].offset..].starts_with(page[2].text)
    );
    let Ok(Found::Trade { trade, .. }) = &page[3].outcome else { panic!("{:?}", page[3]) };
    assert_eq!(
        trade.to_string(),
        r#"{"exchange":"binance","symbol":"XRPETH","time":1570752017964123,"side":"buy","price":"0.00141266","size":"8.00000000","first_id":102,"last_id":102,"received":1700000000200000,"source":"rest"}"#
    );
    assert!(
        decode_page(&symbol, r#"{"code":-1121,"msg":"Invalid symbol."}"#, received(), Source::Rest)
            .is_err()
    );
}

#[test]
fn a_files_rows_are_trades_in_either_unit_of_time() {
    let symbol: Symbol = "BTCUSDT".parse().expect("symbol");
    let read = |row: &str| decode_row(&symbol, row, received()).map_err(|error| error.to_string());
    let trade = |row: &str| match read(row) {
        Ok(Some(Found::Trade { page_id: Some(9), trade })) => trade,
        other => panic!("{row}: {other:?}"),
    };
    const ROW: &str = "9,43000.01000000,0.00123000,100,105,1700000000120007,False,True";
    let line = trade(ROW).to_string();
    assert!(
        line.contains(r#""time":1700000000120007,"side":"buy","price":"43000.01000000""#),
        "{line}"
    );
    assert!(line.contains(r#""first_id":100,"last_id":105"#) && line.contains("archive"), "{line}");
    let old = trade("9,43000.01000000,0.00123000,100,105,1700000000120,True,True");
    assert_eq!((old.time.micros(), old.side), (1_700_000_000_120_000, Side::Sell));
    let names =
        "agg_trade_id,price,quantity,first_trade_id,last_trade_id,transact_time,is_buyer_maker";
    assert_eq!(read(names), Ok(None));
    let voided = "10,0.00000000,0.00000000,-1,-1,1650000000000,False,True";
    assert_eq!(read(voided), Ok(Some(Found::Tombstone { page_id: 10 })));
    for (from, to, expected) in [
        (",False,True", "", "row: has 6 columns, not 7 or more"),
        ("False", "F", "is_buyer_maker: is \"F\""),
        ("43000.01000000", "-1", "price: \"-1\" is not a plain decimal"),
        ("43000.01000000", "\"1\"", "price: \"\\\"1\\\"\" is not a number"),
        ("1700000000120007", "17", "time: 17000 is no time"),
    ] {
        let error = read(&ROW.replace(from, to)).expect_err(to);
        assert!(error.starts_with(expected), "{to}: {error}");
    }
}

#[test]
fn candles_keep_both_volumes_and_what_takers_bought() {
    let body = r#"[[1700000040000,"43000.01","43000.05","42999.00","43000.02","1.500","1700000099999","64500.01","12","0.500","21500.00","0"]]"#;
    assert!(decode_candles(body).is_err(), "the count is a number");
    let body = body.replace(r#""12""#, "12").replace("1700000040000", "1700000040000000");
    let candle = decode_candles(&body).expect("candles").remove(0);
    assert_eq!(candle.minute.to_string(), "2023-11-14T22:14:00Z");
    let text = |number: Option<Decimal>| number.expect("told").to_string();
    assert_eq!(
        (candle.low.to_string(), candle.close.to_string()),
        ("42999".into(), "43000.02".into())
    );
    assert_eq!((candle.trade_count, text(candle.quote_volume)), (Some(12), "64500.01".into()));
    assert_eq!(
        (text(candle.buy_base_volume), text(candle.buy_quote_volume)),
        ("0.5".into(), "21500".into())
    );
    let error =
        decode_candles(&body.replace("1700000040000000", "1700000041000")).expect_err("off");
    assert_eq!(error.to_string(), "time: 2023-11-14T22:14:01.000000Z is not the start of a minute");
}
