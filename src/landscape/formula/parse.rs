//! From text to a tree, with every name resolved.
//!
//! ```text
//! expression = term { ("+" | "-") term }
//! term       = signed { ("*" | "/") signed }
//! signed     = { "+" | "-" } power
//! power      = atom [ ("^" | "**") { "+" | "-" } power ]
//! atom       = number | name | "x" "[" expression "]" | name "(" expression { "," expression } ")"
//!            | ("sum" | "prod") "(" name "," expression "," expression "," expression ")" | "(" expression ")"
//! ```

use super::SyntaxError;
use super::lex::{self, Lexeme, Token};
use super::scalar::{Function, Pairing};
use crate::error::brief;

/// How deep parentheses, powers and loops may nest. Both parsing and unrolling recurse, so this bounds their stack.
const DEEPEST: usize = 150;

/// A part of the formula and its bytes in the text.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) kind: Kind,
    pub(super) start: usize,
    pub(super) end: usize,
}

/// What a part is. Chains are flat, so that long ones are not deep.
#[derive(Debug)]
pub(super) enum Kind {
    Number(f64),
    Pi,
    E,
    Parameter(usize),
    /// The index of the loop at this depth, the outermost being 0.
    LoopIndex(usize),
    /// A coordinate, by its index expression.
    State(Box<Node>),
    /// Terms, each with "is subtracted".
    Sum(Vec<(bool, Node)>),
    /// Factors, each with "is divided by".
    Product(Vec<(bool, Node)>),
    Neg(Box<Node>),
    Power(Box<Node>, Box<Node>),
    Call(Callee, Vec<Node>),
    /// `sum` or (`product`) `prod` over an index between inclusive bounds.
    Loop {
        product: bool,
        index: String,
        from: Box<Node>,
        to: Box<Node>,
        body: Box<Node>,
    },
}

/// What can be called.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Callee {
    Unary(Function),
    Binary(Pairing),
    Max,
    Min,
    Mod,
    Floor,
}

/// Every function by its name.
const FUNCTIONS: &[(&str, Callee)] = &[
    ("sqrt", Callee::Unary(Function::Sqrt)),
    ("exp", Callee::Unary(Function::Exp)),
    ("log", Callee::Unary(Function::Ln)),
    ("ln", Callee::Unary(Function::Ln)),
    ("log10", Callee::Unary(Function::Log10)),
    ("sin", Callee::Unary(Function::Sin)),
    ("cos", Callee::Unary(Function::Cos)),
    ("tan", Callee::Unary(Function::Tan)),
    ("asin", Callee::Unary(Function::Asin)),
    ("acos", Callee::Unary(Function::Acos)),
    ("atan", Callee::Unary(Function::Atan)),
    ("sinh", Callee::Unary(Function::Sinh)),
    ("cosh", Callee::Unary(Function::Cosh)),
    ("tanh", Callee::Unary(Function::Tanh)),
    ("abs", Callee::Unary(Function::Abs)),
    ("sign", Callee::Unary(Function::Sign)),
    ("relu", Callee::Unary(Function::Relu)),
    ("softplus", Callee::Unary(Function::Softplus)),
    ("sigmoid", Callee::Unary(Function::Sigmoid)),
    ("logcosh", Callee::Unary(Function::Logcosh)),
    ("erf", Callee::Unary(Function::Erf)),
    ("pow", Callee::Binary(Pairing::Pow)),
    ("atan2", Callee::Binary(Pairing::Atan2)),
    ("max", Callee::Max),
    ("min", Callee::Min),
    ("mod", Callee::Mod),
    ("floor", Callee::Floor),
];

/// Is the name taken for good, so that neither a parameter nor an index can have it?
pub(super) fn is_reserved(name: &str) -> bool {
    matches!(name, "pi" | "dim" | "sum" | "prod") || function(name).is_some()
}

/// Names of all functions.
pub(super) fn functions<'a>() -> impl Iterator<Item = &'a str> {
    FUNCTIONS.iter().map(|(name, _)| *name).chain(["sum", "prod"])
}

fn function(name: &str) -> Option<Callee> {
    FUNCTIONS.iter().find(|(known, _)| *known == name).map(|(_, callee)| *callee)
}

/// The name nearest to `name`, if one is near.
pub(super) fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let close = name.chars().count().div_ceil(3);
    known
        .into_iter()
        .map(|k| (strsim::damerau_levenshtein(&name.to_lowercase(), &k.to_lowercase()), k))
        .filter(|(distance, _)| *distance <= close)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, k)| k)
}

