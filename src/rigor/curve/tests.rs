//! Curves that are known in closed form lie in their tubes; where there is none it is not found.

use super::*;

/// Equations by their values and their Jacobian, row by row.
struct Of<const N: usize, F>(F);

impl<const N: usize, F: Fn(&[Interval]) -> Vec<(Interval, [Interval; N])> + Sync> System for Of<N, F> {
    fn dim(&self) -> usize {
        N
    }

    fn equations(&self) -> usize {
        N - 1
    }

    fn range(&self, x: &[Interval], out: &mut [Interval]) {
        (self.0)(x).iter().zip(out).for_each(|(row, out)| *out = row.0);
    }

    fn expand(&self, x: &[Interval], at: &[f64], out: &mut Expansion) {
        let point: Vec<Interval> = at.iter().map(|a| Interval::point(*a)).collect();
        self.range(&point, &mut out.value);
        for (i, (range, row)) in (self.0)(x).into_iter().enumerate() {
            out.range[i] = range;
            out.jacobian[i * N..(i + 1) * N].copy_from_slice(&row);
        }
    }
}

fn number(c: f64) -> Interval {
    Interval::point(c)
}

/// `x^2 + y^2 - 1`.
fn circle() -> impl System {
    Of::<2, _>(|u: &[Interval]| {
        vec![(u[0].sqr() + u[1].sqr() - Interval::ONE, [u[0].scale(2.0), u[1].scale(2.0)])]
    })
}

/// `x^2 - y^2 - e`: two branches of a hyperbola, or two lines that cross.
fn hyperbola(e: f64) -> impl System {
    Of::<2, _>(move |u: &[Interval]| {
        vec![(u[0].sqr() - u[1].sqr() - number(e), [u[0].scale(2.0), u[1].scale(-2.0)])]
    })
}

/// `x^3 - y x + e`.
fn pitchfork(e: f64) -> impl System {
    Of::<2, _>(move |u: &[Interval]| {
        vec![(u[0].powi(3) - u[1] * u[0] + number(e), [u[0].sqr().scale(3.0) - u[1], -u[0]])]
    })
}

/// A zero near a point, along the coordinate.
fn point(system: &dyn System, guess: &[f64], axis: usize) -> CurvePoint {
    CurvePoint::near(system, guess, &vec![1.0; guess.len()], axis).unwrap()
}

/// The tubes through points of a curve, if there are.
fn chain(system: &dyn System, points: &[CurvePoint]) -> Option<Vec<Tube>> {
    let span = vec![1.0; system.dim()];
    let mut tubes: Vec<Tube> = vec![];
    for pair in points.windows(2) {
        let more = curve(system, &pair[0], &pair[1], tubes.last(), &span)?;
        tubes.extend(more);
    }
    Some(tubes)
}

/// Values all over the axis of a tube, its ends among them.
fn values(tube: &Tube) -> impl Iterator<Item = f64> {
    let (low, high) = (tube.along().lo(), tube.along().hi());
    (0..=16).map(move |k| (low + (high - low) * f64::from(k) / 16.0).clamp(low, high))
}

fn on_circle(degrees: &[f64]) -> Vec<CurvePoint> {
    let at = |d: &f64| {
        let u = [d.to_radians().cos(), d.to_radians().sin()];
        point(&circle(), &u, usize::from(u[0].abs() > u[1].abs()))
    };
    degrees.iter().map(at).collect()
}

#[test]
fn a_circle_is_one_smooth_curve() {
    let all: Vec<f64> = (0..=9).map(|k| 10.0 + 40.0 * f64::from(k)).collect();
    let tubes = chain(&circle(), &on_circle(&all)).unwrap();
    for tube in &tubes {
        let other = 1 - tube.axis();
        for v in values(tube) {
            let cut = tube.at(v).unwrap()[other];
            let root = (Interval::ONE - number(v).sqr()).sqrt();
            // One of the two zeros with this value, and not the other one.
            assert_ne!(root.is_in(cut), (-root).is_in(cut), "{v}: {cut:?}");
            assert!(root.meet(cut).is_none() || (-root).meet(cut).is_none());
        }
        assert_eq!(tube.at(tube.along().hi().next_up()).map(|_| ()), None);
        assert!(tube.range()[other].width() < 1.5);
    }
    // Tubes are as long as the curve allows, not as many as there may be.
    assert!((9..=40).contains(&tubes.len()), "{}", tubes.len());
}

