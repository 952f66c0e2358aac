//! Services that do as they are told.

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

/// A service that does as it is told.
///
/// For each method it has a list of [`Behavior`]s, one a call, of which the last is repeated. Untold,
/// `run` returns when it is to and all others return `Ok` at once. What it does can be changed
/// while it runs: by [`CallLog::set_behavior`], or [`Running::set_behavior`](super::Running::set_behavior) where it stands in
/// for a service of a [`Harness`](super::Harness). It has nothing to reload, and so is no test of a
/// reload, unless it is told what to do [on it](FakeService::on_reload).
///
/// ```
/// use rxd::testing::{Behavior, Harness, FakeService};
/// use rxd::{Daemon, Service, State};
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() {
/// let db = FakeService::new().on(State::Init, [Behavior::Fail, Behavior::Ok]); // fails once
/// let daemon = Daemon::new("agent").add(Service::new("db", db)).add(Service::new("api", FakeService::new()).needs(["db"]));
/// let running = Harness::new(daemon).start().await;
/// running.until("api", State::Run).await;
/// let ended = running.shutdown().await;
/// assert_eq!(ended.trace.states_of("db"), "init+ init- stop+ stop- init+ init- idle+ idle- run+ run- stop+ stop- exit+");
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct FakeService {
    acts: [VecDeque<Behavior>; 5],
    probe: CallLog,
    /// It was told what to do on a reload.
    pub(super) reloads: bool,
}

const RELOAD: usize = 4;

impl FakeService {
    /// A service with nothing wrong.
    #[must_use]
    pub fn new() -> Self {
        let ok = || VecDeque::from([Behavior::Ok]);
        FakeService {
            acts: [ok(), ok(), [Behavior::UntilCancelled].into(), ok(), ok()],
            probe: CallLog::default(),
            reloads: false,
        }
    }

    /// What the method of this state does, call by call.
    ///
    /// # Panics
    ///
    /// If the state has no method, or there are no acts.
    #[must_use]
    pub fn on(self, state: State, acts: impl IntoIterator<Item = Behavior>) -> Self {
        let slot = crate::lifecycle::options::slot(state).unwrap_or_else(|| panic!("{state} has no method"));
        self.with(slot, acts)
    }

    /// What `reload` does, call by call. In a [`Harness`](super::Harness) it has one then; where you
    /// make a service of it yourself, put it into a [`ReloadingFake`].
    #[must_use]
    pub fn on_reload(self, acts: impl IntoIterator<Item = Behavior>) -> Self {
        FakeService { reloads: true, ..self.with(RELOAD, acts) }
    }

    fn with(mut self, slot: usize, acts: impl IntoIterator<Item = Behavior>) -> Self {
        self.acts[slot] = acts.into_iter().collect();
        assert!(!self.acts[slot].is_empty(), "a method does something");
        self
    }

    /// Tells this probe of every call.
    #[must_use]
    pub fn call_log(mut self, probe: &CallLog) -> Self {
        self.probe = probe.clone();
        self
    }

    /// A service that stays in each of its methods, whatever the daemon asks of it, until it is told
    /// what to do by [`CallLog::set_behavior`].
    #[must_use]
    pub fn held() -> Self {
        let hang = || VecDeque::from([Behavior::Hang]);
        FakeService { acts: [hang(), hang(), hang(), hang(), hang()], probe: CallLog::default(), reloads: false }
    }

    async fn play(&mut self, method: &'static str, slot: usize, cx: &Context) -> Result {
        let mut act = match self.acts[slot].len() {
            1 => self.acts[slot][0].clone(),
            _ => self.acts[slot].pop_front().unwrap_or(Behavior::Ok),
        };
        let _call = self.probe.begin(cx, method);
        loop {
            let told = {
                let (mut playing, mut told) = (act.play(cx), pin!(self.probe.told(cx.name())));
                // What returns at once does; what waits does as it is told, whatever happens besides.
                let mut waits = false;
                let ended = poll_fn(|task| {
                    let first = !std::mem::replace(&mut waits, true);
                    if first {
                        if let Poll::Ready(result) = playing.as_mut().poll(task) {
                            return Poll::Ready(Ok(result));
                        }
                    }
                    match told.as_mut().poll(task) {
                        Poll::Ready(told) => Poll::Ready(Err(told)),
                        Poll::Pending if first => Poll::Pending,
                        Poll::Pending => playing.as_mut().poll(task).map(Ok),
                    }
                });
                match ended.await {
                    Ok(result) => return result,
                    Err(told) => told,
                }
            };
            act = told;
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
        self.play("init", 0, cx).await
    }

    async fn idle(&mut self, cx: &Context) -> Result {
        self.play("idle", 1, cx).await
    }

    async fn run(&mut self, cx: &Context) -> Result {
        self.play("run", 2, cx).await
    }

    async fn stop(&mut self, cx: &Context) -> Result {
        self.play("stop", 3, cx).await
    }
}

/// A [`FakeService`] that has a `reload` of its own.
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
        self.0.play("reload", RELOAD, cx).await
    }
}
