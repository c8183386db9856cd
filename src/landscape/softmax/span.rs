//! All critical points of R^n in few unknowns: the affine hull of the wells, exactly.
//!
//! Along every direction orthogonal to the hull the energy is `scale (s/2) t^2` and nothing else: critical points lie in
//! the hull, and each direction adds one positive eigenvalue. The critical points depend on the wells' mutual distances
//! alone, so that any isometric copy of the wells will do; the Cholesky factor of a Gram matrix is one.

use faer::Mat;

use super::density::Density;
use super::enclose::{EnclosedMixture, LOW};
use crate::landscape::enclose::{Everywhere, Hull};
use crate::rigor::rounding::{add_up, mul_up, sub_down};
use crate::rigor::{BallMatrix, Interval, Inverse};

/// A system for all critical points; the ball about `center` is passed on.
pub(super) fn everywhere(
    mixture: &EnclosedMixture,
    center: Vec<f64>,
    radius: f64,
) -> Option<Everywhere<'static>> {
    if !radius.is_finite() {
        return None;
    }
    let mut free: Vec<usize> = (0..mixture.dim).filter(|i| !mixture.level[*i]).collect();
    if free.is_empty() {
        // One well; an unknown is kept to have something to solve for.
        free.push(0);
    }
    let simplex =
        if (2..=(LOW + 1).min(free.len())).contains(&mixture.count()) { simplex(mixture) } else { None };
    let (inner, origin, map) = match simplex {
        Some(found) => (found.inner, found.origin, found.map),
        None if free.len() <= LOW => coordinates(mixture, &free),
        None => return None,
    };
    let within = surround(&inner)?;
    Some(Everywhere { system: Box::new(Density::new(&inner)), within, center, radius, origin, map })
}

/// A landscape in fewer dimensions and the approximate place of its points in the larger space.
type Inner = (EnclosedMixture, Vec<f64>, Mat<f64>);

/// The landscape in the coordinates `free`: in the others all wells agree.
fn coordinates(mixture: &EnclosedMixture, free: &[usize]) -> Inner {
    let wells = (0..mixture.count()).flat_map(|k| free.iter().map(move |i| mixture.well(k)[*i])).collect();
    let absolute = free.iter().map(|i| mixture.absolute[*i]).collect();
    let mut origin = mixture.well(0).to_vec();
    free.iter().for_each(|i| origin[*i] = 0.0);
    let map = Mat::from_fn(mixture.dim, free.len(), |i, j| if i == free[j] { 1.0 } else { 0.0 });
    (mixture.reduced(wells, mixture.relative, absolute), origin, map)
}

/// Up to this many wells an isometric copy is made.
const MOST: usize = 400;

/// The landscape on the affine hull of the wells in an isometric copy, if that is smaller.
pub(super) fn hull(mixture: &EnclosedMixture) -> Option<Hull<'static>> {
    let free: Vec<usize> = (0..mixture.dim).filter(|i| !mixture.level[*i]).collect();
    if (2..=free.len().min(MOST)).contains(&mixture.count())
        && let Some(copy) = simplex(mixture)
    {
        // The wells' differences D from the first are Q L', so that (map - Q) L' = map L' - D.
        let (n, r) = (mixture.dim, mixture.count() - 1);
        let difference = |i: usize, k: usize| mixture.coordinate(k + 1, i) - mixture.coordinate(0, i);
        let entries: Vec<Interval> =
            (0..n).flat_map(|i| (0..r).map(move |k| (i, k))).map(|(i, k)| difference(i, k)).collect();
        let entries = BallMatrix::from_intervals(n, r, &entries);
        let rows: Vec<Interval> = copy.rows.into_iter().flatten().collect();
        let factor = BallMatrix::from_intervals(r, r, &rows);
        let image = BallMatrix::product(&BallMatrix::exact(copy.map.as_ref()), &factor.transpose());
        let inverse = Inverse::of(&factor)?;
        return Some(Hull {
            inner: Box::new(copy.inner),
            origin: copy.origin,
            map_error: mul_up((&image - &entries).norm_two(), inverse.norm_two),
            map: copy.map,
            origin_error: mixture.well_error(0),
        });
    }
    if free.is_empty() || free.len() == mixture.dim {
        return None;
    }
    let (inner, origin, map) = coordinates(mixture, &free);
    Some(Hull { inner: Box::new(inner), origin, map, origin_error: mixture.well_error(0), map_error: 0.0 })
}

