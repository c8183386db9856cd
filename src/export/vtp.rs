//! Manifolds and graphs as PolyData in VTK's XML format, for ParaView, PyVista and VTK itself.
//!
//! The arrays are inline, in base64: eight bytes with the length, then the numbers, all little-endian (K. Moreland et al., VTK
//! File Formats, section XML).

use std::fmt::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::{MOST_COORDINATES, barriers_out, check_graph, edges};
use crate::connection::MorseGraph;
use crate::critical::CriticalSet;
use crate::error::{Error, Result};
use crate::linalg::{Principal, dot, principal};
use crate::manifold::{Curve, Surface};

/// `manifold-<id>.vtp` of a one-dimensional manifold: each branch a polyline from the critical point on, with its `side` as
/// cell data and `energy` and `length` as point data.
///
/// # Errors
/// If a number is not finite.
pub fn curves_vtp(curves: &[Curve]) -> Result<Vec<u8>> {
    let points: Vec<&[f64]> = curves.iter().flat_map(|c| c.points.iter().map(Vec::as_slice)).collect();
    let mut lines = vec![];
    let mut first = 0;
    for curve in curves {
        lines.push((first..first + curve.points.len()).collect());
        first += curve.points.len();
    }
    let energies: Vec<f64> = curves.iter().flat_map(|c| c.energies.iter().copied()).collect();
    let lengths: Vec<f64> = curves.iter().flat_map(|c| c.lengths.iter().copied()).collect();
    let sides: Vec<i64> = curves.iter().map(|c| i64::from(c.side)).collect();
    let point_data = vec![("energy", Data::Real(energies)), ("length", Data::Real(lengths))];
    Mesh { points, lines, point_data, cell_data: vec![("side", Data::Whole(sides))], ..Mesh::default() }
        .write()
}

/// `manifold-<id>.vtp` of a two-dimensional manifold: triangles, with `energy` as point data.
///
/// # Errors
/// If a number is not finite.
pub fn surface_vtp(surface: &Surface) -> Result<Vec<u8>> {
    let points: Vec<&[f64]> = surface.vertices.iter().map(Vec::as_slice).collect();
    let triangles: Vec<Vec<usize>> = surface.triangles.iter().map(|t| t.to_vec()).collect();
    let point_data = vec![("energy", Data::Real(surface.energies.clone()))];
    Mesh { points, polygons: triangles, point_data, ..Mesh::default() }.write()
}

/// `graph.vtp`: each critical point as a vertex, then each connection as a polyline along its orbit, or straight where that is not
/// known. Point data are `id` (-1 between the ends of an orbit), `index` (likewise) and `energy`; cell data, first of the vertices,
/// then of the lines, `connection` (its number; -1 of a vertex), `sign` (0 of a vertex), `level` (0 estimated, 1 checked, 2 proven)
/// and `barrier`: of a connection the height of the upper end above the lower one, of a minimum that of the lowest saddle which
/// leads to another one, 0 of other points.
///
/// # Errors
/// If a number is not finite, or the graph does not fit the set.
pub fn graph_vtp(set: &CriticalSet, graph: &MorseGraph) -> Result<Vec<u8>> {
    check_graph(set, graph)?;
    let count = set.points.len();
    let edges = edges(set, graph);
    let mut points: Vec<&[f64]> = set.points.iter().map(|p| p.x.as_slice()).collect();
    let mut energies: Vec<f64> = set.points.iter().map(|p| p.energy).collect();
    let mut ids: Vec<i64> = (0..count as i64).collect();
    let mut indices: Vec<i64> = set.points.iter().map(|p| p.index as i64).collect();
    let mut lines = vec![];
    for c in &graph.connections {
        let mut line = vec![c.from];
        // Its ends stand for the critical points themselves.
        let within = 1..c.orbit.points.len().saturating_sub(1);
        for k in within {
            line.push(points.len());
            points.push(&c.orbit.points[k]);
            energies.push(c.orbit.energies.get(k).copied().unwrap_or(f64::NAN));
            ids.push(-1);
            indices.push(-1);
        }
        line.push(c.to);
        lines.push(line);
    }
    let level = |level| level as i64;
    let of_points = barriers_out(set, graph);
    let barriers = of_points.into_iter().chain(edges.iter().map(|e| e.barrier)).map(|b| b.unwrap_or(0.0));
    let of = |first: i64, rest: &mut dyn Iterator<Item = i64>| {
        Data::Whole(std::iter::repeat_n(first, count).chain(rest).collect())
    };
    let levels = set.points.iter().map(|p| level(p.level)).chain(edges.iter().map(|e| level(e.level)));
    let cell_data = vec![
        ("connection", of(-1, &mut (0..edges.len() as i64))),
        ("sign", of(0, &mut edges.iter().map(|e| i64::from(e.sign)))),
        ("level", Data::Whole(levels.collect())),
        ("barrier", Data::Real(barriers.collect())),
    ];
    let point_data =
        vec![("energy", Data::Real(energies)), ("id", Data::Whole(ids)), ("index", Data::Whole(indices))];
    let vertices = (0..count).map(|id| vec![id]).collect();
    Mesh { points, vertices, lines, point_data, cell_data, all: true, ..Mesh::default() }.write()
}

