//! What one watch asks, and whether a service can ever satisfy it.
//!
//! Plain questions about one edge or one service, for given flags of the services: which gate an
//! edge is, what it asks of a target, which states a service can enter. [`solve`](super::solve)
//! asks them until nothing changes; the rules and the messages ask them of the result.
//!
//! The assumptions behind the answers are listed in the [module documentation](super). Here are
//!
//! * assumption 2 in [`can_pass_run_gates`];
//! * assumption 3 in [`can_enter`], at `State::Exit`;
//! * assumption 4 in [`can_open`].

use super::model::{Edge, Effect, Graph, Keyword, Mode};
use super::table::{INIT_OPENS, Lookup, MAY_BE_ENDED, NodeEntry, RUN_GATE_HAS_LIMIT, RUN_OPENS, find};
use crate::lifecycle::state::{Action, State};

/// Where a gate holds its service back.
#[derive(Clone, Copy, Debug)]
pub(super) enum GateStage {
    /// Before Init.
    Init = 0,
    /// Before Run.
    Run = 1,
}

/// A condition on one target.
#[derive(Clone, Copy, Debug)]
pub(super) struct TargetCondition {
    pub(super) action: Action,
    pub(super) state: State,
    /// For `after`: that it has entered Exit after a Run that returned `Ok`.
    pub(super) completed: bool,
}

/// What the edge asks of each of its targets.
pub(super) const fn condition_of(edge: &Edge<'_>) -> TargetCondition {
    match edge.keyword {
        Keyword::Watch => TargetCondition { action: edge.action, state: edge.state, completed: false },
        Keyword::Needs => TargetCondition { action: Action::Entering, state: State::Run, completed: false },
        Keyword::After => TargetCondition { action: Action::Entering, state: State::Exit, completed: true },
    }
}

/// Where the edge holds its service back, if it does.
pub(super) const fn gate_stage(edge: &Edge<'_>) -> Option<GateStage> {
    match (edge.keyword, edge.effect) {
        (Keyword::Watch, Effect::GateInit) => Some(GateStage::Init),
        (Keyword::Watch, Effect::GateRun) | (Keyword::Needs | Keyword::After, _) => Some(GateStage::Run),
        (Keyword::Watch, Effect::Stop | Effect::Exit | Effect::Stream) => None,
    }
}

/// Whether every target has to satisfy the edge.
pub(super) const fn requires_all(edge: &Edge<'_>) -> bool {
    !matches!((edge.keyword, edge.mode), (Keyword::Watch, Mode::Any)) || edge.targets.len() == 1
}

/// Whether the edge takes its service out of Run, or ends it, whenever one of its targets goes from
/// Idle to Run.
///
/// What comes true in an earlier state, such as `exited, Init`, does not count: it has taken the
/// service out once by then, and does not come true again when the target enters Run.
pub(super) const fn evicts_at_run(edge: &Edge<'_>) -> bool {
    let rises = matches!(
        (edge.action, edge.state),
        (Action::Entering, State::Run)
            | (Action::NotIn | Action::Exited, State::Idle)
            | (Action::Changing, State::Idle | State::Run)
    );
    let leaves = match (edge.keyword, edge.effect) {
        (Keyword::Watch, Effect::Stop) => true,
        // `not_in` with `then(exit)` ends the service at its start, which is a fault by itself.
        (Keyword::Watch, Effect::Exit) => !matches!(edge.action, Action::NotIn),
        _ => false,
    };
    rises && leaves && is_met_by_one(edge)
}

/// Whether one target is enough to satisfy the edge.
pub(super) const fn is_met_by_one(edge: &Edge<'_>) -> bool {
    !requires_all(edge) || edge.targets.len() == 1
}

/// Which gates of a target can keep the condition from coming true; `None` if it is true from the
/// start. What comes true in Init or on entering Idle waits for the gates before Init only.
pub(super) const fn blocking_stage(condition: TargetCondition) -> Option<GateStage> {
    match (condition.action, condition.state) {
        (Action::Entering, State::Unknown) => None,
        (_, State::Unknown) => Some(GateStage::Init),
        (Action::NotIn, _) => None,
        (_, State::Init) | (Action::Entering | Action::Changing, State::Idle) => Some(GateStage::Init),
        _ => Some(GateStage::Run),
    }
}

/// Whether service `at` can ever satisfy the condition, if its gates open as `flags` say.
const fn can_satisfy_with(graph: &Graph<'_>, at: usize, flags: u8, condition: TargetCondition) -> bool {
    if condition.completed {
        return can_enter(graph, at, flags, State::Run) && graph.nodes[at].table.succeeds();
    }
    match (condition.action, condition.state) {
        (Action::Entering, state) => can_enter(graph, at, flags, state),
        // Every service begins in Unknown, and leaves it for Init, or for Exit if it is ended
        // before.
        (Action::Exited | Action::Changing | Action::NotIn, State::Unknown) => flags & (INIT_OPENS | MAY_BE_ENDED) != 0,
        // True from the start, when the service is in Unknown.
        (Action::NotIn, _) => true,
        // A service that is held before Run stays in Idle; every other state it leaves by itself.
        (Action::Exited, State::Idle) => can_enter(graph, at, flags, State::Idle) && can_leave_idle(graph, at, flags),
        (Action::Exited, State::Exit) => false,
        (Action::Exited | Action::Changing, state) => can_enter(graph, at, flags, state),
    }
}

