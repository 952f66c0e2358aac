//! The options of a service (delays, limits, back-off, restart limit), and of a daemon, with the
//! rules about their values.

pub(crate) mod check;
pub(crate) mod daemon;
pub(crate) mod recurrence;
pub(crate) mod restart_limit;
pub(crate) mod service;

use crate::lifecycle::state::State;
use std::time::Duration;

/// How long a method may take to return once it is cancelled, and how long Stop may take, where no
/// limit is declared.
pub(crate) const STOP_LIMIT: Duration = Duration::from_secs(10);

/// The delays and limits of a service, and what happens when it fails.
///
/// To set them in an attribute, use keys with the names of these setters:
/// `#[rxd::service(restarts(max = 5, within = "1m"))]`. Every setter is a `const fn`, so options
/// can be a constant.
///
/// A setter only records its value. An invalid one, such as a heartbeat of zero, is an error of
/// [`Daemon::check`](crate::Daemon::check) and of `start`, with the same text as the compiler's
/// error for an attribute.
///
/// ```
/// use rxd::{OnFailure, Options, State};
/// use std::time::Duration;
///
/// const PATIENT: Options = Options::DEFAULT
///     .startup_delay(Duration::from_secs(5))
///     .timeout_of(State::Init, Duration::from_secs(30))
///     .restarts(5, Duration::from_secs(60)) // the sixth within a minute exceeds the limit,
///     .on_failure(OnFailure::Shutdown); // and the daemon stops
/// # let _ = PATIENT;
/// ```
///
/// All times are measured by tokio's monotonic clock: setting the wall clock changes nothing, and
/// on Linux the time for which the machine is suspended does not count.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Options {
    pub(crate) startup_delay: Duration,
    pub(crate) delays: [Duration; 4],
    pub(crate) timeouts: [Option<Duration>; 4],
    pub(crate) backoff: Backoff,
    pub(crate) restarts: Option<Restarts>,
    pub(crate) on_failure: OnFailure,
    pub(crate) heartbeat: Option<Duration>,
    pub(crate) readiness: Readiness,
    pub(crate) autostart: bool,
    /// The key of a setter that was given a state without a method, and that state.
    pub(crate) no_method: Option<(&'static str, State)>,
}

impl Options {
    /// How many seconds a request may take to be answered: four times the limit of Stop (for
    /// leaving the method, ending its tasks, Stop, and ending its tasks), plus the delays before
    /// Init and Stop, plus 5. Fractions of a second are not counted.
    pub(crate) fn answer_limit(&self) -> u64 {
        let stop = self.timeouts[3].unwrap_or(STOP_LIMIT);
        let delays = [self.delays[0], self.startup_delay, self.delays[3]];
        let delays = delays.iter().fold(0_u64, |sum, delay| sum.saturating_add(delay.as_secs()));
        stop.as_secs().saturating_mul(4).saturating_add(delays).saturating_add(5)
    }

    /// No delays, no limits on methods but the 10 s of Stop, the default back-off, any number of
    /// restarts.
    pub const DEFAULT: Options = Options {
        startup_delay: Duration::ZERO,
        delays: [Duration::ZERO; 4],
        timeouts: [None; 4],
        backoff: Backoff::DEFAULT,
        restarts: None,
        on_failure: OnFailure::Exit,
        heartbeat: None,
        readiness: Readiness::Required,
        autostart: true,
        no_method: None,
    };

    /// Waits this long before the first Init. Default: zero.
    #[must_use]
    pub const fn startup_delay(mut self, delay: Duration) -> Self {
        self.startup_delay = delay;
        self
    }

    /// Waits this long before each state is entered, Stop included. Default: zero.
    #[must_use]
    pub const fn delay(mut self, delay: Duration) -> Self {
        self.delays = [delay; 4];
        self
    }

    /// Waits this long before `state` is entered: Init, Idle, Run or Stop. Any other state is an
    /// error of the start.
    #[must_use]
    pub const fn delay_of(mut self, state: State, delay: Duration) -> Self {
        match slot(state) {
            Some(slot) => self.delays[slot] = delay,
            None => self.no_method = Some(("delays", state)),
        }
        self
    }

