use faer::Mat;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::*;
use crate::landscape::softmax::enclose::Parts;

/// Uneven wells in clusters, some of them doubled; half of the mixtures have coordinates and a width that are not exact.
fn mixture(n: usize, count: usize, sigma: f64, rng: &mut ChaCha8Rng) -> EnclosedMixture {
    let mut data = Mat::from_fn(n, count, |_, _| rng.random_range(-3.0..3.0));
    for k in (1..count).step_by(5) {
        for i in 0..n {
            data[(i, k)] = data[(i, k - 1)] + if k % 2 == 0 { 0.0 } else { 0.1 * sigma * (i as f64 - 0.5) };
        }
    }
    let exact = rng.random_bool(0.5);
    let third = Interval::ONE / Interval::point(3.0);
    // Some numbers are hardly known.
    let blur = [0.0, 1e-12, 1e-6][rng.random_range(0..3)];
    EnclosedMixture::new(Parts {
        data: data.as_ref(),
        factor: if exact { Interval::ONE } else { third * Interval::about(1.0, blur) },
        logs: (0..count).map(|_| Interval::about(rng.random_range(-4.0..0.0), blur)).collect(),
        tilt: if exact { Interval::ZERO } else { third },
        precision: (if exact { Interval::ONE } else { third * Interval::about(1.0, blur) })
            / Interval::point(sigma).sqr(),
        scale: Interval::ONE,
        constant: Interval::ZERO,
    })
}

/// What is within `error` of a number: all of it or, where `ends` are wanted, one as far away as can be.
fn one_of(known: f64, error: f64, ends: bool, rng: &mut ChaCha8Rng) -> Interval {
    if !ends {
        return if error == 0.0 { Interval::point(known) } else { Interval::about(known, error) };
    }
    let (mut end, up) = if rng.random_bool(0.5) { (known + error, false) } else { (known - error, true) };
    while (end - known).abs() > error {
        end = if up { end.next_up() } else { end.next_down() };
    }
    Interval::point(end)
}

/// The field and its Jacobian at points, number by number in intervals, of the function that belongs to a place: of some mixture, or all, within what
/// is known of it.
fn reference(
    mixture: &EnclosedMixture,
    density: &Density,
    place: &Place<'_>,
    points: &[Vec<f64>],
    ends: bool,
    rng: &mut ChaCha8Rng,
) -> Vec<(Vec<Interval>, Vec<Interval>)> {
    let n = density.dim;
    let mut out = vec![(vec![Interval::ZERO; n], vec![Interval::ZERO; n * n]); points.len()];
    let s = one_of(density.precision.mid(), 0.99 * density.precision.rad(), ends, rng);
    for (at, k) in density.tree.order.iter().enumerate() {
        let c: Vec<Interval> =
            (0..n).map(|i| one_of(mixture.well(*k)[i], mixture.error(*k, i), ends, rng)).collect();
        let log = density.logs[at];
        let log = one_of(log.mid(), 0.99 * log.rad(), ends, rng);
        let alpha: Vec<Interval> = (0..n).map(|i| s * difference(c[i], place.b[i])).collect();
        let square = difference(tree::square(&c, place.at), place.top.square);
        let at_middle = difference(log, place.top.log) - s.scale(0.5) * square;
        for (x, (field, jacobian)) in points.iter().zip(&mut out) {
            let mut exponent = at_middle;
            for i in 0..n {
                exponent += alpha[i] * exact_difference(x[i], place.at[i]);
            }
            let size = exponent.exp();
            for i in 0..n {
                let apart = Interval::point(x[i]) - c[i];
                field[i] += size * apart;
                for j in 0..n {
                    let one = if i == j { Interval::ONE } else { Interval::ZERO };
                    jacobian[i * n + j] += size * (one + apart * alpha[j]);
                }
            }
        }
    }
    out
}

/// Is what is known of one number possible if it lies in the other interval?
fn agree(of_point: Interval, over_box: Interval) -> bool {
    of_point.meet(over_box).is_some()
}

