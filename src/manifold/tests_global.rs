//! Curves and surfaces of known shape.

use std::f64::consts::{PI, TAU};

use super::tests::{bent, distance, formula, wells};
use super::{Curve, CurveEnd, Scene, Stability, Surface, curve, curves, mesh, surface};
use crate::control::Control;
use crate::critical::{CriticalPoint, Level};
use crate::landscape::formula::Formula;
use crate::landscape::{Landscape, Region};

/// A critical point as a search would report it.
fn point(landscape: &dyn Landscape, x: &[f64], index: usize) -> CriticalPoint {
    let mut g = vec![0.0; x.len()];
    let energy = landscape.gradient(x, &mut g);
    let left = crate::linalg::norm(&g);
    assert!(left < 1e-9, "{x:?} is not critical: {left}");
    CriticalPoint {
        x: x.to_vec(),
        energy,
        eigenvalues: vec![],
        index,
        gradient_norm: left,
        radius: 0.0,
        level: Level::Checked,
        proof: None,
    }
}

fn weave(
    landscape: &dyn Landscape,
    region: &Region,
    points: &[CriticalPoint],
    which: Stability,
    size: f64,
) -> Surface {
    let scene = Scene::new(landscape, None, region, points);
    let options = surface::Options { size, ..Default::default() };
    surface(&scene, 0, which, &options, &Control::quiet()).unwrap()
}

/// Every edge has one or two triangles, all turned the same way; most triangles are well shaped; returns the longest side.
fn check_mesh(s: &Surface) -> f64 {
    let mut directed: Vec<(usize, usize)> =
        s.triangles.iter().flat_map(|t| [(t[0], t[1]), (t[1], t[2]), (t[2], t[0])]).collect();
    directed.sort_unstable();
    assert!(directed.windows(2).all(|w| w[0] != w[1]), "an edge has two triangles on one side");
    let mut angles: Vec<f64> = s
        .triangles
        .iter()
        .map(|t| {
            let at = |i: usize| mesh::angle(&s.vertices, t[i], t[(i + 1) % 3], t[(i + 2) % 3]);
            at(0).min(at(1)).min(at(2)).to_degrees()
        })
        .collect();
    angles.sort_by(f64::total_cmp);
    let narrow = angles.iter().filter(|a| **a < 15.0).count();
    let longest = s
        .triangles
        .iter()
        .flat_map(mesh::edges)
        .map(|(a, b)| distance(&s.vertices[a], &s.vertices[b]))
        .fold(0.0, f64::max);
    println!(
        "{} vertices, {} triangles, chi {}, area {}, angles {:.1} {:.1} {:.1}, narrow {narrow}, longest {longest:.3}, \
         ends {:?}, leaves {}, open {:?}",
        s.vertices.len(),
        s.triangles.len(),
        s.euler_characteristic(),
        s.area(),
        angles[0],
        angles[angles.len() / 20],
        angles[angles.len() / 2],
        s.ends,
        s.leaves,
        s.open
    );
    assert!(10 * narrow <= s.triangles.len(), "{narrow} of {} triangles are narrow", s.triangles.len());
    assert!(angles[angles.len() / 2] > 25.0);
    longest
}

/// The nine critical points of a product of two double wells, turned by the rows.
fn square(landscape: &dyn Landscape, rows: &[Vec<f64>], sign: f64) -> Vec<CriticalPoint> {
    let n = rows.len();
    let mut out = vec![];
    for (a, b) in [(0, 0), (1, 0), (-1, 0), (0, 1), (0, -1), (1, 1), (1, -1), (-1, 1), (-1, -1)] {
        let x: Vec<f64> = (0..n).map(|i| f64::from(a) * rows[0][i] + f64::from(b) * rows[1][i]).collect();
        let down = usize::from(a == 0) + usize::from(b == 0);
        out.push(point(landscape, &x, if sign > 0.0 { down } else { n - down }));
    }
    out
}