#[test]
fn a_path_does_not_turn_back() {
    for [a, b, c] in [[10.0, 30.0, 20.0], [20.0, 70.0, 10.0], [60.0, 30.0, 80.0], [-30.0, 30.0, -20.0]] {
        let points = on_circle(&[a, b, c]);
        assert!(chain(&circle(), &points[..2]).is_some() && chain(&circle(), &points[1..]).is_some());
        assert!(chain(&circle(), &points).is_none(), "{a} {b} {c}");
    }
    // Where the axis changes, on either side of each diagonal and both ways round.
    for diagonal in [45.0, 135.0, 225.0, 315.0] {
        for way in [1.0, -1.0] {
            let points = on_circle(&[-13.0, 5.0, 1.0, 8.0].map(|d| diagonal + way * d));
            let there = chain(&circle(), &points[..2]).unwrap();
            let (back, on) = ([points[1].clone(), points[2].clone()], [points[1].clone(), points[3].clone()]);
            let [back, on] = [&back, &on].map(|ends| chain(&circle(), ends).unwrap());
            let last = there.last().unwrap();
            assert!(last.axis() != back[0].axis() && last.axis() != on[0].axis());
            assert!(!last.goes_on(&circle(), &back[0], &points[1]), "{diagonal} {way}");
            assert!(last.goes_on(&circle(), &on[0], &points[1]), "{diagonal} {way}");
        }
    }
    // The tube before must end where the next begins.
    let points = on_circle(&[10.0, 20.0, 30.0, 40.0]);
    let first = chain(&circle(), &points[..2]).unwrap();
    assert!(curve(&circle(), &points[2], &points[3], first.last(), &[1.0; 2]).is_none());
    // A point is no piece of a curve.
    assert!(curve(&circle(), &points[0], &points[0], None, &[1.0; 2]).is_none());
}

#[test]
fn branches_that_nearly_meet_are_not_taken_for_one() {
    for e in [1e-4, 1e-8, 1e-12] {
        // x = +-sqrt(y^2 + e), where the lines that cross go on to the other one.
        let system = hyperbola(e);
        let right: Vec<CurvePoint> =
            [-0.1_f64, 0.0, 0.1].iter().map(|y| point(&system, &[(y * y + e).sqrt(), *y], 1)).collect();
        let left = point(&system, &[-(0.01 + e).sqrt(), 0.1], 1);
        assert!(chain(&system, &[right[0].clone(), left.clone()]).is_none(), "{e}");
        assert!(chain(&system, &[right[1].clone(), left.clone()]).is_none(), "{e}");
        assert!(chain(&system, &[right[2].clone(), left]).is_none(), "{e}");
        let around = chain(&system, &right).unwrap();
        for tube in around {
            for v in values(&tube) {
                let cut = tube.at(v).unwrap()[1 - tube.axis()];
                if tube.axis() == 1 {
                    assert!((number(v).sqr() + number(e)).sqrt().meet(cut).is_some() && cut.lo() > 0.0);
                } else {
                    let size = (number(v).sqr() - number(e)).sqrt();
                    assert!(size.meet(cut).is_some() || (-size).meet(cut).is_some());
                }
            }
        }
    }
    // x^3 - y x + e: at y = 0.01 the middle branch is e/y from zero; the lower one is x < -(e/2)^(1/3) < 0.
    let e = 1e-8;
    let system = pitchfork(e);
    let middle = point(&system, &[1e-6, 0.01], 1);
    let (upper, lower) = (point(&system, &[0.1, 0.01], 1), point(&system, &[-0.1, 0.01], 1));
    assert!(chain(&system, &[middle.clone(), lower.clone()]).is_none());
    assert!(chain(&system, &[upper.clone(), lower.clone()]).is_none());
    // Upper and middle branch are one, by a fold at x = (e/2)^(1/3), y = 3 x^2.
    let fold = (0.5 * e).cbrt();
    assert!(chain(&system, &[middle, point(&system, &[fold, 3.0 * fold * fold], 0), upper]).is_some());
    // From the left the lower branch goes on.
    let before = point(&system, &[-1e-6, -0.01], 1);
    assert!(chain(&system, &[before.clone(), lower]).is_some());
    assert!(chain(&system, &[before, point(&system, &[1e-6, 0.01], 1)]).is_none());
}

