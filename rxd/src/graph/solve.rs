//! Which states each service can ever get to, given all gates: the least fixed point.
//!
//! [`index`](super::index) calls [`solve`] once for each graph. Two flags of each service decide
//! everything: whether its gates before Init can open ([`INIT_OPENS`]), and whether those before
//! Run can ([`RUN_OPENS`]). Both start as "no" and become "yes" until nothing changes any more. A
//! gate that is still closed then waits, by way of other services, for itself: a deadlock.
//!
//! # Invariants
//!
//! 1. A flag is only ever set, never taken back, so the passes end: there are two flags a service.
//! 2. [`MAY_BE_ENDED`] is complete before the first gate is looked at. To open gates sets no more
//!    of them, so it need not be computed again.
//! 3. The passes go through the vertices in the order of the first walk. In a graph without cycles
//!    one pass therefore settles everything, however long its chains are.

use super::cycle;
use super::model::{Effect, Graph, Keyword};
use super::reach::{GateStage, can_open, gate_stage, is_gate_at};
use super::table::{INIT_OPENS, Lookup, MAY_BE_ENDED, NodeEntry, RUN_GATE_HAS_LIMIT, RUN_OPENS, find};
use crate::lifecycle::state::State;

/// Sets the flags of every service, and finds the cycles of those that can never start.
pub(super) const fn solve(graph: &Graph<'_>, entries: &mut [NodeEntry]) {
    let mut watches = false;
    let mut me = 0;
    while me < entries.len() {
        let node = &graph.nodes[me];
        watches |= !node.edges.is_empty();
        let mut e = 0;
        while e < node.edges.len() {
            let edge = &node.edges[e];
            match gate_stage(edge) {
                None if matches!(edge.effect, Effect::Exit) => entries[me].flags |= MAY_BE_ENDED,
                // A manager that sends a failed Idle to Run keeps the service before the gate.
                Some(GateStage::Run)
                    if edge.within.is_some() && !node.table.next(State::Idle, false).is(State::Run) =>
                {
                    entries[me].flags |= RUN_GATE_HAS_LIMIT;
                }
                // It fails at its gate until it reaches its restart limit, without ever having been
                // in Init.
                Some(GateStage::Init) if edge.within.is_some() && node.has_restart_limit() => {
                    entries[me].flags |= MAY_BE_ENDED;
                }
                _ => {}
            }
            e += 1;
        }
        me += 1;
    }
    if !watches {
        // The flags are only read where a watch asks for them.
        return;
    }
    cycle::walk(graph, entries, false);
    while end_dependents(graph, entries) {}
    while open_gates(graph, entries) {}
    let mut me = 0;
    while me < entries.len() {
        if entries[me].flags & (INIT_OPENS | RUN_OPENS) != INIT_OPENS | RUN_OPENS {
            cycle::walk(graph, entries, true);
            return;
        }
        me += 1;
    }
}

/// One pass that opens gates. Whether it has opened any.
const fn open_gates(graph: &Graph<'_>, entries: &mut [NodeEntry]) -> bool {
    let mut changed = false;
    let mut i = 0;
    while i < 2 * entries.len() {
        let (me, stage) = cycle::nth_finished(entries, i);
        let flag = match stage {
            GateStage::Init => INIT_OPENS,
            GateStage::Run => RUN_OPENS,
        };
        if entries[me].flags & flag == 0 && all_can_open(graph, entries, me, stage) {
            entries[me].flags |= flag;
            changed = true;
        }
        i += 1;
    }
    changed
}

/// Whether all gates of service `me` at this stage can open.
const fn all_can_open(graph: &Graph<'_>, entries: &[NodeEntry], me: usize, at: GateStage) -> bool {
    let edges = graph.nodes[me].edges;
    let mut e = 0;
    while e < edges.len() {
        if is_gate_at(&edges[e], at) && !can_open(graph, entries, me, &edges[e]) {
            return false;
        }
        e += 1;
    }
    true
}

/// One pass that marks the dependents of services that may end: those that need one, or come after
/// one, are ended with it. Whether it has marked any.
const fn end_dependents(graph: &Graph<'_>, entries: &mut [NodeEntry]) -> bool {
    let mut changed = false;
    let mut i = 0;
    while i < 2 * entries.len() {
        let (me, stage) = cycle::nth_finished(entries, i);
        i += 1;
        // Once for each service will do: at its Run, which comes after its Init.
        if entries[me].flags & MAY_BE_ENDED != 0 || matches!(stage, GateStage::Init) {
            continue;
        }
        let edges = graph.nodes[me].edges;
        let mut e = 0;
        while e < edges.len() {
            let mut t = 0;
            while t < edges[e].targets.len() && !matches!(edges[e].keyword, Keyword::Watch) {
                if let Lookup::One(at) = find(graph, entries, &edges[e].targets[t]) {
                    let node = &graph.nodes[at];
                    if entries[at].flags & MAY_BE_ENDED != 0 || node.has_restart_limit() || node.table.ends() {
                        entries[me].flags |= MAY_BE_ENDED;
                        changed = true;
                    }
                }
                t += 1;
            }
            e += 1;
        }
    }
    changed
}
