//! Advice about reactions that take a service out of Run.

use super::{Advice, AdviceRule, Finding, MAX_VISITED, about_watch, targets};
use crate::graph::compare::is_comparable;
use crate::graph::known::{KnownStates, states_at_open_gates};
use crate::graph::model::{Edge, Effect, Keyword, Node};
use crate::graph::phrase::{quoted, shown_watch};
use crate::graph::reach::{GateStage, TargetCondition, condition_of, gate_stage, is_gate_at, requires_all};
use crate::graph::table::Analysis;
use crate::lifecycle::state::{Action, State};

/// Adds the advice about each reaction of service `me`.
pub(super) fn advise(analysis: &Analysis<'_>, me: usize, arrows: &mut Arrows, advice: &mut Vec<Advice>) {
    let node = &analysis.graph.nodes[me];
    for edge in node.edges.iter().filter(|edge| is_comparable(analysis, me, edge)) {
        let found = match (edge.keyword, edge.effect) {
            (Keyword::Watch, Effect::Exit) => exit_at_start(analysis, edge),
            (Keyword::Watch, Effect::Stop) => match evicting_target(analysis, me, edge, arrows) {
                Some(to) => arrows.is_new_cycle(me).then(|| eviction_cycle(analysis, me, edge, to)),
                None => lonely_reaction(analysis, me, edge, arrows),
            },
            _ => None,
        };
        if let Some(found) = found {
            advice.push(about_watch(node, found));
        }
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
    /// A service of each cycle that there is advice about.
    advised: Vec<usize>,
}

impl Arrows {
    /// Whether there is no advice yet about a cycle that leads from this service to itself by way of
    /// others. Then there will be.
    fn is_new_cycle(&mut self, me: usize) -> bool {
        let in_cycle = |&at: &usize| reaches(&self.all, me, at) && reaches(&self.all, at, me);
        let is_new = !self.advised.iter().any(in_cycle);
        if is_new {
            self.advised.push(me);
        }
        is_new
    }

    pub(super) fn of(analysis: &Analysis<'_>) -> Arrows {
        let nodes = analysis.graph.nodes;
        if !nodes.iter().any(|node| node.edges.iter().any(is_stop)) {
            return Arrows::default();
        }
        let of = |evicts: &dyn Fn(usize, &Edge<'_>) -> bool| {
            let mut arrows = vec![Vec::new(); nodes.len()];
            for (me, node) in nodes.iter().enumerate() {
                for edge in node.edges.iter().filter(|edge| evicts(me, edge)) {
                    for to in targets(analysis, edge) {
                        if !is_done(&nodes[to], condition_of(edge)) {
                            arrows[me].push(to);
                        }
                    }
                }
            }
            arrows
        };
        let needs = |edge: &Edge<'_>| matches!(edge.keyword, Keyword::Needs);
        let evicts = |me, edge: &Edge<'_>| {
            is_stop(edge)
                && (edge.action != Action::Entering
                    || is_comparable(analysis, me, edge) && !is_excluded_by_gates(analysis, me, edge))
        };
        let all = of(&|me, edge| needs(edge) || evicts(me, edge));
        Arrows { needs: of(&|_, edge| needs(edge)), all, advised: Vec::new() }
    }
}

/// The service to which this `then(stop)` reacts, if that leaves Run because of this one, perhaps by
/// way of others, and the condition comes true again as it comes back.
fn evicting_target(analysis: &Analysis<'_>, me: usize, edge: &Edge<'_>, arrows: &Arrows) -> Option<usize> {
    let nodes = analysis.graph.nodes;
    let condition = condition_of(edge);
    let by_leaving = matches!((condition.action, condition.state), (Action::Exited | Action::NotIn, State::Run));
    if by_leaving {
        // It comes true when this one takes the other out, while this one is not in Run: at its next
        // Run it leaves again, unless a gate holds it back until the other is in Run.
        let comes_back = |to: &usize| lasts(&nodes[*to], condition) && reaches(&arrows.all, *to, me);
        let target = targets(analysis, edge).into_iter().find(comes_back);
        return target.filter(|_| !is_excluded_by_gates(analysis, me, edge));
    }
    // A service that needs this one begins again when this one leaves Run. What is true while it
    // waits in Idle, or comes true there, takes this one out at its next Run, or soon after.
    let by_dependents = matches!(
        (condition.action, condition.state),
        (Action::Entering, State::Run)
            | (Action::Changing, State::Run)
            | (_, State::Idle)
            | (Action::Exited | Action::NotIn | Action::Changing, State::Init | State::Stop)
    );
    targets(analysis, edge).into_iter().filter(|&to| !is_done(&nodes[to], condition)).find(|&to| {
        by_dependents && reaches(&arrows.needs, to, me)
            || reaches(&arrows.all, to, me) && !reaches(&arrows.needs, to, me)
    })
}

/// Whether the condition comes true with the end of a job, so once. A job leaves Stop also to begin
/// again.
fn is_done(target: &Node<'_>, condition: TargetCondition) -> bool {
    target.table.succeeds()
        && matches!((condition.action, condition.state), (_, State::Exit) | (Action::Entering, State::Stop))
}

