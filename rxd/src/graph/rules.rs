//! The rules: which one is violated first at a service, at a watch or at a target.
//!
//! [`check`](super::check) asks place by place, in the compiler for one and at run time for all;
//! [`message`](super::message) words what it finds. One place has one violation, the first that is
//! found, so that one mistake is one error. What [`RuleViolation::other`] refers to is
//! agreed between this file and `message`, rule by rule.

use super::compare::{is_comparable, is_stream, same_watch};
use super::cycle;
use super::eviction::{ended_dependency, evicted_dependency, excluded_dependency};
use super::eviction_cycle::{eviction_cycle, mutual_eviction};
use super::family::{self, asks_each};
use super::known::{KnownStates, comes_before, states_at_open_gates};
use super::model::{Edge, Effect, Keyword};
use super::name::is_name;
use super::need_search::may_be_needed;
use super::reach::{GateStage, can_ever_satisfy, condition_of, gate_stage, is_gate_at, is_met_by_one, requires_all};
use super::rule::Rule;
use super::table::{
    Analysis, Lookup, NO_INDEX, TARGET_IN_TWO_WATCHES, TARGET_TWICE_IN_ONE_WATCH, find, first_with_name_of, has_target,
    next_family, same_text, target_service,
};
use crate::lifecycle::state::{Action, State};

/// A violated rule, and what its message needs to know beside the place.
#[derive(Clone, Copy, Debug)]
pub(super) struct RuleViolation {
    pub(super) rule: Rule,
    /// Another service, or another edge, that takes part; which of them depends on the rule.
    pub(super) other: usize,
}

/// Where the violation is: the service, its edge, and the target of that edge. A rule about a whole
/// service or edge ignores the rest.
#[derive(Clone, Copy)]
pub(super) struct FaultPosition {
    pub(super) service: usize,
    pub(super) edge: usize,
    pub(super) target: usize,
}

const fn violation(rule: Rule, other: usize) -> Option<RuleViolation> {
    Some(RuleViolation { rule, other })
}

/// The rules about a service as a whole.
pub(super) const fn violation_of_service(analysis: &Analysis<'_>, me: usize) -> Option<RuleViolation> {
    let name = analysis.graph.nodes[me].name;
    if name.is_empty() {
        return violation(Rule::EmptyName, me);
    }
    if !is_name(name) {
        return violation(Rule::InvalidName, me);
    }
    let first = first_with_name_of(analysis.graph, analysis.entries, me);
    if first != me {
        return violation(Rule::DuplicateName, first);
    }
    // Most graphs have no family.
    if next_family(analysis.entries, 0).is_none() {
        return None;
    }
    match family::taken_names(analysis, me) {
        Some(family) => violation(Rule::MemberName, family),
        None => None,
    }
}

/// The rules about one watch as a whole.
pub(super) const fn violation_of_edge(analysis: &Analysis<'_>, me: usize, e: usize) -> Option<RuleViolation> {
    let edges = analysis.graph.nodes[me].edges;
    let edge = &edges[e];
    if edge.targets.is_empty() {
        return violation(Rule::NoTargets, e);
    }
    if edge.within.is_some() && gate_stage(edge).is_none() {
        return violation(Rule::WithinWithoutGate, e);
    }
    if let (Some(lasts), Keyword::Watch) = (edge.lasts, edge.keyword) {
        if is_stream(edge) {
            return violation(Rule::LastsOnStream, e);
        }
        if matches!(edge.action, Action::Changing) {
            return violation(Rule::LastsOnChanging, e);
        }
        if let Some(within) = edge.within {
            if lasts.as_nanos() > within.as_nanos() {
                return violation(Rule::LastsExceedsWithin, e);
            }
        }
    }
    let mut other = 0;
    while other < e {
        if analysis.entries[me].flags & TARGET_IN_TWO_WATCHES != 0
            && is_comparable(analysis, me, edge)
            && same_watch(analysis, edge, &edges[other])
        {
            return violation(Rule::DuplicateWatch, other);
        }
        if is_stream(edge) && is_stream(&edges[other]) && same_text(edge.stream, edges[other].stream) {
            return violation(Rule::DuplicateStream, other);
        }
        other += 1;
    }
    if matches!((edge.keyword, edge.effect), (Keyword::Watch, Effect::Stop | Effect::Exit))
        && is_comparable(analysis, me, edge)
    {
        let found = reaction_violation(analysis, me, edge);
        if found.is_some() {
            return found;
        }
        // With a time, the service may be in Run before that is over.
        if matches!(edge.effect, Effect::Exit) && edge.lasts.is_none() {
            return exit_violation(analysis, me, edge);
        }
    }
    None
}

