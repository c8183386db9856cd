//! A [`Network`] as a landscape: what the kinds `hopfield` and `hierarchical` build.

use std::sync::Arc;

use faer::{Mat, MatMut, MatRef};

use super::dual::Dual;
use super::hopfield::{self, Given};
use super::lagrangian::Lagrangian;
use super::network::{Frozen, Layer, Network, Synapses};
use super::{Dynamics, Enclose, Equilibria, Family, Landscape, Linearization, Reduced, Region, Shape};
use crate::error::{Error, Result};
use crate::linalg::{column, dot};

/// What a parameter changes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Role {
    /// The constant of a layer's Lagrangian: gain, beta, gamma.
    Constant(usize),
    /// The time constant of a layer.
    Tau(usize),
    /// 1/leak of every unit of the only layer.
    Resistance,
    /// The bias of every unit of the only layer.
    Current,
    /// The coefficient of `|g|^2/2` in the first layer.
    Confinement,
}

/// A parameter under its public name.
#[derive(Clone, Debug)]
pub(super) struct Parameter {
    pub(super) name: String,
    pub(super) value: f64,
    pub(super) role: Role,
}

/// The landscape of a network's state; see the module.
#[derive(Clone, Debug)]
pub(super) struct Layered {
    pub(super) kind: &'static str,
    pub(super) network: Network,
    pub(super) parameters: Vec<Parameter>,
    /// Currents of all layers, in the order given, to search from first (columns).
    pub(super) starts: Option<Mat<f64>>,
    /// The numbers of which `network` has rounded functions, where there are enclosures.
    pub(super) given: Option<Given>,
}

impl Layered {
    /// Is `-r/tau` no gradient flow of the energy as it stands?
    fn is_metric(&self) -> bool {
        let kept = || self.network.layers.iter().zip(&self.network.kept).filter(|(_, k)| **k).map(|(l, _)| l);
        let first = kept().next().map_or(1.0, |l| l.tau[0]);
        !kept().all(|l| is_plain(l.lagrangian, &l.leak) && l.tau.iter().all(|tau| *tau == first))
    }

    /// The rows of the starts that belong to the kept layers of `network`, which has the same layers.
    fn starts_in(&self, network: &Network) -> Option<Mat<f64>> {
        let all = self.starts.as_ref()?;
        let mut rows = vec![0; network.dim];
        let mut given = 0;
        for (layer, place) in network.places.iter().enumerate() {
            if network.kept[layer] {
                place.clone().enumerate().for_each(|(i, row)| rows[row] = given + i);
            }
            given += place.len();
        }
        Some(Mat::from_fn(network.dim, all.ncols(), |i, j| all[(rows[i], j)]))
    }

    /// Changes the confinement to `value` from `before`: a synapse of each unit of the first layer with itself.
    pub(super) fn confine(&mut self, before: f64, value: f64) {
        let size = self.network.layers[0].leak.len();
        let synapses = &mut self.network.synapses;
        if !synapses.iter().any(|s| s.from == 0 && s.to == 0) {
            synapses.push(Synapses { from: 0, to: 0, weights: Mat::zeros(size, size) });
        }
        for s in synapses.iter_mut().filter(|s| s.from == 0 && s.to == 0) {
            (0..size).for_each(|i| s.weights[(i, i)] -= value - before);
        }
    }

    /// The network whose energy is searched in place of the landscape's own: that of the layers with identity
    /// activities alone (its gradient is r), if the others can be eliminated; `None` if they cannot.
    fn of_identities(&self) -> Option<Network> {
        let network = &self.network;
        let plain: Vec<bool> = network.layers.iter().map(|l| is_plain(l.lagrangian, &l.leak)).collect();
        let rest: Vec<bool> = plain.iter().map(|p| !p).collect();
        (plain.contains(&true) && network.are_apart(&rest))
            .then(|| Network::new(network.layers.clone(), network.synapses.clone(), plain))
    }
}

impl Layered {
    /// The weights that the layer `kept` sends to the others, a column a unit that receives.
    fn sent_by(&self, kept: usize) -> Vec<MatRef<'_, f64>> {
        let mut all = vec![];
        for s in self.network.synapses.iter().filter(|s| s.from != s.to) {
            if s.from == kept {
                all.push(s.weights.transpose());
            } else if s.to == kept {
                all.push(s.weights.as_ref());
            }
        }
        all
    }
}

