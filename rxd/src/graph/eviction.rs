//! Services that a graph keeps from being in Run together, although one of them waits for the other.
//!
//! [`rules`](super::rules) asks at each target of a watch, [`message`](super::message) asks again
//! for the words. Each answer is about *staying* in Run: a gate may open for the instant between
//! the entering of one service and the leaving of the other.

use super::known::{KnownStates, states_at_open_gates};
use super::model::{Effect, Keyword};
use super::need_search::{FoundServices, all_needed, needed};
use super::reach::{GateStage, condition_of, evicts_at_run, is_met_by_one};
use super::table::{Analysis, EVICTS, MAY_BE_ENDED, NO_INDEX, has_target, target_service};
use crate::lifecycle::state::State;

/// A dependency that a reaction takes out of Run as soon as its dependent is in Run.
pub(super) struct Eviction {
    /// The direct dependency, and what it needs in turn.
    pub(super) found: FoundServices,
    /// The number of the evicted one.
    pub(super) nth: usize,
    /// Its reaction.
    pub(super) edge: usize,
}

impl Eviction {
    /// The service that leaves Run.
    pub(super) const fn evicted(&self) -> usize {
        self.found.get(self.nth)
    }
}

/// The reaction by which service `me` leaves Run as soon as service `other` is in Run, if there is
/// one.
pub(super) const fn evicting_edge(analysis: &Analysis<'_>, me: usize, other: usize) -> Option<usize> {
    let edges = analysis.graph.nodes[me].edges;
    let mut e = 0;
    while e < edges.len() {
        if evicts_at_run(&edges[e]) && has_target(analysis, &edges[e], other) {
            return Some(e);
        }
        e += 1;
    }
    None
}

/// The dependency that leaves Run as soon as service `me` is in Run: the service that `me` needs by
/// this target, or one that this needs in turn.
pub(super) const fn evicted_dependency(analysis: &Analysis<'_>, me: usize, e: usize, t: usize) -> Option<Eviction> {
    if analysis.entries[me].flags & EVICTS == 0 {
        return None;
    }
    let Some(found) = all_needed(analysis, me, e, t) else { return None };
    let mut nth = 0;
    while nth < found.count {
        if let Some(edge) = evicting_edge(analysis, found.get(nth), me) {
            return Some(Eviction { found, nth, edge });
        }
        nth += 1;
    }
    None
}

/// Two services that service `me` needs by two targets, or by way of them, of which one stays in Run
/// only while the other is not in Run.
pub(super) struct ExcludedDependency {
    /// What is needed by this target, and the number of the service that excludes the other one.
    pub(super) found: FoundServices,
    pub(super) nth: usize,
    /// The same for the other target, and the service that is excluded.
    pub(super) other_found: FoundServices,
    pub(super) other_nth: usize,
    pub(super) other_target: (usize, usize),
    pub(super) exclusion: Exclusion,
}

/// Another service that service `me` needs, and that stays in Run only while one that it needs by
/// this target is not in Run: a gate holds it back, and a reaction takes it out.
pub(super) const fn excluded_dependency(
    analysis: &Analysis<'_>,
    me: usize,
    e: usize,
    t: usize,
) -> Option<ExcludedDependency> {
    match needed(analysis, me, e, t) {
        // What is farther away is accepted, so that the check stays linear.
        Some(first) if analysis.entries[first].is_near_eviction => {}
        _ => return None,
    }
    let Some(found) = all_needed(analysis, me, e, t) else { return None };
    let mut nth = 0;
    while nth < found.count {
        if analysis.entries[found.get(nth)].flags & EVICTS != 0 {
            let excluded = excluded_beside(analysis, me, (e, t), &found, nth);
            if excluded.is_some() {
                return excluded;
            }
        }
        nth += 1;
    }
    None
}

