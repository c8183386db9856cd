//! Random formulas, as text for smale and as trees for MPFR.

use rug::Float;
use rug::float::Constant;
use smale::landscape::formula::Formula;

use crate::boxes::Draw;
use crate::check::{Demands, Subject, Truth, test};
use crate::jet::{Jet, sum};

#[derive(Clone, Debug)]
enum Node {
    Coordinate(usize),
    /// `x[mod(i + k, n)]` with the index i of the sum or product around it.
    Neighbour(usize),
    /// That index.
    Index,
    Number(f64),
    /// Parameter `a` or `b`.
    Parameter(usize),
    Pi,
    Sum(Box<Node>),
    Product(Box<Node>),
    Call(&'static str, Vec<Node>),
    Operation(char, Box<Node>, Box<Node>),
    Power(Box<Node>, i32),
    /// A power that is not whole.
    Real(Box<Node>, f64),
    Minus(Box<Node>),
}

const SMOOTH: [&str; 11] =
    ["sin", "cos", "tanh", "atan", "softplus", "sigmoid", "logcosh", "erf", "exp", "sinh", "cosh"];
/// With kinks, poles or ends.
const ROUGH: [&str; 10] = ["sqrt", "log", "ln", "log10", "tan", "asin", "acos", "abs", "sign", "relu"];

struct Generator<'a> {
    draw: &'a mut Draw,
    n: usize,
}

impl Generator<'_> {
    fn leaf(&mut self, inside: bool) -> Node {
        match self.draw.below(10) {
            0 if inside => Node::Index,
            1..=4 if inside => Node::Neighbour(self.draw.below(self.n)),
            0 | 1 => self.number(),
            2 => Node::Parameter(self.draw.below(2)),
            3 if self.draw.chance(0.2) => Node::Pi,
            _ => Node::Coordinate(self.draw.below(self.n)),
        }
    }

    fn number(&mut self) -> Node {
        Node::Number(match self.draw.below(5) {
            0 => self.draw.below(5) as f64,
            1 => self.draw.power(-3.0, 3.0),
            2 => 0.1 * self.draw.below(40) as f64,
            _ => self.draw.normal(),
        })
    }

    /// `inside`: in a sum or a product, which do not nest here.
    fn node(&mut self, depth: usize, inside: bool) -> Node {
        if depth == 0 || self.draw.chance(0.1) {
            return self.leaf(inside);
        }
        let one = |g: &mut Self| Box::new(g.node(depth - 1, inside));
        let call = |name: &'static str, node: Node| Node::Call(name, vec![node]);
        // Away from poles and ends.
        let safe = |name: &'static str, c: f64, inner: Node| {
            let shifted = Node::Operation('+', Box::new(Node::Number(c)), Box::new(inner));
            Node::Call(name, vec![shifted])
        };
        match self.draw.below(20) {
            0..=3 => Node::Operation('+', one(self), one(self)),
            4 => Node::Operation('-', one(self), one(self)),
            5..=7 => Node::Operation('*', one(self), one(self)),
            8 => {
                // a/(c + b^2).
                let square = Node::Power(one(self), 2);
                let c = Box::new(Node::Number(0.5 + self.draw.unit()));
                Node::Operation('/', one(self), Box::new(Node::Operation('+', c, Box::new(square))))
            }
            9 if self.draw.chance(0.5) => Node::Operation('/', one(self), one(self)),
            9 => Node::Minus(one(self)),
            10 => {
                let k = self.draw.pick(&[2, 2, 3, 4, 5, -1, -2]);
                Node::Power(one(self), k)
            }
            11 => {
                let power = self.draw.pick(&[0.5, 1.5, 2.7, -0.3, 3.1]);
                let base = *one(self);
                let base = if self.draw.chance(0.7) { safe("exp", 0.0, base) } else { base };
                Node::Real(Box::new(base), power)
            }
            12..=14 => {
                let name = self.draw.pick(&SMOOTH);
                call(name, *one(self))
            }
            15 => {
                let wave = call("sin", *one(self));
                let name = self.draw.pick(&["sqrt", "log", "log10"]);
                safe(name, 1.5, wave)
            }
            16 => {
                let name = self.draw.pick(&ROUGH);
                call(name, *one(self))
            }
            17 => {
                let name = self.draw.pick(&["max", "min", "atan2", "pow"]);
                let first = *one(self);
                let first =
                    if name == "pow" && self.draw.chance(0.7) { safe("softplus", 0.5, first) } else { first };
                Node::Call(name, vec![first, *one(self)])
            }
            18 if !inside => Node::Sum(Box::new(self.node(depth - 1, true))),
            19 if !inside => Node::Product(Box::new(self.node((depth - 1).min(2), true))),
            _ => call("tanh", *one(self)),
        }
    }
}

