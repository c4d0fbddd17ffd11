//! What was traded before the sockets opened: an exchange's REST pages -> one object per exchange
//! and minute in the lake. Asks no exchange itself, and touches no row: the objects go the way of
//! all objects. Of books nobody tells the past.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use anyhow::Context;
use futures_util::stream::{self, TryStreamExt};
use history::History;
use lake::{Lake, MinutePrefix};
use market::{Minute, Symbol, Time};

use super::batcher::object_name;

/// Objects that are written at a time.
const WRITTEN_AT_ONCE: usize = 8;
/// What is held in memory before it is written, so that a minute is one object of all symbols.
const SPAN_MINUTES: i64 = 6 * 60;

/// Loads all trades from a minute on to a time that is past. Whoever wants no gap opens the sockets
/// first.
pub async fn load(
    history: &History,
    symbols: &[Symbol],
    from: Minute,
    to: Time,
    lake: &Lake,
) -> anyhow::Result<()> {
    let exchange = history.exchange();
    let mut from = from;
    while from.start() < to {
        let end = from.plus(SPAN_MINUTES);
        let mut minutes: BTreeMap<Minute, String> = BTreeMap::new();
        for symbol in symbols {
            let mut pages = history.trades_between(symbol, from.start(), to.min(end.start()));
            while let Some(trades) =
                pages.next().await.with_context(|| format!("{exchange}'s trades of {symbol}"))?
            {
                for trade in trades {
                    let lines = minutes.entry(trade.minute()).or_default();
                    writeln!(lines, "{trade}").expect("a string takes every byte");
                }
            }
        }
        stream::iter(minutes.into_iter().map(anyhow::Ok))
            .try_for_each_concurrent(WRITTEN_AT_ONCE, async |(minute, lines)| {
                let prefix = MinutePrefix::raw_trades(exchange.name(), minute);
                lake.put_lines(&prefix, &object_name(), lines.as_bytes()).await?;
                Ok(())
            })
            .await?;
        from = end;
    }
    Ok(())
}
