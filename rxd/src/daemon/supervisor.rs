//! The supervisor: the one task that handles signals and reloads, and stops the daemon in order and
//! within its limits.
//!
//! It waits for a signal, for the deadline, for a change of the services or of the shutdown, and
//! for the answers of services that reload. While it gets no thread of the runtime, because code of
//! the user's blocks all of them, the monitor's thread takes the steps of the stop in its place;
//! see `shutdown`.

use crate::board::signal;
use crate::core::{Core, Reply};
use crate::daemon::engine_tasks::EngineTasks;
use crate::daemon::lasting::LastingTask;
#[cfg(feature = "process")]
use crate::daemon::orphans::OrphanTask;
use crate::daemon::reload::{Reloads, refuse};
use crate::exit::exit_now;
use crate::lifecycle::backoff::later;
use crate::monitor::MonitorHandle;
use crate::monitor::heartbeat::HeartbeatTask;
use crate::panic::{self, emit};
use crate::race::{Winner, race};
use crate::report::ShutdownReason;
use crate::shutdown::{Record, SETTLE, Stopping};
use crate::signals::{SignalEvent, SignalListener, StopRequests};
use crate::systemd::Systemd;
use crate::text::add_item;
#[cfg(any(test, feature = "test-util"))]
use crate::trace::observer::RunObserver;
use crate::watch::why::Why;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;
use tokio::time::error::Elapsed;
use tokio::time::{Instant, sleep_until, timeout_at};
use tracing::Level;

/// How often the log says what a stop waits for.
const STOP_RECORD_INTERVAL: Duration = Duration::from_secs(5);

/// How many services such a record names.
const MAX_NAMED: usize = 5;

pub(crate) struct Supervisor {
    core: Arc<Core>,
    stopping: Arc<Stopping>,
    tasks: EngineTasks,
    listener: SignalListener,
    monitor: MonitorHandle,
    systemd: Systemd,
    requests: StopRequests,
    reloads: Reloads,
    heartbeats: Option<HeartbeatTask>,
    /// The shortest period for which `heartbeats` was started; the longest time if there is none.
    heartbeat_period: Duration,
    lasting: Option<LastingTask>,
    /// When the daemon has to be ready, if that is limited.
    start_deadline: Option<Instant>,
    start_timeout: Duration,
    #[cfg(any(test, feature = "test-util"))]
    observer: Option<RunObserver>,
    #[cfg(feature = "process")]
    _orphans: Option<OrphanTask>,
    _report_guard: ReportGuard,
}

/// The end of a wait of the supervisor.
enum SupervisorEvent {
    /// A signal asks to stop, for the n-th time.
    StopRequested(u32, i32),
    Deadline,
    /// The services or the shutdown have changed.
    Look,
}

impl Supervisor {
    pub(crate) fn new(
        stopping: Arc<Stopping>,
        core: Arc<Core>,
        tasks: EngineTasks,
        listener: SignalListener,
        monitor: MonitorHandle,
        systemd: Systemd,
    ) -> Self {
        // A signal that came before anything was started counts as the first.
        let requests = StopRequests::new(matches!(core.shutting_down(), Some(ShutdownReason::Signal(_))));
        monitor.carry_through(&stopping);
        Supervisor {
            _report_guard: ReportGuard(stopping.clone()),
            reloads: Reloads::new(&core, stopping.timeout()),
            core,
            stopping,
            tasks,
            listener,
            monitor,
            systemd,
            requests,
            heartbeats: None,
            heartbeat_period: Duration::MAX,
            lasting: None,
            start_deadline: None,
            start_timeout: Duration::ZERO,
            #[cfg(any(test, feature = "test-util"))]
            observer: None,
            #[cfg(feature = "process")]
            _orphans: None,
        }
    }

    /// Limits how long the services may take until the daemon is ready, from now on.
    pub(crate) fn with_start_timeout(self, limit: Option<Duration>) -> Self {
        Supervisor { start_deadline: limit.map(later), start_timeout: limit.unwrap_or_default(), ..self }
    }

