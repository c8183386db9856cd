//! Formulas in verified arithmetic: what is enclosed is the formula as written, and no place where it is not smooth is
//! missed.

use smale::landscape::formula::Formula;
use smale::landscape::{Enclose, Landscape};
use smale::rigor::{Expansion, Interval, System};

use crate::{formula, with};

/// What a branch and prune of the gradient found.
#[derive(Debug)]
struct Found {
    zeros: Vec<Vec<Interval>>,
    boxes: usize,
    undecided: usize,
}

/// The inverse of a small matrix.
fn inverse(a: &[f64], n: usize) -> Option<Vec<f64>> {
    let mut a = a.to_vec();
    let mut b = vec![0.0; n * n];
    (0..n).for_each(|i| b[i * n + i] = 1.0);
    for k in 0..n {
        let pivot = (k..n).max_by(|i, j| a[i * n + k].abs().total_cmp(&a[j * n + k].abs()))?;
        if a[pivot * n + k].abs() < 1e-14 {
            return None;
        }
        for j in 0..n {
            a.swap(k * n + j, pivot * n + j);
            b.swap(k * n + j, pivot * n + j);
        }
        let scale = 1.0 / a[k * n + k];
        for j in 0..n {
            a[k * n + j] *= scale;
            b[k * n + j] *= scale;
        }
        for i in (0..n).filter(|i| *i != k) {
            let factor = a[i * n + k];
            for j in 0..n {
                a[i * n + j] -= factor * a[k * n + j];
                b[i * n + j] -= factor * b[k * n + j];
            }
        }
    }
    Some(b)
}

/// Krawczyk's operator.
fn krawczyk(x: &[Interval], at: &[f64], e: &Expansion) -> Option<Vec<Interval>> {
    let n = x.len();
    let mid: Vec<f64> = e.jacobian.iter().map(|h| h.mid()).collect();
    let y = inverse(&mid, n)?;
    Some(
        (0..n)
            .map(|i| {
                let mut k = Interval::point(at[i]);
                for j in 0..n {
                    k -= e.value[j].scale(y[i * n + j]);
                    let mut c = if i == j { Interval::ONE } else { Interval::ZERO };
                    for l in 0..n {
                        c -= e.jacobian[l * n + j].scale(y[i * n + l]);
                    }
                    k += c * x[j].shift(-at[j]);
                }
                k
            })
            .collect(),
    )
}

/// All zeros in a box, by bisection and Krawczyk's test on inflated boxes.
fn branch(system: &dyn System, region: &[(f64, f64)], most: usize) -> Found {
    let n = system.dim();
    let mut found = Found { zeros: vec![], boxes: 0, undecided: 0 };
    let mut e = Expansion::new(n);
    let mut stack: Vec<Vec<Interval>> = vec![region.iter().map(|(l, h)| Interval::new(*l, *h)).collect()];
    let mut g = vec![Interval::ENTIRE; n];
    while let Some(mut x) = stack.pop() {
        found.boxes += 1;
        let widest = x.iter().map(|x| x.width()).fold(0.0, f64::max);
        if found.boxes > most || widest < 1e-10 {
            found.undecided += 1;
            continue;
        }
        system.range(&x, &mut g);
        if g.iter().any(|g| !g.contains(0.0)) {
            continue;
        }
        let wide: Vec<Interval> = x.iter().map(|x| Interval::about(x.mid(), 0.55 * x.width())).collect();
        let at: Vec<f64> = wide.iter().map(|x| x.mid()).collect();
        system.expand(&wide, &at, &mut e);
        if e.range.iter().any(|g| !g.contains(0.0)) {
            continue;
        }
        if let Some(k) = krawczyk(&wide, &at, &e) {
            if k.iter().zip(&wide).all(|(k, x)| k.is_inside(*x)) {
                let known = |z: &Vec<Interval>| z.iter().zip(&wide).all(|(z, x)| z.is_in(*x));
                if !found.zeros.iter().any(known) {
                    // Shrink it, so that the same one is known again.
                    let mut z = k;
                    for _ in 0..20 {
                        let at: Vec<f64> = z.iter().map(|z| z.mid()).collect();
                        system.expand(&z, &at, &mut e);
                        let Some(next) = krawczyk(&z, &at, &e) else { break };
                        z = z.iter().zip(next).map(|(z, k)| z.meet(k).unwrap_or(*z)).collect();
                    }
                    if !found.zeros.iter().any(|w| w.iter().zip(&z).all(|(w, z)| w.meet(*z).is_some())) {
                        found.zeros.push(z);
                    }
                }
                continue;
            }
            let before: f64 = x.iter().map(|x| x.width()).product();
            let Some(cut) = x.iter().zip(&k).map(|(x, k)| x.meet(*k)).collect::<Option<Vec<_>>>() else {
                continue;
            };
            let after: f64 = cut.iter().map(|x| x.width()).product();
            x = cut;
            if after < 0.5 * before {
                stack.push(x);
                continue;
            }
        }
        let j = (0..n).max_by(|i, j| x[*i].width().total_cmp(&x[*j].width())).unwrap();
        let mid = x[j].mid();
        for half in [Interval::new(x[j].lo(), mid), Interval::new(mid, x[j].hi())] {
            let mut part = x.clone();
            part[j] = half;
            stack.push(part);
        }
    }
    found
}

