//! The checker's own reader of formulas: from the text to a list of operations on intervals.
//!
//! The language is that of `docs/formula.md`; of its functions those that are smooth on their domain, the others of constants only. A
//! chain of sums or products is one node, and nesting is limited, so that the depth of any recursion is.

use std::collections::BTreeMap;

use super::interval::{ALL, E, I, ONE, PI, ZERO};

/// Deepest nesting.
const DEEPEST: usize = 60;
/// Most operations.
pub(super) const MOST: usize = 50_000;

/// Letters of a name.
const NAME: usize = 100;
/// Longest text.
const LONGEST: usize = 200_000;

/// A function of one variable, smooth where it is defined.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Function {
    Exp,
    Log,
    Sqrt,
    Sin,
    Cos,
    Tanh,
    Sigmoid,
    Softplus,
    LogCosh,
    /// `1/u`.
    Recip,
    /// A whole power, not 0 or 1.
    Power(i32),
}

/// An operation; numbers are places in the list before it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Op {
    Const(I),
    Coordinate(usize),
    Add(usize, usize),
    Sub(usize, usize),
    Mul(usize, usize),
    Apply(Function, usize),
}

/// What an expression came to.
#[derive(Clone, Copy)]
enum Value {
    Const(I),
    Place(usize),
}

enum Node {
    Number(f64),
    Name(String),
    Coordinate(Box<Node>),
    /// Terms, and whether each is subtracted.
    Sum(Vec<(bool, Node)>),
    /// Factors, and whether it is divided by each.
    Product(Vec<(bool, Node)>),
    Negative(Box<Node>),
    Power(Box<Node>, Box<Node>),
    Call(String, Vec<Node>),
    Loop {
        product: bool,
        index: String,
        first: Box<Node>,
        last: Box<Node>,
        body: Box<Node>,
    },
}

#[derive(Clone, Debug, PartialEq)]
enum Token {
    Number(f64),
    Name(String),
    Sign(char),
    End,
}

type Result<T> = std::result::Result<T, String>;

/// The operations of an energy of `dim` coordinates; the last one is its value.
pub(super) fn compile(text: &str, dim: usize, parameters: &BTreeMap<String, I>) -> Result<Vec<Op>> {
    if text.len() > LONGEST {
        return Err(format!("the formula has {} characters, more than {LONGEST}", text.len()));
    }
    let mut parser = Parser { tokens: tokens(text)?, next: 0, depth: 0 };
    let tree = parser.expression()?;
    if parser.peek() != &Token::End {
        return Err("the formula does not end where it is complete".into());
    }
    let mut compiler =
        Compiler { dim, parameters, ops: (0..dim).map(Op::Coordinate).collect(), loops: vec![], steps: 0 };
    let value = compiler.value(&tree)?;
    compiler.place(value)?;
    // The last operation is the value, also if that is a coordinate.
    if let Value::Place(p) = value
        && p + 1 != compiler.ops.len()
    {
        let zero = compiler.push(Op::Const(ZERO))?;
        compiler.push(Op::Add(p, zero))?;
    }
    Ok(compiler.ops)
}

fn tokens(text: &str) -> Result<Vec<Token>> {
    let bytes: Vec<char> = text.chars().collect();
    let (mut found, mut i) = (vec![], 0);
    while i < bytes.len() {
        let c = bytes[i];
        if c.is_whitespace() {
            i += 1;
        } else if c.is_ascii_digit() || (c == '.' && bytes.get(i + 1).is_some_and(char::is_ascii_digit)) {
            let start = i;
            while bytes.get(i).is_some_and(|c| c.is_ascii_digit() || *c == '.') {
                i += 1;
            }
            if bytes.get(i).is_some_and(|c| matches!(c, 'e' | 'E')) {
                let sign = usize::from(bytes.get(i + 1).is_some_and(|c| matches!(c, '+' | '-')));
                if bytes.get(i + 1 + sign).is_some_and(char::is_ascii_digit) {
                    i += 1 + sign;
                    while bytes.get(i).is_some_and(char::is_ascii_digit) {
                        i += 1;
                    }
                }
            }
            let digits: String = bytes[start..i].iter().collect();
            let value: f64 = digits.parse().map_err(|_| format!("`{digits}` is no number"))?;
            if !value.is_finite() {
                return Err(format!("`{digits}` is too large a number"));
            }
            found.push(Token::Number(value));
        } else if c.is_ascii_alphabetic() || c == '_' {
            let start = i;
            while bytes.get(i).is_some_and(|c| c.is_ascii_alphanumeric() || *c == '_') {
                i += 1;
            }
            if i - start > NAME {
                return Err(format!("a name in the formula is longer than {NAME} letters"));
            }
            found.push(Token::Name(bytes[start..i].iter().collect()));
        } else if c == '*' && bytes.get(i + 1) == Some(&'*') {
            found.push(Token::Sign('^'));
            i += 2;
        } else if "+-*/^,()[]".contains(c) {
            found.push(Token::Sign(c));
            i += 1;
        } else {
            return Err(format!("unexpected character `{c}` in the formula"));
        }
    }
    found.push(Token::End);
    Ok(found)
}

