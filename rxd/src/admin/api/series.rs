//! The metrics of services: one series for each service, and one for each large group.
//!
//! A daemon may have thousands of services that come and go. Each label that a scrape has ever seen costs
//! the server of the metrics memory, so a group with more than [`MAX_MEMBERS`] services is one series.

use super::metrics_writer::MetricsWriter;
use crate::admin::dto;
use crate::board::{Id, Statuses};
use crate::core::groups::ServiceCounts;
use crate::core::{Core, States};
use crate::lifecycle::state::{Cause, State};
use std::collections::HashMap;

/// A group with more services than this is one series.
const MAX_MEMBERS: usize = 100;

/// Every state, each a line of `rxd_service_state`.
const STATES: [State; 6] = [State::Unknown, State::Init, State::Idle, State::Run, State::Stop, State::Exit];

/// Every cause of a failure, each a line of `rxd_service_failures_total`.
const FAILURES: [Cause; 4] = [Cause::Error, Cause::Panic, Cause::Timeout, Cause::Dependency];

/// What the metrics say about a service, or the sum of it over a group.
struct Series {
    /// The label: `service` or `group`, and its value.
    label: (&'static str, String),
    /// How many are in each state.
    states: [u64; STATES.len()],
    ready: u64,
    optional: u64,
    counts: ServiceCounts,
    /// Seconds since the last transition; none of a group.
    in_state: Option<f64>,
}

/// Writes the metrics of all services at one instant.
pub(super) fn write(metric: &mut MetricsWriter<'_>, core: &Core, statuses: &Statuses, states: &States) {
    let all = of_services(core, statuses, states);
    let mut put = |name: &str, kind: &str, help: &str, lines: &dyn Fn(&Series) -> SeriesLines| {
        metric.head(name, kind, help);
        for series in &all {
            for (word, number) in lines(series) {
                let label = (series.label.0, &*series.label.1);
                match word {
                    Some(word) => metric.line(name, &[label, word], number),
                    None => metric.line(name, &[label], number),
                }
            }
        }
    };
    put(
        "rxd_service_state",
        "gauge",
        "Whether the service is in the state (1) or not (0); of a group, how many of its services are.",
        &|series| {
            let states = STATES.iter().zip(series.states);
            states.map(|(state, count)| (Some(("state", state.as_str())), count as Number)).collect()
        },
    );
    put(
        "rxd_service_ready",
        "gauge",
        "Whether the service is in Run, or has ended as designed; of a group, how many of its services are.",
        &|series| vec![(None, series.ready as Number)],
    );
    put(
        "rxd_service_optional",
        "gauge",
        "Whether the daemon is ready without the service, too; of a group, how many of its services are so.",
        &|series| vec![(None, series.optional as Number)],
    );
    put("rxd_service_transitions_total", "counter", "How many transitions the service has made.", &|series| {
        vec![(None, series.counts.transitions as Number)]
    });
    put("rxd_service_incarnations_total", "counter", "How many times the service has entered Init.", &|series| {
        vec![(None, series.counts.incarnations as Number)]
    });
    put(
        "rxd_service_restarts_total",
        "counter",
        "How many times the service was restarted after a failure, or after Run had ended.",
        &|series| vec![(None, series.counts.restarts as Number)],
    );
    put("rxd_service_failures_total", "counter", "How many times the service has failed, by the cause.", &|series| {
        let count = |cause: &Cause| series.counts.failures[*cause as usize] as Number;
        FAILURES.iter().map(|cause| (Some(("cause", cause.as_str())), count(cause))).collect()
    });
    put("rxd_service_in_state_seconds", "gauge", "Seconds since the last transition of the service.", &|series| {
        series.in_state.map(|seconds| (None, seconds)).into_iter().collect()
    });
}

/// The lines of one series: a further label, if there is one, and the number.
type SeriesLines = Vec<(Option<Word>, Number)>;
/// A label besides that of the service.
type Word = (&'static str, &'static str);
/// A whole number is written without a point.
type Number = f64;

/// The series of all services, and of the large groups behind them.
fn of_services(core: &Core, statuses: &Statuses, states: &States) -> Vec<Series> {
    let uptime = core.uptime().as_secs_f64();
    let (mut groups, mut members) = (Vec::new(), HashMap::<Id, usize>::new());
    for (name, ids) in core.groups().into_iter().filter(|(_, ids)| ids.len() > MAX_MEMBERS) {
        members.extend(ids.into_iter().map(|id| (id, groups.len())));
        // What services have counted that were removed stays in the sums: a counter does not decrease.
        let counts = core.counts_of_removed(&name);
        let label = ("group", name.into_owned());
        groups.push(Series { label, states: [0; STATES.len()], ready: 0, optional: 0, counts, in_state: None });
    }
    let mut all = Vec::with_capacity(statuses.len() - members.len().min(statuses.len()) + groups.len());
    for ((id, status), service) in statuses.iter().zip(states.iter()) {
        let own = Series {
            label: ("service", service.name.to_string()),
            states: STATES.map(|state| u64::from(service.state == state)),
            ready: dto::is_ready(service).into(),
            optional: core.is_optional(id).into(),
            counts: core.counts_of(id, status),
            in_state: Some(dto::seconds((uptime - service.at.as_secs_f64()).max(0.0))),
        };
        match members.get(&id) {
            Some(&group) => groups[group].add(&own),
            None => all.push(own),
        }
    }
    all.append(&mut groups);
    all
}

impl Series {
    fn add(&mut self, service: &Series) {
        self.states.iter_mut().zip(service.states).for_each(|(sum, count)| *sum += count);
        self.ready += service.ready;
        self.optional += service.optional;
        self.counts.add(&service.counts);
    }
}
