//! G13: nobody is stopped while one that gates on its Run is alive.

use super::{Found, Seen};
use crate::lifecycle::state::{Cause, State, Transition};

pub(super) fn check_invariants(seen: &Seen<'_>, found: &mut Found) {
    let services = &seen.rules.services;
    // Between its Init and its Stop, as of the step that is looked at.
    let mut alive = vec![false; services.len()];
    let mut told = vec![false; services.len()];
    let abandoned = |other: usize| seen.own[other].iter().any(|step| step.cause == Cause::Abandoned);
    for (me, step) in seen.steps() {
        if step.cause == Cause::Shutdown && !std::mem::replace(&mut told[me], true) {
            for (other, service) in services.iter().enumerate() {
                if alive[other] && service.stops_before.contains(&me) && !abandoned(other) {
                    let text =
                        format!("`{}` is stopped while `{}`, which gates on it, is alive", step.service, service.name);
                    found.add("G13", step.seq, text);
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
