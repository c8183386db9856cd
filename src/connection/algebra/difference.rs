//! How one graph became another, in sentences.

use std::collections::{BTreeMap, BTreeSet};

use super::isomorphism::Skeleton;
use crate::connection::MorseGraph;
use crate::critical::CriticalSet;
use crate::error::shown;

/// Coordinates of a place that a sentence gives.
const MOST_COORDINATES: usize = 4;

/// What differs between two graphs.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Difference {
    /// Ids of the first graph's points that the second lacks.
    pub vanished: Vec<usize>,
    /// Ids of the second graph's points that the first lacks.
    pub appeared: Vec<usize>,
    /// Ids of the first graph's points whose connections down changed, though they are in both.
    pub moved: Vec<usize>,
    /// All that as sentences; none if nothing differs. Points have the ids of the first graph; what is in the
    /// second alone is marked as new, with its id there.
    pub sentences: Vec<String>,
}

/// For each point of `a` the one of `b` that it is: of equal index, and each the nearest to the other (the shortest
/// way around, where a coordinate is periodic). `None` where there is none. Among equally near ones the lowest id.
pub fn matched(a: &CriticalSet, b: &CriticalSet) -> Vec<Option<usize>> {
    let nearest = |from: &CriticalSet, to: &CriticalSet| -> Vec<Option<usize>> {
        let of = |p: &crate::critical::CriticalPoint| {
            let same = to.points.iter().enumerate().filter(|(_, q)| q.index == p.index);
            let near = same.map(|(j, q)| (j, a.region.distance(&p.x, &q.x)));
            near.min_by(|(_, d), (_, e)| d.total_cmp(e)).map(|(j, _)| j)
        };
        from.points.iter().map(of).collect()
    };
    let (there, back) = (nearest(a, b), nearest(b, a));
    there.into_iter().enumerate().map(|(i, j)| j.filter(|&j| back[j] == Some(i))).collect()
}

/// What differs between graph `a` and graph `b`, where `partner` says for each point of `a` which one of `b` it is
/// ([`matched`], or what a relabelling or a continuation gives). A partner of another index is none.
pub fn difference(
    a: (&CriticalSet, &MorseGraph),
    b: (&CriticalSet, &MorseGraph),
    partner: &[Option<usize>],
) -> Difference {
    let partner: Vec<Option<usize>> = (0..a.0.points.len())
        .map(|i| {
            let same = |&j: &usize| b.0.points.get(j).is_some_and(|q| q.index == a.0.points[i].index);
            partner.get(i).copied().flatten().filter(same)
        })
        .collect();
    let mut back: Vec<Option<usize>> = vec![None; b.0.points.len()];
    for (i, j) in partner.iter().enumerate().filter_map(|(i, j)| Some((i, (*j)?))) {
        back[j].get_or_insert(i);
    }
    let vanished: Vec<usize> = (0..partner.len()).filter(|&i| partner[i].is_none()).collect();
    let appeared: Vec<usize> = (0..back.len()).filter(|&j| back[j].is_none()).collect();
    let mut sentences: Vec<String> = vec![];
    sentences.extend(vanished.iter().map(|&i| format!("{} vanished", described(a.0, i, ""))));
    sentences.extend(appeared.iter().map(|&j| format!("{} appeared", described(b.0, j, "new "))));
    let (old, new) = (Skeleton::new(a.0, a.1), Skeleton::new(b.0, b.1));
    let down = |s: &Skeleton, id: usize| -> Vec<(usize, usize)> {
        s.edges.range((id, 0)..=(id, usize::MAX)).map(|(&(_, to), &m)| (to, m)).collect()
    };
    let mut moved = vec![];
    for (i, j) in partner.iter().enumerate().filter_map(|(i, j)| Some((i, (*j)?))) {
        let before: BTreeMap<End, usize> =
            down(&old, i).into_iter().map(|(to, m)| (End::Old(to), m)).collect();
        let after: BTreeMap<End, usize> =
            down(&new, j).into_iter().map(|(to, m)| (back[to].map_or(End::New(to), End::Old), m)).collect();
        if before == after {
            continue;
        }
        moved.push(i);
        let index = a.0.points[i].index;
        let name = named(index, i, j);
        let ends = |all: &BTreeMap<End, usize>| all.keys().copied().collect::<BTreeSet<End>>();
        if ends(&before) == ends(&after) {
            for (end, m) in before.iter().filter(|(end, m)| after.get(end) != Some(m)) {
                let now = after.get(end).copied().unwrap_or(0);
                let (kind, _) = kind(index.saturating_sub(1));
                sentences.push(format!("{name}: {m} connections to {kind} {end} became {now}"));
            }
        } else {
            let (_, many) = kind(index.saturating_sub(1));
            sentences.push(format!("{name}: from {many} {} to {}", listed(&before), listed(&after)));
        }
    }
    Difference { vanished, appeared, moved, sentences }
}

/// The lower end of a connection: a point of the first graph, or of the second alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum End {
    Old(usize),
    New(usize),
}

impl std::fmt::Display for End {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            End::Old(id) => write!(f, "{id}"),
            End::New(id) => write!(f, "new {id}"),
        }
    }
}

/// "{1, 2}"; an end with parallel connections once for each.
fn listed(ends: &BTreeMap<End, usize>) -> String {
    let all = ends.iter().flat_map(|(end, &m)| std::iter::repeat_n(end.to_string(), m));
    format!("{{{}}}", all.collect::<Vec<_>>().join(", "))
}

/// What a point of an index is called, one and many.
fn kind(index: usize) -> (String, String) {
    match index {
        0 => ("minimum".into(), "minima".into()),
        1 => ("saddle".into(), "saddles".into()),
        k => (format!("point of index {k}"), format!("points of index {k}")),
    }
}

/// "saddle 7", "saddle 7 (now 8)", "point 9 of index 2".
fn named(index: usize, before: usize, after: usize) -> String {
    let name = match index {
        0 => format!("minimum {before}"),
        1 => format!("saddle {before}"),
        k => format!("point {before} of index {k}"),
    };
    if before == after { name } else { format!("{name} (now {after})") }
}

fn described(set: &CriticalSet, id: usize, before: &str) -> String {
    let p = &set.points[id];
    let short = |v: f64| shown(format!("{v:.5e}").parse().unwrap_or(v));
    let mut place: Vec<String> = p.x.iter().take(MOST_COORDINATES).map(|&x| short(x)).collect();
    if p.x.len() > MOST_COORDINATES {
        place.push("..".into());
    }
    let energy = if p.energy.is_nan() { String::new() } else { format!("energy {}, ", short(p.energy)) };
    format!("{before}point {id} (index {}, {energy}at ({}))", p.index, place.join(", "))
}
