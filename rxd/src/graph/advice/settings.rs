//! Advice about delays, limits and other options.

use super::{Advice, AdviceRule, targets};
use crate::graph::limits::longest_declared_stop;
use crate::graph::model::{Graph, Keyword, Node};
use crate::graph::phrase::quoted;
use crate::graph::table::Analysis;
use crate::lifecycle::options::{Backoff, OnFailure, OnStale};
use crate::lifecycle::state::State;
use crate::text::add_item;
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
    if !startup.is_zero() && !options.autostart {
        add(
            format!("has a `startup_delay` of {startup:?}, but is started by operators only, without a delay"),
            "remove `startup_delay`, or delay each Init by `delays(Init = ..)`".into(),
        );
    } else if !startup.is_zero() && startup <= init {
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

/// Adds each `on_failure` of a service that never fails for good, nor does any that it depends on.
pub(super) fn advise_on_failure(analysis: &Analysis<'_>, advice: &mut Vec<Advice>) {
    let nodes = analysis.graph.nodes;
    if nodes.iter().all(|node| matches!(node.options.on_failure, OnFailure::Exit)) {
        return;
    }
    let mut dependents = vec![Vec::new(); nodes.len()];
    for (me, node) in nodes.iter().enumerate() {
        for edge in node.edges.iter().filter(|edge| edge.keyword != Keyword::Watch) {
            targets(analysis, edge).into_iter().for_each(|to| dependents[to].push(me));
        }
    }
    let (mut fails, mut next) = (vec![false; nodes.len()], Vec::new());
    for (at, node) in nodes.iter().enumerate() {
        if node.options.may_fail_for_good(node.table) {
            fails[at] = true;
            next.push(at);
        }
    }
    while let Some(at) = next.pop() {
        for &dependent in &dependents[at] {
            if !std::mem::replace(&mut fails[dependent], true) {
                next.push(dependent);
            }
        }
    }
    for (at, node) in nodes.iter().enumerate() {
        if fails[at] {
            continue;
        }
        let setting = match node.options.on_failure {
            OnFailure::Exit => continue,
            OnFailure::Shutdown => "shutdown",
            OnFailure::Ignore => "ignore",
        };
        let service = quoted(node.name);
        advice.push(Advice {
            rule: AdviceRule::DeadSetting,
            service: Some(node.name.to_owned()),
            message: format!(
                "service {service} has `on_failure = \"{setting}\"`, which never acts: it is restarted after each \
                 failure, and so is what it depends on"
            ),
            help: "limit the restarts, such as `restarts(max = 0, within = \"1s\")`, or remove `on_failure`".into(),
        });
    }
}

/// The settings of a daemon that have no effect, or are too short for its services.
pub(super) fn advise_daemon(graph: &Graph<'_>, shutdown_timeout: Duration, on_stale: OnStale) -> Vec<Advice> {
    let mut advice = Vec::new();
    let daemon = quoted(graph.daemon);
    let stop = longest_declared_stop(graph);
    if stop.time > shutdown_timeout {
        let (time, mut services) = (stop.time, String::new());
        stop.services.iter().for_each(|&at| add_item(&mut services, &quoted(graph.nodes[at].name)));
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
