//! Tables of typed columns: what a sweep writes, and the nodes and edges of a graph.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// What a column holds. Every cell may be empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Type {
    /// Whole numbers (64 bits).
    Whole,
    /// Real numbers (64 bits).
    Real,
    /// Texts.
    Text,
    /// true or false.
    Flag,
    /// Lists of real numbers.
    Reals,
}

/// A column.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// What it holds.
    #[serde(rename = "type")]
    pub of: Type,
}

impl Column {
    /// A column of this name.
    pub fn new(name: &str, of: Type) -> Column {
        Column { name: name.to_owned(), of }
    }
}

/// A value of a table.
#[derive(Clone, Debug, PartialEq)]
pub enum Cell {
    /// Not known, or without meaning here.
    Empty,
    /// For a column of whole numbers.
    Whole(i64),
    /// For a column of real numbers; finite.
    Real(f64),
    /// For a column of texts.
    Text(String),
    /// For a column of flags.
    Flag(bool),
    /// For a column of lists; all finite.
    Reals(Vec<f64>),
}

/// One cell a column.
pub type Row = Vec<Cell>;

impl From<usize> for Cell {
    fn from(value: usize) -> Cell {
        i64::try_from(value).map_or(Cell::Empty, Cell::Whole)
    }
}

impl From<i64> for Cell {
    fn from(value: i64) -> Cell {
        Cell::Whole(value)
    }
}

/// Empty unless it is finite.
impl From<f64> for Cell {
    fn from(value: f64) -> Cell {
        if value.is_finite() { Cell::Real(value) } else { Cell::Empty }
    }
}

impl From<&str> for Cell {
    fn from(value: &str) -> Cell {
        Cell::Text(value.to_owned())
    }
}

impl From<String> for Cell {
    fn from(value: String) -> Cell {
        Cell::Text(value)
    }
}

impl From<bool> for Cell {
    fn from(value: bool) -> Cell {
        Cell::Flag(value)
    }
}

/// Empty unless all are finite.
impl From<Vec<f64>> for Cell {
    fn from(value: Vec<f64>) -> Cell {
        if value.iter().all(|v| v.is_finite()) { Cell::Reals(value) } else { Cell::Empty }
    }
}

impl<T: Into<Cell>> From<Option<T>> for Cell {
    fn from(value: Option<T>) -> Cell {
        value.map_or(Cell::Empty, Into::into)
    }
}

impl Cell {
    /// The value as text that [`Cell::parse`] reads back to the same bits; of a list with spaces between.
    pub fn text(&self) -> String {
        match self {
            Cell::Empty => String::new(),
            Cell::Whole(v) => v.to_string(),
            Cell::Real(v) => format!("{v:?}"),
            Cell::Text(text) => text.clone(),
            Cell::Flag(flag) => flag.to_string(),
            Cell::Reals(values) => values.iter().map(|v| format!("{v:?}")).collect::<Vec<_>>().join(" "),
        }
    }

    /// The value of a text in a column; `None` if it is none of its type. An empty text is an empty cell.
    pub fn parse(text: &str, of: Type) -> Option<Cell> {
        if text.is_empty() {
            return Some(Cell::Empty);
        }
        let real = |text: &str| text.parse::<f64>().ok().filter(|v| v.is_finite());
        match of {
            Type::Whole => text.parse().ok().map(Cell::Whole),
            Type::Real => real(text).map(Cell::Real),
            Type::Text => Some(Cell::Text(text.to_owned())),
            Type::Flag => text.parse().ok().map(Cell::Flag),
            Type::Reals => text.split(' ').map(real).collect::<Option<Vec<_>>>().map(Cell::Reals),
        }
    }
}

/// Rows as CSV (RFC 4180, comma, `\n`), with a header line if `header`.
pub(crate) fn csv(columns: &[Column], rows: &[Row], header: bool) -> Result<Vec<u8>> {
    let failed = |e: &dyn std::fmt::Display| Error::Numerics(format!("a table cannot be written: {e}"));
    let mut writer = csv::Writer::from_writer(Vec::new());
    if header {
        writer.write_record(columns.iter().map(|c| c.name.as_str())).map_err(|e| failed(&e))?;
    }
    for row in rows {
        writer.write_record(row.iter().map(Cell::text)).map_err(|e| failed(&e))?;
    }
    writer.into_inner().map_err(|e| failed(&e))
}

/// Rows of CSV without a header; `None` if they do not fit the columns.
pub(crate) fn parse_csv(columns: &[Column], bytes: &[u8]) -> Option<Vec<Row>> {
    let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(bytes);
    let row = |record: std::result::Result<csv::StringRecord, csv::Error>| {
        let record = record.ok().filter(|record| record.len() == columns.len())?;
        record.iter().zip(columns).map(|(text, column)| Cell::parse(text, column.of)).collect::<Option<Row>>()
    };
    reader.records().map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_read_back_to_the_same_bits() {
        let columns: Vec<Column> = [Type::Whole, Type::Real, Type::Text, Type::Flag, Type::Reals]
            .iter()
            .map(|of| Column::new("c", *of))
            .collect();
        let awkward = [0.1 + 0.2, -0.0, 5e-324, f64::MAX, 1e21, 1.0 / 3.0];
        let rows: Vec<Row> = awkward
            .iter()
            .map(|v| {
                vec![i64::MIN.into(), (*v).into(), "a,\"b\"\nc".into(), true.into(), vec![*v, 1.0].into()]
            })
            .chain([vec![Cell::Empty; 5]])
            .collect();
        let read = parse_csv(&columns, &csv(&columns, &rows, false).unwrap()).unwrap();
        // Bits, for the sake of -0.0.
        assert_eq!(format!("{read:?}"), format!("{rows:?}"));
        assert_eq!([Cell::from(f64::NAN), Cell::from(vec![1.0, f64::INFINITY])], [Cell::Empty, Cell::Empty]);
        for (text, of) in
            [("1.5", Type::Whole), ("nan", Type::Real), ("yes", Type::Flag), ("1  2", Type::Reals)]
        {
            assert_eq!(Cell::parse(text, of), None, "{text}");
        }
    }
}
