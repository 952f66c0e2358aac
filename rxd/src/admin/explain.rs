//! Why a service is where it is, as it is told.

use super::dto;
use crate::graph::Mode;
use crate::handle::DaemonHandle;
use crate::watch::why::{ServiceDiagnosis, UnmetGate};
use schemars::JsonSchema;
use serde::Serialize;

/// The answer, in a sentence and in parts.
#[derive(Debug, JsonSchema, Serialize)]
#[schemars(deny_unknown_fields)]
pub(crate) struct Why {
    /// One line, for people.
    pub(crate) text: String,
    /// The number of the last transition before the instant it is of.
    pub(crate) seq: u64,
    /// The service that was asked about, then those it waits for, and so on; each once.
    pub(crate) chain: Vec<Link>,
}

/// One service of the chain.
#[derive(Debug, JsonSchema, Serialize)]
#[schemars(deny_unknown_fields)]
pub(crate) struct Link {
    pub(crate) service: dto::Service,
    pub(crate) waits_for: Vec<Gate>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "f64")]
    pub(crate) next_attempt_s: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String")]
    pub(crate) error: Option<String>,
}

/// A gate that is shut.
#[derive(Debug, JsonSchema, Serialize)]
#[schemars(deny_unknown_fields)]
pub(crate) struct Gate {
    #[schemars(extend("enum" = ["any", "all"]))]
    pub(crate) mode: &'static str,
    /// `entering Run`
    pub(crate) condition: String,
    pub(crate) services: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "f64")]
    pub(crate) within_s: Option<f64>,
}

impl Why {
    pub(crate) fn new(handle: &DaemonHandle, why: &crate::Why) -> Self {
        let uptime = handle.core().uptime();
        let link = |standing: &ServiceDiagnosis| Link {
            service: dto::Service::new(&standing.service, uptime),
            waits_for: standing.waits_for.iter().map(Gate::new).collect(),
            next_attempt_s: standing.next_attempt.map(|left| dto::seconds(left.as_secs_f64())),
            error: standing.error.clone(),
        };
        Why { text: why.to_string(), seq: why.seq(), chain: why.services().iter().map(link).collect() }
    }
}

impl Gate {
    fn new(unmet: &UnmetGate) -> Self {
        Gate {
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
