//! Folds proven, and families along the weight or a coordinate of one datum: against closed forms, equations in one unknown
//! solved here, and differences.

#![allow(clippy::unwrap_used)]

use faer::Mat;
use smale::Control;
use smale::continuation::{Diagram, Enclosed, Event, EventKind, Options, follow};
use smale::critical::{self, Level};
use smale::data::Points;
use smale::landscape::formula::Formula;
use smale::landscape::mixture::{Mixture, Noise, Schedule};
use smale::landscape::modern_hopfield::ModernHopfield;
use smale::landscape::{Equations, Family, Landscape};
use smale::rigor::fold;

fn formula(dim: usize, energy: &str, parameters: &[(&str, f64)]) -> Formula {
    let parameters: Vec<(String, f64)> = parameters.iter().map(|(n, v)| (n.to_string(), *v)).collect();
    Formula::new(dim, energy, &parameters, &[], None).unwrap()
}

fn line(points: &[f64], weights: &[f64], noise: Noise) -> Mixture {
    let data = Mat::from_fn(1, points.len(), |_, k| points[k]);
    Mixture::new(data, weights.to_vec(), noise, 0.0).unwrap()
}

fn fixed(sigma: f64) -> Noise {
    Noise::Fixed { a: 1.0, sigma }
}

/// All branches through the critical points at both ends and in the middle.
fn along(family: &dyn Family, name: &str, from: f64, to: f64) -> Diagram {
    let options = Options { starts: Some(1), ..Options::new(from, to) };
    let search = critical::Options::default();
    let answer = smale::continuation::diagram(family, name, &options, &search, &Control::quiet()).unwrap();
    assert_eq!(answer.ledger(), []);
    answer
}

fn folds(answer: &Diagram) -> Vec<&Event> {
    answer.events.iter().filter(|e| e.kind == EventKind::Fold).collect()
}

/// The proven box of an event; what it says of itself agrees with it.
fn proven(event: &Event) -> &Enclosed {
    assert_eq!(event.level, Level::Proven, "{event:?}");
    let enclosed = event.enclosed.as_ref().unwrap();
    let [low, high] = enclosed.parameter;
    assert!(low <= high && event.error >= high - event.parameter && event.error >= event.parameter - low);
    enclosed
}

/// A number known up to `error` is in the interval, as far as that can be told, and the interval is no wider than 1e-12.
fn holds(interval: [f64; 2], known: f64, error: f64) {
    let [low, high] = interval;
    assert!(low <= known + error && high >= known - error, "{known} is not in [{low}, {high}]");
    assert!(high - low < 1e-12, "[{low}, {high}]");
}

/// The zero of a function between two points where it has different signs.
fn bisect(f: impl Fn(f64) -> f64, mut low: f64, mut high: f64) -> f64 {
    let sign = f(low).signum();
    assert!(sign * f(high) < 0.0);
    for _ in 0..200 {
        let middle = 0.5 * (low + high);
        if f(middle) * sign > 0.0 { low = middle } else { high = middle }
    }
    0.5 * (low + high)
}

#[test]
fn folds_of_formulas_are_where_closed_forms_say() {
    let plain = formula(1, "x[0]^3/3 - p*x[0]", &[("p", 1.0)]);
    let starts = [(0.7, vec![0.7_f64.sqrt()])];
    let answer = follow(&plain, "p", &starts, &Options::new(-1.0, 1.0), &Control::quiet()).unwrap();
    let found = folds(&answer);
    assert_eq!(found.len(), 1);
    let enclosed = proven(found[0]);
    holds(enclosed.parameter, 0.0, 0.0);
    holds(enclosed.x[0], 0.0, 0.0);

    // x^3 - a x = b has a double root where 4 a^3 = 27 b^2, x^2 = a/3.
    for a in [1.0, 1.3, 0.01] {
        let cusp = formula(1, "x[0]^4/4 - a*x[0]^2/2 - b*x[0]", &[("a", a), ("b", 0.0)]);
        let answer = along(&cusp, "b", -2.0, 2.0);
        let found = folds(&answer);
        let (b, x) = ((4.0 * a * a * a / 27.0_f64).sqrt(), (a / 3.0_f64).sqrt());
        assert_eq!(found.len(), 2);
        for (event, sign) in found.into_iter().zip([-1.0, 1.0]) {
            let enclosed = proven(event);
            holds(enclosed.parameter, sign * b, 4e-16);
            holds(enclosed.x[0], -sign * x, 4e-16);
        }
    }

    // With a confinement, in two coupled variables: on the diagonal exp(x) - x = p, whose left side is least at 0.
    let energy = "exp(x[0]) + exp(x[1]) - p*(x[0]+x[1]) + (x[0]-x[1])^2";
    let coupled = Formula::new(2, energy, &[("p".into(), 2.0)], &[], Some(-1.0)).unwrap();
    let starts = [(2.0, vec![1.146; 2])];
    let answer = follow(&coupled, "p", &starts, &Options::new(0.0, 3.0), &Control::quiet()).unwrap();
    let enclosed = proven(folds(&answer)[0]);
    holds(enclosed.parameter, 1.0, 0.0);
    enclosed.x.iter().for_each(|x| holds(*x, 0.0, 0.0));
}

