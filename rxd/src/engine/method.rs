//! The running method: its cancellation, its limits, its end, and the end of its tasks.

use super::{EngineState, Method, Outcome};
use crate::board::{deadline, signal};
use crate::core::current;
use crate::error::{MethodFailure, Result};
use crate::lifecycle::cancel_cause::CancelCause;
use crate::lifecycle::options::service::ServiceOptions;
use crate::lifecycle::options::slot;
use crate::lifecycle::state::{Cause, State};
use crate::panic::emit;
use crate::service::context::Context;
use crate::text::add_item;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::Ordering;
use std::task::{Context as TaskContext, Poll, ready};
use std::time::Duration;
use tokio::time::Sleep;

/// The limit of the running method, and whether it is cancelled.
pub(super) struct Limit {
    call: Method,
    /// Why the method was cancelled, if it was.
    pub(super) cancelled: Option<Cause>,
    /// The method was cancelled because its own limit was exceeded.
    timed_out: bool,
    /// Of a periodic service in Run.
    pub(super) run: RunStage,
    /// Made when the method first waits.
    timer: Option<Pin<Box<Sleep>>>,
}

impl Limit {
    pub(super) fn new(call: Method) -> Self {
        Limit { call, cancelled: None, timed_out: false, run: RunStage::Single, timer: None }
    }
}

/// Where a method is that is called each time it is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RunStage {
    /// It is called once: every method but that of a periodic service in Run.
    Single,
    /// It waits until its next run is due, and has not been polled.
    Waits,
    /// It runs.
    Runs,
    /// It has returned `Ok`, and is to be called again.
    Again,
}

/// The wait for the tasks of a service to end.
pub(super) struct TaskDrain {
    /// The outcome of the method that spawned them.
    method: Outcome,
    timer: Option<Pin<Box<Sleep>>>,
    aborted: bool,
}

impl EngineState {
    /// Prepares for the first poll of a method.
    pub(crate) fn begin(&mut self, call: Method) {
        self.limit = Limit::new(call);
        self.core.board.service(self.id).deadline.store(deadline::NOT_BEGUN, Ordering::Relaxed);
        if call == Method::Run && matches!(self.options, ServiceOptions::Recurring(_)) {
            self.limit.run = RunStage::Waits;
        }
        self.take_extension();
    }

    /// Polls the running method, until it returns, panics, or exceeds its limits.
    pub(crate) fn poll_method(
        &mut self,
        cx: &Context,
        method: Pin<&mut (dyn Future<Output = Result> + Send)>,
        task: &mut TaskContext<'_>,
    ) -> Poll<Outcome> {
        let call = self.limit.call;
        self.register(task);
        self.look_at_signals(cx, call);
        if self.limit.run == RunStage::Waits {
            if let Some(ended) = ready!(self.poll_due(cx, task)) {
                return Poll::Ready(ended);
            }
        }
        match self.guarded(|| method.poll(task)) {
            Err(caught) => return Poll::Ready(Outcome::panicked(&caught)),
            Ok(Poll::Ready(_)) if self.limit.timed_out => return Poll::Ready(timed_out(call, self.own_limit(call))),
            Ok(Poll::Ready(result)) => return Poll::Ready(self.returned(cx, call, result)),
            Ok(Poll::Pending) => {}
        }
        if self.is_killed(call) {
            cx.cancel(CancelCause::Shutdown);
            return Poll::Ready(self.dropped(call, Some(Duration::ZERO)));
        }
        let own = self.own_limit(call);
        let Some(length) = self.limit.cancelled.map_or(own, |_| Some(self.stop_limit())) else { return Poll::Pending };
        loop {
            if self.limit.timer.is_none() {
                self.limit.timer = Some(self.sleep(length));
            }
            let timer = self.limit.timer.as_mut().expect("it is made above");
            ready!(timer.as_mut().poll(task));
            let more = self.take_extension();
            if !more.is_zero() {
                self.limit.timer = Some(self.sleep(more));
            } else if self.limit.cancelled.is_some() || self.limit.timed_out {
                return Poll::Ready(self.dropped(call, own));
            } else {
                // Its own limit is exceeded: it is cancelled, and polled once more before it is
                // dropped.
                self.limit.timed_out = true;
                cx.cancel(CancelCause::Timeout);
                task.waker().wake_by_ref();
                return Poll::Pending;
            }
        }
    }

    /// Cancels the running method if a signal says so, unless it is cancelled already.
    pub(super) fn look_at_signals(&mut self, cx: &Context, call: Method) {
        let signals = self.core.board.signals(self.id);
        if signals != 0 && self.limit.cancelled.is_none() {
            self.limit.cancelled = self.interruption(call, signals);
            if let Some(cause) = self.limit.cancelled {
                cx.cancel(CancelCause::of(cause));
                self.limit.timer = None;
                self.core.board.service(self.id).deadline.store(deadline::NOT_BEGUN, Ordering::Relaxed);
                self.take_extension();
            }
        }
    }

