//! The plane of two parameters: its curves as a table, all of it as JSON.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::table::table;
use super::{level_name, lines, number, text};
use crate::continuation::{CurveEnd, Plane, PlaneCurve, PlanePoint, PlaneRegion};
use crate::error::{Error, Result};

/// `curves.csv`: `curve,kind,step,<first parameter>,<second parameter>,energy,x0,x1,..`, a row a point, curve by curve in the order
/// in which it is passed. The state is the degenerate critical point, of a connection the lower saddle.
///
/// # Errors
/// If a number is not finite.
pub fn curves_csv(plane: &Plane) -> Result<String> {
    let n = check_plane(plane)?;
    let columns = ["curve", "kind", "step", &plane.parameters[0], &plane.parameters[1], "energy"];
    let points =
        plane.curves.iter().enumerate().flat_map(|(k, c)| {
            c.points.iter().enumerate().map(move |(step, point)| (k, c.kind, step, point))
        });
    let rows = points.map(|(k, kind, step, p)| {
        let mut row = vec![k.to_string(), kind.name().to_owned(), step.to_string()];
        row.extend(p.parameters.iter().map(|v| number(*v)));
        row.push(number(p.energy));
        row.extend(p.x.iter().map(|x| number(*x)));
        row
    });
    table(&columns, n, rows)
}

/// `plane.json`: keys `title`, `version`, `parameters`, `ranges`, `logarithmic`, `interrupted`, `curves` (`kind`, `points`, `ends`,
/// `from` and `to` by the names of the parameters, `residual`, `level`), `points` (`kind`, the parameters, `x`, `c`, `e`, `error`,
/// `level`, `curves`), `classes` (`counts`, `connections`, `regions`), `regions` (`representative`, `share`, `class`, `counts`,
/// `connections`, `probe`, `uniform`), `grid`, `cells` (rows by the second parameter, upwards) and `lost`.
///
/// # Errors
/// If a number is not finite.
pub fn plane_json(plane: &Plane, title: &str) -> Result<String> {
    check_plane(plane)?;
    let rows = plane.cells.chunks(plane.grid.max(1));
    let keys = [
        ("title", text(&title)?),
        ("version", text(&env!("CARGO_PKG_VERSION"))?),
        ("parameters", text(&plane.parameters)?),
        ("ranges", text(&plane.ranges)?),
        ("logarithmic", text(&plane.logarithmic)?),
        ("interrupted", text(&plane.interrupted)?),
        ("curves", lines(plane.curves.iter().map(|c| curve(plane, c)))?),
        ("points", lines(plane.points.iter().map(|p| point(plane, p)))?),
        ("classes", lines(classes(plane).into_iter())?),
        ("regions", lines(plane.regions.iter().map(|r| region(plane, r)))?),
        ("grid", text(&plane.grid)?),
        ("cells", lines(rows)?),
        ("lost", lines(plane.lost.iter())?),
    ];
    let body: Vec<String> = keys.into_iter().map(|(key, value)| format!("\"{key}\": {value}")).collect();
    Ok(format!("{{\n{}\n}}\n", body.join(",\n")))
}

/// Both parameters under their names.
fn place(plane: &Plane, parameters: [f64; 2]) -> Map<String, Value> {
    plane.parameters.iter().cloned().zip(parameters.map(|p| json!(p))).collect()
}

fn curve(plane: &Plane, curve: &PlaneCurve) -> Value {
    let end = |end: &CurveEnd| match end {
        CurveEnd::Bound => json!("bound"),
        CurveEnd::Closed => json!("closed"),
        CurveEnd::Point(place) => json!({ "point": place }),
        CurveEnd::Region => json!("region"),
        CurveEnd::Failed(why) => json!({ "failed": why }),
    };
    let at = |p: Option<&crate::continuation::CurvePoint>| p.map(|p| place(plane, p.parameters));
    json!({
        "kind": curve.kind.name(),
        "points": curve.points.len(),
        "from": at(curve.points.first()),
        "to": at(curve.points.last()),
        "ends": curve.ends.iter().map(end).collect::<Vec<_>>(),
        "residual": curve.residual,
        "level": level_name(curve.level),
    })
}

fn point(plane: &Plane, point: &PlanePoint) -> Value {
    let mut object = Map::new();
    object.insert("kind".into(), json!(point.kind.name()));
    object.extend(place(plane, point.parameters));
    let rest = json!({
        "x": point.x,
        "c": point.coefficients.map(|c| c[0]),
        "e": point.coefficients.map(|c| c[1]),
        "error": place(plane, point.error),
        "level": level_name(point.level),
        "curves": point.curves,
    });
    object.extend(rest.as_object().cloned().unwrap_or_default());
    Value::Object(object)
}

fn classes(plane: &Plane) -> Vec<Value> {
    let mut classes: BTreeMap<usize, Vec<&PlaneRegion>> = BTreeMap::new();
    plane.regions.iter().for_each(|r| classes.entry(r.class).or_default().push(r));
    let class = |(class, regions): (usize, Vec<&PlaneRegion>)| {
        json!({
            "class": class,
            "counts": regions[0].counts,
            "connections": regions[0].connections,
            "regions": regions.len(),
        })
    };
    classes.into_iter().map(class).collect()
}

fn region(plane: &Plane, region: &PlaneRegion) -> Value {
    json!({
        "representative": place(plane, region.representative),
        "share": region.share,
        "class": region.class,
        "counts": region.counts,
        "connections": region.connections,
        "probe": region.probe.map(|probe| place(plane, probe)),
        "uniform": region.uniform,
    })
}

/// All numbers are finite, and all points have one dimension, which is returned.
pub(crate) fn check_plane(plane: &Plane) -> Result<usize> {
    let finite = |what: &str, numbers: &[f64]| match numbers.iter().all(|v| v.is_finite()) {
        true => Ok(()),
        false => Err(Error::Numerics(format!("{what} has a number that is not finite"))),
    };
    let mut dimension = None;
    for curve in &plane.curves {
        finite("a curve", &[curve.residual])?;
        for p in &curve.points {
            finite("a point of a curve", &p.x)?;
            finite("a point of a curve", &[p.parameters[0], p.parameters[1], p.energy])?;
            if *dimension.get_or_insert(p.x.len()) != p.x.len() {
                return Err(Error::Numerics("points of curves differ in their dimension".into()));
            }
        }
    }
    for p in &plane.points {
        finite("a point of codimension two", &p.parameters)?;
        finite("a point of codimension two", &p.error)?;
        finite("a point of codimension two", &p.coefficients.unwrap_or_default())?;
        p.x.iter().try_for_each(|x| finite("a point of codimension two", x))?;
    }
    plane.regions.iter().try_for_each(|r| finite("a region", &r.representative))?;
    Ok(dimension.unwrap_or(0))
}
