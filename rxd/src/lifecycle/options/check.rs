//! Which values an option may have, and the message about any other: one set of `const fn`.
//!
//! The attributes and the builder only record values. Two callers check them:
//!
//! * The code that `#[rxd::service]` and `#[rxd::daemon]` generate calls the `check_*` functions
//!   for each value that is a constant, so that the compiler underlines that value.
//! * [`Daemon::check`](crate::Daemon::check) and `start` ask for the [`OptionFault`]s of everything
//!   that the builder was given.
//!
//! Both print the same sentence. For a literal the macros check the value themselves, with a copy
//! of the messages, which `ui-tests/tests/agree` compares with these.
//!
//! Rules about two services, or about a watch and its targets, are in [`graph`](crate::graph).

use super::daemon::{DaemonOptions, StageOptions};
use super::recurrence::{Every, Recurrence};
use super::restart_limit::{UnreachableLimit, unreachable_limit};
use super::{Backoff, OnFailure, Options};
use crate::lifecycle::manager::Table;
use crate::lifecycle::state::State;
use crate::text::Text;
use std::time::Duration;

/// The options of a service that have invalid values.
#[derive(Clone, Copy, Debug)]
pub enum OptionKey {
    /// `timeouts(Init = ..)`
    Timeout(State),
    /// `backoff(factor = ..)`
    Factor,
    /// `backoff(base = .., max = ..)`
    Max,
    /// `backoff(jitter = ..)`
    Jitter,
    /// `backoff(reset = ..)`
    Reset,
    /// `restarts(within = ..)`
    Within,
    /// `restarts(max = ..)`
    MaxRestarts,
    /// `heartbeat = ..`
    Heartbeat,
}

/// The options of a daemon that have invalid values.
#[derive(Clone, Copy, Debug)]
pub enum DaemonKey {
    /// `shutdown_timeout = ..`
    ShutdownTimeout,
    /// `start_timeout = ..`
    StartTimeout,
    /// `exit_code = ..`
    ExitCode,
    /// `blocking_threshold = ..`
    BlockingThreshold,
    /// `history = ..`
    History,
}

/// The options of a prestart stage that have invalid values.
#[derive(Clone, Copy, Debug)]
pub enum StageKey {
    /// `prestart(stage(attempts = ..))`
    Attempts,
    /// `prestart(stage(timeout = ..))`
    Timeout,
}

/// The values of `every` and its companions that can be invalid.
#[derive(Clone, Copy, Debug)]
pub enum RecurrenceKey {
    /// `every = ..`
    Every,
    /// `jitter = ..`
    Jitter,
    /// `within = ..`
    Within,
    /// That the manager has the service stay in Run.
    Manager,
}

/// Panics in the compiler if this option of a service has an invalid value.
#[track_caller]
pub const fn check_option(options: &Options, key: OptionKey) {
    fail(options.fault(key));
}

/// Panics in the compiler if this option of a daemon has an invalid value.
#[track_caller]
pub const fn check_daemon(options: &DaemonOptions, key: DaemonKey) {
    fail(options.fault(key));
}

/// Panics in the compiler if this option of one of these prestart stages has an invalid value.
#[track_caller]
pub const fn check_stage(stages: &[StageOptions], stage: usize, key: StageKey) {
    fail(stages[stage].fault(key));
}

#[track_caller]
pub(crate) const fn fail(fault: Option<OptionFault>) {
    if let Some(fault) = fault {
        let mut text = Text::new();
        fault.write(&mut text);
        panic!("{}", text.as_str())
    }
}

/// An option with an invalid value.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OptionFault {
    /// The key in whose list the option is, such as `backoff`; empty if it is not in a list.
    list: &'static str,
    option: &'static str,
    kind: OptionFaultKind,
}

#[derive(Clone, Copy, Debug)]
enum OptionFaultKind {
    Zero,
    OutOfRange {
        value: f64,
        least: f64,
        most: f64,
    },
    MaxBelowBase {
        base: Duration,
        max: Duration,
    },
    LimitUnreachable(UnreachableLimit),
    NeverActs,
    NoMethod,
    JitterTooLong {
        jitter: Duration,
        period: Duration,
    },
    EndsAfterRun,
    #[cfg(feature = "cron")]
    TwoRecurrences,
}

