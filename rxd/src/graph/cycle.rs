//! Who waits for whom, walked depth first.
//!
//! The walk is over *halves* of services: what a service does before it has passed its gates before
//! Run, and what it does after; because `then(run)` holds back only the latter. It runs twice:
//! over all gates, for the order in which [`solve`](super::solve) looks at them; and, if some can never open,
//! over those, where a way back to where one came from is a cycle.

use super::model::Graph;
use super::reach::{self, Stage};
use super::table::{At, BELOW, Cell, Found, INIT, LEFT, NEW, NONE, NOWHERE, Walk, find};

/// The `i`-th half in the order in which the walk left them: what it waits for comes before it.
pub(super) const fn nth(cells: &[Cell], i: usize) -> (usize, Stage) {
    split(cells[i / 2].walk.left[i % 2])
}

const fn split(half: u32) -> (usize, Stage) {
    (half as usize / 2, if half % 2 == 0 { Stage::Init } else { Stage::Run })
}

/// Walks over all gates, or over those that are stuck.
pub(super) const fn walk(graph: &Graph<'_>, cells: &mut [Cell], stuck: bool) {
    let mut i = 0;
    while i < cells.len() {
        cells[i].walk = Walk::NEW;
        i += 1;
    }
    let mut count = 0;
    let mut root = 0;
    while root < 2 * cells.len() {
        let mut half = root as u32;
        root += 1;
        if cells[half as usize / 2].walk.seen[half as usize % 2] != NEW {
            continue;
        }
        cells[half as usize / 2].walk.seen[half as usize % 2] = BELOW;
        while half != NONE {
            let (me, stage) = split(half);
            match step(graph, cells, me, stage, stuck) {
                Some((to, by)) => {
                    let (at, side) = (to as usize / 2, to as usize % 2);
                    match cells[at].walk.seen[side] {
                        NEW => {
                            cells[at].walk.seen[side] = BELOW;
                            cells[at].walk.from[side] = half;
                            cells[at].walk.by[side] = by;
                            half = to;
                        }
                        BELOW if stuck => close(cells, half, to, by),
                        _ => {}
                    }
                }
                None => {
                    cells[me].walk.seen[stage as usize] = LEFT;
                    if !stuck {
                        cells[count / 2].walk.left[count % 2] = half;
                    }
                    count += 1;
                    half = cells[me].walk.from[stage as usize];
                }
            }
        }
    }
}

/// The next half that this one waits for, and by which edge.
const fn step(graph: &Graph<'_>, cells: &mut [Cell], me: usize, stage: Stage, stuck: bool) -> Option<(u32, At)> {
    let edges = graph.nodes[me].edges;
    let side = stage as usize;
    loop {
        let At { edge: e, target: t } = cells[me].walk.next[side];
        if e as usize > edges.len() {
            return None;
        }
        if e as usize == edges.len() {
            // Last of all, Run waits for Init.
            cells[me].walk.next[side].edge = e + 1;
            if side == 1 && (!stuck || cells[me].facts & INIT == 0) {
                return Some((2 * me as u32, NOWHERE));
            }
            return None;
        }
        let edge = &edges[e as usize];
        let skip = t == 0 && (!reach::is_at(edge, stage) || stuck && reach::opens(graph, cells, me, edge));
        if skip || t as usize == edge.targets.len() {
            cells[me].walk.next[side] = At { edge: e + 1, target: 0 };
            continue;
        }
        cells[me].walk.next[side].target = t + 1;
        if let Found::One(at) = find(graph, cells, &edge.targets[t as usize]) {
            let ask = reach::ask(edge);
            if at == me || stuck && (!reach::can_ever(graph, cells, at, ask) || reach::can_now(graph, cells, at, ask)) {
                continue;
            }
            if let Some(by) = reach::held_by(ask) {
                if stuck && !reach::every(edge) {
                    // Of alternatives it takes one: what mends the first opens the gate.
                    cells[me].walk.next[side] = At { edge: e + 1, target: 0 };
                }
                return Some((2 * at as u32 + by as u32, At { edge: e, target: t }));
            }
        }
    }
}

/// Notes a cycle: `to` leads down to `half`, which waits for `to`.
const fn close(cells: &mut [Cell], mut half: u32, to: u32, mut by: At) {
    if by.edge == NONE {
        // The step was within one service: what closes the cycle is the wait that led there.
        by = cells[half as usize / 2].walk.by[half as usize % 2];
        half = cells[half as usize / 2].walk.from[half as usize % 2];
    }
    let (me, top) = (half as usize / 2, to as usize / 2);
    // One error for a cycle: another that only shares services with it shows when this one is mended.
    if cells[me].walk.found && cells[top].walk.found || cells[me].walk.closes.edge != NONE {
        return;
    }
    cells[me].walk.closes = by;
    cells[me].walk.bottom = half;
    cells[me].walk.top = to;
    let mut at = half;
    loop {
        cells[at as usize / 2].walk.found = true;
        if at == to {
            return;
        }
        at = cells[at as usize / 2].walk.from[at as usize % 2];
    }
}

/// The target that closes a cycle at service `me`, if one does.
pub(super) const fn closes(cells: &[Cell], me: usize) -> Option<At> {
    let at = cells[me].walk.closes;
    if at.edge == NONE { None } else { Some(at) }
}

/// How many waits the cycle closed by service `me` consists of.
pub(super) const fn length(cells: &[Cell], me: usize) -> usize {
    let mut length = 1;
    let mut at = cells[me].walk.bottom;
    while at != cells[me].walk.top {
        if cells[at as usize / 2].walk.by[at as usize % 2].edge != NONE {
            length += 1;
        }
        at = cells[at as usize / 2].walk.from[at as usize % 2];
    }
    length
}

/// The `i`-th wait of the cycle closed by service `me`, which is the last one: who waits, and by what.
pub(super) const fn wait(cells: &[Cell], me: usize, i: usize) -> (usize, At) {
    let mut left = length(cells, me) - 1 - i;
    if left == 0 {
        return (me, cells[me].walk.closes);
    }
    let mut at = cells[me].walk.bottom;
    loop {
        let by = cells[at as usize / 2].walk.by[at as usize % 2];
        at = cells[at as usize / 2].walk.from[at as usize % 2];
        if by.edge != NONE {
            left -= 1;
            if left == 0 {
                return (at as usize / 2, by);
            }
        }
    }
}
