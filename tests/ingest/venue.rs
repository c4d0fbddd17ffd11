//! The scripted side of the exchanges: their trades and their answers, in the shapes that they
//! document; decides nothing by itself.

use std::collections::BTreeSet;
use std::time::Duration;

use axum::extract::ws::Message;
use ingest::{Config, Feed};
use market::Exchange as Name;
use market::Trade;
use market::trade::Ids;
use serde_json::{Value, json};

use crate::broker::Broker;
use crate::exchange::{Exchange, Session};

/// One of them, and two of its symbols.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Venue {
    pub(crate) name: Name,
    pub(crate) symbols: [&'static str; 2],
}

pub(crate) const VENUES: [Venue; 6] = [
    Venue { name: Name::Binance, symbols: ["BTCUSDT", "ETHUSDT"] },
    Venue { name: Name::Bybit, symbols: ["BTCUSDT", "ETHUSDT"] },
    Venue { name: Name::BybitSpot, symbols: ["BTCUSDT", "ETHUSDT"] },
    Venue { name: Name::Deribit, symbols: ["BTC-PERPETUAL", "ETH-PERPETUAL"] },
    Venue { name: Name::Coinbase, symbols: ["BTC-USD", "ETH-USD"] },
    Venue { name: Name::Kraken, symbols: ["BTC-USD", "ETH-USD"] },
];

/// A request to subscribe, in one shape for all.
pub(crate) struct Asked {
    request: Value,
    /// Such as `trade.BTC/USD`.
    pub(crate) channels: Vec<String>,
}

impl Venue {
    /// Whether it is subscribed to by messages, and books are changes of what was before; else its
    /// address says what it brings, and each message is a whole book.
    pub(crate) fn converses(&self) -> bool {
        self.name != Name::Binance
    }

    pub(crate) fn contiguous(&self) -> bool {
        !matches!(self.name, Name::Bybit | Name::BybitSpot)
    }

    pub(crate) fn config(&self, exchange: &Exchange, broker: &Broker) -> Config {
        let symbols = self.symbols.map(|symbol| symbol.parse().expect("a symbol"));
        let feed = Feed {
            url: Some(exchange.url.clone()),
            overlap: Duration::from_secs(1),
            ..Feed::new(self.name, symbols.to_vec())
        };
        Config::new(broker.brokers(), vec![feed])
    }

    pub(crate) fn topic(&self) -> String {
        format!("{}.trades", self.name)
    }

    /// The first symbol's trade of that id.
    pub(crate) fn trade(&self, id: u64) -> String {
        self.trade_of(self.symbols[0], id)
    }

    pub(crate) fn trade_of(&self, symbol: &str, id: u64) -> String {
        let millis = 1_700_000_000_000 + id;
        let time = format!("2023-11-14T22:13:20.{id:06}Z");
        let message = match self.name {
            Name::Binance => {
                let stream = format!("{}@aggTrade", symbol.to_ascii_lowercase());
                json!({"stream": stream, "data": {"e": "aggTrade", "E": millis * 1_000,
                    "s": symbol, "a": id, "p": "43000.10", "q": "0.004", "f": id, "l": id,
                    "T": millis * 1_000, "m": false, "M": true}})
            }
            Name::Bybit | Name::BybitSpot => {
                json!({"topic": format!("publicTrade.{symbol}"), "type": "snapshot", "ts": millis,
                    "data": [{"T": millis, "s": symbol, "S": "Buy", "v": "0.004", "p": "43000.10",
                    "i": format!("id-{id}"), "BT": false, "seq": 7}]})
            }
            Name::Deribit => {
                let trade = json!({"trade_seq": id, "trade_id": format!("{}", id * 3),
                    "timestamp": millis, "price": 43000.5, "amount": 20.0, "direction": "buy",
                    "instrument_name": symbol});
                let channel = format!("trades.{symbol}.100ms");
                json!({"jsonrpc": "2.0", "method": "subscription",
                    "params": {"channel": channel, "data": [trade]}})
            }
            Name::Coinbase => json!({"type": "match", "trade_id": id, "maker_order_id": "6e91",
                "taker_order_id": "de62", "side": "sell", "size": "0.002", "price": "43000.01",
                "product_id": symbol, "sequence": id * 5, "time": time}),
            Name::Kraken => {
                let trade = json!({"symbol": symbol.replace('-', "/"), "side": "buy",
                    "price": 43000.1, "qty": 0.5, "ord_type": "limit", "trade_id": id,
                    "timestamp": time});
                json!({"channel": "trade", "type": "update", "data": [trade]})
            }
        };
        message.to_string()
    }