struct Parser {
    tokens: Vec<Token>,
    next: usize,
    depth: usize,
}

impl Parser {
    fn peek(&self) -> &Token {
        self.tokens.get(self.next).unwrap_or(&Token::End)
    }

    fn take(&mut self, sign: char) -> bool {
        let found = self.peek() == &Token::Sign(sign);
        self.next += usize::from(found);
        found
    }

    fn need(&mut self, sign: char) -> Result<()> {
        if self.take(sign) { Ok(()) } else { Err(format!("the formula lacks a `{sign}`")) }
    }

    fn expression(&mut self) -> Result<Node> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err(format!("the formula is nested more than {DEEPEST} deep"));
        }
        let mut terms = vec![(false, self.term()?)];
        loop {
            if self.take('+') {
                terms.push((false, self.term()?));
            } else if self.take('-') {
                terms.push((true, self.term()?));
            } else {
                break;
            }
        }
        self.depth -= 1;
        Ok(single(terms, Node::Sum))
    }

    fn term(&mut self) -> Result<Node> {
        let mut factors = vec![(false, self.signed()?)];
        loop {
            if self.take('*') {
                factors.push((false, self.signed()?));
            } else if self.take('/') {
                factors.push((true, self.signed()?));
            } else {
                break;
            }
        }
        Ok(single(factors, Node::Product))
    }

    fn sign(&mut self) -> bool {
        let mut negative = false;
        loop {
            if self.take('-') {
                negative = !negative;
            } else if !self.take('+') {
                return negative;
            }
        }
    }

    fn signed(&mut self) -> Result<Node> {
        let negative = self.sign();
        let node = self.power()?;
        Ok(if negative { Node::Negative(Box::new(node)) } else { node })
    }

    fn power(&mut self) -> Result<Node> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err(format!("the formula is nested more than {DEEPEST} deep"));
        }
        let base = self.atom()?;
        let node = if self.take('^') {
            let negative = self.sign();
            let exponent = self.power()?;
            let exponent = if negative { Node::Negative(Box::new(exponent)) } else { exponent };
            Node::Power(Box::new(base), Box::new(exponent))
        } else {
            base
        };
        self.depth -= 1;
        Ok(node)
    }

    fn atom(&mut self) -> Result<Node> {
        let token = self.peek().clone();
        self.next += 1;
        match token {
            Token::Number(value) => Ok(Node::Number(value)),
            Token::Sign('(') => {
                let inner = self.expression()?;
                self.need(')')?;
                Ok(inner)
            }
            Token::Name(name) if self.take('[') => {
                if name != "x" {
                    return Err(format!("`{name}` takes no index"));
                }
                let index = self.expression()?;
                self.need(']')?;
                Ok(Node::Coordinate(Box::new(index)))
            }
            Token::Name(name) if self.take('(') => self.call(name),
            Token::Name(name) => Ok(Node::Name(name)),
            _ => Err("the formula is incomplete".into()),
        }
    }

    fn call(&mut self, name: String) -> Result<Node> {
        if name == "sum" || name == "prod" {
            let Token::Name(index) = self.peek().clone() else {
                return Err(format!("`{name}` needs an index"));
            };
            self.next += 1;
            self.need(',')?;
            let first = Box::new(self.expression()?);
            self.need(',')?;
            let last = Box::new(self.expression()?);
            self.need(',')?;
            let body = Box::new(self.expression()?);
            self.need(')')?;
            return Ok(Node::Loop { product: name == "prod", index, first, last, body });
        }
        let mut arguments = vec![self.expression()?];
        while self.take(',') {
            arguments.push(self.expression()?);
        }
        self.need(')')?;
        Ok(Node::Call(name, arguments))
    }
}

