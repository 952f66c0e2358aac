//! Advice about reactions that take a service out of Run.

use super::{Advice, AdviceRule, Finding, MAX_VISITED, about_watch, targets};
use crate::graph::compare::is_comparable;
use crate::graph::known::{KnownStates, states_at_open_gates};
use crate::graph::model::{Edge, Effect, Keyword, Node};
use crate::graph::phrase::{quoted, shown_watch};
use crate::graph::reach::{GateStage, TargetCondition, condition_of, gate_stage, is_gate_at, requires_all};
use crate::graph::table::Analysis;
use crate::lifecycle::state::{Action, State};
use std::collections::HashSet;

/// Adds the advice about each `then(stop)` of service `me`.
pub(super) fn advise(analysis: &Analysis<'_>, me: usize, arrows: &Arrows, advice: &mut Vec<Advice>) {
    let node = &analysis.graph.nodes[me];
    for edge in node.edges.iter().filter(|edge| is_stop(edge) && is_comparable(analysis, me, edge)) {
        let found = cycle(analysis, me, edge, arrows).or_else(|| lonely_reaction(analysis, me, edge));
        advice.extend(found.map(|found| about_watch(node, found)));
    }
}

fn is_stop(edge: &Edge<'_>) -> bool {
    matches!((edge.keyword, edge.effect), (Keyword::Watch, Effect::Stop))
}

/// For each service, those whose transitions may take it out of Run.
#[derive(Debug, Default)]
pub(super) struct Arrows {
    /// Those that it needs.
    needs: Vec<Vec<usize>>,
    /// Those, and those to which a `then(stop)` reacts.
    ///
    /// Left out is the `then(stop)` of a service that its gates hold back as long as the condition
    /// holds, such as a standby: two services that exclude each other so do not evict each other.
    all: Vec<Vec<usize>>,
}

impl Arrows {
    pub(super) fn of(analysis: &Analysis<'_>) -> Arrows {
        let nodes = analysis.graph.nodes;
        if !nodes.iter().any(|node| node.edges.iter().any(is_stop)) {
            return Arrows::default();
        }
        let of = |evicts: &dyn Fn(usize, &Edge<'_>) -> bool| {
            let of_one = |(me, node): (usize, &Node<'_>)| {
                let edges = node.edges.iter().filter(|edge| evicts(me, edge));
                edges.flat_map(|edge| targets(analysis, edge)).collect()
            };
            nodes.iter().enumerate().map(of_one).collect()
        };
        let needs = |edge: &Edge<'_>| matches!(edge.keyword, Keyword::Needs);
        let evicts = |me, edge: &Edge<'_>| {
            is_stop(edge)
                && (edge.action != Action::Entering
                    || is_comparable(analysis, me, edge) && !is_excluded_by_gates(analysis, me, edge))
        };
        Arrows { needs: of(&|_, edge| needs(edge)), all: of(&|me, edge| needs(edge) || evicts(me, edge)) }
    }
}

/// A `then(stop)` on a service that leaves Run because of this one, perhaps by way of others, and
/// whose condition comes true again as that service comes back.
fn cycle(analysis: &Analysis<'_>, me: usize, edge: &Edge<'_>, arrows: &Arrows) -> Option<Finding> {
    let nodes = analysis.graph.nodes;
    let condition = condition_of(edge);
    let by_leaving = matches!((condition.action, condition.state), (Action::Exited | Action::NotIn, State::Run));
    if by_leaving {
        return None;
    }
    // A service that needs this one has passed Init when this one is in Run again.
    let by_dependents = matches!(
        (condition.action, condition.state),
        (Action::Entering, State::Run) | (Action::Changing, State::Run | State::Idle) | (_, State::Idle)
    ) && !matches!((condition.action, condition.state), (Action::Entering, State::Idle));
    let to = targets(analysis, edge).into_iter().find(|&to| {
        by_dependents && reaches(&arrows.needs, to, me)
            || reaches(&arrows.all, to, me) && !reaches(&arrows.needs, to, me)
    })?;
    let (me, to) = (quoted(nodes[me].name), quoted(nodes[to].name));
    Some((
        AdviceRule::EvictionCycle,
        format!(
            "reacts to {to} by {}, and {to} leaves Run because of {me}: they may evict each other for ever",
            shown_watch(edge)
        ),
        format!("remove the reaction, or let {to} not follow {me}"),
    ))
}

