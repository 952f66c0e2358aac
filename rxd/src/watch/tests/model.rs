//! The model: slow, and right by definition. It keeps every step, and computes each answer from the
//! first step on.

use crate::graph::Mode;
use crate::lifecycle::state::{Action, Cause, State, Transition};

/// One step of a run.
#[derive(Clone, Copy, Debug)]
pub(super) enum Step {
    Move {
        service: usize,
        state: State,
        transition: Transition,
        cause: Cause,
    },
    /// An operator has started a service again that was in Exit.
    Revive(usize),
}

/// All steps of a run. An instant is the number of steps before it.
#[derive(Debug, Default)]
pub(super) struct World {
    pub(super) steps: Vec<Step>,
}

pub(super) type Instant = usize;

/// Where a service is: state, transition, cause, incarnation, number.
pub(super) type Place = (State, Transition, Cause, u32, u64);

impl World {
    pub(super) fn now(&self) -> Instant {
        self.steps.len()
    }

    /// The number of transitions before an instant.
    pub(super) fn seq(&self, at: Instant) -> u64 {
        self.steps[..at].iter().filter(|step| matches!(step, Step::Move { .. })).count() as u64
    }

    /// The transitions after `from`, as instants after each.
    pub(super) fn moves(&self, from: Instant) -> impl Iterator<Item = (Instant, usize)> {
        self.steps.iter().enumerate().skip(from).filter_map(|(at, step)| match step {
            Step::Move { service, .. } => Some((at + 1, *service)),
            Step::Revive(_) => None,
        })
    }

    pub(super) fn place(&self, id: usize, at: Instant) -> Place {
        let mut place = (State::Unknown, Transition::Entering, Cause::Normal, 0, 0);
        let mut seq = 0;
        for step in &self.steps[..at] {
            let Step::Move { service, state, transition, cause } = *step else { continue };
            seq += 1;
            if service == id {
                let init = state == State::Init && transition == Transition::Entering;
                place = (state, transition, cause, place.3 + u32::from(init), seq);
            }
        }
        place
    }

    fn is_in(&self, service: usize, state: State, at: Instant) -> bool {
        let place = self.place(service, at);
        (place.0, place.1) == (state, Transition::Entering)
    }

    /// Whether an action holds for one service, as it is documented.
    pub(super) fn holds(&self, service: usize, action: Action, state: State, at: Instant) -> bool {
        match action {
            Action::Entering => self.is_in(service, state, at),
            Action::NotIn => !self.is_in(service, state, at),
            Action::Exited => {
                !self.is_in(service, state, at) && (0..at).any(|before| self.is_in(service, state, before))
            }
            Action::Changing => at > 0 && self.is_in(service, state, at - 1) != self.is_in(service, state, at),
        }
    }

    /// Why the service was in Exit the last time, if it ever was.
    pub(super) fn ended(&self, id: usize) -> Option<Cause> {
        self.steps.iter().rev().find_map(|step| match *step {
            Step::Move { service, state: State::Exit, cause, .. } if service == id => Some(cause),
            _ => None,
        })
    }

    /// Whether the service is in Exit, and was not started again.
    pub(super) fn is_over(&self, service: usize) -> bool {
        matches!(self.last(service, self.steps.len()), Some(Step::Move { state: State::Exit, .. }))
    }

    /// Whether the service has left Unknown.
    pub(super) fn has_begun(&self, service: usize) -> bool {
        self.last(service, self.steps.len()).is_some()
    }

    /// The last step of the service.
    fn last(&self, id: usize, at: Instant) -> Option<&Step> {
        self.steps[..at].iter().rev().find(|step| match step {
            Step::Move { service, .. } | Step::Revive(service) => *service == id,
        })
    }

    /// Whether the value of a condition for the service can no longer change.
    fn is_settled(&self, service: usize, state: State, at: Instant) -> bool {
        match self.last(service, at) {
            Some(Step::Move { state: State::Exit, .. }) => true,
            // No service returns to Unknown.
            Some(_) => state == State::Unknown,
            None => false,
        }
    }
}

/// A watch, by definition.
#[derive(Clone, Debug)]
pub(super) struct Watched {
    pub(super) mode: Mode,
    pub(super) action: Action,
    pub(super) state: State,
    pub(super) targets: Vec<usize>,
    pub(super) made: Instant,
}

impl Watched {
    pub(super) fn holds(&self, world: &World, at: Instant) -> bool {
        let mut each = self.targets.iter().map(|&service| world.holds(service, self.action, self.state, at));
        match self.mode {
            Mode::Any => each.any(|holds| holds),
            Mode::All => each.all(|holds| holds),
        }
    }

    /// Every instant at which the watch came true, for a declared watch, which never ends.
    pub(super) fn edges(&self, world: &World) -> Vec<Instant> {
        self.replay(world, false).0
    }

    /// Every instant at which the watch came true, and whether it never can again.
    pub(super) fn edges_and_end(&self, world: &World) -> (Vec<Instant>, bool) {
        self.replay(world, true)
    }

    fn replay(&self, world: &World, ends: bool) -> (Vec<Instant>, bool) {
        let mut edges = Vec::new();
        let mut changed = vec![false; self.targets.len()];
        let pulse = self.action == Action::Changing;
        for at in self.made..=world.now() {
            let first = at == self.made;
            if !pulse {
                if self.holds(world, at) && (first || !self.holds(world, at - 1)) {
                    edges.push(at);
                }
            } else if !first {
                for (changed, &service) in changed.iter_mut().zip(&self.targets) {
                    *changed |= world.holds(service, Action::Changing, self.state, at);
                }
                let fires = match self.mode {
                    Mode::Any => changed.iter().any(|changed| *changed),
                    Mode::All => changed.iter().all(|changed| *changed),
                };
                if fires {
                    edges.push(at);
                    changed.fill(false);
                }
            }
            if ends && self.can_never_rise(world, &changed, at) {
                return (edges, true);
            }
        }
        (edges, false)
    }

    /// Whether there is no future in which the watch comes true again.
    ///
    /// A service that is not settled may do anything. For a rising edge the condition must not
    /// hold, now or at a later instant, and must hold at an instant after that.
    fn can_never_rise(&self, world: &World, changed: &[bool], at: Instant) -> bool {
        let settled: Vec<bool> =
            self.targets.iter().map(|&service| world.is_settled(service, self.state, at)).collect();
        if self.action == Action::Changing {
            return match self.mode {
                Mode::Any => settled.iter().all(|settled| *settled),
                Mode::All => settled.iter().zip(changed).any(|(settled, changed)| *settled && !*changed),
            };
        }
        let holds: Vec<bool> =
            self.targets.iter().map(|&service| world.holds(service, self.action, self.state, at)).collect();
        // A service that is settled keeps its value in every future; the others can have either.
        let can = |wanted: bool| {
            let mut each = settled.iter().zip(&holds).map(|(settled, holds)| !*settled || *holds == wanted);
            match (self.mode, wanted) {
                (Mode::Any, true) | (Mode::All, false) => each.any(|can| can),
                (Mode::Any, false) | (Mode::All, true) => each.all(|can| can),
            }
        };
        !(can(true) && (can(false) || !self.holds(world, at)))
    }
}
