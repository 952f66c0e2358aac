//! What open gates say about the states of their targets.
//!
//! [`rules`](super::rules) compares gates and reactions of one service by it: two gates conflict if
//! no state is left that satisfies both, a reaction contradicts a gate if the gate implies it.

use super::family::asks_each;
use super::reach::{GateStage, TargetCondition, can_enter, condition_of, is_gate_at};
use super::table::{Analysis, INIT_OPENS, MAY_BE_ENDED, NO_INDEX, RUN_OPENS, target_service};
use crate::lifecycle::state::{Action, State};

/// The states that a service may be in at an instant at which certain gates are open.
#[derive(Clone, Copy)]
pub(super) struct KnownStates {
    /// The states it may be in, as bits.
    pub(super) possible: u8,
    /// The states it has been in and left, as bits.
    pub(super) left: u8,
}

const ALL_STATES: u8 = 0b11_1111;

impl KnownStates {
    /// What is known of service `at` without any gate: what its manager lets it enter.
    pub(super) const fn without_gates(analysis: &Analysis<'_>, at: usize) -> KnownStates {
        let flags = analysis.entries[at].flags & MAY_BE_ENDED | INIT_OPENS | RUN_OPENS;
        let mut possible = 0;
        let mut i = 0;
        while i < State::ALL.len() {
            if can_enter(analysis.graph, at, flags, State::ALL[i]) {
                possible |= State::ALL[i].bit();
            }
            i += 1;
        }
        KnownStates { possible, left: 0 }
    }

    /// What is known when this condition holds as well.
    pub(super) const fn given(self, condition: TargetCondition) -> KnownStates {
        let bit = condition.state.bit();
        let KnownStates { possible, left } = self;
        if condition.completed {
            // It is in Exit, after an incarnation that has been in every other state.
            return KnownStates { possible: possible & bit, left: ALL_STATES & !bit };
        }
        match condition.action {
            Action::Entering => KnownStates { possible: possible & bit, left },
            Action::NotIn => KnownStates { possible: possible & !bit, left },
            Action::Exited => KnownStates { possible: possible & !bit & !State::Unknown.bit(), left: left | bit },
            // An edge in time: it says nothing about the state afterwards.
            Action::Changing => self,
        }
    }

    /// Whether the condition then holds for certain.
    pub(super) const fn implies(self, condition: TargetCondition) -> bool {
        let bit = condition.state.bit();
        match condition.action {
            Action::Entering => self.possible == bit,
            Action::NotIn => self.possible & bit == 0,
            Action::Exited => {
                // The states that a service can only be in after it has left the one in question.
                let later = match condition.state {
                    State::Unknown => ALL_STATES & !bit,
                    State::Init => State::Idle.bit() | State::Run.bit() | State::Stop.bit(),
                    State::Idle => State::Run.bit(),
                    State::Run | State::Stop | State::Exit => 0,
                };
                self.possible & bit == 0 && (self.left & bit != 0 || self.possible & !later == 0)
            }
            Action::Changing => false,
        }
    }
}

/// Whether a service that satisfies `later` must have satisfied `earlier` before, or does at the
/// same instant.
pub(super) const fn comes_before(earlier: TargetCondition, later: TargetCondition) -> bool {
    let (entered, left) = history_at(later);
    let bit = earlier.state.bit();
    if earlier.completed {
        return false;
    }
    match (earlier.action, earlier.state) {
        (Action::NotIn | Action::Exited | Action::Changing, State::Unknown) => left & bit != 0,
        (Action::Entering | Action::Changing, _) => entered & bit != 0,
        (Action::Exited, _) => left & bit != 0,
        // It holds from the start.
        (Action::NotIn, _) => true,
    }
}

/// The states that a service has entered, and those that it has left, when it satisfies the
/// condition for the first time.
const fn history_at(condition: TargetCondition) -> (u8, u8) {
    let bit = condition.state.bit();
    if condition.completed {
        return (ALL_STATES, ALL_STATES & !bit);
    }
    let (unknown, init) = (State::Unknown.bit(), State::Init.bit());
    let entered = match condition.state {
        State::Unknown => unknown,
        State::Init => unknown | init,
        State::Idle => unknown | init | State::Idle.bit(),
        State::Run => unknown | init | State::Idle.bit() | State::Run.bit(),
        // It may fail in Init.
        State::Stop => unknown | init | State::Stop.bit(),
        // It may be ended before its Init.
        State::Exit => unknown | State::Exit.bit(),
    };
    match (condition.action, condition.state) {
        (Action::Exited, _) => (entered, entered),
        (Action::Entering, _) => (entered, entered & !bit),
        (Action::Changing | Action::NotIn, State::Unknown) => (unknown, unknown),
        (Action::Changing, _) => (entered, entered & !bit),
        (Action::NotIn, _) => (unknown, 0),
    }
}

/// What is known of service `at` when those of the first `count` edges of service `me` that are
/// gates of this stage are open; and the last of them that says anything about it, or [`NO_INDEX`].
///
/// An `any` gate with more than one target says nothing about one of them, and one on a family nothing
/// about a member.
pub(super) const fn states_at_open_gates(
    analysis: &Analysis<'_>,
    me: usize,
    count: usize,
    at: usize,
    when: GateStage,
) -> (KnownStates, usize) {
    let edges = analysis.graph.nodes[me].edges;
    let mut known = KnownStates::without_gates(analysis, at);
    let mut last = NO_INDEX as usize;
    let mut e = 0;
    while e < count {
        let edge = &edges[e];
        if is_gate_at(edge, when) && asks_each(analysis, edge, at) {
            let mut t = 0;
            while t < edge.targets.len() {
                if let Some(to) = target_service(analysis, edge, t) {
                    if to == at {
                        known = known.given(condition_of(edge));
                        last = e;
                    }
                }
                t += 1;
            }
        }
        e += 1;
    }
    (known, last)
}
