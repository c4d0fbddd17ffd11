//! A day's rows as a fold gives them beside those that are stored, an hour at a time; writes
//! nothing but what it finds to standard output.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::io::{self, Write};

use aggregate::{App, Folds, Preview, preview};
use anyhow::Context;
use futures_util::FutureExt;
use futures_util::stream::{self, StreamExt};
use lake::{Kind, Lake, MinutePrefix};
use market::{BarKey, Minute, Symbol};
use store::Range;

use super::compare::differences;
use super::{Slice, Tally};
use crate::progress::Progress;

/// So that the rows of an exchange's hundreds of symbols stay small in memory.
const MINUTES_AT_ONCE: i64 = 60;

pub(super) async fn day<L: Folds>(
    app: &App,
    day: &Slice,
    minutes: &BTreeSet<Minute>,
    parallel: usize,
    progress: &Progress,
) -> anyhow::Result<Tally> {
    let series = app.store.series::<L::Row>().await?;
    let of_exchange = series.into_iter().filter(|it| it.exchange == day.exchange);
    let symbols: BTreeSet<Symbol> = of_exchange.map(|it| it.symbol).collect();
    let mut tally = Tally::default();
    let mut from = day.from;
    while from < day.to {
        let to = from.plus(MINUTES_AT_ONCE).min(day.to);
        let hour = Slice { exchange: day.exchange.clone(), from, to };
        let there: Vec<Minute> = minutes.range(from..to).copied().collect();
        progress.advance(to.since(from) - there.len() as u64);
        let mut verify = Verify { app, hour, progress, tally: Tally::default() };
        let folded = verify.fold::<L>(there, parallel).await?;
        verify.compare::<L>(folded, &symbols).await?;
        tally.add(verify.tally);
        from = to;
    }
    Ok(tally)
}

struct Verify<'a> {
    app: &'a App,
    hour: Slice,
    progress: &'a Progress,
    tally: Tally,
}

/// What a fold gives; what it could not give is not compared.
struct Rows<R> {
    rows: BTreeMap<BarKey, R>,
    failed_minutes: BTreeSet<Minute>,
    failed_rows: BTreeSet<BarKey>,
}

impl Verify<'_> {
    async fn fold<L: Folds>(
        &mut self,
        minutes: Vec<Minute>,
        parallel: usize,
    ) -> anyhow::Result<Rows<L::Row>> {
        let mut folded = Rows {
            rows: BTreeMap::new(),
            failed_minutes: BTreeSet::new(),
            failed_rows: BTreeSet::new(),
        };
        let (app, exchange) = (self.app.clone(), self.hour.exchange.clone());
        let previews = minutes.into_iter().map(|minute| {
            let minute = MinutePrefix::raw(L::KIND, exchange.clone(), minute);
            let lake = app.lake.clone();
            async move { (minute.clone(), fold_only::<L>(lake, minute).await) }
        });
        let mut previews = stream::iter(previews).buffer_unordered(parallel);
        while let Some((minute, preview)) = previews.next().await {
            self.tally.minutes += 1;
            match preview {
                Ok(preview) => self.take::<L>(preview, &mut folded)?,
                Err(error) => {
                    folded.failed_minutes.insert(minute.minute);
                    self.failed(&format!("{minute}: {error:#}"));
                }
            }
            self.progress.advance(1);
        }
        Ok(folded)
    }

    fn take<L: Folds>(
        &mut self,
        preview: Preview<L::Row>,
        folded: &mut Rows<L::Row>,
    ) -> anyhow::Result<()> {
        for row in preview.rows {
            match row {
                Ok(row) => {
                    folded.rows.insert(L::key(&row), row);
                }
                Err(error) => {
                    self.failed(&error);
                    folded.failed_rows.insert(error.key);
                }
            }
        }
        for (object, home) in preview.unmoved {
            self.differs(&format!("{home} lacks its lines of {object}"))?;
        }
        Ok(())
    }

    /// Holds them against the stored ones: of `known`, and of those that were folded.
    async fn compare<L: Folds>(
        &mut self,
        mut folded: Rows<L::Row>,
        known: &BTreeSet<Symbol>,
    ) -> anyhow::Result<()> {
        let table = match L::KIND {
            Kind::Trades => "bars",
            Kind::Books => "book_bars",
        };
        let of_folded = folded.rows.keys().map(|key| key.symbol.clone());
        let symbols: BTreeSet<Symbol> = of_folded.chain(known.iter().cloned()).collect();
        for symbol in symbols {
            let Slice { exchange, from, to } = self.hour.clone();
            let range = Range { exchange, symbol, from, to, limit: MINUTES_AT_ONCE as u32 };
            for stored in self.app.store.rows::<L::Row>(&range).await? {
                let key = L::key(&stored.bar);
                if folded.failed_minutes.contains(&key.minute) || folded.failed_rows.contains(&key)
                {
                    continue;
                }
                self.tally.rows += 1;
                let Some(row) = folded.rows.remove(&key) else {
                    let what = "stored, and there is no object of it";
                    self.differs(&format!("{table} {key}: {what}"))?;
                    continue;
                };
                for difference in differences(&stored.bar, &row) {
                    self.differs(&format!("{table} {key} {difference}"))?;
                }
            }
        }
        for key in folded.rows.into_keys() {
            self.tally.rows += 1;
            self.differs(&format!("{table} {key}: not stored"))?;
        }
        Ok(())
    }

    fn differs(&mut self, what: &str) -> anyhow::Result<()> {
        self.tally.different += 1;
        let told = self.progress.aside(|| writeln!(io::stdout(), "{what}"));
        told.context("cannot write to standard output")
    }

    fn failed(&mut self, why: &impl fmt::Display) {
        self.tally.failed += 1;
        self.progress.aside(|| eprintln!("{why}"));
    }
}

/// As for a rebuild: on any thread, and boxed for the compiler's sake.
async fn fold_only<L: Folds>(lake: Lake, minute: MinutePrefix) -> anyhow::Result<Preview<L::Row>> {
    tokio::spawn(async move { preview::<L>(&lake, &minute).await }.boxed()).await?
}
