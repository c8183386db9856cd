//! How many random patterns a memory holds, against the capacities of the literature.
//!
//! `cargo run --release --example capacity` writes `capacity.svg`: the fraction of patterns that keep all their bits under
//! the update of Krotov & Hopfield (2016), a bit at a time towards lower energy, for p = 2, 3 and 4, over the number of
//! patterns in units of their capacity `N^(p-1) / (2 (2p-3)!! ln N)`.

use faer::{Mat, MatRef};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use smale::landscape::Landscape;
use smale::landscape::dense_memory::{DenseMemory, Lagrangian, Separation};
use smale::memorization::capacity::krotov_hopfield;
use smale::report::{Curve, curves};

/// The fraction of patterns of which no single flipped bit has a lower energy, among the first `tested`.
fn stable(n: usize, count: usize, p: u32, tested: usize, seed: u64) -> smale::Result<f64> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let patterns = Mat::from_fn(n, count, |_, _| if rng.random::<bool>() { 1.0 } else { -1.0 });
    let scale = (n as f64).powi(-(p as i32));
    let memory = DenseMemory::new(
        patterns.as_ref(),
        vec![1.0; count],
        Separation::Power { p },
        Lagrangian::Identity,
        scale,
        0.0,
    )?;
    let mut held = 0;
    let tested = tested.min(count);
    for k in 0..tested {
        let flipped =
            Mat::from_fn(n, n + 1, |i, j| if i == j { -patterns[(i, k)] } else { patterns[(i, k)] });
        held += usize::from(is_lowest_last(&memory, flipped.as_ref()));
    }
    Ok(held as f64 / tested as f64)
}

/// Does the last column have the lowest energy of all?
fn is_lowest_last(memory: &DenseMemory, states: MatRef<'_, f64>) -> bool {
    let mut energies = vec![0.0; states.ncols()];
    memory.gradients(states, &mut energies, Mat::zeros(states.nrows(), states.ncols()).as_mut());
    let last = energies[states.ncols() - 1];
    energies.iter().all(|e| *e >= last)
}

fn main() -> smale::Result<()> {
    let mut lines = vec![];
    for (p, n) in [(2, 256), (3, 64), (4, 24)] {
        let mut points = vec![];
        for load in [0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0] {
            let count = (load * krotov_hopfield(p, n as f64, 0.0)).round().max(1.0) as usize;
            points.push((load, stable(n, count, p, 40, u64::from(p))?));
        }
        println!("p = {p}, N = {n}: {points:.2?}");
        lines.push(Curve { name: format!("p = {p}, N = {n}"), points });
    }
    let names = ("patterns / capacity", "fraction retrieved");
    let svg = curves("Capacity of dense memories, random patterns", names, &lines, &[1.0])?;
    std::fs::write("capacity.svg", svg).map_err(|e| smale::Error::file("capacity.svg".as_ref(), e))
}
