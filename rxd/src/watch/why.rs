//! `why`: explains a service's state by the chain of what it waits for.

mod gate;

use crate::board::{BoardView, Id, Reaction, Seq, ServiceStatus, WatcherSpec};
use crate::core::{Core, FailedAt, ServiceState};
use crate::lifecycle::cancel_cause::CancelCause;
use crate::lifecycle::duration::{Countdown, ShortDuration};
use crate::lifecycle::state::{Cause, State, Transition};
use crate::text::add_item;
use crate::watch::holding::HoldingReaction;
use std::borrow::Cow;
use std::fmt;
use std::time::Duration;
use tokio::time::Instant;

pub use gate::UnmetGate;

/// Why a service is in its state: what it waits for, what those services wait for in turn, and so
/// on.
///
/// All of it is of one instant, that after transition [`seq`](Why::seq). `Display` gives one line:
///
/// ```text
/// api in Idle: waits for db entering Run; db after Stop, attempt 5 in 0.6 s, last error: connection refused
/// ```
///
/// While the daemon stops, it says what the stop of the service waits for:
///
/// ```text
/// db in Run: stops after api; api in Run: asked to stop 3.2 s ago
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
    /// The reactions whose conditions hold, but not for as long as they have to: the service leaves Run,
    /// or ends, if they go on.
    pub holding: Vec<HoldingReaction>,
    /// The time until its next attempt, while it waits for that.
    pub next_attempt: Option<Duration>,
    /// How long its [`idle`](crate::Runner::idle) has been running, if it is.
    pub idles_for: Option<Duration>,
    /// The time until it enters Run, while it waits in Idle for its
    /// [delay](crate::Options::delay_of).
    pub enters_run: Option<Duration>,
    /// The time until its next run, while a service with a [period](crate::Every) waits for that in
    /// Run.
    pub next_run: Option<Duration>,
    /// When that is by the wall clock, in UTC and in its zone, if the service has a schedule.
    pub next_run_at: Option<String>,
    /// Why the running method is cancelled, until it has returned.
    pub cancelled: Option<CancelCause>,
    /// The time until the cancelled method is dropped, while there is some left.
    pub limit_ends: Option<Duration>,
    /// Its [status](crate::Context::status) text, while its [`init`](crate::Runner::init) or
    /// [`idle`](crate::Runner::idle) runs: why it is not in Run yet, as a probe says it.
    pub status: Option<String>,
    /// The message of the failure that led to its state. A failure from which it has recovered is
    /// in [`service`](ServiceDiagnosis::service) only.
    pub error: Option<String>,
    /// How long ago its last failure was, also if it has recovered.
    pub last_failed: Option<Duration>,
    /// While the daemon stops: the services that stop before this one, and are not in Exit.
    pub stops_after: Vec<Cow<'static, str>>,
    /// While the daemon stops: for how long it has been asked to stop, if it is not in Exit.
    pub asked_to_stop: Option<Duration>,
    /// Its method has returned, and it waits for its tasks: these services, or others.
    method_returned: Option<Vec<Cow<'static, str>>>,
    /// Its last reload failed: it runs with its old configuration.
    reload_failed: bool,
    /// It waits for its next attempt because this `then(stop)` took it out of Run soon after it had
    /// entered.
    reaction: Option<String>,
    /// It does not start by itself, and was never started.
    is_unstarted: bool,
}

/// Why a service pauses before its next attempt.
const EVICTED: &str = "taken out of Run by a reaction soon after it entered";

/// Why a service is in Exit that was never started.
const UNSTARTED: &str = "not started (`autostart = false`)";

/// The stop of a daemon, for as long as services are left.
struct Stop {
    begun: Instant,
    /// For each service, by its place, those that stop before it.
    before: Vec<Vec<Id>>,
}

