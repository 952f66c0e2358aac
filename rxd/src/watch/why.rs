//! `why`: explains a service's state by the chain of what it waits for.

use crate::board::{BoardView, Condition, Id, ServiceStatus, WatcherSpec};
use crate::core::{Core, ServiceState};
use crate::graph::Mode;
use crate::lifecycle::duration::ShortDuration;
use crate::lifecycle::state::{Action, Cause, State, Transition};
use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;
use std::time::Duration;
use tokio::time::Instant;

/// Why a service is in its state: what it waits for, what those services wait for in turn, and so
/// on.
///
/// All of it is of one instant, that after transition [`seq`](Why::seq). `Display` gives one line:
///
/// ```text
/// api in Idle: waits for db entering Run; db after Stop, attempt 5 in 0.6 s, last error: connection refused
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Why {
    seq: u64,
    services: Vec<ServiceDiagnosis>,
}

/// One service of the chain: its state, and what it waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ServiceDiagnosis {
    /// The service's state.
    pub service: ServiceState,
    /// The closed gates that hold it back; empty if it waits for no other service.
    pub waits_for: Vec<UnmetGate>,
    /// The time until its next attempt, while it waits for that.
    pub next_attempt: Option<Duration>,
    /// How long its [`idle`](crate::Runner::idle) has been running, if it is.
    pub idles_for: Option<Duration>,
    /// The time until it enters Run, while it waits in Idle for its
    /// [delay](crate::Options::delay_of).
    pub enters_run: Option<Duration>,
    /// The message of its last failure, unless it is in Run, and so has recovered.
    pub error: Option<String>,
}

/// A closed gate: a watch that holds a service back.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct UnmetGate {
    /// Whether one of the services must satisfy the condition, or all of them.
    pub mode: Mode,
    /// The condition: `entering Run`, `to complete`.
    pub condition: Cow<'static, str>,
    /// The services that do not satisfy it.
    pub services: Vec<Cow<'static, str>>,
    /// The time after which a closed gate is a failure of its service; none if there is no limit.
    pub within: Option<Duration>,
}

impl Why {
    pub(crate) fn of(core: &Core, id: Id) -> Why {
        Why::chain(core, |_| vec![id])
    }

    /// For those of the services that are not in the state.
    pub(crate) fn not_in(core: &Core, services: &[Id], state: State) -> Why {
        Why::chain(core, |look| services.iter().copied().filter(|&id| !look.status(id).is_in(state)).collect())
    }

