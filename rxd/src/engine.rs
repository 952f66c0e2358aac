//! The engine: one loop that takes one service through its lifecycle, as its manager says.
//!
//! [`serve`] is all that is compiled anew for each service type: it holds the service and the
//! future of the method that is running. Everything else is here once.
//!
//! Invariants (G1 to G4 of every trace):
//!
//! 1. A state is published as entered when its method is about to be called, after its delay and
//!    with its gates holding, and as exited when the method has ended.
//! 2. Stop is called if and only if Init was entered since the last Stop.
//! 3. The methods of one service run in one task, one after another.
//! 4. Exit is published once a life, last, on every path out of the loop.

use crate::board::{Id, Reaction, signal};
use crate::children::Children;
use crate::context::Context;
use crate::core::{Command, Core, Reason};
use crate::error::{Error, LifecycleDone, Result};
use crate::manager::{Ended, Table};
use crate::options::{OnFailure, Options, slot};
use crate::pace::Pace;
use crate::panic;
use crate::service::{Decide, Runner};
use crate::state::{Cause, State, Transition};
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context as TaskContext, Poll, Waker};
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::time::{Instant, Sleep};
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
    seat.reloads = overrides_reload(&mut runner, &seat.context(Call::Reload));
    while let Some(call) = seat.next().await {
        let cx = seat.context(call);
        let ended = {
            let mut method = pin!(Some(invoke(&mut runner, &cx, call)));
            let ended = match method.as_mut().as_pin_mut() {
                Some(method) => seat.supervise(call, &cx, method).await,
                None => unreachable!("it was just made"),
            };
            // Dropping what a method left behind is the user's code too.
            match panic::catch(|| method.set(None)) {
                Ok(()) => ended,
                Err(caught) => Outcome::panicked(&caught),
            }
        };
        seat.end_children(&cx, call, &ended).await;
        drop(cx);
        seat.ended(call, ended);
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
/// that of any `async fn reload(&mut self, ..)` holds its arguments.
fn overrides_reload<R: Runner>(runner: &mut R, cx: &Context) -> bool {
    panic::catch(|| size_of_val(&runner.reload(cx)) > 0).unwrap_or(true)
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

    fn timeout(text: String) -> Self {
        Outcome { cause: Cause::Timeout, error: Some(Error::msg(text)) }
    }
}

/// Why a service leaves where it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Leave {
    /// For good.
    End(Cause),
    /// It is to come round.
    Round(Cause),
    /// It is to reload, and go on where it is.
    Reload,
    /// It failed while it waited: a gate stayed shut for too long, or one of its tasks panicked.
    Failed(Cause),
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
    reloads: bool,
    /// The method that ended last; none between lives.
    last: Option<(Call, Cause)>,
    /// Set once the service is to end.
    ending: Option<Cause>,
    /// The first failure of this round.
    failed: Option<Cause>,
    /// It came out of a method because of a reaction or an operator: what follows is no failure and no restart.
    interrupted: Option<Cause>,
    ended_well: bool,
    gave_up: bool,
    run_since: Option<Instant>,
    /// A reload was asked for, and has not been begun.
    reload_asked: bool,
    /// Run has returned for a reload, and is to be called again in the same state.
    paused: bool,
    replies: Vec<(Command, oneshot::Sender<Result>)>,
}

impl Seat {
    pub(crate) fn new(core: Arc<Core>, id: Id, options: Options, manager: Box<dyn Decide>) -> Self {
        Seat {
            core,
            id,
            options,
            manager,
            pace: Pace::default(),
            children: Arc::default(),
            token: CancellationToken::new(),
            waker: Waker::noop().clone(),
            reloads: false,
            last: None,
            ending: None,
            failed: None,
            interrupted: None,
            ended_well: false,
            gave_up: false,
            run_since: None,
            reload_asked: false,
            paused: false,
            replies: Vec::new(),
        }
    }

