//! The options of one service (delays, limits, back-off), and of a daemon; what values they may have.

pub(crate) mod check;
pub(crate) mod daemon;

use crate::lifecycle::state::State;
use std::time::Duration;

/// How a service is paced and limited. Every setter is a `const fn`: a declaration is a constant.
/// The macro's keys have the names of these setters: `#[rxd::service(restarts(max = 5, within = "1m"))]`.
///
/// A setter only records its value. A value that makes no sense, such as a heartbeat of zero, is
/// an error of [`Daemon::check`](crate::Daemon::check) and of `start`, in the words in which the
/// compiler refuses it in an attribute.
///
/// ```
/// use rxd::{OnFailure, Options, State};
/// use std::time::Duration;
///
/// const PATIENT: Options = Options::DEFAULT
///     .startup_delay(Duration::from_secs(5))
///     .timeout_of(State::Init, Duration::from_secs(30))
///     .restarts(5, Duration::from_secs(60)) // more within a minute: it gives up,
///     .on_failure(OnFailure::Shutdown); // and the daemon with it
/// # let _ = PATIENT;
/// ```
///
/// All times are of tokio's monotonic clock: setting the wall clock changes nothing, and on Linux
/// the time for which the machine is suspended does not count.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Options {
    pub(crate) startup_delay: Duration,
    pub(crate) delays: [Duration; 4],
    pub(crate) timeouts: [Option<Duration>; 4],
    pub(crate) backoff: Backoff,
    pub(crate) restarts: Option<Restarts>,
    pub(crate) on_failure: OnFailure,
    pub(crate) heartbeat: Option<Duration>,
    /// The setter, by its key, that was given a state without a method.
    pub(crate) no_method: Option<(&'static str, State)>,
}

/// The options of one service: those of its declaration, or some of its own.
#[derive(Debug)]
pub(crate) enum ServiceOptions {
    Declared(&'static Options),
    Overridden(Box<Options>),
}

impl std::ops::Deref for ServiceOptions {
    type Target = Options;

    fn deref(&self) -> &Options {
        match self {
            ServiceOptions::Declared(options) => options,
            ServiceOptions::Overridden(options) => options,
        }
    }
}

impl Options {
    /// How many seconds a request may take to be answered: those of leaving a method, of ending the tasks, of
    /// Stop and of its tasks, with the delays before Init and Stop, and 5. Parts of a second are not counted.
    pub(crate) fn answer_limit(&self) -> u64 {
        let stop = self.timeouts[3].unwrap_or(crate::engine::STOP_LIMIT);
        let delays = [self.delays[0], self.startup_delay, self.delays[3]];
        let delays = delays.iter().fold(0_u64, |sum, delay| sum.saturating_add(delay.as_secs()));
        stop.as_secs().saturating_mul(4).saturating_add(delays).saturating_add(5)
    }

    /// No delays, no limits on methods, the default back-off, any number of restarts.
    pub const DEFAULT: Options = Options {
        startup_delay: Duration::ZERO,
        delays: [Duration::ZERO; 4],
        timeouts: [None; 4],
        backoff: Backoff::DEFAULT,
        restarts: None,
        on_failure: OnFailure::Exit,
        heartbeat: None,
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

    /// Waits this long before `state` is entered: Init, Idle, Run or Stop; another one is an error
    /// of the start.
    #[must_use]
    pub const fn delay_of(mut self, state: State, delay: Duration) -> Self {
        match slot(state) {
            Some(slot) => self.delays[slot] = delay,
            None => self.no_method = Some(("delays", state)),
        }
        self
    }

    /// Limits how long the method of `state` may take, counted from when it is called: what the
    /// service waits for before, delays and gates, is not part of it. A method that has not returned
    /// by then is told to, dropped if it does not return at once, and has failed.
    ///
    /// Default: 10 s for Stop, no limit for the others. That of Stop is also how long any other
    /// method may take to return once it is told to. A limit on Run bounds each run; most services
    /// want none. A limit of zero, or one on Unknown or Exit, is an error of the start.
    #[must_use]
    pub const fn timeout_of(mut self, state: State, limit: Duration) -> Self {
        match slot(state) {
            Some(slot) => self.timeouts[slot] = Some(limit),
            None => self.no_method = Some(("timeouts", state)),
        }
        self
    }

    /// How long to wait before coming round again.
    #[must_use]
    pub const fn backoff(mut self, backoff: Backoff) -> Self {
        self.backoff = backoff;
        self
    }

    /// Gives up at the restart after the `max`-th within the sliding window `within`, which is
    /// longer than zero.
    #[must_use]
    pub const fn restarts(mut self, max: u32, within: Duration) -> Self {
        self.restarts = Some(Restarts { max, within });
        self
    }

    /// What giving up means for the daemon.
    #[must_use]
    pub const fn on_failure(mut self, on_failure: OnFailure) -> Self {
        self.on_failure = on_failure;
        self
    }

    /// The service must call [`Context::heartbeat`](crate::Context::heartbeat) at least this often while in Run.
    /// Longer than zero. Default: none.
    ///
    /// Time for which the whole process is paused (SIGSTOP, a freezer, a debugger, a virtual machine that is
    /// moved) does not count: after a pause the service has one more period.
    #[must_use]
    pub const fn heartbeat(mut self, period: Duration) -> Self {
        self.heartbeat = Some(period);
        self
    }
}

pub(crate) const fn slot(state: State) -> Option<usize> {
    match state {
        State::Init | State::Idle | State::Run | State::Stop => Some(state as usize - 1),
        State::Unknown | State::Exit => None,
    }
}

/// How long a service waits before it comes round again:
/// `min(max, base * factor^(n-1)) * U[1-jitter, 1+jitter]` before the n-th restart in a row.
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

    /// No waiting at all: for tests, and for services that pace themselves.
    pub const NONE: Backoff = Backoff::fixed(Duration::ZERO);

    /// Always the same delay, without jitter. `Backoff::fixed(Duration::from_millis(100))` is how
    /// the Go package of this name paces its services.
    #[must_use]
    pub const fn fixed(delay: Duration) -> Self {
        Backoff { base: delay, factor: 1.0, max: delay, jitter: 0.0, reset: None }
    }

    /// The first delay; not longer than the longest. Default: 100 ms.
    #[must_use]
    pub const fn base(mut self, base: Duration) -> Self {
        self.base = base;
        self
    }

    /// What each further delay is multiplied by: a finite number, at least 1. Default: 2.
    #[must_use]
    pub const fn factor(mut self, factor: f64) -> Self {
        self.factor = factor;
        self
    }

    /// The longest delay, before jitter. Default: 30 s.
    #[must_use]
    pub const fn max(mut self, max: Duration) -> Self {
        self.max = max;
        self
    }

    /// The share by which a delay may differ, from 0 to 1. Default: 0.2.
    #[must_use]
    pub const fn jitter(mut self, jitter: f64) -> Self {
        self.jitter = jitter;
        self
    }

    /// A Run that lasts this long makes the next delay the first again. Longer than zero. Default:
    /// 60 s or the last delay, whichever is longer.
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

/// What it means for the daemon that a service gives up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum OnFailure {
    /// The service, and those that need it, go to Exit; the others go on. The daemon's result is an error.
    #[default]
    Exit,
    /// The daemon stops, and its result is an error.
    Shutdown,
    /// As `Exit`, but the daemon's result is not touched by it.
    Ignore,
}