    /// Has orphans waited for until the daemon has stopped.
    #[cfg(feature = "process")]
    pub(crate) fn reaping(self, orphans: Option<OrphanTask>) -> Self {
        Supervisor { _orphans: orphans, ..self }
    }

    /// Has the trace of the run checked at its end.
    #[cfg(any(test, feature = "test-util"))]
    pub(crate) fn observed_by(self, observer: Option<RunObserver>) -> Self {
        Supervisor { observer, ..self }
    }

    pub(crate) async fn run(mut self) {
        self.look_at_timers();
        self.until_shutdown().await;
        let begun = Instant::now();
        let second_signal = self.drain().await;
        self.heartbeats = None;
        let end = self.shut_down(second_signal).await;
        self.stopping.abandon(&|level, record| self.monitor.write(level, record));
        // The engine of a service that was asked to shut down ends without a further signal.
        let mut others = self.core.board.ids();
        others.retain(|&id| self.core.board.signals(id) & signal::SHUTDOWN == 0);
        self.core.board.raise_all(&others, signal::OVER);
        // The task of a service that blocks its thread does not end.
        if self.until_tasks_ended(end).await.is_err() {
            self.stopping.note_undropped(&|level, record| self.monitor.write(level, record));
        }
        if let Some(lasting) = self.lasting.take() {
            lasting.end().await;
        }
        // Each wakes tasks, which may run code of the user's.
        #[cfg(feature = "intracom")]
        panic::ignore(|| self.core.intracom.close());
        panic::ignore(|| self.core.board.close());
        self.systemd.finish().await;
        #[cfg(feature = "admin")]
        crate::admin::finish(&self.core).await;
        // Before a test can continue.
        #[cfg(any(test, feature = "test-util"))]
        drop(self.observer.take());
        let report = self.stopping.make_report();
        let (exit_code, took) = (report.exit_code(), whole_millis(begun.elapsed()));
        let has_reason = report.reason.is_some();
        self.write(Level::INFO, move || match has_reason {
            true => emit!(INFO, target: "rxd", took = ?took, exit_code, "stopped"),
            false => emit!(INFO, target: "rxd", exit_code, "stopped: every service has exited"),
        });
        // Waits until the records are written, since the process may end with the report. This wait
        // is limited: no log can prevent the report.
        drop(self.monitor);
        crate::output::finish_hint();
        self.stopping.hand_out(report);
    }

    /// Has a record written by the monitor's thread.
    fn write(&self, level: Level, record: impl FnOnce() + Send + 'static) {
        let record: Record = Box::new(record);
        self.monitor.write(level, record);
    }

    /// Waits for the tasks of the services until `end`. A second signal shortens the wait to
    /// [`SETTLE`], and a third one ends the process.
    async fn until_tasks_ended(&mut self, end: Instant) -> Result<(), Elapsed> {
        let tasks = self.tasks.clone();
        let mut ended = pin!(timeout_at(end, tasks.ended()));
        loop {
            let event = match race(ended.as_mut(), self.listener.next()).await {
                Winner::First(ended) => return ended,
                Winner::Second(event) => event,
            };
            let SignalEvent::Stop(number) = event else { continue };
            match self.requests.count(number) {
                Some(2) => ended.set(timeout_at(later(SETTLE).min(end), tasks.ended())),
                Some(3..) => exit_now(number),
                _ => {}
            }
        }
    }

    /// Runs until every service is in Exit and an operator stopped none of them, or the daemon is to
    /// stop.
    async fn until_shutdown(&mut self) {
        while self.core.shutting_down().is_none() && !self.core.stop_order.is_over() {
            match self.next_event(self.start_deadline).await {
                SupervisorEvent::StopRequested(_, number) => self.core.shut_down(ShutdownReason::Signal(number)),
                SupervisorEvent::Deadline => {
                    self.start_deadline = None;
                    self.end_start();
                }
                SupervisorEvent::Look => self.look_at_timers(),
            }
        }
    }

