//! Heartbeats: which services in Run have missed theirs, and what is done about that.
//!
//! A service with `heartbeat = "2s"` must call [`Context::heartbeat`](crate::Context::heartbeat) at
//! least once per period while it is in Run. This module compares the last call with the clock. It
//! does not detect code that blocks a thread (`core::poll_marks` does), and it sends nothing to
//! systemd: the watchdog's thread asks here before each ping.
//!
//! Two kinds of callers ask:
//!
//! * One *periodic checker* per daemon, at a fixed interval, by [`Core::try_restart`] or
//!   [`Core::log_newly_stale`]. It is the thread that pings systemd's watchdog; without a watchdog
//!   it is the [`HeartbeatTask`]. Only the periodic checker requests restarts, and only it moves
//!   silences on for pauses.
//! * The admin route in between, by [`Core::stale`], which changes nothing.
//!
//! # Invariants
//!
//! 1. A service without a `heartbeat` is never looked at, and a service outside Run is never stale.
//! 2. A stale service is restarted at most once until its next heartbeat.
//! 3. `Core::log_newly_stale` logs a service once per stale period.
//!
//! # Pauses
//!
//! SIGSTOP, a freezer, a debugger or the migration of a virtual machine stop the services and the
//! periodic checker alike, while the clock goes on. No service can call `heartbeat` then, so that
//! time must not count:
//!
//! 1. The periodic checker says how late its own check is.
//! 2. That time is taken off the silence of every service.
//! 3. A check that is late by more than a quarter of a service's period gives this service a whole
//!    period from now on, once until its next heartbeat. Only once: on a machine on which every
//!    check is late, a wedged service is still found.
//! 4. A service that was stale before the pause stays stale.
//!
//! # Lock order
//!
//! The lock of the [`HeartbeatMonitor`] comes before the board's and that of the added services, which
//! are taken under it to read where a service is. Logging and requesting a restart come after both are released.

use crate::board::Id;
use crate::core::{Core, Reply, ServiceCommand};
use crate::lifecycle::options::{OnStale, Options, STOP_LIMIT};
use crate::lifecycle::state::State;
use crate::panic::emit;
use crate::sync::Mutex;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::task::JoinHandle;
use tokio::time::{Instant, MissedTickBehavior, interval};

/// A check that is late by more than this part of a period (a quarter) may have kept the service
/// from its heartbeat.
const LATE_PART_OF_PERIOD: u32 = 4;

/// How often the [`HeartbeatTask`] checks within the shortest period.
const CHECKS_PER_PERIOD: u32 = 4;

/// The services of one daemon that declared a heartbeat.
#[derive(Debug, Default)]
pub(crate) struct HeartbeatMonitor {
    on_stale: OnStale,
    services: Vec<Heartbeat>,
    /// When the periodic checker checked last, and its interval.
    last_check: Option<(Duration, Duration)>,
    /// Since when the admin route has found the periodic checker late.
    late_since: Option<Duration>,
}

/// The timing of one check by the periodic checker.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CheckTiming {
    /// The time between two checks.
    pub(crate) interval: Duration,
    /// How long after it was due this check happens.
    pub(crate) late_by: Duration,
}

/// One service that declared a heartbeat.
#[derive(Debug)]
struct Heartbeat {
    id: Id,
    period: Duration,
    /// How long a restart may take to get the service out of Run.
    restart_timeout: Duration,
    last_restart: Option<LastRestart>,
    silence: SilentTime,
    /// Whether this stale period was logged.
    is_logged: bool,
}

/// A restart that was requested because of a missing heartbeat.
#[derive(Clone, Copy, Debug)]
struct LastRestart {
    /// Which Run it ends: the sequence number of the transition into it.
    run: u64,
    requested_at: Duration,
    /// By when the service must have left that Run.
    deadline: Duration,
}

/// How long a service has been silent, without the time for which the process was paused.
#[derive(Clone, Copy, Debug, Default)]
struct SilentTime {
    /// Its last heartbeat as of the last check, or when it entered Run.
    sign: Duration,
    /// From when on the silence counts: `sign`, moved on by each pause.
    since: Duration,
    /// A pause since `sign` has given it a whole period.
    is_extended: bool,
}

