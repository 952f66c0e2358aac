//! What the routes send as JSON. Each type here is a schema of `/openapi.json`, under the name that
//! its `rename` gives.

use crate::core::readiness::DaemonReadiness;
use crate::core::{ServiceState, States};
use crate::handle::DaemonHandle;
use crate::lifecycle::state::{Cause, State};
use crate::log::{Level, LevelSetting};
use crate::watch::why::{ServiceDiagnosis, Why};
use schemars::JsonSchema;
use serde::Serialize;
use std::time::Duration;

const PHASES: [&str; 4] = ["running", "draining", "stopping", "stopped"];
const STATES: [&str; 6] = ["unknown", "init", "idle", "run", "stop", "exit"];
const TRANSITIONS: [&str; 2] = ["entering", "exited"];
const OUTCOMES: [&str; 3] = ["done", "in_progress", "failed"];
/// The levels by name.
const LEVELS: [&str; Level::ALL.len()] = {
    let mut names = [""; Level::ALL.len()];
    let mut at = 0;
    while at < names.len() {
        names[at] = Level::ALL[at].as_str();
        at += 1;
    }
    names
};

/// The daemon, and the state of each service.
#[derive(Clone, Debug, JsonSchema, Serialize)]
#[schemars(rename = "Daemon", deny_unknown_fields)]
pub(crate) struct DaemonReply {
    pub(crate) name: String,
    #[schemars(extend("enum" = PHASES))]
    pub(crate) phase: &'static str,
    /// Whether every service that counts is in Run, or has ended as designed.
    pub(crate) ready: bool,
    /// Whether it is ready, but an optional service is not.
    pub(crate) degraded: bool,
    pub(crate) uptime_s: f64,
    /// The sequence number of the last transition.
    pub(crate) seq: u64,
    /// While the daemon stops: what the operator said who requested it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String")]
    pub(crate) stop_reason: Option<String>,
    /// While the daemon stops: the services that have been asked to stop, and are not in Exit.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) stop_waits_for: Vec<String>,
    pub(crate) services: Vec<ServiceReply>,
}

/// A transition of one service, and what counts about the service from then on.
#[derive(Clone, Debug, JsonSchema, Serialize)]
pub(crate) struct TransitionFields {
    /// The sequence number of the transition.
    pub(crate) seq: u64,
    #[schemars(extend("enum" = STATES))]
    pub(crate) state: &'static str,
    /// Whether the service is in that state, or has left it.
    #[schemars(extend("enum" = TRANSITIONS))]
    pub(crate) transition: &'static str,
    /// Why the service made the transition.
    pub(crate) cause: &'static str,
    /// Whether the service is in Run, or has ended as designed.
    pub(crate) ready: bool,
    /// How many times the service has entered Init.
    pub(crate) incarnation: u32,
    /// How many times the service was restarted after a failure, or after Run had ended.
    pub(crate) restarts: u32,
}

/// One service: its last transition, its last failure, its log level.
#[derive(Clone, Debug, JsonSchema, Serialize)]
#[schemars(rename = "Service", deny_unknown_fields)]
pub(crate) struct ServiceReply {
    pub(crate) name: String,
    #[serde(flatten)]
    pub(crate) last: TransitionFields,
    /// The group that it is in.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String")]
    pub(crate) group: Option<String>,
    /// Whether the daemon is ready without it, too.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    #[schemars(default)]
    pub(crate) optional: bool,
    /// Whether only operators and code start it. Until they do, the daemon is not degraded without it.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    #[schemars(default)]
    pub(crate) manual: bool,
    /// Seconds since the last transition.
    pub(crate) since_s: f64,
    /// Why the service is where it is now: what it waits for, or why it left. Empty for a service in
    /// Run, unless its last reload failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String")]
    pub(crate) why: Option<String>,
    /// The cause of the last failure. The service may have recovered: see `why`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String")]
    pub(crate) last_cause: Option<&'static str>,
    /// The error of the last failure.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String")]
    pub(crate) last_error: Option<String>,
    /// Seconds since the last failure.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "f64")]
    pub(crate) last_failed_s: Option<f64>,
    /// Seconds until the next attempt, while the service waits for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "f64")]
    pub(crate) next_attempt_s: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "LevelReply")]
    pub(crate) level: Option<LevelReply>,
}