fn single(mut parts: Vec<(bool, Node)>, many: fn(Vec<(bool, Node)>) -> Node) -> Node {
    if parts.len() == 1 { parts.remove(0).1 } else { many(parts) }
}

struct Compiler<'a> {
    dim: usize,
    parameters: &'a BTreeMap<String, I>,
    ops: Vec<Op>,
    /// Indices of the loops around, innermost last.
    loops: Vec<(String, f64)>,
    /// Expressions worked out so far.
    steps: usize,
}

impl Compiler<'_> {
    fn push(&mut self, op: Op) -> Result<usize> {
        if self.ops.len() >= MOST {
            return Err(format!("the formula has more than {MOST} operations"));
        }
        self.ops.push(op);
        Ok(self.ops.len() - 1)
    }

    fn place(&mut self, value: Value) -> Result<usize> {
        match value {
            Value::Place(place) => Ok(place),
            Value::Const(c) => self.push(Op::Const(c)),
        }
    }

    fn value(&mut self, node: &Node) -> Result<Value> {
        self.steps += 1;
        if self.steps > 40 * MOST {
            return Err("the sums of the formula have too many terms".into());
        }
        match node {
            Node::Number(v) => Ok(Value::Const(I::of(*v))),
            Node::Name(name) => self.name(name),
            Node::Coordinate(index) => {
                let index = self.whole(index)?;
                self.coordinate(index)
            }
            Node::Sum(terms) => {
                let mut total = Value::Const(ZERO);
                for (negative, term) in terms {
                    let term = self.value(term)?;
                    total = self.add(total, term, *negative)?;
                }
                Ok(total)
            }
            Node::Product(factors) => {
                let mut total = Value::Const(ONE);
                for (divides, factor) in factors {
                    let factor = self.value(factor)?;
                    total =
                        if *divides { self.divide(total, factor)? } else { self.multiply(total, factor)? };
                }
                Ok(total)
            }
            Node::Negative(inner) => {
                let inner = self.value(inner)?;
                self.add(Value::Const(ZERO), inner, true)
            }
            Node::Power(base, exponent) => {
                let (base, exponent) = (self.value(base)?, self.value(exponent)?);
                self.power(base, exponent)
            }
            Node::Call(name, arguments) => {
                let mut values = vec![];
                for argument in arguments {
                    values.push(self.value(argument)?);
                }
                self.call(name, &values)
            }
            Node::Loop { product, index, first, last, body } => {
                let taken = is_reserved(index) || self.parameters.contains_key(index);
                if taken || self.loops.iter().any(|(name, _)| name == index) {
                    return Err(format!("the index `{index}` has a name that is taken"));
                }
                let (first, last) = (self.whole(first)?, self.whole(last)?);
                if last - first > MOST as i64 {
                    return Err("a sum has too many terms".into());
                }
                let mut total = Value::Const(if *product { ONE } else { ZERO });
                for i in first..=last {
                    self.loops.push((index.clone(), i as f64));
                    let part = self.value(body);
                    self.loops.pop();
                    let part = part?;
                    total =
                        if *product { self.multiply(total, part)? } else { self.add(total, part, false)? };
                }
                Ok(total)
            }
        }
    }

    fn coordinate(&self, index: i64) -> Result<Value> {
        match usize::try_from(index) {
            Ok(i) if i < self.dim => Ok(Value::Place(i)),
            _ => Err(format!("x[{index}] does not exist in {} dimensions", self.dim)),
        }
    }

    fn name(&self, name: &str) -> Result<Value> {
        if let Some((_, value)) = self.loops.iter().rev().find(|(known, _)| known == name) {
            return Ok(Value::Const(I::of(*value)));
        }
        if let Some(value) = self.parameters.get(name) {
            return Ok(Value::Const(*value));
        }
        match name {
            "n" | "dim" => Ok(Value::Const(I::of(self.dim as f64))),
            "pi" => Ok(Value::Const(PI)),
            "e" => Ok(Value::Const(E)),
            "x" if self.dim <= 3 => self.coordinate(0),
            "y" if self.dim <= 3 => self.coordinate(1),
            "z" if self.dim <= 3 => self.coordinate(2),
            _ => Err(format!("unknown name `{name}` in the formula")),
        }
    }

    /// A constant that is a whole number, exactly.
    fn whole(&mut self, node: &Node) -> Result<i64> {
        let before = self.ops.len();
        let value = self.value(node)?;
        self.ops.truncate(before);
        match value {
            Value::Const(c) if c.is_point() && c.lo.fract() == 0.0 && c.lo.abs() < 1e9 => Ok(c.lo as i64),
            _ => Err("an index or a bound of a sum is no constant whole number".into()),
        }
    }

    fn add(&mut self, a: Value, b: Value, negative: bool) -> Result<Value> {
        match (a, b) {
            (Value::Const(a), Value::Const(b)) => defined(exact_sum(a, if negative { -b } else { b })),
            (Value::Const(ZERO), b) if !negative => Ok(b),
            (a, Value::Const(ZERO)) => Ok(a),
            (a, b) => {
                let (a, b) = (self.place(a)?, self.place(b)?);
                Ok(Value::Place(self.push(if negative { Op::Sub(a, b) } else { Op::Add(a, b) })?))
            }
        }
    }

    fn multiply(&mut self, a: Value, b: Value) -> Result<Value> {
        match (a, b) {
            (Value::Const(a), Value::Const(b)) => defined(exact_product(a, b)),
            (Value::Const(ONE), other) | (other, Value::Const(ONE)) => Ok(other),
            (Value::Place(a), Value::Place(b)) if a == b => self.apply(Function::Power(2), Value::Place(a)),
            (a, b) => {
                let (a, b) = (self.place(a)?, self.place(b)?);
                Ok(Value::Place(self.push(Op::Mul(a, b))?))
            }
        }
    }

    fn divide(&mut self, a: Value, b: Value) -> Result<Value> {
        if let (Value::Const(a), Value::Const(b)) = (a, b) {
            let quotient = a.lo / b.lo;
            let exact =
                a.is_point() && b.is_point() && quotient.is_finite() && quotient.mul_add(b.lo, -a.lo) == 0.0;
            let whole = exact && quotient.abs() < 1e15 && quotient.fract() == 0.0;
            return defined(if whole { I::of(quotient) } else { a.over(b) });
        }
        let inverse = self.apply(Function::Recip, b)?;
        self.multiply(a, inverse)
    }

    fn power(&mut self, base: Value, exponent: Value) -> Result<Value> {
        let Value::Const(e) = exponent else {
            let log = self.apply(Function::Log, base)?;
            let product = self.multiply(exponent, log)?;
            return self.apply(Function::Exp, product);
        };
        if e.is_point() && e.lo.fract() == 0.0 {
            if e.lo.abs() > 1000.0 {
                return Err("the checker takes whole exponents up to 1000".into());
            }
            return match e.lo as i32 {
                // One, where the base is defined.
                0 => {
                    let nothing = self.multiply(Value::Const(ZERO), base)?;
                    self.add(Value::Const(ONE), nothing, false)
                }
                1 => Ok(base),
                -1 => self.apply(Function::Recip, base),
                n => {
                    if let (Value::Const(base), true) = (base, n > 0) {
                        return defined(whole_power(base, n));
                    }
                    self.apply(Function::Power(n), base)
                }
            };
        }
        if e == I::of(0.5) {
            return self.apply(Function::Sqrt, base);
        }
        let log = self.apply(Function::Log, base)?;
        let product = self.multiply(exponent, log)?;
        self.apply(Function::Exp, product)
    }

    fn apply(&mut self, f: Function, u: Value) -> Result<Value> {
        match u {
            Value::Const(u) => defined(super::jet::derivatives(f, u)[0]),
            Value::Place(place) => Ok(Value::Place(self.push(Op::Apply(f, place))?)),
        }
    }

    fn call(&mut self, name: &str, arguments: &[Value]) -> Result<Value> {
        let constants: Option<Vec<I>> =
            arguments.iter().map(|a| if let Value::Const(c) = a { Some(*c) } else { None }).collect();
        if let (&[u], Some(f)) = (arguments, smooth(name)) {
            return self.apply(f, u);
        }
        match (name, arguments) {
            ("pow", &[base, exponent]) => return self.power(base, exponent),
            ("log10", &[u]) => {
                let log = self.apply(Function::Log, u)?;
                return self.multiply(log, Value::Const(ONE.over(I::of(10.0).log())));
            }
            ("tan", &[u]) => {
                let (s, c) = (self.apply(Function::Sin, u)?, self.apply(Function::Cos, u)?);
                return self.divide(s, c);
            }
            ("sinh" | "cosh", &[u]) => {
                let minus = self.add(Value::Const(ZERO), u, true)?;
                let (up, down) = (self.apply(Function::Exp, u)?, self.apply(Function::Exp, minus)?);
                let both = self.add(up, down, name == "sinh")?;
                return self.multiply(both, Value::Const(I::of(0.5)));
            }
            _ => {}
        }
        let Some(c) = constants else {
            return Err(format!("the checker does not know the function `{name}` of variables"));
        };
        let whole = |c: I| {
            if c.is_point() { Ok(c.lo) } else { Err(format!("`{name}` of a number that is not exact")) }
        };
        let value = match (name, c.as_slice()) {
            ("abs", &[u]) => u.abs(),
            ("relu", &[u]) => I { lo: u.lo.max(0.0), hi: u.hi.max(0.0) },
            ("floor", &[u]) => I::of(whole(u)?.floor()),
            ("sign", &[u]) => {
                let u = whole(u)?;
                I::of(if u == 0.0 { 0.0 } else { u.signum() })
            }
            ("mod", &[a, b]) => {
                let (a, b) = (whole(a)?, whole(b)?);
                if a.fract() != 0.0 || b.fract() != 0.0 || b == 0.0 || a.abs().max(b.abs()) > 1e9 {
                    return Err("`mod` of numbers that are not whole".into());
                }
                I::of(a - b * (a / b).floor())
            }
            ("max", many) if many.len() > 1 => {
                many.iter().fold(many[0], |m, c| I { lo: m.lo.max(c.lo), hi: m.hi.max(c.hi) })
            }
            ("min", many) if many.len() > 1 => {
                many.iter().fold(many[0], |m, c| I { lo: m.lo.min(c.lo), hi: m.hi.min(c.hi) })
            }
            _ => return Err(format!("the checker does not know the function `{name}`")),
        };
        Ok(Value::Const(value))
    }
}

