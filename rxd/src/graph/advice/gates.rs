//! Advice about gates of one service that exclude each other in ways that no rule looks at.

use super::{Advice, AdviceRule, MAX_VISITED, about_watch, targets};
use crate::graph::compare::is_comparable;
use crate::graph::known::states_at_open_gates;
use crate::graph::model::{Edge, Effect, Graph, Keyword};
use crate::graph::phrase::{quoted, shown_watch};
use crate::graph::reach::{GateStage, condition_of, gate_stage, is_gate_at, requires_all};
use crate::graph::table::Analysis;
use crate::lifecycle::state::{Action, State};
use std::collections::BTreeSet;

/// Whether the graph has a service that runs only while another does not.
pub(super) fn has_standby(graph: &Graph<'_>) -> bool {
    let stages = [GateStage::Init, GateStage::Run];
    let mut edges = graph.nodes.iter().flat_map(|node| node.edges);
    edges.any(|edge| stages.iter().any(|&stage| is_standby_gate(edge, stage)))
}

/// Adds the advice about the gates of service `me`.
pub(super) fn advise(analysis: &Analysis<'_>, me: usize, has_standby: bool, advice: &mut Vec<Advice>) {
    let node = &analysis.graph.nodes[me];
    let mut alternatives = node.edges.iter().filter(|edge| !requires_all(edge) && is_comparable(analysis, me, edge));
    let found = alternatives.find_map(|edge| closed_alternatives(analysis, me, edge));
    let found = found.or_else(|| has_standby.then(|| excluded_together(analysis, me)).flatten());
    advice.extend(found.map(|what| {
        let help = "remove one of these gates".to_owned();
        about_watch(node, (AdviceRule::GatesNeverOpen, what, help))
    }));
}

/// An `any` gate whose every alternative contradicts another gate.
fn closed_alternatives(analysis: &Analysis<'_>, me: usize, edge: &Edge<'_>) -> Option<String> {
    let stage = gate_stage(edge)?;
    let count = analysis.graph.nodes[me].edges.len();
    let is_closed = |to: &usize| {
        let (known, _) = states_at_open_gates(analysis, me, count, *to, stage);
        known.given(condition_of(edge)).possible == 0
    };
    let targets = targets(analysis, edge);
    (!targets.is_empty() && targets.iter().all(is_closed))
        .then(|| format!("can never start: each alternative of {} contradicts another of its gates", shown_watch(edge)))
}

/// Two services that must be in Run at the same time before this one is, although one of them runs
/// only while the other does not.
fn excluded_together(analysis: &Analysis<'_>, me: usize) -> Option<String> {
    [GateStage::Init, GateStage::Run].into_iter().find_map(|stage| excluded_at(analysis, me, stage))
}

fn excluded_at(analysis: &Analysis<'_>, me: usize, stage: GateStage) -> Option<String> {
    let nodes = analysis.graph.nodes;
    let together = in_run_with(analysis, me, stage);
    let names = |at: usize| quoted(nodes[at].name);
    let excludes = together.iter().chain([&me]).find_map(|&at| {
        let stage = if at == me { stage } else { GateStage::Run };
        let excluded = nodes[at].edges.iter().filter(|edge| is_standby_gate(edge, stage));
        let mut excluded = excluded.flat_map(|edge| targets(analysis, edge));
        let other = excluded.find(|other| together.contains(other) && (at == me || evicts(analysis, at, *other)))?;
        Some((at, other))
    });
    let (at, other) = excludes?;
    let (at_name, other) = (names(at), names(other));
    Some(match at == me {
        true => format!(
            "runs only while {other} does not, and waits for what needs {other}: it can start only in the instant in \
             which {other} has left Run, and that has not"
        ),
        false => format!(
            "waits for {at_name} and {other}, and {at_name} runs only while {other} does not: it can start only in \
             the instant in which {other} has entered Run, and {at_name} has not left it"
        ),
    })
}

fn is_standby_gate(edge: &Edge<'_>, stage: GateStage) -> bool {
    let condition = condition_of(edge);
    is_gate_at(edge, stage)
        && requires_all(edge)
        && matches!((condition.action, condition.state), (Action::NotIn, State::Run))
}

/// Whether service `at` leaves Run when the other enters it.
fn evicts(analysis: &Analysis<'_>, at: usize, other: usize) -> bool {
    analysis.graph.nodes[at].edges.iter().any(|edge| {
        matches!((edge.keyword, edge.effect), (Keyword::Watch, Effect::Stop))
            && matches!((edge.action, edge.state), (Action::Entering, State::Run))
            && (!requires_all(edge) || edge.targets.len() == 1)
            && targets(analysis, edge).contains(&other)
    })
}

/// The services that are in Run when the gates of service `me` at this stage are open: those it
/// waits for, and those without which these leave Run; a hundred at most.
fn in_run_with(analysis: &Analysis<'_>, me: usize, stage: GateStage) -> BTreeSet<usize> {
    let nodes = analysis.graph.nodes;
    let waits_for_run = |edge: &Edge<'_>, stage| {
        let condition = condition_of(edge);
        is_gate_at(edge, stage)
            && requires_all(edge)
            && matches!((condition.action, condition.state, condition.completed), (Action::Entering, State::Run, false))
    };
    let gates = nodes[me].edges.iter().filter(|edge| waits_for_run(edge, stage));
    let mut next: Vec<usize> = gates.flat_map(|edge| targets(analysis, edge)).collect();
    let mut found = BTreeSet::new();
    while let Some(at) = next.pop() {
        if found.len() == MAX_VISITED || !found.insert(at) {
            continue;
        }
        // A gate and a reaction to the same amount to `needs`.
        let edges = nodes[at].edges;
        let needed = edges.iter().filter(|edge| waits_for_run(edge, GateStage::Run));
        let needed = needed.flat_map(|edge| targets(analysis, edge).into_iter().map(move |to| (edge, to)));
        let stops =
            |to: &usize| edges.iter().any(|edge| is_stop_on_leaving(edge) && targets(analysis, edge).contains(to));
        next.extend(needed.filter(|(edge, to)| edge.keyword == Keyword::Needs || stops(to)).map(|(_, to)| to));
    }
    found
}

fn is_stop_on_leaving(edge: &Edge<'_>) -> bool {
    matches!((edge.keyword, edge.effect), (Keyword::Watch, Effect::Stop))
        && matches!((edge.action, edge.state), (Action::Exited | Action::NotIn, State::Run))
        && (!requires_all(edge) || edge.targets.len() == 1)
}
