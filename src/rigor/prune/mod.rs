//! All zeros of a system in a box: branch and prune.
//!
//! Boxes are excluded, contracted, found to hold a zero that is the only one in a larger box, or split. What is neither
//! excluded nor inside such a box of uniqueness is left as undecided: the search is complete if nothing is.
//!
//! Boxes are examined in generations: all those of a generation that are wider than a quarter of its widest, in chunks,
//! each chunk depth first and with a budget. Chunks share only what was known when the generation began, so that
//! the result depends on neither the number of threads nor on timing. As the widest boxes come first, a search that
//! meets a limit has seen all of its domain at about the same resolution.

mod boundary;
mod contract;
mod merge;
mod symmetry;

pub use self::boundary::{Verdict, faces, meets_sphere, positive, square_distance};
pub use self::symmetry::SignedPermutation;
pub use super::krawczyk::Zero;

use rayon::prelude::*;

use self::contract::{Examiner, Fate};
use super::rounding::UNIT;
use super::{Interval, System};

/// A chunk examines at most so many boxes in a generation.
const BUDGET: u64 = 2048;
/// At most so many chunks a generation, for load balance on many processors.
const CHUNKS: usize = 128;
/// Boxes in a chunk at least.
const LEAST_CHUNK: usize = 4;
/// Boxes narrower than this part of the domain, if there are very many, are about a continuum of zeros.
const FINE: f64 = 1.0 / 65536.0;
/// How many boxes are examined between two looks at the signal to stop.
const PATIENCE: u64 = 64;

/// What a search is told besides its system and its domain.
#[derive(Clone, Debug)]
pub struct Limits {
    /// At most about so many boxes are examined.
    pub boxes: u64,
    /// A coordinate is no longer split where a box is narrower than this part of the domain, or a few units in its last
    /// place.
    pub width: f64,
    /// The search ends when more than so many boxes narrower than 1/65536 of the domain are left: zeros that fill a curve
    /// are not worth being covered with ever smaller boxes.
    pub crowd: usize,
    /// Points near which zeros are expected; they save work and change nothing else.
    pub guesses: Vec<Vec<f64>>,
    /// Generators of a group that maps the set of all zeros, and the domain, onto themselves. Its members are taken on trust.
    pub symmetry: Vec<SignedPermutation>,
}

impl Default for Limits {
    fn default() -> Self {
        Limits { boxes: 2_000_000, width: 1e-12, crowd: 4096, guesses: Vec::new(), symmetry: Vec::new() }
    }
}

/// Why a search ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// No box was left to be examined; those too narrow to be split may be undecided.
    Finished,
    /// The limit on the number of boxes was met.
    Boxes,
    /// Too many narrow boxes were left; see [`Limits::crowd`].
    Crowded,
    /// It was told to stop.
    Stopped,
    /// The domain is unbounded, or not of the system's dimension.
    Domain,
}

/// The zeros of a system in a box.
#[derive(Clone, Debug)]
pub struct Zeros {
    /// Zeros in the box, all different, ordered by coordinates.
    pub found: Vec<Zero>,
    /// Zeros of which it is not known whether they lie in the box or just outside.
    pub on_edge: Vec<Zero>,
    /// Boxes that may hold zeros besides those, neighbours merged. If there is none, the list of zeros is complete.
    pub undecided: Vec<Vec<Interval>>,
    /// Boxes examined.
    pub boxes: u64,
    /// Evaluations of the system: enclosures of its values, and expansions.
    pub evaluations: u64,
    /// Why the search ended.
    pub ended: Ended,
}

impl Zeros {
    /// Is it proven that `found` is all there is in the box?
    pub fn is_complete(&self) -> bool {
        self.undecided.is_empty() && self.on_edge.is_empty()
    }
}

