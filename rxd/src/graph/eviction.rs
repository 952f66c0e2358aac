//! Services that a graph keeps from being in Run together, although one of them waits for the other.
//!
//! [`rules`](super::rules) asks at each target of a watch, [`message`](super::message) asks again
//! for the words. Each answer is about *staying* in Run: a gate may open for the instant between
//! the entering of one service and the leaving of the other.
//!
//! # What counts as `needs`
//!
//! `#[needs("db")]`, and what it stands for: a gate before Run on `entering, Run` together with a
//! `then(stop)` on `exited, Run` or `not_in, Run`.

use super::compare::same_watch;
use super::known::{KnownStates, states_at_open_gates};
use super::model::{Edge, Effect, Keyword};
use super::reach::{GateStage, condition_of, evicts_at_run, gate_stage, is_gate_at, is_met_by_one, requires_all};
use super::table::{Analysis, EVICTS, MAY_BE_ENDED, NO_INDEX, TARGET_IN_TWO_WATCHES, has_target, target_service};
use crate::lifecycle::state::{Action, State};

/// How many services a search for an evicted dependency looks at, from the nearest on. With it the
/// check stays linear; what is farther away is accepted.
const MAX_SEARCHED: usize = 64;

/// A dependency that a reaction takes out of Run as soon as its dependent is in Run.
pub(super) struct Eviction {
    /// The services of the search, the first of which is the direct dependency.
    found: [u32; MAX_SEARCHED],
    /// For each of them the number, in `found`, of the one that needs it.
    needed_by: [u8; MAX_SEARCHED],
    /// The number of the evicted one.
    last: usize,
    /// Its reaction.
    pub(super) edge: usize,
}

impl Eviction {
    /// The service that leaves Run.
    pub(super) const fn evicted(&self) -> usize {
        self.found[self.last] as usize
    }

    /// How many services there are between the dependent and the one that leaves Run.
    pub(super) const fn links(&self) -> usize {
        let (mut count, mut at) = (0, self.last);
        while at != 0 {
            at = self.needed_by[at] as usize;
            count += 1;
        }
        count
    }

    /// The `i`-th service on the way from the dependent.
    pub(super) const fn link(&self, i: usize) -> usize {
        let (mut back, mut at) = (self.links() - i, self.last);
        while back > 0 {
            at = self.needed_by[at] as usize;
            back -= 1;
        }
        self.found[at] as usize
    }
}

/// The service that service `me` needs by target `t` of its edge `e`, if it is never in Run without
/// it.
const fn needed(analysis: &Analysis<'_>, me: usize, e: usize, t: usize) -> Option<usize> {
    let edge = &analysis.graph.nodes[me].edges[e];
    if !may_be_needed(analysis, me, edge) {
        return None;
    }
    let to = match target_service(analysis, edge, t) {
        Some(to) if to != me => to,
        _ => return None,
    };
    if matches!(edge.keyword, Keyword::Needs) || leaves_with(analysis, me, to) { Some(to) } else { None }
}

/// Whether the targets of this edge of service `me` may be needed, by what the edge says alone.
pub(super) const fn may_be_needed(analysis: &Analysis<'_>, me: usize, edge: &Edge<'_>) -> bool {
    matches!(edge.keyword, Keyword::Needs)
        || matches!(edge.keyword, Keyword::Watch)
            && analysis.entries[me].flags & TARGET_IN_TWO_WATCHES != 0
            && is_gate_at(edge, GateStage::Run)
            && requires_all(edge)
            && matches!((edge.action, edge.state), (Action::Entering, State::Run))
}

/// Whether a `then(stop)` takes service `me` out of Run when service `to` leaves it.
const fn leaves_with(analysis: &Analysis<'_>, me: usize, to: usize) -> bool {
    let edges = analysis.graph.nodes[me].edges;
    let mut e = 0;
    while e < edges.len() {
        let edge = &edges[e];
        if matches!((edge.keyword, edge.effect), (Keyword::Watch, Effect::Stop))
            && matches!((edge.action, edge.state), (Action::Exited | Action::NotIn, State::Run))
            && is_met_by_one(edge)
            && has_target(analysis, edge, to)
        {
            return true;
        }
        e += 1;
    }
    false
}