/// Numbers, one a point or a cell.
enum Data {
    Real(Vec<f64>),
    Whole(Vec<i64>),
}

/// What a file holds; cells are lists of places of points.
#[derive(Default)]
struct Mesh<'a> {
    points: Vec<&'a [f64]>,
    vertices: Vec<Vec<usize>>,
    lines: Vec<Vec<usize>>,
    polygons: Vec<Vec<usize>>,
    point_data: Vec<(&'a str, Data)>,
    cell_data: Vec<(&'a str, Data)>,
    /// Are all coordinates written, however many?
    all: bool,
}

impl Mesh<'_> {
    fn write(&self) -> Result<Vec<u8>> {
        let Mesh { points, vertices, lines, polygons, point_data, cell_data, all } = self;
        let n = points.first().map_or(0, |x| x.len());
        if points.iter().any(|x| x.len() != n || x.iter().any(|x| !x.is_finite())) {
            return Err(Error::Numerics("a manifold has a coordinate that is not finite".into()));
        }
        let mut out = String::from(
            "<?xml version=\"1.0\"?>\n<VTKFile type=\"PolyData\" version=\"1.0\" byte_order=\"LittleEndian\" \
             header_type=\"UInt64\">\n<PolyData>\n",
        );
        let _ = writeln!(
            out,
            "<Piece NumberOfPoints=\"{}\" NumberOfVerts=\"{}\" NumberOfLines=\"{}\" NumberOfStrips=\"0\" \
             NumberOfPolys=\"{}\">",
            points.len(),
            vertices.len(),
            lines.len(),
            polygons.len()
        );
        // Of a field there are no energies.
        let known = |data: &Data| !matches!(data, Data::Real(values) if values.iter().any(|v| v.is_nan()));
        let scalars = point_data.iter().find(|(_, data)| known(data)).map(|(name, _)| *name);
        let _ =
            writeln!(out, "<PointData{}>", scalars.map_or(String::new(), |s| format!(" Scalars=\"{s}\"")));
        for (name, data) in point_data.iter().filter(|(_, data)| known(data)) {
            put(&mut out, name, data)?;
        }
        if n > 3 && (*all || n <= MOST_COORDINATES) {
            for i in 0..n {
                floats(&mut out, &format!("x{i}"), 1, points.iter().map(|x| x[i]));
            }
        }
        out.push_str("</PointData>\n<CellData>\n");
        for (name, data) in cell_data {
            put(&mut out, name, data)?;
        }
        out.push_str("</CellData>\n<Points>\n");
        let shown = in_space(points, n);
        floats(&mut out, "Points", 3, shown.iter().flatten().copied());
        out.push_str("</Points>\n");
        for (name, cells) in [("Verts", vertices), ("Lines", lines), ("Polys", polygons)] {
            let _ = writeln!(out, "<{name}>");
            integers(&mut out, "connectivity", cells.iter().flatten().map(|v| *v as i64));
            let ends = cells.iter().scan(0, |end, cell| {
                *end += cell.len() as i64;
                Some(*end)
            });
            integers(&mut out, "offsets", ends);
            let _ = writeln!(out, "</{name}>");
        }
        out.push_str("</Piece>\n</PolyData>\n</VTKFile>\n");
        Ok(out.into_bytes())
    }
}

fn put(out: &mut String, name: &str, data: &Data) -> Result<()> {
    match data {
        Data::Whole(values) => integers(out, name, values.iter().copied()),
        Data::Real(values) if values.iter().all(|v| v.is_finite()) => {
            floats(out, name, 1, values.iter().copied());
        }
        Data::Real(_) => {
            return Err(Error::Numerics(format!("a manifold has a value of `{name}` that is not finite")));
        }
    }
    Ok(())
}

fn floats(out: &mut String, name: &str, components: usize, values: impl Iterator<Item = f64>) {
    array(out, "Float64", name, components, values.flat_map(f64::to_le_bytes).collect());
}

fn integers(out: &mut String, name: &str, values: impl Iterator<Item = i64>) {
    array(out, "Int64", name, 1, values.flat_map(i64::to_le_bytes).collect());
}

