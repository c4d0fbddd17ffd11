//! What each exchange asks of whoever connects to it: addresses, limits, lifetimes, and the one
//! `match` over the exchanges; opens no connection itself.

use std::time::Duration;

use market::Exchange;

use crate::config::Feed;

mod binance;

/// The terms of one feed's connections.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Terms {
    /// Where to connect: the address says what is subscribed to.
    pub(crate) url: String,
    /// The least time between two attempts to connect, for all feeds of this process together.
    pub(crate) connect_every: Duration,
}

/// The exchange's public address for market data.
pub(crate) fn base_url(exchange: Exchange) -> &'static str {
    match exchange {
        Exchange::Binance => binance::BASE_URL,
        Exchange::Bybit => "wss://stream.bybit.com/v5/public/linear",
        Exchange::BybitSpot => "wss://stream.bybit.com/v5/public/spot",
        Exchange::Deribit => "wss://www.deribit.com/ws/api/v2",
        Exchange::Coinbase => "wss://ws-feed.exchange.coinbase.com",
        Exchange::Kraken => "wss://ws.kraken.com/v2",
    }
}

/// The terms of a feed; fails if the exchange cannot serve it over one connection.
pub(crate) fn terms(feed: &Feed) -> Result<Terms, String> {
    match feed.exchange {
        Exchange::Binance => binance::terms(feed),
        Exchange::Bybit
        | Exchange::BybitSpot
        | Exchange::Deribit
        | Exchange::Coinbase
        | Exchange::Kraken => {
            // Their messages can be read, but nothing here subscribes to them.
            Err(format!("ingest does not connect to {} yet, only to binance", feed.exchange))
        }
    }
}
