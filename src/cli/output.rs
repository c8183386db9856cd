//! Writing to the user: standard output for results, standard error for everything else.

use std::io::{ErrorKind, IsTerminal, Write};
use std::path::Path;

use super::{Common, End};
use crate::error::{Error, Result};
use crate::study::Folder;

/// Writes text to standard output. A reader that has gone away (`| head`) is no error.
pub(super) fn print(text: &str) -> Result<()> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(e) if e.kind() != ErrorKind::BrokenPipe => Err(Error::file(Path::new("standard output"), e)),
        _ => Ok(()),
    }
}

/// Hands over the one text that a command makes: on standard output, or under `name` in the folder of `--out`.
pub(super) fn deliver(name: &str, text: &str, common: &Common) -> Result<End> {
    match &common.out {
        Some(out) => Folder::open(out)?.write(name, text.as_bytes())?,
        None => print(text)?,
    }
    Ok(End::Done)
}

/// Writes text to standard error; if that fails there is nowhere left to say so.
pub(super) fn say(text: &str) {
    let _ = std::io::stderr().lock().write_all(text.as_bytes());
}

/// May standard error be coloured?
pub(super) fn colours() -> bool {
    std::io::stderr().is_terminal()
        && std::env::var_os("NO_COLOR").is_none_or(|v| v.is_empty())
        && std::env::var_os("TERM").is_none_or(|v| v != "dumb")
}

/// Breaks text into lines of at most `width` characters, where words allow it.
pub(super) fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let line = lines.last_mut().expect("there is always a line");
        if line.is_empty() {
            line.push_str(word);
        } else if line.chars().count() + 1 + word.chars().count() <= width {
            line.push(' ');
            line.push_str(word);
        } else {
            lines.push(word.to_owned());
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    #[test]
    fn text_is_wrapped_at_words() {
        assert_eq!(super::wrap("one two  three", 7), ["one two", "three"]);
        assert_eq!(super::wrap("", 5), [""]);
    }
}