    /// The context of a method: one token for all of a round, a live one for Stop and for reload.
    fn context(&mut self, call: Call) -> Context {
        let token = match call {
            Call::Stop | Call::Reload => CancellationToken::new(),
            Call::Init | Call::Idle | Call::Run => {
                if self.token.is_cancelled() || call == Call::Init {
                    self.token = CancellationToken::new();
                }
                self.token.clone()
            }
        };
        Context::new(self.core.clone(), self.id, token, self.children.clone())
    }

    fn name(&self) -> &str {
        self.core.name(self.id)
    }

    // ---- where to go ---------------------------------------------------------------------------

    /// The method to call next, its state entered; none when the daemon is over.
    pub(crate) async fn next(&mut self) -> Option<Call> {
        loop {
            if std::mem::take(&mut self.reload_asked) && self.ending.is_none() {
                return Some(Call::Reload);
            }
            let to = self.decide();
            let entered = match to {
                State::Init => self.enter_init().await,
                State::Run => self.enter_run().await,
                State::Idle => self.enter_idle().await,
                State::Stop => Some(self.enter_stop().await),
                State::Exit | State::Unknown => {
                    if !self.exit().await {
                        return None;
                    }
                    None
                }
            };
            if entered.is_some() {
                return entered;
            }
        }
    }

    /// Where the service goes from the method that ended last.
    fn decide(&mut self) -> State {
        match self.last {
            None if self.ending.is_some() => State::Exit,
            None => State::Init,
            Some((_, cause)) if self.paused => {
                if self.ending.is_none() && self.interrupted.is_none() {
                    return State::Run;
                }
                self.paused = false;
                self.publish(State::Run, Transition::Exited, cause);
                State::Stop
            }
            Some((Call::Stop, cause)) => {
                if self.ending.is_some() {
                    return State::Exit;
                }
                if self.interrupted == Some(Cause::Operator) {
                    return State::Init;
                }
                match self.consult(State::Stop, cause) {
                    State::Init => State::Init,
                    _ => {
                        self.end_by_manager(State::Stop, self.failed.unwrap_or(cause));
                        State::Exit
                    }
                }
            }
            Some(_) if self.ending.is_some() || self.interrupted.is_some() => State::Stop,
            Some((call, cause)) => match self.consult(call.state(), cause) {
                State::Exit => {
                    self.end_by_manager(call.state(), cause);
                    State::Stop
                }
                to => to,
            },
        }
    }

    /// Asks the manager, and refuses what the grammar forbids.
    fn consult(&mut self, state: State, cause: Cause) -> State {
        let ended = Ended { state, cause, failures: self.pace.failures() };
        let to = match panic::catch(|| self.manager.decide(ended)) {
            Ok(to) if Table::may_follow(state, to) => return to,
            Ok(to) => format!("its manager goes from {state} to {to}, which may not follow"),
            Err(caught) => format!("its manager panicked: {caught}"),
        };
        let cause = if to.contains("panicked") { Cause::Panic } else { Cause::Error };
        self.fail(state, cause, &Error::msg(to));
        self.give_up(cause);
        if state == State::Stop { State::Exit } else { State::Stop }
    }

    fn end_by_manager(&mut self, state: State, cause: Cause) {
        if cause.is_failure() {
            self.give_up(cause);
        } else {
            self.ending.get_or_insert(Cause::Normal);
            self.ended_well = state == State::Run || self.run_since.is_some();
        }
    }

    // ---- entering ------------------------------------------------------------------------------

    async fn enter_init(&mut self) -> Option<Call> {
        let delay = match self.restart_delay() {
            Some(delay) => delay.max(self.options.delays[0]),
            // At the limit: it gave up.
            None => return None,
        };
        match self.hold(None, State::Init, delay).await {
            Ok(()) => {
                self.failed = None;
                self.interrupted = None;
                self.run_since = None;
                self.ended_well = false;
                Some(Call::Init)
            }
            Err(Leave::End(cause)) => {
                self.end(cause);
                self.last = None;
                None
            }
            Err(Leave::Failed(cause)) => {
                self.failed = Some(cause);
                self.interrupted = None;
                // Stop is not called: Init was not entered. It comes round like any failure.
                self.last = None;
                None
            }
            // No more waiting, but for the gates.
            Err(leave @ (Leave::Round(_) | Leave::Reload)) => {
                self.reload_asked = leave == Leave::Reload;
                self.interrupted = Some(Cause::Operator);
                None
            }
        }
    }