#[test]
fn nothing_leads_through_a_crossing() {
    // Lines, and a pitchfork: along each of the curves that cross at the origin.
    let (lines, fork) = (hyperbola(0.0), pitchfork(0.0));
    for (a, b) in [(-0.1, 0.1), (-0.01, 0.03), (-1e-6, 1e-3), (-0.125, 0.0625)] {
        for sign in [1.0, -1.0] {
            let ends = [point(&lines, &[a, sign * a], 0), point(&lines, &[b, sign * b], 0)];
            assert!(chain(&lines, &ends).is_none(), "{a} {b}");
        }
        let ends = [point(&fork, &[0.0, a], 1), point(&fork, &[0.0, b], 1)];
        assert!(chain(&fork, &ends).is_none(), "{a} {b}");
        let ends = [point(&fork, &[a, a * a], 0), point(&fork, &[b, b * b], 0)];
        assert!(chain(&fork, &ends).is_none(), "{a} {b}");
    }
    for system in [&lines as &dyn System, &fork] {
        for axis in [0, 1] {
            assert!(CurvePoint::near(system, &[0.0, 0.0], &[1.0; 2], axis).is_none());
        }
    }
    // Up to it there is no obstacle.
    assert!(chain(&fork, &[point(&fork, &[0.0, -0.1], 1), point(&fork, &[0.0, -1e-3], 1)]).is_some());
    assert!(chain(&fork, &[point(&fork, &[0.3, 0.09], 0), point(&fork, &[1e-3, 1e-6], 0)]).is_some());
    // A corner: y = |x|.
    let corner = Of::<2, _>(|u: &[Interval]| {
        let slope = if u[0].contains(0.0) { Interval::ENTIRE } else { number(u[0].mid().signum()) };
        vec![(u[0].abs() - u[1], [slope, -Interval::ONE])]
    });
    let ends = [[-0.5, 0.5], [0.5, 0.5], [0.25, 0.25]].map(|u| point(&corner, &u, 0));
    assert!(chain(&corner, &ends[..2]).is_none());
    assert!(chain(&corner, &ends[1..]).is_some());
}

/// In four dimensions, mixed by a matrix that is far from orthogonal: `M (u_i - g_i(p))` with `g = (sin p, p^2, exp(p) / 2)`.
fn mixed() -> impl System {
    const M: [[f64; 3]; 3] = [[1.0, 0.5, 200.0], [3.0, -1.0, 250.0], [0.0, 2.0, -30.0]];
    Of::<4, _>(|u: &[Interval]| {
        let p = u[3];
        let rest = [u[0] - p.sin(), u[1] - p.sqr(), u[2] - p.exp().scale(0.5)];
        let rate = [-p.cos(), -p.scale(2.0), -p.exp().scale(0.5)];
        let sum = |row: &[f64; 3], of: &[Interval; 3]| {
            row.iter().zip(of).fold(Interval::ZERO, |sum, (m, v)| sum + v.scale(*m))
        };
        let row = |m: &[f64; 3]| (sum(m, &rest), [number(m[0]), number(m[1]), number(m[2]), sum(m, &rate)]);
        M.iter().map(row).collect()
    })
}

#[test]
fn a_curve_in_four_dimensions_changes_its_axis() {
    let system = mixed();
    let at = |p: f64| [p.sin(), p * p, 0.5 * p.exp(), p];
    let exact = |p: Interval| [p.sin(), p.sqr(), p.exp().scale(0.5), p];
    let points: Vec<CurvePoint> =
        (0..=12).map(|k| point(&system, &at(-1.5 + 0.3 * f64::from(k)), 3)).collect();
    let tubes = chain(&system, &points).unwrap();
    let mut axes: Vec<usize> = tubes.iter().map(Tube::axis).collect();
    axes.sort_unstable();
    axes.dedup();
    assert!(axes.len() > 1 && axes.contains(&3), "{axes:?}");
    for tube in tubes {
        if tube.axis() == 3 {
            for p in values(&tube) {
                let cut = tube.at(p).unwrap();
                let known = exact(number(p));
                assert!(known.iter().zip(&cut).all(|(known, cut)| known.meet(*cut).is_some()), "{p}");
            }
        }
        // The curve at parameters all over it, wherever these have the axis' coordinate.
        let [low, high] = [tube.range()[3].lo(), tube.range()[3].hi()];
        let mut met = 0;
        for k in 0..=32 {
            let known = exact(number(low + (high - low) * f64::from(k) / 32.0));
            let value = known[tube.axis()];
            if value.is_in(tube.along()) {
                met += 1;
                let [a, b] = [value.lo(), value.hi()].map(|v| tube.at(v).unwrap());
                assert!((0..4).all(|i| known[i].meet(a[i].hull(b[i])).is_some()));
            }
        }
        assert!(met > 8);
    }
    // Two points, far apart: all between is found.
    assert!(chain(&system, &[points[3].clone(), points[8].clone()]).is_some());
}