    /// The timer of a limit, whose end [`Context::time_left`] reads.
    fn sleep(&self, length: Duration) -> Pin<Box<Sleep>> {
        let timer = Box::pin(tokio::time::sleep(length));
        self.core.begin_limit(self.id, timer.deadline(), length);
        timer
    }

    /// How long a method may take while it is not cancelled.
    fn own_limit(&self, call: Method) -> Option<Duration> {
        match call {
            Method::Stop | Method::Reload => Some(self.stop_limit()),
            Method::Init | Method::Idle | Method::Run => {
                slot(call.state()).and_then(|slot| self.options.timeouts[slot])
            }
        }
    }

    /// By how much the method has asked to extend its limit since this was last called.
    fn take_extension(&self) -> Duration {
        Duration::from_millis(self.core.board.service(self.id).extension.swap(0, Ordering::AcqRel).into())
    }

    /// Whether a forced shutdown ends this method now. A service that has not been asked to stop
    /// yet continues until it is.
    fn is_killed(&self, call: Method) -> bool {
        let signals = self.core.board.signals(self.id);
        signals & signal::KILL != 0 && (call == Method::Stop || signals & signal::SHUTDOWN != 0)
    }

    fn returned(&mut self, cx: &Context, call: Method, result: Result) -> Outcome {
        // Formatting and dropping an error runs code of the user's.
        let result = result.map_err(|error| {
            self.core.poll_marks.during(self.id, || current::during(&self.core, self.id, || MethodFailure::of(error)))
        });
        // A context is cancelled from the instant of a signal. So the method may have returned
        // because of a signal that was raised since its poll began, by another thread or by the
        // method itself. An error other than `Cancelled` is a failure all the same.
        if self.limit.cancelled.is_none() && result.as_ref().map_or_else(|failure| failure.is_cancelled, |()| true) {
            self.look_at_signals(cx, call);
        }
        match (self.limit.cancelled, result) {
            (None, Ok(())) => Outcome::OK,
            // A one-shot that returns `Ok` has done its work, whatever cancelled it: a reload must
            // not have it done twice. `Cancelled` says that it has not.
            (Some(Cause::Operator), Ok(())) if call == Method::Run && self.is_reload_of_one_shot() => Outcome::OK,
            (None, Err(failure)) => Outcome { cause: Cause::Error, failure: Some(failure) },
            (Some(cause), Ok(())) => {
                if self.limit.run != RunStage::Single {
                    self.run_completed();
                }
                Outcome { cause, failure: None }
            }
            (Some(cause), Err(failure)) => {
                if !failure.is_cancelled {
                    emit!(WARN, target: "rxd", method = call.name(), "returned an error after cancellation: {}", failure.text);
                }
                Outcome { cause, failure: None }
            }
        }
    }

    /// Whether only a reload cancelled the method, and its service ends after a successful Run.
    fn is_reload_of_one_shot(&self) -> bool {
        let only_reload = self.reload_asked && self.exit_cause.is_none() && self.interrupt_cause.is_none();
        only_reload && self.manager.ends_after_run()
    }

    /// The outcome of a method that has exceeded its limits, and whose future is dropped. During a
    /// shutdown it also notes the state for the report.
    fn dropped(&self, call: Method, own: Option<Duration>) -> Outcome {
        if self.core.board.signals(self.id) & signal::SHUTDOWN != 0 {
            // A reload may be called between two states.
            let state = self.current_state.unwrap_or(self.last_state);
            self.core.note(self.id, |detail| (detail.overrun, detail.overrun_tasks) = (Some(state), Vec::new()));
        }
        self.overran(call, own)
    }

    fn overran(&self, call: Method, own: Option<Duration>) -> Outcome {
        match self.limit.cancelled {
            Some(cause) => {
                let (method, limit) = (call.name(), self.stop_limit());
                match own {
                    Some(Duration::ZERO) => {
                        emit!(ERROR, target: "rxd", method, "did not return before the shutdown was forced; future dropped")
                    }
                    _ => {
                        emit!(ERROR, target: "rxd", method, "did not return within {limit:?} of cancellation; future dropped")
                    }
                }
                Outcome { cause, failure: None }
            }
            None => timed_out(call, own),
        }
    }

    // ---- its tasks -----------------------------------------------------------------------------