    /// Every channel that the two symbols need.
    pub(crate) fn channels(&self) -> BTreeSet<String> {
        let of = |symbol: &&str| match self.name {
            Name::Binance => vec![],
            Name::Bybit | Name::BybitSpot => vec![format!("publicTrade.{symbol}")],
            Name::Deribit => vec![format!("trades.{symbol}.100ms")],
            Name::Coinbase => vec![format!("matches.{symbol}"), format!("heartbeat.{symbol}")],
            Name::Kraken => vec![format!("trade.{}", symbol.replace('-', "/"))],
        };
        self.symbols.iter().flat_map(of).collect()
    }

    /// What ingest's message asks for; `None` if it is about something else.
    fn asked(&self, text: &str) -> Option<Asked> {
        let request: Value = serde_json::from_str(text).expect("JSON");
        let list = |value: &Value| -> Vec<String> {
            let names = value.as_array().into_iter().flatten();
            names.map(|name| name.as_str().expect("a name").to_owned()).collect()
        };
        let params = &request["params"];
        let channels = match self.name {
            Name::Binance => vec![],
            Name::Bybit | Name::BybitSpot => list(&request["args"]),
            Name::Deribit => list(&params["channels"]),
            Name::Coinbase => {
                let kind = request["channels"][0].as_str().expect("a channel");
                let products = list(&request["product_ids"]).into_iter();
                products.map(|product| format!("{kind}.{product}")).collect()
            }
            Name::Kraken => {
                let kind = params["channel"].as_str().unwrap_or_default();
                let pairs = list(&params["symbol"]).into_iter();
                pairs.map(|pair| format!("{kind}.{pair}")).collect()
            }
        };
        (!channels.is_empty()).then_some(Asked { request, channels })
    }

    /// The exchange's answer, with `refused` as a symbol that it does not know.
    fn answer(&self, asked: &Asked, refused: Option<&str>) -> Vec<String> {
        let spelling = refused.map(|symbol| match self.name {
            Name::Kraken => symbol.replace('-', "/"),
            _ => symbol.to_owned(),
        });
        let is_bad = |channel: &String| {
            spelling.as_ref().is_some_and(|symbol| channel.contains(symbol.as_str()))
        };
        let bad = asked.channels.iter().find(|channel| is_bad(channel));
        let request = &asked.request;
        match (self.name, bad) {
            (Name::Binance, _) => vec![],
            (Name::Bybit | Name::BybitSpot, None) => {
                vec![json!({"success": true, "ret_msg": "", "conn_id": "d8bu1o",
                    "req_id": request["req_id"], "op": "subscribe"})]
            }
            (Name::Bybit | Name::BybitSpot, Some(topic)) => {
                let why = format!("error:handler not found,topic:{topic}");
                vec![json!({"success": false, "ret_msg": why, "conn_id": "d8bu1o",
                    "req_id": request["req_id"], "op": "subscribe"})]
            }
            (Name::Deribit, _) => {
                let good: Vec<_> = asked.channels.iter().filter(|it| !is_bad(it)).collect();
                vec![json!({"jsonrpc": "2.0", "id": request["id"], "result": good})]
            }
            (Name::Coinbase, None) => {
                let list = json!([{"name": request["channels"][0],
                    "product_ids": request["product_ids"]}]);
                vec![json!({"type": "subscriptions", "channels": list})]
            }
            (Name::Coinbase, Some(_)) => {
                let why = format!("{} is not a valid product", spelling.unwrap_or_default());
                vec![json!({"type": "error", "message": "Failed to subscribe", "reason": why})]
            }
            (Name::Kraken, _) => {
                let of = |channel: &String| {
                    let (kind, pair) = channel.split_once('.').expect("a kind");
                    let id = &request["req_id"];
                    if is_bad(channel) {
                        json!({"method": "subscribe", "req_id": id, "symbol": pair,
                            "error": format!("Currency pair not supported {pair}"),
                            "success": false})
                    } else {
                        json!({"method": "subscribe", "req_id": id, "success": true,
                            "result": {"channel": kind, "symbol": pair, "snapshot": false}})
                    }
                };
                asked.channels.iter().map(of).collect()
            }
        }
        .iter()
        .map(Value::to_string)
        .collect()
    }

