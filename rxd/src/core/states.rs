//! Where services are, as it is told.

use super::Core;
use crate::board::{Event, Id, ServiceStatus};
use crate::lifecycle::state::{Cause, State, Transition};
use std::borrow::Cow;
use std::time::Duration;

impl Core {
    /// Where the service is now, and what is noted about its failures.
    pub(crate) fn state(&self, id: Id, status: &ServiceStatus) -> ServiceState {
        let between = status.transition == Transition::Exited || status.state == State::Unknown;
        let (last_error, last_cause, next) =
            self.detail(id, |detail| (detail.error.clone(), detail.cause, detail.next_attempt));
        let next_attempt = next.filter(|_| between).map(|at| at.saturating_duration_since(self.started));
        ServiceState { next_attempt, last_cause, last_error, ..self.stood(id, status) }
    }

    /// Where the service was at the instant of which this is its word.
    pub(crate) fn stood(&self, id: Id, status: &ServiceStatus) -> ServiceState {
        ServiceState {
            name: self.name(id).clone(),
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
        }
    }

    /// The past transition as its service's state at that instant.
    pub(crate) fn past(&self, event: &Event) -> ServiceState {
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
        }
    }

    pub(crate) fn states(&self) -> States {
        let (seq, statuses) = self.board.statuses();
        States { seq, services: statuses.iter().enumerate().map(|(id, status)| self.state(id as Id, status)).collect() }
    }
}

/// Where one service is.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ServiceState {
    /// The service's name.
    pub name: Cow<'static, str>,
    /// The state of its last transition.
    pub state: State,
    /// Whether it is in that state or has left it.
    pub transition: Transition,
    /// Why it made that transition.
    pub cause: Cause,
    /// How many times it has entered Init.
    pub incarnation: u32,
    /// How many times it came round by itself, after a failure or after Run ended.
    pub restarts: u32,
    /// The number of its last transition; 0 if it has made none.
    pub seq: u64,
    /// When that was, counted from the daemon's start.
    pub at: Duration,
    /// When it will try again, counted as [`at`](ServiceState::at), while it waits for that. Only
    /// where it is asked where a service is: a past transition does not tell what was to come.
    pub next_attempt: Option<Duration>,
    /// How it failed last: by an error, a panic, a missed limit. It stays when the service has
    /// recovered. Only where it is asked where a service is.
    pub last_cause: Option<Cause>,
    /// What that failure said. Only where it is asked where a service is.
    pub last_error: Option<String>,
}

impl ServiceState {
    /// Whether the service is in this state, and has not left it.
    #[must_use]
    pub fn is_in(&self, state: State) -> bool {
        self.state == state && self.transition == Transition::Entering
    }
}

/// Where every service was at one instant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct States {
    seq: u64,
    services: Vec<ServiceState>,
}

impl States {
    pub(crate) fn new(seq: u64, services: Vec<ServiceState>) -> Self {
        States { seq, services }
    }

    /// The number of the last transition before that instant.
    #[must_use]
    pub fn seq(&self) -> u64 {
        self.seq
    }

    /// The service of this name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&ServiceState> {
        self.services.iter().find(|service| service.name == name)
    }

    /// All of them, in the order they were declared.
    pub fn iter(&self) -> std::slice::Iter<'_, ServiceState> {
        self.services.iter()
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.services.len()
    }

    /// Whether there are none.
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
