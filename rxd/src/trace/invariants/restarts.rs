//! G21 to G25: how often a service is restarted, and how long it waits before each restart.

use super::index::{IndexedTrace, Violations};
use crate::lifecycle::options::{Backoff, Restarts};
use crate::lifecycle::state::{Cause, State};
use crate::trace::rules::ServiceRules;
use crate::trace::{Trace, TraceStep};
use std::time::Duration;

/// The shortest Run that counts as sustained by default.
const SUSTAINED: Duration = Duration::from_secs(60);
/// Timers are exact to the millisecond, and rounded up.
const TOLERANCE: Duration = Duration::from_millis(2);

pub(super) fn check(indexed: &IndexedTrace<'_>, violations: &mut Violations) {
    for (service, steps) in indexed.rules.services.iter().zip(&indexed.steps_of) {
        let mut checker = RestartChecker { exact: indexed.rules.exact, ..RestartChecker::new(service) };
        for step in steps {
            checker.step(step, indexed.trace, violations);
        }
    }
}

/// The restarts of one service, as its own transitions alone show them.
struct RestartChecker<'a> {
    service: &'a ServiceRules,
    exact: bool,
    /// How many failures in a row without a sustained Run. Unknown if a Run may or may not have
    /// been sustained, within the tolerance.
    failures: Option<u32>,
    /// The last Run was sustained, and the service has not been restarted since.
    fresh: bool,
    last_wait: Duration,
    stopping: Option<Duration>,
    stopped: Option<Duration>,
    running: Option<Duration>,
    /// An operator or a reaction ended this incarnation.
    interrupted: bool,
    /// A reaction ended its Run so soon that it has to pause before its next Init, if the reaction
    /// was a `then(stop)`. Unknown within the tolerance.
    evicted: Option<bool>,
    /// Its last Run was not longer than the pause.
    short_run: bool,
    /// The times of the restarts that neither an operator nor a reaction caused.
    restarts: Vec<Duration>,
    /// How many waits operators may still have cut short.
    operator_requests: u32,
    /// How many waits a reload may still have ended.
    reloads: u32,
}

impl<'a> RestartChecker<'a> {
    fn new(service: &'a ServiceRules) -> Self {
        RestartChecker {
            service,
            exact: false,
            failures: Some(0),
            fresh: false,
            last_wait: Duration::ZERO,
            stopping: None,
            stopped: None,
            running: None,
            interrupted: false,
            evicted: Some(false),
            short_run: false,
            restarts: Vec::new(),
            operator_requests: service.operator_requests,
            reloads: service.reloads,
        }
    }

    fn step(&mut self, step: &TraceStep, trace: &Trace, violations: &mut Violations) {
        self.interrupted |= matches!(step.cause, Cause::Reaction | Cause::Operator);
        if step.enters(State::Run) {
            self.running = Some(step.at);
        } else if step.leaves(State::Run) {
            let since = self.running.take().unwrap_or(step.at);
            self.record_run(step.at - since);
            let (lasted, pause) = (step.at - since, pause(&self.service.options.backoff));
            self.short_run = lasted <= pause + TOLERANCE;
            if step.cause == Cause::Reaction && self.service.has_stop {
                let is_sure = lasted + TOLERANCE < pause || lasted > pause + TOLERANCE;
                self.evicted = is_sure.then_some(lasted < pause);
            }
        } else if step.enters(State::Stop) {
            self.stopping = Some(step.at);
            // Run ended by itself in the instant of the reaction: it may pause.
            if step.cause == Cause::Reaction && self.short_run && self.evicted == Some(false) {
                self.evicted = None;
            }
        } else if step.leaves(State::Stop) {
            self.stopped = Some(step.at);
        } else if step.enters(State::Init) {
            if let Some(stopped) = self.stopped.take() {
                self.check_restart(step, step.at - stopped, trace, violations);
            }
            self.interrupted = false;
            self.evicted = Some(false);
            self.short_run = false;
        } else if step.enters(State::Exit) {
            if step.cause.is_failure() {
                self.check_end(step, trace, violations);
            }
            *self = RestartChecker {
                exact: self.exact,
                operator_requests: self.operator_requests,
                reloads: self.reloads,
                ..RestartChecker::new(self.service)
            };
        }
    }

    fn record_run(&mut self, lasted: Duration) {
        let backoff = &self.service.options.backoff;
        let (sure, maybe) = match backoff.reset {
            Some(reset) => (reset, reset),
            None => {
                (SUSTAINED.max(self.last_wait + TOLERANCE), SUSTAINED.max(self.last_wait.saturating_sub(TOLERANCE)))
            }
        };
        if lasted >= sure {
            self.failures = Some(0);
            self.fresh = true;
        } else if lasted + TOLERANCE >= maybe {
            self.failures = None;
        }
    }

