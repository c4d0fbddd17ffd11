//! What calls the function: a batch of queue messages, each of one exchange, symbol and day; loads
//! nothing.
//!
//! ```json
//! {"exchange":"binance","symbol":"BTCUSDT","day":"2026-11-20"}
//! {"exchange":"binance","symbol":"BTCUSDT","before":"2026-11-21T00:30:00Z"}
//! ```
//! The second one is a schedule's, which knows only when it came: the day before that.

use anyhow::{Context, bail};
use market::{Day, Exchange, Symbol, Time};
use serde::Deserialize;

use crate::Task;

#[derive(Debug, Deserialize)]
pub struct Event {
    #[serde(rename = "Records")]
    pub(crate) records: Vec<Message>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Message {
    #[serde(rename = "messageId")]
    pub(crate) id: String,
    pub(crate) body: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Body {
    exchange: String,
    symbol: String,
    day: Option<String>,
    before: Option<String>,
}

impl Message {
    pub(crate) fn task(&self) -> anyhow::Result<Task> {
        let body = serde_json::from_str::<Body>(&self.body);
        let body = body.context("the body names no exchange, symbol and day")?;
        let day = match (&body.day, &body.before) {
            (Some(day), None) => day.parse::<Day>().context("day")?,
            (None, Some(time)) => Day::of(time.parse::<Time>().context("before")?).before(),
            _ => bail!("the body has day, or before"),
        };
        let exchange = body.exchange.parse::<Exchange>().map_err(anyhow::Error::msg)?;
        let symbol = body.symbol.parse::<Symbol>().map_err(anyhow::Error::msg)?;
        Ok(Task { exchange, symbol, day })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn task(body: &str) -> Result<String, String> {
        let message = Message { id: "m0".into(), body: body.into() };
        message.task().map(|task| task.to_string()).map_err(|error| format!("{error:#}"))
    }

    #[test]
    fn a_message_names_its_day_or_the_time_behind_it() {
        let day = r#"{"exchange":"binance","symbol":"BTCUSDT","day":"2026-11-20"}"#;
        assert_eq!(task(day).as_deref(), Ok("binance BTCUSDT 2026-11-20"));
        let before = r#"{"exchange":"kraken","symbol":"BTC-USD","before":"2026-12-01T00:30:00Z"}"#;
        assert_eq!(task(before).as_deref(), Ok("kraken BTC-USD 2026-11-30"));
        for (from, to, expected) in [
            ("binance", "mtgox", "\"mtgox\" is none of the exchanges known here"),
            ("BTCUSDT", "btc", "\"btc\" is not a symbol"),
            ("2026-11-20", "20.11.2026", "day: \"20.11.2026\" is not a day such as 2026-11-20"),
            ("\"day\"", "\"date\"", "the body names no exchange, symbol and day: unknown field"),
            (r#","day":"2026-11-20""#, "", "the body has day, or before"),
        ] {
            let error = task(&day.replace(from, to)).expect_err(to);
            assert!(error.starts_with(expected), "{to}: {error}");
        }
        assert!(task("not-json").is_err());
    }
}
