//! Spectral gaps of generators.

use smale::control::Control;
use smale::landscape::formula::Formula;
use smale::measure::generator::grid::{self, Mean, Options};
use smale::measure::generator::line::{Line, spectral_gap, spectrum};

use crate::cases::{DOUBLE, HALF, Solved, close, formula};

#[test]
fn the_line_has_its_gaps_to_ten_digits() {
    let double = formula(1, DOUBLE);
    let half = formula(1, HALF);
    for (eps, of_double, of_half) in [
        (0.2, 1.347779837473546e-1, 8.022696793880756e-2),
        (0.05, 2.776140636572728e-3, 6.526920859398791e-5),
        (0.02, 1.623215088723855e-6, 3.841308311054026e-11),
    ] {
        let gap = spectral_gap(&double, &[-1.0, 0.0, 1.0], eps).unwrap();
        println!("{eps} {gap:?} {:e}", gap.value / of_double - 1.0);
        close(gap.value, of_double, 1e-12);
        assert!(gap.error <= 1e-10 * gap.value);
        let critical = half_points();
        let gap = spectral_gap(&half, &critical, eps).unwrap();
        println!("{eps} {gap:?} {:e}", gap.value / of_half - 1.0);
        close(gap.value, of_half, 1e-12);
        // The saddle need not be known.
        let same = spectral_gap(&half, &[-1.0, 1.0], eps).unwrap();
        close(same.value, of_half, 1e-12);
    }
}

/// The root of the derivative between the wells.
fn half_points() -> [f64; 3] {
    let slope = |x: f64| {
        x * (x * x - 1.0) * (1.0 + 0.75 * (x + 1.0).powi(2)) + (x * x - 1.0).powi(2) * 0.375 * (x + 1.0)
    };
    let (mut a, mut b) = (-0.5, 0.9);
    for _ in 0..80 {
        let m = 0.5 * (a + b);
        if slope(m) > 0.0 { a = m } else { b = m }
    }
    [-1.0, a, 1.0]
}

/// A harmonic well has the gap of its curvature at every temperature.
#[test]
fn one_well_has_its_curvature() {
    let well = formula(1, "3*(x - 0.2)^2/2");
    for eps in [1.0, 1e-3] {
        close(spectral_gap(&well, &[0.2], eps).unwrap().value, 3.0, 1e-12);
    }
}

#[test]
fn around_a_circle() {
    let period = [Some(std::f64::consts::TAU)];
    let circle = Formula::new(1, "-cos(x)", &[], &period, None).unwrap();
    let gap = spectral_gap(&circle, &[0.0, std::f64::consts::PI], 0.1).unwrap();
    println!("{gap:?}");
    close(gap.value, 0.9451475058037026, 1e-12);
    // No energy: the Laplacian on a circle.
    let flat = Formula::new(1, "0*x", &[], &period, None).unwrap();
    close(spectral_gap(&flat, &[0.0], 0.3).unwrap().value, 0.3, 1e-12);
    // eps k^2, each twice.
    let all = spectrum(&flat, &[0.0], 0.3, 4).unwrap();
    assert_eq!(all.len(), 4);
    for (found, truth) in all.iter().zip([0.3, 0.3, 1.2, 1.2]) {
        close(found.value, truth, 1e-11);
    }
}

/// A harmonic well has all multiples of its curvature (the polynomials of Hermite).
#[test]
fn a_harmonic_well_has_a_ladder() {
    let well = formula(1, "3*(x - 0.2)^2/2");
    let all = spectrum(&well, &[0.2], 0.05, 4).unwrap();
    assert_eq!(all.len(), 4);
    for (k, found) in all.iter().enumerate() {
        close(found.value, 3.0 * (k + 1) as f64, 1e-11);
        assert!(found.error < 1e-9);
    }
}