#[test]
fn graphs_of_cubic_polynomials() {
    // y = a x^3 + b x, followed by Newton's points, in both coordinates as axes; the zeros across are where signs change.
    for (number_of, (a, b)) in
        [(1.0, -1.0), (2.0, 0.3), (-5.0, 2.0), (0.0, 0.1), (1.0, 0.0)].into_iter().enumerate()
    {
        let value = move |x: Interval| x.powi(3).scale(a) + x.scale(b);
        let system = Of::<2, _>(move |u: &[Interval]| {
            let slope = u[0].sqr().scale(3.0 * a) + number(b);
            vec![(value(u[0]) - u[1], [slope, -Interval::ONE])]
        });
        let points: Vec<CurvePoint> = (0..=10)
            .map(|k| {
                let x = -1.03 + 0.2 * f64::from(k);
                point(&system, &[x, value(number(x)).mid()], 0)
            })
            .collect();
        for tube in chain(&system, &points).unwrap() {
            for v in values(&tube) {
                let cut = tube.at(v).unwrap();
                if tube.axis() == 0 {
                    assert!(value(number(v)).meet(cut[1]).is_some(), "{number_of} {v}");
                } else {
                    let ends = [cut[0].lo(), cut[0].hi()].map(|x| value(number(x)) - number(v));
                    assert!(
                        ends[0].hi() < 0.0 && ends[1].lo() > 0.0 || ends[0].lo() > 0.0 && ends[1].hi() < 0.0
                    );
                }
            }
        }
    }
}

#[test]
fn a_tube_holds_what_lies_in_it() {
    let ends = on_circle(&[10.0, 16.0]);
    let tubes = chain(&circle(), &ends).unwrap();
    let [tube] = &tubes[..] else { panic!("{}", tubes.len()) };
    assert!(ends.iter().chain(&on_circle(&[13.0])).all(|end| tube.holds(&end.enclosure)));
    // On its line, but beyond its ends; at its middle, but too far to the sides.
    let end = tube.along().hi();
    for (value, inside) in [(end + 1e-3, false), (end.next_up(), false), (tube.along().mid(), true)] {
        let on_the_line: Vec<Interval> = tube.hull(number(value)).iter().map(|x| number(x.mid())).collect();
        assert_eq!(tube.holds(&on_the_line), inside);
        for side in [-1.01, 1.01] {
            let mut off = on_the_line.clone();
            off[0] = off[0].shift(side * tube.across[0].mag());
            assert!(!tube.holds(&off));
        }
    }
}

#[test]
fn a_curve_that_leaves_its_chord_between_the_middle_and_the_ends() {
    // y = x^5 - h^2 x^3 meets the chord from -h to h in its middle, too, and is parallel to it there.
    let h: f64 = 0.5;
    let value = move |x: Interval| x.powi(5) - x.powi(3).scale(h * h);
    let system = Of::<2, _>(move |u: &[Interval]| {
        let slope = u[0].powi(4).scale(5.0) - u[0].sqr().scale(3.0 * h * h);
        vec![(value(u[0]) - u[1], [slope, -Interval::ONE])]
    });
    for tube in chain(&system, &[point(&system, &[-h, 0.0], 0), point(&system, &[h, 0.0], 0)]).unwrap() {
        assert_eq!(tube.axis(), 0);
        for x in values(&tube) {
            assert!(value(number(x)).meet(tube.at(x).unwrap()[1]).is_some(), "{x}");
        }
    }
    // One coordinate goes straight, the other does not.
    let system = Of::<3, _>(|u: &[Interval]| {
        let (zero, one) = (Interval::ZERO, Interval::ONE);
        vec![(u[0] - u[2], [one, zero, -one]), (u[1] - u[2].sqr().scale(0.1), [zero, one, u[2].scale(-0.2)])]
    });
    let ends = [-0.25, 0.25].map(|p: f64| point(&system, &[p, 0.1 * p * p, p], 2));
    for tube in chain(&system, &ends).unwrap() {
        for v in values(&tube).filter(|_| tube.axis() != 1) {
            let cut = tube.at(v).unwrap();
            assert!(
                cut[2 - tube.axis()].contains(v) && number(v).sqr().scale(0.1).meet(cut[1]).is_some(),
                "{v} {cut:?}"
            );
        }
    }
}

