//! The model: slow, and right by definition. It keeps all that ever happened, and works out
//! whatever is asked from the beginning.

use crate::graph::Mode;
use crate::lifecycle::state::{Action, Cause, State, Transition};

/// One thing that happened.
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

/// All that happened. An instant is how many steps were over then.
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

    /// How many transitions there had been.
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

    pub(super) fn place(&self, who: usize, at: Instant) -> Place {
        let mut place = (State::Unknown, Transition::Entering, Cause::Normal, 0, 0);
        let mut seq = 0;
        for step in &self.steps[..at] {
            let Step::Move { service, state, transition, cause } = *step else { continue };
            seq += 1;
            if service == who {
                let init = state == State::Init && transition == Transition::Entering;
                place = (state, transition, cause, place.3 + u32::from(init), seq);
            }
        }
        place
    }

    fn is_in(&self, who: usize, state: State, at: Instant) -> bool {
        let place = self.place(who, at);
        (place.0, place.1) == (state, Transition::Entering)
    }

    /// Whether an action holds for one service, by the words of the documentation.
    pub(super) fn holds(&self, who: usize, action: Action, state: State, at: Instant) -> bool {
        match action {
            Action::Entering => self.is_in(who, state, at),
            Action::NotIn => !self.is_in(who, state, at),
            Action::Exited => !self.is_in(who, state, at) && (0..at).any(|before| self.is_in(who, state, before)),
            Action::Changing => at > 0 && self.is_in(who, state, at - 1) != self.is_in(who, state, at),
        }
    }

    /// Why the service was in Exit the last time, if it ever was.
    pub(super) fn ended(&self, who: usize) -> Option<Cause> {
        self.steps.iter().rev().find_map(|step| match *step {
            Step::Move { service, state: State::Exit, cause, .. } if service == who => Some(cause),
            _ => None,
        })
    }

    /// Whether the service is in Exit, and was not started again.
    pub(super) fn is_over(&self, who: usize) -> bool {
        matches!(self.last(who, self.steps.len()), Some(Step::Move { state: State::Exit, .. }))
    }

    /// Whether the service has left Unknown.
    pub(super) fn has_begun(&self, who: usize) -> bool {
        self.last(who, self.steps.len()).is_some()
    }

    /// What happened to the service last.
    fn last(&self, who: usize, at: Instant) -> Option<&Step> {
        self.steps[..at].iter().rev().find(|step| match step {
            Step::Move { service, .. } | Step::Revive(service) => *service == who,
        })
    }

    /// Whether what the action says of the service can change no more.
    fn is_settled(&self, who: usize, state: State, at: Instant) -> bool {
        match self.last(who, at) {
            Some(Step::Move { state: State::Exit, .. }) => true,
            // Unknown does not come again.
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
        let mut each = self.targets.iter().map(|&who| world.holds(who, self.action, self.state, at));
        match self.mode {
            Mode::Any => each.any(|holds| holds),
            Mode::All => each.all(|holds| holds),
        }
    }

    /// Every instant at which it came true, of a watch that goes on for ever.
    pub(super) fn edges(&self, world: &World) -> Vec<Instant> {
        self.set_behavior(world, false).0
    }

    /// Every instant at which it came true, and whether it can do so no more.
    pub(super) fn story(&self, world: &World) -> (Vec<Instant>, bool) {
        self.set_behavior(world, true)
    }

    fn set_behavior(&self, world: &World, ends: bool) -> (Vec<Instant>, bool) {
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
                for (changed, &who) in changed.iter_mut().zip(&self.targets) {
                    *changed |= world.holds(who, Action::Changing, self.state, at);
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
            if ends && self.can_rise_no_more(world, &changed, at) {
                return (edges, true);
            }
        }
        (edges, false)
    }

    /// Whether there is no future in which it comes true again.
    ///
    /// The services that are not settled may do anything. For a rising edge there must be a future
    /// in which it does not hold, or that instant is now, and then one in which it does.
    fn can_rise_no_more(&self, world: &World, changed: &[bool], at: Instant) -> bool {
        let settled: Vec<bool> = self.targets.iter().map(|&who| world.is_settled(who, self.state, at)).collect();
        if self.action == Action::Changing {
            return match self.mode {
                Mode::Any => settled.iter().all(|settled| *settled),
                Mode::All => settled.iter().zip(changed).any(|(settled, changed)| *settled && !*changed),
            };
        }
        let holds: Vec<bool> = self.targets.iter().map(|&who| world.holds(who, self.action, self.state, at)).collect();
        // What those that are settled say in every future; the others can say either.
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
