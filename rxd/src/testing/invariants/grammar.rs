//! G1 to G4: what one service's transitions may be.

use super::{Found, Seen};
use crate::lifecycle::state::{Cause, State, Transition};
use crate::testing::trace::Step;

/// Where a service is between two of its transitions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// Before Init, or after Stop.
    Outside,
    In(State),
    After(State),
    Exit,
}

pub(super) fn check_invariants(seen: &Seen<'_>, found: &mut Found) {
    let failing_stop = seen.trace.steps.iter().find(|step| step.leaves(State::Stop) && step.cause.is_failure());
    for (service, own) in seen.rules.services.iter().zip(&seen.own) {
        let (mut place, mut rounds, mut lives) = (Place::Outside, 0, 1);
        let mut abandoned = false;
        for step in own {
            let name = &service.name;
            if abandoned {
                found.add("G2", step.seq, format!("`{name}` goes on after it was abandoned"));
            }
            if place == Place::Exit {
                lives += 1;
                if lives > 1 + service.operator {
                    found.add("G2", step.seq, format!("`{name}` goes on after Exit, and nobody started it anew"));
                }
                place = Place::Outside;
            }
            if let Some((guarantee, text)) = illegal(place, step) {
                found.add(guarantee, step.seq, format!("`{name}` {text}"));
            }
            if step.enters(State::Init) {
                rounds += 1;
            }
            if step.incarnation != rounds {
                let text = format!("`{name}` is in incarnation {} in its round {rounds}", step.incarnation);
                found.add("G4", step.seq, text);
                rounds = step.incarnation;
            }
            abandoned |= step.enters(State::Exit) && step.cause == Cause::Abandoned;
            place = match (step.transition, step.state) {
                (Transition::Entering, State::Exit) => Place::Exit,
                (Transition::Entering, state) => Place::In(state),
                (Transition::Exited, State::Stop) => Place::Outside,
                (Transition::Exited, state) => Place::After(state),
            };
        }
        if seen.trace.ended && place != Place::Exit {
            let guarantee = match failing_stop {
                Some(step) if step.service != service.name => "G17",
                _ => "G2",
            };
            found.add(guarantee, seen.end(), format!("`{}` never came to Exit", service.name));
        }
    }
}

/// What is wrong with this step in this place.
fn illegal(place: Place, step: &Step) -> Option<(&'static str, String)> {
    let entering = step.transition == Transition::Entering;
    if entering && step.state == State::Exit && step.cause == Cause::Abandoned {
        return None;
    }
    let fine = match place {
        Place::Outside => entering && matches!(step.state, State::Init | State::Exit),
        Place::In(state) => !entering && step.state == state,
        Place::After(State::Init) => entering && matches!(step.state, State::Idle | State::Stop),
        Place::After(State::Idle) => entering && matches!(step.state, State::Run | State::Stop),
        Place::After(State::Run) => entering && step.state == State::Stop,
        Place::After(_) | Place::Exit => false,
    };
    if fine {
        return None;
    }
    if entering && step.state == State::Exit && place != Place::Outside {
        return Some(("G3", format!("is in Exit without a Stop of its own ({place:?})")));
    }
    if entering && step.state == State::Init {
        return Some(("G4", format!("begins anew before its last round has ended ({place:?})")));
    }
    let verb = if entering { "enters" } else { "leaves" };
    Some(("G1", format!("{verb} {}, but is {place:?}", step.state)))
}
