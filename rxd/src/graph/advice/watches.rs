//! Advice about gates, one by one.

use super::{Advice, AdviceRule, Finding, about_watch, targets};
use crate::graph::limits::targets_first;
use crate::graph::model::{Edge, Effect, Keyword, Node};
use crate::graph::phrase::{quoted, shown_watch};
use crate::graph::reach::{
    GateStage, TargetCondition, blocking_stage, can_enter, condition_of, gate_stage, is_gate_at, requires_all,
};
use crate::graph::table::{Analysis, INIT_OPENS, RUN_OPENS};
use crate::lifecycle::state::{Action, State};
use std::time::Duration;

/// Adds the advice about the watches of service `me`.
pub(super) fn advise(analysis: &Analysis<'_>, me: usize, earliest: &[Duration], advice: &mut Vec<Advice>) {
    let node = &analysis.graph.nodes[me];
    for edge in node.edges.iter().filter(|edge| gate_stage(edge).is_some()) {
        let found = passing_gate(analysis, edge)
            .or_else(|| waits_for_manual_start(analysis, me, edge))
            .or_else(|| waits_for_its_own_run(analysis, me, edge))
            .or_else(|| waits_for_ended(analysis, me, edge))
            .or_else(|| short_limit(analysis, me, edge, earliest));
        if let Some(found) = found {
            advice.push(about_watch(node, found));
        }
    }
}

/// A dependency of a service that starts with the daemon on one that does not: nobody may ever start it.
fn waits_for_manual_start(analysis: &Analysis<'_>, me: usize, edge: &Edge<'_>) -> Option<Finding> {
    let nodes = analysis.graph.nodes;
    if edge.keyword == Keyword::Watch || !nodes[me].options.autostart {
        return None;
    }
    let to = targets(analysis, edge).into_iter().find(|&to| !nodes[to].options.autostart)?;
    let (own, to) = (quoted(nodes[me].name), quoted(nodes[to].name));
    Some((
        AdviceRule::WaitsForManualStart,
        format!("waits for {to} by {}, until somebody starts {to}: it has `autostart = false`", shown_watch(edge)),
        format!("write `autostart = false` on {own}, too, or let {to} start with the daemon"),
    ))
}

/// A gate that waits for a service that a `then(exit)` may end: it then waits for ever.
fn waits_for_ended(analysis: &Analysis<'_>, me: usize, edge: &Edge<'_>) -> Option<Finding> {
    let nodes = analysis.graph.nodes;
    let exits = |at: usize| {
        let mut edges = nodes[at].edges.iter();
        edges.find(|edge| is_exit(edge))
    };
    let condition = condition_of(edge);
    if blocking_stage(condition).is_none() || holds_in_exit(condition) || exits(me).is_some() {
        return None;
    }
    let targets = targets(analysis, edge);
    let (to, by) = match requires_all(edge) {
        true => targets.iter().find_map(|&to| Some((to, exits(to)?)))?,
        false => {
            let by = exits(*targets.first()?)?;
            targets.iter().all(|&to| exits(to).is_some()).then_some((targets[0], by))?
        }
    };
    let to = quoted(nodes[to].name);
    Some((
        AdviceRule::WaitsForEnded,
        format!("waits for {to} by {}, and for ever once {} has ended {to}", shown_watch(edge), shown_watch(by)),
        format!("let it end, too, by a `then(exit)` of its own, or write `then(stop)` on {to}"),
    ))
}

/// Whether the condition holds once its target has ended.
fn holds_in_exit(condition: TargetCondition) -> bool {
    match condition.action {
        Action::Entering => condition.state.is(State::Exit) && !condition.completed,
        Action::Exited | Action::NotIn => !condition.state.is(State::Exit),
        Action::Changing => false,
    }
}

/// A gate that waits for the end of a service that ends only once the waiting one has passed the gate.
fn waits_for_its_own_run(analysis: &Analysis<'_>, me: usize, edge: &Edge<'_>) -> Option<Finding> {
    let (graph, stage, condition) = (analysis.graph, gate_stage(edge)?, condition_of(edge));
    if !matches!((condition.action, condition.state), (Action::Entering, State::Exit)) || condition.completed {
        return None;
    }
    // The `then(exit)` of this service, if nothing else ends it.
    let ended_by_me = |at: usize| {
        if can_enter(graph, at, INIT_OPENS | RUN_OPENS, State::Exit) {
            return None;
        }
        let follows_me = |exit: &Edge<'_>| {
            let (blocked, targets) = (blocking_stage(condition_of(exit)), targets(analysis, exit));
            let is_after_gate = blocked.is_some_and(|blocked| blocked as u8 >= stage as u8);
            is_after_gate && if requires_all(exit) { targets.contains(&me) } else { targets.iter().all(|&to| to == me) }
        };
        let mut exits = graph.nodes[at].edges.iter().filter(|edge| is_exit(edge));
        let first = exits.next()?;
        (follows_me(first) && exits.all(follows_me)).then_some((at, first))
    };
    let mut ended = targets(analysis, edge).into_iter().map(ended_by_me);
    let (to, by) = match requires_all(edge) {
        true => ended.flatten().next()?,
        false => {
            let first = ended.next()??;
            ended.all(|found| found.is_some()).then_some(first)?
        }
    };
    let to = quoted(graph.nodes[to].name);
    Some((
        AdviceRule::GatesNeverOpen,
        format!(
            "can never start: it waits for the end of {to} by {}, and only it ends {to}, by {}",
            shown_watch(edge),
            shown_watch(by)
        ),
        "remove one of the two".into(),
    ))
}