/// Is `P r` the same as r?
fn is_plain(lagrangian: Lagrangian, leak: &[f64]) -> bool {
    lagrangian == Lagrangian::Identity && leak.iter().all(|l| *l == 1.0)
}

impl Landscape for Layered {
    fn dim(&self) -> usize {
        self.network.dim
    }

    fn gradients(&self, points: MatRef<'_, f64>, energies: &mut [f64], gradients: MatMut<'_, f64>) {
        self.network.gradients(points, energies, gradients);
    }

    fn linearize<'a>(&'a self, points: MatRef<'_, f64>) -> Box<dyn Linearization + 'a> {
        Box::new(Products { network: &self.network, at: self.network.freeze(points) })
    }

    fn hessian(&self, x: &[f64], mut out: MatMut<'_, f64>) {
        let n = x.len();
        let at = self.network.freeze(column(x));
        self.network.apply_hessian(&at, Mat::<f64>::identity(n, n).as_ref(), out.as_mut());
        super::network::symmetrize(out);
    }

    fn third(&self, x: &[f64], u: &[f64], v: &[f64], out: &mut [f64]) {
        self.network.third_of_energy(x, u, v, out);
    }

    fn region(&self) -> Option<Region> {
        let bounds = self.network.bounds()?;
        let mut half = vec![0.0; self.network.dim];
        for (layer, bound) in bounds.iter().enumerate().filter(|(l, _)| self.network.kept[*l]) {
            half[self.network.places[layer].clone()].copy_from_slice(bound);
        }
        Some(Region::cuboid(half.iter().map(|h| -h).collect(), half))
    }

    fn wells(&self) -> Option<Arc<Mat<f64>>> {
        self.starts_in(&self.network).map(Arc::new)
    }

    /// One layer of identity units sends to the others along the span of its weights: across it the energy is quadratic.
    fn reduce(&self) -> Option<Reduced> {
        let network = &self.network;
        let mut state = (0..network.layers.len()).filter(|l| network.kept[*l]);
        let (Some(kept), None) = (state.next(), state.next()) else { return None };
        if self.is_metric() {
            return None;
        }
        let layer = &network.layers[kept];
        let mut directions = self.sent_by(kept);
        directions.push(column(&layer.bias));
        let count = directions.iter().map(|d| d.ncols()).sum();
        let mut all = Mat::zeros(network.dim, count);
        let mut start = 0;
        for d in directions {
            all.as_mut().subcols_mut(start, d.ncols()).copy_from(d);
            start += d.ncols();
        }
        let basis = super::hull::span(all.as_ref())?;
        let r = basis.ncols();
        // Within the layer there is confinement alone, the same for each unit.
        let within = network.synapses.iter().find(|s| s.from == s.to).map_or(0.0, |s| s.weights[(0, 0)]);
        let mut layers = network.layers.clone();
        let bias = (0..r).map(|j| dot(basis.col_as_slice(j), &layer.bias)).collect();
        layers[kept] =
            Layer { lagrangian: layer.lagrangian, leak: vec![1.0; r], tau: vec![layer.tau[0]; r], bias };
        let turned = |s: &Synapses| {
            let weights = if s.from == s.to {
                Mat::from_fn(r, r, |i, j| if i == j { within } else { 0.0 })
            } else if s.from == kept {
                &s.weights * &basis
            } else if s.to == kept {
                basis.transpose() * &s.weights
            } else {
                s.weights.clone()
            };
            Synapses { from: s.from, to: s.to, weights }
        };
        let synapses = network.synapses.iter().map(turned).collect();
        let starts = self.starts.as_ref().map(|all| {
            let before: usize = network.layers[..kept].iter().map(|l| l.leak.len()).sum();
            let own = basis.transpose() * all.as_ref().subrows(before, network.dim);
            Mat::from_fn(all.nrows() - network.dim + r, all.ncols(), |i, j| {
                if i < before {
                    all[(i, j)]
                } else if i < before + r {
                    own[(i - before, j)]
                } else {
                    all[(i - r + network.dim, j)]
                }
            })
        });
        let network = Network::new(layers, synapses, network.kept.clone());
        let inner =
            Layered { kind: self.kind, network, parameters: self.parameters.clone(), starts, given: None };
        let origin = vec![0.0; basis.nrows()];
        Some(Reduced { inner: Box::new(inner), origin, basis, offset: 0.0, normal: 1.0 - within })
    }

