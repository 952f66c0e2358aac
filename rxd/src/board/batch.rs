//! The transitions that an engine publishes in one critical section, and the outcome of entering a
//! state.

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

/// The transitions of a service that its engine has not published. Nothing happened between them,
/// so they are published in one critical section.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct TransitionBatch {
    steps: [StateChange; TransitionBatch::CAPACITY],
    len: u8,
    /// 1 if the service is to be restarted after them, -1 if it no longer is. Readers see that with
    /// its next transition.
    pub(crate) restarts: i8,
    /// The time of these transitions, if the engine has read the clock for it.
    pub(crate) at: Option<NonZeroU64>,
}

impl TransitionBatch {
    /// The capacity. At most three transitions follow each other without a wait or a method between
    /// them, or more if an interrupt is pending: then the full batch is published on its own.
    const CAPACITY: usize = 4;

    /// Adds a transition. Returns whether the batch is full.
    #[must_use]
    pub(crate) fn push(&mut self, step: StateChange) -> bool {
        self.steps[usize::from(self.len)] = step;
        self.len += 1;
        usize::from(self.len) == TransitionBatch::CAPACITY
    }

    pub(crate) fn steps(&self) -> &[StateChange] {
        &self.steps[..usize::from(self.len)]
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len == 0 && self.restarts == 0
    }
}

/// The outcome of an attempt to enter a state.
#[derive(Clone, Copy, Debug)]
pub(crate) struct GateOutcome {
    /// The number of the first transition of the batch.
    pub(crate) first: Option<Seq>,
    /// The numbers of leaving the previous state and of entering this one; none if a gate is
    /// closed.
    pub(crate) entered: Option<(Option<Seq>, Seq)>,
    /// The time, as of [`Board::now`](super::Board::now).
    pub(crate) at: u64,
    /// Whether a task was woken.
    pub(crate) woke: bool,
}
