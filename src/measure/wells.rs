//! Where the invariant measure gathers at small noise: the minima, and whatever else is lowest around.
//!
//! In: a landscape with its critical points. Out: [`Wells`], in the coordinates of the search (those of the inner landscape
//! where it splits into one and a quadratic), and each well's form, by which Laplace's method knows its weight: a
//! nondegenerate minimum, a minimum that is flat to higher order in one direction, a closed curve of minima.

use faer::Mat;

use super::jet::{self, Jet};
use crate::critical::{CriticalPoint, CriticalSet, DegenerateFamily};
use crate::landscape::{Landscape, Reduced, Region};
use crate::linalg::{axpy, dot, norm, symmetric_eigen};

/// What a well is in the critical set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum WellId {
    /// The minimum of this id.
    Minimum(usize),
    /// The degenerate family of this number, all of it minima.
    Family(usize),
}

impl WellId {
    /// As it stands in tables: the id of a minimum, `f` and its number for a family.
    pub fn text(self) -> String {
        match self {
            WellId::Minimum(id) => id.to_string(),
            WellId::Family(number) => format!("f{number}"),
        }
    }
}

/// What Laplace's method needs of a well: near it `int exp(-E/eps)` is about `exp(-E/eps) C eps^a`.
#[derive(Clone, Debug)]
pub enum Form {
    /// A nondegenerate minimum.
    Regular {
        /// Eigenvalues of the Hessian, ascending.
        eigenvalues: Vec<f64>,
        /// Orthonormal eigenvectors (columns).
        vectors: Mat<f64>,
        /// Its expansion; `None` in too many dimensions.
        jet: Option<Box<Jet>>,
    },
    /// A minimum with one null direction, in which the energy, lowest across it, rises as `coefficient |t|^order`.
    Flat {
        /// 4, 6, 8, ...
        order: usize,
        /// The coefficient.
        coefficient: f64,
        /// `log det` of the Hessian across the direction.
        log_determinant: f64,
    },
    /// A closed curve of minima.
    Curve {
        /// Its length.
        length: f64,
        /// The integral along it of `det^(-1/2)` of the Hessian across it.
        integral: f64,
    },
    /// Not one of these, for this reason.
    Unknown(String),
}

/// A well.
#[derive(Clone, Debug)]
pub struct Well {
    /// What it is.
    pub id: WellId,
    /// Where (length r).
    pub x: Vec<f64>,
    /// Energy there, of the inner landscape.
    pub energy: f64,
    /// Its form.
    pub form: Form,
    /// Its steepest curvature, for a length `sqrt(eps/curvature)`; zero where there is none.
    pub steepest: f64,
    /// Points of it: `x` alone, or some of a continuum; with their copies a period away.
    pub places: Vec<Vec<f64>>,
}

/// A landscape as the measure is computed on it.
pub struct Wells<'a> {
    /// The landscape in search coordinates (dimension r).
    pub landscape: &'a dyn Landscape,
    /// How these lie in the landscape's own space; `None` where they are its own.
    pub reduced: Option<&'a Reduced>,
    /// The critical points in search coordinates, in a region wide enough that orbits that start where the measure has
    /// weight do not leave it.
    pub set: CriticalSet,
    /// The wells: minima by id, then families.
    pub wells: Vec<Well>,
    /// Degenerate points that are no wells or of which that is not known, and why.
    pub doubts: Vec<String>,
}

/// Squares of the dimension, summed over minima, up to which these are expanded to fourth order.
const EXPANSIONS: usize = 10_000;

/// How many times the region's size is the one in which orbits are followed.
const WIDE: f64 = 4.0;

/// A mode is null where its eigenvalue is below this share of the largest.
const NULL: f64 = 1e-5;

