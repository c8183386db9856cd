//! Where orbits of an invariant manifold start: near the critical point, on the quadratic approximation of the manifold.

use super::place::{Node, Place};
use crate::linalg::{axpy, column, column_mut, norm};

/// The local unstable manifold of a point, backwards the stable one, or the part of it that some of its modes span: to second
/// order in the coordinates s along them,
/// `x(s) = q + sum_i s_i v_i + sum_ij s_i s_j w_ij` with `(H - l_i - l_j) w_ij = -D3E(v_i, v_j, .)/2` normal to the manifold,
/// on a sphere where the cubic remainder is below 1e-9 of the distance.
///
/// (With the landscape's own dynamics H is minus the Jacobian of the flow and D3E(v, v, .) its derivative along v, by a
/// difference.)
pub(super) struct Departure {
    centre: Vec<f64>,
    /// Unit vectors of the modes.
    modes: Vec<Vec<f64>>,
    /// `w_ij` for i <= j, those with i < j twice.
    second: Vec<(usize, usize, Vec<f64>)>,
    /// The distance at which orbits start.
    pub(super) radius: f64,
}

impl Departure {
    /// `None` if a mode is not known.
    pub(super) fn new(place: &Place<'_>, node: &Node, modes: &[usize]) -> Option<Departure> {
        let n = node.x.len();
        if modes.iter().any(|&j| j >= node.vectors.ncols()) {
            return None;
        }
        let vectors: Vec<Vec<f64>> = modes.iter().map(|&j| node.vector(j)).collect();
        let mut second = vec![];
        let mut rate = 0.0_f64;
        for (i, v) in vectors.iter().enumerate() {
            for (j, u) in vectors.iter().enumerate().skip(i) {
                let mut cubic = vec![0.0; n];
                third(place, node, v, u, &mut cubic);
                rate = rate.max(norm(&cubic));
                let mut w = vec![0.0; n];
                if node.vectors.ncols() == n {
                    let sum = node.values[modes[i]] + node.values[modes[j]];
                    let twice = if i == j { 0.5 } else { 1.0 };
                    for l in (0..n).filter(|l| !modes.contains(l)) {
                        let divisor = node.values[l] - sum;
                        if divisor.abs() > 1e-6 * sum.abs() {
                            axpy(-twice * node.coordinate(l, &cubic) / divisor, &node.vector(l), &mut w);
                        }
                    }
                }
                second.push((i, j, w));
            }
        }
        let slowest = modes.iter().map(|&j| node.values[j].abs()).fold(f64::INFINITY, f64::min);
        let reach = if rate > 0.0 { slowest / rate } else { f64::INFINITY };
        let radius = (1e-3 * reach).clamp(1e-7 * place.scale(), 1e-3 * place.scale());
        Some(Departure { centre: node.x.clone(), modes: vectors, second, radius })
    }

    /// The start in the direction of a unit vector of coordinates along the modes.
    pub(super) fn start(&self, direction: &[f64]) -> Vec<f64> {
        let mut x = self.centre.clone();
        for (s, v) in direction.iter().zip(&self.modes) {
            axpy(self.radius * s, v, &mut x);
        }
        for (i, j, w) in &self.second {
            axpy(self.radius * self.radius * direction[*i] * direction[*j], w, &mut x);
        }
        x
    }

    /// The direction in state space of a displacement of the coordinates, to first order.
    pub(super) fn tangent(&self, displacement: &[f64]) -> Vec<f64> {
        let mut out = vec![0.0; self.centre.len()];
        displacement.iter().zip(&self.modes).for_each(|(s, v)| axpy(*s, v, &mut out));
        out
    }
}

/// The third derivative along `v` and `u`, of the energy or of minus the flow.
fn third(place: &Place<'_>, node: &Node, v: &[f64], u: &[f64], out: &mut [f64]) {
    if !place.flow().has_dynamics() {
        return place.landscape().third(&node.x, v, u, out);
    }
    // Minus the second derivative of the flow, by a central difference of its Jacobian within the neighbourhood where
    // that is nearly constant.
    let h = (1e-4 * place.scale()).min(0.1 * node.linear).max(1e-9 * place.scale());
    let flow = place.flow();
    let mut side = vec![0.0; v.len()];
    out.fill(0.0);
    for sign in [1.0, -1.0] {
        let mut x = node.x.clone();
        axpy(sign * h, v, &mut x);
        flow.linearize(&x)(column(u), column_mut(&mut side));
        axpy(0.5 * sign / h, &side, out);
    }
}
