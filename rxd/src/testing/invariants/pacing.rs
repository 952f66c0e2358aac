//! G21 to G25: how often a service comes round, and how long it waits.

use super::{Found, Seen};
use crate::lifecycle::options::{Backoff, Restarts};
use crate::lifecycle::state::{Cause, State};
use crate::testing::rules::Declared;
use crate::testing::trace::{Step, Trace};
use std::time::Duration;

/// The shortest Run that is sustained where nothing else is declared.
const SUSTAINED: Duration = Duration::from_secs(60);
/// Timers are exact to the millisecond, and rounded up.
const GRAIN: Duration = Duration::from_millis(2);

pub(super) fn check_invariants(seen: &Seen<'_>, found: &mut Found) {
    for (service, own) in seen.rules.services.iter().zip(&seen.own) {
        let mut pace = Pace { exact: seen.rules.exact, ..Pace::new(service) };
        for step in own {
            pace.step(step, seen.trace, found);
        }
    }
}

/// What the pacing of one service is, told from its own transitions alone.
struct Pace<'a> {
    service: &'a Declared,
    exact: bool,
    /// How many restarts in a row without a sustained Run; unknown after one that may have been.
    failures: Option<u32>,
    /// Whether the last Run was sustained, and nothing has failed since.
    fresh: bool,
    last_wait: Duration,
    stopping: Option<Duration>,
    stopped: Option<Duration>,
    running: Option<Duration>,
    /// An operator or a reaction ended this round.
    told: bool,
    /// When it came round by itself.
    restarts: Vec<Duration>,
    /// How many times an operator may still have cut a wait short.
    operator: u32,
}

impl<'a> Pace<'a> {
    fn new(service: &'a Declared) -> Self {
        Pace {
            service,
            exact: false,
            failures: Some(0),
            fresh: false,
            last_wait: Duration::ZERO,
            stopping: None,
            stopped: None,
            running: None,
            told: false,
            restarts: Vec::new(),
            operator: service.operator,
        }
    }

    fn step(&mut self, step: &Step, trace: &Trace, found: &mut Found) {
        self.told |= matches!(step.cause, Cause::Reaction | Cause::Operator);
        if step.enters(State::Run) {
            self.running = Some(step.at);
        } else if step.leaves(State::Run) {
            let since = self.running.take().unwrap_or(step.at);
            self.ran(step.at - since);
        } else if step.enters(State::Stop) {
            self.stopping = Some(step.at);
        } else if step.leaves(State::Stop) {
            self.stopped = Some(step.at);
        } else if step.enters(State::Init) {
            if let Some(stopped) = self.stopped.take() {
                self.came_round(step, step.at - stopped, trace, found);
            }
            self.told = false;
        } else if step.enters(State::Exit) {
            if step.cause.is_failure() {
                self.gave_up(step, trace, found);
            }
            *self = Pace { exact: self.exact, operator: self.operator, ..Pace::new(self.service) };
        }
    }

    fn ran(&mut self, lasted: Duration) {
        let backoff = &self.service.options.backoff;
        let (sure, maybe) = match backoff.reset {
            Some(reset) => (reset, reset),
            None => (SUSTAINED.max(self.last_wait + GRAIN), SUSTAINED.max(self.last_wait.saturating_sub(GRAIN))),
        };
        if lasted >= sure {
            self.failures = Some(0);
            self.fresh = true;
        } else if lasted + GRAIN >= maybe {
            self.failures = None;
        }
    }

