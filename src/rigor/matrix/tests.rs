//! Cases in which the bounds are attained, or nearly: sums in which every rounding goes the same way, single numbers between
//! two neighbours, underflow. All truths are exact: small integers times powers of two.

use super::*;

/// `u (1 - 2^-20)`: added to `1 + 2u`, it is lost.
const GRAIN: f64 = UNIT * (1.0 - 1.0 / 1_048_576.0);
/// The sum that the grains are lost in.
const FIRST: f64 = 1.0 + 2.0 * UNIT;

fn one(mid: f64, rad: f64) -> BallMatrix {
    BallMatrix { mid: Mat::from_fn(1, 1, |_, _| mid), rad: Mat::from_fn(1, 1, |_, _| rad) }
}

/// Terms of a sum: FIRST, then grains; of long ones as many as each panel loses.
fn grains(k: usize) -> Vec<f64> {
    let panels = k > 2 * PANEL;
    (0..k)
        .map(|l| {
            if l == 0 {
                FIRST
            } else if panels && l >= PANEL && l % PANEL != 0 {
                0.0
            } else {
                GRAIN
            }
        })
        .collect()
}

/// What the sum of the terms exceeds `mid` by: exact, as both parts are.
fn excess(terms: &[f64], mid: f64) -> f64 {
    (terms[0] - mid) + terms[1..].iter().sum::<f64>()
}

#[test]
fn sums_that_lose_every_term_are_within_the_bound() {
    for (n, m, k) in [(1, 1, 100), (6, 6, 100), (6, 6, 7), (3, 3, 200 * PANEL)] {
        let terms = grains(k);
        let ones = BallMatrix::exact(Mat::from_fn(k, m, |_, _| 1.0).as_ref());
        let a = BallMatrix::exact(Mat::from_fn(n, k, |_, l| terms[l]).as_ref());
        // One entry that is not exact switches to the other form of the bound.
        let mut nearly_a = a.clone();
        nearly_a.rad[(0, k - 1)] = 1e-300;
        let mut nearly_ones = ones.clone();
        nearly_ones.rad[(k - 1, 0)] = 1e-300;
        for (a, b) in [(&a, &ones), (&nearly_a, &ones), (&a, &nearly_ones), (&nearly_a, &nearly_ones)] {
            let p = BallMatrix::product(a, b);
            let missing = excess(&terms, p.mid[(n - 1, m - 1)]);
            assert!(missing > 0.9 * (roundings(k) - 2) as f64 * UNIT, "{k}: nothing is lost");
            assert!(p.rad[(n - 1, m - 1)] >= missing, "{n} {m} {k}");
        }
        // The same sum in the radii, which are bounds without another bound: of the left, of the right factor.
        let loose = BallMatrix { mid: Mat::zeros(n, k), rad: Mat::from_fn(n, k, |_, l| terms[l]) };
        let p = BallMatrix::product(&loose, &ones);
        assert!(excess(&terms, p.rad[(n - 1, m - 1)]) <= 0.0);
        let loose = BallMatrix { mid: Mat::zeros(k, m), rad: Mat::from_fn(k, m, |l, _| terms[l]) };
        let p = BallMatrix::product(&BallMatrix::exact(Mat::from_fn(n, k, |_, _| -1.0).as_ref()), &loose);
        assert!(excess(&terms, p.rad[(n - 1, m - 1)]) <= 0.0);
        if n == 1 {
            let x: Vec<Interval> = terms.iter().map(|t| Interval::new(-t, *t)).collect();
            let y = BallMatrix::exact(Mat::from_fn(1, k, |_, _| 1.0).as_ref()).mul_vec(&x);
            assert!(excess(&terms, y[0].hi()) <= 0.0 && excess(&terms, -y[0].lo()) <= 0.0);
        }
    }
}

#[test]
fn sums_that_cancel_are_within_the_bound() {
    // Pairs x y - x y: the sum is zero, what is computed the rounding of the products.
    for (n, m, k) in [(1, 1, 8), (6, 6, 8)] {
        let x = |l: usize| 1.0 + (l / 2 + 1) as f64 * 2f64.powi(-30);
        let a = BallMatrix::exact(Mat::from_fn(n, k, |_, l| x(l)).as_ref());
        let b = BallMatrix::exact(Mat::from_fn(k, m, |l, _| if l % 2 == 0 { x(l) } else { -x(l) }).as_ref());
        let p = BallMatrix::product(&a, &b);
        assert!(p.rad[(0, 0)] >= p.mid[(0, 0)].abs() && p.rad[(0, 0)] > UNIT);
    }
}

#[test]
fn what_underflow_takes_is_within_the_bound() {
    for (n, k) in [(1, 8), (6, 8)] {
        let tiny = |n, k| BallMatrix::exact(Mat::from_fn(n, k, |_, _| 1e-170).as_ref());
        let p = BallMatrix::product(&tiny(n, k), &tiny(k, n));
        assert!(p.mid[(0, 0)] == 0.0 && p.rad[(0, 0)] > 0.0);
        let mut nearly = tiny(k, n);
        nearly.rad.fill(1e-300);
        let p = BallMatrix::product(&tiny(n, k), &nearly);
        assert!(p.mid[(0, 0)] == 0.0 && p.rad[(0, 0)] > 0.0);
    }
}

