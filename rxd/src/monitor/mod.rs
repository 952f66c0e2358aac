//! The thread beside the runtime: it acts where the runtime's own threads cannot, since code of the
//! user's blocks them.
//!
//! * It names the services that block their thread.
//! * It carries a stop through that the supervisor's task cannot: a task that is woken by code which then
//!   blocks waits in that code's thread, and no other thread takes it from there. It takes no part in
//!   anything that the supervisor does in time.
//! * It writes the supervisor's records of a stop, since a log may make its writers wait.
//! * While code blocks, it has the runtime's other threads look after the timers.
//! * It ends the process at the third signal.
//!
//! Time is read from the daemon's runtime: where that is paused, in a test, the supervisor alone acts.

pub(crate) mod heartbeat;
pub(crate) mod keeper;

use crate::core::Core;
use crate::core::poll_marks::{BlockedPoll, LOOKS};
use crate::exit::exit_now;
use crate::panic::{self, emit};
use crate::report::ShutdownReason;
use crate::shutdown::{Record, Stopping};
use crate::signals::{SignalEvent, SignalListener, StopRequests};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock, Weak};
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::runtime::{Builder, Handle};
use tokio::sync::{Notify, mpsc, oneshot};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, timeout};
use tracing::Level;
use tracing::level_filters::LevelFilter;

/// How long what was found may take to be written when the daemon has stopped.
const LAST_RECORDS: Duration = Duration::from_millis(100);

/// How long the supervisor may take to answer before the monitor acts in its place. Three steps of it
/// and the second half of a forced stop are within the 100 ms that a stop may take beyond its deadline.
const ANSWER: Duration = Duration::from_millis(10);

/// How often the timers of a runtime are looked after while code blocks one of its threads.
const NUDGE: Duration = Duration::from_millis(50);

/// Ends its thread when it is dropped, and waits for it only while that writes what it has found.
#[derive(Debug)]
pub(crate) struct Monitor {
    end: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
    unwritten: Arc<AtomicUsize>,
    /// Records that others hand over to be written.
    records: mpsc::UnboundedSender<Record>,
    /// What the thread carries through, once services have started.
    stopping: Arc<OnceLock<Weak<Stopping>>>,
}

impl Monitor {
    /// Starts to look for polls that last longer than `limit`, if there is one, and to listen to signals.
    pub(crate) fn start(core: &Arc<Core>, limit: Option<Duration>, listener: SignalListener) -> Self {
        let (end, ended) = oneshot::channel();
        let mut builder = Builder::new_current_thread();
        builder.enable_time().max_blocking_threads(1);
        if listener.listens() {
            builder.enable_io();
        }
        let (unwritten, stopping) = (Arc::<AtomicUsize>::default(), Arc::<OnceLock<_>>::default());
        let (records, handed_over) = mpsc::unbounded_channel();
        let watch = Watch {
            core: Arc::downgrade(core),
            clock: Clock::of_this_runtime(),
            limit,
            listener,
            requests: StopRequests::new(false),
            records: handed_over,
            stopping: stopping.clone(),
            unwritten: unwritten.clone(),
            written: Arc::default(),
            is_held: false,
        };
        let dispatch = tracing::dispatcher::get_default(Clone::clone);
        let run = move || match builder.build() {
            Ok(runtime) => {
                tracing::dispatcher::with_default(&dispatch, || runtime.block_on(watch.run(ended)));
                runtime.shutdown_timeout(LAST_RECORDS);
            }
            Err(error) => say_failed(&error),
        };
        let thread = std::thread::Builder::new().name("rxd-monitor".into()).spawn(run);
        let thread = thread.inspect_err(say_failed).ok();
        Monitor { end: Some(end), thread, unwritten, records, stopping }
    }

    /// The services have started: from here on it sees a stop through.
    pub(crate) fn keeps(&self, stopping: &Arc<Stopping>) {
        let _ = self.stopping.set(Arc::downgrade(stopping));
    }

    /// Has a record written by a thread of the monitor's, in the order of those before it: a log that makes its
    /// writers wait must not hold up the stop of a daemon. In the span and for the subscriber of the caller.
    pub(crate) fn write(&self, level: Level, record: Record) {
        if level > LevelFilter::current() {
            return;
        }
        if self.thread.is_none() {
            return record();
        }
        let (dispatch, span) = (tracing::dispatcher::get_default(Clone::clone), tracing::Span::current());
        let record: Record = Box::new(move || {
            let _ = panic::catch(|| tracing::dispatcher::with_default(&dispatch, || span.in_scope(record)));
        });
        self.unwritten.fetch_add(1, Ordering::Relaxed);
        if let Err(unsent) = self.records.send(record) {
            (unsent.0)();
            self.unwritten.fetch_sub(1, Ordering::Release);
        }
    }

    fn is_writing(&self) -> bool {
        self.unwritten.load(Ordering::Acquire) > 0
    }
}

impl Drop for Monitor {
    fn drop(&mut self) {
        drop(self.end.take());
        // A thread takes longer to end than many a daemon to stop, and this one holds nothing of the daemon's.
        if let Some(thread) = self.thread.take().filter(|_| self.is_writing()) {
            // The process may end right after the report: what was found is written before. It takes no longer
            // than `LAST_RECORDS`.
            let _ = thread.join();
        }
    }
}

fn say_failed(error: &std::io::Error) {
    emit!(WARN, target: "rxd", "failed to start the monitor thread: {error}; blocking code is not reported");
}

/// What the thread does.
struct Watch {
    core: Weak<Core>,
    clock: Clock,
    limit: Option<Duration>,
    listener: SignalListener,
    requests: StopRequests,
    records: mpsc::UnboundedReceiver<Record>,
    stopping: Arc<OnceLock<Weak<Stopping>>>,
    unwritten: Arc<AtomicUsize>,
    /// One more record is written.
    written: Arc<Notify>,
    /// Code has held a thread for more than one look.
    is_held: bool,
}

