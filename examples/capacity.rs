//! How many random patterns a memory holds, against the capacities of the literature.
//!
//! `cargo run --release --example capacity` writes `capacity.svg` and prints its numbers, in some minutes: the capacity of
//! three memories over the number of neurons, as a share of what the formula says for infinitely many, with intervals of 95% over
//! fifty sets of patterns. docs/memorization.md says what is measured. `-- 10` takes ten sets.

use smale::landscape::dense_memory::Separation;
use smale::memorization::capacity::{Memory, Options, capacity};
use smale::report::{Estimate, Panel, PanelRow, Series, panels};

fn main() -> smale::Result<()> {
    let given = std::env::args().nth(1);
    let seeds = given.as_deref().map_or(Ok(50), str::parse).map_err(|_| {
        smale::Error::input(format!("{:?} is no number of sets of patterns", given.unwrap_or_default()))
    })?;
    let options = Options { seeds, ..Options::default() };
    let memories = [
        (
            "signs, power 3 (Krotov & Hopfield)",
            Memory::Spins(Separation::Power { p: 3 }),
            [40, 60, 80, 100, 150],
        ),
        ("sphere, lambda = 1 (Lucibello & Mezard)", Memory::Spherical { lambda: 1.0 }, [10, 12, 14, 16, 18]),
        ("normal, sigma = 1", Memory::Gaussian { sigma: 1.0 }, [8, 10, 12, 14, 16]),
    ];
    let mut rows = vec![];
    for (name, memory, sizes) in memories {
        let mut points = vec![];
        for neurons in sizes {
            let found = capacity(memory, neurons, &options)?;
            let Some(theory) = found.theory else { continue };
            println!(
                "{name}: N = {neurons}: {:.5} to {:.5}, formula {theory:.5}{}",
                found.low,
                found.high,
                if found.bounded { ", bounded by the most that was tried" } else { "" }
            );
            let [mean, low, high] = [found.mean, found.low, found.high].map(|v| v / theory);
            points.push(Estimate { at: neurons as f64, mean, low, high });
        }
        let ends = [0, points.len() - 1].map(|k| Estimate { mean: 1.0, low: 1.0, high: 1.0, ..points[k] });
        let series = vec![
            Series { name: "measured".into(), points },
            Series { name: "formula".into(), points: ends.to_vec() },
        ];
        let panel = Panel { name: name.into(), series, marks: vec![] };
        rows.push(PanelRow {
            ordinate: "capacity / formula".into(),
            most: f64::INFINITY,
            panels: vec![panel],
        });
    }
    let svg = panels("Capacity of random patterns", "neurons", &rows)?;
    std::fs::write("capacity.svg", svg).map_err(|e| smale::Error::file("capacity.svg".as_ref(), e))
}
