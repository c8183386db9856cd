//! Tables as Parquet files (Apache Parquet format 2.x): a column chunk after the other, in groups of rows.

use std::io::Write;
use std::sync::Arc;

use parquet::basic::{Compression, ConvertedType, LogicalType, Repetition, Type as Physical};
use parquet::data_type::{BoolType, ByteArray, ByteArrayType, DoubleType, Int64Type};
use parquet::errors::Result as Written;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedColumnWriter, SerializedFileWriter};
use parquet::schema::types::{Type as Node, TypePtr};

use super::cells::{Cell, Column, Row, Type};
use crate::error::{Error, Result};

/// A group of rows is written when it has so many rows
const MOST_ROWS: usize = 100_000;
/// or so many numbers.
const MOST_NUMBERS: usize = 4_000_000;

/// A Parquet file that is being written.
pub(crate) struct Table<W: Write + Send> {
    writer: SerializedFileWriter<W>,
    columns: Vec<Column>,
    rows: Vec<Row>,
    numbers: usize,
    written: u64,
}

impl<W: Write + Send> Table<W> {
    /// Begins a file with these columns, all of which may hold empty cells.
    pub(crate) fn new(file: W, columns: &[Column]) -> Result<Table<W>> {
        let schema = || {
            let fields = columns.iter().map(field).collect::<Written<Vec<_>>>()?;
            Node::group_type_builder("smale").with_fields(fields).build()
        };
        let properties = WriterProperties::builder()
            .set_compression(Compression::SNAPPY)
            .set_created_by(format!("smale {}", env!("CARGO_PKG_VERSION")))
            .build();
        let writer = schema()
            .and_then(|schema| SerializedFileWriter::new(file, Arc::new(schema), Arc::new(properties)))
            .map_err(failed)?;
        Ok(Table { writer, columns: columns.to_vec(), rows: vec![], numbers: 0, written: 0 })
    }

    /// Appends rows.
    pub(crate) fn extend(&mut self, rows: Vec<Row>) -> Result<()> {
        for row in rows {
            let lists = row.iter().map(|cell| if let Cell::Reals(list) = cell { list.len() } else { 1 });
            self.numbers += lists.sum::<usize>();
            self.rows.push(row);
            if self.rows.len() >= MOST_ROWS || self.numbers >= MOST_NUMBERS {
                self.flush()?;
            }
        }
        Ok(())
    }

    /// Writes what is left and the end of the file. Returns it with the number of its rows.
    pub(crate) fn finish(mut self) -> Result<(W, u64)> {
        self.flush()?;
        let file = self.writer.into_inner().map_err(failed)?;
        Ok((file, self.written))
    }

    fn flush(&mut self) -> Result<()> {
        if self.rows.is_empty() {
            return Ok(());
        }
        group(&mut self.writer, &self.columns, &self.rows).map_err(failed)?;
        self.written += self.rows.len() as u64;
        self.rows.clear();
        self.numbers = 0;
        Ok(())
    }
}

fn failed(error: parquet::errors::ParquetError) -> Error {
    Error::Numerics(format!("a table cannot be written: {error}"))
}

/// A column of the schema.
fn field(column: &Column) -> Written<TypePtr> {
    let optional =
        |physical| Node::primitive_type_builder(&column.name, physical).with_repetition(Repetition::OPTIONAL);
    let node = match column.of {
        Type::Whole => optional(Physical::INT64).build()?,
        Type::Real => optional(Physical::DOUBLE).build()?,
        Type::Flag => optional(Physical::BOOLEAN).build()?,
        Type::Text => optional(Physical::BYTE_ARRAY)
            .with_logical_type(Some(LogicalType::String))
            .with_converted_type(ConvertedType::UTF8)
            .build()?,
        // The three levels that the format wants of a list.
        Type::Reals => {
            let element = Node::primitive_type_builder("element", Physical::DOUBLE)
                .with_repetition(Repetition::REQUIRED)
                .build()?;
            let list = Node::group_type_builder("list")
                .with_repetition(Repetition::REPEATED)
                .with_fields(vec![Arc::new(element)])
                .build()?;
            Node::group_type_builder(&column.name)
                .with_repetition(Repetition::OPTIONAL)
                .with_logical_type(Some(LogicalType::List))
                .with_converted_type(ConvertedType::LIST)
                .with_fields(vec![Arc::new(list)])
                .build()?
        }
    };
    Ok(Arc::new(node))
}

fn group<W: Write + Send>(
    writer: &mut SerializedFileWriter<W>,
    columns: &[Column],
    rows: &[Row],
) -> Written<()> {
    let mut group = writer.next_row_group()?;
    let mut place = 0;
    while let Some(column) = group.next_column()? {
        let cells = rows.iter().map(|row| &row[place]);
        chunk(column, columns[place].of, cells)?;
        place += 1;
    }
    group.close()?;
    Ok(())
}

fn chunk<'a>(
    mut writer: SerializedColumnWriter<'_>,
    of: Type,
    cells: impl Iterator<Item = &'a Cell> + Clone,
) -> Written<()> {
    // Level 1: there is a value; 0: the cell is empty.
    let there = |some: bool| i16::from(some);
    macro_rules! plain {
        ($variant:path, $physical:ty, $value:expr) => {{
            let value = |cell: &Cell| if let $variant(value) = cell { Some($value(value)) } else { None };
            let values: Vec<_> = cells.clone().filter_map(value).collect();
            let levels: Vec<i16> = cells.map(|cell| there(value(cell).is_some())).collect();
            writer.typed::<$physical>().write_batch(&values, Some(&levels), None)?;
        }};
    }
    match of {
        Type::Whole => plain!(Cell::Whole, Int64Type, |v: &i64| *v),
        Type::Real => plain!(Cell::Real, DoubleType, |v: &f64| *v),
        Type::Flag => plain!(Cell::Flag, BoolType, |v: &bool| *v),
        Type::Text => plain!(Cell::Text, ByteArrayType, |v: &String| ByteArray::from(v.as_str())),
        Type::Reals => {
            // Of lists: 2 for a number of one, 1 for one without any, 0 for none; the first of a list repeats nothing.
            let (mut values, mut levels, mut repeats) = (vec![], vec![], vec![]);
            for cell in cells {
                match cell {
                    Cell::Reals(list) if !list.is_empty() => {
                        values.extend_from_slice(list);
                        levels.extend(list.iter().map(|_| 2i16));
                        repeats.extend((0..list.len()).map(|place| i16::from(place > 0)));
                    }
                    other => {
                        levels.push(there(matches!(other, Cell::Reals(_))));
                        repeats.push(0);
                    }
                }
            }
            writer.typed::<DoubleType>().write_batch(&values, Some(&levels), Some(&repeats))?;
        }
    }
    writer.close()
}
