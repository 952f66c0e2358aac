//! The options of a daemon and of its prestart stages, as the builder and the attributes record
//! them.

use std::time::Duration;

/// How long a method may block its thread before that is reported, if the daemon declares nothing.
const DEFAULT_BLOCKING_THRESHOLD: Duration = Duration::from_secs(1);

/// How long a daemon may take to stop, if it declares nothing.
pub(crate) const DEFAULT_SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(30);

/// The exit status of a failed daemon, if it declares nothing.
pub(crate) const FAILURE_STATUS: u8 = 1;

/// How many transitions the history keeps, if the daemon declares nothing.
pub(crate) const DEFAULT_HISTORY: usize = 1024;

/// The options of a daemon that are plain values. Every setter is a `const fn` and only records its
/// value; the setters of [`Daemon`](crate::Daemon) document each.
#[derive(Clone, Copy, Debug)]
pub struct DaemonOptions {
    pub(crate) shutdown_timeout: Duration,
    pub(crate) start_timeout: Option<Duration>,
    pub(crate) drain: Duration,
    pub(crate) prestart_restart: Option<Duration>,
    pub(crate) exit_code: u8,
    pub(crate) blocking_threshold: Option<Duration>,
    pub(crate) history: usize,
}

impl DaemonOptions {
    /// The options of a daemon that declares none.
    pub const DEFAULT: DaemonOptions = DaemonOptions {
        shutdown_timeout: DEFAULT_SHUTDOWN_TIMEOUT,
        start_timeout: None,
        drain: Duration::ZERO,
        prestart_restart: None,
        exit_code: FAILURE_STATUS,
        blocking_threshold: Some(DEFAULT_BLOCKING_THRESHOLD),
        history: DEFAULT_HISTORY,
    };

    /// See [`Daemon::shutdown_timeout`](crate::Daemon::shutdown_timeout).
    #[must_use]
    pub const fn shutdown_timeout(mut self, limit: Duration) -> Self {
        self.shutdown_timeout = limit;
        self
    }

    /// See [`Daemon::start_timeout`](crate::Daemon::start_timeout).
    #[must_use]
    pub const fn start_timeout(mut self, limit: Duration) -> Self {
        self.start_timeout = Some(limit);
        self
    }

    /// See [`Daemon::drain`](crate::Daemon::drain).
    #[must_use]
    pub const fn drain(mut self, time: Duration) -> Self {
        self.drain = time;
        self
    }

    /// See [`Daemon::exit_code`](crate::Daemon::exit_code).
    #[must_use]
    pub const fn exit_code(mut self, code: u8) -> Self {
        self.exit_code = code;
        self
    }

    /// See [`Daemon::blocking_threshold`](crate::Daemon::blocking_threshold). Generated code writes
    /// `BlockingThreshold(..).duration_or_none()`.
    #[must_use]
    pub const fn blocking_threshold(mut self, limit: Option<Duration>) -> Self {
        self.blocking_threshold = limit;
        self
    }

    /// See [`Daemon::history`](crate::Daemon::history).
    #[must_use]
    pub const fn history(mut self, transitions: usize) -> Self {
        self.history = transitions;
        self
    }
}

/// The value of `blocking_threshold = ..`: a duration, or `None`. Two impls stand for the `Into`
/// that a constant cannot call.
#[derive(Clone, Copy, Debug)]
pub struct BlockingThreshold<T>(pub T);

impl BlockingThreshold<Duration> {
    /// The limit.
    #[must_use]
    pub const fn duration_or_none(self) -> Option<Duration> {
        Some(self.0)
    }
}

impl BlockingThreshold<Option<Duration>> {
    /// The limit, if there is one.
    #[must_use]
    pub const fn duration_or_none(self) -> Option<Duration> {
        self.0
    }
}

/// The options of a prestart stage. Every setter is a `const fn` and only records its value; the
/// setters of [`Stage`](crate::prestart::Stage) document each.
#[derive(Clone, Copy, Debug)]
pub struct StageOptions {
    pub(crate) retry: Option<Duration>,
    pub(crate) attempts: Option<u32>,
    pub(crate) timeout: Option<Duration>,
}

impl StageOptions {
    /// One attempt, without a limit.
    pub const DEFAULT: StageOptions = StageOptions { retry: None, attempts: None, timeout: None };

    /// See [`Stage::attempts`](crate::prestart::Stage::attempts).
    #[must_use]
    pub const fn attempts(mut self, most: u32) -> Self {
        self.attempts = Some(most);
        self
    }

    /// See [`Stage::timeout`](crate::prestart::Stage::timeout).
    #[must_use]
    pub const fn timeout(mut self, limit: Duration) -> Self {
        self.timeout = Some(limit);
        self
    }
}