    fn chain(core: &Core, first: impl FnOnce(&BoardView<'_>) -> Vec<Id>) -> Why {
        let (seq, found) = core.board.look(|look| {
            // Each service once, in the order of discovery: several paths may lead to one service,
            // and `any` gates may form a cycle that another target can open.
            let mut next = first(look);
            next.reverse();
            let mut seen = HashSet::new();
            let mut found: Vec<(Id, ServiceStatus, Vec<WatcherSpec>)> = Vec::new();
            while let Some(id) = next.pop() {
                if !seen.insert(id) {
                    continue;
                }
                let status = *look.status(id);
                let to = if status.state == State::Idle { State::Run } else { State::Init };
                let gates = if look.is_held(id) { look.unmet(id, to) } else { Vec::new() };
                let targets = gates.iter().flat_map(|gate| gate.targets.iter().map(move |&target| (gate, target)));
                let unmet = targets.filter(|(gate, target)| !gate.condition.holds(look.status(*target)));
                let mut unmet: Vec<Id> = unmet.map(|(_, target)| target).collect();
                unmet.reverse();
                next.append(&mut unmet);
                found.push((id, status, gates));
            }
            (look.seq(), found)
        });
        let statuses: Vec<(Id, ServiceStatus)> = found.iter().map(|(id, status, _)| (*id, *status)).collect();
        let services = found.into_iter().map(|(id, status, gates)| {
            let gates = gates.iter().map(|gate| UnmetGate::new(core, gate, &statuses)).collect();
            ServiceDiagnosis::new(core, id, &status, gates)
        });
        Why { seq, services: services.collect() }
    }

    /// The sequence number of the last transition before that instant.
    #[must_use]
    pub fn seq(&self) -> u64 {
        self.seq
    }

    /// The service that was asked about, then the services it waits for, and those that these wait
    /// for; each once.
    #[must_use]
    pub fn services(&self) -> &[ServiceDiagnosis] {
        &self.services
    }

    /// The services at the end of the chain, which wait for no other service.
    pub fn roots(&self) -> impl Iterator<Item = &ServiceDiagnosis> {
        self.services.iter().filter(|diagnosis| diagnosis.waits_for.is_empty())
    }
}

impl ServiceDiagnosis {
    fn new(core: &Core, id: Id, status: &ServiceStatus, waits_for: Vec<UnmetGate>) -> Self {
        let service = core.state(id, status);
        let next_attempt = service.next_attempt.map(|at| at.saturating_sub(core.uptime()));
        let error = service.last_error.clone().filter(|_| !status.is_in(State::Run));
        let idle = status.is_in(State::Idle) && waits_for.is_empty();
        let enters_run = core.detail(id, |detail| detail.enters_run).filter(|_| idle);
        let enters_run = enters_run.map(|at| at.saturating_duration_since(Instant::now()));
        let idles_for = (idle && enters_run.is_none()).then(|| core.uptime().saturating_sub(service.at));
        let next_attempt = next_attempt.filter(|left| !left.is_zero());
        ServiceDiagnosis { service, waits_for, next_attempt, idles_for, enters_run, error }
    }
}

impl UnmetGate {
    fn new(core: &Core, gate: &WatcherSpec, statuses: &[(Id, ServiceStatus)]) -> Self {
        // Every target that does not satisfy the gate is in the chain, and so in `statuses`.
        let holds = |id| statuses.iter().all(|(other, status)| *other != id || gate.condition.holds(status));
        let targets = gate
            .targets
            .iter()
            .filter(|&&id| gate.mode == Mode::Any || statuses.iter().any(|(other, _)| *other == id) && !holds(id));
        UnmetGate {
            mode: gate.mode,
            condition: match gate.condition {
                Condition::State(action, state) => {
                    let action = match action {
                        Action::NotIn => "not in",
                        action => action.as_str(),
                    };
                    Cow::Owned(format!("{action} {}", state.name()))
                }
                Condition::Completed => Cow::Borrowed("to complete"),
                Condition::Failed => Cow::Borrowed("to fail"),
            },
            services: targets.map(|&id| core.name(id).clone()).collect(),
            within: gate.within,
        }
    }
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, diagnosis) in self.services.iter().enumerate() {
            write!(f, "{}{diagnosis}", if at == 0 { "" } else { "; " })?;
        }
        Ok(())
    }
}

impl fmt::Display for ServiceDiagnosis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ServiceState { name, state, transition, cause, incarnation, .. } = &self.service;
        match transition {
            _ if *state == State::Unknown => write!(f, "{name} not begun")?,
            Transition::Entering => write!(f, "{name} in {}", state.name())?,
            Transition::Exited => write!(f, "{name} after {}", state.name())?,
        }
        if *state == State::Exit || (*state == State::Stop && *cause != Cause::Normal && self.next_attempt.is_none()) {
            write!(f, " ({cause})")?;
        }
        for (at, unmet) in self.waits_for.iter().enumerate() {
            write!(f, "{}{unmet}", if at == 0 { ": waits for " } else { ", and for " })?;
        }
        if let Some(since) = self.idles_for {
            write!(f, ": in its own `idle` for {}", ShortDuration(since))?;
        }
        if let Some(left) = self.enters_run {
            write!(f, ": enters Run in {}", ShortDuration(left))?;
        }
        match &self.next_attempt {
            Some(left) => write!(f, ", attempt {} in {}", incarnation.saturating_add(1), ShortDuration(*left))?,
            None if *incarnation > 1 && *state == State::Init => write!(f, ", attempt {incarnation}")?,
            None => {}
        }
        match &self.error {
            Some(error) => write!(f, ", last error: {error}"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for UnmetGate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.mode == Mode::Any && self.services.len() > 1 {
            f.write_str("any of ")?;
        }
        for (at, service) in self.services.iter().enumerate() {
            write!(f, "{}{service}", if at == 0 { "" } else { ", " })?;
        }
        write!(f, " {}", self.condition)
    }
}
