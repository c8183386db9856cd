//! Steps of eight searches side by side, where Hessians are decomposed: what [`follow`](super::follow) says of one.

use faer::{Mat, MatRef};
use pulp::{Arch, Simd, WithSimd};

use super::follow::{FLAT, Step};
use crate::linalg::dot;
use crate::linalg::lanes::{LANES, Lane, Part, Which, along, length, parts};
use crate::linalg::spectra::Spectra;

/// Eigenvalues closer than this (relative to the largest) are one cluster.
const CLUSTER: f64 = 1e-6;

/// Where no eigenvalue is closer to zero than this (relative to the largest) their signs are had without the modes.
const SURE: f64 = 1e-7;

/// A step is as long as the radius up to this share of it.
const CLOSE: f64 = 0.02;

/// What one search asks for.
pub(super) struct Request<'a> {
    /// The Hessian (n x n).
    pub(super) h: MatRef<'a, f64>,
    /// The gradient (length n).
    pub(super) g: &'a [f64],
    /// The lowest modes that are climbed.
    pub(super) index: usize,
    /// The longest step.
    pub(super) radius: f64,
    /// Directions (n x at least `index`) whose modes are climbed instead of the lowest.
    pub(super) guide: Option<MatRef<'a, f64>>,
}

/// And what it is given.
pub(super) struct Proposal {
    pub(super) step: Step,
    /// Are there fewer directions of negative curvature than are to be climbed?
    pub(super) short: bool,
}

/// Storage for the steps of eight searches in n dimensions.
pub(super) struct Company {
    n: usize,
    spectra: Spectra,
    /// Gradients, then in the bases of the tridiagonal forms or, where the modes are known, in theirs.
    gradients: Vec<Lane>,
    coordinates: Vec<Lane>,
    /// Steps and the Hessians applied to them.
    steps: [Vec<Lane>; 2],
    scratch: Vec<Lane>,
    /// Zeros (n x n).
    nothing: Mat<f64>,
}

impl Company {
    pub(super) fn new(n: usize) -> Self {
        let zeros = || vec![Lane::ZERO; n];
        Company {
            n,
            spectra: Spectra::new(n),
            gradients: zeros(),
            coordinates: zeros(),
            steps: [zeros(), zeros()],
            scratch: zeros(),
            nothing: Mat::zeros(n, n),
        }
    }

    /// A step for each search; `None` for those without a Hessian that is finite, and for those that are not there.
    pub(super) fn propose(&mut self, requests: &[Option<Request<'_>>; LANES]) -> [Option<Proposal>; LANES] {
        Arch::new().dispatch(Propose { company: self, requests })
    }
}

struct Propose<'a, 'b> {
    company: &'a mut Company,
    requests: &'a [Option<Request<'b>>; LANES],
}

