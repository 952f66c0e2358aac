//! G11 and G12: what giving up does to others.

use super::{Found, Seen};
use crate::lifecycle::state::{Cause, State};
use crate::testing::trace::Step;

/// Whether this step is the end of a service that gave up.
fn gives_up(step: &Step) -> bool {
    step.enters(State::Exit) && (step.cause.is_failure() || step.cause == Cause::Dependency)
}

pub(super) fn check_invariants(seen: &Seen<'_>, found: &mut Found) {
    let Seen { trace, rules, .. } = *seen;
    // Whether the service has given up before the step that is looked at.
    let mut gone = vec![false; rules.services.len()];
    for (me, step) in seen.steps() {
        let alone = !rules.services[me].depends.iter().any(|&on| gone[on]);
        if step.enters(State::Exit) && step.cause == Cause::Dependency && alone {
            let text = format!("`{}` ends for a dependency, but none of its own gave up", step.service);
            found.add("G12", step.seq, text);
        }
        if !gives_up(step) {
            continue;
        }
        gone[me] = true;
        // Unless it came back.
        let back = seen.own[me].last().is_some_and(|last| last.seq > step.seq);
        for (other, service) in rules.services.iter().enumerate() {
            let left = seen.own[other].last().is_some_and(|last| last.enters(State::Exit));
            if other != me && rules.services[me].shuts_down() && !left {
                let text =
                    format!("`{}` gave up, which stops the daemon, but `{}` goes on", step.service, service.name);
                found.add("G11", seen.end(), text);
            }
            if !service.depends.contains(&me) || back {
                continue;
            }
            if !left && trace.ended {
                let text = format!("`{}` outlives `{}`, which it depends on", service.name, step.service);
                found.add("G12", seen.end(), text);
            }
            if let Some(run) = seen.own[other].iter().find(|later| later.seq > step.seq && later.enters(State::Run)) {
                let text = format!("`{}` runs after `{}`, which it depends on, gave up", service.name, step.service);
                found.add("G12", run.seq, text);
            }
        }
    }
}