    /// Starts the tasks that the services need, also for those that were added since the last look.
    fn look_at_timers(&mut self) {
        let period = self.core.shortest_heartbeat();
        if period < self.heartbeat_period && !self.systemd.pings_watchdog() {
            self.heartbeats = HeartbeatTask::start(&self.core);
        }
        self.heartbeat_period = period;
        // A service that has not been asked to stop follows its watches during the shutdown, too.
        if self.lasting.is_none() {
            self.lasting = LastingTask::start(&self.core);
        }
    }

    /// Fails the start if a service that counts has not been ready by its deadline.
    fn end_start(&self) {
        let pending = self.core.not_ready_yet();
        if pending.is_empty() {
            return;
        }
        let limit = self.start_timeout;
        let more = pending.len().saturating_sub(MAX_NAMED);
        let mut text = format!("not ready within {limit:?}");
        for (at, &id) in pending.iter().take(MAX_NAMED).enumerate() {
            text += &format!("{}{}", if at == 0 { ": " } else { "; " }, Why::of(&self.core, id));
        }
        if more > 0 {
            text += &format!("; and {more} more services");
        }
        let record = text.clone();
        self.write(Level::ERROR, move || emit!(ERROR, target: "rxd", "start failed: {record}"));
        let _ = self.core.start_failure.set(text);
        self.core.shut_down(ShutdownReason::StartFailed);
    }

    /// Waits for the next event.
    async fn next_event(&mut self, deadline: Option<Instant>) -> SupervisorEvent {
        self.systemd.answer_probe();
        let core = self.core.clone();
        let deadline = async move {
            match deadline {
                Some(deadline) => sleep_until(deadline).await,
                None => std::future::pending().await,
            }
        };
        let (mut deadline, mut look) = (pin!(deadline), pin!(core.supervisor.notified()));
        poll_fn(|task| {
            while let Poll::Ready(event) = self.listener.poll(task) {
                match event {
                    SignalEvent::Stop(number) => {
                        if let Some(times) = self.requests.count(number) {
                            return Poll::Ready(SupervisorEvent::StopRequested(times, number));
                        }
                    }
                    SignalEvent::Reload => self.reload(Vec::new()),
                }
            }
            self.poll_reloads(task);
            if look.as_mut().poll(task).is_ready() {
                let replies = core.take_reload_requests();
                if !replies.is_empty() {
                    self.reload(replies);
                    self.poll_reloads(task);
                }
                return Poll::Ready(SupervisorEvent::Look);
            }
            deadline.as_mut().poll(task).map(|()| SupervisorEvent::Deadline)
        })
        .await
    }

    // ---- reload --------------------------------------------------------------------------------

    /// Asks every service that overrides `reload` to reload. Requests during a reload are carried
    /// out after it, all by one further reload.
    fn reload(&mut self, mut replies: Vec<Reply>) {
        if self.core.shutting_down().is_some() {
            refuse(&mut replies);
            emit!(INFO, target: "rxd", "not reloading: the daemon is stopping");
            return;
        }
        self.systemd.reloading(self.stopping.timeout());
        match self.reloads.request(replies) {
            Some(0) if !self.reloads.is_under_way() => {
                emit!(INFO, target: "rxd", "reload skipped: no service implements it");
                self.systemd.reloaded(&[]);
            }
            Some(services) => emit!(INFO, target: "rxd", services, "reloading"),
            None => emit!(INFO, target: "rxd", "reload requested during a reload; another one follows"),
        }
    }

    fn poll_reloads(&mut self, task: &mut std::task::Context<'_>) {
        while let Poll::Ready((failed, again)) = self.reloads.poll(task) {
            match &failed[..] {
                [] => emit!(INFO, target: "rxd", "reloaded"),
                failed => emit!(WARN, target: "rxd", "reload failed: {}", failed.join(", ")),
            }
            // A reload that was under way has ended while the daemon drains. None follows it.
            if self.core.shutting_down().is_some() {
                return self.reloads.stop();
            }
            // READY waits for the reload that follows.
            match again {
                true => self.reload(Vec::new()),
                false => self.systemd.reloaded(&failed),
            }
        }
    }

    // ---- shutdown ------------------------------------------------------------------------------

