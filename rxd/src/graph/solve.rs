//! Finds which states each service can ever get to: the least fixed point over all gates.

use super::cycle;
use super::model::{Effect, Graph, Keyword};
use super::reach::{Stage, is_at, opens, stage};
use super::table::{Cell, FALLS, Found, INIT, LIMITED, RUN, find};

/// Finds the facts of every service, and then the cycles.
pub(super) const fn solve(graph: &Graph<'_>, cells: &mut [Cell]) {
    let mut watches = false;
    let mut me = 0;
    while me < cells.len() {
        let node = &graph.nodes[me];
        watches |= !node.edges.is_empty();
        let mut e = 0;
        while e < node.edges.len() {
            let edge = &node.edges[e];
            match stage(edge) {
                None if matches!(edge.effect, Effect::Exit) => cells[me].facts |= FALLS,
                Some(Stage::Run) if edge.within.is_some() => cells[me].facts |= LIMITED,
                // It gives up waiting, without ever having been in Init.
                Some(Stage::Init) if edge.within.is_some() && node.has_restart_limit => cells[me].facts |= FALLS,
                _ => {}
            }
            e += 1;
        }
        me += 1;
    }
    if !watches {
        // Nobody asks.
        return;
    }
    // Targets before those who wait for them: then one round settles a graph without cycles,
    // however long its chains are.
    cycle::walk(graph, cells, false);
    while fall_round(graph, cells) {}
    while open_round(graph, cells) {}
    let mut me = 0;
    while me < cells.len() {
        if cells[me].facts & (INIT | RUN) != INIT | RUN {
            cycle::walk(graph, cells, true);
            return;
        }
        me += 1;
    }
}

const fn open_round(graph: &Graph<'_>, cells: &mut [Cell]) -> bool {
    let mut changed = false;
    let mut i = 0;
    while i < 2 * cells.len() {
        let (me, stage) = cycle::nth(cells, i);
        let fact = match stage {
            Stage::Init => INIT,
            Stage::Run => RUN,
        };
        if cells[me].facts & fact == 0 && all_open(graph, cells, me, stage) {
            cells[me].facts |= fact;
            changed = true;
        }
        i += 1;
    }
    changed
}

const fn all_open(graph: &Graph<'_>, cells: &[Cell], me: usize, at: Stage) -> bool {
    let edges = graph.nodes[me].edges;
    let mut e = 0;
    while e < edges.len() {
        if is_at(&edges[e], at) && !opens(graph, cells, me, &edges[e]) {
            return false;
        }
        e += 1;
    }
    true
}

/// Who gives up takes along those who need it, or come after it.
const fn fall_round(graph: &Graph<'_>, cells: &mut [Cell]) -> bool {
    let mut changed = false;
    let mut i = 0;
    while i < 2 * cells.len() {
        let (me, stage) = cycle::nth(cells, i);
        i += 1;
        if cells[me].facts & FALLS != 0 || matches!(stage, Stage::Init) {
            continue;
        }
        let edges = graph.nodes[me].edges;
        let mut e = 0;
        while e < edges.len() {
            let mut t = 0;
            while t < edges[e].targets.len() && !matches!(edges[e].keyword, Keyword::Watch) {
                if let Found::One(at) = find(graph, cells, &edges[e].targets[t]) {
                    if cells[at].facts & FALLS != 0 || graph.nodes[at].has_restart_limit || graph.nodes[at].table.ends()
                    {
                        cells[me].facts |= FALLS;
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
