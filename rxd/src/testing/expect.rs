//! Assertions about a trace. Each one that fails panics with the timeline.

use crate::graph::known_names;
use crate::lifecycle::state::{Cause, State, Transition};
use crate::sync::Mutex;
use crate::trace::{Trace, TraceStep};
use std::collections::BTreeMap;
use std::time::Duration;

impl Trace {
    /// Begins assertions about one service. Each one that fails panics with the
    /// [timeline](Trace::timeline).
    ///
    /// ```
    /// use rxd::testing::Trace;
    /// use rxd::{Cause, State::*};
    /// use std::time::Duration;
    ///
    /// let trace = Trace::parse(
    ///     "0  db  init+
    ///      2s db  init-
    ///         db  idle+
    ///         db  idle-
    ///         db  run+
    ///         api init+
    ///         api init- error",
    /// );
    /// trace.expect("db").enters(Run).times(1).at(Duration::from_secs(2));
    /// trace.expect("api").enters(Init).after_it_enters("db", Run);
    /// trace.expect("api").leaves(Init).because(Cause::Error);
    /// trace.expect("api").never_enters(Run);
    /// ```
    ///
    /// # Panics
    ///
    /// If no service has the name.
    #[track_caller]
    pub fn expect(&self, service: &str) -> Expect<'_> {
        Expect { trace: self, service: self.known(service) }
    }

    /// Asserts that this condition holds after none of the transitions.
    ///
    /// A service that [needs](crate::Service::needs) another leaves Run *after* it. So it is in Run
    /// without the other for an instant. To allow for such instants, call
    /// [`never_when_settled`](Trace::never_when_settled).
    ///
    /// ```
    /// # use rxd::{State, testing::Trace};
    /// # let trace = Trace::parse("api init+\n api init-\n db run+\n api run+\n api run-\n db run-");
    /// trace.never("api runs before db", |at| at.is_in("api", State::Run) && !at.is_in("db", State::Run));
    /// ```
    ///
    /// # Panics
    ///
    /// If the condition holds after a transition: with the description and the
    /// [timeline](Trace::timeline) around the first such transition.
    #[track_caller]
    pub fn never(&self, description: &str, condition: impl Fn(&StatesAt<'_>) -> bool) {
        let Some(seq) = self.first(&condition, |_, _| true) else { return };
        let help = if self.first(&condition, time_passes).is_none() { TRANSIENT_HELP } else { "" };
        panic!("{description}, at seq {seq}\n{help}{}", self.around(seq));
    }

    /// Asserts that this condition does not last: it holds neither at an instant after which time
    /// passes, nor at the end of the trace.
    ///
    /// This is for a run in paused time, where all that follows from a transition happens at the
    /// same instant.
    ///
    /// ```
    /// # use rxd::{State, testing::Trace};
    /// let trace = Trace::parse("db run+\n api run+\n 5s db run-\n api run-");
    /// trace.never_when_settled("api runs without db", |at| at.is_in("api", State::Run) && !at.is_in("db", State::Run));
    /// ```
    ///
    /// # Panics
    ///
    /// If the condition lasts: with the description and the [timeline](Trace::timeline) around the
    /// transition.
    #[track_caller]
    pub fn never_when_settled(&self, description: &str, condition: impl Fn(&StatesAt<'_>) -> bool) {
        if let Some(seq) = self.first(&condition, time_passes) {
            panic!("{description}, at seq {seq}\n{}", self.around(seq));
        }
    }

    /// The first transition after which the condition holds. Only the last transition counts, and
    /// each one for which `counts` returns true; it gets the transition and the one after it.
    fn first(
        &self,
        condition: &impl Fn(&StatesAt<'_>) -> bool,
        counts: impl Fn(&TraceStep, &TraceStep) -> bool,
    ) -> Option<u64> {
        let mut states = StatesAt::start_of(self);
        let mut steps = self.steps.iter().enumerate();
        let found = steps.find(|(nth, step)| {
            states.apply(step);
            self.steps.get(nth + 1).is_none_or(|next| counts(step, next)) && condition(&states)
        });
        found.map(|(_, step)| step.seq)
    }

    #[track_caller]
    fn known(&self, service: &str) -> &str {
        let found = self.services.iter().find(|name| *name == service);
        found.unwrap_or_else(|| no_service(service, self.services.iter().map(String::as_str)))
    }
}

/// Whether time passes between these transitions.
fn time_passes(step: &TraceStep, next: &TraceStep) -> bool {
    step.at != next.at
}

/// The help where `never` fails and `never_when_settled` would not.
pub(super) const TRANSIENT_HELP: &str = "help: the condition holds only for an instant, until other services react; to allow that, use `never_when_settled`\n";

/// Panics with the message for a name that no service has.
#[track_caller]
pub(super) fn no_service<'a>(name: &str, names: impl Iterator<Item = &'a str>) -> ! {
    panic!("no service is named `{name}`\nhelp: {}", known_names(name, names))
}

/// The states of all services at one instant.
#[derive(Clone, Debug)]
pub struct StatesAt<'a> {
    states: BTreeMap<&'a str, (State, Transition)>,
    /// Where to keep what a condition asks for.
    pub(super) asked: Option<&'a Asked>,
}

