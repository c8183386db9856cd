//! Errors as text: message, place, the line with a caret under what is wrong, help.

use crate::error::{Error, Place};

/// Most characters of a source line that are shown.
const WIDTH: usize = 100;
const RED: &str = "\u{1b}[1;31m";
const BLUE: &str = "\u{1b}[1;34m";
const BOLD: &str = "\u{1b}[1m";
const PLAIN: &str = "\u{1b}[0m";

/// The error for a terminal, ending in a line end; with colours if `colours`.
pub(super) fn render(error: &Error, colours: bool) -> String {
    let paint = |colour: &str, text: &str| match colours {
        true => format!("{colour}{text}{PLAIN}"),
        false => text.to_owned(),
    };
    let mut text = format!("{} {}\n", paint(RED, "error:"), paint(BOLD, &printable(&error.to_string())));
    if let Error::Input { help, place, .. } = error {
        if let Some(place) = place {
            let (line, column) = place.line_column();
            let (source, caret) = excerpt(place, column);
            let number = line.to_string();
            let margin = " ".repeat(number.len());
            let bar = paint(BLUE, "|");
            // What was typed after a flag is its own line; nobody counts columns there.
            let location = match place.name.starts_with("--") {
                true => place.name.clone(),
                false => format!("{}:{line}:{column}", place.name),
            };
            text += &format!("{margin}{} {location}\n", paint(BLUE, "-->"));
            text += &format!("{} {bar} {source}\n", paint(BLUE, &number));
            text += &format!("{margin} {bar} {}\n", paint(RED, &caret));
        }
        if let Some(help) = help {
            for (i, line) in help.lines().enumerate() {
                let margin = if i == 0 { paint(BLUE, "help:") } else { "     ".into() };
                text += &format!("{margin} {}\n", printable(line));
            }
        }
    }
    text
}

/// The line of the place, cut around it if it is long, and the carets below it.
fn excerpt(place: &Place, column: usize) -> (String, String) {
    let start = place.span.0.min(place.text.len());
    let bytes = place.text.as_bytes();
    let begin = bytes[..start].iter().rposition(|b| *b == b'\n').map_or(0, |i| i + 1);
    let end = bytes[start..].iter().position(|b| *b == b'\n').map_or(bytes.len(), |i| start + i);
    let line: Vec<char> = printable(String::from_utf8_lossy(&bytes[begin..end]).trim_end()).chars().collect();

    let stop = (start + place.span.1).min(end);
    let marked = String::from_utf8_lossy(&bytes[start..stop]).trim_end().chars().count().max(1);
    let at = column - 1;
    if line.len() <= WIDTH {
        return (line.iter().collect(), " ".repeat(at) + &"^".repeat(marked));
    }
    // Keep the beginning of what is marked in the middle, with dots where something is left out.
    let first = at.saturating_sub(WIDTH / 2).min(line.len().saturating_sub(WIDTH));
    let last = (first + WIDTH).min(line.len());
    let (before, after) = (if first > 0 { "..." } else { "" }, if last < line.len() { "..." } else { "" });
    let shown: String = line[first..last].iter().collect();
    let carets = marked.min(last.saturating_sub(at).max(1));
    (format!("{before}{shown}{after}"), " ".repeat(before.len() + at - first) + &"^".repeat(carets))
}

/// Text that can't upset a terminal: control characters become spaces, one for one so that columns stay.
fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(text: &str, span: (usize, usize)) -> Place {
        Place { name: "s.toml".into(), text: text.into(), span }
    }

    #[test]
    fn the_caret_stands_under_the_value() {
        let text = "[landscape]\nsigma = -1\n";
        let error =
            Error::input("`sigma` must be positive").with_help("sigma = 0.5").at(place(text, (20, 2)));
        let expected = "\
error: `sigma` must be positive
 --> s.toml:2:9
2 | sigma = -1
  |         ^^
help: sigma = 0.5
";
        assert_eq!(render(&error, false), expected);
    }

    #[test]
    fn help_keeps_its_lines() {
        let error = Error::input("bad").with_help("write\n[region]\nx\u{1b} = 1");
        assert_eq!(render(&error, false), "error: bad\nhelp: write\n      [region]\n      x  = 1\n");
    }

    #[test]
    fn long_lines_are_cut_around_the_caret() {
        let text = format!("w = [{}nan{}]", "1, ".repeat(200), ", 2".repeat(200));
        let error = Error::input("bad").at(place(&text, (605, 3)));
        let shown = render(&error, false);
        let lines: Vec<&str> = shown.lines().collect();
        assert!(lines[2].chars().count() < 120);
        let caret = lines[3].find('^').unwrap();
        assert_eq!(&lines[2][caret..caret + 3], "nan");
        assert_eq!(lines[3].matches('^').count(), 3);
    }

    #[test]
    fn odd_places_do_no_harm() {
        for (text, span) in [
            ("", (0, 0)),
            ("", (5, 9)),
            ("a\n", (2, 0)),
            ("\u{1b}[2J\tü", (5, 9)),
            ("a\r\nb", (0, 9)),
            ("üü", (1, 1)),
        ] {
            let shown = render(&Error::input("bad").at(place(text, span)), false);
            assert!(!shown.contains('\u{1b}'));
            assert_eq!(shown.lines().count(), 4, "{shown}");
        }
    }

    #[test]
    fn what_was_typed_is_shown_without_a_position() {
        let at = Place { name: "--set".into(), text: "sigma=-1".into(), span: (6, 2) };
        let shown = render(&Error::input("bad").at(at), false);
        assert_eq!(shown, "error: bad\n --> --set\n1 | sigma=-1\n  |       ^^\n");
    }
}