impl Node {
    fn text(&self) -> String {
        match self {
            Node::Coordinate(i) => format!("x[{i}]"),
            Node::Neighbour(k) => format!("x[mod(i + {k}, n)]"),
            Node::Index => "i".into(),
            Node::Number(c) if *c < 0.0 => format!("({c:?})"),
            Node::Number(c) => format!("{c:?}"),
            Node::Parameter(k) => ["a", "b"][*k].into(),
            Node::Pi => "pi".into(),
            Node::Sum(f) => format!("sum(i, 0, n-1, {})", f.text()),
            Node::Product(f) => format!("prod(i, 0, n-1, {})", f.text()),
            Node::Call(name, list) => {
                format!("{name}({})", list.iter().map(Node::text).collect::<Vec<_>>().join(", "))
            }
            Node::Operation(sign, a, b) => format!("({} {sign} {})", a.text(), b.text()),
            Node::Power(a, k) => format!("({})^({k})", a.text()),
            Node::Real(a, c) => format!("({})^({c:?})", a.text()),
            Node::Minus(a) => format!("(-{})", a.text()),
        }
    }

    fn value(&self, x: &[Jet], parameters: [f64; 2], i: usize) -> Jet {
        let of = |node: &Node| node.value(x, parameters, i);
        let all = |f: &Node| -> Vec<Jet> { (0..x.len()).map(|i| f.value(x, parameters, i)).collect() };
        match self {
            Node::Coordinate(i) => x[*i].clone(),
            Node::Neighbour(k) => x[(i + k) % x.len()].clone(),
            Node::Index => x[0].constant(i as f64),
            Node::Number(c) => x[0].constant(*c),
            Node::Parameter(k) => x[0].constant(parameters[*k]),
            Node::Pi => Jet::of(Float::with_val(x[0].bits(), Constant::Pi)),
            Node::Sum(f) => sum(&all(f), &x[0]),
            Node::Product(f) => all(f).iter().fold(x[0].constant(1.0), |p, f| &p * f),
            Node::Operation('+', a, b) => &of(a) + &of(b),
            Node::Operation('-', a, b) => &of(a) - &of(b),
            Node::Operation('*', a, b) => &of(a) * &of(b),
            Node::Operation(_, a, b) => &of(a) / &of(b),
            Node::Power(a, k) => of(a).powi(*k),
            Node::Real(a, c) => of(a).powf(*c),
            Node::Minus(a) => -&of(a),
            Node::Call(name, list) => call(name, &list.iter().map(of).collect::<Vec<_>>()),
        }
    }
}

fn call(name: &str, list: &[Jet]) -> Jet {
    let a = &list[0];
    let greater =
        |larger: bool| if (a.value > list[1].value) == larger { a.clone() } else { list[1].clone() };
    match name {
        "sin" => a.sin(),
        "cos" => a.cos(),
        "tan" => a.tan(),
        "asin" => a.asin(),
        "acos" => a.acos(),
        "atan" => a.atan(),
        "sinh" => a.sinh(),
        "cosh" => a.cosh(),
        "tanh" => a.tanh(),
        "exp" => a.exp(),
        "log" | "ln" => a.ln(),
        "log10" => a.log10(),
        "sqrt" => a.sqrt(),
        "erf" => a.erf(),
        "softplus" => a.softplus(),
        "sigmoid" => a.sigmoid(),
        "logcosh" => a.log_cosh(),
        "abs" => a.abs(),
        "relu" => a.relu(),
        "sign" if a.value.is_zero() => a.constant(0.0),
        "sign" => a.constant(a.value.to_f64().signum()),
        "max" => greater(true),
        "min" => greater(false),
        "atan2" => a.atan2(&list[1]),
        "pow" => a.pow(&list[1]),
        _ => panic!("{name}"),
    }
}

#[derive(Debug)]
struct Tree {
    root: Node,
    parameters: [f64; 2],
    confinement: f64,
}

impl Truth for Tree {
    fn energy(&self, x: &[Jet]) -> Jet {
        let squares: Vec<Jet> = x.iter().map(Jet::square).collect();
        let confined = sum(&squares, &x[0]).scale(self.confinement).scale(0.5);
        &self.root.value(x, self.parameters, 0) + &confined
    }
}

fn formula(draw: &mut Draw) -> Option<Subject> {
    let n = 1 + draw.below(4);
    let depth = 2 + draw.below(4);
    let root = Generator { draw, n }.node(depth, false);
    let parameters = [draw.normal(), draw.power(-2.0, 2.0)];
    let confinement = if draw.chance(0.3) { draw.power(-2.0, 1.0) } else { 0.0 };
    let text = root.text();
    if !text.contains("x[") {
        return None;
    }
    let named = [("a".to_string(), parameters[0]), ("b".to_string(), parameters[1])];
    // A constant part that is undefined, such as a division by zero, is refused.
    let built = Formula::new(n, &text, &named, &[], Some(confinement)).ok()?;
    let reach = if draw.chance(0.6) { 1.0 } else { draw.power(-3.0, 3.0) };
    let mut centers = vec![vec![0.0; n]];
    for by in [0.3, 1.0, 1.0, 3.0] {
        centers.push(draw.normals(n).iter().map(|x| by * reach * x).collect());
        centers.push(draw.normals(n).iter().map(|x| by * reach * x.abs()).collect());
    }
    let text = format!("n = {n}, {text}, a, b = {parameters:?}, confinement {confinement:?}");
    let truth = Tree { root, parameters, confinement };
    Some(Subject { landscape: Box::new(built), truth: Box::new(truth), centers, scale: 0.3 * reach, text })
}

#[test]
fn formulas() {
    test("formula", 6, &Demands { bounded: 0.5, widths: [1e-12, 1e-12, 1e-12] }, formula);
}
