//! The watchdog: whether systemd expects pings, and whether the daemon has earned the next one.
//!
//! The thread of `notify` asks [`WatchdogPinger::decide`] four times within the watchdog's timeout.
//! Nothing is sent here. A ping is earned if both hold:
//!
//! * The supervisor's task has run since it was asked to (the *probe*), or was asked less than the
//!   probe's timeout ago: `WatchdogSec=`, or a second if that is longer. While services are still
//!   being polled the limit is [`BUSY_FACTOR`] times that, since the task waits in the same queue
//!   as they do: a loaded runtime is not a stalled one.
//! * Every service in Run that declared a heartbeat has called it in time, or is being restarted.
//!
//! # Pauses
//!
//! Time for which the whole process was paused counts for neither. This thread was paused too, so
//! its check is late by as much, and that much is taken off.
//!
//! # Memory ordering
//!
//! The probe is one flag, set by the supervisor's task and taken by the pinger. It orders nothing
//! else, so `Relaxed` suffices: an answer that is seen late is seen at the next check.

use crate::core::Core;
use crate::lifecycle::duration::rounded_up;
use crate::monitor::heartbeat::CheckTiming;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// The shortest timeout that pings can meet, 10 ms: a shorter one is treated as this, with a
/// warning.
const MIN_WATCHDOG_TIMEOUT: Duration = Duration::from_millis(10);

/// A longer timeout is pinged as if it were this, a day.
const MAX_WATCHDOG_TIMEOUT: Duration = Duration::from_secs(24 * 60 * 60);

/// How many pings are due within the timeout. sd_watchdog_enabled(3) asks for one every half of it;
/// twice as many leave time for one that is late.
const PINGS_PER_TIMEOUT: u32 = 4;

/// How long the supervisor's task has to answer a probe at least, 1 s: on a busy machine a task may
/// wait.
const MIN_PROBE_TIMEOUT: Duration = Duration::from_secs(1);

/// How many times as long a probe may take while services are still being polled.
const BUSY_FACTOR: u32 = 10;

/// After how many checks in a row without a ping systemd is asked to act at once
/// (`WATCHDOG=trigger`).
const CHECKS_BEFORE_TRIGGER: u32 = 3;

/// What the environment says about the watchdog.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct WatchdogEnv {
    /// How long systemd waits for a ping; `None`: no pings are expected.
    pub(crate) timeout: Option<Duration>,
    /// What is wrong with the variables.
    pub(crate) warning: Option<String>,
    /// The variables are for another process, say that there is no watchdog, or cannot be read.
    /// There is then nothing to say about a `watchdog_interval` that does not suit them.
    pub(crate) is_disabled: bool,
}

impl WatchdogEnv {
    /// Reads `WATCHDOG_USEC` and `WATCHDOG_PID`: see sd_watchdog_enabled(3).
    pub(crate) fn from_env() -> WatchdogEnv {
        let read = |name| std::env::var_os(name).map(|value| value.to_string_lossy().into_owned());
        WatchdogEnv::parse(read("WATCHDOG_USEC").as_deref(), read("WATCHDOG_PID").as_deref(), std::process::id())
    }