#[test]
fn the_flip_has_two_proven_folds_and_a_pitchfork_that_is_not() {
    let energy = "x[0]^4+x[1]^4-x[1]^3+2*x[0]^2*x[1]-x[1]^2+K*x[1]+f*x[0]";
    let answer = along(&formula(2, energy, &[("K", 0.75), ("f", 0.0)]), "K", -0.8, 2.0);
    let found = folds(&answer);
    assert_eq!(found.len(), 2);
    for (event, sign) in found.into_iter().zip([-1.0, 1.0]) {
        // On x = 0: 4y^3 - 3y^2 - 2y + K = 0 = 12y^2 - 6y - 2.
        let y = (6.0 + sign * 132.0_f64.sqrt()) / 24.0;
        let enclosed = proven(event);
        holds(enclosed.parameter, 2.0 * y + 3.0 * y * y - 4.0 * y * y * y, 1e-15);
        holds(enclosed.x[0], 0.0, 0.0);
        holds(enclosed.x[1], y, 4e-16);
    }
    for event in answer.events.iter().filter(|e| e.kind != EventKind::Fold) {
        assert_eq!((event.level, &event.enclosed), (Level::Checked, &None));
    }
    assert_eq!(answer.events.len(), 3);
}

#[test]
fn what_is_no_fold_is_not_proven_to_be_one() {
    // Energy, parameter; at the origin: pitchforks, cusps, transcritical points, a turn of fourth order, a line of folds, folds
    // for every parameter, a hill of two folds that touch, a kernel of two dimensions, a fold and a kink.
    let cases: [(usize, &str); 10] = [
        (1, "x[0]^4/4 - p*x[0]^2/2"),
        (1, "-x[0]^4/4 - p*x[0]^2/2"),
        (1, "x[0]^4/4 - p*x[0]"),
        (1, "x[0]^3/3 - p*x[0]^2/2"),
        (1, "x[0]^5/5 - p*x[0]"),
        (2, "x[0]^3/3 - p*x[0] + 0*x[1]"),
        (1, "x[0]^3/3"),
        (1, "x[0]^3/3 - p^2*x[0]"),
        (2, "x[0]^3/3 + x[1]^3/3 - p*(x[0] + x[1])"),
        (1, "abs(x[0])^3/3 - p*x[0]"),
    ];
    for (n, energy) in cases {
        let family = formula(n, energy, &[("p", 0.0)]);
        for off in [0.0, 1e-14, -1e-9, 1e-6] {
            let mut border = vec![0.0; n];
            border[0] = 1.0;
            let equations = family.equations(0, &vec![0.0; n], Equations::Fold { border: &border }).unwrap();
            let mut guess = vec![off; 2 * n + 1];
            guess[n + 1] = 1.0;
            assert!(fold(equations.as_ref(), &guess, &vec![1.0; 2 * n + 1]).is_none(), "{energy} from {off}");
        }
    }
    // The same way of asking proves a fold that is one.
    let family = formula(2, "x[0]^3/3 - p*x[0] + x[1]^2", &[("p", 0.0)]);
    let equations = family.equations(0, &[0.0; 2], Equations::Fold { border: &[1.0, 0.0] }).unwrap();
    assert!(fold(equations.as_ref(), &[1e-9, 0.0, 1e-9, 1.0, 0.0], &[1.0; 5]).is_some());
    // Along the whole way: the level of a pitchfork and a cusp that continuation finds.
    for (energy, from, to) in [("x[0]^4/4 - p*x[0]^2/2", -1.0, 1.2), ("x[0]^4/4 - p*x[0]", -1.0, 1.2)] {
        let answer = along(&formula(1, energy, &[("p", 0.0)]), "p", from, to);
        assert!(answer.events.iter().all(|e| e.level == Level::Checked && e.enclosed.is_none()), "{energy}");
    }
}

