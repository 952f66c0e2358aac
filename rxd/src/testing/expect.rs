//! What a test expects of a trace.

use super::trace::{Step, Trace};
use crate::graph::instead;
use crate::lifecycle::state::{Cause, State, Transition};
use std::collections::BTreeMap;
use std::time::Duration;

impl Trace {
    /// What is expected of one service. Each expectation that is not met panics, with the
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

    /// Panics, with the [timeline](Trace::timeline), if this was so after any of the transitions.
    ///
    /// A service that [needs](crate::Service::needs) another leaves Run *after* it: that one is in Run while the other is not is
    /// true for an instant, and is asked for by [`never_when_settled`](Trace::never_when_settled).
    ///
    /// ```
    /// # use rxd::{State, testing::Trace};
    /// # let trace = Trace::parse("api init+\n api init-\n db run+\n api run+\n api run-\n db run-");
    /// trace.never("api begins before db runs", |at| at.is_in("api", State::Run) && !at.is_in("db", State::Run));
    /// ```
    #[track_caller]
    pub fn never(&self, what: &str, is: impl Fn(&StatesAt<'_>) -> bool) {
        let Some(seq) = self.first(&is, |_, _| true) else { return };
        let help = if self.first(&is, at_rest).is_none() { FOR_AN_INSTANT } else { "" };
        panic!("{what}, at {seq}\n{help}{}", self.around(seq));
    }

    /// As [`never`](Trace::never), but asked only when time has passed, or all is over: for a run in paused time, where
    /// whatever follows from a transition is of the same instant.
    ///
    /// ```
    /// # use rxd::{State, testing::Trace};
    /// let trace = Trace::parse("db run+\n api run+\n 5s db run-\n api run-");
    /// trace.never_when_settled("api runs without db", |at| at.is_in("api", State::Run) && !at.is_in("db", State::Run));
    /// ```
    #[track_caller]
    pub fn never_when_settled(&self, what: &str, is: impl Fn(&StatesAt<'_>) -> bool) {
        if let Some(seq) = self.first(&is, at_rest) {
            panic!("{what}, at {seq}\n{}", self.around(seq));
        }
    }

    /// The first transition after which this was so, of those after which it is asked.
    fn first(&self, is: &impl Fn(&StatesAt<'_>) -> bool, asked: impl Fn(&Step, &Step) -> bool) -> Option<u64> {
        let mut places = StatesAt::of(self);
        let mut steps = self.steps.iter().enumerate();
        let found = steps.find(|(nth, step)| {
            places.see(step);
            self.steps.get(nth + 1).is_none_or(|next| asked(step, next)) && is(&places)
        });
        found.map(|(_, step)| step.seq)
    }

    #[track_caller]
    fn known(&self, service: &str) -> &str {
        let found = self.services.iter().find(|name| *name == service);
        found.unwrap_or_else(|| no_service(service, self.services.iter().map(String::as_str)))
    }
}

/// Whether time passes between the two.
fn at_rest(step: &Step, next: &Step) -> bool {
    step.at != next.at
}

/// What is said where `never` was broken, and `never_when_settled` is what was meant.
pub(super) const FOR_AN_INSTANT: &str =
    "help: it is so for an instant, until what follows has followed; `never_when_settled` asks whether it stays so\n";

/// Panics about a name that no service has.
#[track_caller]
pub(super) fn no_service<'a>(name: &str, names: impl Iterator<Item = &'a str>) -> ! {
    panic!("no service is named `{name}`\nhelp: {}", instead(name, names))
}

/// Where every service is at one instant.
#[derive(Clone, Debug)]
pub struct StatesAt<'a>(BTreeMap<&'a str, (State, Transition)>);

impl<'a> StatesAt<'a> {
    pub(super) fn of(trace: &'a Trace) -> Self {
        StatesAt(trace.services.iter().map(|name| (&**name, (State::Unknown, Transition::Entering))).collect())
    }

    pub(super) fn see(&mut self, step: &'a Step) {
        self.0.insert(&step.service, (step.state, step.transition));
    }

    /// Whether the service has entered this state, and not left it.
    ///
    /// # Panics
    ///
    /// If no service has the name.
    #[must_use]
    #[track_caller]
    pub fn is_in(&self, service: &str, state: State) -> bool {
        let Some(place) = self.0.get(service) else {
            no_service(service, self.0.keys().copied());
        };
        *place == (state, Transition::Entering)
    }
}

/// What is expected of one service; see [`Trace::expect`].
#[derive(Clone, Copy, Debug)]
#[must_use = "nothing is expected yet"]
pub struct Expect<'a> {
    trace: &'a Trace,
    service: &'a str,
}