    fn dynamics(&self) -> Option<&dyn Dynamics> {
        if self.is_metric() { Some(self) } else { None }
    }

    fn enclose(&self) -> std::result::Result<Box<dyn Enclose + '_>, String> {
        let given = self.given.as_ref().ok_or("this kind has no enclosures in verified arithmetic")?;
        hopfield::enclose(self, given)
    }

    fn equilibria(&self, region: &Region) -> Option<Equilibria> {
        let network = &self.network;
        if network.layers.iter().zip(&network.kept).all(|(l, k)| !k || is_plain(l.lagrangian, &l.leak)) {
            return None;
        }
        let identities = self.of_identities();
        let all = || {
            Network::new(network.layers.clone(), network.synapses.clone(), vec![true; network.layers.len()])
        };
        let searched = identities.clone().unwrap_or_else(all);
        let inside = span(network, region, &searched);
        let wells = self.starts_in(&searched).map(Arc::new);
        let (origin, map) = lift(network, &searched);
        let Some(network) = identities else {
            return Some(Equilibria {
                inner: Box::new(Dual::new(searched, wells)?),
                region: inside,
                origin,
                map,
            });
        };
        let inner = Layered { network, given: None, ..self.clone() };
        let Some(reduced) = inner.reduce() else {
            return Some(Equilibria { inner: Box::new(inner), region: inside, origin, map });
        };
        let region = Region::ball(reduced.project(&inside.center()), inside.radius());
        Some(Equilibria { inner: reduced.inner, region, origin, map: map * reduced.basis })
    }
}

struct Products<'a> {
    network: &'a Network,
    at: Frozen,
}

impl Linearization for Products<'_> {
    fn apply(&self, vectors: MatRef<'_, f64>, out: MatMut<'_, f64>) {
        self.network.apply_hessian(&self.at, vectors, out);
    }
}

impl Dynamics for Layered {
    fn velocity(&self, x: &[f64], velocity: &mut [f64]) -> f64 {
        self.network.velocity(x, velocity)
    }

    fn jacobian(&self, x: &[f64], out: MatMut<'_, f64>) {
        self.network.apply_jacobian(x, Mat::<f64>::identity(x.len(), x.len()).as_ref(), out);
    }

    fn apply_jacobian(&self, x: &[f64], vectors: MatRef<'_, f64>, out: MatMut<'_, f64>) {
        self.network.apply_jacobian(x, vectors, out);
    }
}

impl Family for Layered {
    fn parameters(&self) -> Vec<(String, f64)> {
        self.parameters.iter().map(|p| (p.name.clone(), p.value)).collect()
    }

    fn with_parameter(&self, name: &str, value: f64) -> Result<Box<dyn Family>> {
        let Some(place) = self.parameters.iter().position(|p| p.name == name) else {
            return Err(super::no_such_parameter(self.kind, name, &self.parameters()));
        };
        let mut changed = self.clone();
        let Parameter { value: before, role, .. } = self.parameters[place];
        check(self.kind, name, role, value)?;
        let layers = &mut changed.network.layers;
        match role {
            Role::Constant(layer) => {
                let size = layers[layer].leak.len();
                layers[layer].lagrangian = layers[layer].lagrangian.with_constant(value, size);
            }
            Role::Tau(layer) => layers[layer].tau.fill(value),
            Role::Resistance => {
                layers[0].leak.fill(1.0 / value);
                changed.given.iter_mut().for_each(|g| g.resist(value));
            }
            Role::Current => layers[0].bias.fill(value),
            Role::Confinement => changed.confine(before, value),
        }
        changed.parameters[place].value = value;
        Ok(Box::new(changed))
    }

