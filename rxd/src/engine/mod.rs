//! The engine: one loop that takes one service through its lifecycle, as its manager says.
//!
//! [`serve`] is all that is compiled anew for each service type: it holds the service and the
//! future of the method that is running. Everything else is here once: [`Seat`], in the rooms
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

mod ask;
mod decide;
mod enter;
mod hold;
mod supervise;

use crate::board::Id;
use crate::children::Children;
use crate::context::Context;
use crate::core::{Command, Core};
use crate::declared::Decide;
use crate::error::{Error, Result};
use crate::options::Options;
use crate::pace::Pace;
use crate::panic;
use crate::service::Runner;
use crate::state::{Cause, State, Transition};
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context as TaskContext, Waker};
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// How long a method that was told to return, and Stop itself, may take where nothing else is declared.
pub(crate) const STOP_LIMIT: Duration = Duration::from_secs(10);

/// Which method is called next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Call {
    Init,
    Idle,
    Run,
    Stop,
    Reload,
}

impl Call {
    /// The state the service is in meanwhile; for `reload` see [`Seat::inside`].
    fn state(self) -> State {
        match self {
            Call::Init => State::Init,
            Call::Idle => State::Idle,
            Call::Run | Call::Reload => State::Run,
            Call::Stop => State::Stop,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Call::Reload => "reload",
            other => other.state().as_str(),
        }
    }
}

/// One service, to its end.
pub(crate) async fn serve<R: Runner>(mut runner: R, mut seat: Seat) {
    if overrides_reload(R::reload) {
        seat.reloads = true;
        seat.core.can_reload(seat.id);
    }
    while let Some(call) = seat.next().await {
        let cx = seat.context(call);
        let ended = {
            let mut method = pin!(Some(invoke(&mut runner, &cx, call)));
            let ended = match method.as_mut().as_pin_mut() {
                Some(method) => seat.supervise(call, &cx, method).await,
                None => unreachable!("it was just made"),
            };
            // Dropping what a method left behind is the user's code too.
            match seat.guarded(|| method.set(None)) {
                Ok(()) => ended,
                Err(caught) => Outcome::panicked(&caught),
            }
        };
        let ended = seat.settle(&cx, call, ended).await;
        drop(cx);
        seat.ended(call, ended);
    }
    if let Err(caught) = seat.guarded(|| drop(runner)) {
        tracing::error!(target: "rxd", "panicked while it was dropped: {caught}");
    }
}

async fn invoke<R: Runner>(runner: &mut R, cx: &Context, call: Call) -> Result {
    match call {
        Call::Init => runner.init(cx).await,
        Call::Idle => runner.idle(cx).await,
        Call::Run => runner.run(cx).await,
        Call::Stop => runner.stop(cx).await,
        Call::Reload => runner.reload(cx).await,
    }
}

/// Whether the service has a `reload` of its own: the default one's future holds nothing, while
/// that of any `async fn reload(&mut self, ..)` holds its arguments. Nothing is called for it.
fn overrides_reload<'a, R: Runner, F>(_: fn(&'a mut R, &'a Context) -> F) -> bool {
    size_of::<F>() > 0
}

/// How a method ended.
pub(crate) struct Outcome {
    cause: Cause,
    error: Option<Error>,
}

impl Outcome {
    fn panicked(caught: &panic::Caught) -> Self {
        Outcome { cause: Cause::Panic, error: Some(Error::msg(format_args!("panicked: {caught}"))) }
    }
}