    async fn enter_idle(&mut self) -> Option<Call> {
        let delay = self.options.delays[1];
        match self.delay(delay).await {
            Ok(()) => {
                self.publish(State::Idle, Transition::Entering, Cause::Normal);
                Some(Call::Idle)
            }
            Err(leave) => {
                self.leave(leave);
                None
            }
        }
    }

    async fn enter_run(&mut self) -> Option<Call> {
        if std::mem::take(&mut self.paused) {
            return Some(Call::Run);
        }
        let from = (self.last.map(|(call, _)| call) == Some(Call::Idle)).then_some(State::Idle);
        match self.hold(from, State::Run, self.options.delays[2]).await {
            Ok(()) => {
                self.run_since = Some(Instant::now());
                Some(Call::Run)
            }
            Err(leave) => {
                // A reload finds it in Idle, and leaves it there.
                if let (Some(state), Leave::End(cause) | Leave::Round(cause) | Leave::Failed(cause)) = (from, leave) {
                    self.publish(state, Transition::Exited, cause);
                }
                self.leave(leave);
                None
            }
        }
    }

    async fn enter_stop(&mut self) -> Call {
        if self.ending.is_none() {
            let delay = self.options.delays[3];
            if let Err(leave) = self.delay(delay).await {
                self.leave(leave);
            }
        }
        let cause = self.ending.or(self.interrupted).or(self.failed).unwrap_or_default();
        self.publish(State::Stop, Transition::Entering, cause);
        Call::Stop
    }

    /// Notes why the service does not go on to where it was going.
    fn leave(&mut self, leave: Leave) {
        match leave {
            Leave::End(cause) => self.end(cause),
            Leave::Round(cause) => self.interrupted = Some(cause),
            Leave::Reload => self.reload_asked = true,
            Leave::Failed(cause) => {
                self.failed = Some(cause);
                self.interrupted = Some(cause);
            }
        }
    }

    /// In Exit: publishes it, and stays until the daemon is over or an operator starts the service
    /// again; whether that is so.
    async fn exit(&mut self) -> bool {
        let cause = self.ending.take().unwrap_or(Cause::Normal);
        let (core, id) = (self.core.clone(), self.id);
        let seq = core.board.publish_exit(id, cause, self.ended_well, self.gave_up);
        self.trace(State::Exit, Transition::Entering, seq);
        core.exited(id);
        self.interrupted = None;
        self.reply(&[Command::Stop], || Ok(()));
        self.reply(&[Command::Start, Command::Restart, Command::Reload], || {
            Err(Error::msg(format_args!("service `{}` has exited ({cause})", core.name(id))))
        });
        let again = poll_fn(|task| {
            self.register(task);
            let signals = core.board.signals(id);
            if signals & (signal::OVER | signal::SHUTDOWN) != 0 {
                return if signals & signal::OVER != 0 { Poll::Ready(false) } else { Poll::Pending };
            }
            if signals & signal::REQUEST == 0 {
                return Poll::Pending;
            }
            let mut start = false;
            for (command, reply) in core.take_requests(id) {
                let answer = match command {
                    Command::Start | Command::Restart if start || core.ladder.revive(id) => {
                        start = true;
                        Ok(())
                    }
                    Command::Start | Command::Restart => Err(Error::msg("the daemon is stopping")),
                    Command::Stop => Ok(()),
                    Command::Reload => Err(Error::msg(format_args!("service `{}` is not running", core.name(id)))),
                };
                let _ = reply.send(answer);
            }
            if start {
                core.board.revive(id);
                Poll::Ready(true)
            } else {
                Poll::Pending
            }
        })
        .await;
        self.last = None;
        self.failed = None;
        self.interrupted = Some(Cause::Operator);
        self.gave_up = false;
        self.ended_well = false;
        self.pace = Pace::default();
        if !again {
            core.board.drop_waker(id);
        }
        again
    }