/// Names that mean something already.
pub(super) fn is_reserved(name: &str) -> bool {
    let other = ["pow", "log10", "tan", "sinh", "cosh", "abs", "relu", "floor", "sign", "mod", "max", "min"];
    matches!(name, "pi" | "dim" | "sum" | "prod" | "x") || smooth(name).is_some() || other.contains(&name)
}

/// A constant, if it is a number: what is undefined must not become one by a function that cuts it off.
fn defined(c: I) -> Result<Value> {
    if c.is_bounded() {
        Ok(Value::Const(c))
    } else {
        Err("a constant of the formula is not a finite number".into())
    }
}

/// Products of whole numbers stay whole.
fn whole_power(base: I, n: i32) -> I {
    let (mut power, mut square, mut left) = (ONE, base, n);
    while left > 0 {
        if left % 2 == 1 {
            power = exact_product(power, square);
        }
        left /= 2;
        if left > 0 {
            square = exact_product(square, square);
        }
    }
    power
}

fn smooth(name: &str) -> Option<Function> {
    Some(match name {
        "exp" => Function::Exp,
        "log" | "ln" => Function::Log,
        "sqrt" => Function::Sqrt,
        "sin" => Function::Sin,
        "cos" => Function::Cos,
        "tanh" => Function::Tanh,
        "sigmoid" => Function::Sigmoid,
        "softplus" => Function::Softplus,
        "logcosh" => Function::LogCosh,
        _ => return None,
    })
}

/// The sum of constants, a single number where floating point adds exactly.
fn exact_sum(a: I, b: I) -> I {
    if a.is_point() && b.is_point() {
        let s = a.lo + b.lo;
        // The rounding error of the sum (Knuth), itself exact.
        let part = s - a.lo;
        let error = (a.lo - (s - part)) + (b.lo - part);
        if s.is_finite() && error == 0.0 {
            return I::of(s);
        }
    }
    a + b
}

/// The product likewise.
fn exact_product(a: I, b: I) -> I {
    if a.is_point() && b.is_point() {
        let p = a.lo * b.lo;
        let normal = p == 0.0 && (a.lo == 0.0 || b.lo == 0.0) || (p.is_finite() && p.abs() > 1e-200);
        if normal && a.lo.mul_add(b.lo, -p) == 0.0 {
            return I::of(p);
        }
    }
    if a == ALL || b == ALL { ALL } else { a * b }
}