/// The services and states that a condition has asked for, and whether one was ever in the state.
#[derive(Debug, Default)]
pub(super) struct Asked(Mutex<BTreeMap<(String, State), bool>>);

impl Asked {
    fn keep(&self, service: &str, state: State, is_in: bool) {
        *self.0.lock().entry((service.to_owned(), state)).or_default() |= is_in;
    }

    /// What was asked for, if none of it was ever so: `api` in run.
    pub(super) fn never_so(&self) -> Option<String> {
        let asked = self.0.lock();
        if asked.is_empty() || asked.values().any(|is_in| *is_in) {
            return None;
        }
        let texts: Vec<String> = asked.keys().map(|(service, state)| format!("`{service}` was in {state}")).collect();
        Some(texts.join(" or "))
    }
}

impl<'a> StatesAt<'a> {
    /// Before the first transition.
    pub(super) fn start_of(trace: &'a Trace) -> Self {
        let states = trace.services.iter().map(|name| (&**name, (State::Unknown, Transition::Entering))).collect();
        StatesAt { states, asked: None }
    }

    pub(super) fn apply(&mut self, step: &'a TraceStep) {
        self.states.insert(&step.service, (step.state, step.transition));
    }

    /// Whether the service has entered this state and not left it.
    ///
    /// # Panics
    ///
    /// If no service has the name.
    #[must_use]
    #[track_caller]
    pub fn is_in(&self, service: &str, state: State) -> bool {
        let Some(last) = self.states.get(service) else {
            no_service(service, self.states.keys().copied());
        };
        let is_in = *last == (state, Transition::Entering);
        if let Some(asked) = self.asked {
            asked.keep(service, state, is_in);
        }
        is_in
    }
}

/// Assertions about one service. See [`Trace::expect`].
#[derive(Clone, Copy, Debug)]
#[must_use = "it asserts nothing by itself; call one of its methods"]
pub struct Expect<'a> {
    trace: &'a Trace,
    service: &'a str,
}

impl<'a> Expect<'a> {
    /// Asserts that the service enters this state.
    #[track_caller]
    pub fn enters(self, state: State) -> Expected<'a> {
        self.makes(TransitionPattern { state, transition: Transition::Entering })
    }

    /// Asserts that the service leaves this state.
    #[track_caller]
    pub fn leaves(self, state: State) -> Expected<'a> {
        self.makes(TransitionPattern { state, transition: Transition::Exited })
    }

    /// Asserts that the service never enters this state.
    #[track_caller]
    pub fn never_enters(self, state: State) {
        let pattern = TransitionPattern { state, transition: Transition::Entering };
        if let Some(step) = pattern.matches(self.trace, self.service).next() {
            let Expect { trace, service } = self;
            panic!("`{service}` {pattern} at seq {}; expected: never\n{}", step.seq, trace.around(step.seq));
        }
    }

    #[track_caller]
    fn makes(self, pattern: TransitionPattern) -> Expected<'a> {
        let Expect { trace, service } = self;
        match pattern.matches(trace, service).next() {
            Some(first) => Expected { trace, pattern, first },
            None => panic!("`{service}` never {pattern}\n{}", trace.timeline()),
        }
    }
}

