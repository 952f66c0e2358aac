//! Advice about delays, limits and other options.

use super::{Advice, AdviceRule};
use crate::graph::limits::longest_declared_stop;
use crate::graph::model::{Graph, Node};
use crate::graph::phrase::quoted;
use crate::lifecycle::options::{Backoff, OnStale};
use crate::lifecycle::state::State;
use std::time::Duration;

/// Adds the settings of a service that have no effect.
pub(super) fn advise(node: &Node<'_>, advice: &mut Vec<Advice>) {
    let options = node.options;
    let service = quoted(node.name);
    let mut add = |message: String, help: String| {
        let message = format!("service {service} {message}");
        advice.push(Advice { rule: AdviceRule::DeadSetting, service: Some(node.name.to_owned()), message, help });
    };
    let (startup, init) = (options.startup_delay, options.delays[0]);
    if !startup.is_zero() && startup <= init {
        add(
            format!("has a `startup_delay` of {startup:?}, but waits {init:?} before each Init anyway"),
            "remove `startup_delay`, or make it longer than the delay before Init".into(),
        );
    }
    if let (Some(reset), Some(limit)) = (options.backoff.reset, options.timeouts[2]) {
        if reset > limit {
            add(
                format!("never resets its back-off: a Run must last {reset:?}, and times out after {limit:?}"),
                "make `reset` shorter than `timeouts(Run)`".into(),
            );
        }
    }
    if let (Some(period), Some(limit)) = (options.heartbeat, options.timeouts[2]) {
        if period >= limit {
            add(
                format!("is never stale: its heartbeat is due every {period:?}, and its Run times out after {limit:?}"),
                "make `heartbeat` shorter than `timeouts(Run)`, or remove it".into(),
            );
        }
    }
    let restarts = node.table.goes(State::Stop, State::Init);
    let setting = if options.restarts.is_some() { "`restarts`" } else { "`backoff`" };
    if !restarts && (options.restarts.is_some() || options.backoff != Backoff::DEFAULT) {
        add(
            format!("has {setting}, but its manager never restarts it"),
            format!("remove {setting}, or let its manager go from Stop to Init"),
        );
    }
}

/// The settings of a daemon that have no effect, or are too short for its services.
pub(super) fn advise_daemon(graph: &Graph<'_>, shutdown_timeout: Duration, on_stale: OnStale) -> Vec<Advice> {
    let mut advice = Vec::new();
    let daemon = quoted(graph.daemon);
    let stop = longest_declared_stop(graph);
    if stop.time > shutdown_timeout {
        let services: Vec<String> = stop.services.iter().map(|&at| quoted(graph.nodes[at].name)).collect();
        let (time, services) = (stop.time, services.join(", "));
        advice.push(Advice {
            rule: AdviceRule::ShutdownTooShort,
            service: None,
            message: format!(
                "daemon {daemon} may stop for {shutdown_timeout:?}, but the declared limits of Stop add up to {time:?} \
                 along {services}"
            ),
            help: "make `shutdown_timeout` longer, or these limits shorter".into(),
        });
    }
    for node in graph.nodes {
        let [before @ .., stop] = node.options.delays;
        if stop > shutdown_timeout && before.iter().all(|delay| *delay < stop) {
            let service = quoted(node.name);
            advice.push(Advice {
                rule: AdviceRule::DeadSetting,
                service: Some(node.name.to_owned()),
                message: format!(
                    "service {service} waits {stop:?} before Stop, longer than `shutdown_timeout`: a shutdown skips \
                     the delay"
                ),
                help: "if it needs time to stop, give it `timeouts(Stop)`".into(),
            });
        }
    }
    if on_stale != OnStale::default() && graph.nodes.iter().all(|node| node.options.heartbeat.is_none()) {
        advice.push(Advice {
            rule: AdviceRule::DeadSetting,
            service: None,
            message: format!("daemon {daemon} has `on_stale`, but none of its services has a heartbeat"),
            help: "give one a `heartbeat`, or remove `on_stale`".into(),
        });
    }
    advice
}