    pub(crate) fn parse(usec: Option<&str>, pid: Option<&str>, own_pid: u32) -> WatchdogEnv {
        let Some(usec) = usec else { return WatchdogEnv::default() };
        let invalid = |text: String| WatchdogEnv { warning: Some(text), is_disabled: true, timeout: None };
        match pid.map(str::parse::<u32>) {
            Some(Ok(pid)) if pid != own_pid => return WatchdogEnv { is_disabled: true, ..WatchdogEnv::default() },
            Some(Err(_)) => {
                let pid = pid.unwrap_or_default();
                return invalid(format!("watchdog pings disabled: WATCHDOG_PID is {pid:?}, expected a process ID"));
            }
            Some(Ok(_)) | None => {}
        }
        match usec.parse::<u64>() {
            Err(_) => invalid(format!(
                "watchdog pings disabled: WATCHDOG_USEC is {usec:?}, expected a number of microseconds"
            )),
            // How systemd writes "none" and "infinity".
            Ok(0 | u64::MAX) => WatchdogEnv { is_disabled: true, ..WatchdogEnv::default() },
            Ok(micros) if Duration::from_micros(micros) < MIN_WATCHDOG_TIMEOUT => WatchdogEnv {
                timeout: Some(MIN_WATCHDOG_TIMEOUT),
                warning: Some(format!(
                    "the watchdog's timeout is {:?}, too short to be met: pings are sent every {:?}; \
                     set WatchdogSec= to {MIN_WATCHDOG_TIMEOUT:?} or more in the unit",
                    Duration::from_micros(micros),
                    ping_interval(MIN_WATCHDOG_TIMEOUT, None),
                )),
                is_disabled: false,
            },
            Ok(micros) => WatchdogEnv { timeout: Some(Duration::from_micros(micros)), ..WatchdogEnv::default() },
        }
    }

    /// What to set where the daemon's declaration and its unit do not agree.
    pub(crate) fn mismatch(&self, watchdog_interval: Option<Duration>) -> Option<String> {
        let declared = watchdog_interval?;
        let needed = declared.saturating_mul(2);
        match self.timeout {
            None if self.is_disabled => None,
            None => Some(format!(
                "watchdog_interval is {declared:?}, but the unit has no watchdog: set WatchdogSec={} in it",
                rounded_up(needed)
            )),
            Some(timeout) if timeout < needed => Some(format!(
                "watchdog_interval is {declared:?}, which needs WatchdogSec={} or more, but the unit says {timeout:?}: \
                 pings are sent every {:?} instead",
                rounded_up(needed),
                ping_interval(timeout, watchdog_interval),
            )),
            Some(_) => None,
        }
    }
}

/// How often to ping: [`PINGS_PER_TIMEOUT`], or more often if `watchdog_interval` says so.
pub(crate) fn ping_interval(timeout: Duration, watchdog_interval: Option<Duration>) -> Duration {
    let longest = timeout.min(MAX_WATCHDOG_TIMEOUT) / PINGS_PER_TIMEOUT;
    let interval = watchdog_interval.map_or(longest, |declared| longest.min(declared));
    interval.max(MIN_WATCHDOG_TIMEOUT / PINGS_PER_TIMEOUT)
}

/// Whether the supervisor's task has run since it was asked to.
#[derive(Debug)]
pub(crate) struct LoopProbe(AtomicBool);

impl LoopProbe {
    pub(crate) fn new() -> Self {
        LoopProbe(AtomicBool::new(true))
    }

    /// The supervisor's task has run.
    pub(crate) fn answer(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether it has run since the last call.
    fn take_answer(&self) -> bool {
        self.0.swap(false, Ordering::Relaxed)
    }
}

/// What to send to the watchdog now.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct PingDecision {
    pub(crate) ping: bool,
    /// Ask systemd to act now. Never with a ping.
    pub(crate) trigger: bool,
    /// What is wrong with the daemon; empty if nothing is.
    pub(crate) reason: String,
}

/// Decides at a fixed interval whether the daemon has earned a ping.
pub(crate) struct WatchdogPinger {
    core: Arc<Core>,
    probe: Arc<LoopProbe>,
    probe_timeout: Duration,
    probed_at: Instant,
    interval: Duration,
    due: Instant,
    /// What was being polled at the last check, and for how many checks before that it was the
    /// same.
    polled: Vec<usize>,
    unchanged_checks: u32,
    /// For how many checks in a row pings were withheld.
    withheld: u32,
    is_triggered: bool,
}

impl WatchdogPinger {
    pub(crate) fn new(core: Arc<Core>, probe: Arc<LoopProbe>, timeout: Duration, interval: Duration) -> Self {
        let now = Instant::now();
        WatchdogPinger {
            core,
            probe,
            probe_timeout: timeout.max(MIN_PROBE_TIMEOUT),
            probed_at: now,
            interval,
            due: now,
            polled: Vec::new(),
            unchanged_checks: 0,
            withheld: 0,
            is_triggered: false,
        }
    }

