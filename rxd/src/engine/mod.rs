//! The engine: one loop that takes one service through its lifecycle, as its manager says.
//!
//! [`serve`] is all that is compiled anew for each service type: it holds the service and the
//! future of the method that is running. Everything else is here once: [`EngineState`], in the rooms
//! `decide` (where to go), `enter` (going there), `hold` (waiting for it), `ask` (what others ask
//! of the service meanwhile) and `supervise` (while a method runs).
//!
//! Invariants (G1 to G4 of every trace):
//!
//! 1. A state is published as entered when its method is about to be called, after its delay and
//!    with its gates holding, and as exited when the method and the tasks it leaves behind have ended.
//! 2. Stop is called if and only if Init was entered since the last Stop.
//! 3. The methods of one service run in one task, one after another.
//! 4. Exit is published once a life, last, on every path out of the loop; a seat that is dropped
//!    on its way is abandoned.

mod enter;
mod method;
mod next_state;
mod requests;
#[cfg(all(test, not(rxd_loom)))]
mod tests;
mod wait;

use crate::board::{Id, StateChange, TransitionBatch, signal};
use crate::core::{Core, Requests, answer};
use crate::error::Failure;
use crate::lifecycle::backoff::Pace;
use crate::lifecycle::manager::Decide;
use crate::lifecycle::options::Knobs;
use crate::lifecycle::state::{Cause, State, Transition};
use crate::panic;
use crate::panic::emit;
use crate::service::cancelled::token_of;
use crate::service::context::Context;
use crate::service::runner::{DefaultMethod, Runner};
use enter::EnterStage;
use method::{Limit, TaskDrain};
use std::future::{Future, poll_fn};
use std::num::NonZeroU64;
use std::pin::pin;
use std::sync::Arc;
use std::task::Context as TaskContext;
use std::time::Duration;
use wait::Wait;

/// How long a method that was told to return, and Stop itself, may take where nothing else is declared.
pub(crate) const STOP_LIMIT: Duration = Duration::from_secs(10);

/// Which method is called next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Method {
    Init,
    Idle,
    Run,
    Stop,
    Reload,
}

impl Method {
    /// The state the service is in meanwhile; for `reload` see [`EngineState::current_state`].
    fn state(self) -> State {
        match self {
            Method::Init => State::Init,
            Method::Idle => State::Idle,
            Method::Run | Method::Reload => State::Run,
            Method::Stop => State::Stop,
        }
    }