impl<'a> Wells<'a> {
    /// Of a landscape, what it reduces to, and its critical points in the landscape's own coordinates.
    pub fn new(landscape: &'a dyn Landscape, reduced: Option<&'a Reduced>, set: &CriticalSet) -> Self {
        let inner: &dyn Landscape = reduced.map_or(landscape, |r| r.inner.as_ref());
        let offset = reduced.map_or(0.0, |r| r.offset);
        let project = |x: &[f64]| reduced.map_or_else(|| x.to_vec(), |r| r.project(x));
        let points: Vec<CriticalPoint> = set
            .points
            .iter()
            .map(|p| CriticalPoint { x: project(&p.x), energy: p.energy - offset, ..p.clone() })
            .collect();
        let degenerate: Vec<DegenerateFamily> = set
            .degenerate
            .iter()
            .map(|f| DegenerateFamily {
                x: project(&f.x),
                energy: f.energy - offset,
                samples: f.samples.iter().map(|s| project(s)).collect(),
                ..f.clone()
            })
            .collect();
        let region = wide(reduced, &set.region);
        let inside = CriticalSet { points, degenerate, region, ..set.clone() };
        let mut wells = vec![];
        let mut minima: Vec<usize> =
            (0..inside.points.len()).filter(|&id| inside.points[id].index == 0).collect();
        minima.sort_by(|a, b| inside.points[*a].energy.total_cmp(&inside.points[*b].energy).then(a.cmp(b)));
        // Expansions cost the square of the dimension each: the lowest minima come first.
        minima.truncate((EXPANSIONS / (inner.dim() * inner.dim()).max(1)).max(1));
        for (id, p) in inside.points.iter().enumerate().filter(|(_, p)| p.index == 0) {
            let form = regular(inner, &p.x, minima.contains(&id));
            let (id, x, places) = (WellId::Minimum(id), p.x.clone(), vec![p.x.clone()]);
            wells.push(Well { id, x, energy: p.energy, form, steepest: steepest(inner, &p.x), places });
        }
        let mut doubts = vec![];
        for (number, f) in inside.degenerate.iter().enumerate() {
            match degenerate_form(inner, f, &inside.region) {
                Ok(Some((form, places))) => wells.push(Well {
                    id: WellId::Family(number),
                    x: f.x.clone(),
                    energy: f.energy,
                    form,
                    steepest: steepest(inner, &f.x),
                    places,
                }),
                Ok(None) => {}
                Err(why) => doubts.push(format!("degenerate family {number}: {why}")),
            }
        }
        for well in &mut wells {
            for i in 0..inner.dim() {
                let Some(period) = inside.region.period_of(i) else { continue };
                let moved = |x: &Vec<f64>, by: f64| {
                    let mut x = x.clone();
                    x[i] += by;
                    x
                };
                let again: Vec<Vec<f64>> =
                    well.places.iter().flat_map(|x| [moved(x, period), moved(x, -period)]).collect();
                well.places.extend(again);
            }
        }
        Wells { landscape: inner, reduced, set: inside, wells, doubts }
    }

    /// Dimension r of the search coordinates.
    pub fn dim(&self) -> usize {
        self.landscape.dim()
    }

    /// Number of directions of the landscape's own space in which it is a quadratic, and the curvature there.
    pub fn normal(&self) -> (usize, f64) {
        self.reduced.map_or((0, 0.0), |r| (r.basis.nrows() - r.basis.ncols(), r.normal))
    }

    /// The constant that inner energies lack.
    pub fn offset(&self) -> f64 {
        self.reduced.map_or(0.0, |r| r.offset)
    }

    /// The lowest energy of a well; infinite if there is none.
    pub fn lowest(&self) -> f64 {
        self.wells.iter().map(|w| w.energy).fold(f64::INFINITY, f64::min)
    }

    /// The well that a place in the critical set belongs to.
    pub fn place(&self, id: WellId) -> Option<usize> {
        self.wells.iter().position(|w| w.id == id)
    }

    /// A length of the landscape: the extent of its critical points, at most that of the region.
    pub fn scale(&self) -> f64 {
        let first = match self.set.points.first() {
            Some(p) => &p.x,
            None => return self.set.region.radius() / WIDE,
        };
        let far = self.set.points.iter().map(|p| self.set.region.distance(first, &p.x)).fold(0.0, f64::max);
        let region = self.set.region.radius() / WIDE;
        if far > 0.0 { far.min(region) } else { region }
    }
}

