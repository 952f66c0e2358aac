//! What a service needs, and what these services need in turn.
//!
//! # What counts as `needs`
//!
//! `#[needs("db")]`, and what it stands for: a gate before Run on `entering, Run` together with a
//! `then(stop)` on `exited, Run` or `not_in, Run`.

use super::model::{Edge, Effect, Keyword};
use super::reach::{GateStage, is_gate_at, is_met_by_one, requires_all};
use super::table::{Analysis, TARGET_IN_TWO_WATCHES, has_target, target_service};
use crate::lifecycle::state::{Action, State};

/// How many services a search looks at, from the nearest on. With it the check stays linear; what
/// is farther away is accepted.
pub(super) const MAX_SEARCHED: usize = 64;

/// Services found one by way of another.
#[derive(Clone, Copy)]
pub(super) struct FoundServices {
    services: [u32; MAX_SEARCHED],
    /// For each of them the number of the one by way of which it was found.
    by: [u8; MAX_SEARCHED],
    pub(super) count: usize,
}

impl FoundServices {
    pub(super) const fn new(first: usize) -> FoundServices {
        let mut found = FoundServices { services: [0; MAX_SEARCHED], by: [0; MAX_SEARCHED], count: 1 };
        found.services[0] = first as u32;
        found
    }

    /// The `nth` service that was found.
    pub(super) const fn get(&self, nth: usize) -> usize {
        self.services[nth] as usize
    }

    pub(super) const fn has(&self, service: usize) -> bool {
        let mut i = 0;
        while i < self.count {
            if self.get(i) == service {
                return true;
            }
            i += 1;
        }
        false
    }

    /// Adds a service that was found by way of the `nth`, unless it is known or there are too many.
    pub(super) const fn add(&mut self, service: usize, nth: usize) {
        if self.count < MAX_SEARCHED && !self.has(service) {
            self.services[self.count] = service as u32;
            self.by[self.count] = nth as u8;
            self.count += 1;
        }
    }

    /// How many steps there are from the first service to the `nth`.
    pub(super) const fn links(&self, nth: usize) -> usize {
        let (mut count, mut at) = (0, nth);
        while at != 0 {
            at = self.by[at] as usize;
            count += 1;
        }
        count
    }

    /// The service after `i` of the steps from the first one to the `nth`.
    pub(super) const fn link(&self, nth: usize, i: usize) -> usize {
        let (mut back, mut at) = (self.links(nth) - i, nth);
        while back > 0 {
            at = self.by[at] as usize;
            back -= 1;
        }
        self.get(at)
    }
}

/// The service that service `me` needs by target `t` of its edge `e`, if it is never in Run without
/// it.
pub(super) const fn needed(analysis: &Analysis<'_>, me: usize, e: usize, t: usize) -> Option<usize> {
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

/// The service that service `me` needs by this target, and all that it needs in turn; without `me`,
/// which would be a cycle, and is reported as that.
pub(super) const fn all_needed(analysis: &Analysis<'_>, me: usize, e: usize, t: usize) -> Option<FoundServices> {
    let Some(first) = needed(analysis, me, e, t) else { return None };
    let mut found = FoundServices::new(first);
    let mut nth = 0;
    while nth < found.count {
        let at = found.get(nth);
        let edges = analysis.graph.nodes[at].edges;
        let mut e = 0;
        while e < edges.len() {
            let may_be_needed = may_be_needed(analysis, at, &edges[e]);
            let mut t = 0;
            while may_be_needed && t < edges[e].targets.len() && found.count < MAX_SEARCHED {
                match needed(analysis, at, e, t) {
                    Some(next) if next != me => found.add(next, nth),
                    _ => {}
                }
                t += 1;
            }
            e += 1;
        }
        nth += 1;
    }
    Some(found)
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