impl Options {
    /// The fault of this option, if its value is invalid.
    const fn fault(&self, key: OptionKey) -> Option<OptionFault> {
        let Backoff { base, factor, max, jitter, reset } = self.backoff;
        match key {
            OptionKey::Timeout(state) => match super::slot(state) {
                Some(slot) => zero("timeouts", state.name(), self.timeouts[slot]),
                None => None,
            },
            OptionKey::Factor => number("backoff", "factor", factor, 1.0, f64::INFINITY),
            OptionKey::Max if max.as_nanos() < base.as_nanos() => {
                Some(OptionFault { list: "backoff", option: "max", kind: OptionFaultKind::MaxBelowBase { base, max } })
            }
            OptionKey::Max => None,
            OptionKey::Jitter => number("backoff", "jitter", jitter, 0.0, 1.0),
            OptionKey::Reset => zero("backoff", "reset", reset),
            OptionKey::Within => match self.restarts {
                Some(restarts) => zero("restarts", "within", Some(restarts.within)),
                None => None,
            },
            OptionKey::MaxRestarts => {
                // If another value is wrong, that is the fault.
                let keys = [OptionKey::Factor, OptionKey::Max, OptionKey::Jitter, OptionKey::Reset, OptionKey::Within];
                let mut i = 0;
                while i < keys.len() {
                    if self.fault(keys[i]).is_some() {
                        return None;
                    }
                    i += 1;
                }
                match unreachable_limit(self) {
                    Some(limit) => {
                        let kind = OptionFaultKind::LimitUnreachable(limit);
                        Some(OptionFault { list: "restarts", option: "max", kind })
                    }
                    None => None,
                }
            }
            OptionKey::Heartbeat => zero("", "heartbeat", self.heartbeat),
        }
    }

    /// The fault of an `on_failure` that never acts, of a service under a manager with this table,
    /// which depends on others or not.
    ///
    /// A service fails for good at its restart limit, when its manager ends it after a failure, or
    /// with a service that it depends on. (A gate with a limit only fails, and is tried again.)
    pub(crate) const fn on_failure_fault(&self, table: &Table, has_dependencies: bool) -> Option<OptionFault> {
        if !matches!(self.on_failure, OnFailure::Shutdown) || self.may_fail_for_good(table) || has_dependencies {
            return None;
        }
        Some(OptionFault { list: "", option: "on_failure", kind: OptionFaultKind::NeverActs })
    }

    /// Whether a service under a manager with this table may fail for good by itself.
    pub(crate) const fn may_fail_for_good(&self, table: &Table) -> bool {
        self.restarts.is_some()
            || table.next(State::Init, false).is(State::Exit)
            || table.next(State::Idle, false).is(State::Exit)
            || table.next(State::Run, false).is(State::Exit)
            || table.goes(State::Stop, State::Exit)
    }

    /// All faults of these options alone; see also [`on_failure_fault`](Options::on_failure_fault).
    pub(crate) fn faults(&self) -> Vec<OptionFault> {
        const ALL: [OptionKey; 11] = [
            OptionKey::Timeout(State::Init),
            OptionKey::Timeout(State::Idle),
            OptionKey::Timeout(State::Run),
            OptionKey::Timeout(State::Stop),
            OptionKey::Factor,
            OptionKey::Max,
            OptionKey::Jitter,
            OptionKey::Reset,
            OptionKey::Within,
            OptionKey::MaxRestarts,
            OptionKey::Heartbeat,
        ];
        // Only the builder can get this wrong: the macros know which states have a method.
        let mut faults = Vec::new();
        if let Some((list, state)) = self.no_method {
            faults.push(OptionFault { list, option: state.name(), kind: OptionFaultKind::NoMethod });
        }
        ALL.iter().for_each(|key| faults.extend(self.fault(*key)));
        faults
    }
}