/// What became of a request to a group of services, or to all.
#[derive(Clone, Debug, JsonSchema, Serialize)]
#[schemars(rename = "Group", deny_unknown_fields)]
pub(crate) struct GroupReply {
    /// The group; absent if the request was to all services.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String")]
    pub(crate) group: Option<String>,
    /// The services, in the order in which they had their turn.
    pub(crate) services: Vec<MemberReply>,
}

/// What became of a request to a group, in one service of it.
#[derive(Clone, Debug, JsonSchema, Serialize)]
#[schemars(rename = "Member", deny_unknown_fields)]
pub(crate) struct MemberReply {
    pub(crate) name: String,
    #[schemars(extend("enum" = OUTCOMES))]
    pub(crate) outcome: &'static str,
    /// Why the service has failed to do it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String")]
    pub(crate) error: Option<String>,
    /// The service, unless it was removed meanwhile.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "ServiceReply")]
    pub(crate) service: Option<ServiceReply>,
}

/// One transition, as `/events` sends it.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct TransitionEvent {
    pub(crate) service: String,
    #[serde(flatten)]
    pub(crate) fields: TransitionFields,
    /// Seconds from the start of the daemon to the transition.
    pub(crate) at_s: f64,
}

/// A log level, and whether it was set.
#[derive(Clone, Copy, Debug, JsonSchema, Serialize)]
#[schemars(rename = "LevelSetting", deny_unknown_fields)]
pub(crate) struct LevelReply {
    #[schemars(extend("enum" = LEVELS))]
    pub(crate) level: &'static str,
    /// Whether the level was set here. Otherwise it follows the default.
    pub(crate) set: bool,
    /// Seconds until the level reverts by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "f64")]
    pub(crate) reverts_in_s: Option<f64>,
    /// The level it reverts to.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String", extend("enum" = LEVELS))]
    pub(crate) reverts_to: Option<&'static str>,
    /// The highest level whose records the build contains, if that is lower than the level.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String", extend("enum" = LEVELS))]
    pub(crate) limited_to: Option<&'static str>,
}

impl From<LevelSetting> for LevelReply {
    fn from(setting: LevelSetting) -> Self {
        LevelReply {
            level: setting.level.as_str(),
            set: setting.overridden,
            reverts_in_s: setting.expires_in.map(|left| seconds(left.as_secs_f64())),
            reverts_to: setting.reverts_to.map(Level::as_str),
            limited_to: setting.limited_to.map(Level::as_str),
        }
    }
}

/// Rounded to milliseconds.
pub(crate) fn seconds(seconds: f64) -> f64 {
    (seconds * 1000.0).round() / 1000.0
}

/// Whether the service is in Run, or has ended as designed.
pub(crate) fn is_ready(service: &ServiceState) -> bool {
    service.is_in(State::Run) || (service.state == State::Exit && service.cause == Cause::Normal)
}

/// Whether the daemon's readiness does not count this service.
pub(crate) fn is_optional(handle: &DaemonHandle, service: &str) -> bool {
    handle.core().is_optional_name(service)
}

/// Whether the service waits to be started, as it is declared.
pub(crate) fn rests(handle: &DaemonHandle, service: &ServiceState) -> bool {
    let core = handle.core();
    core.id(&service.name).is_some_and(|id| core.rests(id, (service.state, service.cause)))
}

/// Whether the services that count are ready, and the others.
pub(crate) fn readiness<'a>(handle: &DaemonHandle, states: impl Iterator<Item = &'a ServiceState>) -> DaemonReadiness {
    let mut readiness = DaemonReadiness::Ready;
    for service in states.filter(|service| !is_ready(service) && !rests(handle, service)) {
        if !is_optional(handle, &service.name) {
            return DaemonReadiness::NotReady;
        }
        readiness = DaemonReadiness::Degraded;
    }
    readiness
}

impl From<&ServiceState> for TransitionFields {
    fn from(service: &ServiceState) -> Self {
        TransitionFields {
            seq: service.seq,
            state: service.state.as_str(),
            transition: service.transition.as_str(),
            cause: service.cause.as_str(),
            ready: is_ready(service),
            incarnation: service.incarnation,
            restarts: service.restarts,
        }
    }
}