const HIMMELBLAU: &str = "(x^2 + y - 11)^2 + (x + y^2 - 7)^2";
const MUELLER_BROWN: &str = "-200*exp(-(x - 1)^2 - 10*y^2) - 100*exp(-x^2 - 10*(y - 0.5)^2)
  - 170*exp(-6.5*(x + 0.5)^2 + 11*(x + 0.5)*(y - 1.5) - 6.5*(y - 1.5)^2)
  + 15*exp(0.7*(x + 1)^2 + 0.6*(x + 1)*(y - 1) + 0.7*(y - 1)^2)";
const STYBLINSKI_TANG: &str = "sum(i, 0, n-1, x[i]^4 - 16*x[i]^2 + 5*x[i]) / 2";

fn zeros(f: &Formula, region: &[(f64, f64)], most: usize) -> Found {
    let enclosed = f.enclose().unwrap();
    branch(&*enclosed.system(), region, most)
}

#[test]
fn branching_finds_all_critical_points() {
    for (f, region, count) in [
        (formula(2, HIMMELBLAU), vec![(-6.0, 6.0); 2], 9),
        (formula(2, MUELLER_BROWN), vec![(-1.8, 1.3), (-0.6, 2.3)], 5),
        (formula(3, STYBLINSKI_TANG), vec![(-5.0, 5.0); 3], 27),
    ] {
        let found = zeros(&f, &region, 20_000);
        assert_eq!((found.zeros.len(), found.undecided), (count, 0), "{} boxes", found.boxes);
    }
}

#[test]
#[ignore = "a measurement: run it with --nocapture"]
fn boxes_and_times() {
    let time = |name: &str, repeat: u32, work: &mut dyn FnMut()| {
        let start = std::time::Instant::now();
        (0..repeat).for_each(|_| work());
        println!("{name}: {:.0} ns", start.elapsed().as_secs_f64() / f64::from(repeat) * 1e9);
    };
    for (name, f, region) in [
        ("himmelblau", formula(2, HIMMELBLAU), vec![(-6.0, 6.0); 2]),
        ("mueller-brown", formula(2, MUELLER_BROWN), vec![(-1.8, 1.3), (-0.6, 2.3)]),
        ("styblinski-tang 4", formula(4, STYBLINSKI_TANG), vec![(-5.0, 5.0); 4]),
        ("styblinski-tang 5", formula(5, STYBLINSKI_TANG), vec![(-5.0, 5.0); 5]),
        ("styblinski-tang 6", formula(6, STYBLINSKI_TANG), vec![(-5.0, 5.0); 6]),
    ] {
        let enclosed = f.enclose().unwrap();
        let system = enclosed.system();
        let n = f.dim();
        let x: Vec<Interval> = (0..n).map(|i| Interval::about(0.3 + 0.4 * i as f64, 0.05)).collect();
        let at: Vec<f64> = x.iter().map(|x| x.mid()).collect();
        let (mut g, mut e) = (vec![Interval::ENTIRE; n], Expansion::new(n));
        println!("{name}");
        time("  energy", 100_000, &mut || _ = std::hint::black_box(enclosed.energy(&x)));
        time("  range", 100_000, &mut || system.range(std::hint::black_box(&x), &mut g));
        time("  expand", 100_000, &mut || system.expand(std::hint::black_box(&x), &at, &mut e));
        let start = std::time::Instant::now();
        let found = branch(&*system, &region, 1_000_000);
        println!(
            "  {} zeros, {} boxes, {} undecided, {:.2} ms",
            found.zeros.len(),
            found.boxes,
            found.undecided,
            start.elapsed().as_secs_f64() * 1e3
        );
    }
}