impl Recurrence {
    /// The fault of this value, for a service under a manager with this table.
    pub(crate) const fn fault(&self, key: RecurrenceKey, table: &Table) -> Option<OptionFault> {
        let (name, every, within) = match self {
            Recurrence::Every(every) => ("every", Some(every), every.within),
            #[cfg(feature = "cron")]
            Recurrence::Schedule(schedule) => ("schedule", None, schedule.within),
            #[cfg(feature = "cron")]
            Recurrence::Both if matches!(key, RecurrenceKey::Every) => {
                return Some(OptionFault { list: "", option: "schedule", kind: OptionFaultKind::TwoRecurrences });
            }
            #[cfg(feature = "cron")]
            Recurrence::Both => return None,
        };
        match (key, every) {
            (RecurrenceKey::Every, Some(every)) => zero("", "every", Some(every.period)),
            // Of a period that is zero, that is the fault.
            (RecurrenceKey::Jitter, Some(Every { jitter, period, .. }))
                if jitter.as_nanos() >= period.as_nanos() && !period.is_zero() =>
            {
                let kind = OptionFaultKind::JitterTooLong { jitter: *jitter, period: *period };
                Some(OptionFault { list: "", option: "jitter", kind })
            }
            (RecurrenceKey::Every | RecurrenceKey::Jitter, _) => None,
            (RecurrenceKey::Within, _) => zero("", "within", within),
            (RecurrenceKey::Manager, _) if table.next(State::Run, true).is(State::Exit) => {
                Some(OptionFault { list: "", option: name, kind: OptionFaultKind::EndsAfterRun })
            }
            (RecurrenceKey::Manager, _) => None,
        }
    }

    /// All faults, for a service under a manager with this table.
    pub(crate) fn faults(&self, table: &Table) -> impl Iterator<Item = OptionFault> {
        let all = [RecurrenceKey::Every, RecurrenceKey::Jitter, RecurrenceKey::Within, RecurrenceKey::Manager];
        all.into_iter().filter_map(|key| self.fault(key, table))
    }
}

impl DaemonOptions {
    /// The fault of this option, if its value is invalid.
    const fn fault(&self, key: DaemonKey) -> Option<OptionFault> {
        match key {
            DaemonKey::ShutdownTimeout => zero("", "shutdown_timeout", Some(self.shutdown_timeout)),
            DaemonKey::StartTimeout => zero("", "start_timeout", self.start_timeout),
            DaemonKey::ExitCode => number("", "exit_code", self.exit_code as f64, 1.0, u8::MAX as f64),
            DaemonKey::BlockingThreshold => zero("", "blocking_threshold", self.blocking_threshold),
            DaemonKey::History => number("", "history", self.history as f64, 1.0, u32::MAX as f64),
        }
    }

    /// All faults of these options.
    pub(crate) fn faults(&self) -> Vec<OptionFault> {
        let mut faults = Vec::new();
        for key in &[
            DaemonKey::ShutdownTimeout,
            DaemonKey::StartTimeout,
            DaemonKey::ExitCode,
            DaemonKey::BlockingThreshold,
            DaemonKey::History,
        ] {
            faults.extend(self.fault(*key));
        }
        faults
    }
}

impl StageOptions {
    /// The fault of this option, if its value is invalid.
    const fn fault(&self, key: StageKey) -> Option<OptionFault> {
        match (key, self.attempts) {
            (StageKey::Attempts, Some(most)) => number("", "attempts", most as f64, 1.0, u32::MAX as f64),
            (StageKey::Attempts, None) => None,
            (StageKey::Timeout, _) => zero("", "timeout", self.timeout),
        }
    }

    /// All faults of these options.
    pub(crate) fn faults(&self) -> Vec<OptionFault> {
        let mut faults = Vec::new();
        for key in &[StageKey::Attempts, StageKey::Timeout] {
            faults.extend(self.fault(*key));
        }
        faults
    }
}

/// The fault of the `within` of a watch, if it is zero.
pub(crate) const fn within(limit: Option<Duration>) -> Option<OptionFault> {
    zero("", "within", limit)
}