/// Three wells, the deep one in the middle: the ways out of the other two are a thousandth apart. By inverse iteration on each parity.
#[test]
fn nearly_equal_eigenvalues() {
    let wells = formula(1, "6.75*x^2*(x^2-1)^2 + 0.35*x^2");
    let slope = |s: f64| 13.5 * (s - 1.0) * (s - 1.0) + 27.0 * s * (s - 1.0) + 0.7;
    let root = |low: f64, high: f64| {
        let (mut low, mut high) = (low, high);
        let rises = slope(high) > slope(low);
        for _ in 0..80 {
            let middle = 0.5 * (low + high);
            if (slope(middle) > 0.0) == rises { high = middle } else { low = middle }
        }
        (0.5 * (low + high)).sqrt()
    };
    let (ridge, well) = (root(0.2, 0.6), root(0.8, 1.0));
    let points = [-well, -ridge, 0.0, ridge, well];
    let found = spectrum(&wells, &points, 0.05, 2).unwrap();
    for (found, truth) in found.iter().zip([8.2787023891e-7, 8.2877306085e-7]) {
        println!("{found:?} {:e}", found.value / truth - 1.0);
        close(found.value, truth, 2e-9);
        assert!(found.error < 1e-9 * truth);
    }
    let gap = spectral_gap(&wells, &points, 0.03).unwrap();
    close(gap.value, 2.687985178232e-11, 1e-9);
}

/// The spectrum of a sum is that of its terms, added up: four wells, three small eigenvalues.
#[test]
fn two_double_wells_at_once() {
    let eps = 0.1;
    let other = "0.7*(y^2 - 1)^2/4";
    let along = |energy: &str| spectral_gap(&formula(1, energy), &[-1.0, 0.0, 1.0], eps).unwrap().value;
    let (a, b) = (along(DOUBLE), along("0.7*(x^2 - 1)^2/4"));
    let solved = Solved::new(2, &format!("{DOUBLE} + {other}"), &[-2.0, -2.0], &[2.0, 2.0]);
    let minima = solved.minima();
    assert_eq!(minima.len(), 4);
    let found = grid::spectrum(&solved.domain(&minima, eps), &Options::default(), &Control::quiet()).unwrap();
    assert_eq!(found.len(), 3);
    for (found, truth) in found.iter().zip([a.min(b), a.max(b), a + b]) {
        println!("{found:?} {:e}", found.value / truth - 1.0);
        close(found.value, truth, 1e-3);
        assert!((found.value - truth).abs() <= found.error, "{found:?} against {truth}");
    }
}

#[test]
fn first_passages_on_the_line() {
    let double = formula(1, DOUBLE);
    let line = Line::new(&double, &[-1.0, 0.0, 1.0], 0.1, 2.0).unwrap();
    let there = line.passage_time(-1.0, 1.0).unwrap();
    let back = line.passage_time(1.0, -1.0).unwrap();
    println!("{there} {back}");
    close(there, 66.2686263649179, 1e-12);
    close(back, 66.2686263649179, 1e-12);
    assert_eq!(line.passage_time(-1.0, 0.3), None);
}

#[test]
fn what_cannot_be_had_is_said() {
    let off = formula(1, "x^3");
    assert!(spectral_gap(&off, &[0.0], 0.1).unwrap_err().to_string().contains("does not rise"));
    let double = formula(1, DOUBLE);
    assert!(spectral_gap(&double, &[-1.0, 0.0, 1.0], 1e-4).unwrap_err().to_string().contains("span"));
    assert!(spectral_gap(&double, &[-1.0], 0.0).is_err());
}

/// A double well with harmonic directions beside it: the gap of the line.
#[test]
fn grids_agree_with_the_line() {
    for (dim, energy, eps) in
        [(2, format!("{DOUBLE} + y^2"), 0.05), (3, format!("{DOUBLE} + y^2 + 1.5*z^2"), 0.2)]
    {
        let wide = vec![-2.0; dim];
        let solved = Solved::new(dim, &energy, &wide, &vec![2.0; dim]);
        let minima = solved.minima();
        assert_eq!(minima.len(), 2);
        let truth = spectral_gap(&formula(1, DOUBLE), &[-1.0, 0.0, 1.0], eps).unwrap().value;
        let options = if dim == 3 {
            Options { spacing: 0.65, cut: 9.0, ..Options::default() }
        } else {
            Options::default()
        };
        let gap = grid::spectral_gap(&solved.domain(&minima, eps), &options, &Control::quiet()).unwrap();
        println!("{dim} {gap:?} {:e} ", gap.value / truth - 1.0);
        assert!((gap.value - truth).abs() <= gap.error, "{gap:?} against {truth}");
        close(gap.value, truth, 1e-3);
    }
}

