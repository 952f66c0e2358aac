//! G11 and G12: what giving up does to others.

use super::Found;
use crate::state::{Cause, State};
use crate::testing::rules::Rules;
use crate::testing::trace::{Step, Trace};

/// Whether this step is the end of a service that gave up.
fn gives_up(step: &Step) -> bool {
    step.enters(State::Exit) && (step.cause.is_failure() || step.cause == Cause::Dependency)
}

pub(super) fn judge(trace: &Trace, rules: &Rules, found: &mut Found) {
    let end = trace.steps.last().map_or(0, |step| step.seq);
    for (index, step) in trace.steps.iter().enumerate() {
        let Some(me) = rules.find(&step.service) else { continue };
        if step.enters(State::Exit) && step.cause == Cause::Dependency {
            let depends = &rules.services[me].depends;
            let gone =
                |before: &Step| gives_up(before) && depends.iter().any(|&on| rules.services[on].name == before.service);
            if !trace.steps[..index].iter().any(gone) {
                let text = format!("`{}` ends for a dependency, but none of its own gave up", step.service);
                found.add("G12", step.seq, text);
            }
        }
        if !gives_up(step) {
            continue;
        }
        for (other, service) in rules.services.iter().enumerate() {
            let later = trace.steps.iter().filter(|later| later.service == service.name);
            let last = later.clone().next_back();
            let gone = last.is_some_and(|last| last.enters(State::Exit));
            if other != me && rules.services[me].shuts_down() && !gone {
                let text =
                    format!("`{}` gave up, which stops the daemon, but `{}` goes on", step.service, service.name);
                found.add("G11", end, text);
            }
            // Unless the one it depends on came back.
            let back = trace.steps[index + 1..].iter().any(|later| later.service == step.service);
            if !service.depends.contains(&me) || back {
                continue;
            }
            if !gone && trace.ended {
                found.add("G12", end, format!("`{}` outlives `{}`, which it depends on", service.name, step.service));
            }
            if let Some(run) = later.clone().find(|later| later.seq > step.seq && later.enters(State::Run)) {
                let text = format!("`{}` runs after `{}`, which it depends on, gave up", service.name, step.service);
                found.add("G12", run.seq, text);
            }
        }
    }
}