    fn came_round(&mut self, step: &Step, wait: Duration, trace: &Trace, found: &mut Found) {
        let own_delay = self.service.options.delays[0];
        let bounded = self.exact && !self.service.gates_init();
        if self.told {
            if bounded && wait > own_delay + GRAIN {
                let text = format!("`{}` waits {wait:?} after something that is no failure", step.service);
                found.add("G25", step.seq, text);
            }
            return;
        }
        self.restarts.push(step.at);
        self.judge_window(step, found);
        let Some(failures) = &mut self.failures else { return };
        *failures += 1;
        let n = *failures;
        let fresh = std::mem::take(&mut self.fresh);
        self.last_wait = wait;
        if self.service.gated_init_limit {
            return;
        }
        let (least, mut most) = bounds(&self.service.options.backoff, n);
        if self.operator > 0 {
            // Where an operator ends a wait, what is left is the delay before Init.
            most = most.max(own_delay) + own_delay;
        }
        if wait + Duration::from_micros(10) < least.max(own_delay) {
            if self.operator > 0 {
                // An operator has cut it short: whether before or while it waited is not to be seen,
                // and so neither is whether the failure before it has been counted.
                self.operator -= 1;
                self.failures = None;
            } else {
                let text =
                    format!("`{}` waits {wait:?} before restart {n} in a row, less than {least:?}", step.service);
                found.add("G22", step.seq, text);
            }
        } else if bounded && wait > most.max(own_delay) + GRAIN {
            let others = others_before(trace, step, &self.service.name);
            let explained = (n + 1..=n.saturating_add(others)).any(|n| {
                let (least, mut most) = bounds(&self.service.options.backoff, n);
                if self.operator > 0 {
                    // Where an operator ends a wait, what is left is the delay before Init.
                    most += own_delay;
                }
                wait + GRAIN >= least && wait <= most + GRAIN
            });
            let guarantee = match (fresh, explained) {
                (true, _) => "G23",
                (false, true) => "G24",
                (false, false) => "G22",
            };
            let text = format!("`{}` waits {wait:?} before restart {n} in a row, more than {most:?}", step.service);
            found.add(guarantee, step.seq, text);
        }
    }

    fn judge_window(&self, step: &Step, found: &mut Found) {
        let Some(Restarts { max, within }) = self.service.options.restarts else { return };
        let recent = self.restarts.iter().filter(|&&at| at.saturating_add(within) > step.at).count();
        if recent > (max + self.service.operator) as usize {
            let text = format!("`{}` makes {recent} restarts within {within:?}; {max} are allowed", step.service);
            found.add("G21", step.seq, text);
        }
    }

    fn gave_up(&self, step: &Step, trace: &Trace, found: &mut Found) {
        if self.service.may_give_up || self.service.gated_init_limit {
            return;
        }
        let Some(Restarts { max, within }) = self.service.options.restarts else {
            found.add("G21", step.seq, format!("`{}` gives up, and has no limit", step.service));
            return;
        };
        // It was asked between the two; in real time a thread may be kept from publishing that it has left Stop.
        let asked = if self.exact { self.stopped } else { self.stopping };
        let asked = asked.unwrap_or(step.at);
        let recent = self.restarts.iter().filter(|&&at| at.saturating_add(within) > asked).count() as u32;
        if recent < max {
            let others = others_before(trace, step, &self.service.name);
            let guarantee = if recent + others >= max { "G24" } else { "G21" };
            let text =
                format!("`{}` gives up after {recent} restarts within {within:?}; {max} are allowed", step.service);
            found.add(guarantee, step.seq, text);
        }
    }
}

/// How many times other services came round before this step.
fn others_before(trace: &Trace, step: &Step, me: &str) -> u32 {
    let before = trace.steps.iter().take_while(|other| other.seq < step.seq);
    before.filter(|other| other.service != me && other.enters(State::Init) && other.incarnation > 1).count() as u32
}

/// What the n-th delay lies between.
fn bounds(backoff: &Backoff, n: u32) -> (Duration, Duration) {
    let (mut delay, max) = (backoff.base.as_secs_f64(), backoff.max.as_secs_f64());
    for _ in 1..n {
        if delay >= max || backoff.factor <= 1.0 {
            break;
        }
        delay *= backoff.factor;
    }
    let delay = if backoff.base.is_zero() { 0.0 } else { delay.min(max) };
    let jitter = backoff.jitter;
    let bound = |share: f64| Duration::try_from_secs_f64(delay * share).unwrap_or(Duration::MAX / 2);
    (bound(1.0 - jitter), bound(1.0 + jitter))
}
