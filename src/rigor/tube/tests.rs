use super::*;

/// `E = g.x + x'Hx/2 + sum_ijk T_ijk x_i x_j x_k / 6`, exactly known about the origin.
struct Cubic {
    g: Vec<f64>,
    h: Mat<f64>,
    t: Vec<f64>,
}

/// Numbers in [-1, 1) that look random.
struct Draw(u64);

impl Draw {
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 11) as f64 / (1u64 << 52) as f64 - 1.0
    }
}

impl Cubic {
    fn quadratic(g: &[f64], h: &[&[f64]]) -> Self {
        let n = g.len();
        Cubic { g: g.to_vec(), h: Mat::from_fn(n, n, |i, j| h[i][j]), t: vec![0.0; n * n * n] }
    }

    fn gradient(&self, x: &[f64]) -> Vec<f64> {
        let n = x.len();
        (0..n)
            .map(|i| {
                let linear: f64 = (0..n).map(|j| self.h[(i, j)] * x[j]).sum();
                let pairs = (0..n).flat_map(|j| (0..n).map(move |k| (j, k)));
                let square: f64 = pairs.map(|(j, k)| self.t[(i * n + j) * n + k] * x[j] * x[k]).sum();
                self.g[i] + linear + 0.5 * square
            })
            .collect()
    }

    /// Of the third derivative: no less than its norm.
    fn lipschitz(&self) -> f64 {
        self.t.iter().map(|t| t * t).sum::<f64>().sqrt()
    }

