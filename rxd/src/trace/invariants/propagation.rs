//! G11 and G12: what happens to other services when one fails for good.

use super::index::{IndexedTrace, Violations};
use crate::lifecycle::state::{Cause, State};
use crate::trace::TraceStep;

/// Whether this step ends a service because it, or a service it depends on, failed for good.
fn fails_for_good(step: &TraceStep) -> bool {
    step.enters(State::Exit) && (step.cause.is_failure() || step.cause == Cause::Dependency)
}

pub(super) fn check(indexed: &IndexedTrace<'_>, violations: &mut Violations) {
    let IndexedTrace { trace, rules, .. } = *indexed;
    // Whether each service has failed for good before the current step.
    let mut failed = vec![false; rules.services.len()];
    for (me, step) in indexed.steps() {
        let has_failed_dependency = rules.services[me].depends_on.iter().any(|&on| failed[on]);
        if step.enters(State::Exit) && step.cause == Cause::Dependency && !has_failed_dependency {
            let text =
                format!("`{}` ends with cause `dependency`, but no service it depends on has failed", step.service);
            violations.add("G12", step.seq, text);
        }
        if !fails_for_good(step) {
            continue;
        }
        failed[me] = true;
        // An operator has started it again.
        let revived = indexed.steps_of[me].last().is_some_and(|last| last.seq > step.seq && !last.leaves(State::Exit));
        for (other, service) in rules.services.iter().enumerate() {
            let ended = indexed.steps_of[other].last().is_some_and(|last| last.state == State::Exit);
            if other != me && rules.services[me].shuts_down() && !ended {
                let text = format!(
                    "the failure of `{}` stops the daemon, but `{}` is not in Exit",
                    step.service, service.name
                );
                violations.add("G11", indexed.end(), text);
            }
            if !service.depends_on.contains(&me) || revived {
                continue;
            }
            if !ended && trace.ended {
                let text =
                    format!("`{}` is not in Exit, but depends on `{}`, which failed", service.name, step.service);
                violations.add("G12", indexed.end(), text);
            }
            let mut later = indexed.steps_of[other].iter().filter(|later| later.seq > step.seq);
            if let Some(run) = later.find(|later| later.enters(State::Run)) {
                let text =
                    format!("`{}` enters Run after `{}`, which it depends on, failed", service.name, step.service);
                violations.add("G12", run.seq, text);
            }
        }
    }
}