#[test]
fn a_square_turned_in_space() {
    for rates in [[1.0, 1.37], [1.0, 3.0]] {
        let (landscape, rows) = wells(&rates);
        let points = square(&landscape, &rows, 1.0);
        let region = Region::ball(vec![0.0; 3], 3.0);
        {
            let size = 0.07;
            let s = weave(&landscape, &region, &points, Stability::Unstable, size);
            let longest = check_mesh(&s);
            assert_eq!((s.euler_characteristic(), s.leaves, s.open.clone()), (1, false, None));
            assert_eq!(s.ends, (1..9).collect::<Vec<_>>());
            assert!((s.area() - 4.0).abs() < 1e-3, "{}", s.area());
            assert!(longest < 2.5 * size * 2.0_f64.sqrt(), "{longest}");
            for x in &s.vertices {
                let across: f64 = x.iter().zip(&rows[2]).map(|(x, r)| x * r).sum();
                assert!(across.abs() < 1e-8, "{across}");
            }
        }
    }
}

#[test]
fn a_bent_surface_ends_on_the_manifolds_of_its_saddles() {
    let a = 0.8;
    for (sign, which) in [(1.0, Stability::Unstable), (-1.0, Stability::Stable)] {
        let landscape = bent(a, 2.0, sign, 3);
        // u = x sqrt(1 + a^2 x^2) is 1 there.
        let far = ((-1.0 + (1.0 + 4.0 * a * a).sqrt()) / (2.0 * a * a)).sqrt();
        let height = |x: f64| (1.0 - (1.0 + (a * x).powi(2)).sqrt()) / a;
        let mut points = vec![];
        for (u, z) in [(0, 0), (1, 0), (-1, 0), (0, 1), (0, -1), (1, 1), (1, -1), (-1, 1), (-1, -1)] {
            let x = f64::from(u) * far;
            let down = usize::from(u == 0) + usize::from(z == 0);
            let index = if sign > 0.0 { down } else { 3 - down };
            points.push(point(&landscape, &[x, height(x), f64::from(z)], index));
        }
        // Length of the curve by Simpson's rule.
        let count = 2000;
        let speed = |x: f64| (1.0 + (a * x).powi(2) / (1.0 + (a * x).powi(2))).sqrt();
        let step = far / f64::from(count);
        let sum: f64 = (0..=count)
            .map(|i| {
                let weight = if i == 0 || i == count { 1.0 } else { 2.0 + 2.0 * f64::from(i % 2) };
                weight * speed(step * f64::from(i))
            })
            .sum();
        let area = 4.0 * sum * step / 3.0;
        let region = Region::ball(vec![0.0; 3], 1.9);
        let error = |size: f64| {
            let s = weave(&landscape, &region, &points, which, size);
            check_mesh(&s);
            assert_eq!((s.euler_characteristic(), s.leaves, s.open.clone()), (1, false, None));
            for x in &s.vertices {
                assert!((x[1] - height(x[0])).abs() < 1e-7, "{x:?}");
            }
            (s.area() - area).abs()
        };
        let (coarse, fine) = (error(0.1), error(0.05));
        println!("off by {coarse:.1e}, {fine:.1e} of {area}");
        assert!(fine < 2e-3 * area && fine < 0.5 * coarse);
    }
}

