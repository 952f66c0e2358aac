//! The states of services as users read them.

use super::Core;
use super::names::Name;
use crate::board::{Event, Id, ServiceStatus, Statuses};
use crate::lifecycle::state::{Cause, State, Transition};
use std::borrow::Cow;
use std::time::Duration;
use tokio::time::Instant;

impl Core {
    /// The current state of a service, with what is kept about its failures.
    pub(crate) fn state(&self, id: Id, status: &ServiceStatus) -> ServiceState {
        let between = status.transition == Transition::Exited || status.state == State::Unknown;
        let (last_error, last_cause, failed, next) =
            self.detail(id, |detail| (detail.error.clone(), detail.cause, detail.failed, detail.next_attempt));
        let since_start = |at: Instant| at.saturating_duration_since(self.started);
        let next_attempt = next.filter(|_| between).map(since_start);
        let last_failed_at = failed.map(|failed| since_start(failed.at));
        let state = self.state_named(self.name(id).clone(), status);
        ServiceState { next_attempt, last_cause, last_error, last_failed_at, ..state }
    }

    /// The state of the service of this name at the instant of this status.
    pub(crate) fn state_named(&self, name: Name, status: &ServiceStatus) -> ServiceState {
        ServiceState {
            name,
            state: status.state,
            transition: status.transition,
            cause: status.cause,
            incarnation: status.incarnation,
            restarts: status.restarts,
            seq: status.seq,
            at: Duration::from_nanos(status.at),
            next_attempt: None,
            last_cause: None,
            last_error: None,
            last_failed_at: None,
        }
    }

    /// The state of a service right after this transition.
    pub(crate) fn state_after(&self, event: &Event) -> ServiceState {
        ServiceState {
            name: self.name(event.id).clone(),
            state: event.state,
            transition: event.transition,
            cause: event.cause,
            incarnation: event.incarnation,
            restarts: event.restarts,
            seq: event.seq,
            at: Duration::from_nanos(event.at),
            next_attempt: None,
            last_cause: None,
            last_error: None,
            last_failed_at: None,
        }
    }

    pub(crate) fn states(&self) -> States {
        let (seq, statuses) = self.board.statuses();
        self.states_of(seq, &statuses)
    }

    /// The states by these statuses, in their order.
    pub(crate) fn states_of(&self, seq: u64, statuses: &Statuses) -> States {
        let mut services = Vec::with_capacity(statuses.len());
        for (id, status) in statuses.iter() {
            services.push(self.state(id, status));
        }
        States { seq, services }
    }
}

/// The state of one service.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ServiceState {
    /// The service's name.
    pub name: Cow<'static, str>,
    /// The state of its last transition.
    pub state: State,
    /// Whether it is in that state or has left it.
    pub transition: Transition,
    /// The cause of that transition.
    pub cause: Cause,
    /// How many times it has entered Init.
    pub incarnation: u32,
    /// How many times it was restarted after a failure, or after Run had ended. Restarts by an
    /// operator or after a reaction are not counted.
    pub restarts: u32,
    /// The sequence number of its last transition; 0 if it has made none.
    pub seq: u64,
    /// The time of that transition, counted from the daemon's start.
    pub at: Duration,
    /// When the next attempt begins, counted as [`at`](ServiceState::at), while the service waits
    /// for it. Only set in a current state, not in a past transition.
    pub next_attempt: Option<Duration>,
    /// The cause of its last failure: an error, a panic, an exceeded limit, a failed dependency.
    /// It stays after the service has recovered, but a failed reload only until one succeeds. Only
    /// set in a current state.
    pub last_cause: Option<Cause>,
    /// The message of that failure. Only set in a current state.
    pub last_error: Option<String>,
    /// The time of that failure, counted as [`at`](ServiceState::at). Only set in a current state.
    pub last_failed_at: Option<Duration>,
}

impl ServiceState {
    /// Whether the service is in this state, and has not left it.
    #[must_use]
    pub fn is_in(&self, state: State) -> bool {
        self.state == state && self.transition == Transition::Entering
    }
}

/// The states of every service at one instant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct States {
    seq: u64,
    services: Vec<ServiceState>,
}

impl States {
    pub(crate) fn new(seq: u64, services: Vec<ServiceState>) -> Self {
        States { seq, services }
    }

    /// The sequence number of the last transition before that instant.
    #[must_use]
    pub fn seq(&self) -> u64 {
        self.seq
    }

    /// The state of the service of this name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&ServiceState> {
        self.services.iter().find(|service| service.name == name)
    }

    /// The states of all services, in the order of declaration, and then those that were added.
    pub fn iter(&self) -> std::slice::Iter<'_, ServiceState> {
        self.services.iter()
    }

    /// The number of services.
    #[must_use]
    pub fn len(&self) -> usize {
        self.services.len()
    }

    /// Whether there are no services.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.services.is_empty()
    }
}

/// # Panics
///
/// If no service has this name; see [`get`](States::get).
impl std::ops::Index<&str> for States {
    type Output = ServiceState;

    fn index(&self, name: &str) -> &ServiceState {
        self.get(name).unwrap_or_else(|| panic!("no service is named `{name}`"))
    }
}

impl<'a> IntoIterator for &'a States {
    type Item = &'a ServiceState;
    type IntoIter = std::slice::Iter<'a, ServiceState>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl IntoIterator for States {
    type Item = ServiceState;
    type IntoIter = std::vec::IntoIter<ServiceState>;

    fn into_iter(self) -> Self::IntoIter {
        self.services.into_iter()
    }
}
