//! G13: nobody is stopped while one that gates on its Run is alive.

use super::Found;
use crate::state::{Cause, State, Transition};
use crate::testing::rules::Rules;
use crate::testing::trace::Trace;

pub(super) fn judge(trace: &Trace, rules: &Rules, found: &mut Found) {
    // Between its Init and its Stop, as of the step that is looked at.
    let mut alive = vec![false; rules.services.len()];
    let mut told = vec![false; rules.services.len()];
    let abandoned: Vec<bool> = rules
        .services
        .iter()
        .map(|service| trace.steps.iter().any(|step| step.service == service.name && step.cause == Cause::Abandoned))
        .collect();
    for step in &trace.steps {
        let Some(me) = rules.find(&step.service) else { continue };
        if step.cause == Cause::Shutdown && !std::mem::replace(&mut told[me], true) {
            for (other, service) in rules.services.iter().enumerate() {
                if service.stops_before.contains(&me) && alive[other] && !abandoned[other] {
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
