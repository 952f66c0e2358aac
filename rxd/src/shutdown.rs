//! The steps of a daemon's stop.
//!
//! The supervisor's task takes them or, if it gets no thread, the monitor's thread. Each step does
//! nothing if the other has taken it before.
//!
//! Waits that need a runtime are not here but in the supervisor: for the end of the engines' tasks,
//! of the admin listener, and of the thread that notifies systemd.
//!
//! # Steps
//!
//! 1. [`drain`](Stopping::drain) fixes the deadline, and notifies the service manager. If the daemon
//!    drains, its services go on until that is over.
//! 2. [`begin`](Stopping::begin) cancels the services that have to wait for no other service. Each
//!    Exit releases further services.
//! 3. [`force`](Stopping::force), once the deadline is exceeded or a second signal arrives: all
//!    limits are zero. [`force_without_order`](Stopping::force_without_order) also cancels the
//!    services that still wait for others to stop.
//! 4. [`abandon`](Stopping::abandon) publishes Exit for the services that are left.
//! 5. [`note_undropped`](Stopping::note_undropped) notes the services whose value blocks a thread
//!    while it is dropped.
//! 6. [`report`](Stopping::report) makes the report and hands it out, once.
//!
//! # Lock order
//!
//! The locks of `progress` and `running` are never held at the same time, and neither while a step
//! calls anything else.

use crate::board::{Id, signal};
use crate::core::{Core, FailureDetail};
use crate::exit::{RunningDaemon, exit_within_limit};
use crate::lifecycle::backoff::later;
use crate::lifecycle::state::{Cause, State};
use crate::panic::{self, emit};
use crate::platform::signal_name;
use crate::report::{Report, ServiceReport, ShutdownReason};
use crate::sync::Mutex;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;
use tracing::Level;

/// How long services have to drop what they are doing once the shutdown is forced by the
/// supervisor.
///
/// In the first half they stop in order. In the next quarter they stop without it, since a service
/// that blocks must not hold back those that stop after it. The last quarter is for their tasks to
/// end, after the services that are left were abandoned.
pub(crate) const SETTLE: Duration = Duration::from_millis(100);

/// The stop of one daemon. See the [module](self).
#[derive(Debug)]
pub(crate) struct Stopping {
    core: Arc<Core>,
    notice: Notice,
    limits: StopLimits,
    exit_code: u8,
    /// Whether the process ends with the daemon.
    ends_process: bool,
    progress: Mutex<StopProgress>,
    /// None once there is a report.
    running: Mutex<Option<RunningDaemon>>,
}

/// How long the two parts of a stop may take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct StopLimits {
    /// How long the daemon drains after a signal.
    pub(crate) drain_at_signal: Duration,
    /// How long it drains after another request.
    pub(crate) drain_at_request: Duration,
    /// How long its services may take to stop, after that.
    pub(crate) shutdown_timeout: Duration,
}

/// Notifies the service manager that the daemon stops, and within which time.
pub(crate) struct Notice(pub(crate) Box<dyn Fn(Duration) + Send + Sync>);

impl std::fmt::Debug for Notice {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Notice")
    }
}

/// Writes one log record.
pub(crate) type Record = Box<dyn FnOnce() + Send>;

/// Has a record written elsewhere: a log that makes its writers wait must not delay the stop.
pub(crate) type Write<'a> = &'a dyn Fn(Level, Record);

/// How far the stop has come.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct StopProgress {
    /// The deadline of the stop, once it has begun.
    pub(crate) deadline: Option<Instant>,
    /// The shutdown is forced: all limits are zero.
    pub(crate) forced: bool,
}

impl Stopping {
    pub(crate) fn new(
        core: Arc<Core>,
        notice: Notice,
        running: RunningDaemon,
        (limits, exit_code): (StopLimits, u8),
        ends_process: bool,
    ) -> Self {
        let (progress, running) = (Mutex::default(), Mutex::new(Some(running)));
        Stopping { core, notice, limits, exit_code, ends_process, progress, running }
    }

    pub(crate) fn progress(&self) -> StopProgress {
        *self.progress.lock()
    }

    pub(crate) fn timeout(&self) -> Duration {
        self.limits.shutdown_timeout
    }

