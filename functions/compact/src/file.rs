//! A symbol's file while it is written, and read back before anybody else sees it; knows neither
//! bucket nor day.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, ensure};
use parquet::basic::{Compression, ZstdLevel};
use parquet::column::reader::{ColumnReader, ColumnReaderImpl};
use parquet::column::writer::ColumnWriter;
use parquet::data_type::DataType;
use parquet::file::metadata::SortingColumn;
use parquet::file::properties::WriterProperties;
use parquet::file::reader::{FileReader, RowGroupReader, SerializedFileReader};
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;
use xxhash_rust::xxh3::Xxh3Default;

use crate::columns::{self, COLUMNS, Row, SORTED_BY, Values};

/// Its default: higher levels take much longer for a few percent.
const ZSTD: i32 = 3;
/// Equal trades are equal bytes, whichever version of the library wrote them.
const WRITTEN_BY: &str = "tickfold";

pub(crate) struct Writer {
    path: PathBuf,
    writer: SerializedFileWriter<Append>,
    /// What was given for each column of each row group.
    groups: Vec<Group>,
}

struct Group {
    rows: usize,
    columns: Vec<Digest>,
}

/// What a file has, by its own bytes.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Written {
    pub(crate) path: PathBuf,
    pub(crate) rows: u64,
    pub(crate) bytes: u64,
}

impl Writer {
    pub(crate) fn create(path: PathBuf) -> anyhow::Result<Writer> {
        let schema = Arc::new(parse_message_type(&columns::schema())?);
        let ascending = |column: usize| SortingColumn {
            column_idx: i32::try_from(column).expect("a handful of columns"),
            descending: false,
            nulls_first: false,
        };
        let properties = WriterProperties::builder()
            .set_compression(Compression::ZSTD(ZstdLevel::try_new(ZSTD)?))
            .set_created_by(WRITTEN_BY.to_owned())
            .set_sorting_columns(Some(SORTED_BY.map(ascending).to_vec()))
            .build();
        File::create(&path).with_context(|| path.display().to_string())?;
        let file = Append(path.clone());
        let writer = SerializedFileWriter::new(file, schema, Arc::new(properties))?;
        Ok(Writer { path, writer, groups: Vec::new() })
    }

    /// Adds rows as a row group, which the library writes without delay.
    pub(crate) fn add(&mut self, rows: &[Row]) -> anyhow::Result<()> {
        let mut group = self.writer.next_row_group()?;
        let mut digests = Vec::new();
        for (_, column) in &COLUMNS {
            let (values, levels) = column.values(rows);
            digests.push(Digest::of(&values, levels.as_deref()));
            let mut writer = group.next_column()?.context("the schema has this column")?;
            write(writer.untyped(), &values, levels.as_deref())?;
            writer.close()?;
        }
        group.close()?;
        self.groups.push(Group { rows: rows.len(), columns: digests });
        Ok(())
    }

    /// Ends the file and reads all of it back.
    pub(crate) fn finish(self) -> anyhow::Result<Written> {
        let Writer { path, writer, groups } = self;
        writer.close()?;
        read_back(&path, &groups).with_context(|| format!("{} is not as written", path.display()))
    }
}

fn write(
    writer: &mut ColumnWriter<'_>,
    values: &Values,
    levels: Option<&[i16]>,
) -> anyhow::Result<()> {
    match (writer, values) {
        (ColumnWriter::Int64ColumnWriter(writer), Values::Numbers(values)) => {
            writer.write_batch(values, levels, None)?
        }
        (ColumnWriter::BoolColumnWriter(writer), Values::Flags(values)) => {
            writer.write_batch(values, levels, None)?
        }
        (ColumnWriter::FixedLenByteArrayColumnWriter(writer), Values::Decimals(values)) => {
            writer.write_batch(values, levels, None)?
        }
        (ColumnWriter::ByteArrayColumnWriter(writer), Values::Words(values)) => {
            writer.write_batch(values, levels, None)?
        }
        _ => unreachable!("the schema is made of the columns"),
    };
    Ok(())
}

fn read_back(path: &Path, groups: &[Group]) -> anyhow::Result<Written> {
    let file = File::open(path)?;
    let bytes = file.metadata()?.len();
    let reader = SerializedFileReader::new(file)?;
    ensure!(reader.num_row_groups() == groups.len(), "it has other row groups");
    let mut rows = 0;
    for (at, written) in groups.iter().enumerate() {
        let group = reader.get_row_group(at)?;
        for (column, ((name, _), digest)) in COLUMNS.iter().zip(&written.columns).enumerate() {
            let (values, levels) = read(&*group, column, written.rows)?;
            ensure!(Digest::of(&values, levels.as_deref()) == *digest, "column {name}");
        }
        rows += u64::try_from(group.metadata().num_rows())?;
    }
    Ok(Written { path: path.to_owned(), rows, bytes })
}

/// A column's values, which are to be of so many rows.
fn read(
    group: &dyn RowGroupReader,
    column: usize,
    rows: usize,
) -> anyhow::Result<(Values, Option<Vec<i16>>)> {
    let optional = group.metadata().column(column).column_descr().max_def_level() > 0;
    let mut levels = optional.then(Vec::new);
    let values = match group.get_column_reader(column)? {
        ColumnReader::Int64ColumnReader(reader) => Values::Numbers(all(reader, rows, &mut levels)?),
        ColumnReader::BoolColumnReader(reader) => Values::Flags(all(reader, rows, &mut levels)?),
        ColumnReader::FixedLenByteArrayColumnReader(reader) => {
            Values::Decimals(all(reader, rows, &mut levels)?)
        }
        ColumnReader::ByteArrayColumnReader(reader) => {
            Values::Words(all(reader, rows, &mut levels)?)
        }
        _ => anyhow::bail!("a column of another type"),
    };
    Ok((values, levels))
}

fn all<T: DataType>(
    mut reader: ColumnReaderImpl<T>,
    rows: usize,
    levels: &mut Option<Vec<i16>>,
) -> anyhow::Result<Vec<T::T>> {
    let (mut values, mut read) = (Vec::new(), 0);
    loop {
        // One more than there should be: what is there too much shows as well.
        let (records, _, _) =
            reader.read_records(rows + 1 - read, levels.as_mut(), None, &mut values)?;
        read += records;
        if records == 0 {
            ensure!(read == rows, "{read} rows of {rows}");
            return Ok(values);
        }
        ensure!(read <= rows, "more than {rows} rows");
    }
}

/// Of a column's values in their order.
#[derive(Debug, PartialEq, Eq)]
struct Digest(u128);

impl Digest {
    fn of(values: &Values, levels: Option<&[i16]>) -> Digest {
        let mut hash = Xxh3Default::new();
        let mut add = |bytes: &[u8]| {
            hash.update(&bytes.len().to_le_bytes());
            hash.update(bytes);
        };
        for level in levels.unwrap_or_default() {
            add(&level.to_le_bytes());
        }
        match values {
            Values::Numbers(values) => values.iter().for_each(|it| add(&it.to_le_bytes())),
            Values::Flags(values) => values.iter().for_each(|it| add(&[u8::from(*it)])),
            Values::Decimals(values) => values.iter().for_each(|it| add(it.data())),
            Values::Words(values) => values.iter().for_each(|it| add(it.data())),
        }
        Digest(hash.digest128())
    }
}

/// A file that is open only while it is written to: an exchange has more symbols than a function
/// may have open files.
struct Append(PathBuf);

impl Write for Append {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        OpenOptions::new().append(true).open(&self.0)?.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
