//! The monitor: one thread per daemon, beside the runtime, that acts where the runtime's threads
//! cannot.
//!
//! User code may block every thread of the runtime, and then no task runs, the supervisor's
//! included. The monitor is a thread with a small separate runtime, in which no service runs.
//! `Daemon::start` starts it, and it ends with the daemon.
//!
//! * It names the services that block their thread.
//! * It carries a stop through if the supervisor's task does not run. (A task that is woken by code
//!   which then blocks waits in the queue of that code's thread, and no other thread takes it from
//!   there.) As long as the supervisor answers in time, the monitor leaves the stop to it.
//! * It writes the records of a stop, since a log may block those who write to it.
//! * While code blocks, it makes another thread of the runtime take over the timers.
//! * It ends the process at the third stop signal.
//!
//! It is not the watchdog: whether heartbeats are on time is for [`heartbeat`], and pings are for
//! `systemd`.
//!
//! # Invariants
//!
//! 1. The monitor's thread writes no record itself: a blocking thread of its runtime does.
//! 2. Each step of a stop is idempotent (`shutdown`), so supervisor and monitor may both
//!    take it.
//! 3. The monitor takes a step of a stop only after the supervisor has had [`TAKEOVER_DELAY`] for
//!    it.
//! 4. While a test has paused the daemon's clock, the supervisor alone acts on the deadline.
//! 5. A record that was handed over is written before the drop of the [`MonitorHandle`] returns. If
//!    the log blocks, the drop returns after twice [`FLUSH_TIMEOUT`] all the same, and records may
//!    be lost.
//!
//! # Memory ordering
//!
//! `unwritten` counts the records that are handed over and not written. A writer's decrement is
//! `Release`, the reads are `Acquire`: a thread that reads zero sees what the writers wrote.

pub(crate) mod heartbeat;

use crate::core::Core;
use crate::core::poll_marks::{BlockedPoll, LOOKS};
use crate::exit::exit_now;
use crate::in_span::ScopedSubscriber;
use crate::panic::{self, emit};
use crate::report::ShutdownReason;
use crate::shutdown::{Record, Stopping};
use crate::signals::{SignalEvent, SignalListener, StopRequests};
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock, Weak};
use std::task::Poll;
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::runtime::{Builder, Handle};
use tokio::sync::{Notify, mpsc, oneshot};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, timeout};
use tracing::Level;
use tracing::level_filters::LevelFilter;

/// How long the records of a stop may take to be written once the daemon has stopped.
const FLUSH_TIMEOUT: Duration = Duration::from_millis(100);

/// How long the supervisor has for a step before the monitor takes it. A stop may last 100 ms
/// beyond its deadline: the monitor forces it within two of these, and waits for six more while it
/// does.
const TAKEOVER_DELAY: Duration = Duration::from_millis(10);

/// How often another thread of the runtime is made to take over the timers while code blocks one.
const TIMER_NUDGE_INTERVAL: Duration = Duration::from_millis(50);

/// How far the daemon's clock may differ from the machine's and still count as not paused.
const CLOCK_TOLERANCE: Duration = Duration::from_millis(5);

/// Takes the place of `blocking_threshold` where that is off: nothing is reported then.
const IDLE_CHECK_INTERVAL: Duration = Duration::from_secs(3600);

/// The monitor as the daemon holds it. Dropped, it ends the thread, and waits for it only if
/// records are left to be written.
#[derive(Debug)]
pub(crate) struct MonitorHandle {
    end: Option<oneshot::Sender<()>>,
    /// `None` if the thread could not be started.
    thread: Option<JoinHandle<()>>,
    unwritten: Arc<AtomicUsize>,
    /// Records that others hand over to be written.
    records: mpsc::UnboundedSender<Record>,
    /// The stop that the thread carries through, once services have started.
    stopping: Arc<OnceLock<Weak<Stopping>>>,
}

