//! The walk over all gates, depth first, and the cycles that it finds.
//!
//! # Vertices
//!
//! Each service is two vertices: Init (`2 * service`), what it does before it has passed its gates
//! before Run, and Run (`2 * service + 1`), what it does after. For `then(run)` holds back only the
//! latter. A vertex leads to those that its gates wait for, and Run leads to Init.
//!
//! # The two walks
//!
//! 1. Over all gates. It yields the order in which [`solve`](super::solve) looks at the vertices:
//!    what a vertex waits for comes before it, unless there is a cycle.
//! 2. Only over the gates that can never open, if there are any. A way back to a vertex on the path
//!    is then a cycle of gates, and is recorded where it closes.
//!
//! The walk does not decide whether there is a deadlock: `solve` has decided that before the second
//! walk. It only finds the cycle that the message shows.
//!
//! It does not recurse, since a chain may have as many gates as there are services: the path is
//! the `parent` of each vertex.

use super::model::Graph;
use super::reach::{self, GateStage};
use super::table::{
    FINISHED, INIT_OPENS, Lookup, NO_INDEX, NO_TARGET, NodeEntry, ON_PATH, TargetIndex, UNVISITED, WalkState, find,
};

/// The `i`-th vertex in the order in which the walk finished them.
pub(super) const fn nth_finished(entries: &[NodeEntry], i: usize) -> (usize, GateStage) {
    split(entries[i / 2].walk.finished[i % 2])
}

const fn split(vertex: u32) -> (usize, GateStage) {
    (vertex as usize / 2, if vertex % 2 == 0 { GateStage::Init } else { GateStage::Run })
}

/// Walks over all gates, or only over those that can never open.
pub(super) const fn walk(graph: &Graph<'_>, entries: &mut [NodeEntry], only_closed: bool) {
    let mut i = 0;
    while i < entries.len() {
        entries[i].walk = WalkState::START;
        i += 1;
    }
    let mut count = 0;
    let mut root = 0;
    while root < 2 * entries.len() {
        let mut vertex = root as u32;
        root += 1;
        if entries[vertex as usize / 2].walk.visit[vertex as usize % 2] != UNVISITED {
            continue;
        }
        entries[vertex as usize / 2].walk.visit[vertex as usize % 2] = ON_PATH;
        while vertex != NO_INDEX {
            let (me, stage) = split(vertex);
            match step(graph, entries, me, stage, only_closed) {
                Some((to, by)) => {
                    let (at, side) = (to as usize / 2, to as usize % 2);
                    match entries[at].walk.visit[side] {
                        UNVISITED => {
                            entries[at].walk.visit[side] = ON_PATH;
                            entries[at].walk.parent[side] = vertex;
                            entries[at].walk.entered_by[side] = by;
                            vertex = to;
                        }
                        // In the first walk a cycle may lead through a gate that another target
                        // opens.
                        ON_PATH if only_closed => record_cycle(entries, vertex, to, by),
                        _ => {}
                    }
                }
                None => {
                    entries[me].walk.visit[stage as usize] = FINISHED;
                    // Only `solve` reads the order, and before the second walk.
                    if !only_closed {
                        entries[count / 2].walk.finished[count % 2] = vertex;
                    }
                    count += 1;
                    vertex = entries[me].walk.parent[stage as usize];
                }
            }
        }
    }
}