/// A transition that a service made at least once. Further assertions are about the first time.
#[derive(Clone, Copy, Debug)]
pub struct Expected<'a> {
    trace: &'a Trace,
    pattern: TransitionPattern,
    first: &'a TraceStep,
}

impl<'a> Expected<'a> {
    /// Asserts that it comes before the other service's first such transition, and that there is
    /// one.
    #[track_caller]
    pub fn before(self, service: &str) -> Self {
        let other = self.other(service, self.pattern);
        self.check(self.first.seq < other.seq, format_args!("before `{service}`, which does at seq {}", other.seq))
    }

    /// Asserts that it comes after the other service's first such transition, and that there is
    /// one.
    #[track_caller]
    pub fn after(self, service: &str) -> Self {
        let other = self.other(service, self.pattern);
        self.check(self.first.seq > other.seq, format_args!("after `{service}`, which does at seq {}", other.seq))
    }

    /// Asserts that it comes after the other service first enters this state, and that it does.
    #[track_caller]
    pub fn after_it_enters(self, service: &str, state: State) -> Self {
        self.after_it(service, TransitionPattern { state, transition: Transition::Entering })
    }

    /// Asserts that it comes after the other service first leaves this state, and that it does.
    #[track_caller]
    pub fn after_it_leaves(self, service: &str, state: State) -> Self {
        self.after_it(service, TransitionPattern { state, transition: Transition::Exited })
    }

    #[track_caller]
    fn after_it(self, service: &str, pattern: TransitionPattern) -> Self {
        let other = self.other(service, pattern);
        self.check(self.first.seq > other.seq, format_args!("after `{service}` {pattern}, at seq {}", other.seq))
    }

    /// Asserts that the other service is in this state meanwhile.
    #[track_caller]
    pub fn while_in(self, service: &str, state: State) -> Self {
        let service = self.trace.known(service);
        let before = self.trace.steps.iter().take_while(|step| step.seq < self.first.seq);
        let last = before.filter(|step| step.service == service).last();
        self.check(last.is_some_and(|last| last.enters(state)), format_args!("while `{service}` is in {state}"))
    }

    /// Asserts the cause of the transition.
    #[track_caller]
    pub fn because(self, cause: Cause) -> Self {
        self.check(self.first.cause == cause, format_args!("with cause `{cause}`, not `{}`", self.first.cause))
    }

    /// Asserts the time since the daemon's start, to the millisecond.
    #[track_caller]
    pub fn at(self, time: Duration) -> Self {
        let millis = |time: Duration| time.as_millis();
        let at = self.first.at;
        self.check(millis(at) == millis(time), format_args!("{time:?} after the start, not {at:?}"))
    }

    /// Asserts how many times the service makes this transition in all.
    #[track_caller]
    pub fn times(self, times: usize) -> Self {
        let count = self.pattern.matches(self.trace, &self.first.service).count();
        self.check(count == times, format_args!("{times} times, not {count}"))
    }

    #[track_caller]
    fn other(&self, service: &str, pattern: TransitionPattern) -> &'a TraceStep {
        let service = self.trace.known(service);
        let found = pattern.matches(self.trace, service).next();
        found.unwrap_or_else(|| panic!("`{service}` never {pattern}\n{}", self.trace.timeline()))
    }

    #[track_caller]
    fn check(self, met: bool, expected: std::fmt::Arguments<'_>) -> Self {
        let TraceStep { service, seq, .. } = self.first;
        assert!(met, "`{service}` {} at seq {seq}; expected: {expected}\n{}", self.pattern, self.trace.around(*seq));
        self
    }
}

/// A state that a service enters or leaves.
#[derive(Clone, Copy, Debug)]
struct TransitionPattern {
    state: State,
    transition: Transition,
}

impl TransitionPattern {
    /// The transitions of this service that match, in order.
    fn matches<'a>(self, trace: &'a Trace, service: &str) -> impl Iterator<Item = &'a TraceStep> {
        let matching = move |step: &&TraceStep| step.state == self.state && step.transition == self.transition;
        let name = service.to_owned();
        trace.steps.iter().filter(move |step| step.service == name).filter(matching)
    }
}

impl std::fmt::Display for TransitionPattern {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let verb = if self.transition == Transition::Entering { "enters" } else { "leaves" };
        write!(f, "{verb} {}", self.state)
    }
}