/// The wells in a frame of their own.
struct Copy {
    inner: EnclosedMixture,
    origin: Vec<f64>,
    map: Mat<f64>,
    /// The wells but for the first, which is at the origin.
    rows: Vec<Vec<Interval>>,
}

/// The landscape on the span of K affinely independent wells: with `G = L L'` the Gram matrix of their differences from the
/// first one, the rows of L are the other wells in an orthonormal frame whose origin is the first. `None` if a pivot cannot
/// be proven positive.
fn simplex(mixture: &EnclosedMixture) -> Option<Copy> {
    let (n, r) = (mixture.dim, mixture.count() - 1);
    let differences: Vec<Vec<Interval>> = (1..=r)
        .map(|k| (0..n).map(|i| mixture.coordinate(k, i) - mixture.coordinate(0, i)).collect())
        .collect();
    let mut rest: Vec<Vec<Interval>> = (0..r)
        .map(|i| {
            (0..r)
                .map(|j| {
                    let pairs = differences[i].iter().zip(&differences[j]);
                    pairs.fold(Interval::ZERO, |s, (a, b)| s + if i == j { a.sqr() } else { *a * *b })
                })
                .collect()
        })
        .collect();
    // The largest pivot first.
    let mut order: Vec<usize> = (0..r).collect();
    let mut rows = vec![vec![Interval::ZERO; r]; r];
    let mut frame = Mat::<f64>::zeros(n, r);
    for step in 0..r {
        let best = (step..r).fold(step, |best, j| {
            let pivot = |j: usize| rest[order[j]][order[j]].lo();
            if pivot(j) > pivot(best) { j } else { best }
        });
        order.swap(step, best);
        let pivot = rest[order[step]][order[step]];
        if !(pivot.lo() > 0.0 && pivot.is_bounded()) {
            return None;
        }
        let root = pivot.sqrt();
        let lead = order[step];
        for &i in &order[step..] {
            rows[i][step] = if i == lead { root } else { rest[i][lead] / root };
        }
        for &i in &order[step + 1..] {
            for &j in &order[step + 1..] {
                let product = if i == j { rows[i][step].sqr() } else { rows[i][step] * rows[j][step] };
                rest[i][j] -= product;
            }
        }
        for i in 0..n {
            let known: f64 = (0..step).map(|l| rows[lead][l].mid() * frame[(i, l)]).sum();
            frame[(i, step)] = (differences[lead][i].mid() - known) / root.mid();
        }
    }
    let wells = std::iter::repeat_n(0.0, r).chain(rows.iter().flatten().map(|x| x.mid())).collect();
    let absolute = (0..r).map(|j| rows.iter().map(|row| row[j].rad()).fold(0.0, f64::max)).collect();
    let inner = mixture.reduced(wells, 0.0, absolute);
    Some(Copy { inner, origin: mixture.well(0).to_vec(), map: frame, rows })
}

/// A box with the convex hull of all wells in its interior.
fn surround(mixture: &EnclosedMixture) -> Option<Vec<Interval>> {
    let width = 1.0 / mixture.precision.lo().sqrt();
    (0..mixture.dim)
        .map(|i| {
            let hull = (0..mixture.count()).map(|k| mixture.coordinate(k, i)).reduce(Interval::hull)?;
            let margin = 1e-3 * hull.width() + 1e-3 * width + 8.0 * f64::EPSILON * hull.mag();
            let wide = Interval::new(sub_down(hull.lo(), margin), add_up(hull.hi(), margin));
            wide.is_bounded().then_some(wide)
        })
        .collect()
}