#[test]
fn a_fold_next_to_a_pitchfork_is_proven_where_it_is() {
    // x^3 - p x - e: 3x^2 = p, -2x^3 = e.
    for e in [1e-4, 1e-8] {
        let family = formula(1, &format!("x[0]^4/4 - p*x[0]^2/2 - {e:e}*x[0]"), &[("p", 0.0)]);
        let answer = along(&family, "p", -1.0, 1.2);
        let found = folds(&answer);
        assert_eq!(found.len(), 1);
        let x = -(0.5_f64 * e).cbrt();
        let enclosed = proven(found[0]);
        holds(enclosed.parameter, 3.0 * x * x, 1e-18);
        holds(enclosed.x[0], x, 1e-18);
    }
}

#[test]
fn two_data_fold_along_weight_noise_time_and_place() {
    // x = d tanh(d x / s^2 + h), h = log(w1/w0) / 2; a fold where x^2 = d^2 - s^2 and h = atanh(x/d) - d x / s^2.
    let bias = |d: f64, s2: f64| {
        let x = (d * d - s2).sqrt();
        (x / d).atanh() - d * x / s2
    };
    let two = line(&[-1.5, 1.5], &[1.0, 1.0], fixed(1.0));
    let answer = along(&two, "weight[1]", 0.05, 20.0);
    let found = folds(&answer);
    assert_eq!((found.len(), answer.events.len()), (2, 2));
    let w = (2.0 * bias(1.5, 1.0)).exp();
    holds(proven(found[0]).parameter, w, 1e-15);
    holds(proven(found[1]).parameter, 1.0 / w, 1e-14);
    holds(proven(found[0]).x[0], 1.25_f64.sqrt(), 1e-15);

    // Along the noise, weights 1 and 2: h = log 2 / 2.
    let h = -0.5 * 2.0_f64.ln();
    let s2 = bisect(|s2| bias(1.0, s2) - h, 0.1, 0.999);
    let noisy = line(&[-1.0, 1.0], &[1.0, 2.0], fixed(0.5));
    let answer = along(&noisy, "sigma", 0.3, 1.5);
    holds(proven(folds(&answer)[0]).parameter, s2.sqrt(), 1e-14);
    assert_eq!(answer.events.len(), 1);
    // The same ratio of noise to contraction in time.
    let decay = 0.5 * s2.ln_1p();
    let (b0, b1) = (0.1, 20.0);
    let vp = bisect(|t| t * t * (b1 - b0) / 4.0 + t * b0 / 2.0 - decay, 0.0, 1.0);
    for (schedule, t) in [
        (Schedule::OrnsteinUhlenbeck, decay),
        (Schedule::VarianceExploding { s: 0.7 }, s2 / 0.49),
        (Schedule::Edm, s2.sqrt()),
        (Schedule::VariancePreserving { b0, b1 }, vp),
    ] {
        let family = line(&[-1.0, 1.0], &[1.0, 2.0], Noise::Scheduled { schedule, t });
        let answer = along(&family, "t", 0.5 * t, 2.0 * t);
        holds(proven(folds(&answer)[0]).parameter, t, 1e-14);
    }

    // A datum moves away from the other, at 3: a fold at distance 2d.
    let d = bisect(|d| bias(d, 1.0) - h, 1.001, 3.0);
    let moved = line(&[1.0, 3.0], &[1.0, 2.0], fixed(1.0));
    let answer = along(&moved, "data[0,0]", -4.0, 2.5);
    holds(proven(folds(&answer)[0]).parameter, 3.0 - 2.0 * d, 1e-14);
    assert_eq!(answer.events.len(), 1);

    // Of equal weight: a pitchfork at 2 sigma, with nothing proven.
    let equal = line(&[1.0, 3.0], &[1.0, 1.0], fixed(1.0));
    let answer = along(&equal, "data[0,0]", -4.0, 2.5);
    let [event] = &answer.events[..] else { panic!("{:?}", answer.events) };
    assert!((event.parameter - 1.0).abs() < 1e-9 && (event.x[0] - 2.0).abs() < 1e-9, "{event:?}");
    assert_eq!(event.kind, EventKind::Pitchfork { supercritical: true });
    assert_eq!(event.level, Level::Checked);
}

