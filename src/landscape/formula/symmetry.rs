//! Does a formula stay the same when its coordinates are exchanged or change their signs?

use super::circuit::{Circuit, Node, Value};
use super::tape::Assemble;
use super::{Formula, unroll};
use crate::rigor::prune::SignedPermutation;

/// Written out with its coordinates mapped it must come to the very operations that it came to before, with the same
/// conditions on its domain. Only constants that are exact are trusted: different numbers can have the same enclosure.
/// False says that this could not be shown.
pub(super) fn is_symmetric(formula: &Formula, map: &SignedPermutation) -> bool {
    let program = &formula.program;
    let dim = program.tape.dim;
    if map.dim() != dim {
        return false;
    }
    let written = |circuit: Circuit| unroll::unroll(&program.tree, dim, circuit, program.confinement).ok();
    let Some((mut circuit, plain)) = written(Circuit::new(dim, &formula.parameters)) else { return false };
    let guards = circuit.guards.len();
    let images = (0..dim).map(|i| {
        let (place, negative) = map.place(i);
        let x = circuit.coordinate(place);
        if negative { circuit.neg(x) } else { x }
    });
    let images: Vec<Value> = images.collect();
    circuit.map_coordinates(images);
    let Some((circuit, mapped)) = written(circuit) else { return false };
    let exact = circuit.nodes.iter().all(Node::is_exact);
    let (before, after) = circuit.guards.split_at(guards);
    exact
        && plain == mapped
        && matches!(plain, Value::Slot(_))
        && after.iter().all(|guard| before.contains(guard))
}