/// A service in Run without a heartbeat within its period.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct StaleService {
    pub(crate) id: Id,
    period: Duration,
    /// Which Run: the sequence number of the transition into it.
    run: u64,
    attempt: RestartAttempt,
}

/// Whether a restart may end the stale period. The worse comes later.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum RestartAttempt {
    /// A restart was requested, and still has time.
    UnderWay,
    /// A restart is to be requested.
    Due,
    /// No restart will be requested: none is declared, or the last one did not help.
    Spent,
}

impl StaleService {
    /// Whether a restart is due or under way.
    pub(crate) fn is_restarting(&self) -> bool {
        self.attempt != RestartAttempt::Spent
    }

    /// Says what is wrong, in the same words for as long as it lasts.
    pub(crate) fn text(&self, core: &Core) -> String {
        let verb = if self.is_restarting() { "is being restarted" } else { "is stale" };
        format!("{} {verb}: no heartbeat within {:?}", core.name(self.id), self.period)
    }
}

impl HeartbeatMonitor {
    /// `options` are those of all services, in order.
    pub(crate) fn new<'a>(on_stale: OnStale, options: impl Iterator<Item = &'a Options>) -> HeartbeatMonitor {
        let mut services = Vec::new();
        for (id, options) in options.enumerate() {
            if options.heartbeat.is_some() {
                services.extend(Heartbeat::new(id as Id, options));
            }
        }
        HeartbeatMonitor { on_stale, services, last_check: None, late_since: None }
    }

    /// The shortest period, if a service has one.
    fn shortest_period(&self) -> Option<Duration> {
        self.services.iter().map(|service| service.period).min()
    }

    /// Begins a check of the periodic checker: takes off the time for which the process was paused.
    fn begin_check(&mut self, core: &Core, timing: CheckTiming) {
        let now = core.uptime();
        let before = self.last_check.map(|(at, _)| at);
        self.services.retain(|service| core.is_there(service.id));
        self.services.iter_mut().for_each(|service| service.exclude_pause(core, (before, now), timing.late_by));
        self.last_check = Some((now, timing.interval));
        self.late_since = None;
    }

    /// The services that have become stale since the last check, and that no restart will help.
    fn newly_stale(&mut self, core: &Core, timing: CheckTiming) -> Vec<StaleService> {
        self.begin_check(core, timing);
        let (now, on_stale) = (core.uptime(), self.on_stale);
        let mut newly_stale = Vec::new();
        for service in &mut self.services {
            let stale = service.stale(core, now, on_stale, Duration::ZERO);
            let was_logged = std::mem::replace(&mut service.is_logged, stale.is_some());
            if let Some(stale) = stale.filter(|_| !was_logged) {
                newly_stale.push(stale);
            }
        }
        newly_stale
    }

    /// The worst of the services that are stale at this moment.
    ///
    /// After a pause the admin route may ask before the periodic checker has checked. It then waits
    /// for the checker for one period of the service. It waits no longer, since the checker may be
    /// a task on a thread that is blocked.
    pub(crate) fn stale(&mut self, core: &Core) -> Option<StaleService> {
        let now = core.uptime();
        let due = |(at, interval): (Duration, Duration)| at.saturating_add(interval);
        let late_by = self.last_check.map_or(Duration::ZERO, |last| now.saturating_sub(due(last)));
        let on_stale = self.on_stale;
        let late_since = &mut self.late_since;
        let stale = self.services.iter().filter_map(|service| {
            let is_late = late_by > service.period / LATE_PART_OF_PERIOD;
            let from = if is_late { *late_since.get_or_insert(now) } else { Duration::ZERO };
            service.stale(core, now, on_stale, from)
        });
        stale.reduce(|worst, stale| if stale.attempt > worst.attempt { stale } else { worst })
    }

    /// As [`stale`](HeartbeatMonitor::stale), for the periodic checker. If a restart is due, it is
    /// recorded as requested, and the caller must request it.
    fn check(&mut self, core: &Core, timing: CheckTiming) -> Option<StaleService> {
        self.begin_check(core, timing);
        let stale = self.stale(core)?;
        if stale.attempt == RestartAttempt::Due {
            let service = self.services.iter_mut().find(|service| service.id == stale.id)?;
            let requested_at = core.uptime();
            let deadline = requested_at.saturating_add(service.restart_timeout);
            service.last_restart = Some(LastRestart { run: stale.run, requested_at, deadline });
        }
        Some(stale)
    }
}

