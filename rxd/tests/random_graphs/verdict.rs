//! What came of a run, read off its trace.

use crate::plan::{Plan, WatchPlan};
use crate::run::{CALM, MOST_IN_A_STEP, MOST_WHEN_CALM, STEP};
use rxd::testing::{Trace, TraceStep};
use rxd::{Action, Cause, Effect, State, Transition};
use std::time::Duration;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Verdict {
    /// Every service gets to Run or to its end, and follows its watches.
    Well,
    /// A service is in Run for a while although the condition of its `then(stop)` holds.
    IgnoresReaction,
    /// A reaction ends a service before it has been in Run.
    EndsBeforeRun,
    /// A service is never in Run, waits for what will not come any more, or fails again and again.
    NeverRuns,
    /// Services evict each other without end.
    Restless,
    /// A service makes more than a thousand transitions a second.
    Livelock,
}

impl Verdict {
    pub(crate) const ALL: [Verdict; 6] = [
        Verdict::Well,
        Verdict::IgnoresReaction,
        Verdict::EndsBeforeRun,
        Verdict::NeverRuns,
        Verdict::Restless,
        Verdict::Livelock,
    ];
}

/// Whether a service waits at the end for what will not come any more: its target has ended, or is
/// past the state.
fn waits_in_vain(plan: &Plan, steps: &[&TraceStep]) -> bool {
    let last = |at: usize| steps.iter().rev().find(|step| step.service == plan.services[at].name);
    let is_in = |at: usize, state| last(at).is_some_and(|step| step.enters(state));
    let has_exited = |&at: &usize| is_in(at, State::Exit);
    let has_failed = |&at: &usize| has_exited(&at) && last(at).is_some_and(|step| step.cause != Cause::Normal);
    let is_past = |&at: &usize| has_exited(&at) || is_in(at, State::Run);
    plan.services.iter().enumerate().any(|(me, service)| {
        let waits = !is_in(me, State::Run) && !is_in(me, State::Exit);
        let in_vain = |watch: &WatchPlan| match watch {
            WatchPlan::Needs(targets, _) => targets.iter().any(has_exited),
            WatchPlan::After(targets) => targets.iter().any(has_failed),
            WatchPlan::Watch { all, action: Action::Entering, state, effect, targets, .. } => {
                let mut past = targets.iter().map(|at| if *state == State::Run { has_exited(at) } else { is_past(at) });
                matches!(effect, Effect::GateInit | Effect::GateRun)
                    && if *all { past.any(|past| past) } else { past.all(|past| past) }
            }
            WatchPlan::Watch { .. } => false,
        };
        waits && service.watches.iter().any(in_vain)
    })
}

/// Two transitions with less than this between them may be one movement of the daemon.
const WHILE: Duration = Duration::from_millis(20);

pub(crate) fn verdict(plan: &Plan, trace: &Trace) -> Verdict {
    if plan.services.iter().any(|service| runs_at_full_speed(trace, &service.name)) {
        return Verdict::Livelock;
    }
    // The shutdown is no part of it.
    let is_shutdown = |step: &TraceStep| step.cause == Cause::Shutdown;
    let end = trace.steps.iter().find(|step| is_shutdown(step)).map_or(Duration::MAX, |step| step.at);
    let steps: Vec<&TraceStep> = trace.steps.iter().take_while(|step| step.at < end).collect();
    let keeps_failing = steps.iter().any(|step| step.at > CALM && step.cause.is_failure());
    let never = |states: &[State]| {
        plan.services.iter().any(|service| {
            let mut own = steps.iter().filter(|step| step.service == service.name);
            !own.any(|step| states.iter().any(|&state| step.enters(state)))
        })
    };
    if never(&[State::Run, State::Exit]) || waits_in_vain(plan, &steps) || keeps_failing {
        return Verdict::NeverRuns;
    }
    if steps.iter().filter(|step| step.at > CALM && step.cause == Cause::Reaction).count() > MOST_WHEN_CALM {
        return Verdict::Restless;
    }
    if never(&[State::Run]) {
        return Verdict::EndsBeforeRun;
    }
    if ignores_reaction(plan, &steps, end) { Verdict::IgnoresReaction } else { Verdict::Well }
}

fn runs_at_full_speed(trace: &Trace, service: &str) -> bool {
    let times: Vec<Duration> = trace.steps.iter().filter(|step| step.service == service).map(|step| step.at).collect();
    times.windows(MOST_IN_A_STEP as usize + 1).any(|times| times[times.len() - 1] - times[0] < STEP)
}

#[derive(Clone, Copy)]
struct Status {
    /// None between two states.
    inside: Option<State>,
    /// The states it has left, as bits.
    left: u8,
}

impl Status {
    fn satisfies(self, action: Action, state: State) -> bool {
        let inside = self.inside == Some(state);
        match action {
            Action::Entering => inside,
            Action::NotIn => !inside,
            Action::Exited => !inside && self.left & 1 << state as u8 != 0,
            Action::Changing => false,
        }
    }
}

fn ignores_reaction(plan: &Plan, steps: &[&TraceStep], end: Duration) -> bool {
    let mut states = vec![Status { inside: Some(State::Unknown), left: 0 }; plan.services.len()];
    for (nth, step) in steps.iter().enumerate() {
        let at = plan.services.iter().position(|service| service.name == step.service).expect("a planned one");
        match step.transition {
            Transition::Entering => states[at].inside = Some(step.state),
            Transition::Exited => {
                states[at].left |= 1 << step.state as u8;
                states[at].inside = None;
            }
        }
        let next = steps.get(nth + 1).map_or(end, |next| next.at);
        if next - step.at < WHILE {
            continue;
        }
        for (me, service) in plan.services.iter().enumerate().filter(|(_, service)| !service.is_job) {
            let ignored = service.watches.iter().any(|watch| match watch {
                WatchPlan::Watch { all, action, state, targets, effect: Effect::Stop, .. } => {
                    let mut holds = targets.iter().map(|&target| states[target].satisfies(*action, *state));
                    if *all { holds.all(|holds| holds) } else { holds.any(|holds| holds) }
                }
                _ => false,
            });
            if ignored && states[me].inside == Some(State::Run) {
                return true;
            }
        }
    }
    false
}