impl ServiceReply {
    pub(crate) fn new(handle: &DaemonHandle, service: &ServiceState, uptime: Duration) -> Self {
        let (core, id) = (handle.core(), handle.core().id(&service.name));
        let left = service.next_attempt.map(|at| at.saturating_sub(uptime)).filter(|left| !left.is_zero());
        ServiceReply {
            name: service.name.to_string(),
            last: service.into(),
            group: id.and_then(|id| core.group_of(id)).map(|group| group.to_string()),
            optional: is_optional(handle, &service.name),
            manual: id.is_some_and(|id| core.is_manual(id)),
            since_s: seconds(uptime.saturating_sub(service.at).as_secs_f64()),
            why: None,
            last_cause: service.last_cause.map(Cause::as_str),
            last_error: service.last_error.clone(),
            last_failed_s: service.last_failed_at.map(|at| seconds(uptime.saturating_sub(at).as_secs_f64())),
            next_attempt_s: left.map(|left| seconds(left.as_secs_f64())),
            level: None,
        }
    }

    /// As [`new`](ServiceReply::new), with why the service is where it is.
    pub(crate) fn explained(handle: &DaemonHandle, diagnosis: &ServiceDiagnosis, uptime: Duration) -> Self {
        ServiceReply { why: Some(diagnosis.now()), ..ServiceReply::new(handle, &diagnosis.service, uptime) }
    }
}

impl TransitionEvent {
    pub(crate) fn new(service: &ServiceState) -> Self {
        TransitionEvent {
            service: service.name.to_string(),
            fields: service.into(),
            at_s: seconds(service.at.as_secs_f64()),
        }
    }
}

impl DaemonReply {
    /// The daemon now, with why each service is where it is.
    pub(crate) fn of(handle: &DaemonHandle) -> Self {
        let (why, uptime) = (Why::all(handle.core()), handle.core().uptime());
        let states = why.services().iter().map(|diagnosis| &diagnosis.service);
        let services =
            why.services().iter().map(|diagnosis| ServiceReply::explained(handle, diagnosis, uptime)).collect();
        let stop_waits_for = why.services().iter().filter(|diagnosis| diagnosis.asked_to_stop.is_some());
        let stop_waits_for = stop_waits_for.map(|diagnosis| diagnosis.service.name.to_string()).collect();
        DaemonReply { services, stop_waits_for, ..DaemonReply::new(handle, why.seq(), states) }
    }

    /// The daemon at the instant of a snapshot.
    pub(crate) fn at(handle: &DaemonHandle, states: &States) -> Self {
        let uptime = handle.core().uptime();
        let services = states.iter().map(|service| ServiceReply::new(handle, service, uptime)).collect();
        DaemonReply { services, ..DaemonReply::new(handle, states.seq(), states.iter()) }
    }

    fn new<'a>(handle: &DaemonHandle, seq: u64, states: impl Iterator<Item = &'a ServiceState> + Clone) -> Self {
        let phase = phase(handle, states.clone());
        let readiness = readiness(handle, states);
        let is_ready = phase == "running" && readiness != DaemonReadiness::NotReady;
        DaemonReply {
            name: handle.name().to_owned(),
            phase,
            ready: is_ready,
            degraded: is_ready && readiness == DaemonReadiness::Degraded,
            uptime_s: seconds(handle.core().uptime().as_secs_f64()),
            seq,
            stop_reason: handle.core().stop_reason.get().cloned(),
            stop_waits_for: Vec::new(),
            services: Vec::new(),
        }
    }
}

/// Whether the daemon runs, drains, is stopping, or has stopped: then every service is in Exit, and
/// none can be started again.
pub(crate) fn phase<'a>(handle: &DaemonHandle, mut states: impl Iterator<Item = &'a ServiceState>) -> &'static str {
    let core = handle.core();
    if core.shutting_down().is_none() && !core.stop_order.is_ending() {
        "running"
    } else if states.all(|service| service.is_in(State::Exit)) {
        "stopped"
    } else if core.drains_until().is_some() {
        "draining"
    } else {
        "stopping"
    }
}