    /// Limits how long the method of `state` may take, counted from its call. Delays and gates
    /// before it do not count.
    ///
    /// At the limit the method is cancelled. If it is still pending at the next poll, it is
    /// dropped. Either way it has timed out, which is a failure.
    ///
    /// Default: 10 s for Stop, no limit for the others. The limit of Stop is also how long any
    /// other method may take to return after it was cancelled. A limit on Run bounds each run; most
    /// services want none. A limit of zero, or one on Unknown or Exit, is an error of the start.
    #[must_use]
    pub const fn timeout_of(mut self, state: State, limit: Duration) -> Self {
        match slot(state) {
            Some(slot) => self.timeouts[slot] = Some(limit),
            None => self.no_method = Some(("timeouts", state)),
        }
        self
    }

    /// Sets the delays before restarts. Default: [`Backoff::DEFAULT`].
    #[must_use]
    pub const fn backoff(mut self, backoff: Backoff) -> Self {
        self.backoff = backoff;
        self
    }

    /// Allows at most `max` restarts within any window of the length `within`, which is longer than
    /// zero. A service that would exceed this has reached its restart limit: it ends, and has
    /// failed for good. Default: any number.
    ///
    /// A limit that the delays of the back-off keep out of reach is an error of the start: ten
    /// restarts with the default back-off take more than a minute.
    #[must_use]
    pub const fn restarts(mut self, max: u32, within: Duration) -> Self {
        self.restarts = Some(Restarts { max, within });
        self
    }

    /// Sets what the daemon does when the service has failed for good. Default:
    /// [`OnFailure::Exit`].
    ///
    /// [`OnFailure::Shutdown`] without anything that makes the service fail for good is an error of
    /// the start: a restart limit, a manager that ends it after a failure, or a dependency.
    #[must_use]
    pub const fn on_failure(mut self, on_failure: OnFailure) -> Self {
        self.on_failure = on_failure;
        self
    }

    /// Requires the service to call [`Context::heartbeat`](crate::Context::heartbeat) at least this
    /// often while it is in Run. Longer than zero. Default: no heartbeat.
    ///
    /// Time for which the whole process is paused (SIGSTOP, a freezer, a debugger, a virtual
    /// machine that is moved) does not count: after a pause the service has one more period.
    #[must_use]
    pub const fn heartbeat(mut self, period: Duration) -> Self {
        self.heartbeat = Some(period);
        self
    }

    /// Sets whether the readiness of the daemon counts the service. Default:
    /// [`Readiness::Required`].
    #[must_use]
    pub const fn readiness(mut self, readiness: Readiness) -> Self {
        self.readiness = readiness;
        self
    }

    /// Sets whether the service starts with the daemon. Default: true.
    ///
    /// With `false` it is in Exit, as if an operator had stopped it, until it is
    /// [started](crate::DaemonHandle::start).
    ///
    /// * The daemon's [readiness](Readiness) does not count it. The daemon is degraded without it only
    ///   once it has been started, unless an operator stops it again.
    /// * Services that need it wait for it; [`why`](crate::DaemonHandle::why) says so.
    /// * The daemon ends by itself once all services have ended that were started. It does not wait for
    ///   one that never was, unless none of them was: then an operator has to start one.
    /// * What operators do is not kept: the next process begins as declared.
    #[must_use]
    pub const fn autostart(mut self, autostart: bool) -> Self {
        self.autostart = autostart;
        self
    }

    /// Whether the readiness of the daemon counts the service.
    pub(crate) fn counts_for_readiness(&self) -> bool {
        self.readiness == Readiness::Required && self.autostart
    }
}

/// Whether the readiness of the daemon counts a service.
///
/// The daemon is *ready* when all its services are: each is in Run, or has ended as designed. It is
/// *degraded* when only optional ones are not, and *not ready* otherwise.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Readiness {
    /// The daemon is not ready without it.
    #[default]
    Required,
    /// The daemon is ready without it, and degraded: for a standby, which waits in its `idle`, or a
    /// service that warms a cache.
    Optional,
}

/// The index of a state with a method in `delays` and `timeouts`.
pub(crate) const fn slot(state: State) -> Option<usize> {
    match state {
        State::Init | State::Idle | State::Run | State::Stop => Some(state as usize - 1),
        State::Unknown | State::Exit => None,
    }
}