/// The next vertex that this one waits for, and the target by which it does.
const fn step(
    graph: &Graph<'_>,
    entries: &mut [NodeEntry],
    me: usize,
    stage: GateStage,
    only_closed: bool,
) -> Option<(u32, TargetIndex)> {
    let edges = graph.nodes[me].edges;
    let side = stage as usize;
    loop {
        let TargetIndex { edge: e, target: t } = entries[me].walk.next[side];
        // One past the last edge stands for the step from Run to Init, two past it for "no more".
        if e as usize > edges.len() {
            return None;
        }
        if e as usize == edges.len() {
            entries[me].walk.next[side].edge = e + 1;
            if side == 1 && (!only_closed || entries[me].flags & INIT_OPENS == 0) {
                return Some((2 * me as u32, NO_TARGET));
            }
            return None;
        }
        let edge = &edges[e as usize];
        // Asked once for each edge, at its first target: whether a gate can open costs a look at
        // all targets.
        let skip =
            t == 0 && (!reach::is_gate_at(edge, stage) || only_closed && reach::can_open(graph, entries, me, edge));
        if skip || t as usize == edge.targets.len() {
            entries[me].walk.next[side] = TargetIndex { edge: e + 1, target: 0 };
            continue;
        }
        entries[me].walk.next[side].target = t + 1;
        if let Lookup::One(at) = find(graph, entries, &edge.targets[t as usize]) {
            let condition = reach::condition_of(edge);
            // A target that satisfies the gate, or never does under its manager, is in no cycle of
            // gates.
            if at == me
                || only_closed
                    && (!reach::can_ever_satisfy(graph, entries, at, condition)
                        || reach::can_satisfy(graph, entries, at, condition))
            {
                continue;
            }
            if let Some(by) = reach::blocking_stage(condition) {
                if only_closed && !reach::requires_all(edge) {
                    // One alternative is enough: what lets the first come true opens the gate.
                    entries[me].walk.next[side] = TargetIndex { edge: e + 1, target: 0 };
                }
                return Some((2 * at as u32 + by as u32, TargetIndex { edge: e, target: t }));
            }
        }
    }
}

/// Records a cycle: the path leads from `first` to `last`, which waits for `first`.
const fn record_cycle(entries: &mut [NodeEntry], mut last: u32, first: u32, mut by: TargetIndex) {
    if by.edge == NO_INDEX {
        // The step was from Run to Init of one service: what closes the cycle is the gate that led
        // to its Run.
        by = entries[last as usize / 2].walk.entered_by[last as usize % 2];
        last = entries[last as usize / 2].walk.parent[last as usize % 2];
    }
    let (me, top) = (last as usize / 2, first as usize / 2);
    // One error for a cycle: another that only shares services with it is reported once this one is
    // gone.
    if entries[me].walk.in_cycle && entries[top].walk.in_cycle || entries[me].walk.closes.edge != NO_INDEX {
        return;
    }
    entries[me].walk.closes = by;
    entries[me].walk.cycle_last = last;
    entries[me].walk.cycle_first = first;
    let mut at = last;
    loop {
        entries[at as usize / 2].walk.in_cycle = true;
        if at == first {
            return;
        }
        at = entries[at as usize / 2].walk.parent[at as usize % 2];
    }
}

/// The target that closes a cycle at service `me`, if one does.
pub(super) const fn closing_target(entries: &[NodeEntry], me: usize) -> Option<TargetIndex> {
    let at = entries[me].walk.closes;
    if at.edge == NO_INDEX { None } else { Some(at) }
}

/// Of how many gates the cycle that service `me` closes consists.
pub(super) const fn gate_count(entries: &[NodeEntry], me: usize) -> usize {
    let mut count = 1;
    let mut at = entries[me].walk.cycle_last;
    while at != entries[me].walk.cycle_first {
        // The step from Run to Init of one service is not a gate.
        if entries[at as usize / 2].walk.entered_by[at as usize % 2].edge != NO_INDEX {
            count += 1;
        }
        at = entries[at as usize / 2].walk.parent[at as usize % 2];
    }
    count
}

/// The `i`-th gate of the cycle that service `me` closes, which is the last one: the service that
/// waits, and the target of it that it waits for.
pub(super) const fn nth_gate(entries: &[NodeEntry], me: usize, i: usize) -> (usize, TargetIndex) {
    let mut left = gate_count(entries, me) - 1 - i;
    if left == 0 {
        return (me, entries[me].walk.closes);
    }
    // Backwards along the path, since a vertex knows only its parent.
    let mut at = entries[me].walk.cycle_last;
    loop {
        let by = entries[at as usize / 2].walk.entered_by[at as usize % 2];
        at = entries[at as usize / 2].walk.parent[at as usize % 2];
        if by.edge != NO_INDEX {
            left -= 1;
            if left == 0 {
                return (at as usize / 2, by);
            }
        }
    }
}
