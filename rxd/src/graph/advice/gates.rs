//! Advice about gates of one service that exclude each other in ways that no rule looks at.

use super::{Advice, AdviceRule, MAX_VISITED, about_watch, targets};
use crate::graph::compare::is_comparable;
use crate::graph::known::states_at_open_gates;
use crate::graph::model::{Edge, Effect, Graph, Keyword};
use crate::graph::phrase::{quoted, shown_watch};
use crate::graph::reach::{GateStage, condition_of, gate_stage, is_gate_at, requires_all};
use crate::graph::table::Analysis;
use crate::lifecycle::state::{Action, State};

/// Whether the graph has a service that runs only while another does not.
pub(super) fn has_standby(graph: &Graph<'_>) -> bool {
    let is_standby = |edge: &Edge<'_>| is_standby_gate(edge, GateStage::Init) || is_standby_gate(edge, GateStage::Run);
    graph.nodes.iter().any(|node| node.edges.iter().any(is_standby))
}

/// Adds the advice about the gates of service `me`.
pub(super) fn advise(analysis: &Analysis<'_>, me: usize, has_standby: bool, advice: &mut Vec<Advice>) {
    let node = &analysis.graph.nodes[me];
    let mut alternatives = node.edges.iter().filter(|edge| !requires_all(edge) && is_comparable(analysis, me, edge));
    let found = alternatives.find_map(|edge| closed_alternatives(analysis, me, edge));
    let found = found.or_else(|| has_standby.then(|| excluded_together(analysis, me)).flatten());
    if let Some(what) = found {
        let help = "remove one of these gates".to_owned();
        advice.push(about_watch(node, (AdviceRule::GatesNeverOpen, what, help)));
    }
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
    excluded_at(analysis, me, GateStage::Init).or_else(|| excluded_at(analysis, me, GateStage::Run))
}

fn excluded_at(analysis: &Analysis<'_>, me: usize, stage: GateStage) -> Option<String> {
    let nodes = analysis.graph.nodes;
    let together = in_run_with(analysis, me, stage);
    let names = |at: usize| quoted(nodes[at].name);
    let excluded_by = |at: usize| {
        let stage = if at == me { stage } else { GateStage::Run };
        let mut gates = nodes[at].edges.iter().filter(|edge| is_standby_gate(edge, stage));
        gates.find_map(|edge| {
            let mut excluded = targets(analysis, edge).into_iter();
            excluded.find(|other| together.contains(other) && (at == me || evicts(analysis, at, *other)))
        })
    };
    let excluded = together.iter().find_map(|&at| Some((at, excluded_by(at)?)));
    let (at, other) = excluded.or_else(|| Some((me, excluded_by(me)?)))?;
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
/// waits for, and those without which these leave Run; a hundred at most, in the order of their
/// declaration.
fn in_run_with(analysis: &Analysis<'_>, me: usize, stage: GateStage) -> Vec<usize> {
    let nodes = analysis.graph.nodes;
    let waits_for_run = |edge: &Edge<'_>, stage| {
        let condition = condition_of(edge);
        is_gate_at(edge, stage)
            && requires_all(edge)
            && matches!((condition.action, condition.state, condition.completed), (Action::Entering, State::Run, false))
    };
    let mut next = Vec::new();
    for edge in nodes[me].edges.iter().filter(|edge| waits_for_run(edge, stage)) {
        next.append(&mut targets(analysis, edge));
    }
    let mut found = Vec::new();
    while let Some(at) = next.pop() {
        let Err(place) = found.binary_search(&at) else { continue };
        if found.len() == MAX_VISITED {
            continue;
        }
        found.insert(place, at);
        // A gate and a reaction to the same amount to `needs`.
        let edges = nodes[at].edges;
        let stops =
            |to: &usize| edges.iter().any(|edge| is_stop_on_leaving(edge) && targets(analysis, edge).contains(to));
        for edge in edges.iter().filter(|edge| waits_for_run(edge, GateStage::Run)) {
            for to in targets(analysis, edge) {
                if edge.keyword == Keyword::Needs || stops(&to) {
                    next.push(to);
                }
            }
        }
    }
    found
}

fn is_stop_on_leaving(edge: &Edge<'_>) -> bool {
    matches!((edge.keyword, edge.effect), (Keyword::Watch, Effect::Stop))
        && matches!((edge.action, edge.state), (Action::Exited | Action::NotIn, State::Run))
        && (!requires_all(edge) || edge.targets.len() == 1)
}