/// The delays before the restarts of a service.
///
/// Before the n-th restart in a row: `min(max, base * factor^(n-1)) * U[1-jitter, 1+jitter]`.
///
/// ```
/// use rxd::{Backoff, Options};
/// use std::time::Duration;
///
/// // 1 s, 3 s, 9 s, 27 s, 60 s, 60 s, ..; each up to a tenth shorter or longer.
/// let gentle = Backoff::DEFAULT.base(Duration::from_secs(1)).factor(3.0).max(Duration::from_secs(60)).jitter(0.1);
/// let options = Options::DEFAULT.backoff(gentle);
/// # let _ = options;
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Backoff {
    pub(crate) base: Duration,
    pub(crate) factor: f64,
    pub(crate) max: Duration,
    pub(crate) jitter: f64,
    pub(crate) reset: Option<Duration>,
}

impl Backoff {
    /// 100 ms, doubling up to 30 s, with 20 % jitter.
    pub const DEFAULT: Backoff = Backoff {
        base: Duration::from_millis(100),
        factor: 2.0,
        max: Duration::from_secs(30),
        jitter: 0.2,
        reset: None,
    };

    /// No delays: for tests, and for services that wait themselves.
    ///
    /// A service whose `run` returns or fails at once is then a busy loop, unless
    /// [`restarts`](Options::restarts) limits it.
    pub const NONE: Backoff = Backoff::fixed(Duration::ZERO);

    /// Always the same delay, without jitter. A service of the Go package of this name has
    /// `Backoff::fixed(Duration::from_secs(5))`.
    #[must_use]
    pub const fn fixed(delay: Duration) -> Self {
        Backoff { base: delay, factor: 1.0, max: delay, jitter: 0.0, reset: None }
    }

    /// Sets the first delay; not longer than the longest. Default: 100 ms.
    ///
    /// It is also the pause after a `then(stop)` has taken the service out of Run less than this
    /// after it entered, then at least 10 ms.
    #[must_use]
    pub const fn base(mut self, base: Duration) -> Self {
        self.base = base;
        self
    }

    /// Sets the factor from each delay to the next: a finite number, at least 1. Default: 2.
    #[must_use]
    pub const fn factor(mut self, factor: f64) -> Self {
        self.factor = factor;
        self
    }

    /// Sets the longest delay, before jitter. Default: 30 s.
    #[must_use]
    pub const fn max(mut self, max: Duration) -> Self {
        self.max = max;
        self
    }

    /// Sets the share by which a delay varies at random, from 0 to 1. Default: 0.2.
    #[must_use]
    pub const fn jitter(mut self, jitter: f64) -> Self {
        self.jitter = jitter;
        self
    }

    /// Sets how long a Run must last for the next delay to be the first again. Longer than zero.
    /// Default: 60 s or the last delay, whichever is longer.
    #[must_use]
    pub const fn reset(mut self, after: Duration) -> Self {
        self.reset = Some(after);
        self
    }
}

impl Default for Backoff {
    fn default() -> Self {
        Backoff::DEFAULT
    }
}

/// At most `max` restarts within any window of this length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Restarts {
    pub(crate) max: u32,
    pub(crate) within: Duration,
}

/// What the daemon does when a service has failed for good: it has reached its restart limit, its
/// manager has ended it after a failure, or a service that it depends on has failed for good.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum OnFailure {
    /// The service goes to Exit, and so do those that need it or come after it; the others
    /// continue. The daemon's result is an error.
    #[default]
    Exit,
    /// The daemon stops, and its result is an error.
    Shutdown,
    /// As `Exit`, but the daemon's result stays as it is.
    Ignore,
}

/// What happens when a service that declared a heartbeat has none within its period while in Run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum OnStale {
    /// rxd stops pinging systemd's watchdog, and systemd ends the process.
    ///
    /// Without a watchdog, each stale period is logged once and `/livez` fails. It is then up to
    /// the probe that requests `/livez` to have the process ended.
    #[default]
    StopPinging,
    /// The service is restarted first: it has failed, with cause [`Timeout`](crate::Cause::Timeout), so its
    /// back-off and its restart limit apply.
    ///
    /// If it then does not leave Run, or has no heartbeat afterwards either, the rule of
    /// `StopPinging` applies.
    Restart,
}

/// What a daemon declares about systemd's watchdog and about heartbeats.
#[derive(Clone, Copy, Debug, Default)]
#[allow(dead_code, reason = "there is no watchdog to ping")]
pub(crate) struct WatchdogOptions {
    /// How often to ping; `None`: as `WatchdogSec=` asks. Zero: the daemon sends systemd nothing.
    pub(crate) interval: Option<Duration>,
    /// What is done about a service without a heartbeat.
    pub(crate) on_stale: OnStale,
}