/// The rules about one target of one watch.
pub(super) const fn violation_of_target(
    analysis: &Analysis<'_>,
    me: usize,
    e: usize,
    t: usize,
) -> Option<RuleViolation> {
    let Analysis { graph, entries, .. } = *analysis;
    let edge = &graph.nodes[me].edges[e];
    let to = match find(graph, entries, &edge.targets[t]) {
        Lookup::One(to) => to,
        Lookup::None if edge.targets[t].by_type => return violation(Rule::UnknownType, t),
        Lookup::None => {
            return match family::of_member(graph, entries, edge.targets[t].text) {
                Some(family) => violation(Rule::MemberTarget, family),
                None => violation(Rule::UnknownService, t),
            };
        }
        Lookup::Many => return violation(Rule::AmbiguousType, t),
    };
    if edge.targets[t].hides_parameters {
        return violation(Rule::HiddenParameters, to);
    }
    if entries[me].flags & TARGET_TWICE_IN_ONE_WATCH != 0 {
        let mut other = 0;
        while other < t {
            if let Some(before) = target_service(analysis, edge, other) {
                if before == to {
                    return violation(Rule::DuplicateTarget, other);
                }
            }
            other += 1;
        }
    }
    if to == me {
        return violation(Rule::SelfWatch, t);
    }
    match edge.keyword {
        Keyword::Needs if graph.nodes[to].table.succeeds() => return violation(Rule::NeedsOneShot, to),
        Keyword::After if !graph.nodes[to].table.succeeds() => return violation(Rule::AfterNeverCompletes, to),
        _ => {}
    }
    if is_never_true(analysis, me, edge, t) {
        return violation(Rule::WatchNeverTrue, to);
    }
    if let Some(found) = eviction_violation(analysis, me, e, t) {
        return Some(found);
    }
    if let Some(other) = conflicting_gate(analysis, me, e, to) {
        return violation(Rule::ConflictingGates, other);
    }
    if let Some(by) = cycle::closing_target(entries, me) {
        if by.edge as usize == e && by.target as usize == t {
            return violation(Rule::Cycle, to);
        }
    }
    None
}

/// Whether the edge never holds, whatever the gates do, and this is the target to report it at.
const fn is_never_true(analysis: &Analysis<'_>, me: usize, edge: &Edge<'_>, t: usize) -> bool {
    if !makes_never_true(analysis, me, edge, t) {
        return false;
    }
    if requires_all(edge) {
        return true;
    }
    // An alternative that never comes true is not a fault while another can. If none can, the fault
    // is reported once, at the first.
    if t != 0 {
        return false;
    }
    let mut other = 1;
    while other < edge.targets.len() {
        if !makes_never_true(analysis, me, edge, other) {
            return false;
        }
        other += 1;
    }
    true
}

/// Whether this target never satisfies the edge under its manager.
const fn makes_never_true(analysis: &Analysis<'_>, me: usize, edge: &Edge<'_>, t: usize) -> bool {
    match target_service(analysis, edge, t) {
        Some(to) if to != me => {
            // An operator can end any service, so a reaction to Exit can come true under any
            // manager.
            let condition = condition_of(edge);
            (gate_stage(edge).is_some() || !condition.state.is(State::Exit))
                && !can_ever_satisfy(analysis.graph, analysis.entries, to, condition)
        }
        _ => false,
    }
}

/// The violation of a target that service `me` needs, and that does not stay in Run while `me` is.
const fn eviction_violation(analysis: &Analysis<'_>, me: usize, e: usize, t: usize) -> Option<RuleViolation> {
    if let Some(found) = evicted_dependency(analysis, me, e, t) {
        // Another target of `me` may lead to the same service: that is one fault, at the first.
        let edges = analysis.graph.nodes[me].edges;
        let mut before = 0;
        while before <= e {
            let mut target = 0;
            while target < if before < e { edges[before].targets.len() } else { t } {
                if let Some(earlier) = evicted_dependency(analysis, me, before, target) {
                    if earlier.evicted() == found.evicted() {
                        return None;
                    }
                }
                target += 1;
            }
            before += 1;
        }
        return violation(Rule::NeedsEvicts, found.evicted());
    }
    if let Some(back) = mutual_eviction(analysis, me, e, t) {
        return violation(Rule::MutualEviction, back);
    }
    if eviction_cycle(analysis, me, e, t).is_some() {
        return violation(Rule::MutualEviction, NO_INDEX as usize);
    }
    let edge = &analysis.graph.nodes[me].edges[e];
    if !may_be_needed(analysis, me, edge) || !is_comparable(analysis, me, edge) {
        return None;
    }
    if let Some(found) = excluded_dependency(analysis, me, e, t) {
        return violation(Rule::NeedsExclusive, found.exclusion.service);
    }
    match ended_dependency(analysis, me, e, t) {
        Some(found) => violation(Rule::NeedsEnded, found.service()),
        None => None,
    }
}

