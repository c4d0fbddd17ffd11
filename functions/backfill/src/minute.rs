//! One minute of a symbol: what the exchange tells of it, less what is recorded -> an object.

use std::collections::BTreeMap;

use lake::{Lake, MinutePrefix, ObjectKey};
use market::fold::SAME_TIME_MICROS;
use market::{Day, Minute, Symbol, Trade};
use tracing::warn;

use crate::known::Known;

/// What came of a minute.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Filled {
    pub(crate) trades: u64,
    pub(crate) written: u64,
    /// It is left as it is: nothing tells which of its trades are recorded.
    pub(crate) left: bool,
}

pub(crate) struct Filler<'a> {
    pub(crate) lake: &'a Lake,
    pub(crate) symbol: &'a Symbol,
    pub(crate) day: Day,
    /// Of that day.
    pub(crate) objects: &'a BTreeMap<Minute, Vec<ObjectKey>>,
    pub(crate) dry_run: bool,
}

impl Filler<'_> {
    pub(crate) async fn fill(&self, minute: Minute, trades: Vec<Trade>) -> anyhow::Result<Filled> {
        let mut filled = Filled { trades: trades.len() as u64, ..Filled::default() };
        let Some(first) = trades.first() else { return Ok(filled) };
        let prefix = MinutePrefix::raw_trades(first.exchange.clone(), minute);
        let source = first.source.as_str();
        let recorded = self.recorded(&prefix).await?;
        let known = Known::of(&recorded);
        if known.is_strange_to(&trades) {
            warn!(%minute, "{prefix} is left as it is: its trades have other ids than the file's");
            filled.left = true;
            return Ok(filled);
        }
        let mut missing: Vec<Trade> =
            trades.into_iter().filter(|trade| !known.holds(trade)).collect();
        // At the edge another source may have put it into the other minute.
        for (shift, near) in [(-1, minute.start()), (1, minute.end())] {
            let at_edge =
                |trade: &Trade| trade.time.micros().abs_diff(near.micros()) < SAME_TIME_MICROS;
            if missing.iter().any(at_edge) {
                let other = MinutePrefix { minute: minute.plus(shift), ..prefix.clone() };
                let recorded = self.recorded(&other).await?;
                let known = Known::of(&recorded);
                missing.retain(|trade| !at_edge(trade) || !known.holds(trade));
            }
        }
        filled.written = missing.len() as u64;
        if missing.is_empty() || self.dry_run {
            return Ok(filled);
        }
        missing.sort_unstable_by(|one, other| (one.time, &one.ids).cmp(&(other.time, &other.ids)));
        let lines: String = missing.iter().map(|trade| format!("{trade}\n")).collect();
        // Named by what it holds: the same again replaces itself, and nothing else.
        let bars = market::fold(missing)?;
        let fingerprint = bars.into_iter().map(|bar| String::from(bar.fingerprint)).next();
        let fingerprint = fingerprint.unwrap_or_default();
        let name = format!("{source}-{}-{fingerprint}", self.symbol);
        self.lake.put_lines(&prefix, &name, lines.as_bytes()).await?;
        Ok(filled)
    }

    /// The recorded trades of the symbol. What cannot be read of the minute is as if it were not
    /// there: to write it once more only repeats it.
    async fn recorded(&self, prefix: &MinutePrefix) -> anyhow::Result<Vec<Trade>> {
        let read = if Day::of(prefix.minute.start()) == self.day {
            let keys = self.objects.get(&prefix.minute).cloned().unwrap_or_default();
            self.lake.read_objects::<Trade>(prefix, keys).await?
        } else {
            self.lake.read::<Trade>(prefix).await?
        };
        Ok(read.lines.into_iter().filter(|trade| trade.symbol == *self.symbol).collect())
    }
}
