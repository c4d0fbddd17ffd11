//! What the exchanges answer of the past: pages of trades by id or by time, a day's files, and
//! candles of a minute; politely. Reads no message itself, that is `market`'s, and writes nothing.
//!
//! * [`History`]: one exchange, asked within its limits.
//! * [`Pages`]: trades as they come, a page at a time; never a whole day in memory.
//! * [`HistoryError`]: why there is no answer, and whether there may be one later.

mod archive;
mod candles;
mod client;
mod error;
mod limits;
mod walk;

use std::collections::BTreeMap;
use std::time::Duration;

use market::{Candle, Day, Exchange, ExchangeName, Minute, Symbol, Time};

pub use archive::{DayTrades, Evidence};
use client::Client;
pub use error::HistoryError;
pub use walk::Pages;

/// Where an exchange is asked, and how long it is waited for. [`Places::of`] are its public ones.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Places {
    /// Base of the addresses of its REST interface.
    pub rest: String,
    /// The same for what is older than a day, where that is another one.
    pub old: String,
    /// The same for the files of days; where none are published it is not asked.
    pub archive: String,
    /// The first pause before a request is made again; each further one may be twice as long.
    pub pause: Duration,
    /// The pause between two requests, for each unit of what they weigh; `None` is the exchange's.
    pub pace: Option<Duration>,
}

impl Places {
    pub fn of(exchange: Exchange) -> Places {
        let limits = limits::of(exchange);
        Places {
            rest: limits.rest.to_owned(),
            old: limits.old.to_owned(),
            archive: limits.archive.to_owned(),
            pause: limits::FIRST_PAUSE,
            pace: None,
        }
    }

    /// Its public places, but where variables such as `BINANCE_REST_URL` or `BYBIT_SPOT_ARCHIVE_URL`
    /// name others. Whoever answers there is left as much time, unless he is on this machine.
    pub fn named(exchange: Exchange, variable: impl Fn(&str) -> Option<String>) -> Places {
        let name = exchange.as_str().to_uppercase().replace('-', "_");
        let mut places = Places::of(exchange);
        if let Some(rest) = variable(&format!("{name}_REST_URL")) {
            (places.old, places.rest) = (rest.clone(), rest);
        }
        if let Some(archive) = variable(&format!("{name}_ARCHIVE_URL")) {
            places.archive = archive;
        }
        if on_this_machine(&places.rest) {
            let Places { pause, pace, .. } = Places::local("");
            (places.pause, places.pace) = (pause, pace);
        }
        places
    }

    /// All of it at one address, and without waiting: for an exchange on this machine.
    pub fn local(url: &str) -> Places {
        let (pause, pace) = (Duration::from_millis(1), Some(Duration::ZERO));
        let url = url.to_owned();
        Places { rest: url.clone(), old: url.clone(), archive: url, pause, pace }
    }
}

/// How many minutes back an exchange has candles, where it forgets them.
pub fn candles_reach(exchange: Exchange) -> Option<i64> {
    limits::of(exchange).candles_reach
}

/// An exchange's own candles, in the order of time. Of a minute without a trade some have none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candles {
    /// The first minute that is told of: later than was asked for where the exchange has forgotten
    /// what was before.
    pub from: Minute,
    pub candles: Vec<Candle>,
}

/// [`Places::named`] of every exchange, by its name.
pub fn places(variable: impl Fn(&str) -> Option<String>) -> BTreeMap<&'static str, Places> {
    Exchange::ALL.into_iter().map(|it| (it.as_str(), Places::named(it, &variable))).collect()
}

fn on_this_machine(url: &str) -> bool {
    ["http://127.0.0.1", "http://localhost"].iter().any(|host| url.starts_with(host))
}

/// One exchange's past. Clones share its limits: whoever asks the same exchange clones it.
#[derive(Debug, Clone)]
pub struct History {
    exchange: Exchange,
    client: Client,
    places: Places,
}

impl History {
    pub fn new(exchange: Exchange, places: Places) -> Result<History, HistoryError> {
        let client = Client::new(exchange, &places)?;
        Ok(History { exchange, client, places })
    }

    /// The one of that name, where `places` says that it is asked: what it does not say of is at its
    /// public places.
    pub fn named(
        name: &ExchangeName,
        places: &BTreeMap<&'static str, Places>,
    ) -> Result<History, HistoryError> {
        let exchange = name.as_str().parse::<Exchange>();
        let exchange = exchange.map_err(|_| HistoryError::Unknown { name: name.clone() })?;
        let places = places.get(exchange.as_str()).cloned();
        History::new(exchange, places.unwrap_or_else(|| Places::of(exchange)))
    }

    pub fn exchange(&self) -> Exchange {
        self.exchange
    }

    /// The trades that cover the raw ids from `first` to `last`. `since` is a time before which
    /// none of them happened, such as that of the trade before them: exchanges whose pages go by
    /// time or by another id are walked from there on.
    ///
    /// Each page is held against the ids that it must have; what an exchange does not have (any
    /// more) is [`HistoryError::Absent`]. Bybit's ids prove nothing and name no page.
    pub fn trades_between_ids(&self, symbol: &Symbol, first: u64, last: u64, since: Time) -> Pages {
        Pages::between_ids(self, symbol, first, last, since)
    }

    /// The trades with `from <= time < to`, of which `to` is past. Of Bybit only the newest ones
    /// can be had, and the pages begin with an error if those do not reach back to `from`.
    pub fn trades_between(&self, symbol: &Symbol, from: Time, to: Time) -> Pages {
        Pages::between(self, symbol, from, to)
    }

    /// All trades of a UTC day that is past: of its file, where the exchange publishes such, which
    /// is loaded whole and read through before the first trade is given; of its pages elsewhere.
    pub async fn trades_of_day(
        &self,
        symbol: &Symbol,
        day: Day,
    ) -> Result<DayTrades, HistoryError> {
        archive::open(self, symbol, day).await
    }

    /// The exchange's own candles with `from <= minute < to`, of which `to` is past, or as many of
    /// them as it has: see [`candles_reach`].
    pub async fn candles(
        &self,
        symbol: &Symbol,
        from: Minute,
        to: Minute,
    ) -> Result<Candles, HistoryError> {
        candles::load(self, symbol, from, to).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whoever asks may do so on any thread: this has only to compile.
    fn _all_of_it_is_send(history: &History, symbol: &Symbol, minute: Minute, day: Day) {
        fn send(_: impl Send) {}
        send(history.candles(symbol, minute, minute));
        send(history.trades_of_day(symbol, day));
        let mut pages = history.trades_between(symbol, minute.start(), minute.end());
        send(pages.next());
    }

    #[test]
    fn places_are_named_by_variables() {
        let places = places(|name| match name {
            "BINANCE_REST_URL" => Some("http://127.0.0.1:1".to_owned()),
            "BYBIT_SPOT_ARCHIVE_URL" => Some("https://mirror".to_owned()),
            _ => None,
        });
        let here = &places["binance"];
        assert_eq!((&*here.rest, &*here.old), ("http://127.0.0.1:1", "http://127.0.0.1:1"));
        assert_eq!(here.pace, Some(Duration::ZERO));
        assert_eq!(here.archive, Places::of(Exchange::Binance).archive);
        let elsewhere = Places::of(Exchange::BybitSpot);
        let elsewhere = Places { archive: "https://mirror".to_owned(), ..elsewhere };
        assert_eq!(places["bybit-spot"], elsewhere, "it is waited for as the exchange is");
        assert_eq!(places["kraken"], Places::of(Exchange::Kraken));
    }
}
