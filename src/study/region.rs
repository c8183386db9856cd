//! The section `[region]`: a ball or a box, of a dimension that only the landscape knows.

use super::keys;
use super::section::Section;
use crate::error::{Error, Result, shown};
use crate::landscape::Region;

/// Numbers, one a coordinate or one for all of them.
#[derive(Clone, Debug, PartialEq)]
enum Coordinates {
    Each(Vec<f64>),
    All(f64),
}

impl Coordinates {
    fn at(&self, i: usize) -> f64 {
        match self {
            Coordinates::Each(each) => each[i],
            Coordinates::All(all) => *all,
        }
    }

    fn expand(&self, dim: usize) -> Vec<f64> {
        (0..dim).map(|i| self.at(i)).collect()
    }

    fn dim(&self) -> Option<usize> {
        match self {
            Coordinates::Each(each) => Some(each.len()),
            Coordinates::All(_) => None,
        }
    }
}

#[derive(Clone, Debug)]
enum Shape {
    Ball { center: Coordinates, radius: f64 },
    Box { lower: Coordinates, upper: Coordinates },
}

/// What `[region]` says, checked as far as it can be without the landscape.
#[derive(Clone, Debug)]
pub(super) struct Choice {
    shape: Shape,
    /// The table of the shape, to point at.
    table: Section,
}

pub(super) fn read(section: &mut Section) -> Result<Choice> {
    const EITHER: &str = "write ball = { center = [0.0, 0.0], radius = 2.0 } or box = { lower = [-1.0, -1.0], upper = [1.0, 1.0] }";
    let choice = match (section.table("ball")?, section.table("box")?) {
        (Some(mut table), None) => {
            let center = table.numbers("center")?.map_or(Coordinates::All(0.0), Coordinates::Each);
            let radius = table.need_number("radius")?;
            if radius <= 0.0 {
                return Err(
                    table.error("radius", format!("`radius` must be positive, not {}", shown(radius)))
                );
            }
            table.finish(keys::BALL)?;
            Choice { shape: Shape::Ball { center, radius }, table }
        }
        (None, Some(mut table)) => {
            let (lower, upper) = (corner(&mut table, "lower", "-1.0")?, corner(&mut table, "upper", "1.0")?);
            if let (Some(a), Some(b)) = (lower.dim(), upper.dim())
                && a != b
            {
                return Err(table.error("upper", format!("`upper` has {b} numbers, but `lower` has {a}")));
            }
            let dim = lower.dim().or(upper.dim()).unwrap_or(1);
            if let Some(i) = (0..dim).find(|&i| lower.at(i) >= upper.at(i)) {
                let message = format!(
                    "the box is empty: coordinate {i} goes from {} up to {}",
                    shown(lower.at(i)),
                    shown(upper.at(i))
                );
                return Err(table
                    .error("upper", message)
                    .with_help("every number of `lower` must be below that of `upper`"));
            }
            table.finish(keys::BOX)?;
            Choice { shape: Shape::Box { lower, upper }, table }
        }
        (Some(_), Some(_)) => {
            return Err(section
                .error("box", "the region is a `ball` or a `box`, not both")
                .with_help(EITHER));
        }
        (None, None) => {
            section.finish(keys::of_section("region"))?;
            return Err(section
                .locate(Error::input("[region] names neither a `ball` nor a `box`"))
                .with_help(EITHER));
        }
    };
    section.finish(keys::of_section("region"))?;
    Ok(choice)
}

fn corner(table: &mut Section, key: &str, example: &str) -> Result<Coordinates> {
    if table.is_array(key) {
        return Ok(Coordinates::Each(table.numbers(key)?.unwrap_or_default()));
    }
    match table.number(key)? {
        Some(number) => Ok(Coordinates::All(number)),
        None => Err(table.missing(key, example)),
    }
}

impl Choice {
    pub(super) fn for_dim(&self, dim: usize) -> Result<Region> {
        let check = |key: &str, coordinates: &Coordinates| match coordinates.dim() {
            Some(d) if d != dim => Err(self
                .table
                .error(key, format!("`{key}` has {d} numbers, but the landscape has dimension {dim}"))
                .with_help(format!("{dim} numbers are needed"))),
            _ => Ok(()),
        };
        match &self.shape {
            Shape::Ball { center, radius } => {
                check("center", center)?;
                Ok(Region::ball(center.expand(dim), *radius))
            }
            Shape::Box { lower, upper } => {
                check("lower", lower)?;
                check("upper", upper)?;
                Ok(Region::cuboid(lower.expand(dim), upper.expand(dim)))
            }
        }
    }
}