fn is_exit(edge: &Edge<'_>) -> bool {
    matches!((edge.keyword, edge.effect), (Keyword::Watch, Effect::Exit))
}

/// A gate on a state that its target only passes: the gate is open for as long as a method takes.
fn passing_gate(analysis: &Analysis<'_>, edge: &Edge<'_>) -> Option<Finding> {
    let condition = condition_of(edge);
    if condition.action == Action::Changing {
        return Some((
            AdviceRule::GateOnPassingState,
            format!("waits by {} for a change: after a restart it waits for the next one", shown_watch(edge)),
            "wait for a state in which its target stays, such as `entering, Run`".into(),
        ));
    }
    let passes = |&to: &usize| match (condition.action, condition.state) {
        (Action::Entering, State::Unknown | State::Init | State::Idle | State::Stop) => true,
        // Its Run is done at some time, perhaps soon.
        (Action::Entering, State::Run) => analysis.graph.nodes[to].table.succeeds(),
        _ => false,
    };
    let targets = targets(analysis, edge);
    let to = match requires_all(edge) {
        true => targets.iter().find(|to| passes(to))?,
        false => targets.first().filter(|_| targets.iter().all(passes))?,
    };
    let to = analysis.graph.nodes[*to].name;
    let state = condition.state.name();
    Some((
        AdviceRule::GateOnPassingState,
        format!(
            "waits by {} for a state that {} only passes: once it is past {state}, the gate stays closed",
            shown_watch(edge),
            quoted(to)
        ),
        format!("write `exited, {state}` to wait until it has been there"),
    ))
}

/// A gate that is sure to exceed its limit at the first start, by the declared delays alone.
fn short_limit(analysis: &Analysis<'_>, me: usize, edge: &Edge<'_>, earliest: &[Duration]) -> Option<Finding> {
    let (within, stage) = (edge.within?, gate_stage(edge)?);
    let condition = condition_of(edge);
    let lasts = targets(analysis, edge).iter().any(|&to| !analysis.graph.nodes[to].table.succeeds());
    if matches!((condition.action, condition.state), (Action::NotIn, State::Run)) && requires_all(edge) && lasts {
        return Some((
            AdviceRule::WithinTooShort,
            format!("waits at most {within:?} by {}: it fails whenever that runs for longer", shown_watch(edge)),
            "remove `within`".into(),
        ));
    }
    if !waits_for_run(condition) {
        return None;
    }
    let times = targets(analysis, edge).into_iter().map(|to| (earliest[to], to));
    let (opens, to) = if requires_all(edge) { times.max()? } else { times.min()? };
    let waits = opens.saturating_sub(latest_wait(&analysis.graph.nodes[me], stage));
    (waits >= within).then(|| {
        (
            AdviceRule::WithinTooShort,
            format!(
                "waits at most {within:?} by {}, but the delays before {} is in Run take {opens:?}",
                shown_watch(edge),
                quoted(analysis.graph.nodes[to].name)
            ),
            format!("make `within` longer than {waits:?}, or the delays shorter"),
        )
    })
}

/// Whether the condition comes true when its target has entered Run, and not before.
fn waits_for_run(condition: TargetCondition) -> bool {
    condition.completed || matches!((condition.action, condition.state), (Action::Entering, State::Run | State::Exit))
}

/// When a service begins to wait for its gates of this stage, if no other gate holds it back.
fn latest_wait(node: &Node<'_>, stage: GateStage) -> Duration {
    let options = node.options;
    let init = options.startup_delay.max(options.delays[0]);
    match stage {
        GateStage::Init => init,
        GateStage::Run => init.saturating_add(options.delays[1]).saturating_add(options.delays[2]),
    }
}

/// When each service enters Run at the earliest, by the declared delays alone.
pub(super) fn earliest_runs(analysis: &Analysis<'_>) -> Vec<Duration> {
    let nodes = analysis.graph.nodes;
    let has_delay = |node: &Node<'_>| !latest_wait(node, GateStage::Run).is_zero();
    let mut earliest = vec![Duration::ZERO; nodes.len()];
    if !nodes.iter().any(has_delay) {
        return earliest;
    }
    // Alternatives may form a cycle, and are left out: it is a lower bound.
    let awaited_at = |stage: GateStage| {
        let mut awaited = vec![Vec::new(); nodes.len()];
        for (node, awaited) in nodes.iter().zip(&mut awaited) {
            for edge in node.edges.iter().filter(|edge| is_gate_at(edge, stage)) {
                if requires_all(edge) && waits_for_run(condition_of(edge)) {
                    awaited.append(&mut targets(analysis, edge));
                }
            }
        }
        awaited
    };
    let (before_init, before_run) = (awaited_at(GateStage::Init), awaited_at(GateStage::Run));
    let mut arrows = before_init.clone();
    arrows.iter_mut().zip(&before_run).for_each(|(all, others)| all.extend(others));
    for me in targets_first(&arrows) {
        let opens = |awaited: &[usize]| awaited.iter().map(|&to| earliest[to]).max().unwrap_or_default();
        let options = nodes[me].options;
        let init = options.startup_delay.max(options.delays[0]).max(opens(&before_init[me]));
        let idle = init.saturating_add(options.delays[1]).saturating_add(options.delays[2]);
        earliest[me] = idle.max(opens(&before_run[me]));
    }
    earliest
}
