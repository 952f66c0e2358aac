//! The engine: one loop that takes one service through its lifecycle, as its manager says.
//!
//! `Daemon::start` spawns one task for each service, and the task runs [`serve`]. The engine
//! decides nothing about other services: it publishes transitions on the board, and reads its
//! signals from there.
//!
//! [`serve`] is the only code that is compiled for each service type. It holds the service and the
//! future of the running method. [`EngineState`] is compiled once, and does the rest:
//!
//! * `next_state`: which state follows, by the manager's table;
//! * `enter`: the way into that state; `wait`: its delay and its gates;
//! * `overridden`: which methods a service has; the others are not called;
//! * `method`: the running method, its limit, its end, and that of its tasks;
//! * `recurring`: the runs of a periodic service, and the wait between them;
//! * `requests`: signals, reactions, and the requests of operators; `reactions`: the records about
//!   reactions.
//!
//! # States
//!
//! ```text
//!                 ok                 ok; gates open
//!   +-> Init ----------> Idle ----------------------> Run
//!   |     |                |                           |
//!   |     | failed, or     | failed, or                | returned, failed,
//!   |     | interrupted    | interrupted               | or interrupted
//!   |     v                v                           |
//!   |     +-------------> Stop <-----------------------+
//!   |                      |
//!   |   restart, after     |   its manager ends it, its restart limit is reached,
//!   +---- the back-off ----+   or a reaction, an operator or the shutdown ends it
//!   |                      v
//!   +--- an operator ---- Exit
//!        starts it
//! ```
//!
//! The manager's table says which of these arrows a service has. Whatever it says, a service that
//! has entered Init passes Stop. A failure or an interrupt before Init leads to Init again, or to
//! Exit without Stop.
//!
//! A service waits for its delay before Init, Idle, Run and Stop, and for its gates before Init and
//! before Run; it waits for the latter in Idle. An interrupt ends each of these waits, except that
//! the wait continues after a reload.
//!
//! Transitions between which no method runs and nothing is waited for are collected in a batch, and
//! published in one critical section before the next method is called or the service waits.
//!
//! # Invariants
//!
//! G1 to G4 of every trace follow from them.
//!
//! 1. A state is published as entered when its method is about to be called, after its delay and
//!    with its gates holding; and as exited when the method and the tasks that end with it have
//!    ended.
//! 2. Stop is entered if and only if Init was entered since the last Stop.
//! 3. The methods of one service run in one task, one after another.
//! 4. On every path out of the loop, Exit is published last, once for each start of the service.
//!    An `EngineState` that is dropped before that abandons its service, which publishes Exit.
//! 5. The batch is empty whenever the service waits and while a method runs.

mod enter;
mod method;
mod next_state;
mod overridden;
mod reactions;
mod recurring;
mod requests;
#[cfg(all(test, not(rxd_loom)))]
mod tests;
mod wait;

use crate::board::{Id, StateChange, TransitionBatch, signal};
use crate::core::names::NameRef;
use crate::core::{Core, Requests, answer};
use crate::error::MethodFailure;
use crate::lifecycle::backoff::RestartHistory;
use crate::lifecycle::manager::object::Decide;
use crate::lifecycle::options::STOP_LIMIT;
use crate::lifecycle::options::service::ServiceOptions;
use crate::lifecycle::state::{Cause, State, Transition};
use crate::panic;
use crate::panic::emit;
use crate::service::context::Context;
use crate::service::runner::Runner;
use enter::EnterStage;
use method::{Limit, TaskDrain};
pub(crate) use overridden::OverriddenMethods;
use std::future::{Future, poll_fn};
use std::num::NonZeroU64;
use std::pin::pin;
use std::sync::Arc;
use std::task::Context as TaskContext;
use std::time::Duration;
use tracing::Level;
use tracing::level_filters::LevelFilter;
use wait::Wait;

/// A method of a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Method {
    Init,
    Idle,
    Run,
    Stop,
    Reload,
}

impl Method {
    /// The state of the service while the method runs. `reload` may also run in Idle or before
    /// Init; see [`EngineState::current_state`].
    fn state(self) -> State {
        match self {
            Method::Init => State::Init,
            Method::Idle => State::Idle,
            Method::Run | Method::Reload => State::Run,
            Method::Stop => State::Stop,
        }
    }