impl Stop {
    fn of(core: &Core) -> Option<Stop> {
        let begun = core.stop_order.begun()?;
        // No service is added any more.
        let mut before = vec![Vec::new(); core.board.slots()];
        for id in core.board.ids() {
            core.stop_order.after(id).iter().for_each(|&next| before[core.board.place(next)].push(id));
        }
        Some(Stop { begun, before })
    }
}

/// What the board says about one service at that instant.
struct Found {
    id: Id,
    status: ServiceStatus,
    /// The closed gates, each with the targets that do not satisfy it, and its families that have no
    /// members.
    gates: Vec<(WatcherSpec, [Vec<Id>; 2])>,
    /// The reactions whose conditions hold, but not for as long as they have to.
    holding: Vec<WatcherSpec>,
    /// The services that must be in Exit before it is asked to stop.
    stops_after: Vec<Id>,
    /// By the board's clock, when the last of those before it exited.
    released: u64,
}

impl Why {
    pub(crate) fn of(core: &Core, id: Id) -> Why {
        Why::chain(core, &|_| vec![id])
    }

    /// For those of the services that are not in the state.
    pub(crate) fn not_in(core: &Core, services: &[Id], state: State) -> Why {
        Why::chain(core, &|look| those(services, &|id| !look.status(id).is_in(state)))
    }

    /// For all services, in the order of declaration.
    #[cfg(feature = "admin")]
    pub(crate) fn all(core: &Core) -> Why {
        let stop = Stop::of(core);
        let ids = core.board.ids();
        let (seq, mut found) = find(core, stop.as_ref(), &|look| those(&ids, &|id| look.is_live(id)));
        found.sort_unstable_by_key(|found| found.id);
        Why::new(core, seq, &found, stop)
    }