    // ---- waiting -------------------------------------------------------------------------------

    /// Waits for `delay` and for the gates before `to`, and enters it.
    async fn hold(&mut self, from: Option<State>, to: State, delay: Duration) -> Result<(), Leave> {
        self.delay(delay).await?;
        let (core, id) = (self.core.clone(), self.id);
        let begun = Instant::now();
        let mut limit: Option<Pin<Box<Sleep>>> = None;
        let mut asked = false;
        let held = poll_fn(|task| {
            self.register(task);
            if let Some(leave) = self.told_to_leave() {
                return Poll::Ready(Err(leave));
            }
            if let Some((left, entered)) = core.board.pass(id, from, to) {
                return Poll::Ready(Ok((left, entered)));
            }
            if !asked {
                asked = true;
                limit = self.next_limit(to, begun);
            }
            while let Some(timer) = &mut limit {
                if timer.as_mut().poll(task).is_pending() {
                    break;
                }
                if let Some(unmet) = self.overdue(to, begun) {
                    self.fail(to, Cause::Timeout, &Error::msg(unmet));
                    return Poll::Ready(Err(Leave::Failed(Cause::Timeout)));
                }
                limit = self.next_limit(to, begun);
            }
            Poll::Pending
        })
        .await;
        match held {
            Ok((left, entered)) => {
                if let (Some(state), Some(left)) = (from, left) {
                    self.trace(state, Transition::Exited, Some(left));
                }
                self.trace(to, Transition::Entering, Some(entered));
                let entering: &[Command] = &[Command::Start, Command::Restart];
                if to == State::Init {
                    self.reply(entering, || Ok(()));
                }
                Ok(())
            }
            Err(leave) => {
                core.board.leave_gate(id);
                Err(leave)
            }
        }
    }

    /// When the next gate that is shut will have been so for too long.
    fn next_limit(&self, to: State, begun: Instant) -> Option<Pin<Box<Sleep>>> {
        let unmet = self.core.board.unmet(self.id, to);
        let within = unmet.iter().filter_map(|gate| gate.within).filter(|within| begun.elapsed() < *within).min()?;
        Some(Box::pin(tokio::time::sleep_until(begun + within)))
    }

    /// What is said when a gate has been shut for too long.
    fn overdue(&self, to: State, begun: Instant) -> Option<String> {
        let unmet = self.core.board.unmet(self.id, to);
        let gate = unmet.iter().find(|gate| gate.within.is_some_and(|within| begun.elapsed() >= within))?;
        let within = gate.within.unwrap_or_default();
        Some(format!("waited {within:?} for {}", crate::watch::describe(&self.core, gate)))
    }

    async fn delay(&mut self, delay: Duration) -> Result<(), Leave> {
        // A zero delay uses no timer.
        let mut timer = (!delay.is_zero()).then(|| Box::pin(tokio::time::sleep(delay)));
        poll_fn(|task| {
            self.register(task);
            if let Some(leave) = self.told_to_leave() {
                return Poll::Ready(Err(leave));
            }
            match &mut timer {
                Some(timer) => timer.as_mut().poll(task).map(Ok),
                None => Poll::Ready(Ok(())),
            }
        })
        .await
    }

