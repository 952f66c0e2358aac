//! The order in which services stop: the reverse of the order in which they waited for each other.
//!
//! The daemon asks for it once, after the check; it runs at run time only, and so may allocate.

use super::model::Graph;
use super::reach::{condition_of, gate_stage, requires_all};
use super::table::{Lookup, NodeEntry, find};
use crate::lifecycle::state::{Action, State};

impl Graph<'_> {
    /// For each service, by index, the services that it stops before: those that it waited for to
    /// be in Run, by `needs` or by a gate `entering, Run`. A service may stop once all services
    /// that stop before it have stopped.
    ///
    /// An alternative counts like any other: a service that waited for one of two stops before
    /// both. Where alternatives form a cycle (`a` waits for any of `b` and `c`, and `b` needs `a`),
    /// those within the cycle do not count. So the result has no cycle if the graph has no
    /// [faults](Graph::faults).
    ///
    /// It takes time in proportion to the size of the graph.
    #[must_use]
    pub fn stops_before(&self) -> Vec<Vec<usize>> {
        self.order(&self.entries())
    }

    pub(super) fn order(&self, entries: &[NodeEntry]) -> Vec<Vec<usize>> {
        if self.nodes.iter().all(|node| node.edges.is_empty()) {
            return vec![Vec::new(); self.nodes.len()];
        }
        let mut all = vec![Vec::new(); self.nodes.len()];
        for (me, node) in self.nodes.iter().enumerate() {
            for edge in node.edges {
                let condition = condition_of(edge);
                if gate_stage(edge).is_none()
                    || !matches!((condition.action, condition.state), (Action::Entering, State::Run))
                {
                    continue;
                }
                for target in edge.targets {
                    match find(self, entries, target) {
                        Lookup::One(at) if at != me => all[me].push((at, requires_all(edge))),
                        _ => {}
                    }
                }
            }
        }
        let component = components(&all);
        let mut order = vec![Vec::new(); all.len()];
        for (me, kept) in order.iter_mut().enumerate() {
            for &(at, every) in &all[me] {
                if every || component[at] != component[me] {
                    insert_sorted(kept, at);
                }
            }
        }
        order
    }
}

/// Inserts an item into a short sorted list, unless it is there.
///
/// A sort of the standard library is thousands of instructions for each type of item, which every
/// user of rxd compiles.
pub(crate) fn insert_sorted<T: Ord>(list: &mut Vec<T>, item: T) {
    if let Err(at) = list.binary_search(&item) {
        list.insert(at, item);
    }
}

/// For each service the number of its strongly connected component, by Tarjan's algorithm:
/// services that form a cycle share one.
fn components(waits: &[Vec<(usize, bool)>]) -> Vec<usize> {
    const UNSET: usize = usize::MAX;
    let mut entered = vec![UNSET; waits.len()];
    let mut lowest = vec![UNSET; waits.len()];
    let mut component = vec![UNSET; waits.len()];
    let (mut path, mut open, mut clock) = (Vec::new(), Vec::new(), 0);
    for root in 0..waits.len() {
        if entered[root] == UNSET {
            path.push((root, 0));
        }
        while let Some((me, next)) = path.pop() {
            if next == 0 {
                (entered[me], lowest[me]) = (clock, clock);
                clock += 1;
                open.push(me);
            } else {
                let before: usize = waits[me][next - 1].0;
                if component[before] == UNSET {
                    lowest[me] = lowest[me].min(lowest[before]);
                }
            }
            if let Some(&(at, _)) = waits[me].get(next) {
                path.push((me, next + 1));
                if entered[at] == UNSET {
                    path.push((at, 0));
                }
            } else if lowest[me] == entered[me] {
                while let Some(last) = open.pop() {
                    component[last] = me;
                    if last == me {
                        break;
                    }
                }
            }
        }
    }
    component
}