/// The same for the `nth` of the services that `me` needs by this target.
const fn excluded_beside(
    analysis: &Analysis<'_>,
    me: usize,
    (e, t): (usize, usize),
    found: &FoundServices,
    nth: usize,
) -> Option<ExcludedDependency> {
    let to = found.get(nth);
    let edges = analysis.graph.nodes[me].edges;
    let mut other_e = 0;
    while other_e < edges.len() {
        let mut other_t = 0;
        while other_t < edges[other_e].targets.len() {
            let other_found = match all_needed(analysis, me, other_e, other_t) {
                // If one target needs both, the fault is there.
                Some(other_found) if !other_found.has(to) => other_found,
                _ => {
                    other_t += 1;
                    continue;
                }
            };
            let mut other_nth = 0;
            while other_nth < other_found.count {
                let other = other_found.get(other_nth);
                if let (Some(exclusion), false) = (exclusion(analysis, other, to), found.has(other)) {
                    // If each excludes the other, that is one fault: at the later target.
                    let is_earlier = other_e > e || other_e == e && other_t > t;
                    if !is_earlier || self::exclusion(analysis, to, other).is_none() {
                        let (found, other_target) = (*found, (other_e, other_t));
                        return Some(ExcludedDependency {
                            found,
                            nth,
                            other_found,
                            other_nth,
                            other_target,
                            exclusion,
                        });
                    }
                }
                other_nth += 1;
            }
            other_t += 1;
        }
        other_e += 1;
    }
    None
}

/// A service that stays in Run only while another one is not.
#[derive(Clone, Copy)]
pub(super) struct Exclusion {
    pub(super) service: usize,
    pub(super) other: usize,
    /// Its gate, and its reaction.
    pub(super) gate: usize,
    pub(super) reaction: usize,
}

/// The gate and the reaction by which service `me` stays in Run only while service `other` is not.
///
/// The gate may be before Init: what comes true after it has opened, and still holds when Run is
/// entered, fires there.
const fn exclusion(analysis: &Analysis<'_>, me: usize, other: usize) -> Option<Exclusion> {
    let Some(reaction) = evicting_edge(analysis, me, other) else { return None };
    let count = analysis.graph.nodes[me].edges.len();
    let stages = [GateStage::Run, GateStage::Init];
    let mut i = 0;
    while i < stages.len() {
        let (known, gate) = states_at_open_gates(analysis, me, count, other, stages[i]);
        let KnownStates { possible, .. } = known;
        if gate != NO_INDEX as usize && possible != 0 && possible & State::Run.bit() == 0 {
            return Some(Exclusion { service: me, other, gate, reaction });
        }
        i += 1;
    }
    None
}

/// A dependency that ends when the gates of its dependent open.
pub(super) struct EndedDependency {
    /// The direct dependency, and what it needs in turn.
    pub(super) found: FoundServices,
    /// The number of the one that ends.
    pub(super) nth: usize,
    /// The `then(exit)` that ends it.
    pub(super) reaction: usize,
    /// The gate of the dependent that opens at that instant, or later.
    pub(super) gate: usize,
}

impl EndedDependency {
    /// The service that ends.
    pub(super) const fn service(&self) -> usize {
        self.found.get(self.nth)
    }
}

/// The service that service `me` needs by this target, or one that this needs in turn, if it ends
/// whenever the other gates of `me` before Run are open.
pub(super) const fn ended_dependency(
    analysis: &Analysis<'_>,
    me: usize,
    e: usize,
    t: usize,
) -> Option<EndedDependency> {
    match needed(analysis, me, e, t) {
        // Also set if one that it needs may be ended.
        Some(first) if analysis.entries[first].flags & MAY_BE_ENDED != 0 => {}
        _ => return None,
    }
    let Some(found) = all_needed(analysis, me, e, t) else { return None };
    let mut nth = 0;
    while nth < found.count {
        if let Some((reaction, gate)) = ended_by(analysis, me, found.get(nth)) {
            return Some(EndedDependency { found, nth, reaction, gate });
        }
        nth += 1;
    }
    None
}

/// The `then(exit)` of the service that has come true when this gate of service `me` is open.
const fn ended_by(analysis: &Analysis<'_>, me: usize, service: usize) -> Option<(usize, usize)> {
    let count = analysis.graph.nodes[me].edges.len();
    let edges = analysis.graph.nodes[service].edges;
    let mut reaction = 0;
    while reaction < edges.len() {
        let edge = &edges[reaction];
        let ends = matches!((edge.keyword, edge.effect), (Keyword::Watch, Effect::Exit)) && is_met_by_one(edge);
        let mut t = 0;
        while ends && t < edge.targets.len() {
            if let Some(to) = target_service(analysis, edge, t) {
                if to != me && to != service {
                    let (known, gate) = states_at_open_gates(analysis, me, count, to, GateStage::Run);
                    let condition = condition_of(edge);
                    if gate != NO_INDEX as usize
                        && known.possible != 0
                        && known.implies(condition)
                        && !KnownStates::without_gates(analysis, to).implies(condition)
                    {
                        return Some((reaction, gate));
                    }
                }
            }
            t += 1;
        }
        reaction += 1;
    }
    None
}