    /// Fixes the deadline of the stop, and notifies the service manager. Returns until when the
    /// daemon drains, if it does.
    pub(crate) fn drain(&self, write: Write<'_>) -> Option<Instant> {
        // Without a reason every service is in Exit: there is nothing to stop.
        let reason = self.core.shutting_down();
        let time = match reason {
            Some(ShutdownReason::Signal(_)) => self.limits.drain_at_signal,
            Some(ShutdownReason::Requested) => self.limits.drain_at_request,
            _ => Duration::ZERO,
        };
        let within = time.saturating_add(self.limits.shutdown_timeout);
        let mut progress = self.progress.lock();
        if progress.deadline.is_none() {
            progress.deadline = Some(later(within));
            // Under the lock: the other thread that may be here must not take the drain for over.
            if !time.is_zero() {
                self.core.begin_drain(later(time));
            }
            drop(progress);
            if !time.is_zero() {
                self.core.notify_advanced();
            }
            (self.notice.0)(within.saturating_add(SETTLE));
            if let Some(reason) = reason {
                // Before the signals, so that the log has the cause before its effects.
                self.log_reason(reason, time, write);
            }
        }
        self.core.drains_until()
    }

    fn log_reason(&self, reason: ShutdownReason, drain: Duration, write: Write<'_>) {
        let what = match drain.is_zero() {
            true => "stopping".to_owned(),
            false => format!("draining for {drain:?}, then stopping"),
        };
        match reason {
            ShutdownReason::Signal(number) => {
                let name = signal_name(number).unwrap_or("a signal");
                write(Level::INFO, Box::new(move || emit!(INFO, target: "rxd", signal = number, name, "{what}")))
            }
            ShutdownReason::Service(id) => {
                let service = self.core.name(id).clone();
                write(
                    Level::ERROR,
                    Box::new(move || {
                        emit!(ERROR, target: "rxd", "stopping: service `{service}` failed");
                    }),
                );
            }
            ShutdownReason::StartFailed => {
                write(Level::ERROR, Box::new(|| emit!(ERROR, target: "rxd", "stopping: the start failed")));
            }
            ShutdownReason::Requested => {
                #[cfg(feature = "admin")]
                if let Some(reason) = self.core.stop_reason.get().cloned() {
                    return write(Level::INFO, Box::new(move || emit!(INFO, target: "rxd", %reason, "{what}")));
                }
                write(Level::INFO, Box::new(move || emit!(INFO, target: "rxd", "{what}")));
            }
        }
    }

    /// Begins the stop: cancels the services that have to wait for no other service. Returns the
    /// deadline. A drain is over with it.
    pub(crate) fn begin(&self, write: Write<'_>) -> Instant {
        let drained_until = self.drain(write);
        let mut progress = self.progress.lock();
        let latest = later(self.limits.shutdown_timeout);
        let deadline = progress.deadline.unwrap_or(latest);
        if !self.core.begin_stop() {
            return deadline;
        }
        // Earlier, if the drain was cut short.
        let deadline = deadline.min(latest);
        progress.deadline = Some(deadline);
        drop(progress);
        if let Some(until) = drained_until {
            let what = if Instant::now() < until { "the drain was cut short" } else { "the drain is over" };
            write(Level::INFO, Box::new(move || emit!(INFO, target: "rxd", "stopping: {what}")));
        }
        if self.core.shutting_down().is_some() {
            self.core.board.raise_all(&self.core.stop_order.begin(), signal::SHUTDOWN);
        }
        self.core.notify_advanced();
        deadline
    }

    /// The first half of a forced stop: all limits are zero. Returns false if it was forced
    /// already.
    pub(crate) fn force(&self) -> bool {
        let was_forced = std::mem::replace(&mut self.progress.lock().forced, true);
        self.core.board.raise_all(&self.all(), signal::KILL);
        !was_forced
    }

    /// The second half: also cancels the services that still wait for others to stop.
    pub(crate) fn force_without_order(&self) {
        self.core.board.raise_all(&self.all(), signal::KILL | signal::SHUTDOWN);
    }

    fn all(&self) -> Vec<Id> {
        self.core.board.ids()
    }