    fn split(&self, direction: &[f64]) -> Split {
        let g: Vec<Interval> = self.g.iter().map(|g| Interval::point(*g)).collect();
        let origin = vec![0.0; self.g.len()];
        Split::of(&origin, &g, &BallMatrix::exact(self.h.as_ref()), direction, None).unwrap()
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// What of v is orthogonal to the unit vector u.
fn off(v: &[f64], u: &[f64]) -> Vec<f64> {
    let along = dot(v, u);
    v.iter().zip(u).map(|(v, u)| v - along * u).collect()
}

fn unit(v: &[f64]) -> Vec<f64> {
    let size = dot(v, v).sqrt();
    v.iter().map(|v| v / size).collect()
}

/// The least speeds of the flow along the axis, and through the wall, in many places of the cylinder.
fn seen(field: &Cubic, cylinder: &Cylinder, draw: &mut Draw) -> Crossing {
    let n = field.g.len();
    let u = unit(&cylinder.direction);
    let q = off(&cylinder.bend, &u);
    let Shape { back, ahead, radius, growth } = cylinder.shape;
    let mut least = Crossing { speed: f64::INFINITY, wall: f64::INFINITY };
    for round in 0..400 {
        let t = match round % 4 {
            0 => -back,
            1 => ahead,
            _ => -back + (back + ahead) * (0.5 + 0.5 * draw.next()),
        };
        let w = unit(&off(&(0..n).map(|_| draw.next()).collect::<Vec<f64>>(), &u));
        for share in [0.0, 0.5, 1.0] {
            let rho = share * (radius + growth * t);
            let x: Vec<f64> =
                (0..n).map(|i| cylinder.center[i] + t * u[i] + 0.5 * t * t * q[i] + rho * w[i]).collect();
            let flow: Vec<f64> = field.gradient(&x).iter().map(|g| -g).collect();
            least.speed = least.speed.min(dot(&flow, &u));
            if share == 1.0 {
                let lean = growth + t * dot(&q, &w);
                let normal: Vec<f64> = w.iter().zip(&u).map(|(w, u)| w - lean * u).collect();
                least.wall = least.wall.min(-dot(&flow, &unit(&normal)));
            }
        }
    }
    least
}

/// The bounds are below everything that is seen, for fields in which all terms matter.
#[test]
fn no_speed_is_below_its_bound() {
    let mut draw = Draw(1);
    let mut positive = 0;
    for round in 0..3000 {
        let n = 2 + round % 3;
        let cubic = if round % 2 == 0 { 0.0 } else { 1.0 };
        let mut field =
            Cubic { g: (0..n).map(|_| draw.next()).collect(), h: Mat::zeros(n, n), t: vec![0.0; n * n * n] };
        for i in 0..n {
            for j in 0..=i {
                let entry = 2.0 * draw.next() + if i == j { 2.0 } else { 0.0 };
                (field.h[(i, j)], field.h[(j, i)]) = (entry, entry);
                for k in 0..=j {
                    let entry = cubic * draw.next();
                    for (a, b, c) in [(i, j, k), (i, k, j), (j, i, k), (j, k, i), (k, i, j), (k, j, i)] {
                        field.t[(a * n + b) * n + c] = entry;
                    }
                }
            }
        }
        // Mostly along the flow, of a length that is not one.
        let direction: Vec<f64> = field.g.iter().map(|g| -3.0 * g + 0.03 * draw.next()).collect();
        let split = field.split(&direction);
        let size = 0.15 * (1.0 + draw.next());
        let shape = Shape {
            back: size,
            ahead: size * (0.5 + 0.6 * draw.next()),
            radius: 0.5 * size * (1.05 + draw.next()),
            growth: 0.5 * draw.next(),
        };
        let bound = split.crossing(shape, field.lipschitz(), 10.0);
        let least = seen(&field, &split.cylinder(shape), &mut draw);
        assert!(bound.speed <= least.speed + 1e-12, "{round}: {bound:?} {least:?}");
        // Of use, and a bound, where it is positive.
        if bound.wall > 0.0 {
            positive += 1;
            assert!(bound.wall <= least.wall + 1e-12, "{round}: {bound:?} {least:?} {shape:?}");
        }
    }
    assert!(positive > 300, "{positive}");
}

fn shape(back: f64, ahead: f64, radius: f64, growth: f64) -> Shape {
    Shape { back, ahead, radius, growth }
}

fn near(a: f64, b: f64) -> bool {
    a <= b && a > b - 1e-9
}

/// Each term by a field in which it is the only one, where the bound is attained, or known.
#[test]
fn each_term_counts() {
    let u = [2.0, 0.0];
    // A uniform flow along u that narrows at the rate 3.
    let plain = Cubic::quadratic(&[-5.0, 0.0], &[&[0.0, 0.0], &[0.0, 3.0]]).split(&u);
    let c = plain.crossing(shape(0.25, 0.25, 0.5, 0.0), 0.0, 1.0);
    assert!(near(c.speed, 5.0) && near(c.wall, 1.5), "{c:?}");
    // A wall that leans: k v joins in; the radius is the least one.
    let c = plain.crossing(shape(0.25, 0.25, 0.5, 0.5), 0.0, 1.0);
    assert!(near(c.wall, (3.0 * 0.375 + 2.5) / 1.25f64.sqrt()), "{c:?}");
    let c = plain.crossing(shape(0.25, 0.25, 0.5, -0.5), 0.0, 1.0);
    assert!(c.wall < 0.0);
    // The gradient's part across.
    let across = Cubic::quadratic(&[-5.0, 0.25], &[&[0.0, 0.0], &[0.0, 3.0]]).split(&u);
    assert!(near(across.crossing(shape(0.25, 0.25, 0.5, 0.0), 0.0, 1.0).wall, 1.25));
    // The speed falls along the axis: at either end.
    for (b, ends) in [(4.0, (0.25, 0.5)), (-4.0, (0.5, 0.25))] {
        let slow = Cubic::quadratic(&[-5.0, 0.0], &[&[b, 0.0], &[0.0, 3.0]]).split(&u);
        let c = slow.crossing(shape(ends.0, ends.1, 0.5, 0.0), 0.0, 1.0);
        assert!(near(c.speed, 3.0), "{c:?}");
    }
    // L: (L/2)(t^2 + rho^2), and twice that about as much.
    let c = plain.crossing(shape(0.25, 0.25, 0.5, 0.0), 2.0, 1.0);
    assert!(near(c.speed, 5.0 - 0.3125) && near(c.wall, 1.5 - 0.3125));
    // Of a mixed part m the flow bends by -m/v; the speed at the wall is off by m rho.
    let bent = Cubic::quadratic(&[-5.0, 0.0], &[&[0.0, 1.0], &[1.0, 3.0]]).split(&u);
    assert!((bent.bend[1] + 0.2).abs() < 1e-12 && bent.twist < 1e-12);
    let c = bent.crossing(shape(1e-9, 1e-9, 0.5, 0.0), 0.0, 1.0);
    assert!(near(c.speed, 4.5) && c.wall > 1.5 - 1e-6, "{c:?}");
    // The same with another bend: t m is left.
    let field = Cubic::quadratic(&[-5.0, 0.0], &[&[0.0, 1.0], &[1.0, 3.0]]);
    let g: Vec<Interval> = field.g.iter().map(|g| Interval::point(*g)).collect();
    let h = BallMatrix::exact(field.h.as_ref());
    let straight = Split::of(&[0.0, 0.0], &g, &h, &u, Some(vec![7.0, 0.0])).unwrap();
    assert!(straight.turn < 1e-12 && near(1.0, straight.twist + 1e-10));
    assert!(near(straight.crossing(shape(0.25, 0.25, 0.5, 0.0), 0.0, 1.0).wall, 1.25));
}

#[test]
fn what_is_no_cylinder_is_not_crossed() {
    let plain = Cubic::quadratic(&[-5.0, 0.0], &[&[0.0, 0.0], &[0.0, 3.0]]).split(&[1.0, 0.0]);
    let crossed = |s: Shape, l: f64, ball: f64| plain.crossing(s, l, ball).exceeds(0.0);
    assert!(crossed(shape(0.25, 0.25, 0.5, 0.0), 0.0, 0.56));
    // Not in the ball: its corner is at 0.559.
    assert!(!crossed(shape(0.25, 0.25, 0.5, 0.0), 0.0, 0.559));
    // Ends out of order; a negative radius at either end.
    assert!(!crossed(shape(0.25, -0.25, 0.5, 0.0), 0.0, 1.0));
    assert!(crossed(shape(0.25, 0.25, 0.1, 0.375), 0.0, 1.0));
    assert!(!crossed(shape(0.25, 0.25, 0.1, 0.5), 0.0, 1.0));
    let wide = Cubic::quadratic(&[-5.0, 0.0], &[&[0.0, 0.0], &[0.0, 300.0]]).split(&[1.0, 0.0]);
    assert!(!wide.crossing(shape(0.25, 0.25, 0.1, -0.5), 0.0, 1.0).exceeds(0.0));
    for l in [f64::NAN, f64::INFINITY] {
        assert!(!crossed(shape(0.25, 0.25, 0.5, 0.0), l, 1.0));
    }
    assert!(!crossed(shape(f64::NAN, 0.25, 0.5, 0.0), 0.0, 1.0));
    assert!(!crossed(shape(0.25, 0.25, 0.5, 0.0), 0.0, f64::NAN));
    // Both speeds count.
    assert!(!Crossing { speed: 1.0, wall: 0.5 }.exceeds(0.5));
    assert!(!Crossing { speed: 0.5, wall: 1.0 }.exceeds(0.5));
    assert!(Crossing { speed: 0.6, wall: 0.6 }.exceeds(0.5));
    let h = BallMatrix::exact(Mat::<f64>::identity(2, 2).as_ref());
    assert!(Split::of(&[0.0; 2], &[Interval::ONE; 2], &h, &[0.0, 0.0], None).is_none());
    assert!(Split::of(&[0.0; 2], &[Interval::ONE; 2], &h, &[f64::NAN, 1.0], None).is_none());
}

/// On a line there are no walls.
#[test]
fn a_line_has_no_walls() {
    let h = BallMatrix::exact(Mat::from_fn(1, 1, |_, _| -7.0).as_ref());
    let split = Split::of(&[0.0], &[Interval::point(-2.0)], &h, &[1.0], None).unwrap();
    let c = split.crossing(shape(0.25, 0.25, 0.0, 0.0), 0.0, 1.0);
    assert!(near(c.speed, 2.0 - 7.0 * 0.25) && c.wall == f64::INFINITY);
}

/// The smallest eigenvalue across a direction, whatever the direction's own.
#[test]
fn only_the_transverse_eigenvalues_count() {
    for (own, turn) in [(-50.0, 0.0), (-50.0, 0.3), (7.0, 1.0), (1e6, 2.0)] {
        // diag(own, 2, 3) turned in the plane of the first two.
        let (c, s) = (f64::cos(turn), f64::sin(turn));
        let h = Mat::from_fn(3, 3, |i, j| {
            let u = [c, s, 0.0];
            let v = [-s, c, 0.0];
            let w = [0.0, 0.0, 1.0];
            own * u[i] * u[j] + 2.0 * v[i] * v[j] + 3.0 * w[i] * w[j]
        });
        let g = [Interval::point(-1.0), Interval::ZERO, Interval::ZERO];
        for size in [1.0, 1e-3, 1e3] {
            let split =
                Split::of(&[0.0; 3], &g, &BallMatrix::exact(h.as_ref()), &[size * c, size * s, 0.0], None)
                    .unwrap();
            assert!(split.transverse <= 2.0 + 1e-9 && split.transverse > 2.0 - 1e-6 * f64::abs(own).max(1.0));
            assert!(split.curvature.contains(own) || (split.curvature.mid() - own).abs() < 1e-9 * own.abs());
        }
        let loose = BallMatrix { mid: h.clone(), rad: Mat::from_fn(3, 3, |_, _| 0.1) };
        assert!(Split::of(&[0.0; 3], &g, &loose, &[c, s, 0.0], None).unwrap().transverse < 1.95);
    }
}

fn disc(center: &[f64], direction: &[f64], radius: f64, thickness: f64) -> Disc {
    let center = center.iter().map(|c| Interval::point(*c)).collect();
    Disc { center, direction: direction.to_vec(), radius, thickness }
}

#[test]
fn a_disc_lies_in_a_cylinder_or_not() {
    let straight = Cylinder {
        center: vec![1.0, 1.0],
        direction: vec![3.0, 0.0],
        bend: vec![0.0, 0.0],
        shape: shape(0.5, 0.5, 0.25, 0.0),
    };
    let holds =
        |c: &Cylinder, center: &[f64], u: &[f64], r: f64, thick: f64| c.holds(&disc(center, u, r, thick));
    let along = [1.0, 0.0];
    assert!(holds(&straight, &[0.75, 1.0], &along, 0.249, 0.0));
    assert!(!holds(&straight, &[0.75, 1.0], &along, 0.251, 0.0));
    // Aside; behind; at the last disc; through thickness.
    assert!(!holds(&straight, &[0.75, 1.125], &along, 0.126, 0.0));
    assert!(holds(&straight, &[0.75, 1.125], &along, 0.124, 0.0));
    assert!(!holds(&straight, &[0.49, 1.0], &along, 0.1, 0.0));
    assert!(!holds(&straight, &[1.5, 1.0], &along, 0.1, 0.0));
    assert!(holds(&straight, &[0.6, 1.0], &along, 0.1, 0.09));
    assert!(!holds(&straight, &[0.6, 1.0], &along, 0.1, 0.11));
    assert!(!holds(&straight, &[1.4, 1.0], &along, 0.1, 0.11));
    assert!(!holds(&straight, &[0.75, 1.0], &along, 0.2, 0.06));
    // Tilted by 45 degrees it reaches r/sqrt 2 back and ahead.
    let tilted = [1.0, 1.0];
    assert!(holds(&straight, &[0.65, 1.0], &tilted, 0.2, 0.0));
    assert!(!holds(&straight, &[0.6, 1.0], &tilted, 0.2, 0.0));
    assert!(!holds(&straight, &[1.4, 1.0], &tilted, 0.2, 0.0));
    // A radius that changes counts where the disc is.
    let mut cone = straight.clone();
    cone.shape.growth = 0.4;
    assert!(holds(&cone, &[0.75, 1.0], &along, 0.149, 0.0));
    assert!(!holds(&cone, &[0.75, 1.0], &along, 0.151, 0.0));
    assert!(holds(&cone, &[1.25, 1.0], &along, 0.349, 0.0));
    // A bend: at t = 1/4 the axis is 4/32 up.
    let mut bent = straight.clone();
    bent.bend = vec![17.0, 4.0];
    assert!(holds(&bent, &[0.75, 1.125], &along, 0.249, 0.0));
    assert!(!holds(&bent, &[0.75, 1.0], &along, 0.126, 0.0));
    // Its own end, and the next one from there.
    let end = bent.end().unwrap();
    assert!((end.center[0].mid() - 1.5).abs() < 1e-12 && (end.center[1].mid() - 1.5).abs() < 1e-12);
    assert!(end.radius >= 0.25 && end.thickness == 0.0 && end.direction == bent.direction);
    assert!(disc(&[3.0, 4.0], &along, 1.0, 0.5).is_in_ball(&[0.0, 0.0], 6.51));
    assert!(!disc(&[3.0, 4.0], &along, 1.0, 0.5).is_in_ball(&[0.0, 0.0], 6.5));
    // Without a direction there is nothing.
    let mut none = straight;
    none.direction = vec![0.0, 0.0];
    assert!(none.end().is_none() && !holds(&none, &[1.0, 1.0], &along, 0.0, 0.0));
}