/// Parses an energy of `dim` coordinates and these parameters.
pub(super) fn parse(text: &str, dim: usize, parameters: &[String]) -> Result<Node, SyntaxError> {
    let ahead = lex::next(text, 0)?;
    if ahead.token == Token::End {
        return Err(SyntaxError::new(0, text.len(), "the energy is empty")
            .help("write an expression in x[0], x[1], ..., such as \"(x[0]^2 - 1)^2\""));
    }
    let mut parser = Parser { text, dim, parameters, loops: vec![], ahead, depth: 0 };
    let node = parser.expression()?;
    match parser.ahead.token {
        Token::End => Ok(node),
        Token::Close => Err(parser.unexpected("there is no open parenthesis that it could close")),
        Token::CloseBracket => Err(parser.unexpected("there is no open bracket that it could close")),
        Token::Comma => {
            Err(parser.unexpected("commas separate arguments; decimals are written with a point, as in 1.5"))
        }
        _ => Err(parser.unexpected("the energy is complete before it; an operator may be missing")),
    }
}

struct Parser<'a> {
    text: &'a str,
    dim: usize,
    parameters: &'a [String],
    /// Names of the loop indices around, outermost first.
    loops: Vec<&'a str>,
    ahead: Lexeme,
    depth: usize,
}

impl<'a> Parser<'a> {
    fn advance(&mut self) -> Result<Lexeme, SyntaxError> {
        let next = lex::next(self.text, self.ahead.end)?;
        Ok(std::mem::replace(&mut self.ahead, next))
    }

