//! From the tree to the tape: loops are written out, indices become coordinates, constants are folded.

use super::SyntaxError;
use super::parse::{Callee, Kind, Node};
use super::scalar::Pairing;
use super::tape::Assemble;
use crate::error::shown;
use crate::rigor::Interval;

/// The most operations that a formula may unroll to, and the most coordinates.
pub(super) const MOST: usize = 5_000_000;

/// The most parts of the formula that are visited on the way there (loops over constants leave no operations).
const MOST_VISITS: usize = 40_000_000;

/// The largest whole number up to which every whole number is an `f64`.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// Builds `energy`, of `dim` coordinates, with `builder`; returns it and the energy's value. With `confinement`, that
/// parameter c adds `(c/2) |x|^2`.
pub(super) fn unroll<B: Assemble>(
    energy: &Node,
    dim: usize,
    builder: B,
    confinement: Option<usize>,
) -> Result<(B, B::Value), SyntaxError> {
    let mut unroller = Unroller { dim, builder, loops: vec![], outermost: None, visits: 0 };
    let mut root = unroller.value(energy)?;
    let b = &mut unroller.builder;
    if let Some(parameter) = confinement {
        let mut squares = b.number(0.0);
        for i in 0..dim {
            let square = b.pow(b.coordinate(i), b.number(2.0));
            squares = b.add(squares, square);
        }
        let half = b.mul(b.number(0.5), b.parameter(parameter));
        let term = b.mul(half, squares);
        root = b.add(root, term);
    }
    Ok((unroller.builder, root))
}

struct Unroller<'a, B> {
    dim: usize,
    builder: B,
    /// Names and values of the loop indices around, outermost first.
    loops: Vec<(&'a str, f64)>,
    /// The outermost loop being unrolled.
    outermost: Option<(usize, usize)>,
    visits: usize,
}

impl<'a, B: Assemble> Unroller<'a, B> {
    /// An error at a node, which says where in the loops it arose.
    fn error(&self, node: &Node, message: impl Into<String>) -> SyntaxError {
        let mut message = message.into();
        if !self.loops.is_empty() {
            let at: Vec<String> =
                self.loops.iter().map(|(name, value)| format!("{name} = {value}")).collect();
            message.push_str(&format!(" (at {})", at.join(", ")));
        }
        SyntaxError::new(node.start, node.end, message)
    }

    fn value(&mut self, node: &'a Node) -> Result<B::Value, SyntaxError> {
        self.visits += 1;
        if self.builder.len() > MOST || self.visits > MOST_VISITS {
            return Err(self.too_large(node));
        }
        let value = self.unchecked(node)?;
        self.finite(value, node)
    }

    fn finite(&self, value: B::Value, node: &Node) -> Result<B::Value, SyntaxError> {
        match self.builder.known(value) {
            Some(c) if !c.is_bounded() => Err(self.error(node, "this is not a finite number")),
            _ => Ok(value),
        }
    }

    fn too_large(&self, node: &Node) -> SyntaxError {
        let (start, end) = self.outermost.unwrap_or((node.start, node.end));
        SyntaxError::new(start, end, format!("the energy unrolls to more than {MOST} operations"))
            .help("shorten the sums")
    }

