//! Fake services whose methods do what a test scripts.

use super::behavior::Behavior;
use super::call_log::CallLog;
use crate::error::Result;
use crate::lifecycle::state::State;
use crate::service::context::Context;
use crate::service::runner::Runner;
use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;

/// A service whose methods do what a test scripts.
///
/// Each method has a list of [`Behavior`]s. A call takes the next one, and the last is repeated. By
/// default `run` returns once it is cancelled, and every other method returns `Ok` at once.
///
/// To change what a fake does while it runs, call [`CallLog::set_behavior`], or
/// [`Running::set_behavior`](super::Running::set_behavior) where it replaces a service of a
/// [`Harness`](super::Harness).
///
/// A fake has no `reload`, so a reload leaves it alone, unless
/// [`on_reload`](FakeService::on_reload) scripts one.
///
/// ```
/// use rxd::testing::{Behavior, Harness, FakeService};
/// use rxd::{Daemon, Service, State};
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() {
/// let db = FakeService::new().on(State::Init, [Behavior::Fail, Behavior::Ok]); // fails once
/// let daemon = Daemon::new("agent")
///     .add(Service::new("db", db))
///     .add(Service::new("api", FakeService::new()).needs(["db"]));
/// let running = Harness::new(daemon).start().await;
/// running.until("api", State::Run).await;
/// let ended = running.shutdown().await;
/// assert_eq!(
///     ended.trace.states_of("db"),
///     "init+ init- stop+ stop- init+ init- idle+ idle- run+ run- stop+ stop- exit+"
/// );
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct FakeService {
    /// What each method does: `init`, `idle`, `run`, `stop`, `reload`.
    behaviors: [VecDeque<Behavior>; 5],
    call_log: CallLog,
    /// `on_reload` was called.
    pub(super) reloads: bool,
}

/// The place of `reload` among a fake's behaviors.
const RELOAD: usize = 4;

impl FakeService {
    /// A service that works: `run` returns once it is cancelled, all else returns `Ok` at once.
    #[must_use]
    pub fn new() -> Self {
        let ok = || VecDeque::from([Behavior::Ok]);
        FakeService {
            behaviors: [ok(), ok(), [Behavior::UntilCancelled].into(), ok(), ok()],
            call_log: CallLog::default(),
            reloads: false,
        }
    }

    /// Scripts the method of this state, one behavior for each call. The last one is repeated.
    ///
    /// # Panics
    ///
    /// If the state has no method, or the list is empty.
    #[must_use]
    #[track_caller]
    pub fn on(self, state: State, behaviors: impl IntoIterator<Item = Behavior>) -> Self {
        let slot = crate::lifecycle::options::slot(state)
            .unwrap_or_else(|| panic!("state {state} has no method; use Init, Idle, Run or Stop"));
        self.with(slot, behaviors)
    }

    /// Scripts `reload`, one behavior for each call. The last one is repeated.
    ///
    /// A [`Harness`](super::Harness) then gives the fake a `reload`. Where you make a
    /// [`Service`](crate::Service) of the fake yourself, wrap it in a [`ReloadingFake`].
    ///
    /// # Panics
    ///
    /// If the list is empty.
    #[must_use]
    #[track_caller]
    pub fn on_reload(self, behaviors: impl IntoIterator<Item = Behavior>) -> Self {
        FakeService { reloads: true, ..self.with(RELOAD, behaviors) }
    }

    #[track_caller]
    fn with(mut self, slot: usize, behaviors: impl IntoIterator<Item = Behavior>) -> Self {
        self.behaviors[slot] = behaviors.into_iter().collect();
        assert!(!self.behaviors[slot].is_empty(), "the list of behaviors is empty; a method needs at least one");
        self
    }

    /// Records every call in this log.
    #[must_use]
    pub fn call_log(mut self, log: &CallLog) -> Self {
        self.call_log = log.clone();
        self
    }

    /// A service that stays in each of its methods, cancelled or not, until
    /// [`CallLog::set_behavior`] says what the method does.
    #[must_use]
    pub fn manual() -> Self {
        let hang = || VecDeque::from([Behavior::Hang]);
        FakeService {
            behaviors: [hang(), hang(), hang(), hang(), hang()],
            call_log: CallLog::default(),
            reloads: false,
        }
    }

    async fn execute(&mut self, method: &'static str, slot: usize, cx: &Context) -> Result {
        let mut behavior = match self.behaviors[slot].len() {
            1 => self.behaviors[slot][0].clone(),
            _ => self.behaviors[slot].pop_front().unwrap_or(Behavior::Ok),
        };
        let _running = self.call_log.begin(cx, method);
        loop {
            let next = {
                let (mut current, mut next) = (behavior.execute(cx), pin!(self.call_log.next_behavior(cx.name())));
                // On the first poll the current behavior goes first: one that returns at once
                // returns, and leaves a behavior that was set to the next method. On later polls
                // the new behavior goes first, so it replaces the current one even if that has
                // become ready in the same poll.
                let mut polled = false;
                let ended = poll_fn(|task| {
                    let first = !std::mem::replace(&mut polled, true);
                    if first {
                        if let Poll::Ready(result) = current.as_mut().poll(task) {
                            return Poll::Ready(Ok(result));
                        }
                    }
                    match next.as_mut().poll(task) {
                        Poll::Ready(behavior) => Poll::Ready(Err(behavior)),
                        Poll::Pending if first => Poll::Pending,
                        Poll::Pending => current.as_mut().poll(task).map(Ok),
                    }
                });
                match ended.await {
                    Ok(result) => return result,
                    Err(next) => next,
                }
            };
            behavior = next;
        }
    }
}

impl Default for FakeService {
    fn default() -> Self {
        FakeService::new()
    }
}

impl Runner for FakeService {
    async fn init(&mut self, cx: &Context) -> Result {
        self.execute("init", 0, cx).await
    }

    async fn idle(&mut self, cx: &Context) -> Result {
        self.execute("idle", 1, cx).await
    }

    async fn run(&mut self, cx: &Context) -> Result {
        self.execute("run", 2, cx).await
    }

    async fn stop(&mut self, cx: &Context) -> Result {
        self.execute("stop", 3, cx).await
    }
}

/// A [`FakeService`] that implements `reload`.
#[derive(Clone, Debug)]
pub struct ReloadingFake(pub FakeService);

impl Runner for ReloadingFake {
    async fn init(&mut self, cx: &Context) -> Result {
        self.0.init(cx).await
    }

    async fn idle(&mut self, cx: &Context) -> Result {
        self.0.idle(cx).await
    }

    async fn run(&mut self, cx: &Context) -> Result {
        self.0.run(cx).await
    }

    async fn stop(&mut self, cx: &Context) -> Result {
        self.0.stop(cx).await
    }

    async fn reload(&mut self, cx: &Context) -> Result {
        self.0.execute("reload", RELOAD, cx).await
    }
}