/// The region in search coordinates, [`WIDE`] times as large; as it is where coordinates are periodic.
pub(super) fn wide(reduced: Option<&Reduced>, region: &Region) -> Region {
    if let Some(reduced) = reduced {
        return Region::ball(reduced.project(&region.center()), WIDE * region.radius());
    }
    match &region.shape {
        crate::landscape::Shape::Ball { center, radius } => Region::ball(center.clone(), WIDE * radius),
        crate::landscape::Shape::Box { lower, upper } => {
            let (mut low, mut high) = (lower.clone(), upper.clone());
            for i in (0..low.len()).filter(|&i| region.period_of(i).is_none()) {
                let (middle, half) = (0.5 * (lower[i] + upper[i]), 0.5 * (upper[i] - lower[i]));
                (low[i], high[i]) = (middle - WIDE * half, middle + WIDE * half);
            }
            Region {
                shape: crate::landscape::Shape::Box { lower: low, upper: high },
                period: region.period.clone(),
            }
        }
    }
}

fn spectrum(landscape: &dyn Landscape, x: &[f64]) -> Option<(Vec<f64>, Mat<f64>)> {
    let d = x.len();
    let mut hessian = Mat::zeros(d, d);
    landscape.hessian(x, hessian.as_mut());
    let (mut values, mut vectors) = (vec![0.0; d], Mat::zeros(d, d));
    symmetric_eigen(hessian.as_ref(), &mut values, vectors.as_mut()).then_some((values, vectors))
}

fn steepest(landscape: &dyn Landscape, x: &[f64]) -> f64 {
    spectrum(landscape, x).and_then(|(values, _)| values.last().copied()).unwrap_or(0.0).max(0.0)
}

fn regular(landscape: &dyn Landscape, x: &[f64], expanded: bool) -> Form {
    match spectrum(landscape, x) {
        Some((eigenvalues, vectors)) if eigenvalues.first().is_some_and(|v| *v > 0.0) => {
            let jet =
                if expanded && landscape.is_smooth() { jet::jet(landscape, x).map(Box::new) } else { None };
            Form::Regular { eigenvalues, vectors, jet }
        }
        _ => Form::Unknown("its Hessian in the search's coordinates is not positive".into()),
    }
}

/// A form and points of the well.
type Found = (Form, Vec<Vec<f64>>);

/// The form of a degenerate family that is a well; `None` if it is none; an error if that is not known.
fn degenerate_form(
    landscape: &dyn Landscape,
    family: &DegenerateFamily,
    region: &Region,
) -> Result<Option<Found>, String> {
    let (values, vectors) = spectrum(landscape, &family.x).ok_or("its Hessian is not finite")?;
    let largest = values.iter().fold(0.0_f64, |m, v| m.max(v.abs()));
    let limit = NULL * largest;
    if values.iter().any(|v| *v < -limit) {
        return Ok(None);
    }
    // In one dimension, and where all modes are soft, nothing tells soft from null but the family's own word.
    let mut null: Vec<usize> = (0..values.len()).filter(|&j| values[j].abs() <= limit).collect();
    if null.is_empty() {
        null = (0..values.len()).filter(|&j| values[j].abs() <= values[0].abs() * 1.01).collect();
    }
    match (null.as_slice(), family.dimension) {
        (&[j], 0) => {
            let form = Valley::new(landscape, &family.x, &vectors, j).flat(region, &values);
            Ok(form.map(|form| (form, vec![family.x.clone()])))
        }
        (&[_], 1) => closed_curve(landscape, family, region, largest).map(Some),
        (modes, 0) => Err(format!("{} null directions meet in it", modes.len())),
        (_, dimension) => Err(format!("a continuum of dimension {dimension}")),
    }
}

/// The energy along a null direction, lowest across it.
struct Valley<'a> {
    landscape: &'a dyn Landscape,
    x: &'a [f64],
    vectors: &'a Mat<f64>,
    null: usize,
}

