//! The watchdog: whether there is one, and what it takes to feed it.
//!
//! A ping is earned. It is sent only if the supervisor's loop has turned over since it was last
//! asked to, or was asked less than the watchdog's own timeout ago (or a second), and if every service that
//! declared a heartbeat and is in Run has called it in time. The loop waits in the same queue as all
//! that the services do: as long as they are seen to get their turns, it may take ten times as long.
//! Time for which the whole process was paused counts for neither: this thread was paused with it, so that its
//! look is late by as much.

use crate::core::Core;
use crate::lifecycle::duration::rounded_up;
use crate::monitor::heartbeat::CheckTiming;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Nobody can be fed more often than that.
const SHORTEST: Duration = Duration::from_millis(10);

/// A longer timeout is pinged as if it were this.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

/// A loop that is asked to turn has this long at least: on a busy machine a turn may well wait.
const TURN: Duration = Duration::from_secs(1);

/// How many times as long it may take while services get theirs: nothing is stuck, there is only a lot to do.
const CROWDED: u32 = 10;

/// As many ticks in a row in trouble, and the service manager is asked to act at once.
const TRIGGER: u32 = 3;

/// What the environment says about the watchdog.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Found {
    /// How long the service manager waits for a ping.
    pub(crate) timeout: Option<Duration>,
    /// What is odd about it.
    pub(crate) warning: Option<String>,
    /// The variable is meant for another process, or says that there is no watchdog.
    pub(crate) declined: bool,
}

impl Found {
    /// What `WATCHDOG_USEC` and `WATCHDOG_PID` say.
    pub(crate) fn from_env() -> Found {
        let read = |name| std::env::var_os(name).map(|value| value.to_string_lossy().into_owned());
        Found::parse(read("WATCHDOG_USEC").as_deref(), read("WATCHDOG_PID").as_deref(), std::process::id())
    }

    pub(crate) fn parse(usec: Option<&str>, pid: Option<&str>, me: u32) -> Found {
        let Some(usec) = usec else { return Found::default() };
        let odd = |text: String| Found { warning: Some(text), declined: true, timeout: None };
        match pid.map(str::parse::<u32>) {
            Some(Ok(pid)) if pid != me => return Found { declined: true, ..Found::default() },
            Some(Err(_)) => {
                let pid = pid.unwrap_or_default();
                return odd(format!("WATCHDOG_PID is {pid:?}, which is no process: the watchdog is not fed"));
            }
            Some(Ok(_)) | None => {}
        }
        match usec.parse::<u64>() {
            Err(_) => odd(format!("WATCHDOG_USEC is {usec:?}, which is no number: the watchdog is not fed")),
            // How systemd spells "none" and "infinity".
            Ok(0 | u64::MAX) => Found { declined: true, ..Found::default() },
            Ok(micros) if Duration::from_micros(micros) < SHORTEST => Found {
                timeout: Some(SHORTEST),
                warning: Some(format!(
                    "WATCHDOG_USEC is {micros}: no more is promised than a ping every few milliseconds"
                )),
                declined: false,
            },
            Ok(micros) => Found { timeout: Some(Duration::from_micros(micros)), ..Found::default() },
        }
    }

    /// What to set where the daemon's declaration and its unit do not agree.
    pub(crate) fn mismatch(&self, watchdog_interval: Option<Duration>) -> Option<String> {
        let report = watchdog_interval?;
        let asked = report.saturating_mul(2);
        match self.timeout {
            None if self.declined => None,
            None => Some(format!(
                "watchdog_interval is {report:?}, but the unit has no watchdog: set WatchdogSec={} in it",
                rounded_up(asked)
            )),
            Some(timeout) if timeout < asked => Some(format!(
                "watchdog_interval is {report:?}, which needs WatchdogSec={} or more, but the unit says {timeout:?}: \
                 it is reported every {:?} instead",
                rounded_up(asked),
                interval(timeout, watchdog_interval),
            )),
            Some(_) => None,
        }
    }
}

/// How often to ping: four times within the timeout, so that one that is late is soon enough.
pub(crate) fn interval(timeout: Duration, watchdog_interval: Option<Duration>) -> Duration {
    let quarter = timeout.min(LONGEST) / 4;
    watchdog_interval.map_or(quarter, |report| quarter.min(report)).max(SHORTEST / 4)
}