    fn slice(&self, lexeme: Lexeme) -> &'a str {
        &self.text[lexeme.start..lexeme.end]
    }

    /// An error at the token ahead, which nobody could use.
    fn unexpected(&self, help: &str) -> SyntaxError {
        let Lexeme { token, start, end } = self.ahead;
        let message = match token {
            Token::End => "the energy ends too early".to_string(),
            _ => format!("unexpected `{}`", brief(self.slice(self.ahead))),
        };
        SyntaxError::new(start, end, message).help(help)
    }

    fn deeper(&mut self) -> Result<(), SyntaxError> {
        self.depth += 1;
        if self.depth > DEEPEST {
            let Lexeme { start, end, .. } = self.ahead;
            return Err(SyntaxError::new(
                start,
                end,
                format!("the energy is nested more than {DEEPEST} levels deep here"),
            )
            .help("use fewer parentheses inside each other, or sum(i, a, b, ...)"));
        }
        Ok(())
    }

    fn expression(&mut self) -> Result<Node, SyntaxError> {
        self.deeper()?;
        let first = self.term()?;
        let mut terms = vec![(false, first)];
        while let Token::Plus | Token::Minus = self.ahead.token {
            let minus = self.advance()?.token == Token::Minus;
            terms.push((minus, self.term()?));
        }
        self.depth -= 1;
        Ok(chain(terms, Kind::Sum))
    }

    fn term(&mut self) -> Result<Node, SyntaxError> {
        let mut factors = vec![(false, self.signed()?)];
        loop {
            match self.ahead.token {
                Token::Star | Token::Slash => {
                    let over = self.advance()?.token == Token::Slash;
                    factors.push((over, self.signed()?));
                }
                Token::Number(_) | Token::Name | Token::Open => {
                    let before = factors.last().map_or(0, |(_, node)| node.start);
                    return Err(self.missing_operator(before));
                }
                _ => return Ok(chain(factors, Kind::Product)),
            }
        }
    }

    fn signed(&mut self) -> Result<Node, SyntaxError> {
        let start = self.ahead.start;
        let minus = self.signs()?;
        let node = self.power()?;
        let end = node.end;
        Ok(if minus { Node { kind: Kind::Neg(Box::new(node)), start, end } } else { node })
    }

    /// Any number of signs; is their product negative?
    fn signs(&mut self) -> Result<bool, SyntaxError> {
        let mut minus = false;
        while let Token::Plus | Token::Minus = self.ahead.token {
            minus ^= self.advance()?.token == Token::Minus;
        }
        Ok(minus)
    }

    fn power(&mut self) -> Result<Node, SyntaxError> {
        let base = self.atom()?;
        if self.ahead.token != Token::Power {
            return Ok(base);
        }
        self.advance()?;
        self.deeper()?;
        let at = self.ahead.start;
        let minus = self.signs()?;
        let mut exponent = self.power()?;
        self.depth -= 1;
        let (start, end) = (base.start, exponent.end);
        if minus {
            exponent = Node { kind: Kind::Neg(Box::new(exponent)), start: at, end };
        }
        Ok(Node { kind: Kind::Power(Box::new(base), Box::new(exponent)), start, end })
    }

    fn atom(&mut self) -> Result<Node, SyntaxError> {
        match self.ahead.token {
            Token::Number(value) => {
                let Lexeme { start, end, .. } = self.advance()?;
                Ok(Node { kind: Kind::Number(value), start, end })
            }
            Token::Open => {
                let open = self.advance()?;
                let mut node = self.expression()?;
                node.start = open.start;
                node.end = self.close(open, Token::Close)?;
                Ok(node)
            }
            Token::Name => self.named(),
            Token::End => {
                Err(self.unexpected("a number, a name or a parenthesis must follow the last character"))
            }
            _ => Err(self.unexpected("a number, a name or an open parenthesis is missing before it")),
        }
    }

    /// The closing partner of `open`; returns where it ends.
    fn close(&mut self, open: Lexeme, partner: Token) -> Result<usize, SyntaxError> {
        if self.ahead.token == partner {
            return Ok(self.advance()?.end);
        }
        let (what, sign) = if partner == Token::Close { ("parenthesis", ")") } else { ("bracket", "]") };
        if self.ahead.token == Token::End {
            return Err(SyntaxError::new(open.start, open.end, format!("this {what} is never closed"))
                .help(format!("add the missing `{sign}`")));
        }
        Err(self.unexpected(&format!("a `{sign}` or an operator is missing before it")))
    }

    fn named(&mut self) -> Result<Node, SyntaxError> {
        let lexeme = self.advance()?;
        let name = self.slice(lexeme);
        let Lexeme { start, end, .. } = lexeme;
        match self.ahead.token {
            Token::OpenBracket => return self.indexed(lexeme),
            Token::Open if matches!(name, "sum" | "prod") => return self.repeated(lexeme),
            Token::Open => match function(name) {
                Some(callee) => return self.call(lexeme, callee),
                None => return Err(self.not_a_function(lexeme)),
            },
            _ => {}
        }
        let node = |kind| Ok(Node { kind, start, end });
        if let Some(depth) = self.loops.iter().rposition(|index| *index == name) {
            return node(Kind::LoopIndex(depth));
        }
        if let Some(k) = self.parameters.iter().position(|p| p == name) {
            return node(Kind::Parameter(k));
        }
        match name {
            "pi" => return node(Kind::Pi),
            "e" => return node(Kind::E),
            "n" | "dim" => return node(Kind::Number(self.dim as f64)),
            _ => {}
        }
        let error = |message: String| SyntaxError::new(start, end, message);
        if let Some(i) = ["x", "y", "z"].iter().position(|alias| *alias == name) {
            if self.dim <= 3 && i < self.dim {
                let index = Node { kind: Kind::Number(i as f64), start, end };
                return node(Kind::State(Box::new(index)));
            }
            if name == "x" {
                return Err(error("`x` needs an index".into()).help(format!(
                    "write x[0] to x[{}]; the bare names x, y, z are for dim <= 3",
                    self.dim - 1
                )));
            }
            return Err(error(format!("unknown name `{}`", brief(name))).help(format!(
                "with dim = {} the coordinates are {}",
                self.dim,
                match self.dim {
                    1 => "x alone".to_string(),
                    2 => "x and y".to_string(),
                    n => format!("x[0] to x[{}]", n - 1),
                }
            )));
        }
        if is_reserved(name) {
            return Err(error(format!("the function `{name}` has no arguments"))
                .help(format!("write {name}(...) with parentheses")));
        }
        Err(error(format!("unknown name `{}`", brief(name))).help(self.suggestion(name)))
    }

    fn suggestion(&self, name: &str) -> String {
        let names = self
            .parameters
            .iter()
            .map(String::as_str)
            .chain(self.loops.iter().copied())
            .chain(functions())
            .chain(["pi", "dim"]);
        if let Some(near) = nearest(name, names) {
            return format!("did you mean `{near}`?");
        }
        let digits = name.trim_start_matches(['x', '_']);
        if name.starts_with('x') && digits.parse::<usize>().is_ok_and(|i| i < self.dim) {
            return format!("did you mean `x[{digits}]`?");
        }
        if self.parameters.is_empty() {
            "declare it as a parameter, with its value, in the table [landscape.parameters]".into()
        } else {
            format!("the parameters are {}", self.parameters.join(", "))
        }
    }

    fn not_a_function(&self, lexeme: Lexeme) -> SyntaxError {
        let name = self.slice(lexeme);
        let known = self.loops.contains(&name)
            || self.parameters.iter().any(|p| p == name)
            || matches!(name, "x" | "y" | "z" | "pi" | "e" | "n" | "dim");
        if name == "x" && !self.parameters.iter().any(|p| p == name) {
            return SyntaxError::new(lexeme.start, lexeme.end, "`x` is not a function")
                .help("coordinates take brackets, x[0]; a product is written x*(...)");
        }
        if known {
            return self.missing_operator(lexeme.start);
        }
        let near = nearest(name, functions());
        let help = near.map_or_else(
            || "`smale landscapes formula` lists the functions".to_string(),
            |near| format!("did you mean `{near}`?"),
        );
        SyntaxError::new(lexeme.start, lexeme.end, format!("unknown function `{}`", brief(name))).help(help)
    }

    /// The operand that began at `before` meets the token ahead without an operator.
    fn missing_operator(&self, before: usize) -> SyntaxError {
        let Lexeme { start, end, token } = self.ahead;
        let left = self.text[before..start].trim_end();
        let right = if token == Token::Open { "(...)" } else { &brief(self.slice(self.ahead)) };
        let help = if left.chars().count() <= 24 {
            format!("write a product with its operator: {left}*{right}")
        } else {
            "write a product with its operator, as in 2*x".to_string()
        };
        let message = format!("an operator is missing before `{}`", brief(self.slice(self.ahead)));
        SyntaxError::new(start, end, message).help(help)
    }

    fn indexed(&mut self, lexeme: Lexeme) -> Result<Node, SyntaxError> {
        let name = self.slice(lexeme);
        if name != "x" {
            return Err(SyntaxError::new(
                lexeme.start,
                lexeme.end,
                format!("`{}` takes no index", brief(name)),
            )
            .help("only the state x has components: x[0], x[1], ..."));
        }
        let open = self.advance()?;
        let index = self.expression()?;
        let end = self.close(open, Token::CloseBracket)?;
        Ok(Node { kind: Kind::State(Box::new(index)), start: lexeme.start, end })
    }

    fn call(&mut self, lexeme: Lexeme, callee: Callee) -> Result<Node, SyntaxError> {
        let name = self.slice(lexeme);
        let open = self.advance()?;
        let mut arguments = vec![];
        if self.ahead.token != Token::Close {
            arguments.push(self.expression()?);
            while self.ahead.token == Token::Comma {
                self.advance()?;
                arguments.push(self.expression()?);
            }
        }
        let end = self.close(open, Token::Close)?;
        let (least, most) = match callee {
            Callee::Unary(_) | Callee::Floor => (1, 1),
            Callee::Binary(_) | Callee::Mod => (2, 2),
            Callee::Max | Callee::Min => (2, usize::MAX),
        };
        if arguments.len() < least || arguments.len() > most {
            let takes = match (least, most) {
                (1, _) => "one argument",
                (_, 2) => "two arguments",
                _ => "two arguments or more",
            };
            let message = format!("`{name}` takes {takes}, not {}", arguments.len());
            return Err(SyntaxError::new(lexeme.start, end, message));
        }
        Ok(Node { kind: Kind::Call(callee, arguments), start: lexeme.start, end })
    }

    /// `sum(i, from, to, body)` or `prod(...)`.
    fn repeated(&mut self, lexeme: Lexeme) -> Result<Node, SyntaxError> {
        let word = self.slice(lexeme);
        let form =
            format!("the form is {word}(i, first, last, expression), for i from first to last inclusive");
        let open = self.advance()?;
        let index = self.ahead;
        let name = self.slice(index);
        if index.token != Token::Name {
            return Err(self.unexpected(&form));
        }
        if name == "x" || is_reserved(name) {
            return Err(SyntaxError::new(index.start, index.end, format!("`{name}` cannot be an index"))
                .help("it has a meaning of its own; take another name, such as i"));
        }
        self.advance()?;
        self.comma(&form)?;
        let from = Box::new(self.expression()?);
        self.comma(&form)?;
        let to = Box::new(self.expression()?);
        self.comma(&form)?;
        self.loops.push(name);
        let body = Box::new(self.expression()?);
        self.loops.pop();
        if self.ahead.token == Token::Comma {
            return Err(self.unexpected(&form));
        }
        let end = self.close(open, Token::Close)?;
        let kind = Kind::Loop { product: word == "prod", index: name.to_string(), from, to, body };
        Ok(Node { kind, start: lexeme.start, end })
    }

    fn comma(&mut self, form: &str) -> Result<(), SyntaxError> {
        if self.ahead.token != Token::Comma {
            return Err(self.unexpected(form));
        }
        self.advance().map(|_| ())
    }
}

/// A chain of one is its only link.
fn chain(mut links: Vec<(bool, Node)>, kind: impl Fn(Vec<(bool, Node)>) -> Kind) -> Node {
    if links.len() == 1
        && let Some((_, only)) = links.pop()
    {
        return only;
    }
    let start = links.first().map_or(0, |(_, node)| node.start);
    let end = links.last().map_or(0, |(_, node)| node.end);
    Node { kind: kind(links), start, end }
}