    fn gradient_by(&self, parameter: usize, x: &[f64], out: &mut [f64]) {
        let Parameter { value, role, .. } = self.parameters[parameter];
        match role {
            Role::Constant(layer) => self.network.gradient_by_constant(layer, x, out),
            Role::Tau(_) => out.fill(0.0),
            // r = x/R - ..: its change, through the metric.
            Role::Resistance => {
                let change: Vec<f64> = x.iter().map(|x| -x / (value * value)).collect();
                self.network.through_metric(x, &change, out);
            }
            Role::Current => self.network.through_metric(x, &vec![-1.0; x.len()], out),
            Role::Confinement => {
                let at = self.network.forward(column(x));
                let mut change = vec![0.0; x.len()];
                let first = self.network.places[0].clone();
                change[first.clone()].copy_from_slice(&at.g.col_as_slice(0)[first]);
                self.network.through_metric(x, &change, out);
            }
        }
    }
}

/// Is the value one that the parameter may have?
pub(super) fn check(kind: &str, name: &str, role: Role, value: f64) -> Result<()> {
    let (fits, range) = match role {
        Role::Constant(_) | Role::Tau(_) | Role::Resistance => {
            ((1e-100..1e100).contains(&value), "positive, between 1e-100 and 1e100")
        }
        Role::Current => (value.is_finite(), "finite"),
        Role::Confinement => ((0.0..1e100).contains(&value), "zero or more, below 1e100"),
    };
    if fits { Ok(()) } else { Err(Error::input(format!("{kind}: `{name}` is {value}, it must be {range}"))) }
}

/// The box in the coordinates of `searched` that holds all equilibria whose state lies in `region`.
fn span(network: &Network, region: &Region, searched: &Network) -> Region {
    let (low, high): (Vec<f64>, Vec<f64>) = match &region.shape {
        Shape::Ball { center, radius } => {
            (center.iter().map(|c| c - radius).collect(), center.iter().map(|c| c + radius).collect())
        }
        Shape::Box { lower, upper } => (lower.clone(), upper.clone()),
    };
    let largest: Vec<Option<Vec<f64>>> = network
        .places
        .iter()
        .zip(&network.kept)
        .map(|(place, kept)| kept.then(|| place.clone().map(|i| low[i].abs().max(high[i].abs())).collect()))
        .collect();
    let (mut lower, mut upper) = (vec![0.0; searched.dim], vec![0.0; searched.dim]);
    for layer in (0..network.layers.len()).filter(|l| searched.kept[*l]) {
        let (here, there) = (network.places[layer].clone(), searched.places[layer].clone());
        if network.kept[layer] {
            lower[there.clone()].copy_from_slice(&low[here.clone()]);
            upper[there.clone()].copy_from_slice(&high[here]);
        } else if let Some(bound) = network.bound(layer, &largest) {
            // Its neighbours are all in the state.
            lower[there.clone()].iter_mut().zip(&bound).for_each(|(l, b)| *l = -b);
            upper[there.clone()].copy_from_slice(&bound);
        }
        let Some(saturated) = network.layers[layer].lagrangian.unsaturated() else { continue };
        for (i, leak) in there.zip(&network.layers[layer].leak) {
            if *leak == 0.0 {
                // Without leak the gradient tends to zero where the unit saturates, whatever it receives.
                let cap = 1.5 * saturated;
                (lower[i], upper[i]) = (lower[i].clamp(-cap, 0.99 * cap), upper[i].clamp(-0.99 * cap, cap));
            }
        }
    }
    Region::cuboid(lower, upper)
}

/// The state of `network` at the equilibrium that `searched` has in its own coordinates: affine, since activities that
/// are not in the state of `searched` depend on currents that are activities themselves.
fn lift(network: &Network, searched: &Network) -> (Vec<f64>, Mat<f64>) {
    let mut origin = vec![0.0; network.dim];
    let mut map = Mat::zeros(network.dim, searched.dim);
    for layer in (0..network.layers.len()).filter(|l| network.kept[*l]) {
        let (here, there) = (network.places[layer].clone(), searched.places[layer].clone());
        if searched.kept[layer] {
            here.zip(there).for_each(|(i, j)| map[(i, j)] = 1.0);
            continue;
        }
        origin[here.clone()].copy_from_slice(&network.layers[layer].bias);
        for s in &network.synapses {
            let (source, weights) = if s.to == layer {
                (s.from, s.weights.as_ref())
            } else if s.from == layer {
                (s.to, s.weights.transpose())
            } else {
                continue;
            };
            let from = searched.places[source].clone();
            map.as_mut().submatrix_mut(here.start, from.start, here.len(), from.len()).copy_from(weights);
        }
    }
    (origin, map)
}