    /// For the services that `first` names, and those that they wait for.
    fn chain(core: &Core, first: &dyn Fn(&BoardView<'_>) -> Vec<Id>) -> Why {
        let stop = Stop::of(core);
        let (seq, found) = find(core, stop.as_ref(), first);
        Why::new(core, seq, &found, stop)
    }

    fn new(core: &Core, seq: Seq, found: &[Found], stop: Option<Stop>) -> Why {
        let begun = stop.map(|stop| stop.begun);
        let mut services = Vec::with_capacity(found.len());
        for found in found {
            services.push(ServiceDiagnosis::new(core, found, begun));
        }
        Why { seq, services }
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

    /// The service that was asked about.
    #[cfg(feature = "admin")]
    pub(crate) fn first(&self) -> &ServiceDiagnosis {
        &self.services[0]
    }

    /// The services at the end of the chain, which wait for no other service.
    pub fn roots(&self) -> impl Iterator<Item = &ServiceDiagnosis> {
        self.services.iter().filter(|diagnosis| diagnosis.waits_for.is_empty() && diagnosis.stops_after.is_empty())
    }
}

/// The services that `first` names, and those that they wait for, with the number of the last
/// transition before that instant.
fn find(core: &Core, stop: Option<&Stop>, first: &dyn Fn(&BoardView<'_>) -> Vec<Id>) -> (Seq, Vec<Found>) {
    // Those that are added later are behind others that none of these waits for.
    let mut seen = vec![false; core.board.slots()];
    core.board.look(|look| {
        // Each service once, in the order of discovery: several paths may lead to one service,
        // and `any` gates may form a cycle that another target can open.
        let mut next = first(look);
        next.reverse();
        let mut found: Vec<Found> = Vec::new();
        while let Some(id) = next.pop() {
            // A member that has just joined has no place in the list.
            if seen.get_mut(core.board.place(id)).is_none_or(|seen| std::mem::replace(seen, true)) {
                continue;
            }
            let status = *look.status(id);
            let to = if status.state == State::Idle { State::Run } else { State::Init };
            let (mut gates, mut unmet) = (Vec::new(), Vec::new());
            for gate in if look.is_held(id) { look.unmet(id, to) } else { Vec::new() } {
                let targets = those(&look.expand(&gate.targets), &|id| !gate.condition.holds(look.status(id)));
                unmet.extend_from_slice(&targets);
                let empty = those(&gate.targets, &|id| look.is_empty_family(id));
                gates.push((gate, [targets, empty]));
            }
            let before = stop.map_or(&[][..], |stop| &stop.before[core.board.place(id)]);
            let before = if status.over { &[] } else { before };
            let stops_after = those(before, &|id| !look.status(id).over);
            unmet.extend_from_slice(&stops_after);
            unmet.reverse();
            next.append(&mut unmet);
            let released = before.iter().map(|&id| look.status(id).at).max().unwrap_or_default();
            let acts_here = |watch: &WatcherSpec| match watch.reaction {
                Reaction::Exit => !status.over,
                _ => status.is_in(State::Run),
            };
            let mut holding = look.holding(id);
            holding.retain(acts_here);
            found.push(Found { id, status, gates, holding, stops_after, released });
        }
        (look.seq(), found)
    })
}

/// Those of the services that pass a test.
fn those(services: &[Id], test: &dyn Fn(Id) -> bool) -> Vec<Id> {
    let mut those = Vec::new();
    for &id in services {
        if test(id) {
            those.push(id);
        }
    }
    those
}

impl ServiceDiagnosis {
    fn new(core: &Core, found: &Found, stop: Option<Instant>) -> Self {
        let Found { id, status, gates, holding, stops_after, released } = found;
        let (id, uptime) = (*id, core.uptime());
        let mut waits_for = Vec::with_capacity(gates.len());
        gates.iter().for_each(|(gate, unmet)| waits_for.push(UnmetGate::new(core, gate, unmet)));
        let holding = holding.iter().filter_map(|watch| HoldingReaction::new(core, watch)).collect();
        let service = core.state(id, status);
        let next_attempt = service.next_attempt.map(|at| at.saturating_sub(uptime));
        let (failed, enters_run, next_run, reaction) = core
            .detail(id, |detail| (detail.failed, detail.enters_run, detail.next_run.clone(), detail.reaction.clone()));
        // A service that waits for its gates or is in Run has recovered from an earlier failure.
        let is_current = |failed: &FailedAt| match status.incarnation.wrapping_sub(failed.incarnation) {
            0 => true,
            1 => status.is_in(State::Init),
            _ => false,
        };
        let is_running = matches!(status.state, State::Idle | State::Run) && status.transition == Transition::Entering;
        let is_of_reload = failed.is_some_and(|failed| failed.is_of_reload());
        let is_current = failed.is_some_and(|failed| is_current(&failed)) && !status.is_in(State::Run);
        let error = service.last_error.clone().filter(|_| is_current && !is_of_reload);
        let idle = status.is_in(State::Idle) && waits_for.is_empty();
        let enters_run = enters_run.filter(|_| idle).map(|at| at.saturating_duration_since(Instant::now()));
        let next_run = next_run.filter(|_| status.is_in(State::Run));
        let next_run_at = next_run.as_ref().and_then(|next| next.by_clock.clone());
        let next_run = next_run.map(|next| next.at.saturating_duration_since(Instant::now()));
        let idles_for = (idle && enters_run.is_none()).then(|| uptime.saturating_sub(service.at));
        let next_attempt = next_attempt.filter(|left| !left.is_zero());
        let is_asked = !status.over && stops_after.is_empty();
        let asked_to_stop = stop
            .filter(|_| is_asked)
            .map(|begun| begun.elapsed().min(Duration::from_nanos(core.board.now().saturating_sub(*released))));
        let begins = idles_for.is_some() || (status.is_in(State::Init) && waits_for.is_empty());
        let status_text = core.status_text(id).filter(|_| begins);
        let methods = [State::Init, State::Idle, State::Run];
        let runs = status.transition == Transition::Entering && methods.contains(&status.state);
        // A service that waits for a gate or a delay has no method, but its last one may have been
        // cancelled.
        let runs = runs && waits_for.is_empty() && enters_run.is_none();
        // Its last method has returned, and so have its tasks: it is on its way to the next one.
        let has_returned = core.board.service(id).is_closed();
        let is_over = |cause| (has_returned || cause == CancelCause::Ended) && core.tasks(id).have_ended();
        let cancellation = core.cancellation(id).filter(|&(cause, _)| runs && !is_over(cause));
        let (cancelled, limit_ends) = cancellation.unzip();
        let limit_ends = limit_ends.flatten().filter(|left| !left.is_zero());
        let last_failed = service.last_failed_at.map(|at| uptime.saturating_sub(at));
        let stops_after = core.names_of(stops_after);
        let has_returned = has_returned && cancelled.is_some();
        let method_returned = has_returned.then(|| core.added.owned_by(id));
        ServiceDiagnosis {
            service,
            method_returned,
            waits_for,
            holding,
            next_attempt,
            idles_for,
            enters_run,
            next_run,
            next_run_at,
            cancelled,
            limit_ends,
            status: status_text,
            error,
            stops_after,
            asked_to_stop,
            last_failed,
            reload_failed: is_of_reload && is_running,
            reaction: reaction.filter(|_| next_attempt.is_some()),
            is_unstarted: status.is_unstarted() && core.is_manual(id),
        }
    }

    /// Why the service is where it is now, in a few words for a table; empty for a service in Run
    /// that waits for nothing.
    #[cfg(feature = "admin")]
    pub(crate) fn now(&self) -> String {
        if let Some(stop) = self.stop_text() {
            return stop;
        }
        if let Some(cancelled) = self.cancelled_text() {
            return cancelled;
        }
        if self.is_unstarted {
            return UNSTARTED.to_owned();
        }
        let ServiceState { state, cause, last_cause, .. } = &self.service;
        let mut parts = Vec::new();
        if !self.waits_for.is_empty() {
            let gates: Vec<String> = self.waits_for.iter().map(ToString::to_string).collect();
            parts.push(format!("waits for {}", gates.join(", and for ").replace(" entering Run", "")));
        }
        parts.extend(self.holding.iter().map(ToString::to_string));
        if self.idles_for.is_some() {
            parts.push("in its own `idle`".to_owned());
        }
        parts.extend(self.status.clone());
        if let Some(left) = self.next_run {
            parts.push(format!("next run in {}", Countdown(left)));
            parts.extend(self.next_run_at.as_ref().map(|at| format!("at {at}")));
        }
        if let Some(left) = self.enters_run {
            parts.push(format!("enters Run in {}", ShortDuration(left)));
        }
        let is_failure = cause.is_failure() || *cause == Cause::Dependency;
        match (&self.error, last_cause) {
            // These errors name their cause themselves.
            (Some(error), Some(Cause::Panic | Cause::Dependency)) if *state != State::Exit || is_failure => {
                parts.push(error.clone());
            }
            (Some(error), Some(cause)) if *state != State::Exit || is_failure => {
                parts.push(format!("{cause}: {error}"))
            }
            _ => match (state, cause) {
                (State::Exit, Cause::Normal) => parts.push("done".to_owned()),
                (State::Exit, Cause::Operator) => parts.push("stopped by an operator".to_owned()),
                (_, Cause::Normal) => {}
                (_, cause) => parts.push(cause.to_string()),
            },
        }
        if let Some(reaction) = &self.reaction {
            parts.push(format!("{EVICTED}: {reaction}"));
        }
        if let Some(left) = self.next_attempt {
            parts.push(format!("next attempt in {}", ShortDuration(left)));
        }
        if self.reload_failed {
            parts.extend(self.history());
        }
        parts.join(", ")
    }

    /// The last failure and its age, if the service has recovered from it.
    fn history(&self) -> Option<String> {
        let (error, since) = (self.service.last_error.as_ref()?, self.last_failed?);
        let what = if self.reload_failed { "reload" } else { "last" };
        self.error.is_none().then(|| format!("{what} failed {} ago: {error}", ShortDuration(since)))
    }

    /// What a cancelled method is waited for.
    fn cancelled_text(&self) -> Option<String> {
        let why = match self.cancelled? {
            CancelCause::Ended => "its method has returned",
            CancelCause::Shutdown => "asked to stop",
            CancelCause::Dependency => "asked to leave it, since a dependency has failed for good",
            CancelCause::Reaction => "asked to leave it by a reaction",
            CancelCause::Panic => "asked to leave it, since a task of it has panicked",
            CancelCause::Operator => "asked to leave it by an operator",
            CancelCause::Heartbeat => "asked to leave it, since it has missed its heartbeat",
            CancelCause::Reload => "interrupted for a reload",
            CancelCause::Timeout => "asked to leave it, since its limit is exceeded",
            CancelCause::Token => "cancelled by its own code",
        };
        if let Some(owned) = &self.method_returned {
            let what = if owned.is_empty() { "its tasks".to_owned() } else { owned.join(", ") };
            return Some(format!("{why}; waits for {what}"));
        }
        Some(match self.limit_ends {
            Some(left) => format!("{why}, dropped in {}", Countdown(left)),
            None => format!("{why}, and has not returned"),
        })
    }

    /// What the stop of the daemon waits for.
    fn stop_text(&self) -> Option<String> {
        match (&self.stops_after[..], self.asked_to_stop) {
            ([], None) => None,
            ([], Some(since)) => Some(format!("asked to stop {} ago", ShortDuration(since))),
            (before, _) => {
                let mut names = String::new();
                before.iter().for_each(|name| add_item(&mut names, name));
                Some(format!("stops after {names}"))
            }
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
        if self.is_unstarted {
            return write!(f, "{name} {UNSTARTED}: start it with `rxdctl start {name}`");
        }
        match transition {
            _ if *state == State::Unknown => write!(f, "{name} not begun")?,
            Transition::Entering => write!(f, "{name} in {}", state.name())?,
            Transition::Exited => write!(f, "{name} after {}", state.name())?,
        }
        if *state == State::Exit || (*state == State::Stop && *cause != Cause::Normal && self.next_attempt.is_none()) {
            write!(f, " ({cause})")?;
        }
        if let Some(stop) = self.stop_text() {
            return write!(f, ": {stop}");
        }
        if let Some(cancelled) = self.cancelled_text() {
            return write!(f, ": {cancelled}");
        }
        for (at, unmet) in self.waits_for.iter().enumerate() {
            write!(f, "{}{unmet}", if at == 0 { ": waits for " } else { ", and for " })?;
        }
        for (at, holding) in self.holding.iter().enumerate() {
            let first = at == 0 && self.waits_for.is_empty();
            write!(f, "{}{holding}", if first { ": " } else { ", " })?;
        }
        if let Some(since) = self.idles_for {
            write!(f, ": in its own `idle` for {}", ShortDuration(since))?;
        }
        if let Some(status) = &self.status {
            write!(f, "{} {status}", if self.idles_for.is_some() { "," } else { ":" })?;
        }
        if let Some(left) = self.next_run {
            write!(f, ": next run in {}", Countdown(left))?;
            if let Some(at) = &self.next_run_at {
                write!(f, ", at {at}")?;
            }
        }
        if let Some(left) = self.enters_run {
            write!(f, ": enters Run in {}", ShortDuration(left))?;
        }
        match &self.next_attempt {
            Some(left) => write!(f, ", attempt {} in {}", incarnation.saturating_add(1), ShortDuration(*left))?,
            None if *incarnation > 1 && *state == State::Init => write!(f, ", attempt {incarnation}")?,
            None => {}
        }
        if let Some(reaction) = &self.reaction {
            write!(f, ", {EVICTED}: {reaction}")?;
        }
        match (&self.error, self.history()) {
            (Some(error), _) => write!(f, ", last error: {error}"),
            (None, Some(history)) => write!(f, ", {history}"),
            (None, None) => Ok(()),
        }
    }
}
