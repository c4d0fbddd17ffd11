//! Order books as the scripted exchanges send them, of one level on each side: the bid that is
//! asked for, and an ask of 43001.0.

use chrono::{DateTime, SecondsFormat, Utc};
use flate2::Crc;
use market::Exchange as Name;

use crate::venue::Venue;

impl Venue {
    pub(crate) fn books_topic(&self) -> String {
        format!("{}.books", self.name)
    }

    pub(crate) fn book_kind(&self) -> &'static str {
        match self.name {
            Name::Binance => panic!("it is subscribed to by its address"),
            Name::Bybit | Name::BybitSpot => "orderbook.50",
            Name::Deribit | Name::Kraken => "book",
            Name::Coinbase => "level2_batch",
        }
    }

    pub(crate) fn book_channel(&self, symbol: &str) -> String {
        let kind = self.book_kind();
        match self.name {
            Name::Deribit => format!("{kind}.{symbol}.100ms"),
            _ => format!("{kind}.{}", self.pair(symbol)),
        }
    }

    /// The first symbol's book as it is now.
    pub(crate) fn snapshot(&self, id: u64, bid: &str) -> String {
        let (symbol, at) = (self.symbols[0], Utc::now());
        let (millis, time, pair) = (at.timestamp_millis(), text(at), self.pair(symbol));
        match self.name {
            Name::Binance => panic!("it sends images"),
            Name::Bybit | Name::BybitSpot => format!(
                r#"{{"topic":"orderbook.50.{symbol}","type":"snapshot","ts":{millis},"data":{{"s":"{symbol}","b":[["{bid}","1"]],"a":[["43001.0","1"]],"u":{id},"seq":7}},"cts":{millis}}}"#
            ),
            Name::Deribit => format!(
                r#"{{"jsonrpc":"2.0","method":"subscription","params":{{"channel":"book.{symbol}.100ms","data":{{"type":"snapshot","timestamp":{millis},"instrument_name":"{symbol}","change_id":{id},"bids":[["new",{bid},1.0]],"asks":[["new",43001.0,1.0]]}}}}}}"#
            ),
            Name::Coinbase => format!(
                r#"{{"type":"snapshot","product_id":"{symbol}","bids":[["{bid}","1"]],"asks":[["43001.0","1"]],"time":"{time}"}}"#
            ),
            Name::Kraken => {
                let checksum = checksum(&[bid]);
                format!(
                    r#"{{"channel":"book","type":"snapshot","data":[{{"symbol":"{pair}","bids":[{{"price":{bid},"qty":1.00000000}}],"asks":[{{"price":43001.0,"qty":1.00000000}}],"checksum":{checksum},"timestamp":"{time}"}}]}}"#
                )
            }
        }
    }

    /// A further bid, above those before, `after` from now; the one before is taken away where
    /// a checksum must be known.
    pub(crate) fn change(&self, previous: u64, id: u64, bid: &str, at: DateTime<Utc>) -> String {
        let tenth = bid.as_bytes()[bid.len() - 1] - 1;
        let gone = format!("{}{}", &bid[..bid.len() - 1], char::from(tenth));
        self.change_to(previous, id, bid, &gone, checksum(&[bid]), at)
    }

    /// A change that proves that one before it was lost.
    pub(crate) fn hole(&self, bid: &str, at: DateTime<Utc>) -> String {
        let bid = if self.name == Name::Coinbase { "43001.5" } else { bid };
        self.change_to(12, 13, bid, "43000.0", 7, at)
    }

    fn change_to(
        &self,
        previous: u64,
        id: u64,
        bid: &str,
        gone: &str,
        checksum: u32,
        at: DateTime<Utc>,
    ) -> String {
        let symbol = self.symbols[0];
        let (millis, time, pair) = (at.timestamp_millis(), text(at), self.pair(symbol));
        match self.name {
            Name::Binance => panic!("it sends images"),
            Name::Bybit | Name::BybitSpot => format!(
                r#"{{"topic":"orderbook.50.{symbol}","type":"delta","ts":{millis},"data":{{"s":"{symbol}","b":[["{bid}","1"],["{gone}","0"]],"a":[],"u":{id},"seq":7}},"cts":{millis}}}"#
            ),
            Name::Deribit => format!(
                r#"{{"jsonrpc":"2.0","method":"subscription","params":{{"channel":"book.{symbol}.100ms","data":{{"type":"change","timestamp":{millis},"instrument_name":"{symbol}","prev_change_id":{previous},"change_id":{id},"bids":[["new",{bid},1.0],["delete",{gone},0.0]],"asks":[]}}}}}}"#
            ),
            Name::Coinbase => format!(
                r#"{{"type":"l2update","product_id":"{symbol}","changes":[["buy","{bid}","1"],["buy","{gone}","0"]],"time":"{time}"}}"#
            ),
            Name::Kraken => format!(
                r#"{{"channel":"book","type":"update","data":[{{"symbol":"{pair}","bids":[{{"price":{bid},"qty":1.00000000}},{{"price":{gone},"qty":0.00000000}}],"asks":[],"checksum":{checksum},"timestamp":"{time}"}}]}}"#
            ),
        }
    }

    fn pair(&self, symbol: &str) -> String {
        match self.name {
            Name::Kraken => symbol.replace('-', "/"),
            _ => symbol.to_owned(),
        }
    }
}

fn text(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Micros, true)
}

/// Kraken's, of the ask and these bids.
fn checksum(bids: &[&str]) -> u32 {
    let mut crc = Crc::new();
    for price in ["43001.0"].iter().chain(bids) {
        crc.update(price.replace('.', "").as_bytes());
        crc.update(b"100000000");
    }
    crc.sum()
}
