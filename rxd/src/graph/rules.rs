//! The rules: which one is violated first at a service, at a watch or at a target.
//!
//! [`check`](super::check) asks place by place, in the compiler for one and at run time for all;
//! [`message`](super::message) words what it finds. One place has one violation, the first that is
//! found, so that one mistake is one error. What [`RuleViolation::other`] refers to is
//! agreed between this file and `message`, rule by rule.

use super::cycle;
use super::known::{KnownStates, states_at_open_gates};
use super::model::{Edge, Effect, Keyword};
use super::name::is_name;
use super::reach::{GateStage, can_ever_satisfy, condition_of, gate_stage, requires_all};
use super::rule::Rule;
use super::table::{
    Analysis, Lookup, NO_INDEX, TARGET_IN_TWO_WATCHES, TARGET_TWICE_IN_ONE_WATCH, find, first_with_name_of, same_text,
    target_service,
};
use crate::lifecycle::state::{Action, State};

/// A violated rule, and what its message needs to know beside the place.
#[derive(Clone, Copy, Debug)]
pub(super) struct RuleViolation {
    pub(super) rule: Rule,
    /// Another service, or another edge, that takes part; which of them depends on the rule.
    pub(super) other: usize,
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
    None
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
        return reaction_violation(analysis, me, edge);
    }
    None
}

const fn is_stream(edge: &Edge<'_>) -> bool {
    gate_stage(edge).is_none() && matches!(edge.effect, Effect::Stream)
}

/// Whether the compiler can afford to compare each target of the edge with each target of the
/// service. Watches of more than a hundred services each are not compared with one another.
const fn is_comparable(analysis: &Analysis<'_>, me: usize, edge: &Edge<'_>) -> bool {
    let edges = analysis.graph.nodes[me].edges;
    let mut all = 0;
    let mut e = 0;
    while e < edges.len() {
        all += edges[e].targets.len();
        e += 1;
    }
    all * edge.targets.len() <= 20_000
}

/// Whether two watches of a service mean the same.
const fn same_watch(analysis: &Analysis<'_>, a: &Edge<'_>, b: &Edge<'_>) -> bool {
    let (condition_a, condition_b) = (condition_of(a), condition_of(b));
    if a.keyword as u8 != b.keyword as u8
        || a.targets.len() != b.targets.len()
        || requires_all(a) != requires_all(b)
        || condition_a.action as u8 != condition_b.action as u8
        || !condition_a.state.is(condition_b.state)
        || gate_stage(a).is_none() != gate_stage(b).is_none()
        || matches!(a.keyword, Keyword::Watch) && a.effect as u8 != b.effect as u8
        || is_stream(a) && !same_text(a.stream, b.stream)
    {
        return false;
    }
    let mut i = 0;
    while i < a.targets.len() {
        // The same order is the common case, and linear. As many targets, none of them twice (which
        // is a fault of its own): so it is enough that each of `a` is in `b`.
        let mut found = same_target(analysis, a, i, b, i);
        let mut k = 0;
        while !found && k < b.targets.len() {
            found = same_target(analysis, a, i, b, k);
            k += 1;
        }
        if !found {
            return false;
        }
        i += 1;
    }
    true
}

const fn same_target(analysis: &Analysis<'_>, a: &Edge<'_>, i: usize, b: &Edge<'_>, k: usize) -> bool {
    match (target_service(analysis, a, i), target_service(analysis, b, k)) {
        (Some(x), Some(y)) => x == y,
        _ => false,
    }
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
        Lookup::None => return violation(Rule::UnknownService, t),
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
    if matches!(edge.keyword, Keyword::Needs) {
        if let Some(by) = evicting_edge(analysis, to, me) {
            return violation(Rule::NeedsEvicts, by);
        }
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

/// The reaction by which service `to` leaves Run as soon as service `me` is in Run, if there is
/// one.
const fn evicting_edge(analysis: &Analysis<'_>, to: usize, me: usize) -> Option<usize> {
    let edges = analysis.graph.nodes[to].edges;
    let mut e = 0;
    while e < edges.len() {
        let edge = &edges[e];
        let leaves = matches!((edge.keyword, edge.effect), (Keyword::Watch, Effect::Stop | Effect::Exit));
        let condition = condition_of(edge);
        if leaves
            && matches!((condition.action, condition.state), (Action::Entering, State::Run))
            && (!requires_all(edge) || edge.targets.len() == 1)
        {
            let mut t = 0;
            while t < edge.targets.len() {
                if let Some(at) = target_service(analysis, edge, t) {
                    if at == me {
                        return Some(e);
                    }
                }
                t += 1;
            }
        }
        e += 1;
    }
    None
}

/// The earlier gate of service `me` that is never open together with its gate `e`, because of what
/// both ask of service `to`.
const fn conflicting_gate(analysis: &Analysis<'_>, me: usize, e: usize, to: usize) -> Option<usize> {
    let edge = &analysis.graph.nodes[me].edges[e];
    let Some(when) = gate_stage(edge) else { return None };
    if analysis.entries[me].flags & TARGET_IN_TWO_WATCHES == 0
        || e == 0
        || !requires_all(edge)
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
        return None;
    }
    let t = if requires_all(edge) { 0 } else { t };
    if by == NO_INDEX as usize {
        violation(Rule::ReactionAlwaysTrue, t)
    } else {
        violation(Rule::ReactionContradictsGate, by)
    }
}