impl Watch {
    async fn run(mut self, mut ended: oneshot::Receiver<()>) {
        let Some(stop) = self.core.upgrade().map(|core| core.stop_requested.clone()) else { return };
        let every = (self.limit.unwrap_or(Duration::from_secs(3600)) / LOOKS).max(Duration::from_millis(1));
        let mut tick = interval(every);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (mut is_stopping, mut held) = (false, Vec::new());
        loop {
            tokio::select! {
                biased;
                _ = &mut ended => {
                    while let Ok(record) = self.records.try_recv() {
                        self.write_handed_over(record);
                    }
                    // The end of this runtime would drop those that are not begun.
                    let _ = timeout(LAST_RECORDS, self.all_written()).await;
                    return;
                }
                Some(record) = self.records.recv() => self.write_handed_over(record),
                event = self.listener.next() => self.heard(event).await,
                () = stop.notified(), if !is_stopping => is_stopping = true,
                due = tick.tick() => {
                    self.look(due, every);
                    held = self.still_held(&held);
                }
                () = sleep(NUDGE), if self.is_held => {
                    self.nudge();
                    held = self.still_held(&held);
                }
                () = next_step(), if is_stopping => self.see_through().await,
            }
        }
    }

    /// Which code holds a thread, and whether any did at the last look already.
    fn still_held(&mut self, before: &[usize]) -> Vec<usize> {
        let held = self.core.upgrade().map(|core| core.poll_marks.polled()).unwrap_or_default();
        self.is_held = held.iter().any(|at| before.contains(at));
        held
    }

    /// Has an idle thread of the runtime look after its timers: the one that did may be the one that is blocked,
    /// and then no other takes its place by itself.
    fn nudge(&self) {
        drop(self.clock.runtime.spawn(async {}));
    }

    /// Names the services that block their thread.
    fn look(&self, due: Instant, every: Duration) {
        let Some(limit) = self.limit else { return };
        let late = due.elapsed() > every;
        let found = self.core.upgrade().map(|core| core.poll_marks.look(&core, late)).unwrap_or_default();
        if found.is_empty() {
            return;
        }
        self.write(Box::new(move || found.iter().for_each(|one: &BlockedPoll| one.say(limit))));
    }

    /// Writes a record, not on this thread: a log that makes its writers wait must not keep it from acting.
    fn write(&self, record: Record) {
        let dispatch = tracing::dispatcher::get_default(Clone::clone);
        self.unwritten.fetch_add(1, Ordering::Relaxed);
        self.write_handed_over(Box::new(move || tracing::dispatcher::with_default(&dispatch, record)));
    }

    /// As [`write`](Watch::write), for a record that is counted already.
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

    /// A signal: the supervisor heard it too, if it has a thread.
    async fn heard(&mut self, event: SignalEvent) {
        let SignalEvent::Stop(number) = event else { return };
        let times = self.requests.count();
        if times == Some(3) {
            exit_now(number);
        }
        sleep(ANSWER).await;
        let (Some(core), Some(stopping)) = (self.core.upgrade(), self.stopping()) else { return };
        match times {
            Some(1) => core.shut_down(ShutdownReason::Signal(number)),
            Some(2) if !stopping.progress().forced => self.force(&core, &stopping).await,
            _ => {}
        }
    }

    fn stopping(&self) -> Option<Arc<Stopping>> {
        self.stopping.get()?.upgrade()
    }

    /// Does what the supervisor is late with.
    async fn see_through(&self) {
        let (Some(core), Some(stopping)) = (self.core.upgrade(), self.stopping()) else { return };
        if core.report.borrow().is_some() {
            return;
        }
        if !self.clock.is_real() {
            return;
        }
        let deadline = stopping.begin(&|_, record| self.write(record));
        if Instant::now() >= deadline && !stopping.progress().forced {
            // It may be about to: its timer fires at the same instant.
            core.supervisor.notify_one();
            sleep(ANSWER).await;
            if !stopping.progress().forced {
                self.force(&core, &stopping).await;
            }
        }
    }

    /// All limits are zero, and the report is made, whatever the threads of the runtime do.
    async fn force(&self, core: &Core, stopping: &Stopping) {
        if !stopping.force() {
            return;
        }
        self.write(Box::new(|| {
            emit!(ERROR, target: "rxd", "forcing shutdown: the supervisor task gets no thread of the runtime");
        }));
        for step in 0..6_u32 {
            sleep(ANSWER).await;
            if core.stop_order.left() == 0 || core.report.borrow().is_some() {
                break;
            }
            if step == 3 {
                stopping.force_without_order();
            }
        }
        stopping.abandon(&|_, record| self.write(record));
        stopping.note_undropped(&|_, record| self.write(record));
        stopping.report();
    }
}

/// The clock of the daemon's runtime, which a test may have paused.
struct Clock {
    runtime: Handle,
    /// One instant, by it and by the machine's.
    daemon: Instant,
    machine: std::time::Instant,
}

impl Clock {
    fn of_this_runtime() -> Self {
        Clock { runtime: Handle::current(), daemon: Instant::now(), machine: std::time::Instant::now() }
    }

    /// Whether it goes with the machine's.
    fn is_real(&self) -> bool {
        let daemon = {
            let _daemon = self.runtime.enter();
            self.daemon.elapsed()
        };
        let machine = self.machine.elapsed();
        daemon.abs_diff(machine) < Duration::from_millis(5)
    }
}

/// The time between two looks at a stop.
async fn next_step() {
    sleep(ANSWER).await;
}