impl MonitorHandle {
    /// Starts the thread. It reports polls that last longer than `limit`, if there is one, and
    /// listens to signals.
    pub(crate) fn start(core: &Arc<Core>, limit: Option<Duration>, listener: SignalListener) -> Self {
        let (end, ended) = oneshot::channel();
        let mut builder = Builder::new_current_thread();
        builder.enable_time().max_blocking_threads(1);
        if listener.listens() {
            builder.enable_io();
        }
        let (unwritten, stopping) = (Arc::<AtomicUsize>::default(), Arc::<OnceLock<_>>::default());
        let (records, handed_over) = mpsc::unbounded_channel();
        let monitor = MonitorLoop {
            core: Arc::downgrade(core),
            clock: DaemonClock::of_this_runtime(),
            limit,
            listener,
            requests: StopRequests::new(false),
            records: handed_over,
            stopping: stopping.clone(),
            unwritten: unwritten.clone(),
            written: Arc::default(),
            is_blocked: false,
        };
        let subscriber = core.subscriber.clone();
        let run = move || match builder.build() {
            Ok(runtime) => {
                subscriber.in_scope(|| runtime.block_on(monitor.run(ended)));
                runtime.shutdown_timeout(FLUSH_TIMEOUT);
            }
            Err(error) => log_not_started(&error),
        };
        let thread = crate::spawn::thread("rxd-monitor", run);
        let thread = thread.inspect_err(log_not_started).ok();
        MonitorHandle { end: Some(end), thread, unwritten, records, stopping }
    }

    /// From here on the thread carries this stop through. Called once the services have started.
    pub(crate) fn carry_through(&self, stopping: &Arc<Stopping>) {
        let _ = self.stopping.set(Arc::downgrade(stopping));
    }

    /// Hands a record to the monitor, which writes records in the order in which they come: a log
    /// that blocks must not delay the stop of a daemon. The caller's span and subscriber apply.
    ///
    /// Without a thread the record is written at once.
    pub(crate) fn write(&self, level: Level, record: Record) {
        if level > LevelFilter::current() {
            return;
        }
        if self.thread.is_none() {
            return record();
        }
        let (subscriber, span) = (ScopedSubscriber::current(), tracing::Span::current());
        let record: Record = Box::new(move || {
            panic::ignore(|| subscriber.in_scope(|| span.in_scope(record)));
        });
        self.unwritten.fetch_add(1, Ordering::Relaxed);
        if let Err(unsent) = self.records.send(record) {
            // The thread has ended already.
            (unsent.0)();
            self.unwritten.fetch_sub(1, Ordering::Release);
        }
    }

    fn is_writing(&self) -> bool {
        self.unwritten.load(Ordering::Acquire) > 0
    }
}

impl Drop for MonitorHandle {
    fn drop(&mut self) {
        drop(self.end.take());
        // A thread takes longer to end (70 to 100 us) than many daemons take to stop, and this one
        // holds nothing of the daemon. So it is joined only if it has something to write.
        if let Some(thread) = self.thread.take().filter(|_| self.is_writing()) {
            // The process may end right after the report, so records are written before it. This
            // takes no longer than twice `FLUSH_TIMEOUT`: once for the records, once for the end of
            // the runtime.
            let _ = thread.join();
        }
    }
}

fn log_not_started(error: &std::io::Error) {
    emit!(WARN, target: "rxd", "monitor thread not started: {error}; code that blocks is not reported, and may delay a stop");
}

/// The loop that the thread runs.
struct MonitorLoop {
    core: Weak<Core>,
    clock: DaemonClock,
    limit: Option<Duration>,
    listener: SignalListener,
    requests: StopRequests,
    records: mpsc::UnboundedReceiver<Record>,
    stopping: Arc<OnceLock<Weak<Stopping>>>,
    unwritten: Arc<AtomicUsize>,
    /// Notified after each record that is written.
    written: Arc<Notify>,
    /// Whether some code held a thread at the last two checks.
    is_blocked: bool,
}

/// What the monitor's thread waits for, the most urgent first.
enum MonitorEvent {
    Ended,
    Record(Record),
    Signal(SignalEvent),
    StopRequested,
    Tick(Instant),
    /// The next nudge of the timers of a runtime whose thread is held.
    Nudge,
    /// The time for the next step of a shutdown that the supervisor does not make.
    Takeover,
}