    fn unchecked(&mut self, node: &'a Node) -> Result<B::Value, SyntaxError> {
        match &node.kind {
            Kind::Number(c) => Ok(self.builder.number(*c)),
            Kind::Pi => Ok(self.builder.pi()),
            Kind::E => Ok(self.builder.e()),
            Kind::Parameter(k) => Ok(self.builder.parameter(*k)),
            Kind::LoopIndex(depth) => Ok(self.builder.number(self.loops[*depth].1)),
            Kind::State(index) => self.coordinate(index),
            Kind::Sum(terms) => {
                let mut sum = self.builder.number(0.0);
                for (minus, term) in terms {
                    let term = self.value(term)?;
                    sum = if *minus { self.builder.sub(sum, term) } else { self.builder.add(sum, term) };
                    self.finite(sum, node)?;
                }
                Ok(sum)
            }
            Kind::Product(factors) => {
                let mut product = self.builder.number(1.0);
                for (over, factor) in factors {
                    let value = self.value(factor)?;
                    if *over && self.builder.known(value).is_some_and(|c| c.contains(0.0)) {
                        return Err(self.error(factor, "division by zero"));
                    }
                    let b = &mut self.builder;
                    product = if *over { b.div(product, value) } else { b.mul(product, value) };
                    self.finite(product, node)?;
                }
                Ok(product)
            }
            Kind::Neg(inner) => {
                let inner = self.value(inner)?;
                Ok(self.builder.neg(inner))
            }
            Kind::Power(base, exponent) => {
                let (base, exponent) = (self.value(base)?, self.value(exponent)?);
                Ok(self.builder.pow(base, exponent))
            }
            Kind::Call(callee, arguments) => self.call(*callee, arguments),
            Kind::Loop { product, index, from, to, body } => {
                let first = self.whole(from, "the first value of an index")?;
                let last = self.whole(to, "the last value of an index")?;
                if last - first >= MOST_VISITS as f64 {
                    return Err(self.too_large(node));
                }
                let outermost = *self.outermost.get_or_insert((node.start, node.end));
                let mut total = self.builder.number(if *product { 1.0 } else { 0.0 });
                let mut i = first;
                while i <= last {
                    self.loops.push((index, i));
                    let term = self.value(body)?;
                    self.loops.pop();
                    let b = &mut self.builder;
                    total = if *product { b.mul(total, term) } else { b.add(total, term) };
                    self.finite(total, node)?;
                    i += 1.0;
                }
                self.outermost = (!self.loops.is_empty()).then_some(outermost);
                Ok(total)
            }
        }
    }

    fn call(&mut self, callee: Callee, arguments: &'a [Node]) -> Result<B::Value, SyntaxError> {
        match callee {
            Callee::Mod => {
                let a = self.constant(&arguments[0], "mod")?;
                let b = self.constant(&arguments[1], "mod")?;
                if b.contains(0.0) {
                    return Err(self.error(&arguments[1], "mod by zero"));
                }
                let value = self.builder.modulo(a, b);
                return value
                    .ok_or_else(|| self.error(&arguments[0], "this remainder cannot be told exactly"));
            }
            Callee::Floor => {
                let a = self.constant(&arguments[0], "floor")?;
                let value = self.builder.floor(a);
                return value
                    .ok_or_else(|| self.error(&arguments[0], "this could lie on either side of a jump"));
            }
            _ => {}
        }
        let mut values = Vec::with_capacity(arguments.len());
        for argument in arguments {
            values.push(self.value(argument)?);
        }
        let b = &mut self.builder;
        Ok(match callee {
            Callee::Unary(f) => b.apply(f, values[0]),
            Callee::Binary(Pairing::Pow) => b.pow(values[0], values[1]),
            Callee::Binary(f) => b.combine(f, values[0], values[1]),
            Callee::Min => {
                let mut top = b.neg(values[0]);
                for value in &values[1..] {
                    let next = b.neg(*value);
                    top = b.combine(Pairing::Max, top, next);
                }
                b.neg(top)
            }
            Callee::Max | Callee::Mod | Callee::Floor => {
                let mut top = values[0];
                for value in &values[1..] {
                    top = b.combine(Pairing::Max, top, *value);
                }
                top
            }
        })
    }

    fn coordinate(&mut self, index: &'a Node) -> Result<B::Value, SyntaxError> {
        let i = self.whole(index, "an index")?;
        if i < 0.0 || i >= self.dim as f64 {
            let indices = match self.dim {
                1 => "its one index is 0".to_string(),
                n => format!("indices run from 0 to {}", n - 1),
            };
            return Err(self
                .error(index, format!("x[{}] does not exist", shown(i)))
                .help(format!("dim is {}, so {indices}", self.dim)));
        }
        Ok(self.builder.coordinate(i as usize))
    }

    /// The value of a constant whole expression; `what` names its role.
    fn whole(&mut self, node: &'a Node, what: &str) -> Result<f64, SyntaxError> {
        let c = self.constant(node, what)?;
        if !c.is_point() {
            return Err(self.error(node, format!("{what} must be a whole number, and exactly so")));
        }
        let c = c.lo();
        if c.fract() != 0.0 || c.abs() > EXACT {
            return Err(self.error(node, format!("{what} must be a whole number, not {}", shown(c))));
        }
        Ok(c)
    }

    fn constant(&mut self, node: &'a Node, what: &str) -> Result<Interval, SyntaxError> {
        let value = self.value(node)?;
        self.builder.known(value).ok_or_else(|| {
            self.error(node, format!("{what} must be constant"))
                .help("numbers, dim and loop indices are; coordinates and parameters can change")
        })
    }
}