/// Whether service `at` can satisfy the condition under its manager, if all gates of all services
/// opened.
pub(super) const fn can_ever_satisfy(
    graph: &Graph<'_>,
    entries: &[NodeEntry],
    at: usize,
    condition: TargetCondition,
) -> bool {
    can_satisfy_with(graph, at, entries[at].flags | INIT_OPENS | RUN_OPENS, condition)
}

/// Whether service `at` can satisfy the condition, given the gates that are known to open.
pub(super) const fn can_satisfy(
    graph: &Graph<'_>,
    entries: &[NodeEntry],
    at: usize,
    condition: TargetCondition,
) -> bool {
    can_satisfy_with(graph, at, entries[at].flags, condition)
}

/// Whether service `at` can ever be in `state`, if its gates open as `flags` say.
pub(super) const fn can_enter(graph: &Graph<'_>, at: usize, flags: u8, state: State) -> bool {
    let table = graph.nodes[at].table;
    let init = flags & INIT_OPENS != 0;
    match state {
        State::Unknown => true,
        State::Init => init,
        State::Idle => init && table.reaches(State::Idle),
        State::Run => init && flags & RUN_OPENS != 0 && table.reaches(State::Run),
        State::Stop => init && can_pass_run_gates(graph, at, flags),
        State::Exit => {
            // Its methods run and may fail: it is restarted until its limit, or ends by its table.
            let moves = init && can_pass_run_gates(graph, at, flags);
            flags & MAY_BE_ENDED != 0
                || moves && (graph.nodes[at].has_restart_limit() || table.goes(State::Init, State::Exit))
                || moves && table.goes(State::Stop, State::Exit)
                || moves && table.reaches(State::Idle) && table.goes(State::Idle, State::Exit)
                || can_enter(graph, at, flags, State::Run) && table.goes(State::Run, State::Exit)
        }
    }
}

/// Whether service `at`, once in Init, is not held before Run for ever: a gate opens, fails by its
/// limit or is cut short, or the manager leads past Idle or Run so that there is no gate to pass.
const fn can_pass_run_gates(graph: &Graph<'_>, at: usize, flags: u8) -> bool {
    let table = graph.nodes[at].table;
    flags & (RUN_OPENS | RUN_GATE_HAS_LIMIT | MAY_BE_ENDED) != 0
        || !table.next(State::Init, true).is(State::Idle)
        || !table.next(State::Idle, true).is(State::Run)
}

/// As [`can_pass_run_gates`], once in Idle: a manager that leads past Idle has not, by then.
const fn can_leave_idle(graph: &Graph<'_>, at: usize, flags: u8) -> bool {
    let table = graph.nodes[at].table;
    let is_usual = table.next(State::Init, true).is(State::Idle);
    flags & (RUN_OPENS | RUN_GATE_HAS_LIMIT | MAY_BE_ENDED) != 0
        || !table.next(State::Idle, true).is(State::Run)
        // It comes there by failing, and may fail again.
        || !is_usual && !table.next(State::Idle, false).is(State::Run)
}

/// Whether the edge of service `me`, a gate, can open.
pub(super) const fn can_open(graph: &Graph<'_>, entries: &[NodeEntry], me: usize, edge: &Edge<'_>) -> bool {
    let condition = condition_of(edge);
    let every = requires_all(edge);
    let mut impossible = 0;
    let mut t = 0;
    while t < edge.targets.len() {
        match find(graph, entries, &edge.targets[t]) {
            Lookup::One(at) if at != me => {
                if !can_ever_satisfy(graph, entries, at, condition) {
                    impossible += 1;
                } else if can_satisfy(graph, entries, at, condition) != every {
                    // `all`: this one cannot, so the gate cannot. `any`: this one can, so the gate
                    // can.
                    return !every;
                }
            }
            // The watch is a fault by itself, and reported as that: it counts as satisfied.
            _ if every => {}
            _ => return true,
        }
        t += 1;
    }
    // `all`: none was found that cannot. `any`: none was found that can. If the managers alone are
    // the reason, that is a fault by itself (`watch-never-true`).
    every || impossible == edge.targets.len()
}

/// Whether the edge is a gate of this stage.
pub(super) const fn is_gate_at(edge: &Edge<'_>, at: GateStage) -> bool {
    match gate_stage(edge) {
        Some(stage) => stage as u8 == at as u8,
        None => false,
    }
}
