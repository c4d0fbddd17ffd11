//! What the lines of each kind fold to, under one name for all kinds; reads and writes nothing.

use lake::Line;
use market::{Bar, BarKey, BookBar, BookFold, BookLine, Fold, FoldError, Time, Trade};
use store::Row;

/// A line that is folded with the others of its minute.
pub trait Folds: Line + Clone + Send + Sync + 'static {
    type Row: Row + Send + 'static;

    /// One row, or why there is none, for each symbol.
    fn rows(lines: Vec<Self>) -> Vec<Result<Self::Row, FoldError>>;

    fn key(row: &Self::Row) -> BarKey;

    fn counts(row: &mut Self::Row) -> Counts<'_>;

    /// Ids missing inside the row, as far as they can be counted.
    fn missing(row: &Self::Row) -> u64;

    /// Exchange time of the row's newest trade.
    fn newest(row: &Self::Row) -> Option<Time>;
}

/// What of a row is not known from the lines that are folded.
pub struct Counts<'a> {
    pub quarantined: &'a mut u64,
    pub objects: &'a mut u64,
}

impl Folds for Trade {
    type Row = Bar;

    fn rows(lines: Vec<Trade>) -> Vec<Result<Bar, FoldError>> {
        let mut fold = Fold::default();
        lines.into_iter().for_each(|trade| fold.add(trade));
        fold.bars().collect()
    }

    fn key(row: &Bar) -> BarKey {
        row.key()
    }

    fn counts(row: &mut Bar) -> Counts<'_> {
        Counts { quarantined: &mut row.quarantined_count, objects: &mut row.object_count }
    }

    fn missing(row: &Bar) -> u64 {
        row.missing_count.unwrap_or_default()
    }

    fn newest(row: &Bar) -> Option<Time> {
        Some(row.last_time)
    }
}

impl Folds for BookLine {
    type Row = BookBar;

    fn rows(lines: Vec<BookLine>) -> Vec<Result<BookBar, FoldError>> {
        let mut fold = BookFold::default();
        lines.into_iter().for_each(|line| fold.add(line));
        fold.bars().collect()
    }

    fn key(row: &BookBar) -> BarKey {
        row.key()
    }

    fn counts(row: &mut BookBar) -> Counts<'_> {
        Counts { quarantined: &mut row.quarantined_count, objects: &mut row.object_count }
    }

    /// A book has no ids to miss any of.
    fn missing(_: &BookBar) -> u64 {
        0
    }

    /// None: a book that moves must not hide that trades have stopped.
    fn newest(_: &BookBar) -> Option<Time> {
        None
    }
}