impl MonitorLoop {
    async fn run(mut self, mut ended: oneshot::Receiver<()>) {
        let Some(stop) = self.core.upgrade().map(|core| core.stop_requested.clone()) else { return };
        let every = (self.limit.unwrap_or(IDLE_CHECK_INTERVAL) / LOOKS).max(Duration::from_millis(1));
        let mut tick = interval(every);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (mut is_stopping, mut polled) = (false, Vec::new());
        loop {
            let event = {
                let mut stop_requested = pin!(stop.notified());
                let mut nudge = pin!(sleep(TIMER_NUDGE_INTERVAL));
                // The delay begins anew after each event, and so after each step.
                let mut takeover = pin!(sleep(TAKEOVER_DELAY));
                let wait = poll_fn(|task| {
                    if Pin::new(&mut ended).poll(task).is_ready() {
                        return Poll::Ready(MonitorEvent::Ended);
                    }
                    if let Poll::Ready(Some(record)) = self.records.poll_recv(task) {
                        return Poll::Ready(MonitorEvent::Record(record));
                    }
                    if let Poll::Ready(event) = self.listener.poll(task) {
                        return Poll::Ready(MonitorEvent::Signal(event));
                    }
                    if !is_stopping && stop_requested.as_mut().poll(task).is_ready() {
                        return Poll::Ready(MonitorEvent::StopRequested);
                    }
                    if let Poll::Ready(due) = tick.poll_tick(task) {
                        return Poll::Ready(MonitorEvent::Tick(due));
                    }
                    if self.is_blocked && nudge.as_mut().poll(task).is_ready() {
                        return Poll::Ready(MonitorEvent::Nudge);
                    }
                    match is_stopping {
                        true => takeover.as_mut().poll(task).map(|()| MonitorEvent::Takeover),
                        false => Poll::Pending,
                    }
                });
                wait.await
            };
            match event {
                MonitorEvent::Ended => break,
                MonitorEvent::Record(record) => self.write_handed_over(record),
                MonitorEvent::Signal(event) => self.on_signal(event).await,
                MonitorEvent::StopRequested => is_stopping = true,
                MonitorEvent::Tick(due) => {
                    self.report_blocking(due, every);
                    polled = self.check_polled(&polled);
                }
                MonitorEvent::Nudge => {
                    self.nudge_timers();
                    polled = self.check_polled(&polled);
                }
                MonitorEvent::Takeover => self.carry_through().await,
            }
        }
        while let Ok(record) = self.records.try_recv() {
            self.write_handed_over(record);
        }
        // The end of this runtime drops the writes that have not begun.
        let _ = timeout(FLUSH_TIMEOUT, self.all_written()).await;
    }

    /// Returns what is being polled, and notes whether some of it was already at the last check.
    fn check_polled(&mut self, before: &[usize]) -> Vec<usize> {
        let polled = self.core.upgrade().map(|core| core.poll_marks.polled()).unwrap_or_default();
        self.is_blocked = polled.iter().any(|at| before.contains(at));
        polled
    }

    /// Wakes an idle thread of the runtime, which then drives the timers.
    ///
    /// In tokio one idle thread at a time waits for the next timer. If that thread takes up a task
    /// which blocks, no other thread waits for timers until something wakes one.
    fn nudge_timers(&self) {
        drop(crate::spawn::task(&self.clock.runtime, async {}));
    }

    /// Names the services that block their thread.
    fn report_blocking(&self, due: Instant, every: Duration) {
        let Some(limit) = self.limit else { return };
        let late = due.elapsed() > every;
        let found = self.core.upgrade().map(|core| core.poll_marks.look(&core, late)).unwrap_or_default();
        if found.is_empty() {
            return;
        }
        self.write(Box::new(move || found.iter().for_each(|one: &BlockedPoll| one.log(limit))));
    }

    /// Has a record written by another thread: a log that blocks must not keep this one from
    /// acting.
    fn write(&self, record: Record) {
        let subscriber = ScopedSubscriber::current();
        self.unwritten.fetch_add(1, Ordering::Relaxed);
        self.write_handed_over(Box::new(move || subscriber.in_scope(record)));
    }