    /// Whether the method returns for a reload, and is called again after it.
    fn returns_for_reload(self) -> bool {
        matches!(self, Method::Idle | Method::Run)
    }

    fn name(self) -> &'static str {
        match self {
            Method::Reload => "reload",
            other => other.state().as_str(),
        }
    }
}

/// Runs one service to its end.
///
/// The runner stays where it is, and is dropped there. It may be large, and in a debug build each
/// function that it is moved through keeps a copy on the stack of the worker thread.
pub(crate) fn serve<R: Runner>(
    mut runner: Option<R>,
    mut engine: EngineState,
    overridden: OverriddenMethods,
) -> impl Future<Output = ()> + Send {
    engine.overridden = overridden;
    if engine.overridden.has(Method::Reload) {
        engine.core.can_reload(engine.id);
    }
    // Not an `async fn`: that would keep its arguments twice in the future.
    async move {
        while let Some(call) = poll_fn(|task| engine.poll_next(task)).await {
            let Some(service) = &mut runner else { break };
            let cx = engine.context(call);
            let ended = {
                let mut method = pin!(Some(invoke(service, &cx, call)));
                engine.begin(call);
                let ended = poll_fn(|task| match method.as_mut().as_pin_mut() {
                    Some(method) => engine.poll_method(&cx, method, task),
                    None => unreachable!("it is dropped below"),
                });
                let ended = ended.await;
                // Dropping the future runs code of the user's too.
                match engine.guarded(|| method.set(None)) {
                    Ok(()) => ended,
                    Err(caught) => Outcome::panicked(&caught),
                }
            };
            let ended = match engine.settle(&cx, call, ended) {
                Some(ended) => ended,
                None => poll_fn(|task| engine.poll_task_drain(task)).await,
            };
            drop(cx);
            engine.ended(call, ended);
        }
        if let Err(caught) = engine.guarded(|| runner = None) {
            emit!(ERROR, target: "rxd", "panicked while it was dropped: {caught}");
        }
    }
}

async fn invoke<R: Runner>(runner: &mut R, cx: &Context, call: Method) -> crate::error::Result {
    match call {
        Method::Init => runner.init(cx).await,
        Method::Idle => runner.idle(cx).await,
        Method::Run => runner.run(cx).await,
        Method::Stop => runner.stop(cx).await,
        Method::Reload => runner.reload(cx).await,
    }
}

/// The outcome of a method.
pub(crate) struct Outcome {
    cause: Cause,
    failure: Option<MethodFailure>,
}

impl Outcome {
    const OK: Outcome = Outcome { cause: Cause::Normal, failure: None };

    fn panicked(caught: &panic::CaughtPanic) -> Self {
        Outcome { cause: Cause::Panic, failure: Some(MethodFailure::msg(format_args!("panicked: {caught}"))) }
    }

    /// Adds the message of a panic among the method's tasks. It is the method's failure, unless the
    /// method has one already.
    fn with(self, task_panic: Option<String>) -> Self {
        match task_panic {
            Some(text) if self.failure.is_none() => {
                Outcome { cause: Cause::Panic, failure: Some(MethodFailure::msg(text)) }
            }
            Some(text) => {
                emit!(ERROR, target: "rxd", "{text}");
                self
            }
            None => self,
        }
    }
}

/// The delay before the first Init after the start, or after an operator's start.
#[derive(Clone, Copy, Debug)]
enum FirstDelay {
    /// The declared delay: the daemon starts the service.
    Declared,
    /// No delay: an operator starts the service.
    Zero,
}

/// Requests of operators that are not answered yet.
type Replies = Requests;

