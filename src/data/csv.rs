//! Text tables: one point a line, with or without a header.

use super::RawTable;
use crate::error::{Error, Place, Result, brief};

/// How the fields of a line are set apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Separator {
    Character(char),
    WhiteSpace,
}

/// A line that counts: its number from 1, its byte offset in the text, and itself without surrounding white space.
#[derive(Clone, Copy)]
struct Line<'a> {
    number: usize,
    offset: usize,
    text: &'a str,
}

/// A field of a line, with its byte offset in the line.
type Field<'a> = (usize, &'a str);

const ROWS: &str = "a line a point is needed, its coordinates separated by commas";

/// Reads the bytes of a text table. Blank lines and lines that begin with # are skipped; the first line that counts
/// is a header if any of its fields is no number.
pub(super) fn parse(file: &str, bytes: &[u8]) -> Result<RawTable> {
    let text = std::str::from_utf8(bytes).map_err(|e| {
        let line = bytes[..e.valid_up_to()].iter().filter(|b| **b == b'\n').count() + 1;
        Error::input(format!("{file}, line {line}: this is no text (UTF-8)"))
            .with_help("tables are read from csv, npy, npz#key and safetensors#key files")
    })?;
    let mut lines = lines(text).peekable();
    let Some(first) = lines.next() else {
        let blank = Line { number: 1, offset: 0, text: "" };
        let what =
            if text.is_empty() { "the file is empty" } else { "the file has blank lines and comments only" };
        return Err(fault(file, text, blank, (0, 1), what).with_help(ROWS));
    };
    // A header may hold any character, so where the first line is no row of numbers the second decides.
    let mut fields = Vec::new();
    let mut separator = self::separator(first.text);
    split(first.text, separator, &mut fields);
    if let (Some(second), true) = (lines.peek(), fields.iter().any(|(_, f)| f.parse::<f64>().is_err())) {
        separator = self::separator(second.text);
        split(first.text, separator, &mut fields);
    }
    let columns = fields.len();
    let header: Option<Vec<String>> = fields
        .iter()
        .any(|(_, f)| f.parse::<f64>().is_err())
        .then(|| fields.iter().map(|(_, f)| (*f).to_owned()).collect());
    if header.as_ref().is_some_and(|h| h[0].is_empty() && h.len() > 1) {
        return Err(fault(file, text, first, (0, 1), "the first column has no name")
            .with_help("it looks like row numbers, which are no coordinate: save without them (pandas: index=False), or name the column"));
    }

    let mut values = Vec::new();
    let data = header.is_none().then_some(first).into_iter().chain(lines);
    for line in data {
        split(line.text, separator, &mut fields);
        if fields.len() != columns {
            let message = format!("{} where the lines before have {columns}", count(fields.len()));
            let help = if fields.len() == 1 {
                "separators are comma, semicolon, tab or white space, the same in every line"
            } else {
                "every line needs the same number of fields"
            };
            return Err(fault(file, text, line, (0, line.text.len()), &message).with_help(help));
        }
        for (column, &(offset, field)) in fields.iter().enumerate() {
            match field.parse::<f64>() {
                Ok(value) if value.is_finite() => values.push(value),
                outcome => {
                    let name =
                        header.as_ref().map_or(String::new(), |h| format!(" (`{}`)", brief(&h[column])));
                    let what = match outcome {
                        Ok(_) => {
                            format!("field {}{name} is `{}`, not a finite number", column + 1, brief(field))
                        }
                        Err(_) if field.is_empty() => format!("field {}{name} is empty", column + 1),
                        Err(_) => format!("field {}{name} is `{}`, not a number", column + 1, brief(field)),
                    };
                    let error = fault(file, text, line, (offset, field.len().max(1)), &what);
                    return Err(if field.contains(',') {
                        error.with_help("write decimals with a point: 0.5")
                    } else {
                        error.with_help("every field below the header must be a finite number")
                    });
                }
            }
        }
    }
    if values.is_empty() {
        let what = "there is no row of numbers below this header";
        return Err(fault(file, text, first, (0, first.text.len()), what).with_help(ROWS));
    }
    Ok(RawTable { columns, values })
}

/// The lines that count.
fn lines(text: &str) -> impl Iterator<Item = Line<'_>> {
    let start = if text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
    let mut offset = start;
    text[start..].split('\n').enumerate().filter_map(move |(i, raw)| {
        let begin = offset;
        offset += raw.len() + 1;
        // A tab at an end may set off an empty field, so only spaces and the carriage return go.
        let tail = raw.trim_end_matches([' ', '\r']);
        let line = tail.trim_start_matches(' ');
        let blank = line.trim().is_empty() || line.trim_start().starts_with('#');
        (!blank).then_some(Line { number: i + 1, offset: begin + tail.len() - line.len(), text: line })
    })
}

