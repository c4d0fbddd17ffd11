//! One minute: all its objects -> its rows. Writes no raw object, so that it cannot call itself.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Context;
use lake::{MinutePrefix, MinuteRead, ObjectKey, Refusal};
use market::trade::Traces;
use market::{Bar, BarKey, Fold, Trade};
use store::Range;
use tracing::{error, info, warn};

use crate::App;
use crate::figures::Figures;

/// What came of a minute, and of those that its strays belong to.
#[derive(Debug, Default)]
pub(crate) struct Folded {
    /// Objects that could not be read.
    pub(crate) unreadable: Vec<ObjectKey>,
    pub(crate) figures: Figures,
}

/// Folds a minute and every minute whose trades it found astray. Everything refused is kept before
/// a row is written.
pub(crate) async fn fold_minute(app: &App, minute: &MinutePrefix) -> anyhow::Result<Folded> {
    let mut folded = Folded::default();
    let mut waiting = BTreeSet::from([minute.clone()]);
    // An object's strays are moved once; only then can the minutes they went to have changed.
    let mut moved = BTreeSet::new();
    while let Some(minute) = waiting.pop_first() {
        let read = app.lake.read(&minute).await?;
        for (object, refusals) in &read.refusals {
            keep_refusals(app, object, refusals).await?;
        }
        for (object, strays) in &read.strays {
            if moved.insert(object.clone()) {
                waiting.extend(move_strays(app, object, strays).await?);
            }
        }
        for (object, why) in &read.unreadable {
            error!(%object, "nothing of {object} is used: {why}");
            folded.unreadable.push(object.clone());
        }
        let figures = write_rows(app, &minute, read).await;
        folded.figures.add(figures.with_context(|| format!("fold of {minute}"))?);
    }
    Ok(folded)
}

async fn keep_refusals(app: &App, object: &ObjectKey, refusals: &[Refusal]) -> anyhow::Result<()> {
    let kept = app.lake.quarantine(object, refusals).await?;
    let (count, first) = (refusals.len(), &refusals[0]);
    warn!(%object, count, "{count} lines of {object} are refused and kept in {kept}; the first, at \
        byte {}: {}", first.offset, first.reason);
    Ok(())
}

/// Copies strays to their own minutes and returns those.
async fn move_strays(
    app: &App,
    object: &ObjectKey,
    strays: &[Trade],
) -> anyhow::Result<Vec<MinutePrefix>> {
    let mut homes: BTreeMap<MinutePrefix, Vec<Trade>> = BTreeMap::new();
    for trade in strays {
        let home = MinutePrefix::raw_trades(trade.exchange.clone(), trade.minute());
        homes.entry(home).or_default().push(trade.clone());
    }
    for (home, trades) in &homes {
        let key = app.lake.put_strays(home, object, trades).await?;
        let count = trades.len();
        warn!(%object, count, "{count} trades of {object} belong to another minute: copied to {key}");
    }
    Ok(homes.into_keys().collect())
}

async fn write_rows(
    app: &App,
    minute: &MinutePrefix,
    mut read: MinuteRead,
) -> anyhow::Result<Figures> {
    let trades = std::mem::take(&mut read.trades);
    let refusals: Vec<_> = read.refusals.iter().flat_map(|(_, refusals)| refusals).collect();
    // An unreadable object, or a line that tells neither symbol nor minute, may have been any
    // symbol's of this minute.
    let refused = |bar: &Bar| {
        let may_be = |refusal: &&&Refusal| {
            let Traces { symbol, minute, .. } = &refusal.traces;
            symbol.as_ref().is_none_or(|symbol| *symbol == bar.symbol)
                && minute.is_none_or(|minute| minute == bar.minute)
        };
        (refusals.iter().filter(may_be).count() + read.unreadable.len()) as u64
    };
    let mut fold = Fold::default();
    trades.into_iter().for_each(|trade| fold.add(trade));
    let (mut bars, mut broken) = (Vec::new(), None);
    for bar in fold.bars() {
        match bar {
            Ok(bar) => bars.push(Bar {
                quarantined_count: refused(&bar),
                object_count: read.object_count,
                ..bar
            }),
            Err(error) => {
                bars.extend(no_longer_whole(app, &error.key, read.object_count).await?);
                broken = Some(error);
            }
        }
    }
    let written = app.store.put_newer(&bars).await?;
    let (rows, known) = (bars.len(), bars.len() as u64 - written);
    info!(%minute, rows, written, "{minute}: {rows} rows, {known} of them known already");
    // The other symbols' rows are written; this one needs a person.
    broken.map_or_else(|| Ok(Figures::of(&bars, &read)), |error| Err(error.into()))
}

/// The row of a bar that could not be made anew, marked: what came since is not in it.
async fn no_longer_whole(
    app: &App,
    key: &BarKey,
    object_count: u64,
) -> anyhow::Result<Option<Bar>> {
    let (exchange, symbol) = (key.exchange.clone(), key.symbol.clone());
    let range = Range { exchange, symbol, from: key.minute, to: key.minute.plus(1), limit: 1 };
    let stored = app.store.bars(&range).await?.pop().map(|row| row.bar);
    Ok(stored.map(|bar| Bar {
        quarantined_count: bar.quarantined_count.max(1),
        object_count,
        ..bar
    }))
}