#[test]
fn enclosures_hold_what_they_enclose() {
    let mut rng = ChaCha8Rng::seed_from_u64(17);
    let mut told = 0;
    for round in 0..360 {
        let n = [1, 2, 2, 3, 4, 5, 8][round % 7];
        let count = [1, 7, 16, 40, 90, 400][round % 6];
        let sigma = [0.05, 0.3, 1.5][round % 3];
        let mixture = mixture(n, count, sigma, &mut rng);
        let density = Density::new(&mixture);
        for width in [0.0, 1e-9, 0.01, 0.1, 0.5, 3.0] {
            let near = rng.random_range(0..count);
            let middle: Vec<f64> =
                (0..n).map(|i| mixture.well(near)[i] + sigma * rng.random_range(-4.0..4.0)).collect();
            let x: Vec<Interval> = middle
                .iter()
                .map(|m| Interval::about(*m, sigma * width * rng.random_range(0.3..1.0)))
                .collect();
            let pick = |rng: &mut ChaCha8Rng| -> Vec<f64> {
                let corner = rng.random_bool(0.4);
                x.iter()
                    .map(|x| match corner {
                        true if rng.random_bool(0.5) => x.lo(),
                        true => x.hi(),
                        false => (x.lo() + rng.random_range(0.0..=1.0) * x.width()).clamp(x.lo(), x.hi()),
                    })
                    .collect()
            };
            // About the middle, and about another point of the box.
            for at in [middle.clone(), pick(&mut rng)] {
                let mut out = Expansion::new(n);
                density.expand(&x, &at, &mut out);
                let (place, _) = density.place(&x, &at, &mut vec![]);
                told += usize::from(out.jacobian.iter().all(|j| j.is_bounded()));
                let mut range = vec![Interval::ENTIRE; n];
                density.range(&x, &mut range);
                let points: Vec<Vec<f64>> = (0..12).map(|_| pick(&mut rng)).chain([at.clone()]).collect();
                let ends = rng.random_bool(0.7);
                let mut known = reference(&mixture, &density, &place, &points, ends, &mut rng);
                let holds_zero = known.iter().any(|(field, _)| field.iter().all(|f| f.contains(0.0)));
                let (value, _) = known.pop().unwrap();
                assert!((0..n).all(|i| agree(value[i], out.value[i])), "{value:?} {:?}", out.value);
                for (field, jacobian) in known {
                    assert!((0..n).all(|i| agree(field[i], out.range[i])), "{field:?} {:?}", out.range);
                    let mut entries = jacobian.iter().zip(&out.jacobian);
                    assert!(entries.all(|(a, b)| agree(*a, *b)), "{jacobian:?} {:?}", out.jacobian);
                }
                // Where all components may vanish at a point none is excluded.
                assert!(!holds_zero || range.iter().all(|r| r.contains(0.0)), "{range:?}");
            }
        }
    }
    assert!(told > 3000, "{told} expansions are bounded");
}

/// Of one well the ranges are known: they are not much wider.
#[test]
fn enclosures_of_one_well_are_tight() {
    for (c, width) in [(0.7, 0.3), (-2.0, 1.0), (0.1, 0.5)] {
        let mixture = EnclosedMixture::new(Parts {
            data: Mat::from_fn(1, 1, |_, _| c).as_ref(),
            factor: Interval::ONE,
            logs: vec![Interval::ZERO],
            tilt: Interval::ZERO,
            precision: Interval::ONE,
            scale: Interval::ONE,
            constant: Interval::ZERO,
        });
        let density = Density::new(&mixture);
        let mut out = Expansion::new(1);
        density.expand(&[Interval::new(-width, width)], &[0.0], &mut out);
        // The mean is the well, so that no exponent moves: F = x - c.
        let close =
            |a: Interval, lo: f64, hi: f64| (a.lo() - lo).abs() < 1e-12 && (a.hi() - hi).abs() < 1e-12;
        assert!(close(out.range[0], -width - c, width - c), "{:?}", out.range);
        assert!(close(out.value[0], -c, -c) && close(out.jacobian[0], 1.0, 1.0), "{out:?}");
    }
}

/// Two wells: the extrema of terms lie within the box.
#[test]
fn ranges_reach_to_extrema_within() {
    let c = [-1.5, 1.5];
    let mixture = EnclosedMixture::new(Parts {
        data: Mat::from_fn(1, 2, |_, k| c[k]).as_ref(),
        factor: Interval::ONE,
        logs: vec![Interval::ZERO; 2],
        tilt: Interval::ZERO,
        precision: Interval::ONE,
        scale: Interval::ONE,
        constant: Interval::ZERO,
    });
    let density = Density::new(&mixture);
    for half in [0.5, 1.0, 2.0, 4.0] {
        let x = [Interval::new(-half, half)];
        let mut out = Expansion::new(1);
        density.expand(&x, &[0.0], &mut out);
        // exp(-9/8) is common to both: F = sum_k exp(c_k x) (x - c_k).
        let steps = 4000;
        let (mut field, mut slope) = ([f64::INFINITY, f64::NEG_INFINITY], [0.0; 2]);
        let mut terms = [[[f64::INFINITY, f64::NEG_INFINITY]; 2]; 2];
        for step in 0..=steps {
            let x = half * (2.0 * f64::from(step) / f64::from(steps) - 1.0);
            let mut sum = 0.0;
            for (k, c) in c.iter().enumerate() {
                let e = (c * x).exp();
                sum += e * (x - c);
                for (which, value) in [e * (x - c), e * (1.0 + c * (x - c))].into_iter().enumerate() {
                    let [lo, hi] = &mut terms[k][which];
                    (*lo, *hi) = (lo.min(value), hi.max(value));
                }
            }
            (field[0], field[1]) = (field[0].min(sum), field[1].max(sum));
        }
        for k in 0..2 {
            (0..2).for_each(|end| slope[end] += terms[k][1][end]);
        }
        let near = |a: f64, b: f64| (a - b).abs() < 1e-4 * (1.0 + b.abs());
        let jacobian = out.jacobian[0];
        assert!(near(jacobian.lo(), slope[0]) && near(jacobian.hi(), slope[1]), "{jacobian:?} {slope:?}");
        assert!(out.range[0].lo() <= field[0] && field[1] <= out.range[0].hi());
    }
}
