//! One set of random patterns, as many as are asked for: is each retrieved?

use faer::linalg::matmul::matmul;
use faer::{Accum, Mat, MatRef, Par};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};

use super::Memory;
use super::formulas::wrong_neurons;
use crate::error::Result;
use crate::landscape::Landscape;
use crate::landscape::dense_memory::Separation;
use crate::landscape::mixture::{Mixture, Noise};
use crate::landscape::modern_hopfield::ModernHopfield;
use crate::linalg::norm;

/// Patterns that grow in number, the first ones staying as they are, and how the tested ones among them are corrupted.
pub(super) struct Trial {
    neurons: usize,
    signs: bool,
    spherical: bool,
    rng: ChaCha8Rng,
    /// One after the other.
    patterns: Vec<f64>,
    /// Of each tested pattern the order in which its neurons are flipped, or the noise.
    order: Vec<Vec<usize>>,
    noise: Vec<f64>,
    tests: usize,
}

impl Trial {
    /// Of the kind that suits a memory; all random numbers come from `seed` and the trial's `number`.
    pub(super) fn new(memory: Memory, neurons: usize, tests: usize, seed: u64, number: u64) -> Self {
        let stream = |which: u64| {
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            rng.set_stream(2 * number + which);
            rng
        };
        let mut own = stream(1);
        let signs = matches!(memory, Memory::Spins(_));
        let (mut order, mut noise) = (vec![], vec![]);
        for _ in 0..tests {
            if signs {
                let mut places: Vec<usize> = (0..neurons).collect();
                (1..neurons).rev().for_each(|i| places.swap(i, own.random_range(0..=i)));
                order.push(places);
            } else {
                noise.extend((0..neurons).map(|_| -> f64 { StandardNormal.sample(&mut own) }));
            }
        }
        let spherical = matches!(memory, Memory::Spherical { .. });
        Trial { neurons, signs, spherical, rng: stream(0), patterns: vec![], order, noise, tests }
    }

