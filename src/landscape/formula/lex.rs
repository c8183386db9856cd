//! A formula's text cut into tokens.

use super::SyntaxError;
use crate::error::brief;

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Token {
    Number(f64),
    Name,
    Plus,
    Minus,
    Star,
    Slash,
    Power,
    Comma,
    Open,
    Close,
    OpenBracket,
    CloseBracket,
    End,
}

/// A token and its bytes in the text.
#[derive(Clone, Copy, Debug)]
pub(super) struct Lexeme {
    pub(super) token: Token,
    pub(super) start: usize,
    pub(super) end: usize,
}

/// The next token at or after byte `from`.
pub(super) fn next(text: &str, from: usize) -> Result<Lexeme, SyntaxError> {
    let rest = &text[from..];
    let start = from + (rest.len() - rest.trim_start().len());
    let rest = &text[start..];
    let Some(first) = rest.chars().next() else {
        return Ok(Lexeme { token: Token::End, start: text.len(), end: text.len() });
    };
    let simple = |token, length| Ok(Lexeme { token, start, end: start + length });
    match first {
        '+' => simple(Token::Plus, 1),
        '-' => simple(Token::Minus, 1),
        '*' if rest.starts_with("**") => simple(Token::Power, 2),
        '*' => simple(Token::Star, 1),
        '/' => simple(Token::Slash, 1),
        '^' => simple(Token::Power, 1),
        ',' => simple(Token::Comma, 1),
        '(' => simple(Token::Open, 1),
        ')' => simple(Token::Close, 1),
        '[' => simple(Token::OpenBracket, 1),
        ']' => simple(Token::CloseBracket, 1),
        c if c.is_ascii_digit() || (c == '.' && rest[1..].starts_with(|d: char| d.is_ascii_digit())) => {
            number(rest, start)
        }
        c if c.is_alphabetic() || c == '_' => {
            let length = rest.find(|c: char| !is_name(c)).unwrap_or(rest.len());
            simple(Token::Name, length)
        }
        c => Err(SyntaxError::new(start, start + c.len_utf8(), format!("unexpected character `{c}`"))
            .help_if(replacement(c))),
    }
}

/// May the character stand inside a name?
pub(super) fn is_name(c: char) -> bool {
    c.is_alphabetic() || c.is_ascii_digit() || c == '_'
}

/// `12`, `1.5`, `.5`, `1.`, `1e-3`.
fn number(rest: &str, start: usize) -> Result<Lexeme, SyntaxError> {
    let bytes = rest.as_bytes();
    let digits = |from: usize| bytes[from..].iter().take_while(|b| b.is_ascii_digit()).count();
    let mut length = digits(0);
    if bytes.get(length) == Some(&b'.') {
        length += 1;
        length += digits(length);
    }
    if matches!(bytes.get(length), Some(b'e' | b'E')) {
        let sign = usize::from(matches!(bytes.get(length + 1), Some(b'+' | b'-')));
        let exponent = length + 1 + sign;
        // `2e` is a number and a name, not a broken exponent; whoever reads the name says what is wrong.
        if exponent < bytes.len() && digits(exponent) > 0 {
            length = exponent + digits(exponent);
        }
    }
    let end = start + length;
    match rest[..length].parse::<f64>() {
        Ok(value) if value.is_finite() => Ok(Lexeme { token: Token::Number(value), start, end }),
        _ => {
            Err(SyntaxError::new(start, end, format!("the number `{}` is too large", brief(&rest[..length]))))
        }
    }
}

/// What to write instead of a character that the language does not have.
fn replacement(c: char) -> Option<String> {
    let instead = match c {
        '×' | '·' | '⋅' | '∙' => "write `*` for a product",
        '÷' | ':' => "write `/` for a quotient",
        '−' | '–' | '—' => "write a plain hyphen `-`",
        '²' => "write `^2`",
        '³' => "write `^3`",
        '√' => "write `sqrt(...)`",
        '∑' => "write `sum(i, 0, n-1, ...)`",
        '|' => "write `abs(...)` for a modulus",
        '{' | '}' => "use parentheses `( )`",
        '=' | '<' | '>' => "give the energy alone, without comparisons or assignments",
        ';' => "separate arguments with a comma",
        '"' | '\'' | '\\' | '$' => "leave it out",
        '%' => "write `mod(a, b)`",
        '!' => "there are no factorials; write `prod(i, 1, k, i)`",
        _ => return None,
    };
    Some(instead.to_string())
}