fn separator(line: &str) -> Separator {
    match [';', ',', '\t'].into_iter().find(|c| line.contains(*c)) {
        Some('\t') if line.split('\t').any(|f| f.trim().contains(' ')) => Separator::WhiteSpace,
        Some(c) => Separator::Character(c),
        None => Separator::WhiteSpace,
    }
}

/// Splits a line into `fields`, without the white space and the quotes around them.
fn split<'a>(line: &'a str, separator: Separator, fields: &mut Vec<Field<'a>>) {
    fields.clear();
    let mut push = |raw: &'a str| {
        let field = raw.trim();
        let quoted = field.len() > 1 && field.starts_with('"') && field.ends_with('"');
        let field = if quoted { &field[1..field.len() - 1] } else { field };
        fields.push((field.as_ptr() as usize - line.as_ptr() as usize, field));
    };
    match separator {
        Separator::WhiteSpace => line.split_ascii_whitespace().for_each(push),
        Separator::Character(c) if !line.contains('"') => line.split(c).for_each(push),
        Separator::Character(c) => {
            // A separator between quotes belongs to the field.
            let (mut begin, mut inside) = (0, false);
            for (i, character) in line.char_indices() {
                match character {
                    '"' => inside = !inside,
                    _ if character == c && !inside => {
                        push(&line[begin..i]);
                        begin = i + c.len_utf8();
                    }
                    _ => {}
                }
            }
            push(&line[begin..]);
        }
    }
}

fn count(fields: usize) -> String {
    if fields == 1 { "1 field".into() } else { format!("{fields} fields") }
}

/// An error in a line; `(offset, length)` is the place in it, in bytes.
fn fault(file: &str, text: &str, line: Line<'_>, (offset, length): (usize, usize), what: &str) -> Error {
    Error::input(format!("{file}, line {}: {what}", line.number)).at(Place {
        name: file.to_owned(),
        text: text.to_owned(),
        span: (line.offset + offset, length),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(text: &str) -> Vec<Vec<f64>> {
        let table = parse("t.csv", text.as_bytes()).unwrap();
        table.values.chunks(table.columns).map(<[f64]>::to_vec).collect()
    }

    fn complaint(text: &str) -> (String, (usize, usize)) {
        match parse("t.csv", text.as_bytes()).unwrap_err() {
            Error::Input { message, place, .. } => (message, place.map_or((0, 0), |p| p.line_column())),
            other => panic!("{other}"),
        }
    }

    #[test]
    fn separators_headers_comments_and_line_ends() {
        let expected = vec![vec![1.0, -2.5], vec![3e2, 0.25]];
        for text in [
            "1,-2.5\n3e2,.25\n",
            "1;-2.5\r\n3e2;.25\r\n",
            "1\t-2.5\n3e2\t.25",
            "  1   -2.5 \n 3e2 .25\n\n",
            "\u{feff}x,y\n1,-2.5\n3e2,.25\n",
            "# made by hand\n\"x, in m\",y\n\n  # more\n1 , -2.5\n\"3e2\",+.25\n   \n",
            "x y\n1 -2.5\n3e2 .25",
            "x\ty z\n1\t-2.5\n3e2\t.25\t\n".trim_end(),
        ] {
            assert_eq!(rows(text), expected, "{text:?}");
        }
        assert_eq!(rows("1\n2\n3"), [[1.0], [2.0], [3.0]]);
    }

    #[test]
    fn complaints_name_the_line_and_the_field() {
        let cases = [
            ("1,2\n\n3,4,5\n", "line 3", (3, 1)),
            ("1,2\n3\n", "line 2", (2, 1)),
            ("x,y\n1,2\n3,nan\n", "field 2 (`y`) is `nan`", (3, 3)),
            ("1,2\n 3, inf\n", "field 2 is `inf`", (2, 5)),
            ("1,2\n1e999,1\n", "`1e999`", (2, 1)),
            ("x,label\n1,cat\n", "(`label`) is `cat`", (2, 3)),
            ("1;2\n1,5;2\n", "`1,5`", (2, 1)),
            ("1,2\n1,\n", "field 2 is empty", (2, 3)),
            (",x\n0,1\n", "no name", (1, 1)),
            ("", "line 1: the file is empty", (1, 1)),
            ("\n\n", "comments only", (1, 1)),
            ("\u{feff}", "comments only", (1, 1)),
            ("# nothing\n", "comments only", (1, 1)),
            ("# made by hand\nx,y\n", "line 2: there is no row", (2, 1)),
        ];
        for (text, part, place) in cases {
            let (message, at) = complaint(text);
            assert!(message.contains(part) && message.starts_with("t.csv"), "{message}");
            assert_eq!(at, place, "{text:?}");
        }
        assert!(parse("t.csv", &[0xff, 0xfe, 0, 1]).is_err());
    }
}