    /// What the signals say to a service that is between methods.
    fn told_to_leave(&mut self) -> Option<Leave> {
        let signals = self.core.board.signals(self.id);
        if signals & !signal::GATE == 0 {
            return None;
        }
        if signals & signal::SHUTDOWN != 0 {
            return Some(Leave::End(Cause::Shutdown));
        }
        if let Some(cause) = self.ending_reaction(signals) {
            return Some(Leave::End(cause));
        }
        if let Some(text) = self.child_panic(signals) {
            self.fail(self.last.map_or(State::Unknown, |(call, _)| call.state()), Cause::Panic, &Error::msg(text));
            return Some(Leave::Failed(Cause::Panic));
        }
        if signals & signal::REQUEST != 0 {
            return self.take_request();
        }
        None
    }

    fn child_panic(&mut self, signals: u32) -> Option<String> {
        if signals & signal::CHILD == 0 {
            return None;
        }
        self.core.board.clear(self.id, signal::CHILD);
        self.children.panicked()
    }

    fn ending_reaction(&mut self, signals: u32) -> Option<Cause> {
        if signals & signal::DEPENDENCY != 0 {
            self.core.board.take_reaction(self.id, Reaction::Dependency);
            return Some(Cause::Dependency);
        }
        if signals & signal::EXIT != 0 {
            self.core.board.take_reaction(self.id, Reaction::Exit);
            return Some(Cause::Reaction);
        }
        None
    }

    /// What operators asked for: the strongest of it.
    fn take_request(&mut self) -> Option<Leave> {
        let mut leave = None;
        for (command, reply) in self.core.take_requests(self.id) {
            match command {
                Command::Start => {
                    // It is not in Exit, so it has started.
                    let _ = reply.send(Ok(()));
                    continue;
                }
                Command::Stop => leave = Some(Leave::End(Cause::Operator)),
                Command::Restart if leave.is_none_or(|leave| leave == Leave::Reload) => {
                    leave = Some(Leave::Round(Cause::Operator));
                }
                Command::Restart => {}
                Command::Reload => leave = leave.or(Some(Leave::Reload)),
            }
            self.replies.push((command, reply));
        }
        leave
    }

    fn reply(&mut self, commands: &[Command], answer: impl Fn() -> Result) {
        let (mine, others) = std::mem::take(&mut self.replies).into_iter().partition(|(c, _)| commands.contains(c));
        self.replies = others;
        let mine: Vec<(Command, oneshot::Sender<Result>)> = mine;
        for (_, reply) in mine {
            let _ = reply.send(answer());
        }
    }

    // ---- while a method runs -------------------------------------------------------------------

    /// Runs one method to its end: its own, or the one that is made for it.
    pub(crate) async fn supervise(
        &mut self,
        call: Call,
        cx: &Context,
        mut method: Pin<&mut (dyn Future<Output = Result> + Send)>,
    ) -> Outcome {
        let own_limit = match call {
            Call::Stop | Call::Reload => Some(self.stop_limit()),
            Call::Init | Call::Idle | Call::Run => slot(call.state()).and_then(|slot| self.options.timeouts[slot]),
        };
        let mut timer = own_limit.map(|limit| Box::pin(tokio::time::sleep(limit)));
        let mut leaving: Option<Cause> = None;
        let mut error: Option<Error> = None;
        self.core.board.ear(self.id).extension.store(0, Ordering::Release);
        poll_fn(|task| {
            self.register(task);
            let signals = self.core.board.signals(self.id);
            if signals != 0 && leaving.is_none() {
                leaving = self.interruption(call, signals, &mut error);
                if leaving.is_some() {
                    cx.token().cancel();
                    timer = Some(Box::pin(tokio::time::sleep(self.stop_limit())));
                }
            }
            match panic::catch(|| method.as_mut().poll(task)) {
                Err(caught) => return Poll::Ready(Outcome::panicked(&caught)),
                Ok(Poll::Ready(result)) => {
                    return Poll::Ready(self.returned(call, leaving, result, error.take()));
                }
                Ok(Poll::Pending) => {}
            }
            if self.core.board.signals(self.id) & signal::KILL != 0 {
                cx.token().cancel();
                return Poll::Ready(self.overrun(call, leaving, Duration::ZERO));
            }
            loop {
                let Some(sleep) = &mut timer else { return Poll::Pending };
                if sleep.as_mut().poll(task).is_pending() {
                    return Poll::Pending;
                }
                let extension = self.core.board.ear(self.id).extension.swap(0, Ordering::AcqRel);
                if extension > 0 {
                    sleep.as_mut().reset(Instant::now() + Duration::from_millis(extension));
                    continue;
                }
                if leaving.is_some() || cx.is_cancelled() {
                    return Poll::Ready(self.overrun(call, leaving, own_limit.unwrap_or_default()));
                }
                // Its own limit: it is told, and polled once more before it is dropped.
                cx.token().cancel();
                sleep.as_mut().reset(Instant::now());
                task.waker().wake_by_ref();
            }
        })
        .await
    }