/// Whether the supervisor's loop turns over when it is asked to.
#[derive(Debug)]
pub(crate) struct Turns(AtomicBool);

impl Turns {
    pub(crate) fn new() -> Self {
        Turns(AtomicBool::new(true))
    }

    /// The loop has turned over.
    pub(crate) fn turned(&self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// What one look at the daemon means for the watchdog.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Tick {
    pub(crate) ping: bool,
    /// Ask the service manager to act now.
    pub(crate) trigger: bool,
    /// What is wrong; empty if nothing is.
    pub(crate) trouble: String,
}

pub(crate) struct Feeder {
    core: Arc<Core>,
    turns: Arc<Turns>,
    /// How long the supervisor's loop may take to turn.
    turn: Duration,
    interval: Duration,
    due: Instant,
    asked: Instant,
    /// Who was being polled at the last look, and for how many looks it was the same.
    polled: Vec<usize>,
    still: u32,
    /// How many looks in a row found the same trouble.
    troubled: u32,
    triggered: bool,
}

impl Feeder {
    pub(crate) fn new(core: Arc<Core>, turns: Arc<Turns>, timeout: Duration, interval: Duration) -> Self {
        let now = Instant::now();
        Feeder {
            core,
            turns,
            turn: timeout.max(TURN),
            interval,
            due: now,
            asked: now,
            polled: Vec::new(),
            still: 0,
            troubled: 0,
            triggered: false,
        }
    }

    /// When the next look is due.
    pub(crate) fn due(&self) -> Instant {
        self.due
    }

    /// Looks at the daemon.
    pub(crate) fn tick(&mut self, now: Instant) -> Tick {
        let late = now.saturating_duration_since(self.due);
        self.due += self.interval;
        if self.due <= now {
            // Late already, or the machine slept: a burst of pings would say nothing.
            self.due = now + self.interval;
        }
        match self.trouble(now, late) {
            None => {
                (self.troubled, self.triggered) = (0, false);
                Tick { ping: true, ..Tick::default() }
            }
            Some(Trouble { text, patient: true }) => Tick { ping: true, trigger: false, trouble: text },
            Some(Trouble { text, patient: false }) => {
                self.troubled = self.troubled.saturating_add(1);
                Tick { ping: false, trigger: self.troubled >= TRIGGER && !self.triggered, trouble: text }
            }
        }
    }

    /// The service manager was asked to act: to ask again would begin it anew.
    pub(crate) fn triggered(&mut self) {
        self.triggered = true;
    }

    fn trouble(&mut self, now: Instant, late: Duration) -> Option<Trouble> {
        // The loop could not turn while nothing ran.
        self.asked = self.asked.checked_add(late).map_or(now, |asked| asked.min(now));
        if self.turns.0.swap(false, Ordering::Relaxed) {
            self.asked = now;
            self.core.supervisor.notify_one();
        } else {
            let polled = self.core.poll_marks.polled();
            // Once may be by chance.
            self.still = if polled == self.polled { self.still.saturating_add(1) } else { 0 };
            let limit = if self.still > 1 { self.turn } else { self.turn.saturating_mul(CROWDED) };
            self.polled = polled;
            if now.duration_since(self.asked) > limit {
                let text = format!("the runtime has not turned for more than {:?}", self.turn);
                return Some(Trouble { text, patient: false });
            }
        }
        let stale = self.core.try_restart(CheckTiming { interval: self.interval, late_by: late })?;
        Some(Trouble { text: stale.text(&self.core), patient: stale.is_restarting() })
    }
}

struct Trouble {
    text: String,
    /// Something is being done about it.
    patient: bool,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::board::{Board, Id};
    use crate::core::names::ServiceNames;
    use crate::core::stop_order::StopOrder;

    fn timeout(usec: &str) -> (Option<Duration>, bool) {
        let found = Found::parse(Some(usec), None, 1);
        (found.timeout, found.warning.is_some())
    }

