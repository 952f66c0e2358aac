//! Whether the daemon is ready, and which services count.
//!
//! The admin route, the status for systemd and the end of a start ask the same.

use super::Core;
use super::stop_order::Presence;
use crate::board::{Condition, Id, ServiceStatus, Statuses, ids_where};
use crate::lifecycle::state::{Action, Cause, State};

/// Whether the daemon is ready.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(dead_code, reason = "only the admin route and systemd, where there is one, ask")]
pub(crate) enum DaemonReadiness {
    /// All services are ready.
    Ready,
    /// All services that count are ready, and an optional one is not.
    Degraded,
    /// A service that counts is not ready.
    NotReady,
}

/// Whether a service is ready now: in Run, or ended as designed.
#[allow(dead_code, reason = "as above")]
pub(crate) fn is_ready(status: &ServiceStatus) -> bool {
    status.is_in(State::Run) || (status.state == State::Exit && status.cause == Cause::Normal)
}

/// Whether a service has been ready once: it has been in Run, or has ended without a failure that
/// counts.
pub(crate) fn has_been_ready(status: &ServiceStatus, has_failed: bool) -> bool {
    let run = |action| Condition::State(action, State::Run).holds(status);
    // A service that was cancelled before it entered Run says nothing about whether the daemon is
    // ready.
    let has_ended =
        status.state == State::Exit && !matches!(status.cause, Cause::Shutdown | Cause::Abandoned) && !has_failed;
    run(Action::Entering) || run(Action::Exited) || has_ended
}

impl Core {
    /// Whether this service does not start by itself: `autostart = false`.
    pub(crate) fn is_manual(&self, id: Id) -> bool {
        if self.names.has(id) { self.manual.binary_search(&id).is_ok() } else { self.added.is_manual(id) }
    }

    /// How a service is in Exit that an operator has stopped, or that was never started.
    #[cold]
    pub(super) fn presence_of_stopped(&self, id: Id) -> Presence {
        match self.is_manual(id) && self.board.status(id).is_unstarted() {
            true => Presence::NotStarted,
            false => Presence::Stopped,
        }
    }

    /// Whether this service waits to be started, as it is declared: the daemon is not degraded without
    /// it.
    #[allow(dead_code, reason = "as above")]
    pub(crate) fn rests(&self, id: Id, (state, cause): (State, Cause)) -> bool {
        (state, cause) == (State::Exit, Cause::Operator) && self.is_manual(id)
    }

    /// Whether the daemon's readiness does not count this service: it is declared as optional, does not
    /// start by itself, or was added, and is no member that a family had at the start.
    pub(crate) fn is_optional(&self, id: Id) -> bool {
        match self.names.has(id) {
            true => self.optional.binary_search(&id).is_ok(),
            false => !self.added.counts(id),
        }
    }

    /// As [`is_optional`](Core::is_optional), of the service with this name.
    #[cfg(feature = "admin")]
    pub(crate) fn is_optional_name(&self, name: &str) -> bool {
        self.id(name).is_none_or(|id| self.is_optional(id))
    }

    /// Whether the daemon is ready, by the statuses of all services.
    #[allow(dead_code, reason = "only the admin route and systemd, where there is one, ask")]
    pub(crate) fn readiness(&self, statuses: &Statuses) -> DaemonReadiness {
        let mut readiness = DaemonReadiness::Ready;
        for (id, status) in statuses.iter().filter(|(_, status)| !is_ready(status)) {
            match self.is_optional(id) {
                true if self.rests(id, (status.state, status.cause)) => {}
                true => readiness = DaemonReadiness::Degraded,
                false => return DaemonReadiness::NotReady,
            }
        }
        readiness
    }

    /// The services that count, and have not been ready yet.
    pub(crate) fn not_ready_yet(&self) -> Vec<Id> {
        let (failures, (_, statuses)) = (self.failures(), self.board.statuses());
        let is_pending = |id: Id| !self.is_optional(id) && !has_been_ready(statuses.of(id), failures.contains(&id));
        let mut pending = ids_where(self.board.declared(), &is_pending);
        if !self.families.all().is_empty() {
            pending.extend(self.added.ids().into_iter().filter(|&id| is_pending(id)));
        }
        pending
    }
}