/// The earlier gate of service `me` that is never open together with its gate `e`, because of what
/// both ask of service `to`.
const fn conflicting_gate(analysis: &Analysis<'_>, me: usize, e: usize, to: usize) -> Option<usize> {
    let edge = &analysis.graph.nodes[me].edges[e];
    let Some(when) = gate_stage(edge) else { return None };
    if analysis.entries[me].flags & TARGET_IN_TWO_WATCHES == 0
        || e == 0
        || !asks_each(analysis, edge, to)
        || !is_comparable(analysis, me, edge)
    {
        return None;
    }
    let (before, other) = states_at_open_gates(analysis, me, e, to, when);
    if other != NO_INDEX as usize && before.possible != 0 && before.given(condition_of(edge)).possible == 0 {
        Some(other)
    } else {
        None
    }
}

/// The violation of a reaction that holds whenever service `me` has just passed its gates before
/// Run: a gate lets the service in on what the reaction takes it out for, or the reaction always
/// holds.
const fn reaction_violation(analysis: &Analysis<'_>, me: usize, edge: &Edge<'_>) -> Option<RuleViolation> {
    let edges = analysis.graph.nodes[me].edges;
    let condition = condition_of(edge);
    let mut by = NO_INDEX as usize;
    let mut t = 0;
    while t < edge.targets.len() {
        let mut implied = false;
        if let Some(to) = target_service(analysis, edge, t) {
            if to != me {
                let (known, last) = states_at_open_gates(analysis, me, edges.len(), to, GateStage::Run);
                implied = known.possible != 0 && known.implies(condition);
                // Implied by the gates only: then the last gate that says something about it is to
                // blame.
                if implied && last != NO_INDEX as usize && !KnownStates::without_gates(analysis, to).implies(condition)
                {
                    by = last;
                }
            }
        }
        // `all`: one target that is not implied is enough for "no". `any`: one that is, for "yes".
        if implied != requires_all(edge) {
            if !implied {
                return None;
            }
            break;
        }
        t += 1;
    }
    if t == edge.targets.len() && !requires_all(edge) {
        return match contradicted_alternatives(analysis, me, edge) {
            Some(gate) => violation(Rule::ReactionContradictsGate, gate),
            None => None,
        };
    }
    let t = if requires_all(edge) { 0 } else { t };
    if by == NO_INDEX as usize {
        violation(Rule::ReactionAlwaysTrue, t)
    } else {
        violation(Rule::ReactionContradictsGate, by)
    }
}

/// The `any` gate of service `me` before Run of which each alternative makes the `any` reaction hold.
const fn contradicted_alternatives(analysis: &Analysis<'_>, me: usize, reaction: &Edge<'_>) -> Option<usize> {
    let edges = analysis.graph.nodes[me].edges;
    let mut e = 0;
    while e < edges.len() {
        let gate = &edges[e];
        let mut holds = false;
        let mut t = 0;
        while is_gate_at(gate, GateStage::Run) && !requires_all(gate) && t < gate.targets.len() {
            let Some(to) = target_service(analysis, gate, t) else { break };
            let known = KnownStates::without_gates(analysis, to).given(condition_of(gate));
            // An alternative that never comes true lets the service in never.
            if known.possible != 0 {
                holds = to != me && known.implies(condition_of(reaction)) && has_target(analysis, reaction, to);
                if !holds {
                    break;
                }
            }
            t += 1;
        }
        if holds && t == gate.targets.len() {
            return Some(e);
        }
        e += 1;
    }
    None
}

/// The violation of a `then(exit)` that comes true before service `me` has been in Run: from the
/// start, or on the way of a target to what a gate asks of it. A gate also counts before Init.
const fn exit_violation(analysis: &Analysis<'_>, me: usize, edge: &Edge<'_>) -> Option<RuleViolation> {
    let condition = condition_of(edge);
    // Every service begins in Unknown.
    let at_start = match condition.action {
        Action::NotIn => !condition.state.is(State::Unknown),
        Action::Entering => condition.state.is(State::Unknown),
        Action::Exited | Action::Changing => false,
    };
    if !at_start && !is_met_by_one(edge) {
        return None;
    }
    let edges = analysis.graph.nodes[me].edges;
    let mut found = NO_INDEX as usize;
    let mut t = 0;
    while t < edge.targets.len() {
        // A target that is a fault by itself is reported as that.
        let to = match target_service(analysis, edge, t) {
            Some(to) if to != me => to,
            _ => return None,
        };
        let mut e = 0;
        while !at_start && found == NO_INDEX as usize && e < edges.len() {
            let gate = &edges[e];
            if gate_stage(gate).is_some()
                && asks_each(analysis, gate, to)
                && comes_before(condition, condition_of(gate))
                && has_target(analysis, gate, to)
            {
                found = e;
            }
            e += 1;
        }
        t += 1;
    }
    if at_start || found != NO_INDEX as usize { violation(Rule::ExitBeforeRun, found) } else { None }
}