    /// Publishes Exit for the services that are not in Exit.
    pub(crate) fn abandon(&self, write: Write<'_>) {
        if self.core.stop_order.left() == 0 {
            return;
        }
        for id in self.all() {
            let state = self.core.board.status(id).state;
            let blocks = self.core.poll_marks.is_polled(id);
            // Its engine was not polled since the signal was raised: other code holds all threads.
            let starved = !blocks && state != State::Stop && !self.core.board.service(id).is_latched();
            if let Some(seq) = self.core.board.abandon(id) {
                self.core.note(id, |detail| {
                    (detail.overrun, detail.blocks, detail.starved) = (Some(state), blocks, starved);
                });
                let name = self.core.name(id).clone();
                write(
                    Level::ERROR,
                    Box::new(move || {
                        let service = &*name;
                        emit!(DEBUG, target: "rxd::state", service, state = "exit", transition = "entering", seq);
                        match (blocks, starved) {
                            (true, _) => {
                                emit!(ERROR, target: "rxd", service, "abandoned: it blocks its thread in {state}")
                            }
                            (_, true) => {
                                emit!(ERROR, target: "rxd", service, "abandoned: no thread was free to stop it on")
                            }
                            _ => emit!(ERROR, target: "rxd", service, "abandoned: it did not leave {state} in time"),
                        }
                    }),
                );
            }
        }
    }

    /// Notes the services whose value is still being dropped, and so blocks a thread of the
    /// runtime.
    pub(crate) fn note_undropped(&self, write: Write<'_>) {
        for id in self.all().into_iter().filter(|&id| self.core.poll_marks.is_polled(id)) {
            if !self.core.detail(id, |detail| detail.overrun.is_some()) {
                let service = self.core.name(id).clone();
                write(
                    Level::ERROR,
                    Box::new(move || {
                        emit!(ERROR, target: "rxd", service = &*service, "abandoned: dropping its value blocks its thread");
                    }),
                );
                self.core.note(id, |detail| (detail.overrun, detail.blocks) = (Some(State::Exit), true));
            }
        }
    }

    /// Hands out this report, unless that has happened before.
    pub(crate) fn hand_out(&self, report: Report) {
        if self.core.report.borrow().is_none() {
            self.send(report);
        }
    }

    /// Hands out a report without details, if there is none yet: the runtime was dropped before the
    /// supervisor had finished.
    pub(crate) fn report_lost(&self) {
        if self.core.report.borrow().is_none() {
            self.send(Report::lost(self.core.daemon.clone()));
        }
    }

    fn send(&self, report: Report) {
        // First this, so that a signal which arrives after the report ends the process.
        let running = self.running.lock().take();
        if let Some(running) = running {
            running.ended(report.is_ok());
        }
        if self.ends_process {
            exit_within_limit(report.exit_code());
        }
        let send = |slot: &mut Option<Report>| {
            let is_first = slot.is_none();
            slot.get_or_insert(report);
            is_first
        };
        // Waking the tasks that wait for the report may run code of the user's.
        panic::ignore(|| self.core.report.send_if_modified(send));
    }

    pub(crate) fn make_report(&self) -> Report {
        let (_, statuses) = self.core.board.statuses();
        let failures = self.core.failures();
        // By their places in the report.
        let mut order = Vec::with_capacity(failures.len());
        for failure in failures {
            order.extend(statuses.iter().position(|(id, _)| id == failure).map(|at| at as u32));
        }
        let mut failed = vec![false; statuses.len()];
        order.iter().for_each(|&at| failed[at as usize] = true);
        let services = statuses.iter().enumerate().map(|(at, (id, status))| {
            let (error, overrun, tasks, [blocks, starved]) = self.core.detail(id, |detail| {
                let FailureDetail { error, overrun, overrun_tasks, blocks, starved, .. } = detail;
                (error.clone(), *overrun, overrun_tasks.clone(), [*blocks, *starved])
            });
            ServiceReport {
                name: self.core.name(id).clone(),
                cause: status.cause,
                error,
                restarts: status.restarts,
                failed: failed[at],
                abandoned_in: overrun.or((status.cause == Cause::Abandoned).then_some(State::Unknown)),
                tasks,
                blocks,
                starved,
            }
        });
        Report {
            daemon: self.core.daemon.clone(),
            reason: self.core.shutting_down(),
            services: services.collect(),
            order,
            exit_code: self.exit_code,
            start_failure: self.core.start_failure.get().cloned(),
            lost: false,
        }
    }
}
