//! Why a service is where it is, as it is told.

use super::view;
use crate::handle::DaemonHandle;
use crate::state::{State, Transition};
use serde::Serialize;

/// The answer, in a sentence and in parts.
#[derive(Debug, Serialize)]
pub(crate) struct Why {
    /// One line, for people.
    pub(crate) text: String,
    /// The number of the last transition before the instant it is of.
    pub(crate) seq: u64,
    /// The service that was asked about, then those it waits for, and so on; each once.
    pub(crate) chain: Vec<Link>,
}

/// One service of the chain.
#[derive(Debug, Serialize)]
pub(crate) struct Link {
    pub(crate) service: view::Service,
    pub(crate) waits_for: Vec<Gate>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) next_attempt_s: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) error: Option<String>,
}

/// A gate that is shut.
#[derive(Debug, Serialize)]
pub(crate) struct Gate {
    /// `any` or `all`.
    pub(crate) mode: &'static str,
    /// `entering Run`
    pub(crate) condition: String,
    pub(crate) services: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) within_s: Option<f64>,
}

pub(crate) fn why(handle: &DaemonHandle, name: &str) -> Why {
    let core = handle.core();
    let uptime = core.uptime().as_secs_f64();
    let states = handle.states();
    let mut chain = Vec::new();
    let mut text = String::new();
    if let (Some(service), Some(id)) = (states.get(name), core.id(name)) {
        let waits = service.state == State::Unknown
            || matches!(
                (service.state, service.transition),
                (State::Idle, Transition::Entering) | (State::Stop, Transition::Exited)
            );
        let to = if service.state == State::Idle { State::Run } else { State::Init };
        let unmet = if waits { core.board.unmet(id, to) } else { Vec::new() };
        let (state, transition) = (service.state.name(), service.transition);
        text = format!("{name}: {transition} {state} ({})", service.cause);
        let gates = unmet.iter().map(|gate| {
            let said = crate::watch::describe(core, gate);
            text.push_str(&format!("; waits for {said}"));
            Gate {
                mode: match gate.mode {
                    crate::graph::Mode::Any => "any",
                    crate::graph::Mode::All => "all",
                },
                condition: said,
                services: gate.targets.iter().map(|&id| core.name(id).to_string()).collect(),
                within_s: gate.within.map(|within| view::seconds(within.as_secs_f64())),
            }
        });
        let waits_for: Vec<Gate> = gates.collect();
        let error = core.detail(id, |detail| detail.error.clone()).filter(|_| !service.is_in(State::Run));
        if let Some(error) = &error {
            text.push_str(&format!("; last error: {error}"));
        }
        chain.push(Link { service: view::Service::new(service, uptime), waits_for, next_attempt_s: None, error });
    }
    Why { text, seq: states.seq(), chain }
}
