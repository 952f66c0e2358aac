//! A board without engines, for benchmarks, which make the transitions themselves.

use super::{ServiceSelector, StateStream, Watch};
use crate::board::{Board, Id};
use crate::core::Core;
use crate::core::names::ServiceNames;
use crate::core::stop_order::StopOrder;
use crate::error::Error;
use crate::graph::Mode;
use crate::lifecycle::state::{Action, Cause, Filter, State, Transition};
use std::sync::Arc;

/// Services `s0`, `s1`, .. whose transitions are made by [`enter`](WatchBench::enter) and
/// [`leave`](WatchBench::leave).
#[derive(Clone, Debug)]
pub struct WatchBench(Arc<Core>);

impl WatchBench {
    /// A board of this many services, with a history of this many transitions.
    #[must_use]
    pub fn new(services: usize, history: usize) -> Self {
        let names = (0..services).map(|id| format!("s{id}"));
        let stop_order = StopOrder::new(&vec![Vec::new(); services]);
        let board = Board::new(vec![Vec::new(); services], history);
        WatchBench(Arc::new(Core::new("d".into(), ServiceNames::of_names(names), board, stop_order)))
    }

    /// A service enters Run.
    pub fn enter(&self, service: usize) {
        self.0.board.publish(service as Id, State::Run, Transition::Entering, Cause::Normal);
    }

    /// A service leaves Run.
    pub fn leave(&self, service: usize) {
        self.0.board.publish(service as Id, State::Run, Transition::Exited, Cause::Normal);
    }

    /// See [`DaemonHandle::watch_any`](crate::DaemonHandle::watch_any).
    ///
    /// # Errors
    ///
    /// If no service has one of the names.
    pub fn watch_any(&self, action: Action, state: State, services: impl ServiceSelector) -> Result<Watch, Error> {
        Watch::new(&self.0, Mode::Any, action, state, &services)
    }

    /// See [`DaemonHandle::watch_all`](crate::DaemonHandle::watch_all).
    ///
    /// # Errors
    ///
    /// If no service has one of the names.
    pub fn watch_all(&self, action: Action, state: State, services: impl ServiceSelector) -> Result<Watch, Error> {
        Watch::new(&self.0, Mode::All, action, state, &services)
    }

    /// See [`DaemonHandle::watch_states`](crate::DaemonHandle::watch_states).
    ///
    /// # Errors
    ///
    /// If no service has one of the names.
    pub fn watch_states(&self, filter: &Filter) -> Result<StateStream, Error> {
        StateStream::new(&self.0, filter)
    }

    /// How many times the transitions have updated a watcher so far: what they cost.
    #[must_use]
    pub fn watcher_updates(&self) -> u64 {
        self.0.board.watcher_updates()
    }

    /// How many entries the lists of all services have for watches and streams.
    #[must_use]
    pub fn watched(&self) -> usize {
        self.0.board.watched()
    }
}