#[test]
fn mueller_brown_to_a_thousandth_and_the_right_sign() {
    let solved = Solved::mueller_brown();
    let minima = solved.minima();
    assert_eq!(minima.len(), 3);
    for (eps, truth) in [(0.2, 0.0451548), (0.05, 3.077033e-6), (0.02, 5.33663e-15)] {
        let gap =
            grid::spectral_gap(&solved.domain(&minima, eps), &Options::default(), &Control::quiet()).unwrap();
        println!("{eps} {gap:?} {:e} ", gap.value / truth - 1.0);
        close(gap.value, truth, 1e-3);
        assert!((gap.value - truth).abs() <= gap.error + 1e-6 * truth, "{gap:?} against {truth}");
        assert!(gap.error < 5e-3 * gap.value);
    }
}

#[test]
fn three_gaussians() {
    let solved = Solved::gaussians();
    let minima = solved.minima();
    let gap =
        grid::spectral_gap(&solved.domain(&minima, 0.1), &Options::default(), &Control::quiet()).unwrap();
    println!("{gap:?} {:e}", gap.value / 0.0265072 - 1.0);
    close(gap.value, 0.0265072, 1e-3);
    assert!(gap.error < 3e-3 * gap.value);
    // One grid, two means: each is off by what the error bar of three grids does not need.
    for mean in [Mean::Geometric, Mean::ScharfetterGummel] {
        let one =
            grid::gap_on_one(&solved.domain(&minima, 0.1), 0.3, 14.0, mean, &Options::default()).unwrap();
        close(one, 0.0265072, 1e-2);
    }
}

/// Two wells in a long valley: the slowest is the way along the valley, not the passage.
#[test]
fn a_slow_direction_is_slower_than_the_passage() {
    let solved = Solved::new(2, &format!("{DOUBLE} + 0.01*y^2"), &[-2.0, -2.0], &[2.0, 2.0]);
    let minima = solved.minima();
    let gap = grid::spectral_gap(
        &solved.domain(&minima, 0.2),
        &Options { cut: 8.0, ..Options::default() },
        &Control::quiet(),
    );
    close(gap.unwrap().value, 0.02, 2e-3);
}

/// Nine wells in a row with a slow direction across: of all potentials that lead from well to well none has any of it, and yet
/// it is the slowest. Its rate is that of a quadratic; the row's is the line's.
#[test]
fn a_slow_direction_across_many_wells() {
    let row = "0.4*(1 - cos(2*pi*x)) + (x/4.9)^24";
    let along: Vec<f64> = (-8..=8).map(|k| 0.5 * f64::from(k)).collect();
    let alone = spectral_gap(&formula(1, row), &along, 1.0).unwrap().value;
    assert!(alone > 0.08, "{alone}");
    let landscape = formula(2, &format!("{row} + 0.02*y^2"));
    let minima: Vec<Vec<f64>> = (-4..=4).map(|k| vec![f64::from(k), 0.0]).collect();
    let domain =
        grid::Domain { landscape: &landscape, minima: &minima, top: 0.8, curvature: 16.0, temperature: 1.0 };
    let gap = grid::spectral_gap(&domain, &Options { cut: 8.0, ..Options::default() }, &Control::quiet());
    let gap = gap.unwrap();
    println!("{gap:?} {alone}");
    close(gap.value, 0.04, 2e-3);
    assert!((gap.value - 0.04).abs() < 3.0 * gap.error);
}

/// A sum of a function of either coordinate on a torus: the smallest of their own gaps, each that of a circle.
#[test]
fn around_a_torus() {
    use std::f64::consts::{FRAC_PI_2, PI, TAU};
    let circle = |text: &str| Formula::new(1, text, &[], &[Some(TAU)], None).unwrap();
    let eps = 0.3;
    let one = spectral_gap(&circle("-cos(x)"), &[0.0, PI], eps).unwrap().value;
    let turns: Vec<f64> = (0..4).map(|k| FRAC_PI_2 * f64::from(k)).collect();
    let two = spectral_gap(&circle("-0.8*cos(2*x)"), &turns, eps).unwrap().value;
    let landscape = Formula::new(2, "-cos(x) - 0.8*cos(2*y)", &[], &[Some(TAU); 2], None).unwrap();
    let minima = [vec![0.0, 0.0], vec![0.0, PI]];
    let domain =
        grid::Domain { landscape: &landscape, minima: &minima, top: -0.2, curvature: 3.2, temperature: eps };
    let gap = grid::spectral_gap(&domain, &Options::default(), &Control::quiet()).unwrap();
    println!("{gap:?} {one} {two}");
    assert!((gap.value - one.min(two)).abs() < gap.error && gap.error < 3e-3 * gap.value);
}
