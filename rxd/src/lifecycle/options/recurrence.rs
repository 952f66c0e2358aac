//! When a service runs again and again: what `every` and its companions declare.
//!
//! Plain data. [`Cadence`](crate::lifecycle::cadence::Cadence) computes the times, the engine waits
//! for them, and [`check`](super::check) judges the values.

#[cfg(feature = "cron")]
use std::borrow::Cow;
use std::time::Duration;

/// When a periodic service runs: its period, and what goes with it.
///
/// [`Runner::run`](crate::Runner::run) is then called once each period and returns when the work of
/// that time is done. Between two runs the service stays in [`State::Run`](crate::State::Run).
///
/// * `Ok` from `run` ends this run. An error, a panic or an exceeded limit is a failure of the
///   service as any other: it leaves Run and is restarted after its back-off.
/// * A run that has not returned `Ok` is repeated as soon as the service is in Run again, whatever
///   ended it: a failure, a restart, a reload. The runs after it are due as they were.
/// * Runs never overlap. The next one is due at the next whole period; see
///   [`missed`](Every::missed) for a run that takes longer than that.
/// * The periods are counted from the first time in Run, also across reloads and restarts. An
///   operator's start of a service that had ended begins anew.
/// * A cancellation or a reload between two runs takes effect at once.
/// * Each run has `timeouts(Run = ..)` to itself. A [heartbeat](crate::Options::heartbeat) is
///   required while a run lasts, not between two.
/// * Tasks that a run has spawned continue between two runs, and end when the service leaves Run.
///
/// In an attribute, write keys with the names of these setters: `#[rxd::service(every = "5m",
/// jitter = "10s")]`. A setter only records its value. An invalid one is an error of
/// [`Daemon::check`](crate::Daemon::check) and of `start`, with the text of the compiler's error for
/// an attribute.
///
/// ```
/// use rxd::{Context, Every, Runner, Service};
/// use std::time::Duration;
///
/// struct Sweep;
///
/// impl Runner for Sweep {
///     async fn run(&mut self, cx: &Context) -> rxd::Result {
///         // .. one sweep
///         Ok(())
///     }
/// }
///
/// const EVERY: Every = Every::new(Duration::from_secs(300)).jitter(Duration::from_secs(10));
/// let service = Service::new("sweep", Sweep).every(EVERY);
/// # let _ = service;
/// ```
///
/// Times are measured by tokio's monotonic clock, with a resolution of one millisecond: setting the
/// wall clock changes nothing, and on Linux the time for which the machine is suspended does not
/// count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "it does nothing until it is given to a service"]
pub struct Every {
    pub(crate) period: Duration,
    pub(crate) jitter: Duration,
    pub(crate) within: Option<Duration>,
    pub(crate) first: FirstRun,
    pub(crate) missed: MissedRun,
}

/// When the first run of a periodic service is due.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum FirstRun {
    /// As soon as the service is in Run.
    #[default]
    AtOnce,
    /// One period after that.
    AfterPeriod,
}

/// What becomes of a run that could not begin when it was due: the run before it had not ended, the
/// service was not in Run, or the process was stopped for a period or longer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum MissedRun {
    /// It does not take place: the next run is the next that is due.
    #[default]
    Skip,
    /// One run takes place as soon as it can, however many were missed.
    RunOnce,
}

impl Every {
    /// Runs once each period, the first time at once. Longer than zero.
    pub const fn new(period: Duration) -> Self {
        Every { period, jitter: Duration::ZERO, within: None, first: FirstRun::AtOnce, missed: MissedRun::Skip }
    }

    /// Delays each run by a random time shorter than this, so that many processes do not run at the
    /// same time. Shorter than the period. A first run that is due at once is not delayed. Default:
    /// zero.
    pub const fn jitter(mut self, most: Duration) -> Self {
        self.jitter = most;
        self
    }

    /// Limits each run. At the limit the method is cancelled, as by
    /// [`timeouts(Run = ..)`](crate::Options::timeout_of), and the service has failed. Longer than
    /// zero. If both are set, the shorter limit applies. Default: no limit.
    pub const fn within(mut self, limit: Duration) -> Self {
        self.within = Some(limit);
        self
    }

    /// Sets when the first run is due. Default: [`FirstRun::AtOnce`].
    pub const fn first(mut self, first: FirstRun) -> Self {
        self.first = first;
        self
    }

