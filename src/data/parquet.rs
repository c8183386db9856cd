//! Tables of Parquet files: a row a point, its coordinates in columns of numbers or of lists of numbers.

use std::cell::Cell;
use std::collections::HashSet;
use std::fs::File;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Once;

use ::parquet::basic::{ConvertedType, LogicalType, Type as Physical};
use ::parquet::column::reader::{ColumnReader, ColumnReaderImpl};
use ::parquet::data_type::DataType;
use ::parquet::errors::{ParquetError, Result as Decoded};
use ::parquet::file::reader::{FileReader, SerializedFileReader};
use ::parquet::schema::types::ColumnDescriptor;

use super::RawTable;
use super::number::half;
use super::source::{check_finite, choose};
use crate::error::{Error, Result};

/// Rows that are decoded together.
const BLOCK: usize = 4096;
/// How pandas names a column of row numbers, which it takes for the index when it reads the file again.
const INDEX: &str = "__index_level_";

/// A column of the file that is read.
struct Leaf {
    place: usize,
    name: String,
    /// Level of definition at which there is a number; 0 where there always is one.
    defined: i16,
    unsigned: bool,
    /// Levels of repetition of the first row, if it is a list: all others are to have the same.
    shape: Option<Vec<i16>>,
}

/// Numbers of some rows of one column, with the levels that say how they belong to these.
#[derive(Default)]
struct Block {
    values: Vec<f64>,
    definitions: Vec<i16>,
    repetitions: Vec<i16>,
}

thread_local! {
    static QUIET: Cell<bool> = const { Cell::new(false) };
}

/// The answer, or nothing if the decoder panics, as it does on some damaged files; then in silence.
fn caught<R>(decode: impl FnOnce() -> R) -> Option<R> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if !QUIET.get() {
                before(info);
            }
        }));
    });
    QUIET.set(true);
    let answer = panic::catch_unwind(AssertUnwindSafe(decode));
    QUIET.set(false);
    answer.ok()
}

/// Reads all columns of numbers, in their order, or those under the name `key`; of lists, which must all be as long as the first,
/// one number after the other.
pub(super) fn read(file: &str, data: File, key: Option<&str>) -> Result<RawTable> {
    caught(|| decode(file, data, key)).unwrap_or_else(|| Err(unreadable(file, &"it is damaged")))
}

fn decode(file: &str, data: File, key: Option<&str>) -> Result<RawTable> {
    let broken = |e: ParquetError| unreadable(file, &e);
    let reader = SerializedFileReader::new(data).map_err(broken)?;
    let schema = reader.metadata().file_metadata().schema_descr();
    let (mut names, mut seen): (Vec<String>, HashSet<String>) = (vec![], HashSet::new());
    for column in schema.columns() {
        let name = root(column);
        if (key.is_some() || !name.starts_with(INDEX)) && seen.insert(name.clone()) {
            names.push(name);
        }
    }
    if names.is_empty() {
        return Err(Error::input(format!("{file} holds no column")));
    }
    let wanted = key.map(|key| choose(file, &names, Some(key))).transpose()?;
    let mut leaves = vec![];
    for (place, column) in schema.columns().iter().enumerate() {
        let name = root(column);
        if !seen.contains(&name) || wanted.is_some_and(|wanted| *wanted != name) {
            continue;
        }
        let Some(unsigned) = number(column) else {
            return Err(Error::input(format!("{file}: column `{name}` holds no numbers")).with_help(
                format!("{file}#NAME takes the column NAME alone, which may hold lists of numbers"),
            ));
        };
        leaves.push(Leaf { place, name, defined: column.max_def_level(), unsigned, shape: None });
    }

    let mut values: Vec<f64> = vec![];
    let mut rows = 0;
    for group in 0..reader.num_row_groups() {
        let group = reader.get_row_group(group).map_err(broken)?;
        let columns =
            leaves.iter().map(|leaf| group.get_column_reader(leaf.place)).collect::<Decoded<Vec<_>>>();
        let mut columns = columns.map_err(broken)?;
        let Ok(mut left) = usize::try_from(group.metadata().num_rows()) else {
            return Err(unreadable(file, &"a group has a negative number of rows"));
        };
        let mut blocks: Vec<Block> = leaves.iter().map(|_| Block::default()).collect();
        while left > 0 {
            let count = left.min(BLOCK);
            for ((leaf, column), block) in leaves.iter_mut().zip(&mut columns).zip(&mut blocks) {
                let read = block.read(column, leaf.unsigned, count).map_err(broken)?;
                if read != count {
                    return Err(unreadable(file, &format!("column `{}` ends before the others", leaf.name)));
                }
                block.check(file, leaf, rows, count)?;
            }
            // All are as wide as the first.
            let widths: Vec<usize> = blocks.iter().map(|block| block.values.len() / count).collect();
            for row in 0..count {
                for (block, width) in blocks.iter().zip(&widths) {
                    values.extend_from_slice(&block.values[row * width..][..*width]);
                }
            }
            rows += count;
            left -= count;
        }
        for ((leaf, column), block) in leaves.iter().zip(&mut columns).zip(&mut blocks) {
            if block.read(column, leaf.unsigned, 1).map_err(broken)? > 0 {
                return Err(unreadable(file, &format!("column `{}` goes on behind the others", leaf.name)));
            }
        }
    }
    if values.is_empty() {
        return Err(Error::input(format!("{file}: the table is empty")));
    }
    let table = RawTable { columns: values.len() / rows, values };
    check_finite(file, &table)?;
    Ok(table)
}