impl<'a> Valley<'a> {
    fn new(landscape: &'a dyn Landscape, x: &'a [f64], vectors: &'a Mat<f64>, null: usize) -> Self {
        Valley { landscape, x, vectors, null }
    }

    /// The rise of the valley's floor at `t`; NaN where it cannot be found.
    fn rise(&self, t: f64) -> f64 {
        let d = self.x.len();
        let mut y = self.x.to_vec();
        axpy(t, self.vectors.col_as_slice(self.null), &mut y);
        let across: Vec<usize> = (0..d).filter(|&j| j != self.null).collect();
        let mut gradient = vec![0.0; d];
        let mut hessian = Mat::zeros(d, d);
        for _ in 0..if across.is_empty() { 0 } else { 12 } {
            self.landscape.gradient(&y, &mut gradient);
            self.landscape.hessian(&y, hessian.as_mut());
            let m = across.len();
            let product = |i: usize, j: usize| {
                let (u, v) = (self.vectors.col_as_slice(across[i]), self.vectors.col_as_slice(across[j]));
                (0..d).map(|a| u[a] * (0..d).map(|b| hessian[(a, b)] * v[b]).sum::<f64>()).sum::<f64>()
            };
            let matrix = Mat::from_fn(m, m, product);
            let mut step: Vec<f64> =
                across.iter().map(|&j| -dot(self.vectors.col_as_slice(j), &gradient)).collect();
            if crate::linalg::solve_symmetric(matrix.as_ref(), &mut step).is_none() {
                return f64::NAN;
            }
            across.iter().zip(&step).for_each(|(&j, s)| axpy(*s, self.vectors.col_as_slice(j), &mut y));
            if norm(&step) <= 1e-13 * (t.abs() + norm(&y)) {
                break;
            }
        }
        self.landscape.energy(&y) - self.landscape.energy(self.x)
    }

    /// The floor is `a |t|^order` near its lowest point, or it is no minimum. Of a slow rise between two even orders nothing
    /// is said.
    fn flat(&self, region: &Region, values: &[f64]) -> Option<Form> {
        let mean = |t: f64| 0.5 * (self.rise(t) + self.rise(-t));
        let mut t = 0.2 * region.radius() / WIDE;
        let mut found: Vec<(f64, f64)> = vec![];
        let noise = 1e3 * f64::EPSILON * self.landscape.energy(self.x).abs().max(f64::MIN_POSITIVE);
        for _ in 0..30 {
            let (far, near) = (mean(t), mean(0.5 * t));
            let rises = self.rise(t) > 0.0 && self.rise(-t) > 0.0 && self.rise(0.5 * t) > 0.0;
            // Below this the energy's own rounding is met.
            if near.abs() <= noise.max(1e-300) {
                break;
            }
            if rises && self.rise(-0.5 * t) > 0.0 {
                found.push((t, (far / near).log2()));
            }
            t *= 0.5;
        }
        // Nearest to the point the place found is not exact and the slope 2 whatever the order; the order is the even
        // number at which the slope stays over three halvings nearest to it.
        let even = |p: f64| (0.5 * p).round() * 2.0;
        let stays =
            |w: &&[(f64, f64)]| even(w[0].1) >= 4.0 && w.iter().all(|(_, p)| (p - even(w[0].1)).abs() < 0.02);
        let &[_, (t, slope), _] = found.windows(3).rev().find(stays)? else { return None };
        let order = even(slope) as usize;
        // The place found may be off by as much as the flatness hides: the odd part tells how far, and the even part is taken
        // about where there is none.
        let coefficient = |t: f64| {
            let (k, power) = (order as f64, t.powi(order as i32));
            let (mut off, mut value) = (0.0, f64::NAN);
            for _ in 0..6 {
                let (up, down, here) = (self.rise(off + t), self.rise(off - t), self.rise(off));
                value = (0.5 * (up + down) - here) / power;
                off = (off - t * 0.5 * (up - down) / power / (k * value)).clamp(-0.3 * t, 0.3 * t);
            }
            value
        };
        let (coarse, fine) = (coefficient(2.0 * t), coefficient(t));
        let coefficient = if coarse.is_finite() { (4.0 * fine - coarse) / 3.0 } else { fine };
        let others = (0..values.len()).filter(|&j| j != self.null).map(|j| values[j].ln());
        Some(Form::Flat { order, coefficient, log_determinant: others.sum() })
    }
}