impl Core {
    /// Monitors these heartbeats from now on. Called once, before the services start.
    pub(crate) fn monitor_heartbeats(&self, monitor: HeartbeatMonitor) {
        self.extensions.insert(Mutex::new(monitor));
    }

    /// Monitors the heartbeats of a service that is added, if it has any, until it is removed.
    pub(crate) fn monitor_added(&self, id: Id, options: &Options) {
        let heartbeat = Heartbeat::new(id, options);
        self.heartbeats(|monitor| monitor.services.extend(heartbeat));
    }

    /// The shortest period of a heartbeat; the longest time if there is none.
    pub(crate) fn shortest_heartbeat(&self) -> Duration {
        self.heartbeats(|monitor| monitor.shortest_period()).unwrap_or(Duration::MAX)
    }

    /// Calls `read` with the monitor; the default if no service has a heartbeat.
    fn heartbeats<T: Default>(&self, read: impl FnOnce(&mut HeartbeatMonitor) -> T) -> T {
        let monitor = self.extensions.get::<Mutex<HeartbeatMonitor>>();
        monitor.map(|monitor| read(&mut monitor.lock())).unwrap_or_default()
    }

    /// The worst of the services that are stale at this moment.
    #[cfg_attr(not(feature = "admin"), allow(dead_code, reason = "only the admin route asks"))]
    pub(crate) fn stale(&self) -> Option<StaleService> {
        self.heartbeats(|heartbeats| heartbeats.stale(self))
    }

    /// As [`stale`](Core::stale), for the periodic checker: requests a restart if one is due.
    pub(crate) fn try_restart(&self, timing: CheckTiming) -> Option<StaleService> {
        let stale = self.heartbeats(|heartbeats| heartbeats.check(self, timing))?;
        if stale.attempt == RestartAttempt::Due {
            // The service logs it as its failure.
            self.send_request(stale.id, ServiceCommand::RestartStale, Reply::Unawaited);
        }
        Some(stale)
    }

    /// Logs each service that has become stale since the last check. For the periodic checker,
    /// where nothing else is done about stale services.
    pub(crate) fn log_newly_stale(&self, timing: CheckTiming) {
        let newly_stale = self.heartbeats(|heartbeats| heartbeats.newly_stale(self, timing));
        for StaleService { id, period, .. } in newly_stale {
            let name = self.name(id);
            let service = &**name;
            emit!(
                WARN, target: "rxd", service,
                "no heartbeat within {period:?}; not restarted, since the daemon does not declare on_stale(restart)"
            );
        }
    }
}

impl Heartbeat {
    /// Of a service that has one.
    fn new(id: Id, options: &Options) -> Option<Heartbeat> {
        Some(Heartbeat {
            id,
            period: options.heartbeat?,
            // Run may take this long to return, and the tasks that it spawned as long again.
            restart_timeout: options.timeouts[3].unwrap_or(STOP_LIMIT).saturating_mul(2),
            last_restart: None,
            silence: SilentTime::default(),
            is_logged: false,
        })
    }

    /// The last call of `Context::heartbeat`, if there was one.
    fn last_beat(&self, core: &Core) -> Option<Duration> {
        // Milliseconds of uptime plus one; 0 before the first call.
        let beat = core.board.service(self.id).beat.load(Ordering::Relaxed);
        (beat > 0).then(|| Duration::from_millis(beat - 1))
    }

