//! Services that take each other out of Run, two or more in a cycle.
//!
//! Such a cycle never settles. Suppose all of them stayed in Run: of the last one that entered, the
//! service that reacts to it was in Run at that instant, and so has left; or it entered later. Each
//! comes back, since nothing but the gates holds it back, and these are the same for all.

use super::compare::same_watch;
use super::eviction::evicting_edge;
use super::model::{Edge, Effect, Keyword};
use super::need_search::FoundServices;
use super::reach::{evicts_at_run, gate_stage};
use super::table::{Analysis, EVICTS, target_service};
use crate::lifecycle::state::State;

/// The reaction of the service that this target of a `then(stop)` stands for, if each of the two
/// takes the other out of Run, and no gate holds only one of them back.
///
/// Both are then restarted, and again each takes the other out. It is reported at the later one.
pub(super) const fn mutual_eviction(analysis: &Analysis<'_>, me: usize, e: usize, t: usize) -> Option<usize> {
    let edge = &analysis.graph.nodes[me].edges[e];
    if analysis.entries[me].flags & EVICTS == 0 || !evicts_at_run(edge) {
        return None;
    }
    let other = match target_service(analysis, edge, t) {
        Some(other) if other < me => other,
        _ => return None,
    };
    let Some(back) = evicting_edge(analysis, other, me) else { return None };
    if always_tries_again(analysis, me)
        && always_tries_again(analysis, other)
        && shares_gates(analysis, me, other)
        && shares_gates(analysis, other, me)
    {
        Some(back)
    } else {
        None
    }
}

/// Whether the service comes back to Run whenever it is taken out of it: neither its manager nor a
/// reaction ends it.
const fn always_tries_again(analysis: &Analysis<'_>, me: usize) -> bool {
    let node = &analysis.graph.nodes[me];
    let mut e = 0;
    while e < node.edges.len() {
        if matches!((node.edges[e].keyword, node.edges[e].effect), (Keyword::Watch, Effect::Exit)) {
            return false;
        }
        e += 1;
    }
    node.table.reaches(State::Run) && !node.table.ends()
}

/// Whether each gate of service `a` is also one of service `b`, so that nothing holds `b` back while
/// `a` may pass.
const fn shares_gates(analysis: &Analysis<'_>, a: usize, b: usize) -> bool {
    let (own, others) = (analysis.graph.nodes[a].edges, analysis.graph.nodes[b].edges);
    let mut e = 0;
    while e < own.len() {
        let mut shared = gate_stage(&own[e]).is_none();
        let mut other = 0;
        while !shared && other < others.len() {
            shared = same_watch(analysis, &own[e], &others[other]);
            other += 1;
        }
        if !shared {
            return false;
        }
        e += 1;
    }
    true
}

/// A cycle of three services or more.
pub(super) struct EvictionCycle {
    /// The service that takes `me` out, and from there on those that take each other out.
    pub(super) found: FoundServices,
    /// The number of the one that `me` takes out.
    pub(super) nth: usize,
}

/// The cycle in which service `me` is taken out of Run by this target, which is taken out by another
/// service, and so on, and `me` takes out the last one. It is reported at the latest of them.
pub(super) const fn eviction_cycle(analysis: &Analysis<'_>, me: usize, e: usize, t: usize) -> Option<EvictionCycle> {
    let edge = &analysis.graph.nodes[me].edges[e];
    if analysis.entries[me].flags & EVICTS == 0 || !is_eviction(edge) || !always_tries_again(analysis, me) {
        return None;
    }
    let first = match target_service(analysis, edge, t) {
        Some(first) if may_follow(analysis, me, first) => first,
        _ => return None,
    };
    let mut found = FoundServices::new(first);
    let mut nth = 0;
    while nth < found.count {
        let at = found.get(nth);
        if evicting_edge(analysis, at, me).is_some() {
            // Of two, that is a fault by itself.
            return if nth > 0 { Some(EvictionCycle { found, nth }) } else { None };
        }
        let edges = analysis.graph.nodes[at].edges;
        let mut e = 0;
        while e < edges.len() {
            let mut t = 0;
            while is_eviction(&edges[e]) && t < edges[e].targets.len() {
                match target_service(analysis, &edges[e], t) {
                    Some(next) if may_follow(analysis, me, next) => found.add(next, nth),
                    _ => {}
                }
                t += 1;
            }
            e += 1;
        }
        nth += 1;
    }
    None
}

const fn is_eviction(edge: &Edge<'_>) -> bool {
    matches!(edge.effect, Effect::Stop) && evicts_at_run(edge)
}

/// Whether the service may be in a cycle with the later service `me`.
const fn may_follow(analysis: &Analysis<'_>, me: usize, service: usize) -> bool {
    service < me
        && analysis.entries[service].flags & EVICTS != 0
        && always_tries_again(analysis, service)
        && shares_gates(analysis, me, service)
        && shares_gates(analysis, service, me)
}
