//! G13: the shutdown stops no service while one that gates on its Run is alive.

use super::index::{IndexedTrace, Violations};
use crate::lifecycle::state::{Cause, State, Transition};
use crate::trace::rules::{ServiceRules, family_of_target};

/// Whether this service stops before service `me`, a member of this family.
fn stops_before(service: &ServiceRules, me: usize, family: Option<usize>) -> bool {
    service.stops_before.iter().any(|&target| match family_of_target(target) {
        Some(other) => family == Some(other),
        None => target == me,
    })
}

pub(super) fn check(indexed: &IndexedTrace<'_>, violations: &mut Violations) {
    let services = &indexed.rules.services;
    // Whether each service is between its Init and its Stop before the current step.
    let mut alive = vec![false; services.len()];
    // Whether the shutdown has reached each service.
    let mut stopped = vec![false; services.len()];
    let abandoned = |other: usize| indexed.steps_of[other].iter().any(|step| step.cause == Cause::Abandoned);
    for (me, step) in indexed.steps() {
        if step.cause == Cause::Shutdown && !std::mem::replace(&mut stopped[me], true) {
            let family =
                services[me].member_of.filter(|&family| indexed.rules.members_at(family, step.seq).contains(&me));
            for (other, service) in services.iter().enumerate() {
                if alive[other] && stops_before(service, me, family) && !abandoned(other) {
                    let text =
                        format!("`{}` is stopped while `{}`, which gates on it, is alive", step.service, service.name);
                    violations.add("G13", step.seq, text);
                }
            }
        }
        match (step.state, step.transition) {
            (State::Init, Transition::Entering) => alive[me] = true,
            (State::Stop | State::Exit, Transition::Entering) => alive[me] = false,
            _ => {}
        }
    }
}