/// Everything about a service except the service itself.
///
/// It is part of the service's task, so each byte of it counts once for each service. What few
/// services need at a time is behind a pointer.
pub(crate) struct EngineState {
    core: Arc<Core>,
    id: Id,
    options: ServiceOptions,
    manager: Box<dyn Decide>,
    restart_history: RestartHistory,
    overridden: OverriddenMethods,
    /// Whether the waker of its task is on the board.
    registered: bool,
    /// Whether its publications since its last poll have woken another task.
    has_woken: bool,
    /// The transitions that are not published yet (invariant 5).
    batch: TransitionBatch,
    /// The next state.
    to: State,
    /// The state that was entered and not exited.
    current_state: Option<State>,
    /// The state whose method ended last in this incarnation.
    last_state: State,
    /// Whether Init was entered since the last Stop.
    init_entered: bool,
    /// None once the delay before the first Init has been set.
    first_delay: Option<FirstDelay>,
    /// Why the service is to end, once that is decided.
    exit_cause: Option<Cause>,
    /// The first failure of this incarnation.
    first_failure: Option<Cause>,
    /// A reaction or an operator interrupted the method: its result counts neither as a failure nor
    /// as a restart.
    interrupt_cause: Option<Cause>,
    /// A `then(stop)` took it out of Run. Once Run has ended: soon after Run was entered, so that it
    /// pauses before its next Init.
    is_evicted: bool,
    completed: bool,
    failed_for_good: bool,
    /// When Run was entered, by the board's clock, plus one.
    run_since: Option<NonZeroU64>,
    /// The step on the way to `to`.
    stage: EnterStage,
    /// The wait before `to`, if there is one.
    wait: Option<Box<Wait>>,
    /// The limit of the running method, and whether it is cancelled.
    limit: Limit,
    /// The wait for its tasks to end, while there is one.
    draining: Option<Box<TaskDrain>>,
    /// A reload was requested, and has not begun.
    reload_asked: bool,
    /// `idle` or `run` has returned for a reload, and is called again in the same state.
    reloads_in_place: bool,
    /// The wait for the next Init has begun: its delay is known, and the restart is counted.
    waits_for_init: bool,
    /// The log says that it has failed or left Run, and it has not entered Run since.
    recovers: bool,
    pending_replies: Option<Box<Replies>>,
    /// Exit was published, and the service will not be started again.
    has_ended: bool,
    /// The waker of its task is off the board.
    waker_removed: bool,
}

impl EngineState {
    pub(crate) fn new(core: Arc<Core>, id: Id, options: ServiceOptions, manager: Box<dyn Decide>) -> Self {
        EngineState {
            core,
            id,
            manager,
            restart_history: RestartHistory::default(),
            overridden: OverriddenMethods::default(),
            registered: false,
            has_woken: false,
            batch: TransitionBatch::default(),
            to: if options.autostart { State::Init } else { State::Exit },
            current_state: None,
            last_state: State::Unknown,
            init_entered: false,
            first_delay: Some(FirstDelay::Declared),
            // It waits in Exit for its first start, as if an operator had stopped it.
            exit_cause: if options.autostart { None } else { Some(Cause::Operator) },
            first_failure: None,
            interrupt_cause: None,
            is_evicted: false,
            completed: false,
            failed_for_good: false,
            run_since: None,
            stage: EnterStage::default(),
            wait: None,
            limit: Limit::new(Method::Init),
            draining: None,
            reload_asked: false,
            reloads_in_place: false,
            waits_for_init: false,
            recovers: false,
            pending_replies: None,
            has_ended: false,
            waker_removed: false,
            options,
        }
    }

    /// Makes the context of a method. The contexts of one epoch are cancelled together; Stop and
    /// reload get a live one.
    fn context(&mut self, call: Method) -> Context {
        let service = self.core.board.service(self.id);
        let mask = self.interrupting(call);
        let begins = matches!(call, Method::Init | Method::Stop) || service.is_cancelled(service.epoch());
        let epoch = if begins {
            let epoch = service.begin_epoch(mask);
            if call == Method::Init {
                service.begin_incarnation(epoch);
            }
            epoch
        } else {
            service.set_mask(mask);
            service.epoch()
        };
        match call {
            Method::Reload => Context::of_reload(self.core.clone(), self.id, epoch),
            _ => Context::new(self.core.clone(), self.id, epoch),
        }
    }