    fn check_restart(&mut self, step: &TraceStep, wait: Duration, trace: &Trace, violations: &mut Violations) {
        let init_delay = self.service.options.delays[0];
        // A reload during the wait takes its own time.
        let bounded = self.exact && !self.service.gates_init() && self.service.reloads == 0;
        if self.interrupted {
            self.check_interrupted(step, wait, bounded, violations);
            return;
        }
        self.restarts.push(step.at);
        self.check_window(step, violations);
        let Some(failures) = &mut self.failures else { return };
        *failures += 1;
        let n = *failures;
        let fresh = std::mem::take(&mut self.fresh);
        self.last_wait = wait;
        if self.service.has_gated_init_limit {
            return;
        }
        let (least, mut most) = bounds(&self.service.options.backoff, n);
        if self.operator_requests > 0 {
            // If an operator ends a back-off, the delay before Init follows.
            most = most.max(init_delay) + init_delay;
        }
        if wait + Duration::from_micros(10) < least.max(init_delay) {
            if self.reloads > 0 {
                // A reload has ended the back-off. The failure before it counts.
                self.reloads -= 1;
            } else if self.operator_requests > 0 {
                // An operator has cut the wait short. The trace does not show whether that was
                // before or during the back-off, so it is unknown whether the failure before it was
                // counted.
                self.operator_requests -= 1;
                self.failures = None;
            } else {
                let text =
                    format!("`{}` waits {wait:?} before restart {n} in a row, less than {least:?}", step.service);
                violations.add("G22", step.seq, text);
            }
        } else if bounded && wait > most.max(init_delay) + TOLERANCE {
            let others = others_before(trace, step, &self.service.name);
            let explained = (n + 1..=n.saturating_add(others)).any(|n| {
                let (least, mut most) = bounds(&self.service.options.backoff, n);
                if self.operator_requests > 0 {
                    // If an operator ends a back-off, the delay before Init follows.
                    most += init_delay;
                }
                wait + TOLERANCE >= least && wait <= most + TOLERANCE
            });
            let guarantee = match (fresh, explained) {
                (true, _) => "G23",
                (false, true) => "G24",
                (false, false) => "G22",
            };
            let text = format!("`{}` waits {wait:?} before restart {n} in a row, more than {most:?}", step.service);
            violations.add(guarantee, step.seq, text);
        }
    }

    /// The next Init of an incarnation that an operator or a reaction ended.
    fn check_interrupted(&mut self, step: &TraceStep, wait: Duration, bounded: bool, violations: &mut Violations) {
        let (init_delay, pause) = (self.service.options.delays[0], pause(&self.service.options.backoff));
        // An operator may have cut the pause short; the delay before Init follows.
        let operated = if self.service.operator_requests > 0 { init_delay } else { Duration::ZERO };
        let most = if self.evicted == Some(false) { init_delay } else { init_delay.max(pause) + operated };
        if bounded && wait > most + TOLERANCE {
            let text = format!("`{}` waits {wait:?} before Init, but had no failure", step.service);
            violations.add("G25", step.seq, text);
        }
        // What it needs may have left Run, too: then there is no pause.
        let must_pause = self.evicted == Some(true) && !self.service.has_needs;
        if must_pause && wait + Duration::from_micros(10) < pause {
            if self.operator_requests > 0 {
                self.operator_requests -= 1;
            } else {
                let text =
                    format!("`{}` waits {wait:?} after a reaction ended a short Run, not {pause:?}", step.service);
                violations.add("G25", step.seq, text);
            }
        }
    }

    fn check_window(&self, step: &TraceStep, violations: &mut Violations) {
        let Some(Restarts { max, within }) = self.service.options.restarts else { return };
        let recent = self.restarts.iter().filter(|&&at| at.saturating_add(within) > step.at).count();
        if recent > (max + self.service.operator_requests) as usize {
            let text =
                format!("`{}` is restarted {recent} times within {within:?}, but its limit is {max}", step.service);
            violations.add("G21", step.seq, text);
        }
    }

    fn check_end(&self, step: &TraceStep, trace: &Trace, violations: &mut Violations) {
        if self.service.may_end_after_failure || self.service.has_gated_init_limit {
            return;
        }
        let Some(Restarts { max, within }) = self.service.options.restarts else {
            violations.add(
                "G21",
                step.seq,
                format!("`{}` ends after a failure, but has no restart limit", step.service),
            );
            return;
        };
        // The engine decides between entering Stop and publishing that it has left it. In real time
        // the thread may be descheduled in between.
        let decided = if self.exact { self.stopped } else { self.stopping };
        let decided = decided.unwrap_or(step.at);
        let recent = self.restarts.iter().filter(|&&at| at.saturating_add(within) > decided).count() as u32;
        if recent < max {
            let others = others_before(trace, step, &self.service.name);
            let guarantee = if recent + others >= max { "G24" } else { "G21" };
            let text =
                format!("`{}` ends after {recent} restarts within {within:?}, but its limit is {max}", step.service);
            violations.add(guarantee, step.seq, text);
        }
    }
}

/// How many times other services were restarted before this step.
fn others_before(trace: &Trace, step: &TraceStep, me: &str) -> u32 {
    let before = trace.steps.iter().take_while(|other| other.seq < step.seq);
    before.filter(|other| other.service != me && other.enters(State::Init) && other.incarnation > 1).count() as u32
}

/// The bounds of the n-th delay.
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

/// The pause of a service that a `then(stop)` took out of Run soon after it had entered.
fn pause(backoff: &Backoff) -> Duration {
    backoff.base.max(Duration::from_millis(10))
}