    /// When [`decide`](WatchdogPinger::decide) is to be called next.
    pub(crate) fn due(&self) -> Instant {
        self.due
    }

    /// Checks the daemon. To be called when it is [`due`](WatchdogPinger::due).
    pub(crate) fn decide(&mut self, now: Instant) -> PingDecision {
        let late_by = now.saturating_duration_since(self.due);
        self.due += self.interval;
        if self.due <= now {
            // A whole interval late, or more: pings in a burst would add nothing.
            self.due = now + self.interval;
        }
        match self.degraded(now, late_by) {
            None => {
                (self.withheld, self.is_triggered) = (0, false);
                PingDecision { ping: true, ..PingDecision::default() }
            }
            Some(DegradedReason { text, is_restarting: true }) => {
                PingDecision { ping: true, trigger: false, reason: text }
            }
            Some(DegradedReason { text, is_restarting: false }) => {
                self.withheld = self.withheld.saturating_add(1);
                let trigger = self.withheld >= CHECKS_BEFORE_TRIGGER && !self.is_triggered;
                PingDecision { ping: false, trigger, reason: text }
            }
        }
    }

    /// `WATCHDOG=trigger` was sent. It is not sent again, since systemd would begin to act anew.
    pub(crate) fn note_triggered(&mut self) {
        self.is_triggered = true;
    }

    /// What is wrong with the daemon, in the same words for as long as it lasts.
    fn degraded(&mut self, now: Instant, late_by: Duration) -> Option<DegradedReason> {
        // A check that is late was paused together with the supervisor's task.
        self.probed_at = self.probed_at.checked_add(late_by).map_or(now, |at| at.min(now));
        if self.probe.take_answer() {
            self.probed_at = now;
            self.core.supervisor.notify_one();
        } else {
            let polled = self.core.poll_marks.polled();
            // Equal once may be chance; equal twice means that the same code is being polled all
            // along.
            self.unchanged_checks = if polled == self.polled { self.unchanged_checks.saturating_add(1) } else { 0 };
            let is_blocked = self.unchanged_checks > 1;
            let factor = if is_blocked { 1 } else { BUSY_FACTOR };
            self.polled = polled;
            if now.duration_since(self.probed_at) > self.probe_timeout.saturating_mul(factor) {
                let limit = self.probe_timeout;
                let text = format!("runtime blocked: the supervisor task has not run for more than {limit:?}");
                return Some(DegradedReason { text, is_restarting: false });
            }
        }
        let stale = self.core.try_restart(CheckTiming { interval: self.interval, late_by })?;
        Some(DegradedReason { text: stale.text(&self.core), is_restarting: stale.is_restarting() })
    }
}

/// Why the daemon is not well.
struct DegradedReason {
    text: String,
    /// A restart may yet help, so the ping is sent all the same.
    is_restarting: bool,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::board::{Board, Id};
    use crate::core::names::ServiceNames;
    use crate::core::stop_order::StopOrder;

    fn timeout(usec: &str) -> (Option<Duration>, bool) {
        let env = WatchdogEnv::parse(Some(usec), None, 1);
        (env.timeout, env.warning.is_some())
    }

    #[test]
    fn f88_watchdog_usec_out_of_range_is_disabled_or_clamped() {
        assert_eq!(timeout("0"), (None, false));
        assert_eq!(timeout("soon"), (None, true));
        assert_eq!(timeout("-1"), (None, true));
        assert_eq!(timeout("1"), (Some(MIN_WATCHDOG_TIMEOUT), true));
        assert_eq!(timeout("18446744073709551615"), (None, false));
        assert_eq!(timeout("18446744073709551616"), (None, true));
        let (long, warned) = timeout("18446744073709551614");
        assert!(!warned && ping_interval(long.unwrap(), None) <= MAX_WATCHDOG_TIMEOUT);
        assert_eq!(timeout("500000"), (Some(Duration::from_millis(500)), false));
    }