/// `(|x|^2 - 1)^2 + e z`: the unstable manifold of the top is close to the unit sphere, a surface of revolution.
#[test]
fn a_sphere() {
    let e = 0.3;
    let landscape = formula(3, &format!("(x1^2 + x2^2 + x3^2 - 1)^2 + {e:?}*x3"));
    // Of 4 (z^2 - 1) z + e.
    let root = |mut z: f64| {
        for _ in 0..50 {
            z -= (4.0 * (z * z - 1.0) * z + e) / (12.0 * z * z - 4.0);
        }
        z
    };
    let points = [
        point(&landscape, &[0.0, 0.0, root(1.0)], 2),
        point(&landscape, &[0.0, 0.0, root(0.0)], 3),
        point(&landscape, &[0.0, 0.0, root(-1.0)], 0),
    ];
    // Its profile in the half-plane, by small steps of Runge-Kutta; orbits beside it close up to it at once.
    let slope = |[r, z]: [f64; 2]| {
        let q = 4.0 * (r * r + z * z - 1.0);
        [-q * r, -q * z - e]
    };
    let mut profile = vec![[1e-3, root(1.0)]];
    let h = 2e-3;
    for _ in 0..60_000 {
        let p = profile[profile.len() - 1];
        let moved = |v: [f64; 2], h: f64| [p[0] + h * v[0], p[1] + h * v[1]];
        let a = slope(p);
        let b = slope(moved(a, 0.5 * h));
        let c = slope(moved(b, 0.5 * h));
        let d = slope(moved(c, h));
        profile.push(std::array::from_fn(|i| p[i] + h / 6.0 * (a[i] + 2.0 * (b[i] + c[i]) + d[i])));
    }
    let length = |p: [f64; 2], q: [f64; 2]| (p[0] - q[0]).hypot(p[1] - q[1]);
    let area: f64 =
        profile.windows(2).map(|w| PI * (w[0][0] + w[1][0]) * length(w[0], w[1])).sum::<f64>() + PI * 1e-6;
    assert!((area / (4.0 * PI) - 1.0).abs() < 0.05, "{area}");
    let region = Region::ball(vec![0.0; 3], 2.0);
    let error = |size: f64| {
        let s = weave(&landscape, &region, &points, Stability::Unstable, size);
        check_mesh(&s);
        assert_eq!(
            (s.euler_characteristic(), s.leaves, s.open.clone(), s.ends.clone()),
            (2, false, None, vec![2])
        );
        for x in s.vertices.iter().filter(|x| x[2] < 0.9 && x[2] > -0.9) {
            let place = [x[0].hypot(x[1]), x[2]];
            let off = profile
                .windows(2)
                .map(|w| {
                    let side = [w[1][0] - w[0][0], w[1][1] - w[0][1]];
                    let share = ((place[0] - w[0][0]) * side[0] + (place[1] - w[0][1]) * side[1])
                        / (side[0] * side[0] + side[1] * side[1]);
                    let share = share.clamp(0.0, 1.0);
                    length(place, [w[0][0] + share * side[0], w[0][1] + share * side[1]])
                })
                .fold(f64::INFINITY, f64::min);
            assert!(off < 1e-6, "{x:?} is off by {off}");
        }
        (s.area() - area).abs() / area
    };
    let (coarse, fine) = (error(0.1), error(0.05));
    println!("off by {coarse:.1e}, {fine:.1e} of {area}");
    assert!(fine < 3e-3 && fine < 0.4 * coarse);
}

#[test]
fn a_torus_is_cut_open_along_its_saddles() {
    let energy = "cos(x[0]) + cos(x[1])";
    let landscape = Formula::new(2, energy, &[], &[Some(TAU), Some(TAU)], None).unwrap();
    let points = [
        point(&landscape, &[0.0, 0.0], 2),
        point(&landscape, &[PI, 0.0], 1),
        point(&landscape, &[0.0, PI], 1),
        point(&landscape, &[PI, PI], 0),
    ];
    let region = Region { period: vec![Some(TAU); 2], ..Region::cuboid(vec![0.0; 2], vec![TAU; 2]) };
    let s = weave(&landscape, &region, &points, Stability::Unstable, 0.05);
    check_mesh(&s);
    assert_eq!((s.euler_characteristic(), s.open.clone(), s.ends.clone()), (1, None, vec![1, 2, 3]));
    assert!((s.area() - TAU * TAU).abs() < 1e-3 * TAU * TAU);
}