    /// Grants what ingest asks for until `channels` are granted; those of `refused` are refused,
    /// and then count as settled, too.
    pub(crate) async fn settle(
        &self,
        session: &mut Session,
        mut channels: BTreeSet<String>,
        refused: Option<&str>,
    ) {
        while !channels.is_empty() {
            let text = self.heard(session).await;
            let Some(asked) = self.asked(&text) else { continue };
            let answers = self.answer(&asked, refused);
            // Where a whole request is refused, the others in it are asked for again.
            let whole = !matches!(self.name, Name::Deribit | Name::Kraken);
            let is_bad = |name: &String| {
                let refused = refused.map(|symbol| symbol.replace('-', "/"));
                refused.is_some_and(|symbol| name.replace('-', "/").contains(&symbol))
            };
            let some_bad = asked.channels.iter().any(is_bad);
            let settled = |name: &&String| is_bad(name) || !(whole && some_bad);
            channels.retain(|name| !asked.channels.iter().filter(settled).any(|it| it == name));
            answers.into_iter().for_each(|answer| session.send(answer));
        }
    }

    /// Grants one request.
    pub(crate) fn grant(&self, session: &Session, text: &str) {
        let asked = self.asked(text).expect("a request");
        self.answer(&asked, None).into_iter().for_each(|answer| session.send(answer));
    }

    pub(crate) async fn subscribe(&self, session: &mut Session) {
        self.settle(session, self.channels(), None).await;
    }

    /// The next words of ingest's.
    pub(crate) async fn heard(&self, session: &mut Session) -> String {
        loop {
            match session.heard().await {
                Some(Message::Text(text)) => return text.to_string(),
                Some(_) => {}
                None => panic!("{}: the connection ended", self.name),
            }
        }
    }

    /// The ids of the lines on the topic, in the order of their symbols and ids.
    pub(crate) async fn lines(&self, broker: &Broker, count: u64) -> Vec<(String, u64)> {
        let mut lines = Vec::new();
        for _ in 0..count {
            let trade = Trade::from_line(&broker.record().await.value).expect("a trade line");
            assert_eq!(trade.exchange.as_str(), self.name.as_str());
            let id = match &trade.ids {
                Ids::Range { first, last } if first == last => *first,
                Ids::Opaque(id) => id.trim_start_matches("id-").parse().expect("a number"),
                Ids::Range { .. } => panic!("{trade}"),
            };
            lines.push((trade.symbol.as_str().to_owned(), id));
        }
        lines.sort_unstable();
        lines
    }

    /// Lines of the first symbol, as [`Venue::lines`] gives them.
    pub(crate) fn expected(&self, ids: impl IntoIterator<Item = u64>) -> Vec<(String, u64)> {
        ids.into_iter().map(|id| (self.symbols[0].to_owned(), id)).collect()
    }
}