    /// Whether, and why, the running method is to be interrupted.
    fn interruption(&mut self, call: Call, signals: u32, error: &mut Option<Error>) -> Option<Cause> {
        if matches!(call, Call::Stop) {
            return None;
        }
        if signals & signal::SHUTDOWN != 0 {
            self.end(Cause::Shutdown);
            return Some(Cause::Shutdown);
        }
        if let Some(cause) = self.ending_reaction(signals) {
            self.end(cause);
            return Some(cause);
        }
        if let Some(text) = self.child_panic(signals) {
            *error = Some(Error::msg(text));
            return Some(Cause::Panic);
        }
        if signals & signal::REQUEST != 0 && call != Call::Reload {
            match self.take_request() {
                Some(Leave::End(cause)) => {
                    self.end(cause);
                    return Some(cause);
                }
                Some(Leave::Round(cause)) => {
                    self.interrupted = Some(cause);
                    return Some(cause);
                }
                Some(Leave::Reload) => {
                    self.reload_asked = true;
                    return (call == Call::Run).then_some(Cause::Operator);
                }
                Some(Leave::Failed(_)) | None => {}
            }
        }
        if signals & signal::STOP != 0 && call == Call::Run {
            self.core.board.take_reaction(self.id, Reaction::Stop);
            self.interrupted = Some(Cause::Reaction);
            return Some(Cause::Reaction);
        }
        None
    }

    fn returned(&mut self, call: Call, leaving: Option<Cause>, result: Result, error: Option<Error>) -> Outcome {
        match (leaving, result) {
            (Some(Cause::Panic), _) => Outcome { cause: Cause::Panic, error },
            (Some(cause), result) => {
                if let Err(error) = &result {
                    tracing::debug!(target: "rxd", method = call.name(), "returned an error when told to leave: {error:#}");
                }
                Outcome { cause, error: None }
            }
            (None, Ok(())) => Outcome { cause: Cause::Normal, error: None },
            (None, Err(error)) => Outcome { cause: Cause::Error, error: Some(error) },
        }
    }

    /// The method did not return in time.
    fn overrun(&mut self, call: Call, leaving: Option<Cause>, limit: Duration) -> Outcome {
        let method = call.name();
        match leaving {
            Some(cause) => {
                let limit = self.stop_limit();
                tracing::error!(target: "rxd", method, "did not return within {limit:?} of being cancelled, and was dropped");
                if cause == Cause::Shutdown {
                    self.core.note(self.id, |detail| detail.overrun = Some(call.state()));
                }
                Outcome { cause, error: None }
            }
            None => {
                if self.ending == Some(Cause::Shutdown) {
                    self.core.note(self.id, |detail| detail.overrun = Some(call.state()));
                }
                Outcome::timeout(format!("{method} did not return within {limit:?}"))
            }
        }
    }