/// Everything about a service but the service itself.
pub(crate) struct Seat {
    core: Arc<Core>,
    id: Id,
    options: Options,
    manager: Box<dyn Decide>,
    pace: Pace,
    children: Arc<Children>,
    token: CancellationToken,
    waker: Waker,
    /// Whether the service has a `reload` of its own.
    reloads: bool,
    /// The state to enter next.
    to: State,
    /// The state that was entered and not left.
    inside: Option<State>,
    /// The state whose method ended last in this round.
    at: State,
    /// Whether Init was entered since the last Stop.
    begun: bool,
    /// The delay before the first Init of a life; none once it was waited for.
    first: Option<Duration>,
    /// Set once the service is to end.
    ending: Option<Cause>,
    /// The first failure of this round.
    failed: Option<Cause>,
    /// It came out of a method because of a reaction or an operator: what follows is no failure and no restart.
    interrupted: Option<Cause>,
    ended_well: bool,
    gave_up: bool,
    run_since: Option<Instant>,
    /// Since when it waits for what is before `to`.
    waits_since: Option<Instant>,
    /// A reload was asked for, and has not been begun.
    reload_asked: bool,
    /// Run has returned for a reload, and is to be called again in the same state.
    paused: bool,
    replies: Vec<(Command, oneshot::Sender<Result>)>,
    /// Exit was published for the last time.
    over: bool,
}

impl Seat {
    pub(crate) fn new(core: Arc<Core>, id: Id, options: Options, manager: Box<dyn Decide>) -> Self {
        Seat {
            core,
            id,
            manager,
            pace: Pace::default(),
            children: Arc::default(),
            token: CancellationToken::new(),
            waker: Waker::noop().clone(),
            reloads: false,
            to: State::Init,
            inside: None,
            at: State::Unknown,
            begun: false,
            first: Some(options.startup_delay),
            ending: None,
            failed: None,
            interrupted: None,
            ended_well: false,
            gave_up: false,
            run_since: None,
            waits_since: None,
            reload_asked: false,
            paused: false,
            replies: Vec::new(),
            over: false,
            options,
        }
    }

    /// The context of a method: one token for all of a round, a live one for Stop and for reload.
    fn context(&mut self, call: Call) -> Context {
        if call == Call::Init || (call != Call::Stop && self.token.is_cancelled()) {
            self.token = CancellationToken::new();
        }
        let token = match call {
            Call::Stop => CancellationToken::new(),
            // What it spawns lives as long as the round; what it is told itself ends with it.
            Call::Reload => self.token.child_token(),
            Call::Init | Call::Idle | Call::Run => self.token.clone(),
        };
        Context::new(self.core.clone(), self.id, token, self.children.clone())
    }

    /// Runs code of the user's: its panic is caught, and should it block, that is noticed.
    fn guarded<T>(&self, code: impl FnOnce() -> T) -> Result<T, panic::Caught> {
        self.core.stall.during(self.id, || panic::catch(code))
    }

    fn name(&self) -> &str {
        self.core.name(self.id)
    }

    fn stop_limit(&self) -> Duration {
        self.options.timeouts[3].unwrap_or(STOP_LIMIT)
    }

    // ---- telling -------------------------------------------------------------------------------

    fn publish(&self, state: State, transition: Transition, cause: Cause) {
        let seq = self.core.board.publish(self.id, state, transition, cause);
        self.trace(state, transition, seq);
    }

    /// Publishes that the state that was entered is left.
    fn leave_state(&mut self, cause: Cause) {
        if let Some(state) = self.inside.take() {
            self.publish(state, Transition::Exited, cause);
        }
    }

    fn trace(&self, state: State, transition: Transition, seq: Option<u64>) {
        if let Some(seq) = seq {
            self.core.changed.notify_one();
            tracing::debug!(
                target: "rxd::state",
                service = self.name(),
                state = state.as_str(),
                transition = transition.as_str(),
                seq,
            );
        }
    }

    fn register(&mut self, task: &TaskContext<'_>) {
        if !self.waker.will_wake(task.waker()) {
            self.waker = task.waker().clone();
            self.core.board.set_waker(self.id, task.waker());
        }
    }
}

impl Drop for Seat {
    /// Invariant 4: whatever takes the task away, nobody waits for this service for ever.
    fn drop(&mut self) {
        if !self.over {
            self.core.board.abandon(self.id);
            self.core.exited(self.id);
        }
        self.core.board.drop_waker(self.id);
    }
}
