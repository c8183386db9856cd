//! Graphs compared by what does not depend on coordinates or on the numbering of the points.

use smale::Control;
use smale::connection::{self, MorseGraph, Order, connect};
use smale::critical::{CriticalSet, Options, search};
use smale::landscape::Landscape;

use super::draw::distance;

/// Points and graph by default options.
pub fn solve(landscape: &dyn Landscape) -> (CriticalSet, MorseGraph) {
    solve_with(landscape, Order::One)
}

fn solve_with(landscape: &dyn Landscape, order: Order) -> (CriticalSet, MorseGraph) {
    let set = search(landscape, None, &Options::default(), &Control::quiet()).expect("a region is known");
    let options = connection::Options { order, ..Default::default() };
    let graph = connect(landscape, &set, &options, &Control::quiet());
    (set, graph)
}

/// Energies of the points with their index, and of the ends of each connection.
pub struct Shape {
    pub points: Vec<(usize, f64)>,
    pub edges: Vec<(usize, f64, f64)>,
}

pub fn shape(landscape: &dyn Landscape) -> Shape {
    shape_with(landscape, Order::One)
}

/// That with all connections.
pub fn whole_shape(landscape: &dyn Landscape) -> Shape {
    shape_with(landscape, Order::All)
}

fn shape_with(landscape: &dyn Landscape, order: Order) -> Shape {
    let (set, graph) = solve_with(landscape, order);
    assert!(set.degenerate.is_empty(), "{} degenerate", set.degenerate.len());
    Shape {
        points: set.points.iter().map(|p| (p.index, p.energy)).collect(),
        edges: (graph.connections.iter())
            .map(|c| (set.points[c.from].index, set.points[c.from].energy, set.points[c.to].energy))
            .collect(),
    }
}

/// Is one a relabelling of the other, with energies `shift` higher, to within `tolerance`?
pub fn assert_same(a: &Shape, b: &Shape, shift: f64, tolerance: f64, what: &str) {
    assert_eq!(a.points.len(), b.points.len(), "{what}: number of points");
    for (p, q) in a.points.iter().zip(&b.points) {
        let off = q.1 - p.1 - shift;
        assert!(p.0 == q.0 && off.abs() <= tolerance, "{what}: {p:?} became {q:?}, energy {off:e} off");
    }
    assert_eq!(a.edges.len(), b.edges.len(), "{what}: number of edges");
    let mut rest = b.edges.clone();
    for e in &a.edges {
        let near = |f: &(usize, f64, f64)| {
            f.0 == e.0 && (f.1 - e.1 - shift).abs() <= tolerance && (f.2 - e.2 - shift).abs() <= tolerance
        };
        let place = rest.iter().position(near);
        rest.swap_remove(place.unwrap_or_else(|| panic!("{what}: no edge {e:?} in {rest:?}")));
    }
}

/// Every connection runs downhill from its upper to its lower point, along energies of the landscape.
pub fn assert_orbits(landscape: &dyn Landscape, set: &CriticalSet, graph: &MorseGraph) {
    for c in &graph.connections {
        let (upper, lower) = (&set.points[c.from], &set.points[c.to]);
        assert_eq!(upper.index, lower.index + 1);
        let (points, energies) = (&c.orbit.points, &c.orbit.energies);
        assert_eq!(points.len(), energies.len());
        assert!(points.len() >= 3);
        assert!(distance(&points[0], &upper.x) <= 1e-12 * (1.0 + distance(&upper.x, &lower.x)));
        assert!(
            distance(&points[points.len() - 1], &lower.x) <= 1e-12 * (1.0 + distance(&upper.x, &lower.x))
        );
        let noise = 1e-12 * energies[0].abs().max(1.0);
        for (x, e) in points.iter().zip(energies) {
            assert!((landscape.energy(x) - e).abs() <= noise, "{e} at {x:?}");
        }
        assert!(energies.windows(2).all(|w| w[1] <= w[0] + noise), "rises from {} to {}", c.from, c.to);
        // In between it leads from one to the other: it starts near the one and comes near the other.
        let whole = distance(&upper.x, &lower.x);
        let (first, last) = (&points[1], &points[points.len() - 2]);
        assert!(distance(first, &upper.x) < 0.8 * whole && distance(last, &lower.x) < 0.8 * whole);
    }
}
