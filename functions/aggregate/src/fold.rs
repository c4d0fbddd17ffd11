//! One minute: all its objects -> its rows. Writes no raw object, so that it cannot call itself.
//! Whoever rebuilds or verifies rows calls the same.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Context;
use lake::{Kind, Lake, MinutePrefix, MinuteRead, ObjectKey, Refusal};
use market::trade::Traces;
use market::{BarKey, BookLine, FoldError, Trade};
use store::Range;
use tracing::{error, info, warn};

use crate::App;
use crate::figures::Figures;
use crate::rows::{Counts, Folds};

/// What came of a minute, and of those that its strays belong to.
#[derive(Debug, Default)]
pub struct Folded {
    /// Objects that could not be read.
    pub unreadable: Vec<ObjectKey>,
    /// Rows that were folded, and how many of them changed what is stored.
    pub rows: u64,
    pub written: u64,
    pub(crate) figures: Figures,
}

/// What a fold of a minute would write.
#[derive(Debug)]
pub struct Preview<R> {
    /// One row, or why there is none, for each symbol.
    pub rows: Vec<Result<R, FoldError>>,
    /// Lines of other minutes that no fold has copied there yet: where each of them belongs.
    pub unmoved: Vec<(ObjectKey, MinutePrefix)>,
}

/// Folds a minute and every minute whose lines it found astray. Everything refused is kept before
/// a row is written.
pub async fn fold_minute(app: &App, minute: &MinutePrefix) -> anyhow::Result<Folded> {
    match minute.kind {
        Kind::Trades => fold_lines::<Trade>(app, minute).await,
        Kind::Books => fold_lines::<BookLine>(app, minute).await,
    }
}

async fn fold_lines<L: Folds>(app: &App, minute: &MinutePrefix) -> anyhow::Result<Folded> {
    let mut folded = Folded::default();
    let mut waiting = BTreeSet::from([minute.clone()]);
    // An object's strays are moved once; only then can the minutes they went to have changed.
    let mut moved = BTreeSet::new();
    while let Some(minute) = waiting.pop_first() {
        let read = app.lake.read::<L>(&minute).await?;
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
        let written = write_rows(app, &minute, read, &mut folded).await;
        written.with_context(|| format!("fold of {minute}"))?;
    }
    Ok(folded)
}

/// Reads and folds a minute as [`fold_minute`] does, and writes nothing at all.
pub async fn preview<L: Folds>(
    lake: &Lake,
    minute: &MinutePrefix,
) -> anyhow::Result<Preview<L::Row>> {
    let mut read = lake.read::<L>(minute).await?;
    let mut unmoved = Vec::new();
    for (object, strays) in &read.strays {
        for home in homes(strays).into_keys() {
            if !lake.has_strays(&home, object).await? {
                unmoved.push((object.clone(), home));
            }
        }
    }
    Ok(Preview { rows: rows(&mut read), unmoved })
}

async fn keep_refusals(app: &App, object: &ObjectKey, refusals: &[Refusal]) -> anyhow::Result<()> {
    let kept = app.lake.quarantine(object, refusals).await?;
    let (count, first) = (refusals.len(), &refusals[0]);
    warn!(%object, count, "{count} lines of {object} are refused and kept in {kept}; the first, at \
        byte {}: {}", first.offset, first.reason);
    Ok(())
}

/// Copies strays to their own minutes and returns those.
async fn move_strays<L: Folds>(
    app: &App,
    object: &ObjectKey,
    strays: &[L],
) -> anyhow::Result<Vec<MinutePrefix>> {
    let homes = homes(strays);
    for (home, lines) in &homes {
        let key = app.lake.put_strays(home, object, lines).await?;
        let count = lines.len();
        warn!(%object, count, "{count} lines of {object} are of another minute: copied to {key}");
    }
    Ok(homes.into_keys().collect())
}

/// Strays by the minute that each belongs to.
fn homes<L: Folds>(strays: &[L]) -> BTreeMap<MinutePrefix, Vec<L>> {
    let mut homes: BTreeMap<MinutePrefix, Vec<L>> = BTreeMap::new();
    for line in strays {
        let home = MinutePrefix::raw(L::KIND, line.exchange().clone(), line.minute());
        homes.entry(home).or_default().push(line.clone());
    }
    homes
}

/// The rows of all that was read of a minute. Its lines are used up.
fn rows<L: Folds>(read: &mut MinuteRead<L>) -> Vec<Result<L::Row, FoldError>> {
    let lines = std::mem::take(&mut read.lines);
    let refusals: Vec<_> = read.refusals.iter().flat_map(|(_, refusals)| refusals).collect();
    // An unreadable object, or a line that tells neither symbol nor minute, may have been any
    // symbol's of this minute.
    let refused = |row: BarKey| {
        let may_be = |refusal: &&&Refusal| {
            let Traces { symbol, minute, .. } = &refusal.traces;
            symbol.as_ref().is_none_or(|symbol| *symbol == row.symbol)
                && minute.is_none_or(|minute| minute == row.minute)
        };
        (refusals.iter().filter(may_be).count() + read.unreadable.len()) as u64
    };
    let objects = read.object_count;
    let counted = |row: Result<L::Row, FoldError>| {
        row.map(|mut row| {
            let quarantined = refused(L::key(&row));
            set(L::counts(&mut row), quarantined, objects);
            row
        })
    };
    L::rows(lines).into_iter().map(counted).collect()
}

async fn write_rows<L: Folds>(
    app: &App,
    minute: &MinutePrefix,
    mut read: MinuteRead<L>,
    folded: &mut Folded,
) -> anyhow::Result<()> {
    let (mut whole, mut broken) = (Vec::new(), None);
    for row in rows(&mut read) {
        match row {
            Ok(row) => whole.push(row),
            Err(error) => {
                whole.extend(no_longer_whole::<L>(app, &error.key, read.object_count).await?);
                broken = Some(error);
            }
        }
    }
    let written = app.store.put_newer(&whole).await?;
    let (count, known) = (whole.len(), whole.len() as u64 - written);
    info!(%minute, rows = count, written, "{minute}: {count} rows, {known} of them known already");
    // The other symbols' rows are written; this one needs a person.
    broken.map_or(Ok(()), Err)?;
    folded.rows += count as u64;
    folded.written += written;
    folded.figures.add(Figures::of(&whole, &read));
    Ok(())
}

fn set(counts: Counts<'_>, quarantined: u64, objects: u64) {
    (*counts.quarantined, *counts.objects) = (quarantined, objects);
}

/// The stored row of what could not be folded anew, marked: what came since is not in it.
async fn no_longer_whole<L: Folds>(
    app: &App,
    key: &BarKey,
    object_count: u64,
) -> anyhow::Result<Option<L::Row>> {
    let (exchange, symbol) = (key.exchange.clone(), key.symbol.clone());
    let range = Range { exchange, symbol, from: key.minute, to: key.minute.plus(1), limit: 1 };
    let stored = app.store.rows::<L::Row>(&range).await?.pop();
    Ok(stored.map(|row| {
        let mut row = row.bar;
        let counts = L::counts(&mut row);
        let quarantined = (*counts.quarantined).max(1);
        set(counts, quarantined, object_count);
        row
    }))
}