    /// Sets what becomes of a run that could not begin when it was due. Default:
    /// [`MissedRun::Skip`].
    pub const fn missed(mut self, missed: MissedRun) -> Self {
        self.missed = missed;
        self
    }
}

/// When a scheduled service runs: at the times of a cron expression, in a time zone.
///
/// As with [`Every`], the service stays in Run between two runs, and a failure, a reload, a
/// heartbeat and the service's tasks are treated as there. The differences:
///
/// * The times are those of the wall clock. If that is set, the next run moves with it. If it is set
///   back, by up to a day, no time has a second run; by more, the clock was wrong before.
/// * A local time that a change of the clock skips is the first instant after the gap. One that comes
///   twice is the first of the two. So each has one run.
/// * A run is missed if it cannot begin within a minute: the one before it has not ended, the
///   service is not in Run, or the machine sleeps. After a sleep it begins within half a minute.
///
/// In an attribute, write `#[rxd::service(schedule = "0 3 * * *", zone = "Europe/Berlin")]`.
///
/// ```
/// use rxd::{Context, Runner, Schedule, Service};
/// use std::time::Duration;
///
/// struct Backup;
///
/// impl Runner for Backup {
///     async fn run(&mut self, cx: &Context) -> rxd::Result {
///         // .. one backup
///         Ok(())
///     }
/// }
///
/// let nightly = Schedule::new("0 3 * * *").zone("Europe/Berlin").within(Duration::from_secs(3600));
/// let service = Service::new("backup", Backup).schedule(nightly);
/// # let _ = service;
/// ```
#[cfg(feature = "cron")]
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "it does nothing until it is given to a service"]
pub struct Schedule {
    pub(crate) expression: Cow<'static, str>,
    pub(crate) zone: Cow<'static, str>,
    pub(crate) jitter: Duration,
    pub(crate) within: Option<Duration>,
    pub(crate) missed: MissedRun,
}

#[cfg(feature = "cron")]
impl Schedule {
    /// Runs at the times of this cron expression, in UTC: minute, hour, day of the month, month and
    /// day of the week. One that is not valid, or that no date fits, is an error of the start.
    pub fn new(expression: impl Into<Cow<'static, str>>) -> Self {
        let mut schedule = Schedule::declared("", "UTC");
        schedule.expression = expression.into();
        schedule
    }

    /// As an attribute declares it.
    #[doc(hidden)]
    pub const fn declared(expression: &'static str, zone: &'static str) -> Self {
        let (expression, zone) = (Cow::Borrowed(expression), Cow::Borrowed(zone));
        Schedule { expression, zone, jitter: Duration::ZERO, within: None, missed: MissedRun::Skip }
    }

    /// Sets the time zone, by its name in the IANA database. An unknown one is an error of the
    /// start. Default: UTC.
    ///
    /// The database of the system is read, and the one in this crate where there is none.
    pub fn zone(mut self, zone: impl Into<Cow<'static, str>>) -> Self {
        self.zone = zone.into();
        self
    }

    /// Delays each run by a random time shorter than this. Default: zero.
    pub const fn jitter(mut self, most: Duration) -> Self {
        self.jitter = most;
        self
    }

    /// Limits each run: see [`Every::within`]. Default: no limit.
    pub const fn within(mut self, limit: Duration) -> Self {
        self.within = Some(limit);
        self
    }

    /// Sets what becomes of a run that could not begin when it was due. Default:
    /// [`MissedRun::Skip`].
    pub const fn missed(mut self, missed: MissedRun) -> Self {
        self.missed = missed;
        self
    }
}

/// When a service runs again and again.
#[derive(Clone, Debug)]
pub enum Recurrence {
    /// Each period.
    Every(Every),
    /// At set times.
    #[cfg(feature = "cron")]
    Schedule(Schedule),
    /// Both were declared, which is an error of the start.
    #[cfg(feature = "cron")]
    Both,
}

impl Recurrence {
    /// The limit of each run.
    pub(crate) fn within(&self) -> Option<Duration> {
        match self {
            Recurrence::Every(every) => every.within,
            #[cfg(feature = "cron")]
            Recurrence::Schedule(schedule) => schedule.within,
            #[cfg(feature = "cron")]
            Recurrence::Both => None,
        }
    }
}
