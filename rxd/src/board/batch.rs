//! What a service has done that is not published, and what becomes of an attempt to go on.

use super::Seq;
use crate::lifecycle::state::{Cause, State, Transition};
use std::num::NonZeroU64;

/// One transition of a service.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct StateChange {
    pub(crate) state: State,
    pub(crate) transition: Transition,
    pub(crate) cause: Cause,
}

/// What a service has done since its engine was last at the board: transitions between which
/// nothing happened, to be published in one critical section; and then that it comes round.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct TransitionBatch {
    steps: [StateChange; TransitionBatch::ROOM],
    len: u8,
    /// It comes round by itself once more. It shows with its next transition.
    pub(crate) restarts: bool,
    /// When that was, if the clock was read for it.
    pub(crate) at: Option<NonZeroU64>,
}

impl TransitionBatch {
    /// How many transitions there is room for: between two at which a service may have to wait are at most three.
    const ROOM: usize = 4;

    /// Puts one more to the others; whether there is no room for another.
    #[must_use]
    pub(crate) fn push(&mut self, step: StateChange) -> bool {
        self.steps[usize::from(self.len)] = step;
        self.len += 1;
        usize::from(self.len) == TransitionBatch::ROOM
    }

    pub(crate) fn steps(&self) -> &[StateChange] {
        &self.steps[..usize::from(self.len)]
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len == 0 && !self.restarts
    }
}

/// What became of an attempt to enter a state.
#[derive(Clone, Copy, Debug)]
pub(crate) struct GateOutcome {
    /// The number of the first transition that was owed.
    pub(crate) first: Option<Seq>,
    /// The numbers of leaving the state before and of entering this one; none if a gate is shut.
    pub(crate) entered: Option<(Option<Seq>, Seq)>,
    /// When, as [`Board::now`](super::Board::now) tells it.
    pub(crate) at: u64,
    /// Whether it woke anybody.
    pub(crate) woke: bool,
}
