//! The ordered log of transitions, as data.

use super::invariants::check_invariants;
use super::rules::DeclaredRules;
use super::timeline;
use crate::board::{Event, Id};
use crate::core::Core;
use crate::handle::DaemonHandle;
use crate::lifecycle::state::{Cause, State, Transition};
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
pub struct Step {
    /// Its number.
    pub seq: u64,
    /// When it was, counted from the daemon's start.
    pub at: Duration,
    /// The service's name.
    pub service: String,
    /// How many times the service had entered Init.
    pub incarnation: u32,
    /// The state.
    pub state: State,
    /// Whether it was entered or left.
    pub transition: Transition,
    /// Why.
    pub cause: Cause,
}

impl Step {
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
impl fmt::Display for Step {
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
    /// The services' names, in the order they were declared.
    pub services: Vec<String>,
    /// The transitions, oldest first.
    pub steps: Vec<Step>,
    /// Whether the daemon has ended: every service is to be in Exit then.
    pub ended: bool,
}

impl Trace {
    /// The log of this daemon up to now.
    #[must_use]
    pub fn of(handle: &DaemonHandle) -> Self {
        let ended = handle.has_ended();
        let core = handle.core();
        Trace::from_events(core, &core.board.history(), ended)
    }

    pub(super) fn from_events(core: &Core, events: &[Event], ended: bool) -> Self {
        let services = (0..core.board.len() as Id).map(|id| core.name(id).to_string()).collect();
        let steps = events.iter().map(|event| Step {
            seq: event.seq,
            at: Duration::from_nanos(event.at),
            service: core.name(event.id).to_string(),
            incarnation: event.incarnation,
            state: event.state,
            transition: event.transition,
            cause: event.cause,
        });
        Trace { services, steps: steps.collect(), ended }
    }

    /// The log written as text, one [`Step`] a line, of a daemon that has ended. Times are
    /// `0`, `15ms` or `3s`, and stay what they were where they are left out.
    ///
    /// # Panics
    ///
    /// If a line is none.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let mut steps: Vec<Step> = Vec::new();
        let mut at = Duration::ZERO;
        for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
            let mut words = line.split_whitespace().peekable();
            if let Some(time) = words.peek().and_then(|word| parse_time(word)) {
                at = time;
                words.next();
            }
            let mut word = |what| words.next().unwrap_or_else(|| panic!("`{line}` lacks its {what}"));
            let service = word("service").to_owned();
            let place = word("state");
            let (name, sign) = place.split_at(place.len() - 1);
            let transition = if sign == "+" { Transition::Entering } else { Transition::Exited };
            let state = State::ALL.into_iter().find(|state| state.as_str() == name);
            let state = state.unwrap_or_else(|| panic!("`{line}` has no state"));
            let cause = words.next().map_or(Cause::Normal, parse_cause);
            let before = steps.iter().filter(|step| step.service == service && step.enters(State::Init)).count() as u32;
            let incarnation = before + u32::from(state == State::Init && transition == Transition::Entering);
            let seq = steps.len() as u64 + 1;
            steps.push(Step { seq, at, service, incarnation, state, transition, cause });
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

    /// When the service entered the state, each time.
    #[must_use]
    pub fn entered(&self, service: &str, state: State) -> Vec<Duration> {
        self.steps.iter().filter(|step| step.service == service && step.enters(state)).map(|step| step.at).collect()
    }

    /// The last transition of a service.
    #[must_use]
    pub fn last_of(&self, service: &str) -> Option<&Step> {
        self.steps.iter().rev().find(|step| step.service == service)
    }

    /// Asks the judge.
    ///
    /// # Panics
    ///
    /// If a guarantee was broken: with each violation and the log around it.
    #[track_caller]
    pub fn assert(&self, rules: &DeclaredRules) {
        if let Some(verdict) = self.verdict(rules) {
            panic!("{verdict}");
        }
    }

    /// What the judge says, if anything.
    pub(super) fn verdict(&self, rules: &DeclaredRules) -> Option<String> {
        let violations = check_invariants(self, rules);
        if violations.is_empty() {
            return None;
        }
        let mut text = String::new();
        for violation in violations.iter().take(10) {
            text += &format!("{violation}\n{}\n", self.around(violation.seq));
        }
        Some(format!("{} violations\n{text}", violations.len()))
    }

    /// The log around one transition, which is marked; see [`timeline`](Trace::timeline).
    #[must_use]
    pub fn around(&self, seq: u64) -> String {
        let place = self.steps.iter().position(|step| step.seq >= seq).unwrap_or(self.steps.len());
        let from = place.saturating_sub(25);
        timeline::draw(self, from..self.steps.len().min(from + 35), Some(seq))
    }

    /// The whole log as a table: a line a transition, and for each service that made one a column
    /// with what it did there, or where it was meanwhile.
    #[must_use]
    pub fn timeline(&self) -> String {
        timeline::draw(self, 0..self.steps.len(), None)
    }
}

/// The log as a list, a line a transition: what [`Trace::parse`] reads.
impl fmt::Display for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.steps.iter().try_for_each(|step| writeln!(f, "{step}"))
    }
}

fn parse_time(word: &str) -> Option<Duration> {
    let digits = word.find(|c: char| !c.is_ascii_digit()).unwrap_or(word.len());
    let number: u64 = word[..digits].parse().ok()?;
    match &word[digits..] {
        "" | "s" => Some(Duration::from_secs(number)),
        "ms" => Some(Duration::from_millis(number)),
        _ => None,
    }
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
    ALL.into_iter().find(|cause| cause.as_str() == word).unwrap_or_else(|| panic!("`{word}` is no cause"))
}