    /// What the service spawned ends with its round.
    pub(crate) async fn end_children(&mut self, cx: &Context, call: Call, outcome: &Outcome) {
        let goes_on = match call {
            Call::Init | Call::Idle => {
                outcome.cause == Cause::Normal && self.ending.is_none() && self.interrupted.is_none()
            }
            Call::Reload => true,
            Call::Run | Call::Stop => false,
        };
        if goes_on || self.children.is_empty() {
            return;
        }
        self.token.cancel();
        cx.token().cancel();
        let limit = self.stop_limit();
        let children = self.children.clone();
        if tokio::time::timeout(limit, children.ended()).await.is_err() {
            tracing::error!(target: "rxd", "tasks of the service did not end within {limit:?} of being cancelled, and were aborted");
            children.abort();
            children.ended().await;
        }
        self.core.board.clear(self.id, signal::CHILD);
        self.children = Arc::default();
    }

    /// Notes how a method ended, and publishes that its state was left.
    pub(crate) fn ended(&mut self, call: Call, outcome: Outcome) {
        let Outcome { cause, error } = outcome;
        if let Some(error) = &error {
            self.fail(call.state(), cause, error);
        }
        if call == Call::Reload {
            let failed = error.map(|error| format!("failed to reload service `{}`: {error}", self.name()));
            self.reply(&[Command::Reload], || failed.as_deref().map_or(Ok(()), |text| Err(Error::msg(text))));
            return;
        }
        if call == Call::Run && self.reload_asked && self.ending.is_none() && self.interrupted.is_none() {
            self.last = Some((Call::Run, cause));
            self.paused = true;
            return;
        }
        self.failed = self.failed.or(cause.is_failure().then_some(cause));
        if call == Call::Run {
            self.pace.ran(self.run_since.map_or(Duration::ZERO, |since| since.elapsed()), &self.options.backoff);
            if cause != Cause::Normal {
                self.run_since = None;
            }
        }
        self.last = Some((call, cause));
        // After an Idle that went well the service stays in it until the gates of Run hold.
        let stays = call == Call::Idle && cause == Cause::Normal && self.ending.is_none() && self.interrupted.is_none();
        if !stays {
            self.publish(call.state(), Transition::Exited, cause);
        }
    }

    // ---- failing and ending --------------------------------------------------------------------

    fn end(&mut self, cause: Cause) {
        self.ending.get_or_insert(cause);
        self.gave_up |= cause == Cause::Dependency;
    }

    fn fail(&mut self, state: State, cause: Cause, error: &Error) {
        if error.is::<LifecycleDone>() {
            tracing::debug!(target: "rxd", state = state.as_str(), "lifecycle done");
            return;
        }
        self.core.note(self.id, |detail| detail.error = Some(error.to_string()));
        tracing::error!(target: "rxd", state = state.as_str(), cause = cause.as_str(), "{error:#}");
    }

    fn give_up(&mut self, cause: Cause) {
        self.ending.get_or_insert(cause);
        self.gave_up = true;
        tracing::error!(target: "rxd", cause = cause.as_str(), "gave up");
        if self.options.on_failure == OnFailure::Shutdown {
            self.core.shut_down(Reason::Service(self.id));
        }
    }

    /// How long to wait before this Init; none if there are to be no more.
    fn restart_delay(&mut self) -> Option<Duration> {
        let first = self.last.is_none() && self.failed.is_none();
        if self.interrupted.is_some_and(|cause| !cause.is_failure()) {
            return Some(Duration::ZERO);
        }
        if first {
            return Some(self.options.startup_delay);
        }
        let Some(delay) = self.pace.restart(&self.options.backoff, self.options.restarts) else {
            self.give_up(self.failed.unwrap_or(Cause::Error));
            self.last = None;
            return None;
        };
        self.core.note(self.id, |detail| {
            detail.restarts = detail.restarts.wrapping_add(1);
            detail.next_attempt = Some(Instant::now() + delay);
        });
        Some(delay)
    }

    fn stop_limit(&self) -> Duration {
        self.options.timeouts[3].unwrap_or(STOP_LIMIT)
    }

    // ---- telling -------------------------------------------------------------------------------

    fn publish(&self, state: State, transition: Transition, cause: Cause) {
        let seq = self.core.board.publish(self.id, state, transition, cause);
        self.trace(state, transition, seq);
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
