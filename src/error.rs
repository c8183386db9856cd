//! The one error type: what was wrong, where, and what would be right.

use std::path::{Path, PathBuf};

/// A result of this library.
pub type Result<T> = std::result::Result<T, Error>;

/// Where in a text an input error lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Name of the text: a path, or what the user typed (`--set`).
    pub name: String,
    /// The whole text, so that the line can be shown.
    pub text: String,
    /// Byte offset of the first wrong character and number of bytes.
    pub span: (usize, usize),
}

impl Place {
    /// Line and column (both from 1, columns in characters) of the place.
    pub fn line_column(&self) -> (usize, usize) {
        let end = self.span.0.min(self.text.len());
        let before = String::from_utf8_lossy(&self.text.as_bytes()[..end]);
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().map_or(0, |l| l.chars().count()) + 1;
        (line, column)
    }
}

/// A number for a message, short: with an exponent where its digits would run on.
pub(crate) fn shown(value: f64) -> String {
    if value == 0.0 || !value.is_finite() || (1e-5..1e15).contains(&value.abs()) {
        value.to_string()
    } else {
        format!("{value:e}")
    }
}

/// A text of the user's for a message: the whole, or the beginning if it is long.
pub(crate) fn brief(text: &str) -> String {
    const MOST: usize = 60;
    match text.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text.to_owned(),
    }
}

/// What went wrong. The three kinds differ in what the user can do about them.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Error {
    /// The input is wrong: a study, a data file, a formula, a flag. Exit code 2.
    #[error("{message}")]
    Input {
        /// One sentence: what was wrong and where.
        message: String,
        /// What would be right.
        help: Option<String>,
        /// The text and the place in it, where there is one.
        place: Option<Place>,
    },
    /// A file could not be read or written. Exit code 2.
    #[error("{}: {message}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        message: String,
    },
    /// A computation could not reach its tolerance; says what it reached. Exit code 3.
    #[error("{0}")]
    Numerics(String),
}

impl Error {
    /// An input error without a place.
    pub fn input(message: impl Into<String>) -> Self {
        Error::Input { message: message.into(), help: None, place: None }
    }

    /// A file error from an `io::Error` (or anything that prints).
    pub fn file(path: &Path, why: impl std::fmt::Display) -> Self {
        Error::File { path: path.to_owned(), message: why.to_string() }
    }

    /// The same error with a hint at what would be right.
    pub fn with_help(mut self, text: impl Into<String>) -> Self {
        if let Error::Input { help, .. } = &mut self {
            *help = Some(text.into());
        }
        self
    }

    /// The same error with its place in a text.
    pub fn at(mut self, at: Place) -> Self {
        if let Error::Input { place, .. } = &mut self {
            *place = Some(at);
        }
        self
    }

    /// Exit code of the command: 2 for wrong input, 3 for a computation that fell short.
    pub fn exit_code(&self) -> u8 {
        match self {
            Error::Input { .. } | Error::File { .. } => 2,
            Error::Numerics(_) => 3,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_in_messages_are_short_and_read_back() {
        for (value, text) in
            [(0.35, "0.35"), (-1.0, "-1"), (0.0, "0"), (1e300, "1e300"), (-2.5e-12, "-2.5e-12")]
        {
            assert_eq!(shown(value), text);
        }
        for value in [f64::MAX, f64::MIN_POSITIVE, 5e-324, 123456789.0, -1.0 / 3.0] {
            let text = shown(value);
            assert!(text.len() <= 24 && text.parse() == Ok(value), "{text}");
        }
        assert_eq!([shown(f64::NAN), shown(f64::NEG_INFINITY)], ["NaN", "-inf"]);
    }

    #[test]
    fn long_texts_in_messages_are_cut_between_characters() {
        assert_eq!(brief("x\u{fc}y"), "x\u{fc}y");
        assert_eq!(brief(&"\u{fc}".repeat(61)), "\u{fc}".repeat(60) + "...");
    }
}