#[test]
fn what_is_no_number_is_unknown() {
    for (n, k) in [(1, 2), (6, 8)] {
        let zero = BallMatrix::exact(Mat::zeros(k, n).as_ref());
        let unknown = BallMatrix { mid: Mat::zeros(n, k), rad: Mat::from_fn(n, k, |_, _| f64::INFINITY) };
        assert_eq!(BallMatrix::product(&unknown, &zero).rad[(0, 0)], f64::INFINITY);
        let huge = |n, k| BallMatrix::exact(Mat::from_fn(n, k, |_, _| 1e200).as_ref());
        let p = BallMatrix::product(&huge(n, k), &huge(k, n));
        assert!(p.mid[(0, 0)].is_finite() && p.rad[(0, 0)] == f64::INFINITY);
    }
    for c in [f64::NAN, f64::INFINITY] {
        let a = BallMatrix::exact(one(c, 0.0).mid.as_ref());
        assert!(a.mid[(0, 0)].is_finite() && a.rad[(0, 0)] == f64::INFINITY);
        let met = one(c, 0.0).symmetric().unwrap();
        assert!(met.mid[(0, 0)].is_finite() && met.rad[(0, 0)] == f64::INFINITY);
        let met = one(0.0, c).symmetric().unwrap();
        assert!(met.rad[(0, 0)] == f64::INFINITY && !met.is_finite() && !one(c, 0.0).is_finite());
    }
    let huge = one(1e308, 0.0);
    for sum in [&huge + &huge, huge.scale(1e10)] {
        assert!(sum.mid[(0, 0)].is_finite() && sum.rad[(0, 0)] == f64::INFINITY);
    }
    assert_eq!(gamma(1 << 54), f64::INFINITY);
}

#[test]
fn numbers_between_neighbours_are_within_the_bound() {
    let little = 0.5 * UNIT;
    let above = |matrix: &Mat<f64>, whole: f64| matrix[(0, 0)] > whole;
    assert!(above(&one(1.0, little).magnitude(), 1.0) && one(1.0, 0.0).magnitude()[(0, 0)] == 1.0);
    assert!(above(&one(-1.0, 2.0).magnitude(), 2.9));
    // |1 - c| and radii.
    assert!(above(&one(3.0, 0.0).rest(), 1.9) && above(&one(-3.0, 0.0).rest(), 3.9));
    assert!(above(&one(-little, 0.0).rest(), 1.0) && above(&one(2.0, little).rest(), 1.0));
    assert!(one(1.0, 0.0).rest()[(0, 0)] == 0.0 && above(&one(1.0, 3.0).rest(), 2.9));
    let pair = BallMatrix { mid: Mat::from_fn(2, 2, |_, _| 1.0), rad: Mat::from_fn(2, 2, |_, _| little) };
    assert!(pair.rest()[(0, 1)] > 1.0 && pair.rest()[(1, 1)] >= little);
    // The number nearest to 1/3, times 3, is 1 - u/2.
    let third = one(1.0 / 3.0, 0.0).scale(3.0);
    assert!(third.mid[(0, 0)] == 1.0 && third.rad[(0, 0)] >= little);
    assert!(one(f64::from_bits(1), 0.0).scale(0.5).rad[(0, 0)] > 0.0);
    assert!(one(0.0, 1.0).scale(-2.0).rad[(0, 0)] >= 2.0);
    // (1 + 2u)^2 = 1 + 4u + 4u^2.
    assert!(one(0.0, FIRST).scale(FIRST).rad[(0, 0)] > 1.0 + 4.0 * UNIT);
    // Sums: of midpoints, where almost half a unit is lost; of radii; of what is lost and a radius.
    let sum = &one(FIRST, 0.0) + &one(GRAIN, 0.0);
    assert!(sum.mid[(0, 0)] == FIRST && sum.rad[(0, 0)] >= GRAIN);
    let sum = &one(UNIT, 1.0) + &one(0.25 * UNIT * UNIT, 0.0);
    assert!(sum.rad[(0, 0)] > 1.0);
    for both in [&one(1.0, 2.0) + &one(1.0, 3.0), &one(1.0, 2.0) - &one(1.0, 3.0)] {
        assert!(both.rad[(0, 0)] >= 5.0 && both.rad[(0, 0)] < 5.1);
    }
    // An interval of two neighbours: the middle is one of them.
    let pair = BallMatrix::from_intervals(1, 1, &[Interval::new(1.0, FIRST)]);
    assert!(pair.rad[(0, 0)] >= 2.0 * UNIT);
    assert!(
        BallMatrix::exact(Mat::from_fn(1, 1, |_, _| 2.0).as_ref()).mul_vec(&[Interval::new(-1.0, 3.0)])[0]
            .hi()
            >= 6.0
    );
}

#[test]
fn symmetric_matrices_are_those_that_both_halves_hold() {
    let half = |mid: [f64; 2], rad: [f64; 2]| BallMatrix {
        mid: Mat::from_fn(2, 2, |i, j| if i == j { 0.0 } else { mid[i] }),
        rad: Mat::from_fn(2, 2, |i, j| if i == j { 0.0 } else { rad[i] }),
    };
    for (mid, rad, low, high) in [
        ([0.0, 1.0], [0.25, 1.0], 0.0, 0.25),
        ([0.0, 1.0], [1.0, 0.25], 0.75, 1.0),
        ([1.0, 1.0], [1.0, 2.0], 0.0, 2.0),
        ([1.0, 1.0], [2.0, 1.0], 0.0, 2.0),
    ] {
        let met = half(mid, rad).symmetric().unwrap();
        let entry = met.entry(0, 1);
        assert!(
            entry.contains(low)
                && entry.contains(high)
                && entry.width() < 1.01 * (high - low)
                && entry == met.entry(1, 0)
        );
    }
    assert!(half([0.0, 1.0], [0.25, 0.25]).symmetric().is_none());
}