/// The reaction by which service `me` leaves Run as soon as service `other` is in Run, if there is
/// one.
const fn evicting_edge(analysis: &Analysis<'_>, me: usize, other: usize) -> Option<usize> {
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
    let Some(first) = needed(analysis, me, e, t) else { return None };
    let mut search = Eviction { found: [0; MAX_SEARCHED], needed_by: [0; MAX_SEARCHED], last: 0, edge: 0 };
    search.found[0] = first as u32;
    let mut count = 1;
    while search.last < count {
        let at = search.evicted();
        if let Some(edge) = evicting_edge(analysis, at, me) {
            search.edge = edge;
            return Some(search);
        }
        let edges = analysis.graph.nodes[at].edges;
        let mut e = 0;
        while e < edges.len() {
            let may_be_needed = may_be_needed(analysis, at, &edges[e]);
            let mut t = 0;
            while may_be_needed && t < edges[e].targets.len() && count < MAX_SEARCHED {
                match needed(analysis, at, e, t) {
                    // `me` itself would be a cycle, which is reported as that.
                    Some(next) if next != me && !is_among(&search.found, count, next) => {
                        search.found[count] = next as u32;
                        search.needed_by[count] = search.last as u8;
                        count += 1;
                    }
                    _ => {}
                }
                t += 1;
            }
            e += 1;
        }
        search.last += 1;
    }
    None
}

const fn is_among(found: &[u32; MAX_SEARCHED], count: usize, service: usize) -> bool {
    let mut i = 0;
    while i < count {
        if found[i] as usize == service {
            return true;
        }
        i += 1;
    }
    false
}

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

/// Another service that service `me` needs, and that stays in Run only while the one that this
/// target stands for is not in Run: a gate holds it back, and a reaction takes it out.
pub(super) const fn excluded_dependency(analysis: &Analysis<'_>, me: usize, e: usize, t: usize) -> Option<Exclusion> {
    let Some(to) = needed(analysis, me, e, t) else { return None };
    if analysis.entries[to].flags & EVICTS == 0 {
        return None;
    }
    let edges = analysis.graph.nodes[me].edges;
    let mut other_e = 0;
    while other_e < edges.len() {
        let mut other_t = 0;
        while other_t < edges[other_e].targets.len() {
            if let Some(other) = needed(analysis, me, other_e, other_t) {
                if other != to {
                    if let Some(exclusion) = exclusion(analysis, other, to) {
                        // If each excludes the other, that is one fault: at the later target.
                        let is_earlier = other_e > e || other_e == e && other_t > t;
                        if !is_earlier || self::exclusion(analysis, to, other).is_none() {
                            return Some(exclusion);
                        }
                    }
                }
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
const fn exclusion(analysis: &Analysis<'_>, me: usize, other: usize) -> Option<Exclusion> {
    let Some(reaction) = evicting_edge(analysis, me, other) else { return None };
    let count = analysis.graph.nodes[me].edges.len();
    let (known, gate) = states_at_open_gates(analysis, me, count, other, GateStage::Run);
    let KnownStates { possible, .. } = known;
    if gate == NO_INDEX as usize || possible == 0 || possible & State::Run.bit() != 0 {
        return None;
    }
    Some(Exclusion { service: me, other, gate, reaction })
}

/// A dependency that ends when the gates of its dependent open.
#[derive(Clone, Copy)]
pub(super) struct EndedDependency {
    pub(super) service: usize,
    /// The `then(exit)` that ends it.
    pub(super) reaction: usize,
    /// The gate of the dependent that opens at that instant, or later.
    pub(super) gate: usize,
}

/// The service that service `me` needs by this target, if it ends whenever the other gates of `me`
/// before Run are open.
pub(super) const fn ended_dependency(
    analysis: &Analysis<'_>,
    me: usize,
    e: usize,
    t: usize,
) -> Option<EndedDependency> {
    let Some(service) = needed(analysis, me, e, t) else { return None };
    if analysis.entries[service].flags & MAY_BE_ENDED == 0 {
        return None;
    }
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
                        return Some(EndedDependency { service, reaction, gate });
                    }
                }
            }
            t += 1;
        }
        reaction += 1;
    }
    None
}
