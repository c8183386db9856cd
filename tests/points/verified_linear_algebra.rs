//! Products, inverses, spectra and inertia in verified arithmetic, against closed forms and exact integer arithmetic.

use faer::Mat;
use smale::rigor::{
    BallMatrix, Interval, Inverse, eigenvalues_exceed, inertia, lower_over_ball,
    smallest_eigenvalue_lower_bound, symmetric_spectrum,
};

fn exact(n: usize, m: usize, f: impl Fn(usize, usize) -> f64) -> BallMatrix {
    BallMatrix::exact(Mat::from_fn(n, m, f).as_ref())
}

fn symmetric(n: usize, f: impl Fn(usize, usize) -> f64) -> BallMatrix {
    exact(n, n, |i, j| f(i.min(j), i.max(j)))
}

fn laplacian(n: usize) -> BallMatrix {
    symmetric(n, |i, j| match j - i {
        0 => 2.0,
        1 => -1.0,
        _ => 0.0,
    })
}

#[test]
fn products_contain_what_integers_give() {
    // Entries up to 2^52, so that sums cancel below the rounding of their terms; the truth is exact in i128.
    let mut state = 1_u64;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        i128::from((state >> 11) as i64) - (1 << 52)
    };
    let mut misses = 0;
    for k in [1, 2, 5, 40, 300, 1100] {
        let (n, m) = (3, 2);
        let a: Vec<i128> = (0..n * k).map(|_| next()).collect();
        let b: Vec<i128> = (0..k * m).map(|_| next()).collect();
        let (am, bm) = (exact(n, k, |i, l| a[i * k + l] as f64), exact(k, m, |l, j| b[l * m + j] as f64));
        let c = BallMatrix::product(&am, &bm);
        for j in 0..m {
            let x: Vec<Interval> = (0..k).map(|l| Interval::point(b[l * m + j] as f64)).collect();
            let y = am.mul_vec(&x);
            for i in 0..n {
                let truth: i128 = (0..k).map(|l| a[i * k + l] * b[l * m + j]).sum();
                // Both ends compared in integers: they are integers or far below one in effect.
                let inside =
                    |v: Interval| (v.lo().floor() as i128) <= truth && truth <= (v.hi().ceil() as i128);
                assert!(inside(c.entry(i, j)) && inside(y[i]), "k = {k}");
                misses += usize::from(c.mid[(i, j)] as i128 != truth);
                assert!(c.rad[(i, j)] <= 2e-13 * 2f64.powi(104) * k as f64);
            }
        }
    }
    assert!(misses > 20, "the plain product is not exact");
}

#[test]
fn products_bound_radii_underflow_and_overflow() {
    let tiny = exact(1, 8, |_, _| 1e-170);
    let p = BallMatrix::product(&tiny, &exact(8, 1, |_, _| 1e-170)).entry(0, 0);
    assert!(p.hi() > 0.0, "the sum is positive although its terms vanish");
    let huge = BallMatrix::product(&exact(1, 2, |_, _| 1e200), &exact(2, 1, |_, _| 1e200)).entry(0, 0);
    assert_eq!(huge.hi(), f64::INFINITY);
    for n in [2, 12] {
        // All radii one: (1 +- 1)(1 +- 1) is [0, 4] in each of n terms.
        let ball = BallMatrix { mid: Mat::from_fn(n, n, |_, _| 1.0), rad: Mat::from_fn(n, n, |_, _| 1.0) };
        let one = exact(n, n, |_, _| 1.0);
        let size = n as f64;
        for (p, high) in [
            (BallMatrix::product(&ball, &ball), 4.0),
            (BallMatrix::product(&ball, &one), 2.0),
            (BallMatrix::product(&one, &ball), 2.0),
        ] {
            let e = p.entry(0, n - 1);
            assert!(e.lo() <= 0.0 && e.hi() >= high * size && e.hi() < high * size + 1e-9);
        }
        for bad in [f64::NAN, f64::INFINITY] {
            let a = exact(n, n, |i, j| if i + j == 0 { bad } else { 1.0 });
            let p = BallMatrix::product(&a, &one);
            assert_eq!(p.rad[(0, 0)], f64::INFINITY);
            assert!(p.mid[(0, 0)].is_finite() && p.rad[(1, 0)] < 1.0);
            assert!(inertia(&a).is_none() && symmetric_spectrum(&a).is_none() && Inverse::of(&a).is_none());
            assert_eq!(smallest_eigenvalue_lower_bound(&a), f64::NEG_INFINITY);
        }
    }
    assert_eq!(inertia(&exact(0, 0, |_, _| 0.0)), Some(0));
    assert!(Inverse::of(&exact(0, 0, |_, _| 0.0)).is_some());
}