/// Most steps around a curve of minima.
const STEPS: usize = 20_000;

/// Follows a curve of minima from one of its points until it is back there.
fn closed_curve(
    landscape: &dyn Landscape,
    family: &DegenerateFamily,
    region: &Region,
    largest: f64,
) -> Result<Found, String> {
    let d = family.x.len();
    let far = family.samples.iter().map(|s| region.distance(s, &family.x)).fold(0.0, f64::max);
    let scale = if far > 0.0 { far.min(region.radius() / WIDE) } else { region.radius() / WIDE };
    let step = 2e-3 * scale;
    let mut gradient = vec![0.0; d];
    // Newton across the direction of least curvature; where the point is, the direction, and det^(-1/2) across it.
    let mut settle = |x: &mut Vec<f64>, along: Option<&[f64]>| -> Option<(Vec<f64>, f64)> {
        let mut answer = None;
        for _ in 0..4 {
            let (values, vectors) = spectrum(landscape, x)?;
            let null = (0..d).min_by(|a, b| values[*a].abs().total_cmp(&values[*b].abs()))?;
            if (0..d).any(|j| j != null && values[j] < NULL * largest) {
                return None;
            }
            let mut tangent = vectors.col_as_slice(null).to_vec();
            if along.is_some_and(|a| dot(a, &tangent) < 0.0) {
                tangent.iter_mut().for_each(|t| *t = -*t);
            }
            landscape.gradient(x, &mut gradient);
            for j in (0..d).filter(|&j| j != null) {
                let v = vectors.col_as_slice(j);
                axpy(-dot(v, &gradient) / values[j], v, x);
            }
            let log_determinant: f64 = (0..d).filter(|&j| j != null).map(|j| values[j].ln()).sum();
            answer = Some((tangent, (-0.5 * log_determinant).exp()));
        }
        answer
    };
    let mut x = family.x.clone();
    let (mut tangent, mut density) = settle(&mut x, None).ok_or("its normal curvature vanishes somewhere")?;
    let (start, first) = (x.clone(), tangent.clone());
    let (mut length, mut integral) = (0.0, 0.0);
    let mut places = vec![x.clone()];
    for k in 0..STEPS {
        let mut next = x.clone();
        axpy(step, &tangent, &mut next);
        let (turned, there) =
            settle(&mut next, Some(&tangent)).ok_or("its normal curvature vanishes somewhere")?;
        if (landscape.energy(&next) - family.energy).abs() > 1e-6 * (1.0 + family.energy.abs()) {
            return Err("its minima could not be followed around".into());
        }
        // The chord and the turn of the tangent give the arc to fourth order; the density is averaged along it.
        let chord = region.distance(&x, &next);
        let turn = dot(&tangent, &turned).clamp(-1.0, 1.0).acos();
        let back = region.distance(&next, &start);
        if k > 2 && back <= 0.75 * step && dot(&turned, &first) > 0.5 {
            // The last step ends where the first began.
            let ahead = dot(&region.difference(&next, &start), &turned);
            let arc = chord * (1.0 + turn * turn / 24.0);
            length += arc + ahead;
            integral += 0.5 * (density + there) * arc + there * ahead;
            return Ok((Form::Curve { length, integral }, places));
        }
        let arc = chord * (1.0 + turn * turn / 24.0);
        length += arc;
        integral += 0.5 * (density + there) * arc;
        (x, tangent, density) = (next, turned, there);
        if k % 20 == 19 {
            places.push(x.clone());
        }
    }
    Err("the curve of minima does not close".into())
}