impl WithSimd for Propose<'_, '_> {
    type Output = [Option<Proposal>; LANES];

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> [Option<Proposal>; LANES] {
        let Propose { company, requests } = self;
        let n = company.n;
        let mut there = [false; LANES];
        let mut radius = Lane::splat(1.0);
        for (l, request) in requests.iter().enumerate() {
            let Some(request) = request else {
                company.clear(l);
                continue;
            };
            there[l] = company.load(l, request.h, request.g);
            radius.0[l] = request.radius;
        }
        company.reduce(simd);
        let (count, sure) = company.spectra.negative(simd, SURE);
        let mut newton = [false; LANES];
        for l in 0..LANES {
            let wanted = |r: &Request<'_>| r.guide.is_none() && sure[l] && count[l] == r.index;
            newton[l] = there[l] && requests[l].as_ref().is_some_and(wanted);
        }
        let mut cut = [false; LANES];
        let mut full = [false; LANES];
        if newton.contains(&true) {
            let descends: [bool; LANES] =
                std::array::from_fn(|l| requests[l].as_ref().is_some_and(|r| r.index == 0));
            (full, cut) = company.newton(simd, &mut newton, &descends, &radius);
        }
        let done: [bool; LANES] = std::array::from_fn(|l| full[l] || cut[l]);
        let modes: [bool; LANES] = std::array::from_fn(|l| there[l] && !done[l]);
        let mut short = [false; LANES];
        let mut kept = [company.steps[0].clone(), company.steps[1].clone()];
        if modes.contains(&true) {
            let found = company.find_modes(simd, &modes, requests);
            there = std::array::from_fn(|l| there[l] && (done[l] || found[l]));
            let mut up = vec![[false; LANES]; n];
            company.choose(simd, &modes, requests, &mut up);
            let cut_short = company.mode_steps(simd, &up, &radius);
            for l in (0..LANES).filter(|l| modes[*l]) {
                cut[l] = cut_short[l];
                let highest = requests[l].as_ref().and_then(|r| r.index.checked_sub(1));
                // Where Newton's step was only too long the signs are right.
                short[l] = !newton[l] && highest.is_some_and(|k| company.spectra.values()[k].0[l] > 0.0);
            }
            for (kept, steps) in kept.iter_mut().zip(&company.steps) {
                for (kept, step) in kept.iter_mut().zip(steps) {
                    (0..LANES).filter(|l| !done[*l]).for_each(|l| kept.0[l] = step.0[l]);
                }
            }
        }
        std::array::from_fn(|l| {
            let lane = |x: &[Lane]| x.iter().map(|x| x.0[l]).collect();
            let step = Step { s: lane(&kept[0]), hs: lane(&kept[1]), cut: cut[l], newton: full[l] };
            there[l].then_some(Proposal { step, short: short[l] })
        })
    }
}

impl Company {
    #[inline(always)]
    fn load(&mut self, lane: usize, h: MatRef<'_, f64>, g: &[f64]) -> bool {
        for (lanes, g) in self.gradients.iter_mut().zip(g) {
            lanes.0[lane] = *g;
        }
        self.spectra.load(lane, h)
    }

    fn clear(&mut self, lane: usize) {
        self.gradients.iter_mut().for_each(|g| g.0[lane] = 0.0);
        self.spectra.load(lane, self.nothing.as_ref());
    }

    /// Brings the Hessians to tridiagonal form and the gradients into its basis.
    #[inline(always)]
    fn reduce<S: Simd>(&mut self, simd: S) {
        self.spectra.reduce(simd);
        self.coordinates.copy_from_slice(&self.gradients);
        self.spectra.enter(simd, &mut self.coordinates);
    }

    /// Newton's steps of those whose Hessians have the signs that are wanted: there it is the step that climbs the lowest modes and descends
    /// the others. Which of them are full, and which were cut: a descent's by a shift. (Others that are too long need the modes.)
    #[inline(always)]
    fn newton<S: Simd>(
        &mut self,
        simd: S,
        these: &mut Which,
        descends: &Which,
        radius: &Lane,
    ) -> (Which, Which) {
        let Company { spectra, gradients, coordinates, steps, scratch, .. } = self;
        let [step, image] = steps;
        let negative = |out: &mut [Lane], of: &[Lane]| {
            out.iter_mut().zip(of).for_each(|(out, of)| out.0 = of.0.map(|x| -x));
        };
        negative(step, coordinates);
        let solved = spectra.solve(simd, &Lane::ZERO, step);
        let size = length(simd, step);
        let (mut full, mut on, mut cut) = ([false; LANES], [false; LANES], [false; LANES]);
        for l in 0..LANES {
            these[l] &= solved[l];
            full[l] = these[l] && size.0[l] <= radius.0[l];
            on[l] = these[l] && !full[l] && descends[l];
        }
        // -(T + shift)^-1 c, the shift chosen so that the step is as long as the radius: Newton's iteration for the inverse of its
        // length (More and Sorensen 1983).
        let mut shift = Lane::ZERO;
        for _ in 0..20 {
            let size = length(simd, step);
            for l in 0..LANES {
                if on[l] && (size.0[l] - radius.0[l]).abs() < CLOSE * radius.0[l] {
                    (on[l], cut[l]) = (false, true);
                }
            }
            if !on.contains(&true) {
                break;
            }
            scratch.copy_from_slice(step);
            let solved = spectra.solve(simd, &shift, scratch);
            let slope = along(simd, step, scratch);
            for l in 0..LANES {
                let (size, radius) = (size.0[l], radius.0[l]);
                let next = shift.0[l] + size * size / slope.0[l] * (size - radius) / radius;
                on[l] &= solved[l] && next >= 0.0;
                shift.0[l] = if on[l] { next } else { shift.0[l] };
            }
            negative(scratch, coordinates);
            let solved = spectra.solve(simd, &shift, scratch);
            for l in 0..LANES {
                on[l] &= solved[l];
                if on[l] {
                    step.iter_mut().zip(scratch.iter()).for_each(|(step, new)| step.0[l] = new.0[l]);
                }
            }
        }
        spectra.leave(simd, step);
        for ((image, g), s) in image.iter_mut().zip(gradients.iter()).zip(step.iter()) {
            for l in 0..LANES {
                let shift = if cut[l] { shift.0[l] } else { 0.0 };
                image.0[l] = -g.0[l] - shift * s.0[l];
            }
        }
        (full, cut)
    }