#[test]
fn norms_bound_known_ones() {
    let a = exact(2, 2, |i, j| [[3.0, 0.0], [4.0, 5.0]][i][j]);
    assert!(a.norm_one() >= 7.0 && a.norm_inf() >= 9.0 && a.norm_frobenius() >= 50f64.sqrt());
    // Singular values sqrt 45 and sqrt 5.
    assert!(a.norm_two() >= 45f64.sqrt() && a.norm_two() < 45f64.sqrt() * 1.001);
    for n in [1, 9, 50] {
        let ones = exact(n, n, |_, _| 0.1);
        assert!(ones.norm_two() >= 0.1 * n as f64 && ones.norm_two() < 0.1 * n as f64 * (1.0 + 1e-12));
    }
    for size in [1e-200, 1e200] {
        let n = exact(2, 2, |_, _| size).norm_two();
        assert!(n >= 2.0 * size && n < 3.0 * size);
    }
}

#[test]
fn inverses_contain_exact_ones() {
    // The inverse of the Laplacian: min(i, j) (n + 1 - max(i, j)) / (n + 1), counted from one.
    for n in [1, 2, 3, 12, 13, 40] {
        let inverse = Inverse::of(&laplacian(n)).expect("nonsingular");
        let matrix = inverse.matrix();
        let truth = |i: usize, j: usize| {
            Interval::point(((i.min(j) + 1) * (n - i.max(j))) as f64) / Interval::point((n + 1) as f64)
        };
        let x = inverse.solve(&vec![Interval::ONE; n]);
        for i in 0..n {
            // The exact solution is i (n + 1 - i) / 2.
            assert!(x[i].contains(0.5 * ((i + 1) * (n - i)) as f64) && x[i].width() < 1e-8);
            for j in 0..n {
                assert!(matrix.entry(i, j).meet(truth(i, j)).is_some() && matrix.rad[(i, j)] < 1e-8);
            }
        }
        let least = 4.0 * (std::f64::consts::PI / (2 * (n + 1)) as f64).sin().powi(2);
        assert!(inverse.norm_two >= 1.0 / least * (1.0 - 1e-12) && inverse.norm_inf >= 0.99 / least);
        assert!(Inverse::verify(&laplacian(n), Mat::zeros(n, n)).is_none());
        // An inverse that is off by a factor has a defect that counts.
        let rough = Mat::from_fn(n, n, |i, j| 0.75 * truth(i, j).mid());
        let rough = Inverse::verify(&laplacian(n), rough).expect("a defect of a quarter");
        assert!(rough.norm_two >= 1.0 / least * (1.0 - 1e-12) && rough.defect_two >= 0.25);
        assert!(rough.solve(&vec![Interval::ONE; n])[0].contains(0.5 * n as f64));
        assert!((0..n).all(|i| rough.matrix().entry(i, 0).meet(truth(i, 0)).is_some()));
    }
    assert!(Inverse::of(&exact(3, 3, |i, j| (3 * i + j) as f64)).is_none());
    assert!(
        Inverse::of(&BallMatrix { mid: Mat::identity(2, 2), rad: Mat::from_fn(2, 2, |_, _| 0.5) }).is_none()
    );
}

#[test]
fn spectra_contain_closed_forms() {
    for n in [1, 2, 3, 8, 9, 40, 150] {
        let a = laplacian(n);
        let spectrum = symmetric_spectrum(&a).expect("enclosed");
        for (k, v) in spectrum.values.iter().enumerate() {
            let truth = 4.0 * (std::f64::consts::PI * (k + 1) as f64 / (2 * (n + 1)) as f64).sin().powi(2);
            assert!(Interval::about(truth, 1e-14).meet(*v).is_some() && v.width() < 1e-9);
        }
        assert_eq!((spectrum.index(), inertia(&a)), (Some(0), Some(0)));
        let least = spectrum.values[0];
        let lower = smallest_eigenvalue_lower_bound(&a);
        assert!(lower <= least.hi() && lower > least.lo() - 0.05 && lower.is_finite());
        assert!(eigenvalues_exceed(&a, 0.9 * least.lo()) && !eigenvalues_exceed(&a, least.hi()));
    }
}

