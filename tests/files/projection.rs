//! Projections of landscapes that lie in a known plane of a space of many dimensions, where nothing may be lost.

#![allow(clippy::unwrap_used)]

use smale::connection::{Loose, MorseGraph, Orbit};
use smale::critical::CriticalSet;
use smale::landscape::{Region, Shape};
use smale::report::{self, Projection, Quantity};

use crate::export::{Wells, with_loose_ends};

/// A place in five dimensions for every one in two: orthonormal by Pythagoras.
fn embedded(x: &[f64]) -> Vec<f64> {
    let (u, v) = ([0.6, 0.8, 0.0, 0.0, 0.0], [0.0, 0.0, 5.0 / 13.0, 0.0, -12.0 / 13.0]);
    (0..5).map(|i| [4.0, -1.0, 0.5, 9.0, 2.0][i] + x[0] * u[i] + x[1] * v[i]).collect()
}

fn moved(orbit: &mut Orbit) {
    orbit.points.iter_mut().for_each(|x| *x = embedded(x));
}

/// A graph in that plane, with everything that a graph can have.
fn in_five_dimensions() -> (CriticalSet, MorseGraph) {
    let (mut set, mut graph) = with_loose_ends();
    set.region = Region::ball(vec![0.0; 5], 30.0);
    set.points.iter_mut().for_each(|p| p.x = embedded(&p.x));
    for family in &mut set.degenerate {
        family.x = embedded(&family.x);
        family.samples.iter_mut().for_each(|x| *x = embedded(x));
    }
    graph.connections.iter_mut().for_each(|c| moved(&mut c.orbit));
    for loose in &mut graph.loose {
        match loose {
            Loose::Exit { orbit, .. }
            | Loose::Degenerate { orbit, .. }
            | Loose::Lost { orbit, .. }
            | Loose::NotTransverse { orbit, .. } => moved(orbit),
        }
    }
    (set, graph)
}

/// Rows of a table by what they are: number, piece, energy and place.
fn rows(table: &str, what: &str) -> Vec<(usize, usize, f64, [f64; 2])> {
    let mut reader = csv::Reader::from_reader(table.as_bytes());
    assert_eq!(
        reader.headers().unwrap().iter().collect::<Vec<_>>(),
        ["what", "number", "piece", "energy", "abscissa", "ordinate"]
    );
    let rows = reader.records().map(Result::unwrap).filter(|row| &row[0] == what);
    let value = |text: &str| text.parse::<f64>().unwrap_or(f64::NAN);
    rows.map(|r| (r[1].parse().unwrap(), r[2].parse().unwrap(), value(&r[3]), [value(&r[4]), value(&r[5])]))
        .collect()
}

fn distance(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum::<f64>().sqrt()
}

#[test]
fn a_plane_is_shown_as_it_is() {
    let (flat, _) = with_loose_ends();
    let (set, graph) = in_five_dimensions();
    let data = faer::Mat::from_fn(5, 2, |i, j| embedded(&[0.25 * j as f64, -0.5])[i]);
    let projection = Projection::new(&set, &graph, Some(data.as_ref()), None).unwrap().unwrap();
    let table = projection.csv().unwrap();
    let points = rows(&table, "point");
    assert_eq!(points.len(), 9);
    // All distances are those of the plane: between points, of the circle to them, of data to them.
    let known: Vec<(Vec<f64>, [f64; 2])> =
        flat.points.iter().zip(&points).map(|(p, row)| (p.x.clone(), row.3)).collect();
    let check = |x: &[f64], at: [f64; 2]| {
        for (y, there) in &known {
            assert!((distance(x, y) - distance(&at, there)).abs() < 1e-12, "{x:?} {y:?}");
        }
    };
    for ((x, at), p) in known.iter().zip(&flat.points) {
        check(x, *at);
        let (id, _, energy, _) = points.iter().find(|row| row.3 == *at).unwrap();
        assert_eq!((&flat.points[*id].x, *energy), (&p.x, p.energy));
    }
    let circle = rows(&table, "degenerate");
    assert_eq!(circle.len(), 501);
    for (k, row) in circle.iter().enumerate().skip(1) {
        assert_eq!(row.1, k);
        check(&flat.degenerate[0].samples[k - 1], row.3);
    }
    for (j, _, energy, at) in rows(&table, "data") {
        assert!(energy.is_nan());
        check(&[0.25 * j as f64, -0.5], at);
    }
    // Straight orbits need no point but their ends.
    let orbits = rows(&table, "connection");
    assert_eq!(orbits.len(), 2 * graph.connections.len());
    for (c, ends) in graph.connections.iter().zip(orbits.chunks(2)) {
        assert!(distance(&ends[0].3, &points[c.from].3) < 1e-12);
        assert!(distance(&ends[1].3, &points[c.to].3) < 1e-12);
        assert!(ends[0].2 > ends[1].2);
    }
    assert_eq!(rows(&table, "exit").len(), 4);
    assert_eq!(rows(&table, "not transverse").len(), 4);
    assert_eq!((rows(&table, "to degenerate").len(), rows(&table, "lost").len()), (2, 0));

    let svg = projection.svg("Five").unwrap();
    let others = [
        "4 minima",
        "4 saddles of index 1",
        "1 saddle of index 2",
        "1 degenerate family",
        "data",
        "saddle to saddle",
    ];
    for text in ["Five", "orbit from index 1", "orbit from a higher index", "principal 1", "principal 2"]
        .iter()
        .chain(&others)
    {
        assert!(svg.contains(text), "{text}");
    }
    // A marker a point and one in the legend, as in the portrait.
    assert_eq!(svg.matches("fill=\"#0072B2\"").count(), 4 + 1);
    assert_eq!(svg.matches("fill=\"#C77F00\"").count(), 4 + 1);
    assert_eq!(
        svg,
        Projection::new(&set, &graph, Some(data.as_ref()), None).unwrap().unwrap().svg("Five").unwrap()
    );
    assert_eq!(&report::png(&svg).unwrap()[1..4], b"PNG");
}