#[test]
fn a_surface_stops_at_the_boundary() {
    let landscape = formula(3, "(x1^4 + x2^4)/4 - (x1^2 + x2^2)/2 + x3^2");
    let rows: Vec<Vec<f64>> = (0..3).map(|i| (0..3).map(|k| f64::from(u8::from(i == k))).collect()).collect();
    let points = square(&landscape, &rows, 1.0);
    let region = Region::cuboid(vec![-0.6; 3], vec![0.6; 3]);
    let s = weave(&landscape, &region, &points[..1], Stability::Unstable, 0.05);
    check_mesh(&s);
    assert_eq!((s.euler_characteristic(), s.leaves, s.open.clone()), (1, true, None));
    assert!(s.vertices.iter().all(|x| region.contains_scaled(x, 1.0 + 1e-9)));
    // The corners may be cut off.
    assert!(s.area() < 1.44 + 1e-9 && s.area() > 1.43, "{}", s.area());
}

fn both(landscape: &dyn Landscape, region: &Region, points: &[CriticalPoint]) -> [Curve; 2] {
    let scene = Scene::new(landscape, None, region, points);
    curves(&scene, 0, Stability::Unstable, &curve::Options::default()).unwrap()
}

#[test]
fn a_bent_curve_from_saddle_to_minima() {
    let a = 0.8;
    let landscape = bent(a, 2.0, 1.0, 2);
    let far = ((-1.0 + (1.0 + 4.0 * a * a).sqrt()) / (2.0 * a * a)).sqrt();
    let height = |x: f64| (1.0 - (1.0 + (a * x).powi(2)).sqrt()) / a;
    let points = [(0.0, 1), (far, 0), (-far, 0)].map(|(x, i)| point(&landscape, &[x, height(x)], i));
    let region = Region::ball(vec![0.0; 2], 1.5);
    let curves = both(&landscape, &region, &points);
    assert_eq!(curves.each_ref().map(|c| c.end.clone()), [CurveEnd::Critical(1), CurveEnd::Critical(2)]);
    for c in &curves {
        assert!(c.points.iter().all(|x| (x[1] - height(x[0])).abs() < 1e-8));
        assert!(c.energies.windows(2).all(|w| w[1] < w[0]));
        let longest = c.lengths.windows(2).map(|w| w[1] - w[0]).fold(0.0, f64::max);
        assert!(longest < 0.021 * distance(&points[0].x, &points[1].x), "{longest}");
        let turns = c.points.windows(3).map(|w| {
            let side = |a: &[f64], b: &[f64]| [b[0] - a[0], b[1] - a[1]];
            let (p, q) = (side(&w[0], &w[1]), side(&w[1], &w[2]));
            (p[0] * q[1] - p[1] * q[0]).atan2(p[0] * q[0] + p[1] * q[1]).abs()
        });
        assert!(turns.fold(0.0, f64::max) < 0.11);
    }
    // The same curve in a smaller region ends on its boundary.
    let region = Region::ball(vec![0.0; 2], 0.5);
    for c in both(&landscape, &region, &points[..1]) {
        assert_eq!(c.end, CurveEnd::Boundary);
        let last = &c.points[c.points.len() - 1];
        assert!((last[0].hypot(last[1]) - 0.5).abs() < 1e-9);
    }
}

#[test]
fn what_has_no_curve_or_surface_is_refused() {
    let landscape = formula(2, "x1^4/4 - x1^2/2 + x2^2");
    let points = [point(&landscape, &[0.0, 0.0], 1), point(&landscape, &[1.0, 0.0], 0)];
    let region = Region::ball(vec![0.0; 2], 2.0);
    let scene = Scene::new(&landscape, None, &region, &points);
    let surface_of = |id, which| {
        surface(&scene, id, which, &Default::default(), &Control::quiet()).err().map(|e| e.to_string())
    };
    assert!(surface_of(0, Stability::Unstable).unwrap().contains("dimension 1, not 2"));
    assert!(surface_of(7, Stability::Unstable).unwrap().contains("no critical point 7"));
    let curve_of = |id, which| curves(&scene, id, which, &Default::default()).err().map(|e| e.to_string());
    assert!(curve_of(1, Stability::Unstable).unwrap().contains("dimension 0, not 1"));
    // All of the half-plane that flows to the minimum, as far as the region goes.
    assert_eq!(surface_of(1, Stability::Stable), None);
    assert_eq!(curve_of(0, Stability::Stable), None);
}
