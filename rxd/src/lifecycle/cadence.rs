//! When the next run of a periodic service is due.
//!
//! The engine asks when to run ([`next`](Cadence::next)), whether to run once that time has come
//! ([`begin`](Cadence::begin)), and says that the run has returned `Ok`
//! ([`completed`](Cadence::completed)). Nothing here waits or reads a clock.
//!
//! # Invariants
//!
//! 1. Runs are due at whole periods after the first time in Run, each later by its own jitter.
//! 2. A period has at most one run, unless that has not completed: then it is repeated.

#[cfg(feature = "cron")]
mod times;

use crate::lifecycle::backoff::later_than;
use crate::lifecycle::options::recurrence::{Every, FirstRun, MissedRun, Recurrence};
use crate::random;
use std::time::Duration;
#[cfg(feature = "cron")]
use times::Times;
use tokio::time::Instant;

/// The runs of one service.
#[derive(Debug)]
pub(crate) enum Cadence {
    Periods(Periods),
    #[cfg(feature = "cron")]
    Times(Box<Times>),
}

/// When the engine is to wake for a run, and when that is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NextWake {
    pub(crate) wake: Instant,
    pub(crate) due: Instant,
}

impl Cadence {
    pub(crate) fn new(recurrence: &Recurrence) -> Self {
        match recurrence {
            Recurrence::Every(every) => Cadence::Periods(Periods::new(*every)),
            #[cfg(feature = "cron")]
            Recurrence::Schedule(schedule) => Cadence::Times(Box::new(Times::new(schedule))),
            #[cfg(feature = "cron")]
            Recurrence::Both => unreachable!("the start refuses it"),
        }
    }

    /// When to run, for a service in Run that is free for it now: not before `now`.
    pub(crate) fn next(&mut self, now: Instant) -> NextWake {
        match self {
            Cadence::Periods(periods) => {
                let due = periods.next(now);
                NextWake { wake: due, due }
            }
            #[cfg(feature = "cron")]
            Cadence::Times(times) => times.next(now),
        }
    }

    /// Whether a run begins, at the time that [`next`](Cadence::next) has returned or later.
    pub(crate) fn begin(&mut self, now: Instant) -> bool {
        match self {
            Cadence::Periods(periods) => periods.begin(now),
            #[cfg(feature = "cron")]
            Cadence::Times(times) => times.begin(),
        }
    }

    /// The run has returned `Ok`.
    pub(crate) fn completed(&mut self) {
        match self {
            Cadence::Periods(periods) => periods.is_unfinished = false,
            #[cfg(feature = "cron")]
            Cadence::Times(times) => times.completed(),
        }
    }

    /// When the next run is due by the wall clock, as text, for a service that follows that.
    pub(crate) fn due_text(&self) -> Option<String> {
        match self {
            Cadence::Periods(_) => None,
            #[cfg(feature = "cron")]
            Cadence::Times(times) => times.due_text(),
        }
    }
}

/// The runs of a service with a period.
#[derive(Debug)]
pub(crate) struct Periods {
    every: Every,
    /// The next run; none before the first time in Run.
    next: Option<Due>,
    /// The last run has begun, and has not completed.
    is_unfinished: bool,
}

/// One run.
#[derive(Clone, Copy, Debug)]
struct Due {
    /// The whole period.
    period: Instant,
    /// When it is due: `period` with its jitter.
    at: Instant,
}

impl Periods {
    fn new(every: Every) -> Self {
        Periods { every, next: None, is_unfinished: false }
    }

    /// See [`Cadence::next`].
    fn next(&mut self, now: Instant) -> Instant {
        let Some(due) = self.next else {
            let due = match self.every.first {
                FirstRun::AtOnce => Due { period: now, at: now },
                FirstRun::AfterPeriod => self.due(later_than(now, self.every.period)),
            };
            self.next = Some(due);
            return due.at;
        };
        if self.is_unfinished {
            return now;
        }
        if due.at >= now { due.at } else { self.missed(due, now) }
    }

    /// See [`Cadence::begin`].
    fn begin(&mut self, now: Instant) -> bool {
        // A repeated run is the run of its period still.
        if self.is_unfinished {
            return true;
        }
        if let Some(due) = self.next {
            let is_missed = now.saturating_duration_since(due.at) >= self.every.period;
            if is_missed && self.missed(due, now) > now {
                return false;
            }
        }
        self.is_unfinished = true;
        let period = self.next.map_or(now, |due| due.period);
        self.next = Some(self.due(later_than(period, self.every.period)));
        true
    }