    /// The Run that the service is in, and its last sign of life: a heartbeat, or entering that
    /// Run.
    fn last_sign(&self, core: &Core) -> Option<(u64, Duration)> {
        let status = core.board.status(self.id);
        let entered = Duration::from_nanos(status.at);
        status.is_in(State::Run).then(|| (status.seq, self.last_beat(core).unwrap_or_default().max(entered)))
    }

    /// Takes off the time by which a check is late: `before` is when the last check was, if there
    /// was one.
    fn exclude_pause(&mut self, core: &Core, (before, now): (Option<Duration>, Duration), late_by: Duration) {
        if let Some(restart) = &mut self.last_restart {
            restart.deadline = restart.deadline.saturating_add(late_by);
        }
        let Some((_, sign)) = self.last_sign(core) else { return };
        if sign > self.silence.sign {
            self.silence = SilentTime { sign, since: sign, is_extended: false };
        }
        let (period, silence) = (self.period, &mut self.silence);
        if before.is_some_and(|before| before.saturating_sub(silence.since) > period) {
            // Stale before the pause already. A pause must not make the watchdog's pings resume.
        } else if late_by > period / LATE_PART_OF_PERIOD && !silence.is_extended {
            // A periodic service that waits for its next run is silent from when that is due.
            (silence.since, silence.is_extended) = (now.max(silence.since), true);
        } else {
            // Of a periodic service that waits for its next run, the sign is when that is due.
            silence.since = silence.since.saturating_add(late_by).min(now.max(sign));
        }
    }

    /// The service, if it has been silent for longer than its period: since its last sign of life,
    /// and since `from`.
    fn stale(&self, core: &Core, now: Duration, on_stale: OnStale, from: Duration) -> Option<StaleService> {
        let (run, sign) = self.last_sign(core)?;
        let since = if sign > self.silence.sign { sign } else { self.silence.since };
        if now.saturating_sub(since.max(from)) <= self.period {
            return None;
        }
        // A heartbeat after the last restart means that the restart helped: the next one is due
        // again.
        let beat = self.last_beat(core);
        let attempt = match self.last_restart.filter(|restart| beat <= Some(restart.requested_at)) {
            _ if on_stale == OnStale::StopPinging => RestartAttempt::Spent,
            None => RestartAttempt::Due,
            Some(restart) if restart.run == run && now <= restart.deadline => RestartAttempt::UnderWay,
            Some(_) => RestartAttempt::Spent,
        };
        Some(StaleService { id: self.id, period: self.period, run, attempt })
    }
}

/// The periodic checker of a daemon that has no watchdog to ping: restarts stale services, or at
/// least logs them. The task is aborted when this is dropped.
#[derive(Debug)]
pub(crate) struct HeartbeatTask(JoinHandle<()>);

impl HeartbeatTask {
    /// `None` if no service has a heartbeat.
    pub(crate) fn start(core: &Arc<Core>) -> Option<HeartbeatTask> {
        let (period, on_stale) =
            core.heartbeats(|heartbeats| Some((heartbeats.shortest_period()?, heartbeats.on_stale)))?;
        let every = (period / CHECKS_PER_PERIOD).max(Duration::from_millis(1));
        let check = check_heartbeats(core.clone(), every, on_stale);
        Some(HeartbeatTask(crate::spawn::task(&Handle::current(), check)))
    }
}

impl Drop for HeartbeatTask {
    fn drop(&mut self) {
        self.0.abort();
    }
}

async fn check_heartbeats(core: Arc<Core>, every: Duration, on_stale: OnStale) {
    let mut tick = interval(every);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut logged = String::new();
    loop {
        let due = tick.tick().await;
        let timing = CheckTiming { interval: every, late_by: Instant::now().saturating_duration_since(due) };
        if on_stale == OnStale::StopPinging {
            core.log_newly_stale(timing);
            continue;
        }
        let stale = core.try_restart(timing).filter(|stale| !stale.is_restarting());
        let text = stale.map(|stale| stale.text(&core)).unwrap_or_default();
        if text != logged && !text.is_empty() {
            emit!(ERROR, target: "rxd", "{text}; a restart has not helped");
        }
        logged = text;
    }
}

#[cfg(test)]
mod tests;
