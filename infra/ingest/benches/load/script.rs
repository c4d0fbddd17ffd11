//! What the exchanges say under load, in their documented shapes: each symbol's trades with ids
//! that follow one another, and a book of one ask and a bid that goes up and down by a tick.

use chrono::{DateTime, SecondsFormat, Utc};
use market::Exchange;
use serde_json::{Value, json};

use crate::SYMBOLS;

const BIDS: [&str; 2] = ["43000.1", "43000.2"];

pub(crate) fn symbols(exchange: Exchange) -> Vec<String> {
    let name = |number: usize| match exchange {
        Exchange::Binance | Exchange::Bybit | Exchange::BybitSpot => format!("C{number:02}USDT"),
        Exchange::Deribit => format!("C{number:02}-PERPETUAL"),
        Exchange::Coinbase | Exchange::Kraken => format!("C{number:02}-USD"),
    };
    (0..SYMBOLS).map(name).collect()
}

/// How many channels ingest asks for: trades and books, what `/live` tells beside them, and
/// Coinbase's heartbeats.
pub(crate) fn channels(exchange: Exchange) -> usize {
    match exchange {
        Exchange::Binance => 0,
        Exchange::BybitSpot | Exchange::Kraken => 2 * SYMBOLS,
        Exchange::Bybit | Exchange::Deribit | Exchange::Coinbase => 3 * SYMBOLS,
    }
}

/// How many channels a message asks for, and what grants them.
pub(crate) fn grant(exchange: Exchange, text: &str) -> (usize, Vec<String>) {
    let asked: Value = serde_json::from_str(text).expect("JSON");
    let count = |list: &Value| list.as_array().map_or(0, Vec::len);
    let params = &asked["params"];
    let (channels, answers) = match exchange {
        Exchange::Binance => (0, vec![]),
        Exchange::Bybit | Exchange::BybitSpot => {
            let answer = json!({"success": true, "ret_msg": "", "conn_id": "load",
                "req_id": asked["req_id"], "op": asked["op"]});
            (count(&asked["args"]), vec![answer])
        }
        Exchange::Deribit => {
            let result =
                if params["channels"].is_array() { &params["channels"] } else { &json!("ok") };
            let answer = json!({"jsonrpc": "2.0", "id": asked["id"], "result": result});
            (count(&params["channels"]), vec![answer])
        }
        Exchange::Coinbase => {
            let list = json!([{"name": asked["channels"][0], "product_ids": asked["product_ids"]}]);
            let answer = json!({"type": "subscriptions", "channels": list});
            (count(&asked["product_ids"]), vec![answer])
        }
        Exchange::Kraken => {
            let pairs = params["symbol"].as_array().into_iter().flatten();
            let answer = |pair| {
                json!({"method": "subscribe", "req_id": asked["req_id"],
                "success": true, "result": {"channel": params["channel"], "symbol": pair}})
            };
            (count(&params["symbol"]), pairs.map(answer).collect())
        }
    };
    (channels, answers.iter().map(Value::to_string).collect())
}

pub(crate) fn trade(exchange: Exchange, symbol: &str, id: u64, now: DateTime<Utc>) -> String {
    let (millis, micros, time) = (now.timestamp_millis(), now.timestamp_micros(), text(now));
    match exchange {
        Exchange::Binance => format!(
            r#"{{"stream":"{}@aggTrade","data":{{"e":"aggTrade","E":{micros},"s":"{symbol}","a":{id},"p":"43000.01000000","q":"0.00123000","f":{id},"l":{id},"T":{micros},"m":false,"M":true}}}}"#,
            symbol.to_ascii_lowercase()
        ),
        Exchange::Bybit | Exchange::BybitSpot => format!(
            r#"{{"topic":"publicTrade.{symbol}","type":"snapshot","ts":{millis},"data":[{{"T":{millis},"s":"{symbol}","S":"Buy","v":"0.004","p":"43000.10","L":"PlusTick","i":"2be30f1a-0b0b-5c4c-8d6c-{id:012}","BT":false,"seq":{id}}}]}}"#
        ),
        Exchange::Deribit => format!(
            r#"{{"jsonrpc":"2.0","method":"subscription","params":{{"channel":"trades.{symbol}.100ms","data":[{{"trade_seq":{id},"trade_id":"{id}","timestamp":{millis},"tick_direction":1,"price":43000.5,"mark_price":43000.51,"instrument_name":"{symbol}","index_price":43000.5,"direction":"buy","amount":20.0}}]}}}}"#
        ),
        Exchange::Coinbase => format!(
            r#"{{"type":"match","trade_id":{id},"maker_order_id":"6e91b1ae-7a5b-4b4e-8e3b-000000000000","taker_order_id":"de62d1ae-7a5b-4b4e-8e3b-000000000000","side":"sell","size":"0.00200000","price":"43000.01","product_id":"{symbol}","sequence":{id},"time":"{time}"}}"#
        ),
        Exchange::Kraken => format!(
            r#"{{"channel":"trade","type":"update","data":[{{"symbol":"{}","side":"buy","price":43000.1,"qty":0.50000000,"ord_type":"limit","trade_id":{id},"timestamp":"{time}"}}]}}"#,
            symbol.replace('-', "/")
        ),
    }
}