#[test]
fn memories_fold_along_weight_and_beta() {
    // x = y tanh(beta y x + h): a fold where beta (y^2 - x^2) = 1 and h = atanh(x/y) - beta y x.
    let bias = |beta: f64| {
        let x = (1.0 - 1.0 / beta).sqrt();
        x.atanh() - beta * x
    };
    let of = |w: f64, beta| {
        ModernHopfield::new(Mat::from_fn(1, 2, |_, k| [-1.0, 1.0][k]), vec![1.0, w], beta, 0.0).unwrap()
    };
    let answer = along(&of(1.0, 2.0), "weight[1]", 0.05, 20.0);
    let found = folds(&answer);
    let w = (2.0 * bias(2.0)).exp();
    assert_eq!(found.len(), 2);
    holds(proven(found[0]).parameter, w, 1e-15);
    holds(proven(found[1]).parameter, 1.0 / w, 1e-14);
    let beta = bisect(|beta| bias(beta) + 0.5 * 2.0_f64.ln(), 1.001, 10.0);
    let answer = along(&of(2.0, 2.0), "beta", 0.5, 10.0);
    holds(proven(folds(&answer)[0]).parameter, beta, 1e-13);
    // Two variables and three patterns, one of which moves: every fold is proven, and its box holds what was located.
    let three = Mat::from_fn(2, 3, |i, k| [[1.0, 0.1], [-0.7, 0.8], [-0.4, -0.9]][k][i]);
    let family = ModernHopfield::new(three, vec![1.0; 3], 3.0, 0.0).unwrap();
    let answer = along(&family, "data[1,0]", -2.0, 1.5);
    let found = folds(&answer);
    assert!(!found.is_empty());
    for event in found {
        let enclosed = proven(event);
        assert!(event.error < 1e-11, "{event:?}");
        assert!(
            enclosed.x.iter().zip(&event.x).all(|(b, x)| (b[0] - x).abs() < 1e-9 && (b[1] - x).abs() < 1e-9)
        );
    }
}

/// Families whose rows 0 and 2 are equal, with the point at which they are looked at.
fn with_equal_rows() -> Vec<Box<dyn Family>> {
    let points = || Points {
        values: Mat::from_fn(2, 3, |i, k| [[0.3, -1.0], [1.1, 0.4], [-0.9, 0.7]][k][i]),
        multiplicity: vec![2, 1, 1],
        column_of_row: vec![0, 1, 0, 2],
        taken: vec![0, 1, 2, 3],
        of: 4,
    };
    let mixture = |noise, confinement| -> Box<dyn Family> {
        Box::new(Mixture::from_points(points(), noise, confinement).unwrap())
    };
    let memories = ModernHopfield::new(points().values, vec![2.0, 1.0, 0.5], 1.7, 0.3).unwrap();
    vec![
        mixture(Noise::Fixed { a: 0.8, sigma: 0.6 }, 0.0),
        mixture(Noise::Fixed { a: 0.8, sigma: 0.6 }, 0.4),
        mixture(Noise::Scheduled { schedule: Schedule::OrnsteinUhlenbeck, t: 0.4 }, 0.0),
        Box::new(memories),
    ]
}

#[test]
fn gradients_change_with_weights_and_data_as_told() {
    let x = [0.25, -0.15];
    for (number, family) in with_equal_rows().iter().enumerate() {
        let rows = if number == 3 { 3 } else { 4 };
        let weights = if number == 3 { [2.0, 1.0, 0.5, f64::NAN] } else { [1.0; 4] };
        let places =
            [[0.3, -1.0], [1.1, 0.4], if number == 3 { [-0.9, 0.7] } else { [0.3, -1.0] }, [-0.9, 0.7]];
        let mut names: Vec<(String, f64)> = (0..rows).map(|k| (format!("weight[{k}]"), weights[k])).collect();
        for k in 0..rows {
            names.extend((0..2).map(|i| (format!("data[{k},{i}]"), places[k][i])));
        }
        for (name, value) in names {
            let place = family.parameter_place(&name).unwrap();
            let mut told = vec![f64::NAN; 2];
            family.gradient_by(place, &x, &mut told);
            let at = |value: f64| {
                let mut g = vec![0.0; 2];
                family.with_parameter(&name, value).unwrap().gradient(&x, &mut g);
                g
            };
            // The value is the one that it has: nothing changes with it.
            let mut g = vec![0.0; 2];
            family.gradient(&x, &mut g);
            let slope = |h: f64, i: usize| (at(value + h)[i] - at(value - h)[i]) / (2.0 * h);
            for i in 0..2 {
                assert!((at(value)[i] - g[i]).abs() < 1e-13, "{name}");
                let known = (4.0 * slope(1e-3, i) - slope(2e-3, i)) / 3.0;
                assert!(
                    (told[i] - known).abs() < 1e-9 * (1.0 + known.abs()),
                    "{number} {name}: {} {known}",
                    told[i]
                );
            }
            // .. and so does the changed one say.
            let changed = family.with_parameter(&name, value + 0.1).unwrap();
            changed.gradient_by(changed.parameter_place(&name).unwrap(), &x, &mut told);
            assert_eq!(changed.parameter_place(&name), Some(place));
            let ahead = |h: f64, i: usize| (at(value + 0.1 + h)[i] - at(value + 0.1 - h)[i]) / (2.0 * h);
            for i in 0..2 {
                let known = (4.0 * ahead(1e-3, i) - ahead(2e-3, i)) / 3.0;
                assert!(
                    (told[i] - known).abs() < 1e-9 * (1.0 + known.abs()),
                    "{number} {name}: {} {known}",
                    told[i]
                );
            }
        }
        // From no weight at all, by differences to one side.
        let none = family.with_parameter("weight[1]", 0.0).unwrap();
        let mut told = vec![0.0; 2];
        none.gradient_by(none.parameter_place("weight[1]").unwrap(), &x, &mut told);
        let at = |w: f64, i: usize| {
            let mut g = vec![0.0; 2];
            none.with_parameter("weight[1]", w).unwrap().gradient(&x, &mut g);
            g[i]
        };
        for i in 0..2 {
            let h = 1e-4;
            let known = (-3.0 * at(0.0, i) + 4.0 * at(h, i) - at(2.0 * h, i)) / (2.0 * h);
            assert!((told[i] - known).abs() < 1e-6 * (1.0 + known.abs()), "{number}: {} {known}", told[i]);
        }
    }
}

