//! What is told, as it is written: each type here is a schema of `/openapi.json`.

use crate::core::{ServiceState, States};
use crate::handle::DaemonHandle;
use crate::lifecycle::state::{Cause, State, Transition};
use crate::log::{Level, LevelSetting};
use schemars::JsonSchema;
use serde::Serialize;
use std::time::Duration;

const PHASES: [&str; 3] = ["running", "stopping", "over"];
const STATES: [&str; 6] = ["unknown", "init", "idle", "run", "stop", "exit"];
const TRANSITIONS: [&str; 2] = ["entering", "exited"];
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

/// The daemon, and where its services are.
#[derive(Clone, Debug, JsonSchema, Serialize)]
#[schemars(deny_unknown_fields)]
pub(crate) struct Daemon {
    pub(crate) name: String,
    #[schemars(extend("enum" = PHASES))]
    pub(crate) phase: &'static str,
    pub(crate) ready: bool,
    pub(crate) uptime_s: f64,
    /// The number of the last transition.
    pub(crate) seq: u64,
    pub(crate) services: Vec<Service>,
}

/// One service.
#[derive(Clone, Debug, JsonSchema, Serialize)]
#[schemars(deny_unknown_fields)]
pub(crate) struct Service {
    pub(crate) name: String,
    #[schemars(extend("enum" = STATES))]
    pub(crate) state: &'static str,
    /// Whether it is in that state, or has left it.
    #[schemars(extend("enum" = TRANSITIONS))]
    pub(crate) transition: &'static str,
    /// Why it made that transition.
    pub(crate) cause: &'static str,
    /// Whether it is in Run, or ended as it was meant to.
    pub(crate) ready: bool,
    /// How many times it has entered Init.
    pub(crate) incarnation: u32,
    /// How many times it came round by itself.
    pub(crate) restarts: u32,
    /// The number of its last transition.
    pub(crate) seq: u64,
    /// Seconds since its last transition.
    pub(crate) since_s: f64,
    /// How it failed last.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String")]
    pub(crate) last_cause: Option<&'static str>,
    /// What its last failure said.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String")]
    pub(crate) last_error: Option<String>,
    /// In how many seconds it begins its next attempt, while it waits for that.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "f64")]
    pub(crate) next_attempt_s: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "LevelReply")]
    pub(crate) level: Option<LevelReply>,
}

/// One transition.
#[derive(Clone, Debug, JsonSchema, Serialize)]
#[schemars(deny_unknown_fields)]
pub(crate) struct Change {
    pub(crate) seq: u64,
    pub(crate) service: String,
    #[schemars(extend("enum" = STATES))]
    pub(crate) state: &'static str,
    /// Whether it is in that state, or has left it.
    #[schemars(extend("enum" = TRANSITIONS))]
    pub(crate) transition: &'static str,
    /// Why it made that transition.
    pub(crate) cause: &'static str,
    /// Whether it is in Run, or ended as it was meant to.
    pub(crate) ready: bool,
    /// How many times it has entered Init.
    pub(crate) incarnation: u32,
    /// How many times it came round by itself.
    pub(crate) restarts: u32,
    /// Seconds from the daemon's start to it.
    pub(crate) at_s: f64,
}

/// How a level stands.
#[derive(Clone, Copy, Debug, JsonSchema, Serialize)]
#[schemars(deny_unknown_fields)]
pub(crate) struct LevelReply {
    #[schemars(extend("enum" = LEVELS))]
    pub(crate) level: &'static str,
    /// Whether it was set here; otherwise it is the default's.
    pub(crate) set: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "f64")]
    pub(crate) reverts_in_s: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String", extend("enum" = LEVELS))]
    pub(crate) reverts_to: Option<&'static str>,
}

impl From<LevelSetting> for LevelReply {
    fn from(setting: LevelSetting) -> Self {
        LevelReply {
            level: setting.level.as_str(),
            set: setting.overridden,
            reverts_in_s: setting.expires_in.map(|left| seconds(left.as_secs_f64())),
            reverts_to: setting.reverts_to.map(Level::as_str),
        }
    }
}

/// Milliseconds are enough.
pub(crate) fn seconds(seconds: f64) -> f64 {
    (seconds * 1000.0).round() / 1000.0
}

/// In Run, or ended as it was meant to.
pub(crate) fn is_ready(service: &ServiceState) -> bool {
    service.is_in(State::Run) || (service.state == State::Exit && service.cause == Cause::Normal)
}

impl Service {
    pub(crate) fn new(service: &ServiceState, uptime: Duration) -> Self {
        let left = service.next_attempt.map(|at| at.saturating_sub(uptime)).filter(|left| !left.is_zero());
        Service {
            name: service.name.to_string(),
            state: service.state.as_str(),
            transition: service.transition.as_str(),
            cause: service.cause.as_str(),
            ready: is_ready(service),
            incarnation: service.incarnation,
            restarts: service.restarts,
            seq: service.seq,
            since_s: seconds(uptime.saturating_sub(service.at).as_secs_f64()),
            last_cause: service.last_cause.map(Cause::as_str),
            last_error: service.last_error.clone(),
            next_attempt_s: left.map(|left| seconds(left.as_secs_f64())),
            level: None,
        }
    }
}

impl Change {
    pub(crate) fn new(service: &ServiceState) -> Self {
        Change {
            seq: service.seq,
            service: service.name.to_string(),
            state: service.state.as_str(),
            transition: service.transition.as_str(),
            cause: service.cause.as_str(),
            ready: is_ready(service),
            incarnation: service.incarnation,
            restarts: service.restarts,
            at_s: seconds(service.at.as_secs_f64()),
        }
    }
}

impl Daemon {
    pub(crate) fn of(handle: &DaemonHandle) -> Self {
        Daemon::at(handle, &handle.states())
    }

    pub(crate) fn at(handle: &DaemonHandle, states: &States) -> Self {
        let core = handle.core();
        let uptime = core.uptime();
        let phase = phase(handle, states);
        Daemon {
            name: handle.name().to_owned(),
            phase,
            ready: phase == "running" && states.iter().all(is_ready),
            uptime_s: seconds(uptime.as_secs_f64()),
            seq: states.seq(),
            services: states.iter().map(|service| Service::new(service, uptime)).collect(),
        }
    }
}

/// Whether the daemon runs, is on its way out, or has nothing left that runs.
pub(crate) fn phase(handle: &DaemonHandle, states: &States) -> &'static str {
    let exited = |service: &ServiceState| service.state == State::Exit && service.transition == Transition::Entering;
    if states.iter().all(exited) {
        "over"
    } else if handle.core().shutting_down().is_some() {
        "stopping"
    } else {
        "running"
    }
}