#[test]
fn untrusted_vectors_cannot_lie() {
    use smale::rigor::Spectrum;
    let a = symmetric(3, |i, j| if i == j { (i + 1) as f64 } else { 0.0 });
    // Long vectors, wrong values, turned vectors: each must widen the intervals, or prove nothing.
    let long =
        Spectrum::verify(&a, &[1.0, 2.0, 3.0], Mat::from_fn(3, 3, |i, j| if i == j { 1.2 } else { 0.0 }));
    let wrong = Spectrum::verify(&a, &[1.5, 2.5, 3.5], Mat::identity(3, 3));
    let permuted = Spectrum::verify(
        &a,
        &[3.0, 1.0, 2.0],
        Mat::from_fn(3, 3, |i, j| if i == (j + 2) % 3 { 1.0 } else { 0.0 }),
    );
    let order = Spectrum::verify(&a, &[0.0, 0.0, 6.0], Mat::identity(3, 3));
    for spectrum in [long, wrong, permuted, order].into_iter().flatten() {
        for (k, v) in spectrum.values.iter().enumerate() {
            assert!(v.contains((k + 1) as f64), "{:?}", spectrum.values);
        }
    }
    assert!(Spectrum::verify(&a, &[1.0, 2.0, 3.0], Mat::zeros(3, 3)).is_none());
    assert!(Spectrum::verify(&a, &[1.0, f64::NAN, 3.0], Mat::identity(3, 3)).is_none());
}

#[test]
fn singular_matrices_get_no_index() {
    for n in [2, 3, 6, 40] {
        // The Laplacian of a cycle has the eigenvalue zero; shifted by 1e-17 in one entry it rounds to itself.
        let cycle = symmetric(n, |i, j| {
            if i == j {
                if n == 2 { 1.0 } else { 2.0 }
            } else if j - i == 1 || j - i == n - 1 {
                -1.0
            } else {
                0.0
            }
        });
        assert_eq!(inertia(&cycle), None, "n = {n}");
        assert!(smallest_eigenvalue_lower_bound(&cycle) <= 0.0 && !eigenvalues_exceed(&cycle, 0.0));
        // A radius that reaches a singular matrix.
        let ball = BallMatrix { mid: Mat::identity(n, n), rad: Mat::from_fn(n, n, |_, _| 1.0 / n as f64) };
        assert_eq!(inertia(&ball), None);
        assert!(smallest_eigenvalue_lower_bound(&ball) <= 0.0 && !eigenvalues_exceed(&ball, 0.0));
        let unknown = BallMatrix {
            mid: Mat::identity(n, n),
            rad: Mat::from_fn(n, n, |i, j| if i + j == 1 { f64::INFINITY } else { 0.0 }),
        };
        assert!(inertia(&unknown).is_none() && symmetric_spectrum(&unknown).is_none());
        assert_eq!(smallest_eigenvalue_lower_bound(&unknown), f64::NEG_INFINITY);
    }
}

#[test]
fn graded_matrices_get_their_index() {
    let a = symmetric(3, |i, j| if i == j { [1e-12, -1.0, 1e12][i] } else { 0.0 });
    assert_eq!(inertia(&a), Some(1));
    for n in [6, 33, 40] {
        let graded = symmetric(n, |i, j| {
            let scale = 10f64.powi(-((i + j) as i32) / 2);
            scale * if i == j { if i % 3 == 0 { -1.0 } else { 1.0 } } else { 1e-3 / n as f64 }
        });
        assert_eq!(inertia(&graded), Some(n.div_ceil(3)));
        let hollow =
            symmetric(
                n,
                |i, j| if j - i == 1 && i % 2 == 0 { 1.0 } else { 1e-3 * f64::from(n % 2 == 1 && i == j) },
            );
        assert_eq!(inertia(&hollow), (n % 2 == 0 || n == 33).then_some(n / 2));
    }
    assert_eq!(inertia(&symmetric(2, |i, j| if i == j { -2.0 } else { 1.0 })), Some(2));
    assert_eq!(inertia(&symmetric(1, |_, _| -1.0)), Some(1));
}

#[test]
fn bounds_over_a_ball_only_fall() {
    assert!(lower_over_ball(1.0, 2.0, 0.25) <= 0.5 && lower_over_ball(1.0, 2.0, 0.25) > 0.49);
    assert_eq!(lower_over_ball(1.0, f64::INFINITY, 0.1), f64::NEG_INFINITY);
}