impl Block {
    /// Reads so many rows, or as many as there are; returns their number.
    fn read(&mut self, column: &mut ColumnReader, unsigned: bool, count: usize) -> Decoded<usize> {
        self.values.clear();
        self.definitions.clear();
        self.repetitions.clear();
        match column {
            ColumnReader::BoolColumnReader(r) => self.fill(r, count, |v| f64::from(u8::from(*v))),
            ColumnReader::Int32ColumnReader(r) if unsigned => self.fill(r, count, |v| f64::from(*v as u32)),
            ColumnReader::Int32ColumnReader(r) => self.fill(r, count, |v| f64::from(*v)),
            ColumnReader::Int64ColumnReader(r) if unsigned => self.fill(r, count, |v| *v as u64 as f64),
            ColumnReader::Int64ColumnReader(r) => self.fill(r, count, |v| *v as f64),
            ColumnReader::FloatColumnReader(r) => self.fill(r, count, |v| f64::from(*v)),
            ColumnReader::DoubleColumnReader(r) => self.fill(r, count, |v| *v),
            ColumnReader::FixedLenByteArrayColumnReader(r) => self.fill(r, count, |v| match v.data() {
                [low, high] => half(u16::from_le_bytes([*low, *high])),
                _ => f64::NAN,
            }),
            // Of types that [`number`] does not let through.
            ColumnReader::Int96ColumnReader(_) | ColumnReader::ByteArrayColumnReader(_) => Ok(0),
        }
    }

    fn fill<T: DataType>(
        &mut self,
        reader: &mut ColumnReaderImpl<T>,
        count: usize,
        to: impl Fn(&T::T) -> f64,
    ) -> Decoded<usize> {
        let mut values = vec![];
        let (definitions, repetitions) = (Some(&mut self.definitions), Some(&mut self.repetitions));
        let (rows, ..) = reader.read_records(count, definitions, repetitions, &mut values)?;
        self.values.extend(values.iter().map(to));
        Ok(rows)
    }

    /// Is there a number everywhere, and have all rows as many? The rows begin behind `before` others.
    fn check(&self, file: &str, leaf: &mut Leaf, before: usize, count: usize) -> Result<()> {
        let Leaf { name, defined, shape, .. } = leaf;
        let row_of = |place: usize| match self.repetitions.get(..=place) {
            Some(list) => list.iter().filter(|level| **level == 0).count(),
            None => place + 1,
        };
        if let Some(place) = self.definitions.iter().position(|level| level < defined) {
            let row = before + row_of(place);
            return Err(Error::input(format!("{file}: row {row} of column `{name}` has no number"))
                .with_help("rows are counted from 1; remove or fill in such rows"));
        }
        let levels = &self.repetitions[..];
        if levels.is_empty() {
            // No list.
            let whole = self.values.len() == count;
            return if whole {
                Ok(())
            } else {
                Err(unreadable(file, &format!("column `{name}` lacks numbers")))
            };
        }
        let starts = (0..levels.len()).filter(|i| levels[*i] == 0).chain([levels.len()]);
        let starts: Vec<usize> = starts.collect();
        let lists = || starts.windows(2).map(|pair| &levels[pair[0]..pair[1]]);
        let shape = shape.get_or_insert_with(|| lists().next().unwrap_or(&[]).to_vec());
        if let Some((row, list)) = lists().enumerate().find(|(_, list)| *list != shape.as_slice()) {
            let (row, length, wanted) = (before + row + 1, list.len(), shape.len());
            return Err(Error::input(match length == wanted {
                true => {
                    format!("{file}: row {row} of column `{name}` has lists of other lengths than the first")
                }
                false => format!(
                    "{file}: row {row} of column `{name}` has {length} numbers, the first has {wanted}"
                ),
            }));
        }
        if starts.len() != count + 1 || self.values.len() != count * shape.len() {
            return Err(unreadable(file, &format!("column `{name}` has levels that do not fit its numbers")));
        }
        Ok(())
    }
}

/// The name of the column that a user sees, of which this is a part.
fn root(column: &ColumnDescriptor) -> String {
    column.path().parts().first().cloned().unwrap_or_default()
}

/// Whether a column's numbers have no sign; `None` if it holds none.
fn number(column: &ColumnDescriptor) -> Option<bool> {
    let logical = column.logical_type_ref();
    match column.physical_type() {
        Physical::BOOLEAN | Physical::FLOAT | Physical::DOUBLE => Some(false),
        Physical::FIXED_LEN_BYTE_ARRAY => matches!(logical, Some(LogicalType::Float16)).then_some(false),
        Physical::INT32 | Physical::INT64 => match column.converted_type() {
            ConvertedType::NONE if logical.is_none() => Some(false),
            ConvertedType::INT_8 | ConvertedType::INT_16 | ConvertedType::INT_32 | ConvertedType::INT_64 => {
                Some(false)
            }
            ConvertedType::UINT_8
            | ConvertedType::UINT_16
            | ConvertedType::UINT_32
            | ConvertedType::UINT_64 => Some(true),
            // Days, times and decimal fractions.
            _ => None,
        },
        Physical::INT96 | Physical::BYTE_ARRAY => None,
    }
}

fn unreadable(file: &str, why: &dyn std::fmt::Display) -> Error {
    let error = Error::input(format!("{file} is no readable Parquet file: {why}"));
    let why = why.to_string();
    if why.contains("Disabled feature at compile time") {
        return error.with_help("of compressions snappy, gzip and LZ4 are read, and none at all");
    }
    error
}