    #[test]
    fn f88_odd_timeouts() {
        assert_eq!(timeout("0"), (None, false));
        assert_eq!(timeout("soon"), (None, true));
        assert_eq!(timeout("-1"), (None, true));
        assert_eq!(timeout("1"), (Some(SHORTEST), true));
        assert_eq!(timeout("18446744073709551615"), (None, false));
        assert_eq!(timeout("18446744073709551616"), (None, true));
        let (long, warned) = timeout("18446744073709551614");
        assert!(!warned && interval(long.unwrap(), None) <= LONGEST);
        assert_eq!(timeout("500000"), (Some(Duration::from_millis(500)), false));
    }

    #[test]
    fn f89_only_its_own_process() {
        let found = |pid| Found::parse(Some("500000"), pid, 7);
        assert!(found(Some("7")).timeout.is_some());
        assert!(found(None).timeout.is_some());
        assert_eq!(found(Some("8")), Found { declined: true, ..Found::default() });
        assert!(found(Some("x")).timeout.is_none() && found(Some("x")).warning.is_some());
    }

    #[test]
    fn g29_the_interval_leaves_half_of_the_half() {
        let half = Duration::from_millis(500);
        assert_eq!(interval(half, None), half / 4);
        assert_eq!(interval(half, Some(Duration::from_secs(5))), half / 4);
        assert_eq!(interval(half, Some(Duration::from_millis(50))), Duration::from_millis(50));
        assert!(interval(SHORTEST, None) > Duration::ZERO);
    }

    /// For how long a loop that does not turn is fed, while `polled` says who is polled at each look.
    fn fed_without_a_turn(polled: impl Fn(u32) -> Id) -> Duration {
        let board = Board::new(vec![Vec::new(); 2], 16);
        let core = Arc::new(Core::new(
            "d".into(),
            ServiceNames::of_names(["a", "b"]),
            board,
            StopOrder::new(&vec![Vec::new(); 2]),
        ));
        let step = Duration::from_millis(125);
        let mut feeder = Feeder::new(core.clone(), Arc::new(Turns::new()), 4 * step, step);
        let begun = Instant::now();
        let fed = |look: &u32| core.poll_marks.during(polled(*look), || feeder.tick(begun + step * *look).ping);
        (0..1000).take_while(fed).last().map_or(Duration::ZERO, |look| step * look)
    }

    #[tokio::test]
    async fn g30_a_queue_that_moves_has_more_time_than_one_that_is_stuck_but_not_for_ever() {
        assert_eq!(fed_without_a_turn(|_| 0), TURN);
        assert_eq!(fed_without_a_turn(|look| look % 2), TURN * CROWDED);
    }

    #[tokio::test]
    async fn g57_pause_of_the_process_is_no_turn_that_was_missed() {
        let board = Board::new(vec![Vec::new(); 1], 16);
        let core = Arc::new(Core::new("d".into(), ServiceNames::of_names(["a"]), board, StopOrder::new(&[Vec::new()])));
        let step = Duration::from_millis(125);
        let mut feeder = Feeder::new(core, Arc::new(Turns::new()), 4 * step, step);
        let mut now = Instant::now();
        let healthy = Tick { ping: true, ..Tick::default() };
        // Three pauses, each of which comes after a turn was asked for and before the loop got it.
        for pause in [0, 3, 3600, 3] {
            now += step + Duration::from_secs(pause);
            assert_eq!(feeder.tick(now), healthy, "after {pause} s");
        }
        let looks = (0..100).take_while(|_| {
            now += step;
            feeder.tick(now).ping
        });
        assert!((4..=8).contains(&looks.count()), "a loop that does not turn while the process runs is still found");
    }

    #[test]
    fn a_mismatch_says_what_to_set() {
        let report = Some(Duration::from_secs(5));
        let found = |secs| Found { timeout: Some(Duration::from_secs(secs)), ..Found::default() };
        assert!(found(3).mismatch(report).unwrap().contains("WatchdogSec=10s"));
        assert!(Found::default().mismatch(report).unwrap().contains("set WatchdogSec=10s"));
        assert_eq!(found(10).mismatch(report), None);
        assert_eq!(found(3).mismatch(None), None);
        assert_eq!(Found { declined: true, ..Found::default() }.mismatch(report), None);
    }
}
