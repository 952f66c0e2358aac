//! The stop of a daemon, step by step. Each step may be taken by the supervisor's task or, where that
//! gets no thread, by the monitor's thread; whichever comes second finds that nothing is left to do.
//!
//! What waits for a runtime (the end of tasks, of the admin listener, of the thread that talks to
//! systemd) is the supervisor's alone.

use crate::board::{Id, signal};
use crate::core::Core;
use crate::exit::{RunningDaemon, exit_within_limit};
use crate::lifecycle::backoff::later;
use crate::lifecycle::state::{Cause, State};
use crate::panic::{self, emit};
use crate::report::{Report, ServiceReport, ShutdownReason};
use crate::sync::Mutex;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;
use tracing::Level;

/// How long services have to drop what they are doing once the deadline is exceeded: half of it in
/// their order, the other half without, since one that blocks must not keep those behind it.
pub(crate) const SETTLE: Duration = Duration::from_millis(100);

/// The stop of one daemon. See the module.
#[derive(Debug)]
pub(crate) struct Stopping {
    core: Arc<Core>,
    notice: Notice,
    shutdown_timeout: Duration,
    exit_code: u8,
    /// Whether the process ends with the daemon.
    ends_process: bool,
    progress: Mutex<StopProgress>,
    /// Until there is a report.
    running: Mutex<Option<RunningDaemon>>,
}

/// Says to a service manager that the daemon stops, and within how long.
pub(crate) struct Notice(pub(crate) Box<dyn Fn(Duration) + Send + Sync>);

impl std::fmt::Debug for Notice {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Notice")
    }
}

/// Writes one record of the log.
pub(crate) type Record = Box<dyn FnOnce() + Send>;

/// How a step has a record written: not by itself, since a log that makes its writers wait must not hold up
/// the stop.
pub(crate) type Write<'a> = &'a dyn Fn(Level, Record);

/// How far it has come.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct StopProgress {
    /// When everything has to be over, once the stop has begun.
    pub(crate) deadline: Option<Instant>,
    /// The deadline is exceeded: all limits are zero.
    pub(crate) forced: bool,
}

impl Stopping {
    pub(crate) fn new(
        core: Arc<Core>,
        notice: Notice,
        running: RunningDaemon,
        (shutdown_timeout, exit_code): (Duration, u8),
        ends_process: bool,
    ) -> Self {
        let (progress, running) = (Mutex::default(), Mutex::new(Some(running)));
        Stopping { core, notice, shutdown_timeout, exit_code, ends_process, progress, running }
    }

    pub(crate) fn progress(&self) -> StopProgress {
        *self.progress.lock()
    }

    pub(crate) fn timeout(&self) -> Duration {
        self.shutdown_timeout
    }

    /// Begins the stop: the services that no other has to stop before are cancelled. The deadline.
    pub(crate) fn begin(&self, write: Write<'_>) -> Instant {
        let mut progress = self.progress.lock();
        if let Some(deadline) = progress.deadline {
            return deadline;
        }
        let deadline = later(self.shutdown_timeout);
        progress.deadline = Some(deadline);
        drop(progress);
        (self.notice.0)(self.shutdown_timeout.saturating_add(SETTLE));
        // Without a reason every service is in Exit: there is nothing to stop.
        let Some(reason) = self.core.shutting_down() else { return deadline };
        self.core.board.raise_all(&self.core.stop_order.begin(), signal::SHUTDOWN);
        match reason {
            ShutdownReason::Signal(number) => {
                write(Level::INFO, Box::new(move || emit!(INFO, target: "rxd", signal = number, "stopping")))
            }
            ShutdownReason::Service(id) => {
                let service = self.core.name(id).clone();
                write(
                    Level::ERROR,
                    Box::new(move || {
                        emit!(ERROR, target: "rxd", "stopping: service `{service}` reached its restart limit");
                    }),
                );
            }
            ShutdownReason::Requested => write(Level::INFO, Box::new(|| emit!(INFO, target: "rxd", "stopping"))),
        }
        deadline
    }

    /// The first half of a forced stop: all limits are zero. False if another thread has forced it already.
    pub(crate) fn force(&self) -> bool {
        let was_forced = std::mem::replace(&mut self.progress.lock().forced, true);
        self.core.board.raise_all(&self.all(), signal::KILL);
        !was_forced
    }

    /// The second half: also those that wait for another one to stop first.
    pub(crate) fn force_without_order(&self) {
        self.core.board.raise_all(&self.all(), signal::KILL | signal::SHUTDOWN);
    }

    fn all(&self) -> Vec<Id> {
        (0..self.core.board.len() as Id).collect()
    }

    /// Publishes Exit for the services that have not.
    pub(crate) fn abandon(&self, write: Write<'_>) {
        if self.core.stop_order.left() == 0 {
            return;
        }
        for id in self.all() {
            let state = self.core.board.status(id).state;
            let blocks = self.core.poll_marks.is_polled(id);
            // Its engine has not been polled since it was to stop: others hold the thread that it waits for.
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

    /// Notes the services whose value is still being dropped, which hold a thread of the runtime.
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

    /// Hands the report to those who wait for it, unless that was done before.
    pub(crate) fn report(&self) {
        self.send(|| self.make_report());
    }

    /// The runtime was dropped under the supervisor: unless there is a report, nothing more is known.
    pub(crate) fn report_lost(&self) {
        self.send(|| Report::lost(self.core.daemon.clone()));
    }

    fn send(&self, make: impl FnOnce() -> Report) {
        if self.core.report.borrow().is_some() {
            return;
        }
        let report = make();
        // First, so that a signal which follows the report ends the process.
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
        // To wake those who wait for it may run code of the user's.
        let _ = panic::catch(|| self.core.report.send_if_modified(send));
    }

    pub(crate) fn make_report(&self) -> Report {
        let (_, statuses) = self.core.board.statuses();
        let failures = self.core.failures();
        let mut failed = vec![false; statuses.len()];
        failures.iter().for_each(|&id| failed[id as usize] = true);
        let services = statuses.iter().enumerate().map(|(id, status)| {
            let id = id as Id;
            let (error, overrun, blocks, starved) =
                self.core.detail(id, |detail| (detail.error.clone(), detail.overrun, detail.blocks, detail.starved));
            ServiceReport {
                name: self.core.name(id).clone(),
                cause: status.cause,
                error,
                restarts: status.restarts,
                failed: failed[id as usize],
                abandoned_in: overrun.or((status.cause == Cause::Abandoned).then_some(State::Unknown)),
                blocks,
                starved,
            }
        });
        Report {
            daemon: self.core.daemon.clone(),
            reason: self.core.shutting_down(),
            services: services.collect(),
            order: failures,
            exit_code: self.exit_code,
            lost: false,
        }
    }
}