/// The book before its first change; `None` where each message is a whole book.
pub(crate) fn snapshot(exchange: Exchange, symbol: &str, now: DateTime<Utc>) -> Option<String> {
    let (millis, time, bid) = (now.timestamp_millis(), text(now), BIDS[1]);
    let told = match exchange {
        Exchange::Binance => return None,
        Exchange::Bybit | Exchange::BybitSpot => format!(
            r#"{{"topic":"orderbook.50.{symbol}","type":"snapshot","ts":{millis},"data":{{"s":"{symbol}","b":[["{bid}","1"]],"a":[["43001.0","1"]],"u":1,"seq":1}},"cts":{millis}}}"#
        ),
        Exchange::Deribit => format!(
            r#"{{"jsonrpc":"2.0","method":"subscription","params":{{"channel":"book.{symbol}.100ms","data":{{"type":"snapshot","timestamp":{millis},"instrument_name":"{symbol}","change_id":1,"bids":[["new",{bid},1.0]],"asks":[["new",43001.0,1.0]]}}}}}}"#
        ),
        Exchange::Coinbase => format!(
            r#"{{"type":"snapshot","product_id":"{symbol}","bids":[["{bid}","1"]],"asks":[["43001.0","1"]],"time":"{time}"}}"#
        ),
        Exchange::Kraken => format!(
            r#"{{"channel":"book","type":"snapshot","data":[{{"symbol":"{}","bids":[{{"price":{bid},"qty":1.00000000}}],"asks":[{{"price":43001.0,"qty":1.00000000}}],"checksum":{},"timestamp":"{time}"}}]}}"#,
            symbol.replace('-', "/"),
            checksum(bid)
        ),
    };
    Some(told)
}

/// The `number`th change: one bid comes, the other goes.
pub(crate) fn change(exchange: Exchange, symbol: &str, number: u64, now: DateTime<Utc>) -> String {
    let (millis, time, id) = (now.timestamp_millis(), text(now), number + 2);
    let [bid, gone] = if number.is_multiple_of(2) { BIDS } else { [BIDS[1], BIDS[0]] };
    match exchange {
        Exchange::Binance => format!(
            r#"{{"stream":"{}@depth20@100ms","data":{{"lastUpdateId":{id},"bids":[["{bid}","1.00000000"]],"asks":[["43001.0","1.00000000"]]}}}}"#,
            symbol.to_ascii_lowercase()
        ),
        Exchange::Bybit | Exchange::BybitSpot => format!(
            r#"{{"topic":"orderbook.50.{symbol}","type":"delta","ts":{millis},"data":{{"s":"{symbol}","b":[["{bid}","1"],["{gone}","0"]],"a":[],"u":{id},"seq":{id}}},"cts":{millis}}}"#
        ),
        Exchange::Deribit => format!(
            r#"{{"jsonrpc":"2.0","method":"subscription","params":{{"channel":"book.{symbol}.100ms","data":{{"type":"change","timestamp":{millis},"instrument_name":"{symbol}","prev_change_id":{},"change_id":{id},"bids":[["new",{bid},1.0],["delete",{gone},0.0]],"asks":[]}}}}}}"#,
            id - 1
        ),
        Exchange::Coinbase => format!(
            r#"{{"type":"l2update","product_id":"{symbol}","changes":[["buy","{bid}","1"],["buy","{gone}","0"]],"time":"{time}"}}"#
        ),
        Exchange::Kraken => format!(
            r#"{{"channel":"book","type":"update","data":[{{"symbol":"{}","bids":[{{"price":{bid},"qty":1.00000000}},{{"price":{gone},"qty":0.00000000}}],"asks":[],"checksum":{},"timestamp":"{time}"}}]}}"#,
            symbol.replace('-', "/"),
            checksum(bid)
        ),
    }
}

fn text(now: DateTime<Utc>) -> String {
    now.to_rfc3339_opts(SecondsFormat::Micros, true)
}

/// Kraken's, of the one ask and this bid.
fn checksum(bid: &str) -> u32 {
    let mut hash = crc32fast::Hasher::new();
    for price in ["43001.0", bid] {
        hash.update(price.replace('.', "").as_bytes());
        hash.update(b"100000000");
    }
    hash.finalize()
}