    /// The signals that cancel a method.
    fn interrupting(&self, call: Method) -> u32 {
        let ends = signal::SHUTDOWN | signal::EXIT | signal::DEPENDENCY;
        let operator = signal::OPERATOR | signal::STALE;
        let reload = if self.overridden.has(Method::Reload) { signal::RELOAD } else { 0 };
        match call {
            Method::Init => ends | signal::CHILD | operator,
            Method::Idle => ends | signal::CHILD | operator | reload,
            Method::Run => ends | signal::CHILD | operator | reload | signal::STOP,
            // Every other signal waits until the reload has ended.
            Method::Reload => ends,
            Method::Stop => 0,
        }
    }

    /// Runs code of the user's. A panic is caught, and blocking is detected.
    #[inline]
    fn guarded<T>(&self, code: impl FnOnce() -> T) -> Result<T, panic::CaughtPanic> {
        self.core.run_user_code(self.id, code)
    }

    fn name(&self) -> NameRef<'_> {
        self.core.name(self.id)
    }

    fn stop_limit(&self) -> Duration {
        self.options.timeouts[3].unwrap_or(STOP_LIMIT)
    }

    // ---- publishing ----------------------------------------------------------------------------

    /// Adds a transition to the batch.
    fn publish(&mut self, state: State, transition: Transition, cause: Cause) {
        if self.batch.push(StateChange { state, transition, cause }) {
            self.flush();
        }
    }

    /// Publishes the batch: before a method is called, and before the service waits.
    fn flush(&mut self) {
        let batch = std::mem::take(&mut self.batch);
        if !batch.is_empty() {
            self.has_woken |= self.core.board.publish_all(self.id, &batch, |first| self.trace_batch(&batch, first));
        }
    }

    /// Logs the transitions of a batch, whose first has the number `first`.
    fn trace_batch(&self, batch: &TransitionBatch, first: Option<u64>) {
        let Some(first) = first else { return };
        // Fast path: usually nothing records transitions.
        if Level::DEBUG > LevelFilter::current() {
            return self.core.notify_changed();
        }
        for (step, seq) in batch.steps().iter().zip(first..) {
            self.trace(step.state, step.transition, Some(seq));
        }
    }

    /// Publishes that the current state is exited.
    #[inline]
    fn leave_state(&mut self, cause: Cause) {
        let ends = self.to == State::Stop || self.last_state == State::Stop;
        if ends && self.core.provided.is_used() {
            self.take_back();
        }
        if let Some(state) = self.current_state.take() {
            self.publish(state, Transition::Exited, cause);
        }
    }

    /// Takes back what the service has provided to others.
    #[cold]
    fn take_back(&self) {
        if let Some(value) = self.core.provided.take(self.id) {
            if let Err(caught) = self.guarded(|| drop(value)) {
                emit!(ERROR, target: "rxd", "what it has provided panicked while it was dropped: {caught}");
            }
        }
    }

    fn trace(&self, state: State, transition: Transition, seq: Option<u64>) {
        if let Some(seq) = seq {
            self.core.notify_changed();
            emit!(DEBUG,
                target: "rxd::state",
                service = &**self.name(),
                state = state.as_str(),
                transition = transition.as_str(),
                seq,
            );
        }
    }

    /// Stores the waker of its task on the board, once: a service stays in the same task.
    fn register(&mut self, task: &TaskContext<'_>) {
        if !self.registered {
            self.registered = true;
            self.core.board.set_waker(self.id, task.waker());
        }
    }
}

impl Drop for EngineState {
    /// Invariant 4: however the task ends, no other service waits for this one for ever, and a
    /// failure counts for the daemon.
    fn drop(&mut self) {
        self.core.board.service(self.id).close();
        if !self.has_ended {
            self.core.board.abandon(self.id);
            // Only a panic in code of the user's, or the drop of the runtime, ends an engine here.
            if std::thread::panicking() && self.exit_cause.is_none() {
                self.count_failure(Cause::Panic, "ended: its task panicked");
            }
            self.core.exited(self.id, Cause::Abandoned);
        }
        if !self.waker_removed {
            self.core.board.drop_waker(self.id);
        }
        let pending = self.pending_replies.take().map(|replies| *replies).unwrap_or_default();
        for (command, reply) in pending {
            answer(reply, self.core.answer_when_over(self.id, command));
        }
        self.core.engine_has_ended(self.id);
    }
}
