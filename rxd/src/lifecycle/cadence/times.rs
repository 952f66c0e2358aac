//! The runs of a service that follows the wall clock.
//!
//! # Invariants
//!
//! 1. A time of the schedule has at most one run, unless that has not completed: then it is repeated.
//!    `due` therefore only moves on, unless the clock was set back by more than [`CORRECTION`].
//! 2. The engine looks at the clock again within [`LOOK`]: the clock may be set, and a timer does not
//!    count the time for which the machine sleeps.

use super::NextWake;
use crate::clock;
use crate::lifecycle::backoff::later_than;
use crate::lifecycle::calendar::Calendar;
use crate::lifecycle::options::recurrence::{MissedRun, Schedule};
use crate::random;
use jiff::Timestamp;
use std::time::Duration;
use tokio::time::Instant;

/// After how long the clock is looked at again.
const LOOK: Duration = Duration::from_secs(30);
/// How late a run may begin without being missed.
const GRACE: Duration = Duration::from_secs(60);
/// A clock that is set back by more than this was wrong before.
const CORRECTION: Duration = Duration::from_secs(86_400);

/// See the [module](self).
#[derive(Debug)]
pub(crate) struct Times {
    calendar: Option<Calendar>,
    jitter: Duration,
    missed: MissedRun,
    /// The next run, with its jitter; none at the end of the calendar.
    due: Option<Timestamp>,
    /// The latest that the clock has shown, once the service was in Run.
    latest: Option<Timestamp>,
    is_unfinished: bool,
}

impl Times {
    pub(super) fn new(schedule: &Schedule) -> Self {
        // The start refuses one that is not valid.
        let calendar = Calendar::new(&schedule.expression, &schedule.zone).ok();
        let Schedule { jitter, missed, .. } = *schedule;
        Times { calendar, jitter, missed, due: None, latest: None, is_unfinished: false }
    }

    pub(super) fn next(&mut self, now: Instant) -> NextWake {
        let wall = self.look();
        if self.is_unfinished {
            return NextWake { wake: now, due: now };
        }
        if self.is_missed(wall) && self.missed == MissedRun::Skip {
            self.due = self.after(wall);
        }
        let left = self.due.map_or(Duration::MAX, |due| between(wall, due));
        NextWake { wake: later_than(now, left.min(LOOK)), due: later_than(now, left) }
    }

    pub(super) fn begin(&mut self) -> bool {
        let wall = self.look();
        if self.is_unfinished {
            return true;
        }
        let skips = self.is_missed(wall) && self.missed == MissedRun::Skip;
        let Some(due) = self.due.filter(|due| *due <= wall && !skips) else { return false };
        self.is_unfinished = true;
        self.due = self.after(wall.max(due));
        true
    }

    pub(super) fn completed(&mut self) {
        self.is_unfinished = false;
    }

    pub(super) fn due_text(&self) -> Option<String> {
        Some(self.calendar.as_ref()?.text(self.due?))
    }

    /// Looks at the clock.
    fn look(&mut self) -> Timestamp {
        let wall = Timestamp::try_from(clock::now()).unwrap_or(Timestamp::UNIX_EPOCH);
        match self.latest {
            Some(latest) if between(wall, latest) <= CORRECTION => self.latest = Some(latest.max(wall)),
            // The first time in Run, or a clock that was wrong.
            _ => {
                self.latest = Some(wall);
                self.due = self.after(wall);
            }
        }
        wall
    }

    /// The run after this instant.
    fn after(&self, instant: Timestamp) -> Option<Timestamp> {
        let next = self.calendar.as_ref()?.next(instant)?;
        let jitter = match self.jitter {
            Duration::ZERO => Duration::ZERO,
            most => most.mul_f64(random::fraction()),
        };
        Some(next.checked_add(jitter).unwrap_or(next))
    }

    fn is_missed(&self, wall: Timestamp) -> bool {
        self.due.is_some_and(|due| between(due, wall) > GRACE)
    }
}

/// The time from one instant to a later one; zero if it is not later.
fn between(from: Timestamp, to: Timestamp) -> Duration {
    Duration::try_from(to.duration_since(from)).unwrap_or(Duration::ZERO)
}