fn array(out: &mut String, kind: &str, name: &str, components: usize, bytes: Vec<u8>) {
    let all: Vec<u8> = (bytes.len() as u64).to_le_bytes().into_iter().chain(bytes).collect();
    let _ = writeln!(
        out,
        "<DataArray type=\"{kind}\" Name=\"{name}\" NumberOfComponents=\"{components}\" format=\"binary\">{}</DataArray>",
        STANDARD.encode(all)
    );
}

/// Three coordinates of each point: its own, with zeros for those that it lacks; of more than three the components along the
/// three principal axes of all points, about their mean.
fn in_space(points: &[&[f64]], n: usize) -> Vec<[f64; 3]> {
    if n <= 3 {
        return points.iter().map(|x| std::array::from_fn(|i| x.get(i).copied().unwrap_or(0.0))).collect();
    }
    let Some(Principal { mean, directions, .. }) = principal(points, 3) else {
        return points.iter().map(|x| [x[0], x[1], x[2]]).collect();
    };
    let place = |x: &&[f64]| {
        let centred: Vec<f64> = x.iter().zip(&mean).map(|(x, m)| x - m).collect();
        std::array::from_fn(|k| dot(&centred, directions.col_as_slice(k)))
    };
    points.iter().map(place).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::critical::Level;
    use crate::manifold::Stability;

    fn surface(dim: usize) -> Surface {
        let place = |i: usize| (0..dim).map(|k| ((i * (k + 2)) as f64).sin()).collect();
        Surface {
            from: 0,
            which: Stability::Unstable,
            vertices: (0..4).map(place).collect(),
            energies: vec![0.5, 0.25, 0.0, -1.0],
            triangles: vec![[0, 1, 2], [1, 3, 2]],
            ends: vec![],
            leaves: false,
            open: None,
            level: Level::Checked,
        }
    }

    /// The numbers of an array of a file.
    fn read(text: &str, name: &str) -> Vec<[u8; 8]> {
        let tag = format!("Name=\"{name}\"");
        let from = text.find(&tag).unwrap();
        let start = from + text[from..].find('>').unwrap() + 1;
        let end = start + text[start..].find('<').unwrap();
        let bytes = STANDARD.decode(&text[start..end]).unwrap();
        let numbers: Vec<[u8; 8]> = bytes.chunks_exact(8).map(|c| c.try_into().unwrap()).collect();
        assert_eq!(u64::from_le_bytes(numbers[0]) as usize, bytes.len() - 8);
        numbers[1..].to_vec()
    }

    #[test]
    fn arrays_read_back_to_the_same_bits() {
        for dim in [2, 3] {
            let surface = surface(dim);
            let text = String::from_utf8(surface_vtp(&surface).unwrap()).unwrap();
            let energies: Vec<f64> = read(&text, "energy").into_iter().map(f64::from_le_bytes).collect();
            assert_eq!(energies, surface.energies);
            let points: Vec<f64> = read(&text, "Points").into_iter().map(f64::from_le_bytes).collect();
            for (shown, x) in points.chunks_exact(3).zip(&surface.vertices) {
                assert_eq!(&shown[..dim], &x[..]);
                assert!(shown[dim..].iter().all(|v| *v == 0.0));
            }
        }
    }

    #[test]
    fn a_plane_figure_in_many_dimensions_keeps_its_shape() {
        let mut surface = surface(6);
        // Along two directions that are orthogonal and of equal length.
        let flat = [[0.0, 0.0], [2.0, 0.0], [0.0, 1.0], [2.0, 1.0]];
        surface.vertices = flat.iter().map(|&[a, b]| vec![a + b, a - b, a, b, 1.0, 0.0]).collect();
        let text = String::from_utf8(surface_vtp(&surface).unwrap()).unwrap();
        let shown: Vec<f64> = read(&text, "Points").into_iter().map(f64::from_le_bytes).collect();
        for i in 0..4 {
            for j in 0..4 {
                let distance =
                    |a: &[f64], b: &[f64]| -> f64 { a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum() };
                let true_one = distance(&surface.vertices[i], &surface.vertices[j]);
                let shown_one = distance(&shown[3 * i..3 * i + 3], &shown[3 * j..3 * j + 3]);
                assert!((true_one - shown_one).abs() < 1e-12);
            }
        }
        let last: Vec<f64> = read(&text, "x5").into_iter().map(f64::from_le_bytes).collect();
        assert_eq!(last, [0.0; 4]);
    }

    #[test]
    fn what_is_not_finite_is_refused_and_energies_may_be_absent() {
        let mut surface = surface(3);
        surface.energies = vec![f64::NAN; 4];
        let text = String::from_utf8(surface_vtp(&surface).unwrap()).unwrap();
        assert!(!text.contains("energy"));
        surface.vertices[2][1] = f64::INFINITY;
        assert!(surface_vtp(&surface).is_err());
    }
}