fn eviction_cycle(analysis: &Analysis<'_>, me: usize, edge: &Edge<'_>, to: usize) -> Finding {
    let nodes = analysis.graph.nodes;
    let (me, to) = (quoted(nodes[me].name), quoted(nodes[to].name));
    (
        AdviceRule::EvictionCycle,
        format!(
            "reacts to {to} by {}, and {to} leaves Run because of {me}: they may evict each other for ever",
            shown_watch(edge)
        ),
        format!("remove the reaction, or let {to} not follow {me}"),
    )
}

/// A `then(exit)` on what its targets do at the start of the daemon.
fn exit_at_start(analysis: &Analysis<'_>, edge: &Edge<'_>) -> Option<Finding> {
    let condition = condition_of(edge);
    let does = match (condition.action, condition.state) {
        (Action::Exited | Action::Changing, State::Unknown) => "leaves Unknown",
        (Action::Entering | Action::Changing, State::Init) => "enters Init",
        _ => return None,
    };
    let begins_at_once = |&to: &usize| {
        let Node { options, edges, .. } = analysis.graph.nodes[to];
        let is_delayed = !options.startup_delay.max(options.delays[0]).is_zero();
        !is_delayed && !edges.iter().any(|edge| is_gate_at(edge, GateStage::Init))
    };
    let targets = targets(analysis, edge);
    let to = match requires_all(edge) {
        true => targets.first().filter(|_| targets.iter().all(begins_at_once))?,
        false => targets.iter().find(|to| begins_at_once(to))?,
    };
    Some((
        AdviceRule::ExitAtStart,
        format!(
            "ends by {} as soon as {} {does}, which it does at the start of the daemon",
            shown_watch(edge),
            quoted(analysis.graph.nodes[*to].name)
        ),
        "react to what comes later, such as `exited, Run`".into(),
    ))
}

/// Whether arrows lead from one service to another, by way of a hundred others at most.
fn reaches(arrows: &[Vec<usize>], from: usize, to: usize) -> bool {
    let (mut seen, mut next) = (Vec::new(), vec![from]);
    while let Some(at) = next.pop() {
        if at == to {
            return true;
        }
        if seen.len() < MAX_VISITED && !seen.contains(&at) {
            seen.push(at);
            next.extend(&arrows[at]);
        }
    }
    false
}

/// A `then(stop)` whose condition may hold when its service enters Run: it then takes the service
/// out once, and does not fire again while the condition keeps holding.
fn lonely_reaction(analysis: &Analysis<'_>, me: usize, edge: &Edge<'_>, arrows: &Arrows) -> Option<Finding> {
    let condition = condition_of(edge);
    if analysis.graph.nodes[me].table.succeeds() {
        return None;
    }
    let targets = targets(analysis, edge);
    let lasts = targets.iter().any(|&to| lasts(&analysis.graph.nodes[to], condition));
    if !lasts || is_excluded_by_gates(analysis, me, edge) {
        return None;
    }
    // What is to hold it back is the opposite for all targets of an `any`, for one of an `all`.
    let mode = if requires_all(edge) && edge.targets.len() > 1 { "any" } else { "all" };
    let help = if targets.iter().any(|&to| reaches(&arrows.all, to, me)) {
        // A gate that waits for what follows this service would never open.
        "remove the reaction".to_owned()
    } else if is_gate_of_passing_state(condition) {
        "to leave Run with the same services, write `exited, Run`, and the gate `#[watch(all, entering, Run, ..)]`"
            .to_owned()
    } else {
        format!("add the gate `#[watch({mode}, {}, ..)]` for the same services", opposite(condition))
    };
    Some((
        AdviceRule::ReactionWithoutGate,
        format!(
            "has {} without the gate that belongs to it: it leaves Run once, and then runs although the condition holds",
            shown_watch(edge)
        ),
        help,
    ))
}

/// Whether the opposite of the condition is a state that its target only passes.
fn is_gate_of_passing_state(condition: TargetCondition) -> bool {
    matches!(condition.action, Action::Exited | Action::NotIn) && !matches!(condition.state, State::Run | State::Exit)
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
    let is_excluded_at = |to: usize, stage: GateStage| {
        let count = analysis.graph.nodes[me].edges.len();
        let (known, _) = states_at_open_gates(analysis, me, count, to, stage);
        known.given(condition).possible == 0
    };
    let is_excluded = |&to: &usize| is_excluded_at(to, GateStage::Init) || is_excluded_at(to, GateStage::Run);
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
    let is_job = target.table.succeeds();
    match (condition.action, condition.state) {
        (Action::Changing, _) => false,
        // A job is done, and its service begins again, as with a renewed certificate.
        (Action::Entering | Action::Exited, State::Run | State::Stop | State::Exit) if is_job => false,
        (Action::Entering, State::Idle) => stays_in_idle(target),
        (Action::Entering, State::Unknown | State::Init | State::Stop) => false,
        _ => true,
    }
}

/// Whether a service may stay in Idle: for its gates, or for the delay before Run.
fn stays_in_idle(node: &Node<'_>) -> bool {
    !node.options.delays[2].is_zero() || node.edges.iter().any(|edge| is_gate_at(edge, GateStage::Run))
}
