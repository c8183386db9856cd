//! Elementary functions against exact values (`values.csv`, made by `make.py`), and on intervals against their points.

use smale::rigor::Interval;

use super::numbers::{Draw, moved, steps};

type Unary = fn(Interval) -> Interval;
type Binary = fn(Interval, Interval) -> Interval;

/// Name, function, and by how many numbers beyond the next its bounds at a point may be.
pub(crate) const UNARY: [(&str, Unary, i128); 18] = [
    ("exp", Interval::exp, 2),
    ("exp_m1", Interval::exp_m1, 2),
    ("ln", Interval::ln, 2),
    ("log10", Interval::log10, 2),
    ("ln_1p", Interval::ln_1p, 2),
    ("tanh", Interval::tanh, 2),
    ("sinh", Interval::sinh, 2),
    ("cosh", Interval::cosh, 2),
    ("erf", Interval::erf, 2),
    ("asin", Interval::asin, 2),
    ("acos", Interval::acos, 2),
    ("atan", Interval::atan, 2),
    ("sin", Interval::sin, 2),
    ("cos", Interval::cos, 2),
    ("tan", Interval::tan, 2),
    ("sigmoid", Interval::sigmoid, 8),
    ("softplus", Interval::softplus, 6),
    ("log_cosh", Interval::log_cosh, 16),
];

/// The Gaussians' exponents carry rounding errors that the exponential multiplies.
pub(crate) const BINARY: [(&str, Binary, i128); 4] = [
    ("gaussian", Interval::gaussian, 6000),
    ("odd_gaussian", Interval::odd_gaussian, 6000),
    ("atan2", Interval::atan2, 2),
    ("pow", Interval::pow, 2),
];

/// The exact value of a function at one place is on this side of this number, with none between.
struct Value {
    function: String,
    at: Vec<f64>,
    near: f64,
    side: char,
}

fn values() -> Vec<Value> {
    let text = include_str!("values.csv");
    text.lines()
        .skip(1)
        .map(|line| {
            let cells: Vec<&str> = line.split(',').collect();
            Value {
                function: cells[0].to_owned(),
                at: cells[1..3].iter().filter(|c| !c.is_empty()).map(|c| c.parse().unwrap()).collect(),
                near: cells[3].parse().unwrap(),
                side: cells[4].chars().next().unwrap(),
            }
        })
        .collect()
}

impl Value {
    /// The function at arguments.
    fn of(&self, x: &[Interval]) -> Interval {
        match x {
            [x] => UNARY.iter().find(|f| f.0 == self.function).unwrap().1(*x),
            _ => BINARY.iter().find(|f| f.0 == self.function).unwrap().1(x[0], x[1]),
        }
    }

    fn slack(&self) -> i128 {
        let unary = UNARY.iter().map(|f| (f.0, f.2));
        unary.chain(BINARY.iter().map(|f| (f.0, f.2))).find(|f| f.0 == self.function).unwrap().1
    }

    fn is_in(&self, range: Interval) -> bool {
        match self.side {
            '<' => range.lo() < self.near && self.near <= range.hi(),
            '>' => range.lo() <= self.near && self.near < range.hi(),
            _ => range.contains(self.near),
        }
    }
}

#[test]
fn points_hold_the_exact_value_and_little_more() {
    for value in values() {
        let at: Vec<_> = value.at.iter().map(|x| Interval::point(*x)).collect();
        let range = value.of(&at);
        let name =
            format!("{} at {:?}: {:e} ({}) in {range:?}", value.function, value.at, value.near, value.side);
        assert!(value.is_in(range), "{name}");
        assert!(
            steps(range.lo(), value.near) <= value.slack() && steps(value.near, range.hi()) <= value.slack(),
            "{name}"
        );
    }
}

#[test]
fn intervals_hold_the_exact_values_of_their_points() {
    // The point is an end, so that where the function is monotone its value is one too.
    for value in values() {
        let around = |x: f64| {
            [0.0, 1e-12, 1e-3, 0.5, 1.0, 1.6, 3.0, 3.2, 4.0, 5.0, 6.0, 6.5, 1e10, f64::MAX, f64::INFINITY]
                .into_iter()
                .flat_map(move |d| [Interval::new(x - d, x), Interval::new(x, x + d)])
        };
        let mut all: Vec<Vec<Interval>> = Vec::new();
        for x in around(value.at[0]) {
            match value.at.get(1) {
                None => all.push(vec![x]),
                Some(y) => all.extend(around(*y).map(|y| vec![x, y])),
            }
        }
        for x in all {
            let range = value.of(&x);
            assert!(
                value.is_in(range),
                "{} at {:?} in {x:?}: {:e} in {range:?}",
                value.function,
                value.at,
                value.near
            );
        }
    }
}

#[test]
fn ranges_are_those_of_ends_and_extremes() {
    // Functions of one variable: nothing is wider than the hull of the values at the ends and where the derivative vanishes.
    let mut draw = Draw::new(21);
    for (name, f, slack) in UNARY {
        for _ in 0..20_000 {
            let x = draw.interval();
            let range = f(x);
            if range == Interval::ENTIRE || !x.is_bounded() {
                continue;
            }
            let mut hull = f(Interval::point(x.lo())).hull(f(Interval::point(x.hi())));
            let even = name == "cosh" || name == "log_cosh";
            if even && x.contains(0.0) {
                hull = hull.hull(f(Interval::ZERO));
            }
            if name == "sin" || name == "cos" {
                // Checked where it is plain which extremes are in it.
                let shift = if name == "sin" { 0.5 } else { 0.0 };
                let turns = |x: f64| x / std::f64::consts::PI - shift;
                if x.mag() > 1e6 {
                    continue;
                }
                let (first, last) =
                    ((turns(x.lo()) - 1e-9).ceil() as i64, (turns(x.hi()) + 1e-9).floor() as i64);
                for k in first..=last.min(first + 1) {
                    hull = hull.hull(Interval::point(if k % 2 == 0 { 1.0 } else { -1.0 }));
                }
            }
            assert!(
                steps(range.lo(), hull.lo()) <= slack && steps(hull.hi(), range.hi()) <= slack,
                "{name} of {x:?}: {range:?} beyond {hull:?}"
            );
        }
    }
}

#[test]
fn ranges_hold_the_values_of_points() {
    let mut draw = Draw::new(22);
    for (name, f, _) in UNARY {
        for _ in 0..20_000 {
            let x = draw.interval();
            let (range, value) = (f(x), f(Interval::point(draw.of(x))));
            assert!(
                range.lo() <= value.hi() && value.lo() <= range.hi(),
                "{name} of {x:?}: {range:?} without {value:?}"
            );
            assert!(
                moved(range.lo(), -2) <= value.lo() && value.hi() <= moved(range.hi(), 2)
                    || !value.is_bounded()
            );
        }
    }
    for (name, f, slack) in BINARY {
        for _ in 0..50_000 {
            let (x, y) = (draw.interval(), draw.interval());
            let (a, b) = (draw.of(x), draw.of(y));
            let (range, value) = (f(x, y), f(Interval::point(a), Interval::point(b)));
            assert!(
                (range.lo() <= value.hi() && value.lo() <= range.hi()) || range == Interval::ENTIRE,
                "{name} of {x:?}, {y:?}: {range:?} without {value:?} at {a:e}, {b:e}"
            );
            let _ = slack;
        }
    }
}