/// All zeros of `system` in the box `within`.
///
/// Every point of the box is a point of `found` or of `on_edge`, or lies in a box of `undecided`, or is no zero. `stop` is
/// asked often, and ends the search when it says so.
pub fn zeros(
    system: &dyn System,
    within: &[Interval],
    limits: &Limits,
    stop: &(dyn Fn() -> bool + Sync),
) -> Zeros {
    let n = system.dim();
    let mut search = Search::new(system, within, limits);
    if within.len() != n || !within.iter().all(|x| x.is_bounded()) {
        search.undecided = vec![within.to_vec()];
        return search.result(Ended::Domain, Vec::new());
    }
    if n == 0 {
        // R^0 is a point, which every function maps to zero.
        search.known.push(Zero { enclosure: Vec::new(), unique: Vec::new() });
        return search.result(Ended::Finished, Vec::new());
    }
    search.try_guesses();
    let mut frontier = within.to_vec();
    let ended = loop {
        if frontier.is_empty() {
            break Ended::Finished;
        }
        if stop() {
            break Ended::Stopped;
        }
        let widest = frontier.chunks_exact(n).map(|x| search.size(x)).fold(0.0, f64::max);
        if search.undecided.len() > limits.crowd
            || (widest < FINE && frontier.len() / n + search.undecided.len() > limits.crowd)
        {
            break Ended::Crowded;
        }
        let chunk = (frontier.len() / n).div_ceil(CHUNKS).max(LEAST_CHUNK);
        let chunks = (frontier.len() / n).div_ceil(chunk) as u64;
        let budget = BUDGET.min(limits.boxes.saturating_sub(search.boxes) / chunks);
        if budget == 0 {
            break Ended::Boxes;
        }
        let threshold = 0.25 * widest;
        let parts: Vec<Part> = if chunks == 1 {
            vec![search.run(&frontier, threshold, budget, stop)]
        } else {
            frontier.par_chunks(chunk * n).map(|boxes| search.run(boxes, threshold, budget, stop)).collect()
        };
        frontier.clear();
        for part in parts {
            frontier.extend_from_slice(&part.left);
            search.absorb(part);
        }
    };
    search.result(ended, frontier)
}

/// A search under way.
struct Search<'a> {
    system: &'a dyn System,
    within: &'a [Interval],
    limits: &'a Limits,
    /// The widths of the domain.
    span: Vec<f64>,
    /// Widths at which a box is no longer split.
    least: Vec<f64>,
    /// Zeros proven, all different.
    known: Vec<Zero>,
    undecided: Vec<Vec<Interval>>,
    boxes: u64,
    evaluations: u64,
    domain: symmetry::Domain,
}

/// What came of a chunk of boxes.
struct Part {
    /// Boxes still to be examined, one after the other.
    left: Vec<Interval>,
    undecided: Vec<Vec<Interval>>,
    zeros: Vec<Zero>,
    boxes: u64,
    evaluations: u64,
}

impl<'a> Search<'a> {
    fn new(system: &'a dyn System, within: &'a [Interval], limits: &'a Limits) -> Self {
        let span: Vec<f64> = within.iter().map(|x| x.width()).collect();
        let least =
            within.iter().zip(&span).map(|(x, w)| (limits.width * w).max(16.0 * UNIT * x.mag())).collect();
        let domain = symmetry::Domain::new(&limits.symmetry, within);
        Search {
            system,
            within,
            limits,
            span,
            least,
            known: Vec::new(),
            undecided: Vec::new(),
            boxes: 0,
            evaluations: 0,
            domain,
        }
    }

    /// The width of a box, as a part of the domain's.
    fn size(&self, x: &[Interval]) -> f64 {
        x.iter().zip(&self.span).fold(
            0.0,
            |size: f64, (x, span)| {
                if *span > 0.0 { size.max(x.width() / span) } else { size }
            },
        )
    }

    fn try_guesses(&mut self) {
        let mut examiner = Examiner::new(self.system, &self.least, &self.span);
        for guess in &self.limits.guesses {
            if guess.len() == self.span.len() && guess.iter().all(|g| g.is_finite()) {
                examiner.prove_near(guess);
            }
        }
        let evaluations = examiner.evaluations();
        let zeros = std::mem::take(&mut examiner.zeros);
        self.absorb(Part { left: Vec::new(), undecided: Vec::new(), zeros, boxes: 0, evaluations });
    }

    /// Examines boxes depth first until all are narrower than `threshold` or the budget is spent.
    fn run(&self, boxes: &[Interval], threshold: f64, budget: u64, stop: &(dyn Fn() -> bool + Sync)) -> Part {
        let n = self.span.len();
        let mut examiner = Examiner::new(self.system, &self.least, &self.span);
        let near = self.near(boxes);
        // The last is examined first.
        let mut stack: Vec<Interval> = Vec::with_capacity(boxes.len() + 64 * n);
        for x in boxes.chunks_exact(n).rev() {
            stack.extend_from_slice(x);
        }
        let mut left = Vec::new();
        let mut undecided = Vec::new();
        let mut examined = 0;
        while let Some(start) = stack.len().checked_sub(n) {
            if self.size(&stack[start..]) < threshold {
                left.extend_from_slice(&stack[start..]);
                stack.truncate(start);
                continue;
            }
            if examined == budget || (examined % PATIENCE == PATIENCE - 1 && stop()) {
                break;
            }
            examiner.x.copy_from_slice(&stack[start..]);
            stack.truncate(start);
            examined += 1;
            if self.domain.excludes(&examiner.x) {
                continue;
            }
            match examiner.examine(&near) {
                Fate::Decided => {}
                Fate::Undecided => undecided.push(examiner.x.clone()),
                Fate::Split(j, lo, hi) => {
                    let x = examiner.x[j];
                    for piece in [Interval::new(hi, x.hi()), Interval::new(x.lo(), lo)] {
                        stack.extend_from_slice(&examiner.x);
                        let last = stack.len() - n + j;
                        stack[last] = piece;
                    }
                }
            }
        }
        for x in stack.chunks_exact(n).rev() {
            left.extend_from_slice(x);
        }
        let evaluations = examiner.evaluations();
        Part { left, undecided, zeros: examiner.zeros, boxes: examined, evaluations }
    }