    /// As [`write`](MonitorLoop::write), for a record that is counted in `unwritten` already.
    fn write_handed_over(&self, record: Record) {
        let (unwritten, written) = (self.unwritten.clone(), self.written.clone());
        tokio::task::spawn_blocking(move || {
            record();
            unwritten.fetch_sub(1, Ordering::Release);
            written.notify_one();
        });
    }

    async fn all_written(&self) {
        while self.unwritten.load(Ordering::Acquire) > 0 {
            self.written.notified().await;
        }
    }

    /// A signal. The supervisor gets it too, if it runs.
    async fn on_signal(&mut self, event: SignalEvent) {
        let SignalEvent::Stop(number) = event else { return };
        let times = self.requests.count(number);
        if times == Some(3) {
            exit_now(number);
        }
        sleep(TAKEOVER_DELAY).await;
        let (Some(core), Some(stopping)) = (self.core.upgrade(), self.stopping()) else { return };
        match times {
            Some(1) => core.shut_down(ShutdownReason::Signal(number)),
            Some(2) if !stopping.progress().forced => {
                stopping.begin(&|_, record| self.write(record));
                self.force(&core, &stopping).await;
            }
            _ => {}
        }
    }

    fn stopping(&self) -> Option<Arc<Stopping>> {
        self.stopping.get()?.upgrade()
    }

    /// Takes the steps of a stop that are due and that the supervisor has not taken.
    async fn carry_through(&self) {
        let (Some(core), Some(stopping)) = (self.core.upgrade(), self.stopping()) else { return };
        if core.report.borrow().is_some() {
            return;
        }
        if !self.clock.is_real() {
            return;
        }
        let drains_until = stopping.drain(&|_, record| self.write(record));
        if drains_until.is_some_and(|until| Instant::now() < until) && !core.is_drain_pointless() {
            return;
        }
        let deadline = stopping.begin(&|_, record| self.write(record));
        if Instant::now() >= deadline && !stopping.progress().forced {
            // The supervisor may be about to do this: its timer fires at the same instant.
            core.supervisor.notify_one();
            sleep(TAKEOVER_DELAY).await;
            if !stopping.progress().forced {
                self.force(&core, &stopping).await;
            }
        }
    }

    /// Sets all limits to zero and makes the report, whatever the threads of the runtime do.
    async fn force(&self, core: &Core, stopping: &Stopping) {
        if !stopping.force() {
            return;
        }
        // If all have exited, the supervisor waits for values that block while they are dropped,
        // which are named below.
        if core.stop_order.left() > 0 {
            self.write(Box::new(|| {
                emit!(
                    ERROR, target: "rxd",
                    "forcing shutdown: the supervisor task does not run, since code blocks the runtime's threads"
                );
            }));
        }
        // Services have 60 ms to drop what they are doing: 40 in stop order, then 20 without, since
        // a service that blocks must not hold back those that stop after it.
        for step in 0..6_u32 {
            sleep(TAKEOVER_DELAY).await;
            if core.stop_order.left() == 0 || core.report.borrow().is_some() {
                break;
            }
            if step == 3 {
                stopping.force_without_order();
            }
        }
        stopping.abandon(&|_, record| self.write(record));
        stopping.note_undropped(&|_, record| self.write(record));
        stopping.hand_out(stopping.make_report());
    }
}

/// The clock of the daemon's runtime, which a test may have paused.
struct DaemonClock {
    runtime: Handle,
    /// The instant at which this was made, by the daemon's clock and by the machine's.
    daemon: Instant,
    machine: std::time::Instant,
}

impl DaemonClock {
    fn of_this_runtime() -> Self {
        DaemonClock { runtime: Handle::current(), daemon: Instant::now(), machine: std::time::Instant::now() }
    }

    /// Whether it has kept pace with the machine's clock.
    fn is_real(&self) -> bool {
        let daemon = {
            let _daemon = self.runtime.enter();
            self.daemon.elapsed()
        };
        let machine = self.machine.elapsed();
        daemon.abs_diff(machine) < CLOCK_TOLERANCE
    }
}