    /// Whether it returns for a reload, and is called again after it: it may take as long as it likes.
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

/// One service, to its end.
pub(crate) fn serve<R: Runner>(mut runner: R, mut engine: EngineState) -> impl Future<Output = ()> + Send {
    engine.overridden = OverriddenMethods::of::<R>();
    if engine.overridden.has(Method::Reload) {
        engine.core.can_reload(engine.id);
    }
    // What is captured is used where it is: the arguments of an `async fn` are there twice.
    async move {
        while let Some(call) = poll_fn(|task| engine.poll_next(task)).await {
            let cx = engine.context(call);
            let ended = {
                let mut method = pin!(Some(invoke(&mut runner, &cx, call)));
                engine.begin(call);
                let ended = poll_fn(|task| match method.as_mut().as_pin_mut() {
                    Some(method) => engine.poll_method(&cx, method, task),
                    None => unreachable!("it is dropped below"),
                });
                let ended = ended.await;
                // Dropping what a method left behind is the user's code too.
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
        if let Err(caught) = engine.guarded(|| drop(runner)) {
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

/// Which methods a service has of its own. The others do nothing, and are not called for it.
#[derive(Clone, Copy, Debug, Default)]
struct OverriddenMethods(u8);

impl OverriddenMethods {
    fn of<R: Runner>() -> Self {
        let own = [
            (Method::Init, is_overridden(R::init)),
            (Method::Idle, is_overridden(R::idle)),
            (Method::Run, true),
            (Method::Stop, is_overridden(R::stop)),
            (Method::Reload, is_overridden(R::reload)),
        ];
        OverriddenMethods(own.iter().fold(0, |all, &(call, own)| all | u8::from(own) << call as u8))
    }

    fn has(self, call: Method) -> bool {
        self.0 & 1 << call as u8 != 0
    }
}

/// Whether this is not the default method: that returns [`DefaultMethod`], which nobody can make but the
/// trait itself. Nothing is called to find out.
fn is_overridden<'a, R: Runner, F>(_: fn(&'a mut R, &'a Context) -> F) -> bool {
    size_of::<F>() > 0 || std::any::type_name::<F>() != std::any::type_name::<DefaultMethod>()
}

/// How a method ended.
pub(crate) struct Outcome {
    cause: Cause,
    failure: Option<Failure>,
}

impl Outcome {
    const OK: Outcome = Outcome { cause: Cause::Normal, failure: None };

    fn panicked(caught: &panic::Caught) -> Self {
        Outcome { cause: Cause::Panic, failure: Some(Failure::msg(format_args!("panicked: {caught}"))) }
    }

    /// With what a panic among its tasks said: that is the method's, unless it has an error of its own.
    fn with(self, said: Option<String>) -> Self {
        match said {
            Some(text) if self.failure.is_none() => Outcome { cause: Cause::Panic, failure: Some(Failure::msg(text)) },
            Some(text) => {
                emit!(ERROR, target: "rxd", "{text}");
                self
            }
            None => self,
        }
    }
}

/// Which delay is before the first Init of a life.
#[derive(Clone, Copy, Debug)]
enum FirstDelay {
    /// The declared one.
    Start,
    /// None: an operator has started it again.
    Again,
}

/// What operators asked for and are to be told of.
type Replies = Requests;

/// Everything about a service but the service itself.
///
/// It lives in the service's task, so each byte of it is one for each service: what few services
/// need at a time is behind a pointer.
pub(crate) struct EngineState {
    core: Arc<Core>,
    id: Id,
    options: Knobs,
    manager: Box<dyn Decide>,
    restart_history: Pace,
    overridden: OverriddenMethods,
    /// Its waker is on the board.
    registered: bool,
    /// What it has published since its last poll has woken somebody.
    has_woken: bool,
    /// What it has done that is not published. Empty whenever it waits and while a method runs.
    batch: TransitionBatch,
    /// The state to enter next.
    to: State,
    /// The state that was entered and not left.
    current_state: Option<State>,
    /// The state whose method ended last in this round.
    last_state: State,
    /// Whether Init was entered since the last Stop.
    init_entered: bool,
    /// None once the delay before the first Init of a life was waited for.
    first_delay: Option<FirstDelay>,
    /// Set once the service is to end.
    exit_cause: Option<Cause>,
    /// The first failure of this round.
    first_failure: Option<Cause>,
    /// It came out of a method because of a reaction or an operator: what follows is no failure and no restart.
    interrupt_cause: Option<Cause>,
    completed: bool,
    failed_for_good: bool,
    /// When Run was entered, as the board tells time, plus one.
    run_since: Option<NonZeroU64>,
    /// How far it has come on its way to `to`.
    stage: EnterStage,
    /// What it waits for before `to`.
    wait: Option<Box<Wait>>,
    /// What is to become of the method that runs.
    limit: Limit,
    /// Its tasks, while they are to end.
    draining: Option<Box<TaskDrain>>,
    /// A reload was asked for, and has not been begun.
    reload_asked: bool,
    /// Idle or Run has returned for a reload, and is to be called again in the same state.
    reloads_in_place: bool,
    pending_replies: Option<Box<Replies>>,
    /// Exit was published for the last time.
    has_ended: bool,
    /// Its waker is off the board.
    waker_removed: bool,
}

impl EngineState {
    pub(crate) fn new(core: Arc<Core>, id: Id, options: Knobs, manager: Box<dyn Decide>) -> Self {
        EngineState {
            core,
            id,
            manager,
            restart_history: Pace::default(),
            overridden: OverriddenMethods::default(),
            registered: false,
            has_woken: false,
            batch: TransitionBatch::default(),
            to: State::Init,
            current_state: None,
            last_state: State::Unknown,
            init_entered: false,
            first_delay: Some(FirstDelay::Start),
            exit_cause: None,
            first_failure: None,
            interrupt_cause: None,
            completed: false,
            failed_for_good: false,
            run_since: None,
            stage: EnterStage::default(),
            wait: None,
            limit: Limit::new(Method::Init),
            draining: None,
            reload_asked: false,
            reloads_in_place: false,
            pending_replies: None,
            has_ended: false,
            waker_removed: false,
            options,
        }
    }

    /// The context of a method: those of an epoch are cancelled together; Stop and reload have a live one.
    fn context(&mut self, call: Method) -> Context {
        let service = self.core.board.service(self.id);
        let mask = self.interrupting(call);
        let begins = matches!(call, Method::Init | Method::Stop) || service.is_cancelled(service.epoch());
        let epoch = if begins {
            service.begin_epoch(mask)
        } else {
            service.set_mask(mask);
            service.epoch()
        };
        // What a reload spawns lives as long as the epoch; the context that it is given ends with it.
        let own = (call == Method::Reload).then(|| token_of(&self.core.board, self.id, epoch).child_token());
        Context::new(self.core.clone(), self.id, epoch, own)
    }

    /// The signals that cancel a method.
    fn interrupting(&self, call: Method) -> u32 {
        let ends = signal::SHUTDOWN | signal::EXIT | signal::DEPENDENCY;
        let reload = if self.overridden.has(Method::Reload) { signal::RELOAD } else { 0 };
        match call {
            Method::Init => ends | signal::CHILD | signal::OPERATOR,
            Method::Idle => ends | signal::CHILD | signal::OPERATOR | reload,
            Method::Run => ends | signal::CHILD | signal::OPERATOR | reload | signal::STOP,
            // All else waits until the reload is done.
            Method::Reload => ends,
            Method::Stop => 0,
        }
    }

    /// Runs code of the user's: its panic is caught, and should it block, that is noticed.
    fn guarded<T>(&self, code: impl FnOnce() -> T) -> Result<T, panic::Caught> {
        self.core.run_user_code(self.id, code)
    }

    fn name(&self) -> &str {
        self.core.name(self.id)
    }

    fn stop_limit(&self) -> Duration {
        self.options.timeouts[3].unwrap_or(STOP_LIMIT)
    }

    // ---- telling -------------------------------------------------------------------------------

    /// Notes a transition, to be published with those that follow at once.
    fn publish(&mut self, state: State, transition: Transition, cause: Cause) {
        if self.batch.push(StateChange { state, transition, cause }) {
            self.flush();
        }
    }

    /// Publishes what is owed: before a method is called, and before it waits.
    fn flush(&mut self) {
        let batch = std::mem::take(&mut self.batch);
        if !batch.is_empty() {
            self.has_woken |= self.core.board.publish_all(self.id, &batch, |first| self.trace_batch(&batch, first));
        }
    }

    fn trace_batch(&self, batch: &TransitionBatch, first: Option<u64>) {
        for (nth, step) in batch.steps().iter().enumerate() {
            self.trace(step.state, step.transition, first.map(|first| first + nth as u64));
        }
    }

    /// Publishes that the state that was entered is left.
    fn leave_state(&mut self, cause: Cause) {
        if let Some(state) = self.current_state.take() {
            self.publish(state, Transition::Exited, cause);
        }
    }

    fn trace(&self, state: State, transition: Transition, seq: Option<u64>) {
        if let Some(seq) = seq {
            self.core.notify_changed();
            emit!(DEBUG,
                target: "rxd::state",
                service = self.name(),
                state = state.as_str(),
                transition = transition.as_str(),
                seq,
            );
        }
    }

    /// Puts the waker of its task down. It is one and the same task, for as long as the service lives.
    fn register(&mut self, task: &TaskContext<'_>) {
        if !self.registered {
            self.registered = true;
            self.core.board.set_waker(self.id, task.waker());
        }
    }
}

impl Drop for EngineState {
    /// Invariant 4: whatever takes the task away, nobody waits for this service for ever, and what its
    /// failure means for the daemon comes true.
    fn drop(&mut self) {
        self.core.board.service(self.id).close();
        if !self.has_ended {
            self.core.board.abandon(self.id);
            // An engine does not end by itself: code of the user's has broken it, or its runtime was dropped.
            if std::thread::panicking() && self.exit_cause.is_none() {
                self.count_failure(Cause::Panic);
            }
            self.core.exited(self.id);
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