    /// Lets the services go on while the daemon drains. Returns the number of the second signal, if
    /// one has ended that.
    async fn drain(&mut self) -> Option<i32> {
        let until = self.stopping.drain(&|level, record| self.monitor.write(level, record))?;
        while Instant::now() < until && !self.core.is_drain_pointless() {
            match self.next_event(Some(until)).await {
                SupervisorEvent::StopRequested(1, _) | SupervisorEvent::Look | SupervisorEvent::Deadline => {}
                SupervisorEvent::StopRequested(2, number) => return Some(number),
                SupervisorEvent::StopRequested(_, number) => exit_now(number),
            }
        }
        None
    }

    /// Stops the services in order, within the deadline; at once after a second signal. Returns by
    /// when their tasks have to end.
    async fn shut_down(&mut self, second_signal: Option<i32>) -> Instant {
        self.reloads.stop();
        let deadline = self.stopping.begin(&|level, record| self.monitor.write(level, record));
        if let Some(number) = second_signal {
            return self.force_at_signal(number).await;
        }
        let mut next_record = later(STOP_RECORD_INTERVAL);
        while self.core.stop_order.left() > 0 {
            match self.next_event(Some(deadline.min(next_record))).await {
                SupervisorEvent::Deadline if next_record < deadline && Instant::now() < deadline => {
                    self.log_stop();
                    next_record = later(STOP_RECORD_INTERVAL);
                }
                SupervisorEvent::Look | SupervisorEvent::StopRequested(1, _) => {}
                SupervisorEvent::StopRequested(2, number) => return self.force_at_signal(number).await,
                SupervisorEvent::StopRequested(_, number) => exit_now(number),
                SupervisorEvent::Deadline => {
                    let limit = self.stopping.timeout();
                    self.write(Level::ERROR, move || {
                        emit!(ERROR, target: "rxd", "forcing shutdown: the deadline of {limit:?} is exceeded");
                    });
                    return self.force().await;
                }
            }
        }
        deadline.max(later(SETTLE))
    }

    /// Logs which services the stop waits for.
    fn log_stop(&self) {
        let stopping = self.core.stop_order.stopping();
        let more = stopping.len().saturating_sub(MAX_NAMED);
        let mut named = String::new();
        for &id in stopping.iter().take(MAX_NAMED) {
            let state = self.core.board.status(id).state;
            add_item(&mut named, &format!("`{}` (in {state})", self.core.name(id)));
        }
        self.write(Level::INFO, move || match more {
            0 => emit!(INFO, target: "rxd", "the stop waits for {named}"),
            more => emit!(INFO, target: "rxd", "the stop waits for {named} and {more} more"),
        });
    }

    async fn force_at_signal(&mut self, number: i32) -> Instant {
        self.write(Level::WARN, move || emit!(WARN, target: "rxd", signal = number, "forcing shutdown: second signal"));
        self.force().await
    }

    /// Forces the shutdown: all limits are zero from here on. Returns by when the services' tasks
    /// have to end. For the parts of that time, see [`SETTLE`].
    async fn force(&mut self) -> Instant {
        let end = later(SETTLE);
        self.stopping.force();
        self.until_all_exited(end - SETTLE / 2).await;
        self.stopping.force_without_order();
        self.until_all_exited(end - SETTLE / 4).await;
        end
    }

    async fn until_all_exited(&mut self, until: Instant) {
        while self.core.stop_order.left() > 0 {
            match self.next_event(Some(until)).await {
                SupervisorEvent::Look | SupervisorEvent::StopRequested(..=2, _) => {}
                SupervisorEvent::StopRequested(_, number) => exit_now(number),
                SupervisorEvent::Deadline => break,
            }
        }
    }
}

/// Hands out a report, however the supervisor ends.
struct ReportGuard(Arc<Stopping>);

impl Drop for ReportGuard {
    fn drop(&mut self) {
        self.0.report_lost();
    }
}

/// In whole milliseconds, rounded up: no stop takes no time.
fn whole_millis(time: Duration) -> Duration {
    Duration::from_millis(u64::try_from(time.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX))
}
