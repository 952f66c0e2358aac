//! G1 to G4: which transitions one service may make.

use super::index::{IndexedTrace, Violations};
use crate::lifecycle::state::{Cause, State, Transition};
use crate::trace::TraceStep;

/// Where a service is in its lifecycle, between two of its transitions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum LifecyclePosition {
    /// Before Init, or after Stop.
    Outside,
    In(State),
    After(State),
    Exit,
    /// Removed from the daemon.
    Gone,
}

pub(super) fn check(indexed: &IndexedTrace<'_>, violations: &mut Violations) {
    let failing_stop = indexed.trace.steps.iter().find(|step| step.leaves(State::Stop) && step.cause.is_failure());
    for (service, steps) in indexed.rules.services.iter().zip(&indexed.steps_of) {
        let (mut position, mut incarnation, mut lives) = (LifecyclePosition::Outside, 0, 1);
        let mut abandoned = false;
        for step in steps {
            let name = &service.name;
            if abandoned {
                violations.add("G2", step.seq, format!("`{name}` makes a transition after it was abandoned"));
            }
            // The addition of a service comes first, and its removal last, after Exit.
            if step.enters(State::Unknown) && step.seq == steps[0].seq {
                continue;
            }
            if step.leaves(State::Exit) && position == LifecyclePosition::Exit {
                position = LifecyclePosition::Gone;
                continue;
            }
            if position == LifecyclePosition::Exit {
                lives += 1;
                if lives > 1 + service.operator_requests {
                    let text = format!("`{name}` makes a transition after Exit, and no operator started it again");
                    violations.add("G2", step.seq, text);
                }
                position = LifecyclePosition::Outside;
            }
            if let Some((guarantee, text)) = illegal(position, step) {
                violations.add(guarantee, step.seq, format!("`{name}` {text}"));
            }
            if step.enters(State::Init) {
                incarnation += 1;
            }
            if step.incarnation != incarnation {
                let text =
                    format!("`{name}` reports incarnation {}, but entered Init {incarnation} times", step.incarnation);
                violations.add("G4", step.seq, text);
                incarnation = step.incarnation;
            }
            abandoned |= step.enters(State::Exit) && step.cause == Cause::Abandoned;
            position = match (step.transition, step.state) {
                (Transition::Entering, State::Exit) => LifecyclePosition::Exit,
                (Transition::Entering, state) => LifecyclePosition::In(state),
                (Transition::Exited, State::Stop) => LifecyclePosition::Outside,
                (Transition::Exited, state) => LifecyclePosition::After(state),
            };
        }
        let has_ended = matches!(position, LifecyclePosition::Exit | LifecyclePosition::Gone);
        if indexed.trace.ended && !has_ended {
            let guarantee = match failing_stop {
                Some(step) if step.service != service.name => "G17",
                _ => "G2",
            };
            violations.add(guarantee, indexed.end(), format!("`{}` did not enter Exit", service.name));
        }
    }
}

/// What is wrong with this step at this position, if anything.
fn illegal(position: LifecyclePosition, step: &TraceStep) -> Option<(&'static str, String)> {
    use LifecyclePosition::{After, Exit, Gone, In, Outside};
    let entering = step.transition == Transition::Entering;
    // Any position may be abandoned.
    if entering && step.state == State::Exit && step.cause == Cause::Abandoned {
        return None;
    }
    let is_legal = match position {
        Outside => entering && matches!(step.state, State::Init | State::Exit),
        In(state) => !entering && step.state == state,
        After(State::Init) => entering && matches!(step.state, State::Idle | State::Stop),
        After(State::Idle) => entering && matches!(step.state, State::Run | State::Stop),
        After(State::Run) => entering && step.state == State::Stop,
        After(_) | Exit | Gone => false,
    };
    if is_legal {
        return None;
    }
    if entering && step.state == State::Exit && position != Outside {
        return Some(("G3", format!("enters Exit without Stop ({position:?})")));
    }
    if entering && step.state == State::Init {
        return Some(("G4", format!("enters Init before its last incarnation has ended ({position:?})")));
    }
    let verb = if entering { "enters" } else { "leaves" };
    Some(("G1", format!("{verb} {}, but is {position:?}", step.state)))
}