/// Whether arrows lead from one service to another, by way of a hundred others at most.
fn reaches(arrows: &[Vec<usize>], from: usize, to: usize) -> bool {
    let (mut seen, mut next) = (HashSet::new(), vec![from]);
    while let Some(at) = next.pop() {
        if at == to {
            return true;
        }
        if seen.len() < MAX_VISITED && seen.insert(at) {
            next.extend(&arrows[at]);
        }
    }
    false
}

/// A `then(stop)` whose condition may hold when its service enters Run: it then takes the service
/// out once, and does not fire again while the condition keeps holding.
fn lonely_reaction(analysis: &Analysis<'_>, me: usize, edge: &Edge<'_>) -> Option<Finding> {
    let condition = condition_of(edge);
    if analysis.graph.nodes[me].table.succeeds() {
        return None;
    }
    let lasts = targets(analysis, edge).iter().any(|&to| lasts(&analysis.graph.nodes[to], condition));
    if !lasts || is_excluded_by_gates(analysis, me, edge) {
        return None;
    }
    // What is to hold it back is the opposite for all targets of an `any`, for one of an `all`.
    let mode = if requires_all(edge) && edge.targets.len() > 1 { "any" } else { "all" };
    Some((
        AdviceRule::ReactionWithoutGate,
        format!(
            "has {} without the gate that belongs to it: it leaves Run once, and then runs although the condition holds",
            shown_watch(edge)
        ),
        format!("add the gate `#[watch({mode}, {}, ..)]` for the same services", opposite(condition)),
    ))
}

/// The opposite of a condition, as an attribute writes it: `not_in, Run`.
fn opposite(condition: TargetCondition) -> String {
    let action = match condition.action {
        Action::NotIn | Action::Exited => Action::Entering,
        Action::Entering | Action::Changing => Action::NotIn,
    };
    format!("{}, {}", action.as_str(), condition.state.name())
}

/// Whether the gates of service `me` hold it back while the condition of its reaction holds.
fn is_excluded_by_gates(analysis: &Analysis<'_>, me: usize, edge: &Edge<'_>) -> bool {
    let (condition, targets) = (condition_of(edge), targets(analysis, edge));
    let is_excluded = |&to: &usize| {
        [GateStage::Init, GateStage::Run].into_iter().any(|stage| {
            let count = analysis.graph.nodes[me].edges.len();
            let (known, _) = states_at_open_gates(analysis, me, count, to, stage);
            known.given(condition).possible == 0
        })
    };
    match requires_all(edge) {
        true => targets.iter().any(is_excluded) || is_excluded_by_alternatives(analysis, me, condition, &targets),
        false => targets.iter().all(is_excluded),
    }
}

/// Whether an `any` gate of service `me` excludes a condition on all of these targets: each
/// alternative excludes it for one of them.
fn is_excluded_by_alternatives(analysis: &Analysis<'_>, me: usize, condition: TargetCondition, all: &[usize]) -> bool {
    let edges = analysis.graph.nodes[me].edges.iter();
    edges.filter(|edge| gate_stage(edge).is_some() && !requires_all(edge)).any(|gate| {
        targets(analysis, gate).iter().all(|&to| {
            let known = KnownStates::without_gates(analysis, to).given(condition_of(gate));
            all.contains(&to) && known.given(condition).possible == 0
        })
    })
}

/// Whether the condition may hold for a while, and not only as its target passes a state.
fn lasts(target: &Node<'_>, condition: TargetCondition) -> bool {
    match (condition.action, condition.state) {
        (Action::Changing, _) => false,
        (Action::Entering, State::Idle) => stays_in_idle(target),
        (Action::Entering, State::Run) => !target.table.succeeds(),
        (Action::Entering, State::Unknown | State::Init | State::Stop) => false,
        _ => true,
    }
}

/// Whether a service may stay in Idle: for its gates, or for the delay before Run.
fn stays_in_idle(node: &Node<'_>) -> bool {
    !node.options.delays[2].is_zero() || node.edges.iter().any(|edge| is_gate_at(edge, GateStage::Run))
}