    /// The outcome of a method; none if its tasks have to end first, in
    /// [`poll_task_drain`](EngineState::poll_task_drain).
    pub(crate) fn settle(&mut self, cx: &Context, call: Method, ended: Outcome) -> Option<Outcome> {
        if self.limit.run == RunStage::Runs && self.runs_again(cx, &ended) {
            return Some(ended);
        }
        let tasks_continue = match call {
            Method::Init | Method::Idle => ended.cause == Cause::Normal,
            // Before Init there is nothing that its tasks could be part of.
            Method::Reload => self.init_entered,
            Method::Run | Method::Stop => false,
        };
        if tasks_continue {
            // Its tasks continue too, and a reload that is requested now does not cancel them.
            let service = self.core.board.service(self.id);
            service.set_mask(self.interrupting(Method::Init));
            service.deadline.store(deadline::NO_METHOD, Ordering::Relaxed);
            return Some(ended);
        }
        // What holds the token, a subscription for example, ends with the reload.
        if call == Method::Reload {
            cx.cancel(CancelCause::Ended);
        }
        if self.close() {
            return Some(ended);
        }
        self.drain_tasks(ended);
        None
    }

    /// Waits until the service's tasks have ended, between methods: the tasks belong to the state
    /// that the service leaves.
    pub(super) fn poll_tasks(&mut self, task: &mut TaskContext<'_>) -> Poll<()> {
        if self.draining.is_none() {
            if self.close() {
                return Poll::Ready(());
            }
            self.drain_tasks(Outcome::OK);
        }
        let Outcome { cause, failure } = ready!(self.poll_task_drain(task));
        if let Some(failure) = failure {
            self.first_failure = self.first_failure.or(Some(cause));
            self.fail("task", cause, &failure);
        }
        Poll::Ready(())
    }

    /// Waits for the tasks to end, and aborts those that exceed the limit. Returns the outcome of
    /// the method, which includes a panic of a task.
    pub(crate) fn poll_task_drain(&mut self, task: &mut TaskContext<'_>) -> Poll<Outcome> {
        let Some(mut this) = self.draining.take() else { return Poll::Ready(Outcome::OK) };
        // The last task wakes the engine through the board.
        self.register(task);
        let tasks = self.core.tasks(self.id);
        if !tasks.have_ended() {
            let signals = self.core.board.signals(self.id);
            let killed = signals & signal::KILL != 0 && signals & signal::SHUTDOWN != 0;
            let timer = this.timer.get_or_insert_with(|| self.sleep(self.stop_limit()));
            if !this.aborted && (killed || timer.as_mut().poll(task).is_ready()) {
                this.aborted = true;
                let limit = self.stop_limit();
                let aborted = tasks.abort();
                let mut named = String::new();
                aborted.all.iter().for_each(|name| add_item(&mut named, &format!("`{name}`")));
                let when = match killed {
                    true => "before the shutdown was forced".to_owned(),
                    false => format!("within {limit:?} of cancellation"),
                };
                if aborted.are_contained() {
                    emit!(WARN, target: "rxd", "tasks did not end {when}; aborted: {named}");
                } else if !aborted.all.is_empty() {
                    emit!(ERROR, target: "rxd", "tasks did not end {when}; aborted: {named}");
                } else if self.core.poll_marks.is_polled(self.id) {
                    // Only code on a thread of the service's own is left, which nothing can abort.
                    emit!(ERROR, target: "rxd", "its thread has not returned from the method: waiting for it");
                }
                // The end of a contained task is no failure of the service, as its panic is none.
                if signals & signal::SHUTDOWN != 0 && !aborted.are_contained() {
                    let state = self.current_state.unwrap_or(State::Run);
                    let names = aborted.counted;
                    self.core.note(self.id, |detail| (detail.overrun, detail.overrun_tasks) = (Some(state), names));
                }
            }
            // An aborted task that blocks its thread is waited for all the same: two incarnations
            // never overlap.
            self.draining = Some(this);
            self.has_woken = false;
            return Poll::Pending;
        }
        self.core.board.clear(self.id, signal::CHILD);
        Poll::Ready(this.method.with(self.core.tasks(self.id).take_panic()))
    }

    /// Closes the epoch. Returns whether there is no task to wait for.
    // On the path of every method.
    #[inline(always)]
    fn close(&self) -> bool {
        !self.core.board.service(self.id).close() || self.core.tasks(self.id).are_none()
    }

    /// Begins to wait for the tasks of the closed epoch.
    fn drain_tasks(&mut self, method: Outcome) {
        self.flush();
        self.draining = Some(Box::new(TaskDrain { method, timer: None, aborted: false }));
    }
}

/// The outcome of a method that exceeded its own limit, whether or not it was cancelled later.
fn timed_out(call: Method, own: Option<Duration>) -> Outcome {
    let failure =
        MethodFailure::msg(format_args!("{} did not return within {:?}", call.name(), own.unwrap_or_default()));
    Outcome { cause: Cause::Timeout, failure: Some(failure) }
}