impl<'a> Expect<'a> {
    /// It enters this state.
    #[track_caller]
    pub fn enters(self, state: State) -> Expected<'a> {
        self.makes(What { state, transition: Transition::Entering })
    }

    /// It leaves this state.
    #[track_caller]
    pub fn leaves(self, state: State) -> Expected<'a> {
        self.makes(What { state, transition: Transition::Exited })
    }

    /// It never enters this state.
    #[track_caller]
    pub fn never_enters(self, state: State) {
        let what = What { state, transition: Transition::Entering };
        if let Some(step) = what.of(self.trace, self.service).next() {
            let Expect { trace, service } = self;
            panic!("`{service}` {what} at {}, and never should\n{}", step.seq, trace.around(step.seq));
        }
    }

    #[track_caller]
    fn makes(self, what: What) -> Expected<'a> {
        let Expect { trace, service } = self;
        match what.of(trace, service).next() {
            Some(first) => Expected { trace, what, first },
            None => panic!("`{service}` never {what}\n{}", trace.timeline()),
        }
    }
}

/// A transition that a service made, at least once. What follows is expected of the first time.
#[derive(Clone, Copy, Debug)]
pub struct Expected<'a> {
    trace: &'a Trace,
    what: What,
    first: &'a Step,
}

impl<'a> Expected<'a> {
    /// Before this service does the same for the first time, which it does.
    #[track_caller]
    pub fn before(self, service: &str) -> Self {
        let other = self.other(service, self.what);
        self.check(self.first.seq < other.seq, format_args!("before `{service}` does, which is at {}", other.seq))
    }

    /// After this service does the same for the first time.
    #[track_caller]
    pub fn after(self, service: &str) -> Self {
        let other = self.other(service, self.what);
        self.check(self.first.seq > other.seq, format_args!("after `{service}` does, which is at {}", other.seq))
    }

    /// After this service enters this state for the first time.
    #[track_caller]
    pub fn after_it_enters(self, service: &str, state: State) -> Self {
        self.after_it(service, What { state, transition: Transition::Entering })
    }

    /// After this service leaves this state for the first time.
    #[track_caller]
    pub fn after_it_leaves(self, service: &str, state: State) -> Self {
        self.after_it(service, What { state, transition: Transition::Exited })
    }

    #[track_caller]
    fn after_it(self, service: &str, what: What) -> Self {
        let other = self.other(service, what);
        self.check(self.first.seq > other.seq, format_args!("after `{service}` {what}, which is at {}", other.seq))
    }

    /// While this service is in this state.
    #[track_caller]
    pub fn while_in(self, service: &str, state: State) -> Self {
        let service = self.trace.known(service);
        let before = self.trace.steps.iter().take_while(|step| step.seq < self.first.seq);
        let last = before.filter(|step| step.service == service).last();
        self.check(last.is_some_and(|last| last.enters(state)), format_args!("while `{service}` is in {state}"))
    }

    /// For this reason.
    #[track_caller]
    pub fn because(self, cause: Cause) -> Self {
        self.check(self.first.cause == cause, format_args!("because of `{cause}`, not of `{}`", self.first.cause))
    }

    /// So long after the daemon has started, to the millisecond.
    #[track_caller]
    pub fn at(self, time: Duration) -> Self {
        let millis = |time: Duration| time.as_millis();
        let at = self.first.at;
        self.check(millis(at) == millis(time), format_args!("after {time:?}, not after {at:?}"))
    }

    /// So many times in all.
    #[track_caller]
    pub fn times(self, times: usize) -> Self {
        let count = self.what.of(self.trace, &self.first.service).count();
        self.check(count == times, format_args!("{times} times, not {count}"))
    }

    #[track_caller]
    fn other(&self, service: &str, what: What) -> &'a Step {
        let service = self.trace.known(service);
        let found = what.of(self.trace, service).next();
        found.unwrap_or_else(|| panic!("`{service}` never {what}\n{}", self.trace.timeline()))
    }

    #[track_caller]
    fn check(self, met: bool, expected: std::fmt::Arguments<'_>) -> Self {
        let Step { service, seq, .. } = self.first;
        assert!(met, "`{service}` {} at {seq}; it should {expected}\n{}", self.what, self.trace.around(*seq));
        self
    }
}

#[derive(Clone, Copy, Debug)]
struct What {
    state: State,
    transition: Transition,
}

impl What {
    /// The times when the service did it.
    fn of<'a>(self, trace: &'a Trace, service: &str) -> impl Iterator<Item = &'a Step> {
        let mine = move |step: &&Step| step.state == self.state && step.transition == self.transition;
        let name = service.to_owned();
        trace.steps.iter().filter(move |step| step.service == name).filter(mine)
    }
}

impl std::fmt::Display for What {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let verb = if self.transition == Transition::Entering { "enters" } else { "leaves" };
        write!(f, "{verb} {}", self.state)
    }
}
