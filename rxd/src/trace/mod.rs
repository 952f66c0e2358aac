//! The ordered log of a daemon's transitions as data, and the check of rxd's guarantees against it.
//!
//! The test kit reads traces and checks them. `Daemon::start` adds an [`observer`], which checks
//! each run of a test process. This room reads the board and what was declared; it takes nothing
//! from the engine.

pub(crate) mod added;
pub(crate) mod invariants;
pub(crate) mod observer;
pub(crate) mod rules;
mod timeline;

use crate::board::Event;
use crate::core::Core;
use crate::handle::DaemonHandle;
use crate::lifecycle::duration;
use crate::lifecycle::state::{Cause, State, Transition};
use added::AddedRules;
use std::fmt;
use std::time::Duration;

/// One transition.
///
/// ```
/// # use rxd::testing::Trace;
/// fn longest_stop(trace: &Trace) -> std::time::Duration {
///     let stops = trace.steps.windows(2).filter(|two| two[0].enters(rxd::State::Stop));
///     stops.map(|two| two[1].at - two[0].at).max().unwrap_or_default()
/// }
/// # let _ = longest_stop;
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TraceStep {
    /// The sequence number. The first transition has 1.
    pub seq: u64,
    /// The time since the daemon's start.
    pub at: Duration,
    /// The service's name.
    pub service: String,
    /// The incarnation: how many times the service had entered Init.
    pub incarnation: u32,
    /// The state.
    pub state: State,
    /// Whether the state was entered or left.
    pub transition: Transition,
    /// Why the transition was made.
    pub cause: Cause,
}

impl TraceStep {
    /// Whether the service entered this state.
    #[must_use]
    pub fn enters(&self, state: State) -> bool {
        self.state == state && self.transition == Transition::Entering
    }

    /// Whether the service left this state.
    #[must_use]
    pub fn leaves(&self, state: State) -> bool {
        self.state == state && self.transition == Transition::Exited
    }
}

/// `1.5s db run- error`; the cause only where it is not `normal`.
impl fmt::Display for TraceStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.transition == Transition::Entering { '+' } else { '-' };
        write!(f, "{:?} {} {}{sign}", self.at, self.service, self.state)?;
        if self.cause != Cause::Normal {
            write!(f, " {}", self.cause)?;
        }
        Ok(())
    }
}

/// The ordered log of transitions of one daemon.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trace {
    /// The services' names, in the order in which they were declared, and then those that were
    /// added. Of several that had one name, the second is `worker#2`.
    pub services: Vec<String>,
    /// The transitions, oldest first.
    pub steps: Vec<TraceStep>,
    /// Whether the daemon has ended. Every service must be in Exit then.
    pub ended: bool,
}

impl Trace {
    /// The trace of this daemon up to now.
    #[must_use]
    pub fn of(handle: &DaemonHandle) -> Self {
        let ended = handle.has_ended();
        let core = handle.core();
        Trace::from_events(core, &core.board.history(), ended)
    }

    pub(crate) fn from_events(core: &Core, events: &[Event], ended: bool) -> Self {
        let names = AddedRules::names(core);
        let services = names.all();
        let steps = events.iter().map(|event| TraceStep {
            seq: event.seq,
            at: Duration::from_nanos(event.at),
            service: names.of(event.id),
            incarnation: event.incarnation,
            state: event.state,
            transition: event.transition,
            cause: event.cause,
        });
        Trace { services, steps: steps.collect(), ended }
    }

    /// Reads a trace from text, one [`TraceStep`] a line, as of a daemon that has ended.
    ///
    /// A line is `[time] service state+|- [cause]`. A time is `0`, `15ms` or `3s`. A line without
    /// one has the time of the line before. Lines are numbered from 1.
    ///
    /// # Panics
    ///
    /// If a line has another form.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let mut steps: Vec<TraceStep> = Vec::new();
        let mut at = Duration::ZERO;
        for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
            let mut words = line.split_whitespace().peekable();
            if let Some(time) = words.peek().and_then(|word| parse_time(word)) {
                at = time;
                words.next();
            }
            let mut word = |what| {
                words
                    .next()
                    .unwrap_or_else(|| panic!("line `{line}` has no {what}; write `[time] service state+|- [cause]`"))
            };
            let service = word("service").to_owned();
            let state = word("state");
            let (name, sign) = state.split_at(state.len() - 1);
            let transition = if sign == "+" { Transition::Entering } else { Transition::Exited };
            let state = State::ALL.into_iter().find(|state| state.as_str() == name);
            let state = state.unwrap_or_else(|| panic!("line `{line}`: `{name}` is not a state"));
            let cause = words.next().map_or(Cause::Normal, parse_cause);
            let before = steps.iter().filter(|step| step.service == service && step.enters(State::Init)).count() as u32;
            let incarnation = before + u32::from(state == State::Init && transition == Transition::Entering);
            let seq = steps.len() as u64 + 1;
            steps.push(TraceStep { seq, at, service, incarnation, state, transition, cause });
        }
        let mut services: Vec<String> = Vec::new();
        for step in &steps {
            if !services.contains(&step.service) {
                services.push(step.service.clone());
            }
        }
        Trace { services, steps, ended: true }
    }

    /// The transitions of one service, as `init+ init- ..`.
    #[must_use]
    pub fn states_of(&self, service: &str) -> String {
        let words: Vec<String> = self
            .steps
            .iter()
            .filter(|step| step.service == service)
            .map(|step| format!("{}{}", step.state, if step.transition == Transition::Entering { '+' } else { '-' }))
            .collect();
        words.join(" ")
    }

    /// Each time at which the service entered the state.
    #[must_use]
    pub fn entered(&self, service: &str, state: State) -> Vec<Duration> {
        self.steps.iter().filter(|step| step.service == service && step.enters(state)).map(|step| step.at).collect()
    }

    /// The last transition of a service.
    #[must_use]
    pub fn last_of(&self, service: &str) -> Option<&TraceStep> {
        self.steps.iter().rev().find(|step| step.service == service)
    }
}

/// The trace as text, one transition a line, as [`Trace::parse`] reads it.
impl fmt::Display for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.steps.iter().try_for_each(|step| writeln!(f, "{step}"))
    }
}

/// A time, with its unit, or a whole number of seconds.
fn parse_time(word: &str) -> Option<Duration> {
    duration::parse(word).or_else(|| word.parse().ok().map(Duration::from_secs))
}

fn parse_cause(word: &str) -> Cause {
    const ALL: [Cause; 9] = [
        Cause::Normal,
        Cause::Error,
        Cause::Panic,
        Cause::Timeout,
        Cause::Reaction,
        Cause::Dependency,
        Cause::Operator,
        Cause::Shutdown,
        Cause::Abandoned,
    ];
    ALL.into_iter().find(|cause| cause.as_str() == word).unwrap_or_else(|| panic!("`{word}` is not a cause"))
}
