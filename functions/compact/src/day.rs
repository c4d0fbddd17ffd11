//! One day of one exchange: its minutes in order -> a file for each symbol, then the receipt; what is
//! a row and how it lies in a file, `columns` and `file` know.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;

use anyhow::{Context, ensure};
use futures_util::FutureExt;
use futures_util::stream::{self, StreamExt};
use lake::{DayKey, Kind, Lake, MinutePrefix, MinuteRead, ObjectKey};
use market::{Symbol, Trade, keep};
use tempfile::TempDir;

use crate::App;
use crate::columns::Row;
use crate::file::{Writer, Written};
use crate::receipt::{self, Objects, Receipt};

/// Minutes that are read ahead: enough to hide most of the round trips to S3.
const READ_AT_ONCE: usize = 4;

/// What is held in memory at a time.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Rows that wait for their row group, of all symbols together: some 200 bytes each.
    pub rows: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits { rows: 500_000 }
    }
}

/// Makes a day's files and its receipt, unless they are of all its objects already.
pub(crate) async fn compact(app: &App, day: &DayKey) -> anyhow::Result<Option<Receipt>> {
    let keys = app.lake.day(Kind::Trades, day).await?;
    let objects = Objects::of(&keys);
    if let Some(before) = app.lake.receipt(day).await? {
        let before = Receipt::read(&before)?;
        if before.is_of(&objects) {
            return Ok(None);
        }
        let (had, has) = (before.objects.count, objects.count);
        ensure!(
            has >= had,
            "{had} objects had been compacted, and {has} are left: the files stay as they are"
        );
    } else if keys.is_empty() {
        return Ok(None);
    }
    let mut files = Files::new(app.limits)?;
    let mut receipt = Receipt::new(objects);
    let mut minutes = stream::iter(by_minute(day, keys))
        // Boxed, since the types of the S3 client's futures nest deeper than the compiler follows.
        .map(|(minute, keys)| read(app.lake.clone(), minute, keys).boxed())
        .buffered(READ_AT_ONCE);
    while let Some(read) = minutes.next().await {
        let read = read?;
        let refused: usize = read.refusals.iter().map(|(_, refusals)| refusals.len()).sum();
        receipt.refused += refused as u64;
        receipt.unreadable += read.unreadable.len() as u64;
        for (key, kept) in keep(read.lines) {
            receipt.duplicates += kept.duplicate_count;
            receipt.conflicts += kept.conflict_count;
            files.add(key.symbol, kept.trades)?;
        }
    }
    for (symbol, open) in std::mem::take(&mut files.open) {
        let file = put(app, day, &symbol, open).await.with_context(|| symbol.to_string())?;
        receipt.files.insert(symbol, file);
    }
    app.lake.put_receipt(day, receipt.text()).await?;
    Ok(Some(receipt))
}

fn by_minute(day: &DayKey, keys: Vec<ObjectKey>) -> Vec<(MinutePrefix, Vec<ObjectKey>)> {
    let same = |one: &ObjectKey, other: &ObjectKey| one.prefix.minute == other.prefix.minute;
    let minutes = keys.chunk_by(same).map(|keys| {
        let minute = keys[0].prefix.minute;
        (MinutePrefix::raw_trades(day.exchange.clone(), minute), keys.to_vec())
    });
    minutes.collect()
}

/// A minute's lines, once those of other minutes have got there: they are in no file else.
async fn read(
    lake: Lake,
    minute: MinutePrefix,
    keys: Vec<ObjectKey>,
) -> anyhow::Result<MinuteRead<Trade>> {
    let read = lake.read_objects::<Trade>(&minute, keys).await?;
    for (object, strays) in &read.strays {
        let home = |trade: &Trade| MinutePrefix::raw_trades(trade.exchange.clone(), trade.minute());
        for home in strays.iter().map(home).collect::<BTreeSet<_>>() {
            ensure!(
                lake.has_strays(&home, object).await?,
                "{object} has lines of {home} that no fold has copied there: `tickfold rebuild` does"
            );
        }
    }
    Ok(read)
}

/// The files of a day on their way.
struct Files {
    folder: TempDir,
    limits: Limits,
    open: BTreeMap<Symbol, Open>,
    /// Rows that wait in all of them.
    held: usize,
}

struct Open {
    writer: Writer,
    waiting: Vec<Row>,
    rows: u64,
    trades: u64,
}

impl Files {
    fn new(limits: Limits) -> anyhow::Result<Files> {
        let folder = tempfile::tempdir().context("no folder for the files")?;
        Ok(Files { folder, limits, open: BTreeMap::new(), held: 0 })
    }

    /// Adds a minute of a symbol. Where too many rows wait, those of the symbol that has the most
    /// become a row group: that depends on the trades alone, so a repeat cuts the same ones.
    fn add(&mut self, symbol: Symbol, trades: Vec<Trade>) -> anyhow::Result<()> {
        if !self.open.contains_key(&symbol) {
            let path = self.folder.path().join(self.open.len().to_string());
            let open =
                Open { writer: Writer::create(path)?, waiting: Vec::new(), rows: 0, trades: 0 };
            self.open.insert(symbol.clone(), open);
        }
        let open = self.open.get_mut(&symbol).expect("it is there by now");
        self.held += trades.len();
        for row in trades.into_iter().map(Row::of) {
            open.rows += 1;
            open.trades += row.trades();
            open.waiting.push(row);
        }
        while self.held > self.limits.rows {
            // Of equally many the first symbol's.
            let most = self.open.values_mut().rev().max_by_key(|open| open.waiting.len());
            let most = most.expect("somebody holds them");
            self.held -= most.waiting.len();
            most.write()?;
        }
        Ok(())
    }
}

impl Open {
    fn write(&mut self) -> anyhow::Result<()> {
        let rows = std::mem::take(&mut self.waiting);
        if rows.is_empty() { Ok(()) } else { self.writer.add(&rows) }
    }
}

/// Ends a file, checks that it has every row, writes it to the bucket, and checks that it lies there
/// as it was written.
async fn put(
    app: &App,
    day: &DayKey,
    symbol: &Symbol,
    mut open: Open,
) -> anyhow::Result<receipt::File> {
    open.write()?;
    let Written { path, rows, bytes } = open.writer.finish()?;
    ensure!(rows == open.rows, "{rows} rows are in the file, of {}", open.rows);
    let key = app.lake.put_parquet(day, symbol, &path).await?;
    let mut same = Same::new(&path)?;
    app.lake.get_parquet(day, symbol, &mut same).await?;
    same.end().with_context(|| format!("{key} is not what was written there"))?;
    std::fs::remove_file(&path)?;
    Ok(receipt::File { rows, trades: open.trades, bytes })
}

/// Takes bytes that are to be those of a file.
struct Same {
    file: File,
    expected: Vec<u8>,
}

impl Same {
    fn new(path: &Path) -> io::Result<Same> {
        Ok(Same { file: File::open(path)?, expected: Vec::new() })
    }

    /// Whether that was all.
    fn end(mut self) -> io::Result<()> {
        let more = self.file.read(&mut [0])? > 0;
        if more { Err(io::Error::other("it is shorter")) } else { Ok(()) }
    }
}

impl Write for Same {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.expected.resize(bytes.len(), 0);
        self.file.read_exact(&mut self.expected)?;
        if self.expected == bytes {
            Ok(bytes.len())
        } else {
            Err(io::Error::other("other bytes come back than were written"))
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