/// The fault of the `lasts` or the `grace` of a watch, if it is zero.
pub(crate) const fn lasts(time: Option<Duration>, is_grace: bool) -> Option<OptionFault> {
    zero("", if is_grace { "grace" } else { "lasts" }, time)
}

const fn zero(list: &'static str, option: &'static str, time: Option<Duration>) -> Option<OptionFault> {
    match time {
        Some(time) if time.is_zero() => Some(OptionFault { list, option, kind: OptionFaultKind::Zero }),
        _ => None,
    }
}

const fn number(list: &'static str, option: &'static str, value: f64, least: f64, most: f64) -> Option<OptionFault> {
    // Infinity is in no range, and NaN is neither more nor less than a limit.
    if value.is_finite() && value >= least && value <= most {
        return None;
    }
    Some(OptionFault { list, option, kind: OptionFaultKind::OutOfRange { value, least, most } })
}

impl OptionFault {
    /// Writes the sentence about the value, and a line `help: ..`. The macros have the same texts.
    const fn write(&self, text: &mut Text) {
        text.quote(self.option);
        match self.kind {
            OptionFaultKind::Zero => {
                text.push(" cannot be zero\nhelp: write how long: `\"5s\"` or `Duration::from_secs(5)`");
            }
            OptionFaultKind::OutOfRange { value, least, most } => {
                text.push(" cannot be ");
                text.float(value);
                if most.is_infinite() {
                    text.push("\nhelp: write a finite number, ");
                    text.float(least);
                    text.push(" or more");
                } else {
                    text.push("\nhelp: write a number from ");
                    text.float(least);
                    text.push(" to ");
                    text.float(most);
                }
            }
            OptionFaultKind::MaxBelowBase { base, max } => {
                text.push(" cannot be shorter than `base`: it is ");
                text.duration(max);
                text.push(", and `base` is ");
                text.duration(base);
                text.push("\nhelp: the first delay is `base`, the longest `max`: make `max` longer, or `base` shorter");
            }
            OptionFaultKind::LimitUnreachable(UnreachableLimit { max, within, least, largest, is_delayed }) => {
                text.push(" cannot be reached: from the first to the last of ");
                text.number(max as usize);
                text.push(" restarts there are delays of at least ");
                text.duration(least);
                text.push(", and `within` is ");
                text.duration(within);
                text.push("\nhelp: write `max = ");
                text.number(largest as usize);
                text.push("` or less, a longer `within`, or a shorter ");
                text.push(if is_delayed { "delay before Init" } else { "`backoff`" });
            }
            OptionFaultKind::NeverActs => {
                text.push(
                    " never acts: this service has no restart limit, and its manager restarts it after each failure",
                );
                text.push("\nhelp: limit the restarts, such as `restarts(max = 0, within = \"1s\")`, or remove ");
                text.quote(self.option);
            }
            OptionFaultKind::JitterTooLong { jitter, period } => {
                text.push(" must be shorter than `every`: it is ");
                text.duration(jitter);
                text.push(", and `every` is ");
                text.duration(period);
                text.push("\nhelp: each run is later by less than `jitter`: make it shorter, or `every` longer");
            }
            OptionFaultKind::EndsAfterRun => {
                text.push(" does not fit the manager, which ends the service after the first run that succeeds");
                text.push("\nhelp: write `manager = \"continuous\"`, or remove ");
                text.quote(self.option);
            }
            #[cfg(feature = "cron")]
            OptionFaultKind::TwoRecurrences => {
                text.push(" and `every` both say when the service runs\nhelp: remove one of them");
            }
            OptionFaultKind::NoMethod => {
                text.push(" has no method, so ");
                text.quote(self.list);
                text.push(" cannot name it\nhelp: write `Init`, `Idle`, `Run` or `Stop`");
            }
        }
    }

    /// The whole message, for an error of the builder. `of` names the service or daemon of the
    /// option.
    pub(crate) fn message(&self, of: &str) -> String {
        let mut text = Text::new();
        if !self.list.is_empty() {
            text.push(", ");
            text.quote(self.list);
        }
        text.push(": ");
        self.write(&mut text);
        format!("{of}{}", text.as_str())
    }
}