    /// The known zeros whose boxes of uniqueness reach into the hull of these boxes.
    fn near(&self, boxes: &[Interval]) -> Vec<&Zero> {
        let n = self.span.len();
        let mut hull = boxes[..n].to_vec();
        for x in boxes.chunks_exact(n) {
            merge::enlarge(&mut hull, x);
        }
        self.known.iter().filter(|zero| merge::meet(&zero.unique, &hull)).collect()
    }

    fn absorb(&mut self, part: Part) {
        self.boxes += part.boxes;
        self.evaluations += part.evaluations;
        self.undecided.extend(part.undecided);
        for zero in part.zeros {
            if let Some(ambiguous) = merge::add(&mut self.known, zero) {
                self.undecided.push(ambiguous);
            }
        }
    }

    fn result(mut self, ended: Ended, left: Vec<Interval>) -> Zeros {
        let n = self.span.len();
        if n > 0 {
            self.undecided.extend(left.chunks_exact(n).map(<[Interval]>::to_vec));
        }
        self.domain.unfold(&mut self.known, &mut self.undecided);
        self.undecided.retain_mut(|x| contract::cut_all(x, self.known.iter()));
        let (mut found, mut on_edge) = (Vec::new(), Vec::new());
        for zero in self.known {
            if zero.enclosure.iter().zip(self.within).all(|(z, x)| z.is_in(*x)) {
                found.push(zero);
            } else if merge::meet(&zero.enclosure, self.within) {
                on_edge.push(zero);
            }
        }
        found.sort_by(merge::by_coordinates);
        on_edge.sort_by(merge::by_coordinates);
        Zeros {
            found,
            on_edge,
            undecided: merge::clusters(self.undecided),
            boxes: self.boxes,
            evaluations: self.evaluations,
            ended,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rigor::Expansion;

    /// `x^2 - 1`.
    struct Square;

    impl System for Square {
        fn dim(&self) -> usize {
            1
        }

        fn range(&self, x: &[Interval], out: &mut [Interval]) {
            out[0] = x[0].sqr() - Interval::ONE;
        }

        fn expand(&self, x: &[Interval], at: &[f64], out: &mut Expansion) {
            self.range(&[Interval::point(at[0])], &mut out.value);
            self.range(x, &mut out.range);
            out.jacobian[0] = x[0].scale(2.0);
        }
    }

    #[test]
    fn a_symmetry_that_the_domain_lacks_is_not_used() {
        let symmetry = vec![SignedPermutation::new(vec![0], vec![true]).unwrap()];
        let limits = Limits { symmetry, ..Limits::default() };
        for (lo, hi, root) in [(-2.0, 0.5, -1.0), (-0.5, 2.0, 1.0)] {
            let zeros = zeros(&Square, &[Interval::new(lo, hi)], &limits, &|| false);
            assert!(zeros.is_complete() && zeros.found.len() == 1, "{zeros:?}");
            assert!(zeros.found[0].enclosure[0].contains(root));
        }
    }

    #[test]
    fn a_zero_that_may_be_one_of_two_is_left_undecided() {
        let within = [Interval::new(-9.0, 9.0)];
        let limits = Limits::default();
        let mut search = Search::new(&Square, &within, &limits);
        let zero = |e: [f64; 2], u: [f64; 2]| Zero {
            enclosure: vec![Interval::new(e[0], e[1])],
            unique: vec![Interval::new(u[0], u[1])],
        };
        let zeros = vec![zero([1.0, 2.0], [1.0, 2.0]), zero([1.5, 3.0], [1.5, 3.0])];
        search.absorb(Part { left: Vec::new(), undecided: Vec::new(), zeros, boxes: 0, evaluations: 0 });
        assert_eq!(search.known.len(), 1);
        assert_eq!(search.undecided, vec![vec![Interval::new(1.5, 3.0)]]);
    }
}