#[test]
fn what_is_no_curve_proves_nothing() {
    let system = circle();
    for (guess, axis) in [([f64::NAN, 0.0], 0), ([0.0, f64::INFINITY], 1), ([0.0, 0.0], 1), ([1.0, 0.0], 0)] {
        assert!(CurvePoint::near(&system, &guess, &[1.0; 2], axis).is_none(), "{guess:?}");
    }
    assert!(CurvePoint::near(&system, &[1.0, 0.0], &[1.0; 2], 2).is_none());
    assert!(CurvePoint::near(&system, &[1.0], &[1.0; 2], 1).is_none());
    let points = on_circle(&[10.0, 20.0]);
    assert!(curve(&system, &points[0], &points[1], None, &[1.0; 3]).is_none());
    assert!(curve(&mixed(), &points[0], &points[1], None, &[1.0; 4]).is_none());
    // No zero at all, and zeros that do not change with y.
    let none =
        Of::<2, _>(|u: &[Interval]| vec![(u[0].sqr() + Interval::ONE, [u[0].scale(2.0), Interval::ZERO])]);
    assert!(CurvePoint::near(&none, &[0.1, 0.0], &[1.0; 2], 1).is_none());
    let double = Of::<2, _>(|u: &[Interval]| vec![(u[0].sqr(), [u[0].scale(2.0), Interval::ZERO])]);
    assert!(CurvePoint::near(&double, &[0.0, 0.0], &[1.0; 2], 1).is_none());
}

#[test]
fn the_distance_to_a_point_is_an_upper_bound() {
    let here = point(&circle(), &[0.6, 0.8], 0);
    assert!(here.distance(&[0.6, 0.7], &[1.0, 0.5]) >= 0.2 - 1e-16);
    assert!(here.distance(&[0.6, 0.7], &[1.0, 0.5]) < 0.2 + 1e-14);
    assert!(here.distance(&[0.6, 0.8], &[1.0, 1.0]) < 1e-15);
    assert!(
        here.enclosure()
            .iter()
            .zip([0.6, 0.8])
            .all(|(x, known)| x.meet(Interval::about(known, 1e-16)).is_some())
    );
}

#[test]
fn the_rate_along_a_curve() {
    // On the circle dy/dx = -x/y.
    let here = point(&circle(), &[0.6, 0.8], 0);
    let rate = rate(&circle(), here.enclosure(), 0, 1);
    assert!(rate.meet(Interval::about(-0.75, 1e-15)).is_some() && rate.width() < 1e-13, "{rate:?}");
    // Over a wide box all of them.
    let wide = super::rate(&circle(), &[Interval::new(0.5, 0.7), Interval::new(0.75, 0.85)], 0, 1);
    assert!(wide.lo() <= -0.7 / 0.75 && wide.hi() >= -0.5 / 0.85, "{wide:?}");
    let upright = super::rate(&circle(), &[Interval::new(0.9, 1.0), Interval::new(-0.1, 0.1)], 0, 1);
    assert_eq!(upright, Interval::ENTIRE);
    // Of several: at p = 0 the curve's direction is (1, 0, 1/2, 1).
    let here = point(&mixed(), &[0.0, 0.0, 0.5, 0.0], 3);
    for (axis, of, known) in [(3, 0, 1.0), (3, 1, 0.0), (3, 2, 0.5), (0, 3, 1.0), (2, 0, 2.0), (0, 2, 0.5)] {
        let rate = super::rate(&mixed(), here.enclosure(), axis, of);
        assert!(
            rate.meet(Interval::about(known, 1e-12)).is_some() && rate.width() < 1e-9,
            "{axis} {of} {rate:?}"
        );
    }
}