    /// The first `count` patterns (n x count).
    fn patterns(&mut self, count: usize) -> MatRef<'_, f64> {
        let n = self.neurons;
        while self.patterns.len() < n * count {
            if self.signs {
                let rng = &mut self.rng;
                self.patterns.extend((0..n).map(|_| if rng.random::<bool>() { 1.0 } else { -1.0 }));
                continue;
            }
            let rng = &mut self.rng;
            let mut y: Vec<f64> = (0..n).map(|_| StandardNormal.sample(rng)).collect();
            if self.spherical {
                let factor = (n as f64).sqrt() / norm(&y).max(f64::MIN_POSITIVE);
                y.iter_mut().for_each(|y| *y *= factor);
            }
            self.patterns.extend(y);
        }
        MatRef::from_column_major_slice(&self.patterns[..n * count], n, count)
    }

    /// The corrupted states of the tested ones among the first `count` patterns (n x tests).
    fn starts(&mut self, count: usize, corruption: f64) -> Mat<f64> {
        let (n, tests) = (self.neurons, self.tests.min(count));
        let mut states = self.patterns(count).subcols(0, tests).to_owned();
        let flipped = ((corruption * n as f64).round() as usize).min(n);
        for j in 0..tests {
            match self.signs {
                true => self.order[j][..flipped].iter().for_each(|i| states[(*i, j)] *= -1.0),
                false => (0..n).for_each(|i| states[(i, j)] += corruption * self.noise[n * j + i]),
            }
        }
        states
    }

    /// Are the tested ones among the first `count` patterns retrieved from this corruption, after so many updates?
    pub(super) fn retrieves(
        &mut self,
        memory: Memory,
        count: usize,
        corruption: f64,
        updates: usize,
    ) -> Result<bool> {
        let states = self.starts(count, corruption);
        match memory {
            Memory::Spins(separation) => {
                let share = self.wrong(separation, count, states, updates);
                Ok(share <= wrong_neurons(self.neurons as f64))
            }
            Memory::Spherical { lambda } => {
                let patterns = self.patterns(count).to_owned();
                let landscape = ModernHopfield::new(patterns, vec![1.0; count], lambda, 0.0)?;
                // exp(lambda y.x) over the sum, which is exp(lambda (|x|^2/2 - E)).
                let log = |y: &[f64], x: &[f64], e: f64| {
                    lambda * (crate::linalg::dot(y, x) - 0.5 * crate::linalg::dot(x, x) + e)
                };
                Ok(self.outweigh(&landscape, count, states, updates, log))
            }
            Memory::Gaussian { sigma } => {
                let data = self.patterns(count).to_owned();
                let noise = Noise::Fixed { a: 1.0, sigma };
                let landscape = Mixture::new(data, vec![1.0; count], noise, 0.0)?;
                let log = |y: &[f64], x: &[f64], e: f64| {
                    let square: f64 = y.iter().zip(x).map(|(y, x)| (y - x) * (y - x)).sum();
                    e - square / (2.0 * sigma * sigma) - (count as f64).ln()
                };
                Ok(self.outweigh(&landscape, count, states, updates, log))
            }
        }
    }

    /// Do at least half of the tested patterns have more than half of the weight at their states, after so many updates of
    /// `x = sum_k p_k y_k`? `log` is the logarithm of a pattern's weight at a state of this energy.
    fn outweigh(
        &mut self,
        landscape: &dyn Landscape,
        count: usize,
        mut states: Mat<f64>,
        updates: usize,
        log: impl Fn(&[f64], &[f64], f64) -> f64,
    ) -> bool {
        let (n, tests) = (self.neurons, states.ncols());
        let curvature = landscape.kernel().map_or(1.0, |k| k.curvature);
        let (mut energies, mut gradients) = (vec![0.0; tests], Mat::<f64>::zeros(n, tests));
        for step in 0..=updates {
            landscape.gradients(states.as_ref(), &mut energies, gradients.as_mut());
            if step < updates {
                states -= &gradients * faer::Scale(1.0 / curvature);
            }
        }
        let patterns = self.patterns(count);
        let wins = |j: &usize| {
            let y: Vec<f64> = patterns.col(*j).iter().copied().collect();
            let x: Vec<f64> = states.col(*j).iter().copied().collect();
            log(&y, &x, energies[*j]) > -std::f64::consts::LN_2
        };
        2 * (0..tests).filter(wins).count() >= tests
    }

    /// The share of the neurons that one more update sets wrong.
    ///
    /// With c = +1 or -1 the product of a pattern's sign and the neuron's, flipping it changes an overlap z to `z - 2c`. So
    /// `F(z) - F(z - 2c) = A + c B`, and what speaks for a neuron's sign are the sums of A and of `y B` times it.
    fn wrong(&mut self, separation: Separation, count: usize, mut states: Mat<f64>, updates: usize) -> f64 {
        let (n, tests) = (self.neurons, states.ncols());
        // Energies in units of a pattern's own.
        let factor = match separation {
            Separation::Exponential { beta } => (-beta * n as f64).exp().max(f64::MIN_POSITIVE),
            Separation::Power { p } => (n as f64).powi(-(p as i32)).max(f64::MIN_POSITIVE),
            Separation::Rectified { p } => (n as f64).powf(-p).max(f64::MIN_POSITIVE),
        };
        let reward = |z: f64| separation.derivative(0, factor, z);
        let patterns = self.patterns(count);
        let mut wrong = 0;
        for step in 0..=updates {
            let mut overlaps = Mat::<f64>::zeros(count, tests);
            matmul(overlaps.as_mut(), Accum::Replace, patterns.transpose(), &states, 1.0, Par::Seq);
            let mut common = vec![0.0; tests];
            for (column, common) in overlaps.col_iter_mut().zip(&mut common) {
                for z in column.iter_mut() {
                    let (here, up, down) = (reward(*z), reward(*z - 2.0), reward(*z + 2.0));
                    *common += here - 0.5 * (up + down);
                    *z = 0.5 * (down - up);
                }
            }
            let mut fields = Mat::<f64>::zeros(n, tests);
            matmul(fields.as_mut(), Accum::Replace, patterns, &overlaps, 1.0, Par::Seq);
            wrong = 0;
            for j in 0..tests {
                for i in 0..n {
                    // A draw leaves it as it is.
                    if common[j] + states[(i, j)] * fields[(i, j)] < 0.0 {
                        states[(i, j)] *= -1.0;
                    }
                    wrong += usize::from(states[(i, j)] != patterns[(i, j)]);
                }
            }
            if step == updates {
                break;
            }
        }
        wrong as f64 / (n * tests) as f64
    }
}