#[test]
fn a_datum_without_weight_is_not_there() {
    let points: [[f64; 2]; 3] = [[0.0, 0.0], [1.0, 0.2], [5.0, 7.0]];
    let data = |count| Mat::from_fn(2, count, |i, k: usize| points[k][i]);
    let two = Mixture::new(data(2), vec![1.0, 3.0], fixed(0.4), 0.0).unwrap();
    let three = Mixture::new(data(3), vec![1.0, 3.0, 2.0], fixed(0.4), 0.0).unwrap();
    let without = three.with_parameter("weight[2]", 0.0).unwrap();
    for x in [[0.1, 0.3], [2.0, 2.0], [5.0, 7.0]] {
        let (mut g, mut known) = ([0.0; 2], [0.0; 2]);
        let (energy, other) = (without.gradient(&x, &mut g), two.gradient(&x, &mut known));
        assert!((energy - other).abs() < 1e-12 * (1.0 + other.abs()));
        assert!(g.iter().zip(known).all(|(g, k)| (g - k).abs() < 1e-12 * (1.0 + k.abs())), "{g:?} {known:?}");
        let bounds = without.enclose().unwrap();
        let box_ = x.map(smale::rigor::Interval::point);
        let mut enclosed = [smale::rigor::Interval::ENTIRE; 2];
        bounds.gradient(&box_, &mut enclosed);
        assert!(enclosed.iter().zip(known).all(|(e, k)| e.width() < 1e-9 && (e.mid() - k).abs() < 1e-9));
    }
    assert!(three.with_parameter("weight[2]", -0.1).is_err());
    assert!(three.with_parameter("weight[3]", 1.0).is_err());
    assert!(three.with_parameter("data[0,2]", 1.0).is_err());
    let message = three.with_parameter("width", 1.0).err().unwrap();
    let smale::Error::Input { help: Some(help), .. } = message else { panic!("{message}") };
    assert_eq!(help, "it has sigma, a, confinement, weight[k], data[k,i], data");
}

#[test]
fn region_hull_and_data_follow_a_datum_that_moves() {
    for family in with_equal_rows().into_iter().take(2) {
        assert_eq!(family.data().unwrap().ncols(), 3);
        let moved = family.with_parameter("data[2,1]", 9.0).unwrap();
        // Two rows were one point.
        assert_eq!(moved.data().unwrap().ncols(), 4);
        let set =
            critical::search(moved.as_ref(), None, &critical::Options::default(), &Control::quiet()).unwrap();
        assert!(set.points.iter().any(|p| p.index == 0 && p.x[1] > 3.0), "{:?}", set.counts());
    }
    // Three data on a line leave it: one dimension more.
    let line = Mat::from_fn(3, 3, |i, k| [0.0, 1.0, 2.5][k] * [1.0, -1.0, 0.5][i]);
    let family = Mixture::new(line, vec![1.0; 3], fixed(0.3), 0.0).unwrap();
    assert_eq!(family.reduce().unwrap().basis.ncols(), 1);
    assert_eq!(family.with_parameter("data[1,2]", 2.0).unwrap().reduce().unwrap().basis.ncols(), 2);
}