#[test]
fn axes_may_be_chosen() {
    let (set, graph) = in_five_dimensions();
    let weights = vec![1.0, 0.0, 0.0, 0.0, 2.0];
    let axes = [Quantity::Functional(weights), Quantity::Energy];
    let table = Projection::new(&set, &graph, None, Some(&axes)).unwrap().unwrap().csv().unwrap();
    for (id, _, energy, at) in rows(&table, "point") {
        let p = &set.points[id];
        assert_eq!((at, energy), ([p.x[0] + 2.0 * p.x[4], p.energy], p.energy));
    }
    let axes = [Quantity::Coordinate(3), Quantity::Norm];
    let projection = Projection::new(&set, &graph, None, Some(&axes)).unwrap().unwrap();
    assert!(rows(&projection.csv().unwrap(), "point").iter().all(|row| row.3[0] == 9.0));
    // One that all points share is no reason to fail.
    let svg = projection.svg("").unwrap();
    assert!(svg.contains("x[3]") && svg.contains("norm") && !svg.contains("NaN"));
    for wrong in [Quantity::Coordinate(5), Quantity::Functional(vec![1.0])] {
        assert!(Projection::new(&set, &graph, None, Some(&[Quantity::Energy, wrong])).is_err());
    }
    let mut field = set.clone();
    field.points.iter_mut().for_each(|p| p.energy = f64::NAN);
    field.degenerate.iter_mut().for_each(|f| f.energy = f64::NAN);
    let axes = [Quantity::Coordinate(0), Quantity::Energy];
    assert!(Projection::new(&field, &graph, None, Some(&axes)).is_err());
    assert!(Projection::new(&field, &graph, None, None).unwrap().is_some());
}

#[test]
fn where_all_points_are_one_there_is_no_plane() {
    let (mut set, mut graph) = in_five_dimensions();
    graph.connections.clear();
    graph.loose.clear();
    set.points.truncate(1);
    assert!(Projection::new(&set, &graph, None, None).unwrap().is_none());
    let axes = [Quantity::Coordinate(0), Quantity::Coordinate(1)];
    let alone = Projection::new(&set, &graph, None, Some(&axes)).unwrap().unwrap();
    assert!(!alone.svg("").unwrap().contains("NaN"));
    set.degenerate.clear();
    set.points.clear();
    assert!(Projection::new(&set, &graph, None, Some(&axes)).unwrap().is_none());
}

#[test]
fn an_orbit_around_a_period_does_not_cross_the_picture() {
    let wells = Wells(vec![1.0, 0.7, 0.4]);
    let mut set = wells.set();
    let mut graph = wells.graph_by(&set, 30);
    set.region = Region {
        shape: Shape::Box { lower: vec![-1.5; 3], upper: vec![1.5; 3] },
        period: vec![Some(3.0), None, None],
    };
    // From 0 to the right, over the edge at 1.5, and on to -1.
    let points: Vec<Vec<f64>> = (0..=20).map(|i| vec![0.1 * f64::from(i), 0.0, 0.0]).collect();
    let energies = vec![0.0; 21];
    graph.connections.truncate(1);
    graph.connections[0].orbit = Orbit { points, energies };
    let axes = [Quantity::Coordinate(0), Quantity::Coordinate(1)];
    let table = Projection::new(&set, &graph, None, Some(&axes)).unwrap().unwrap().csv().unwrap();
    let orbit = rows(&table, "connection");
    let pieces: Vec<Vec<f64>> =
        (0..2).map(|k| orbit.iter().filter(|row| row.1 == k).map(|row| row.3[0]).collect()).collect();
    assert_eq!(orbit.len(), 4);
    let near = |a: f64, b: f64| (a - b).abs() < 0.11;
    assert!(near(pieces[0][0], 0.0) && near(pieces[0][1], 1.5), "{pieces:?}");
    assert!(near(pieces[1][0], -1.5) && near(pieces[1][1], -1.0), "{pieces:?}");
}
