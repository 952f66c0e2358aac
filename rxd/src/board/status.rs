//! The status of a service, and the conditions that watches place on it.

use super::{Id, StateChange, signal};
use crate::lifecycle::state::{Action, Cause, State, Transition};

/// The status of one service. Copied as a whole, so it holds plain values only.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ServiceStatus {
    pub(crate) state: State,
    pub(crate) transition: Transition,
    pub(crate) cause: Cause,
    /// The states it has left at least once, as bits.
    left: u8,
    pub(crate) completed: bool,
    pub(crate) failed_for_good: bool,
    pub(super) abandoned: bool,
    /// It is in Exit, and no operator has started it again.
    pub(crate) over: bool,
    /// The cause of its last Exit, if it has exited.
    pub(crate) ended: Option<Cause>,
    pub(crate) incarnation: u32,
    /// How many times it was restarted.
    pub(crate) restarts: u32,
    /// How many transitions it has made.
    pub(crate) transitions: u64,
    /// The number of its last transition; 0 before the first.
    pub(crate) seq: u64,
    /// The time of that transition, in nanoseconds since the board was made.
    pub(crate) at: u64,
}

impl ServiceStatus {
    /// Of a service that was removed.
    pub(crate) const GONE: ServiceStatus = ServiceStatus {
        state: State::Exit,
        transition: Transition::Exited,
        cause: Cause::Operator,
        left: u8::MAX,
        completed: false,
        failed_for_good: false,
        abandoned: false,
        over: true,
        ended: Some(Cause::Operator),
        incarnation: 0,
        restarts: 0,
        transitions: 0,
        seq: 0,
        at: 0,
    };

    /// Whether the service is in this state, and has not left it.
    pub(crate) fn is_in(&self, state: State) -> bool {
        self.state == state && self.transition == Transition::Entering
    }

    /// Whether it is in Exit without ever having begun: it waits for an operator to start it.
    pub(crate) fn is_unstarted(&self) -> bool {
        self.incarnation == 0 && self.cause == Cause::Operator && self.is_in(State::Exit)
    }

    /// Applies one transition.
    #[inline]
    pub(super) fn advance(&mut self, seq: u64, at: u64, step: StateChange) {
        let StateChange { state, transition, cause } = step;
        // Most states are left by an `exited` transition. There is none for Unknown, for Exit when
        // an operator starts the service again, and for the state of an abandoned service.
        self.left |= self.state.bit();
        (self.seq, self.at, self.state, self.transition, self.cause) = (seq, at, state, transition, cause);
        self.transitions += 1;
        if (state, transition) == (State::Init, Transition::Entering) {
            self.incarnation = self.incarnation.wrapping_add(1);
        }
    }
}

/// One transition.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Event {
    pub(crate) seq: u64,
    pub(crate) id: Id,
    pub(crate) incarnation: u32,
    pub(crate) restarts: u32,
    pub(crate) state: State,
    pub(crate) transition: Transition,
    pub(crate) cause: Cause,
    /// The time, in nanoseconds since the board was made.
    pub(crate) at: u64,
}

impl Event {
    /// The transition that led to this status.
    pub(super) fn last(id: Id, status: &ServiceStatus) -> Event {
        let ServiceStatus { seq, incarnation, restarts, state, transition, cause, at, .. } = *status;
        Event { seq, id, incarnation, restarts, state, transition, cause, at }
    }
}

/// The condition that a watch places on one service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Condition {
    /// One of the four actions on a state.
    State(Action, State),
    /// In Exit after a successful Run.
    Completed,
    /// In Exit because it failed for good.
    Failed,
}

impl Condition {
    /// Whether it is an edge, which holds at no instant.
    pub(crate) fn is_pulse(self) -> bool {
        matches!(self, Condition::State(Action::Changing, _))
    }

    /// Whether it holds.
    pub(crate) fn holds(self, status: &ServiceStatus) -> bool {
        match self {
            Condition::State(Action::Entering, state) => status.is_in(state),
            Condition::State(Action::Exited, state) => !status.is_in(state) && status.left & state.bit() != 0,
            Condition::State(Action::NotIn, state) => !status.is_in(state),
            Condition::State(Action::Changing, _) => false,
            Condition::Completed => status.state == State::Exit && status.completed,
            Condition::Failed => status.state == State::Exit && status.failed_for_good,
        }
    }

    /// Whether this transition is an edge of it.
    pub(super) fn pulses(self, before: &ServiceStatus, after: &ServiceStatus) -> bool {
        match self {
            Condition::State(Action::Changing, state) => before.is_in(state) != after.is_in(state),
            _ => false,
        }
    }

    /// Cheap test: if false, [`is_settled`](Condition::is_settled) is false too.
    #[inline]
    pub(super) fn may_be_settled(self, status: &ServiceStatus) -> bool {
        status.over || matches!(self, Condition::State(_, State::Unknown))
    }

    /// Whether its value for this service will never change, unless an operator starts the service
    /// again: the service has exited, or the condition is about Unknown, which the service has left
    /// and to which it never returns. A service that was never started is still to be.
    pub(super) fn is_settled(self, status: &ServiceStatus) -> bool {
        (status.over && !status.is_unstarted())
            || (matches!(self, Condition::State(_, State::Unknown)) && status.seq > 0 && !status.is_in(State::Unknown))
    }
}

/// What a declared watch does to its service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reaction {
    /// Holds it back before Init.
    GateInit,
    /// Holds it back in Idle.
    GateRun,
    /// Takes it out of Run: a `then(stop)`.
    Stop,
    /// Takes it out of Run, since a service that it `needs` has left Run.
    LosesNeeded,
    /// Ends it.
    Exit,
    /// Ends it with cause `dependency`.
    Dependency,
}

impl Reaction {
    pub(super) fn is_gate(self) -> bool {
        matches!(self, Reaction::GateInit | Reaction::GateRun)
    }

    pub(super) fn signal(self) -> u32 {
        match self {
            Reaction::GateInit | Reaction::GateRun => signal::GATE,
            Reaction::Stop | Reaction::LosesNeeded => signal::STOP,
            Reaction::Exit => signal::EXIT,
            Reaction::Dependency => signal::DEPENDENCY,
        }
    }
}
