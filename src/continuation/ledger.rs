//! The ledger: along every branch each change of the Morse index needs an event that explains it.

use super::{Diagram, EventKind};

/// A change of the index along a branch that no event explains.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leap {
    /// Number of the branch.
    pub branch: usize,
    /// Number of the last point before it.
    pub point: usize,
    /// Index there.
    pub before: usize,
    /// Index at the next point that has one.
    pub after: usize,
}

impl Diagram {
    /// All changes of the index along the branches that are larger than the kernels of the events in between allow, or of
    /// another parity than a fold or an odd crossing has. Empty if all is explained.
    pub fn ledger(&self) -> Vec<Leap> {
        let mut leaps = vec![];
        for (number, branch) in self.branches.iter().enumerate() {
            let mut last: Option<(usize, usize)> = None;
            let mut allowed = 0;
            for (place, point) in branch.points.iter().enumerate() {
                if let Some(event) = point.event {
                    allowed += match self.events[event].kind {
                        EventKind::Unexplained => 0,
                        _ => self.events[event].kernel.len(),
                    };
                }
                let Some(index) = point.index else { continue };
                if let Some((point, before)) = last
                    && before.abs_diff(index) > allowed
                {
                    leaps.push(Leap { branch: number, point, before, after: index });
                }
                last = Some((place, index));
                allowed = 0;
            }
        }
        leaps
    }
}
