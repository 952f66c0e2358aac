//! A board without engines: the test moves the services, and the model with them.

use super::model::{Place, Step, World};
use crate::board::{Board, Id, TransitionBatch, WatcherSpec};
use crate::core::names::ServiceNames;
use crate::core::stop_order::StopOrder;
use crate::core::{Core, ServiceState};
use crate::lifecycle::state::{Cause, State, Transition};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Wake, Waker};

/// A board and the model of it.
pub(crate) struct Stage {
    pub(crate) core: Arc<Core>,
    pub(crate) world: World,
    pub(crate) history: usize,
}

impl Stage {
    pub(crate) fn new(services: usize, history: usize) -> Self {
        Stage::with(vec![Vec::new(); services], history)
    }

    pub(crate) fn with(declared: Vec<Vec<WatcherSpec>>, history: usize) -> Self {
        let services = declared.len();
        let names = (0..services).map(name);
        let stop_order = StopOrder::new(&vec![Vec::new(); services]);
        let core = Core::new("d".into(), ServiceNames::of_names(names), Board::new(declared, history), stop_order);
        Stage { core: Arc::new(core), world: World::default(), history }
    }

    /// Makes the next transition of a service; `choice` selects one of those that are possible.
    pub(crate) fn step(&mut self, service: usize, choice: usize) {
        let board = &self.core.board;
        let id = service as Id;
        let (state, transition, ..) = self.world.place(service, self.world.now());
        let revived =
            matches!(self.world.steps.iter().rev().find(|step| step.service() == service), Some(Step::Revive(_)));
        let cause = [Cause::Normal, Cause::Error, Cause::Panic][choice / 8 % 3];
        let choice = choice % 8;
        use State::{Exit, Idle, Init, Run, Stop, Unknown};
        use Transition::{Entering, Exited};
        match (state, transition) {
            (Exit, _) if self.world.ended(service) == Some(Cause::Abandoned) => {
                assert_eq!(
                    board.publish(id, Init, Entering, cause),
                    None,
                    "nothing more of an abandoned service is published"
                );
                assert_eq!(board.abandon(id), None);
            }
            (Exit, _) if !revived => {
                if choice < 4 {
                    board.revive(id);
                    self.world.steps.push(Step::Revive(service));
                }
            }
            (Exit, _) if choice == 0 => self.exit(service, cause),
            (Unknown | Exit, _) if choice == 1 => self.abandon(service),
            (Unknown | Exit, _) => drop(self.try_enter(service, None, Init)),
            (_, Entering) if choice == 0 => self.abandon(service),
            (Idle, Entering) if choice < 5 => drop(self.try_enter(service, Some(Idle), Run)),
            (_, Entering) => self.publish(service, state, Exited, cause),
            (Init, Exited) if choice < 6 => self.publish(service, Idle, Entering, Cause::Normal),
            (Init | Idle | Run, Exited) => self.publish(service, Stop, Entering, cause),
            (Stop, Exited) if choice < 3 => self.exit(service, cause),
            (Stop, Exited) => drop(self.try_enter(service, None, Init)),
        }
    }

    fn note(&mut self, service: usize, state: State, transition: Transition, cause: Cause) {
        self.world.steps.push(Step::Move { service, state, transition, cause });
    }

    pub(crate) fn publish(&mut self, service: usize, state: State, transition: Transition, cause: Cause) {
        let seq = self.core.board.publish(service as Id, state, transition, cause);
        self.note(service, state, transition, cause);
        assert_eq!(seq, Some(self.world.seq(self.world.now())), "the numbers have no gap");
    }

    fn exit(&mut self, service: usize, cause: Cause) {
        self.core.board.publish_exit(
            service as Id,
            &TransitionBatch::default(),
            (cause, false),
            (cause == Cause::Normal, cause != Cause::Normal),
            |_, _| {},
        );
        self.note(service, State::Exit, Transition::Entering, cause);
    }

    fn abandon(&mut self, service: usize) {
        assert!(self.core.board.abandon(service as Id).is_some());
        self.note(service, State::Exit, Transition::Entering, Cause::Abandoned);
    }

    /// Enters a state if the gates before it are open. Returns whether they were.
    pub(crate) fn try_enter(&mut self, service: usize, from: Option<State>, to: State) -> bool {
        if self.core.board.try_enter(service as Id, from, to).is_none() {
            return false;
        }
        if let Some(from) = from {
            self.note(service, from, Transition::Exited, Cause::Normal);
        }
        self.note(service, to, Transition::Entering, Cause::Normal);
        true
    }
}

impl Step {
    pub(super) fn service(&self) -> usize {
        match *self {
            Step::Move { service, .. } | Step::Revive(service) => service,
        }
    }
}

pub(crate) fn name(service: usize) -> String {
    format!("s{service}")
}

/// The status of a service, as the model has it.
pub(crate) fn place(state: &ServiceState) -> Place {
    (state.state, state.transition, state.cause, state.incarnation, state.seq)
}

/// Counts how often it is woken.
#[derive(Debug, Default)]
pub(crate) struct Alarm(AtomicUsize);

impl Alarm {
    pub(crate) fn new() -> (Arc<Alarm>, Waker) {
        let alarm = Arc::new(Alarm::default());
        let waker = Waker::from(alarm.clone());
        (alarm, waker)
    }

    /// How often it was woken since the last call.
    pub(crate) fn take(&self) -> usize {
        self.0.swap(0, Ordering::Relaxed)
    }
}

impl Wake for Alarm {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}
