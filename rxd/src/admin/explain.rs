//! `GET /services/{name}/why`: the answer of [`Why`](crate::Why) as JSON.

use super::dto;
use crate::graph::Mode;
use crate::handle::DaemonHandle;
use crate::watch::why::{ServiceDiagnosis, UnmetGate};
use schemars::JsonSchema;
use serde::Serialize;

/// Why a service is in its state: in one sentence, and in parts.
#[derive(Debug, JsonSchema, Serialize)]
#[schemars(rename = "Why", deny_unknown_fields)]
pub(crate) struct WhyReply {
    /// One line, for people.
    pub(crate) text: String,
    /// The sequence number of the last transition that the answer takes into account.
    pub(crate) seq: u64,
    /// The service that was asked about, then the services it waits for, and so on; each once.
    pub(crate) chain: Vec<DiagnosisReply>,
}

/// One service of the chain.
#[derive(Debug, JsonSchema, Serialize)]
#[schemars(rename = "ServiceDiagnosis", deny_unknown_fields)]
pub(crate) struct DiagnosisReply {
    pub(crate) service: dto::ServiceReply,
    /// The gates that hold the service back.
    pub(crate) waits_for: Vec<GateReply>,
    /// Seconds until the next attempt, while the service waits for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "f64")]
    pub(crate) next_attempt_s: Option<f64>,
    /// Seconds until the next run, while a periodic service waits for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "f64")]
    pub(crate) next_run_s: Option<f64>,
    /// When that is by the wall clock, if the service has a schedule.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String")]
    pub(crate) next_run_at: Option<String>,
    /// The error that led to the state of the service. A failure from which it has recovered is in
    /// `service` only.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String")]
    pub(crate) error: Option<String>,
    /// While the daemon stops: the services that stop before this one, and are not in Exit.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) stops_after: Vec<String>,
    /// While the daemon stops: for how many seconds the service has been asked to stop, if it is
    /// not in Exit.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "f64")]
    pub(crate) asked_to_stop_s: Option<f64>,
}

/// A gate whose condition does not hold.
#[derive(Debug, JsonSchema, Serialize)]
#[schemars(rename = "UnmetGate", deny_unknown_fields)]
pub(crate) struct GateReply {
    #[schemars(extend("enum" = ["any", "all"]))]
    pub(crate) mode: &'static str,
    /// `entering Run`
    pub(crate) condition: String,
    pub(crate) services: Vec<String>,
    /// The time limit of the gate, in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "f64")]
    pub(crate) within_s: Option<f64>,
}

impl WhyReply {
    pub(crate) fn new(handle: &DaemonHandle, why: &crate::Why) -> Self {
        let uptime = handle.core().uptime();
        let reply = |diagnosis: &ServiceDiagnosis| DiagnosisReply {
            service: dto::ServiceReply::explained(handle, diagnosis, uptime),
            waits_for: diagnosis.waits_for.iter().map(GateReply::new).collect(),
            next_attempt_s: diagnosis.next_attempt.map(|left| dto::seconds(left.as_secs_f64())),
            next_run_s: diagnosis.next_run.map(|left| dto::seconds(left.as_secs_f64())),
            next_run_at: diagnosis.next_run_at.clone(),
            error: diagnosis.error.clone(),
            stops_after: diagnosis.stops_after.iter().map(ToString::to_string).collect(),
            asked_to_stop_s: diagnosis.asked_to_stop.map(|since| dto::seconds(since.as_secs_f64())),
        };
        WhyReply { text: why.to_string(), seq: why.seq(), chain: why.services().iter().map(reply).collect() }
    }
}

impl GateReply {
    fn new(unmet: &UnmetGate) -> Self {
        GateReply {
            mode: match unmet.mode {
                Mode::Any => "any",
                Mode::All => "all",
            },
            condition: unmet.condition.to_string(),
            services: unmet.services.iter().map(ToString::to_string).collect(),
            within_s: unmet.within.map(|within| dto::seconds(within.as_secs_f64())),
        }
    }
}