    /// Completes the decompositions of these, and tells where that did not fail.
    #[inline(always)]
    fn find_modes<S: Simd>(
        &mut self,
        simd: S,
        these: &Which,
        requests: &[Option<Request<'_>>; LANES],
    ) -> Which {
        let found = self.spectra.diagonalize(simd, these, &mut self.coordinates);
        let tilted: Vec<(usize, Mat<f64>)> = (0..LANES)
            .filter(|l| these[*l])
            .filter_map(|l| Some((l, self.tilted(l, requests[l].as_ref()?)?)))
            .collect();
        if tilted.is_empty() {
            return found;
        }
        for (l, request) in requests.iter().enumerate() {
            if let Some(request) = request {
                self.spectra.load(l, request.h);
            }
        }
        for (l, h) in &tilted {
            self.spectra.load(*l, h.as_ref());
        }
        self.reduce(simd);
        self.spectra.diagonalize(simd, these, &mut self.coordinates)
    }

    /// A cluster has no modes of its own: where one is to be climbed in part, the Hessian tilted by less than its width, so that it offers
    /// the guiding directions, or the one in which the gradient can be climbed.
    fn tilted(&self, lane: usize, request: &Request<'_>) -> Option<Mat<f64>> {
        let (n, index, values) = (self.n, request.index, self.spectra.values());
        let value = |i: usize| values[i].0[lane];
        let largest = value(0).abs().max(value(n - 1).abs());
        let split = index > 0 && index < n && value(index) - value(index - 1) < CLUSTER * largest;
        if !(split || request.guide.is_some() && value(n - 1) - value(0) < CLUSTER * largest) {
            return None;
        }
        let mut h = request.h.to_owned();
        let mut tilt = |v: &[f64]| {
            let size = dot(v, v).max(f64::MIN_POSITIVE);
            for j in 0..n {
                for i in 0..n {
                    h[(i, j)] -= CLUSTER * largest * v[i] * v[j] / size;
                }
            }
        };
        match request.guide {
            Some(guide) => guide.col_iter().for_each(|d| tilt(&d.iter().copied().collect::<Vec<f64>>())),
            None => tilt(request.g),
        }
        Some(h)
    }

    /// The modes that each climbs: the lowest, or those nearest to the guiding directions.
    #[inline(always)]
    fn choose<S: Simd>(
        &mut self,
        simd: S,
        these: &Which,
        requests: &[Option<Request<'_>>; LANES],
        up: &mut [Which],
    ) {
        let n = self.n;
        let guides = |l: usize| requests[l].as_ref().and_then(|r| r.guide).filter(|_| these[l]);
        let most = (0..LANES).filter_map(|l| guides(l).map(|g| g.ncols())).max().unwrap_or(0);
        let mut overlap = vec![Lane::ZERO; n];
        for k in 0..most {
            self.scratch.fill(Lane::ZERO);
            for l in 0..LANES {
                if let Some(guide) = guides(l).filter(|g| k < g.ncols()) {
                    (0..n).for_each(|i| self.scratch[i].0[l] = guide[(i, k)]);
                }
            }
            self.spectra.project(simd, &mut self.scratch);
            for (overlap, along) in overlap.iter_mut().zip(&self.scratch) {
                (0..LANES).for_each(|l| overlap.0[l] += along.0[l] * along.0[l]);
            }
        }
        for (l, request) in requests.iter().enumerate() {
            let index = request.as_ref().map_or(0, |r| r.index);
            if guides(l).is_none() {
                up[..index].iter_mut().for_each(|up| up[l] = true);
                continue;
            }
            let mut order: Vec<usize> = (0..n).collect();
            order.sort_by(|a, b| overlap[*b].0[l].total_cmp(&overlap[*a].0[l]).then(a.cmp(b)));
            order.into_iter().take(index).for_each(|i| up[i][l] = true);
        }
    }

    /// `s_i = +-g_i / (|lambda_i| + shift)`, the shift chosen so that the step fits into the radius; whether it had to be cut.
    #[inline(always)]
    fn mode_steps<S: Simd>(&mut self, simd: S, up: &[Which], radius: &Lane) -> Which {
        let n = self.n;
        let Company { spectra, coordinates, steps, scratch: curvatures, .. } = self;
        let values = spectra.values();
        for part in parts(simd) {
            let get = |lane: &Lane| Part::load(simd, lane, part);
            let largest = get(&values[0]).abs().max(get(&values[n - 1]).abs());
            let least = Part::splat(simd, FLAT) * largest.max(Part::splat(simd, f64::MIN_POSITIVE));
            for (curvature, value) in curvatures.iter_mut().zip(values) {
                get(value).abs().max(least).store(curvature, part);
            }
        }
        let whole = shifted_length(simd, coordinates, curvatures, &Lane::ZERO);
        let mut on: Which = std::array::from_fn(|l| whole.0[l] > radius.0[l]);
        let cut = on;
        // The length falls with the shift; |g|/radius is an upper bound of the root.
        let (mut low, mut high, mut shift) = (Lane::ZERO, length(simd, coordinates), Lane::ZERO);
        (0..LANES).for_each(|l| high.0[l] /= radius.0[l]);
        for _ in 0..60 {
            if !on.contains(&true) {
                break;
            }
            for l in 0..LANES {
                shift.0[l] = if on[l] { 0.5 * (low.0[l] + high.0[l]) } else { shift.0[l] };
            }
            let size = shifted_length(simd, coordinates, curvatures, &shift);
            for l in 0..LANES {
                if !on[l] {
                    continue;
                }
                if (size.0[l] - radius.0[l]).abs() < CLOSE * radius.0[l] {
                    on[l] = false;
                } else if size.0[l] > radius.0[l] {
                    low.0[l] = shift.0[l];
                } else {
                    high.0[l] = shift.0[l];
                }
            }
        }
        let [step, image] = steps;
        for i in 0..n {
            for l in 0..LANES {
                let size = coordinates[i].0[l] / (curvatures[i].0[l] + shift.0[l]);
                step[i].0[l] = if up[i][l] { size } else { -size };
                image[i].0[l] = step[i].0[l] * values[i].0[l];
            }
        }
        spectra.combine(simd, [step, image]);
        cut
    }
}

/// The length of the step with this shift.
#[inline(always)]
fn shifted_length<S: Simd>(simd: S, coordinates: &[Lane], curvatures: &[Lane], shift: &Lane) -> Lane {
    let mut out = Lane::ZERO;
    for part in parts(simd) {
        let get = |lane: &Lane| Part::load(simd, lane, part);
        let shift = get(shift);
        let mut sum = Part::splat(simd, 0.0);
        for (c, curvature) in coordinates.iter().zip(curvatures) {
            let size = get(c) / (get(curvature) + shift);
            sum = size.times_plus(size, sum);
        }
        sum.sqrt().store(&mut out, part);
    }
    out
}