    /// `missed` could not begin when it was due. Returns when to run instead.
    fn missed(&mut self, missed: Due, now: Instant) -> Instant {
        let late = now.saturating_duration_since(missed.period);
        let since = late.as_nanos() % self.every.period.as_nanos().max(1);
        // It is shorter than the period, and the clock has counted it.
        let since = Duration::from_nanos(u64::try_from(since).unwrap_or_default());
        let last = now.checked_sub(since).unwrap_or(now);
        let due = match self.every.missed {
            // At a whole period exactly, that run is due and not missed.
            MissedRun::Skip if since.is_zero() => self.due(last),
            MissedRun::Skip => self.due(later_than(last, self.every.period)),
            MissedRun::RunOnce => Due { period: last, at: now },
        };
        self.next = Some(due);
        due.at
    }

    /// The run of this period, with a jitter of its own.
    fn due(&self, period: Instant) -> Due {
        let jitter = match self.every.jitter {
            Duration::ZERO => Duration::ZERO,
            most => most.mul_f64(random::fraction()),
        };
        Due { period, at: later_than(period, jitter) }
    }
}

#[cfg(all(test, not(rxd_loom)))]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn ten() -> Every {
        Every::new(10 * SECOND)
    }

    fn cadence(every: Every) -> Cadence {
        Cadence::new(&Recurrence::Every(every))
    }

    /// Runs until 100 s have passed, each body as long as given. Returns when each run began.
    fn starts(every: Every, bodies: &[u32]) -> Vec<u64> {
        let origin = Instant::now();
        let (mut cadence, mut now, mut starts) = (cadence(every), origin, Vec::new());
        for body in bodies.iter().chain(std::iter::repeat(&0)) {
            now = cadence.next(now).due;
            let began = now.duration_since(origin).as_secs();
            if began >= 100 {
                return starts;
            }
            starts.push(began);
            assert!(cadence.begin(now));
            now += *body * SECOND;
            cadence.completed();
        }
        unreachable!("there are bodies without end")
    }

    #[test]
    fn runs_are_due_at_whole_periods_after_the_first() {
        assert_eq!(starts(ten(), &[3, 9, 0]), [0, 10, 20, 30, 40, 50, 60, 70, 80, 90]);
        assert_eq!(starts(ten().first(FirstRun::AfterPeriod), &[]), [10, 20, 30, 40, 50, 60, 70, 80, 90]);
    }

    #[test]
    fn run_as_long_as_a_period_misses_none() {
        assert_eq!(starts(ten(), &[10, 10]), [0, 10, 20, 30, 40, 50, 60, 70, 80, 90]);
        assert_eq!(starts(ten().missed(MissedRun::RunOnce), &[10, 10]), [0, 10, 20, 30, 40, 50, 60, 70, 80, 90]);
    }

    #[test]
    fn missed_runs_are_skipped_or_made_up_once() {
        assert_eq!(starts(ten(), &[35, 15]), [0, 40, 60, 70, 80, 90]);
        assert_eq!(starts(ten().missed(MissedRun::RunOnce), &[35, 5]), [0, 35, 40, 50, 60, 70, 80, 90]);
    }

    #[test]
    fn run_that_has_not_completed_is_repeated_and_the_periods_stay() {
        let origin = Instant::now();
        let mut cadence = cadence(ten());
        assert_eq!(cadence.next(origin).due, origin);
        assert!(cadence.begin(origin));
        let retry = origin + 2 * SECOND;
        assert_eq!(cadence.next(retry).due, retry);
        assert!(cadence.begin(retry));
        cadence.completed();
        assert_eq!(cadence.next(retry + SECOND).due, origin + 10 * SECOND);
    }

    #[test]
    fn late_timer_runs_unless_a_whole_period_was_missed() {
        let origin = Instant::now();
        let late = |missed, by: u32| {
            let mut cadence = cadence(ten().first(FirstRun::AfterPeriod).missed(missed));
            let due = cadence.next(origin).due;
            let begins = cadence.begin(due + by * SECOND);
            if begins {
                cadence.completed();
            }
            (begins, cadence.next(due + by * SECOND).due.duration_since(due).as_secs())
        };
        assert_eq!(late(MissedRun::Skip, 9), (true, 10));
        assert_eq!(late(MissedRun::Skip, 25), (false, 30));
        assert_eq!(late(MissedRun::RunOnce, 25), (true, 30));
    }

    proptest! {
        /// Whatever the values: no run before its time, no panic, and with `skip` none outside of
        /// its jitter.
        #[test]
        fn every_run_is_within_its_jitter(
            period in 1_u64..50_000,
            share in 0.0..1.0,
            bodies in proptest::collection::vec(0_u64..100_000, 1..20),
        ) {
            let period = Duration::from_millis(period);
            let every = Every::new(period).jitter(period.mul_f64(share));
            let origin = Instant::now();
            let (mut cadence, mut now) = (cadence(every), origin);
            for body in bodies {
                let at = cadence.next(now).due;
                prop_assert!(at >= now && at.duration_since(now) < 2 * period);
                let since = at.duration_since(origin).as_nanos() % period.as_nanos();
                prop_assert!(since <= every.jitter.as_nanos());
                prop_assert!(cadence.begin(at));
                now = at + Duration::from_millis(body);
                cadence.completed();
            }
        }
    }
}
