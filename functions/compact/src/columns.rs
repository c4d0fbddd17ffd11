//! The columns of a file, each with the part of a trade that it holds; reads and writes no file.

use bytes::Bytes;
use market::{Decimal, Ids, Trade};
use parquet::data_type::{ByteArray, FixedLenByteArray};

/// Bytes of `DECIMAL(38,18)`, a whole number of units in two's complement, the highest first.
const DECIMAL_BYTES: usize = 16;

/// What a file keeps of a trade. Exchange and symbol are in its folders' names.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    time: i64,
    received: i64,
    price: Decimal,
    size: Decimal,
    base: Decimal,
    quote: Decimal,
    ids: Ids,
    side: &'static str,
    source: &'static str,
    liquidation: Option<&'static str>,
    inverse: bool,
    block: bool,
}

impl Row {
    pub(crate) fn of(trade: Trade) -> Row {
        Row {
            time: trade.time.micros(),
            received: trade.received.micros(),
            price: trade.fill.price().value(),
            size: trade.fill.size().value(),
            base: trade.fill.base(),
            quote: trade.fill.quote(),
            ids: trade.ids,
            side: trade.side.as_str(),
            source: trade.source.as_str(),
            liquidation: trade.marks.liquidation.map(|whose| whose.as_str()),
            inverse: trade.fill.is_inverse(),
            block: trade.marks.block,
        }
    }

    /// Raw trades that it covers.
    pub(crate) fn trades(&self) -> u64 {
        self.ids.count()
    }

    fn first_id(&self) -> Option<i64> {
        self.range().map(|(first, _)| first)
    }

    fn last_id(&self) -> Option<i64> {
        self.range().map(|(_, last)| last)
    }

    fn range(&self) -> Option<(i64, i64)> {
        match &self.ids {
            Ids::Range { first, last } => Some((first.cast_signed(), last.cast_signed())),
            Ids::Opaque(_) => None,
        }
    }

    fn id(&self) -> Option<&str> {
        match &self.ids {
            Ids::Range { .. } => None,
            Ids::Opaque(id) => Some(id),
        }
    }
}

/// How a column takes its values from the rows.
pub(crate) enum Column {
    Time(fn(&Row) -> i64),
    Decimal(fn(&Row) -> Decimal),
    Flag(fn(&Row) -> bool),
    Word(fn(&Row) -> &str),
    Number(fn(&Row) -> Option<i64>),
    Text(fn(&Row) -> Option<&str>),
}

/// In the order of the trade line; `base_volume` and `quote_volume` are what a row sums of it.
pub(crate) const COLUMNS: [(&str, Column); 14] = [
    ("time", Column::Time(|row| row.time)),
    ("side", Column::Word(|row| row.side)),
    ("price", Column::Decimal(|row| row.price)),
    ("size", Column::Decimal(|row| row.size)),
    ("inverse", Column::Flag(|row| row.inverse)),
    ("base_volume", Column::Decimal(|row| row.base)),
    ("quote_volume", Column::Decimal(|row| row.quote)),
    ("first_id", Column::Number(Row::first_id)),
    ("last_id", Column::Number(Row::last_id)),
    ("id", Column::Text(Row::id)),
    ("received", Column::Time(|row| row.received)),
    ("source", Column::Word(|row| row.source)),
    ("block", Column::Flag(|row| row.block)),
    ("liquidation", Column::Text(|row| row.liquidation)),
];

/// What a column's rows are sorted by, by its place.
pub(crate) const SORTED_BY: [usize; 2] = [0, 7];

/// The schema in Parquet's own words.
pub fn schema() -> String {
    let fields = COLUMNS.iter().map(|(name, column)| match column {
        Column::Time(_) => format!("required int64 {name} (timestamp(micros,true));"),
        Column::Decimal(_) => {
            format!("required fixed_len_byte_array({DECIMAL_BYTES}) {name} (decimal(38,18));")
        }
        Column::Flag(_) => format!("required boolean {name};"),
        Column::Word(_) => format!("required binary {name} (string);"),
        Column::Number(_) => format!("optional int64 {name};"),
        Column::Text(_) => format!("optional binary {name} (string);"),
    });
    format!("message trade {{ {} }}", fields.collect::<Vec<_>>().join(" "))
}

/// The values of a column, in the types that Parquet stores, with a level of 1 where there is one.
pub(crate) enum Values {
    Numbers(Vec<i64>),
    Flags(Vec<bool>),
    Decimals(Vec<FixedLenByteArray>),
    Words(Vec<ByteArray>),
}

impl Column {
    pub(crate) fn values(&self, rows: &[Row]) -> (Values, Option<Vec<i16>>) {
        match self {
            Column::Time(of) => (Values::Numbers(rows.iter().map(of).collect()), None),
            Column::Flag(of) => (Values::Flags(rows.iter().map(of).collect()), None),
            Column::Decimal(of) => (Values::Decimals(decimals(rows.iter().map(of))), None),
            Column::Word(of) => {
                let words = rows.iter().map(|row| ByteArray::from(of(row))).collect();
                (Values::Words(words), None)
            }
            Column::Number(of) => {
                let levels = rows.iter().map(|row| i16::from(of(row).is_some())).collect();
                (Values::Numbers(rows.iter().filter_map(of).collect()), Some(levels))
            }
            Column::Text(of) => {
                let levels = rows.iter().map(|row| i16::from(of(row).is_some())).collect();
                let texts = rows.iter().filter_map(of).map(ByteArray::from);
                (Values::Words(texts.collect()), Some(levels))
            }
        }
    }
}

/// One allocation for all of them.
fn decimals(numbers: impl Iterator<Item = Decimal>) -> Vec<FixedLenByteArray> {
    let bytes: Vec<u8> = numbers.flat_map(|number| number.units().to_be_bytes()).collect();
    let bytes = Bytes::from(bytes);
    let cuts = (0..bytes.len()).step_by(DECIMAL_BYTES);
    let each = cuts.map(|at| ByteArray::from(bytes.slice(at..at + DECIMAL_BYTES)).into());
    each.collect()
}
