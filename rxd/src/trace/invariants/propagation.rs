//! G11 and G12: what happens to other services when one fails for good.

use super::index::{IndexedTrace, Violations};
use crate::lifecycle::state::{Cause, State};
use crate::trace::TraceStep;
use crate::trace::rules::family_of_target;

/// Whether this step ends a service because it, or a service it depends on, failed for good.
fn fails_for_good(step: &TraceStep) -> bool {
    step.enters(State::Exit) && (step.cause.is_failure() || step.cause == Cause::Dependency)
}

pub(super) fn check(indexed: &IndexedTrace<'_>, violations: &mut Violations) {
    let IndexedTrace { trace, rules, .. } = *indexed;
    // Whether each service has failed for good before the current step.
    let mut failed = vec![false; rules.services.len()];
    // Whether a service has failed for good while it was a member of each family.
    let mut member_failed = vec![false; rules.families.len()];
    for (me, step) in indexed.steps() {
        let has_failed = |&on: &usize| family_of_target(on).map_or_else(|| failed[on], |family| member_failed[family]);
        let has_failed_dependency = rules.services[me].depends_on.iter().any(has_failed);
        if step.enters(State::Exit) && step.cause == Cause::Dependency && !has_failed_dependency {
            let text =
                format!("`{}` ends with cause `dependency`, but no service it depends on has failed", step.service);
            violations.add("G12", step.seq, text);
        }
        if !fails_for_good(step) {
            continue;
        }
        failed[me] = true;
        let of_family = rules.services[me].member_of.filter(|&family| rules.members_at(family, step.seq).contains(&me));
        if let Some(family) = of_family {
            member_failed[family] = true;
        }
        // After it has left the family, nothing depends on it.
        let left = rules.memberships.iter().find(|change| change.service == me && !change.joins);
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
            let depends = service.depends_on.iter().any(|&on| match family_of_target(on) {
                Some(family) => of_family == Some(family),
                None => on == me,
            });
            if !depends || revived {
                continue;
            }
            if !ended && trace.ended {
                let text =
                    format!("`{}` is not in Exit, but depends on `{}`, which failed", service.name, step.service);
                violations.add("G12", indexed.end(), text);
            }
            let mut later = indexed.steps_of[other].iter().filter(|later| later.seq > step.seq);
            let is_before_it_left = |seq| left.is_none_or(|left| seq <= left.seq);
            if let Some(run) = later.find(|later| later.enters(State::Run) && is_before_it_left(later.seq)) {
                let text =
                    format!("`{}` enters Run after `{}`, which it depends on, failed", service.name, step.service);
                violations.add("G12", run.seq, text);
            }
        }
    }
}