    #[test]
    fn f89_watchdog_pid_of_another_process_disables_pings() {
        let env = |pid| WatchdogEnv::parse(Some("500000"), pid, 7);
        assert!(env(Some("7")).timeout.is_some());
        assert!(env(None).timeout.is_some());
        assert_eq!(env(Some("8")), WatchdogEnv { is_disabled: true, ..WatchdogEnv::default() });
        assert!(env(Some("x")).timeout.is_none() && env(Some("x")).warning.is_some());
    }

    #[test]
    fn g29_ping_interval_is_a_quarter_of_the_timeout_or_less() {
        let half = Duration::from_millis(500);
        assert_eq!(ping_interval(half, None), half / 4);
        assert_eq!(ping_interval(half, Some(Duration::from_secs(5))), half / 4);
        assert_eq!(ping_interval(half, Some(Duration::from_millis(50))), Duration::from_millis(50));
        assert!(ping_interval(MIN_WATCHDOG_TIMEOUT, None) > Duration::ZERO);
    }

    /// For how long pings go on while the supervisor does not run and `polled` says what is polled
    /// at each check.
    fn pings_without_an_answer(polled: impl Fn(u32) -> Id) -> Duration {
        let board = Board::new(vec![Vec::new(); 2], 16);
        let core = Arc::new(Core::new(
            "d".into(),
            ServiceNames::of_names(["a", "b"]),
            board,
            StopOrder::new(&vec![Vec::new(); 2]),
        ));
        let step = Duration::from_millis(125);
        let mut pinger = WatchdogPinger::new(core.clone(), Arc::new(LoopProbe::new()), 4 * step, step);
        let begun = Instant::now();
        let pings = |check: &u32| core.poll_marks.during(polled(*check), || pinger.decide(begun + step * *check).ping);
        (0..1000).take_while(pings).last().map_or(Duration::ZERO, |check| step * check)
    }

    #[tokio::test]
    async fn g30_probe_of_a_busy_runtime_has_ten_times_as_long_as_of_a_blocked_one() {
        assert_eq!(pings_without_an_answer(|_| 0), MIN_PROBE_TIMEOUT);
        assert_eq!(pings_without_an_answer(|check| check % 2), MIN_PROBE_TIMEOUT * BUSY_FACTOR);
    }

    #[tokio::test]
    async fn g57_pause_of_the_process_counts_for_no_probe() {
        let board = Board::new(vec![Vec::new(); 1], 16);
        let core = Arc::new(Core::new("d".into(), ServiceNames::of_names(["a"]), board, StopOrder::new(&[Vec::new()])));
        let step = Duration::from_millis(125);
        let mut pinger = WatchdogPinger::new(core, Arc::new(LoopProbe::new()), 4 * step, step);
        let mut now = Instant::now();
        let healthy = PingDecision { ping: true, ..PingDecision::default() };
        // Three pauses, each of which comes after the probe and before the answer.
        for pause in [0, 3, 3600, 3] {
            now += step + Duration::from_secs(pause);
            assert_eq!(pinger.decide(now), healthy, "after {pause} s");
        }
        let checks = (0..100).take_while(|_| {
            now += step;
            pinger.decide(now).ping
        });
        assert!((4..=8).contains(&checks.count()), "a supervisor that does not run while the process does is found");
    }

    #[test]
    fn watchdog_interval_that_does_not_suit_the_unit_says_what_to_set() {
        let declared = Some(Duration::from_secs(5));
        let env = |secs| WatchdogEnv { timeout: Some(Duration::from_secs(secs)), ..WatchdogEnv::default() };
        assert!(env(3).mismatch(declared).unwrap().contains("WatchdogSec=10s"));
        assert!(WatchdogEnv::default().mismatch(declared).unwrap().contains("set WatchdogSec=10s"));
        assert_eq!(env(10).mismatch(declared), None);
        assert_eq!(env(3).mismatch(None), None);
        assert_eq!(WatchdogEnv { is_disabled: true, ..WatchdogEnv::default() }.mismatch(declared), None);
    }
}
