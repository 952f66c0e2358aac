//! Which states a service can ever get to, given everybody's gates.
//!
//! Two facts of each service decide everything: whether its gates before Init can open, and whether
//! those before Run can. They start as "no" and are turned into "yes" until nothing changes: the
//! least fixed point. What stays "no" waits, by way of others, for itself.
//!
//! 1. A service that is held at a gate before Run has done its Init and Idle: it does not fail there,
//!    so waiting for it to leave Idle or to enter Stop is waiting for its gate; unless the gate has a
//!    limit (`within`), which makes it fail.
//! 2. A watch that is a fault by itself (its target is unknown, say) counts as one that holds, so
//!    that one mistake is one error.
//! 3. An `any` watch holds if one target can satisfy it, an `all` watch if each can.

use super::model::{Edge, Effect, Graph, Keyword, Mode};
use super::table::{Cell, FALLS, Found, INIT, LIMITED, RUN, find};
use crate::lifecycle::state::{Action, State};

/// Where a gate holds its service back.
#[derive(Clone, Copy, Debug)]
pub(super) enum Stage {
    /// Before Init.
    Init = 0,
    /// Before Run.
    Run = 1,
}

/// What an edge asks of each of its targets.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ask {
    pub(super) action: Action,
    pub(super) state: State,
    /// For `after`: that it ended well.
    pub(super) well: bool,
}

/// What the edge asks.
pub(super) const fn ask(edge: &Edge<'_>) -> Ask {
    match edge.keyword {
        Keyword::Watch => Ask { action: edge.action, state: edge.state, well: false },
        Keyword::Needs => Ask { action: Action::Entering, state: State::Run, well: false },
        Keyword::After => Ask { action: Action::Entering, state: State::Exit, well: true },
    }
}

/// Where the edge holds its service back, if it does.
pub(super) const fn stage(edge: &Edge<'_>) -> Option<Stage> {
    match (edge.keyword, edge.effect) {
        (Keyword::Watch, Effect::GateInit) => Some(Stage::Init),
        (Keyword::Watch, Effect::GateRun) | (Keyword::Needs | Keyword::After, _) => Some(Stage::Run),
        (Keyword::Watch, Effect::Stop | Effect::Exit | Effect::Stream) => None,
    }
}

/// Whether every target has to satisfy the edge.
pub(super) const fn every(edge: &Edge<'_>) -> bool {
    !matches!((edge.keyword, edge.mode), (Keyword::Watch, Mode::Any)) || edge.targets.len() == 1
}

/// Which gates of a target can keep what is asked from coming true; none if it is true from the start.
pub(super) const fn held_by(ask: Ask) -> Option<Stage> {
    match (ask.action, ask.state) {
        (Action::Entering, State::Unknown) => None,
        (_, State::Unknown) => Some(Stage::Init),
        (Action::NotIn, _) => None,
        (_, State::Init) | (Action::Entering | Action::Changing, State::Idle) => Some(Stage::Init),
        _ => Some(Stage::Run),
    }
}

/// Whether service `at` can ever satisfy what is asked, if its gates open as `facts` say.
const fn can(graph: &Graph<'_>, at: usize, facts: u8, ask: Ask) -> bool {
    if ask.well {
        return enters(graph, at, facts, State::Run) && graph.nodes[at].table.succeeds();
    }
    match (ask.action, ask.state) {
        (Action::Entering, state) => enters(graph, at, facts, state),
        (Action::Exited | Action::Changing | Action::NotIn, State::Unknown) => facts & (INIT | FALLS) != 0,
        (Action::NotIn, _) => true,
        (Action::Exited, State::Idle) => enters(graph, at, facts, State::Idle) && moves_on(graph, at, facts),
        (Action::Exited, State::Exit) => false,
        (Action::Exited | Action::Changing, state) => enters(graph, at, facts, state),
    }
}

/// Whether service `at` can satisfy what is asked if everybody's gates were open.
pub(super) const fn can_ever(graph: &Graph<'_>, cells: &[Cell], at: usize, ask: Ask) -> bool {
    can(graph, at, cells[at].facts | INIT | RUN, ask)
}

/// Whether service `at` can satisfy what is asked, given everybody's gates.
pub(super) const fn can_now(graph: &Graph<'_>, cells: &[Cell], at: usize, ask: Ask) -> bool {
    can(graph, at, cells[at].facts, ask)
}

/// Whether service `at` can ever be in `state`.
pub(super) const fn enters(graph: &Graph<'_>, at: usize, facts: u8, state: State) -> bool {
    let table = graph.nodes[at].table;
    let init = facts & INIT != 0;
    match state {
        State::Unknown => true,
        State::Init => init,
        State::Idle => init && table.reaches(State::Idle),
        State::Run => init && facts & RUN != 0 && table.reaches(State::Run),
        State::Stop => init && moves_on(graph, at, facts),
        State::Exit => {
            let moves = init && moves_on(graph, at, facts);
            facts & FALLS != 0
                || moves && (graph.nodes[at].has_restart_limit || table.goes(State::Init, State::Exit))
                || moves && table.goes(State::Stop, State::Exit)
                || moves && table.reaches(State::Idle) && table.goes(State::Idle, State::Exit)
                || enters(graph, at, facts, State::Run) && table.goes(State::Run, State::Exit)
        }
    }
}

/// Whether service `at`, once in Init, can get past its gates before Run, or never comes to them.
const fn moves_on(graph: &Graph<'_>, at: usize, facts: u8) -> bool {
    let table = graph.nodes[at].table;
    facts & (RUN | LIMITED | FALLS) != 0
        || !table.next(State::Init, true).is(State::Idle)
        || !table.next(State::Idle, true).is(State::Run)
}

/// Whether the edge of service `me`, a gate, can open.
pub(super) const fn opens(graph: &Graph<'_>, cells: &[Cell], me: usize, edge: &Edge<'_>) -> bool {
    let ask = ask(edge);
    let every = every(edge);
    let mut impossible = 0;
    let mut t = 0;
    while t < edge.targets.len() {
        match find(graph, cells, &edge.targets[t]) {
            Found::One(at) if at != me => {
                if !can_ever(graph, cells, at, ask) {
                    impossible += 1;
                } else if can_now(graph, cells, at, ask) != every {
                    return !every;
                }
            }
            // A fault by itself.
            _ if every => {}
            _ => return true,
        }
        t += 1;
    }
    // `any`: none can; if that is due to the managers alone, it is a fault by itself.
    every || impossible == edge.targets.len()
}

/// Whether the edge is a gate of this stage.
pub(super) const fn is_at(edge: &Edge<'_>, at: Stage) -> bool {
    match stage(edge) {
        Some(stage) => stage as u8 == at as u8,
        None => false,
    }
}
