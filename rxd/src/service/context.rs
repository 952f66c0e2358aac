//! The context: what the methods of a service are given.

use crate::board::{Epoch, Id};
use crate::core::names::ServiceNames;
use crate::core::stop_order::StopOrder;
use crate::core::tasks::TaskGuard;
use crate::core::{Core, States};
use crate::error::{Cancelled, Error};
use crate::graph::Mode;
use crate::handle::DaemonHandle;
#[cfg(feature = "intracom")]
use crate::intracom::Intracom;
use crate::lifecycle::cancel_cause::CancelCause;
use crate::lifecycle::state::{Action, Filter, State};
use crate::race::{Winner, race};
use crate::service::cancelled::{WaitCancelled, token_of};
use crate::service::part::Part;
use crate::service::tasks::{TaskOf, span_of};
use crate::service::ticker::Ticker;
use crate::watch::{ServiceSelector, StateStream, Watch};
use std::borrow::Cow;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// A service's view of its daemon, given to each of its methods.
///
/// A clone stays valid for as long as it is kept. It is cancelled when the incarnation ends, or
/// when `idle` or `run` is cancelled for a reload; a task that is spawned through it after that is
/// cancelled at once. What it reports after its incarnation has ended, by
/// [`heartbeat`](Context::heartbeat), [`status`](Context::status) or [`extend`](Context::extend), is
/// ignored: it would speak for the next one.
///
/// ```
/// use rxd::{Context, Runner, State};
/// use std::time::Duration;
///
/// struct Mill;
///
/// impl Runner for Mill {
///     async fn run(&mut self, cx: &Context) -> rxd::Result {
///         // A task of the service: cancelled with the service, and ended before `stop` is called.
///         let sifter = cx.child("sifter");
///         cx.spawn("sifter", async move { sifter.cancelled().await });
///
///         let mut every = cx.every(Duration::from_secs(1));
///         while every.tick().await {
///             cx.heartbeat();
///             let running = cx.states().iter().filter(|service| service.is_in(State::Run)).count();
///             cx.status(format!("{running} services running"));
///         }
///         Ok(())
///     }
/// }
/// ```
#[derive(Clone, Debug)]
pub struct Context {
    pub(super) core: Arc<Core>,
    /// Set if this is not the service's own context.
    pub(super) part: Option<Arc<Part>>,
    pub(super) id: Id,
    /// The epoch whose contexts are cancelled together with this one.
    pub(super) epoch: Epoch,
}

impl Context {
    #[inline]
    pub(crate) fn new(core: Arc<Core>, id: Id, epoch: Epoch) -> Self {
        let part = if core.names.has(id) { None } else { Context::added(&core, id) };
        Context { core, id, epoch, part }
    }

    /// The name of an added service is kept only until it is removed; its contexts may stay.
    #[cold]
    #[inline(never)]
    fn added(core: &Core, id: Id) -> Option<Arc<Part>> {
        Some(Arc::new(Part::name(&core.name(id))))
    }

    /// What the context is a part of, beyond its epoch.
    fn own_part(&self) -> Option<&Arc<Part>> {
        self.part.as_ref().filter(|part| !part.is_name())
    }

    /// The context of a reload, which is cancelled by itself: the tasks that a reload spawns live as
    /// long as the epoch.
    pub(crate) fn of_reload(core: Arc<Core>, id: Id, epoch: Epoch) -> Self {
        let token = token_of(&core.board, id, epoch).child_token();
        let above = Context::new(core.clone(), id, epoch).part;
        Context { core, id, epoch, part: Some(Arc::new(Part::of_reload(token, above))) }
    }

    /// Cancels the context, on behalf of the engine.
    pub(crate) fn cancel(&self, cause: CancelCause) {
        match self.own_part() {
            Some(part) => part.cancel(cause),
            None => self.core.board.service(self.id).cancel(cause),
        }
    }

    /// Makes a context without a daemon, to call a service's methods by hand in a test.
    ///
    /// It knows one service of this name, which is in state Unknown. To cancel it, cancel its
    /// [`token`](Context::token).
    #[must_use]
    pub fn detached(name: impl Into<Cow<'static, str>>) -> Self {
        let board = crate::board::Board::new(vec![Vec::new()], 1);
        let core = Core::new(Cow::Borrowed(""), ServiceNames::of_names([name]), board, StopOrder::new(&[Vec::new()]));
        let epoch = core.board.service(0).epoch();
        Context::new(Arc::new(core), 0, epoch)
    }

    pub(crate) fn core(&self) -> &Arc<Core> {
        &self.core
    }

    pub(crate) fn id(&self) -> Id {
        self.id
    }

    pub(crate) fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// Counts what a method does elsewhere as a task of the service.
    pub(crate) fn count_task(&self) -> TaskGuard {
        TaskGuard::new(&self.core, self.id, self.epoch)
    }

    /// The service's name; for a [`child`](Context::child) the path to it: `api/worker`.
    #[must_use]
    pub fn name(&self) -> &str {
        match self.part.as_ref().and_then(|part| part.path()) {
            Some(path) => path,
            // Only a declared service has no part.
            None => self.core.names.name(self.id),
        }
    }

    /// Waits until the method is to return:
    ///
    /// * the daemon is stopping, a reaction has fired, or a service that this one depends on has
    ///   failed for good;
    /// * an operator asks for a stop, a restart or a reload;
    /// * a task of the service has panicked, or the method's own limit is exceeded.
    ///
    /// In [`Runner::stop`](crate::Runner::stop) it completes when Stop's own limit is exceeded.
    ///
    /// # Cancel safety
    ///
    /// This method is cancel safe.
    pub fn cancelled(&self) -> impl Future<Output = ()> + Send + use<> {
        self.wait_cancelled()
    }

    /// As [`cancelled`](Context::cancelled), for the engine.
    pub(crate) fn wait_cancelled(&self) -> WaitCancelled {
        let wait = WaitCancelled::of_epoch(&self.core, self.id, self.epoch);
        match self.own_part() {
            Some(part) => wait.of_token(part.token()),
            None => wait,
        }
    }

    /// Whether this context is cancelled.
    ///
    /// It is, on every thread, from the instant of the cancellation, also while a method blocks its
    /// thread. The same holds for every clone of the [`token`](Context::token).
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        match self.own_part() {
            Some(part) => part.is_cancelled(),
            None => self.core.board.service(self.id).is_cancelled(self.epoch),
        }
    }

    /// Waits until the daemon is asked to stop: it drains from then on, if it has a
    /// [`drain`](crate::Daemon::drain), and the service stays in Run until that is over.
    ///
    /// Complete at once if it was asked before. Use it to stop taking work that others could do, and
    /// go on with the rest: leave a queue's group, answer with `Connection: close`. Without a drain
    /// it completes just before the services are cancelled; a service that others depend on is
    /// cancelled only after those have ended.
    ///
    /// # Cancel safety
    ///
    /// This method is cancel safe.
    pub fn draining(&self) -> impl Future<Output = ()> + Send + use<> {
        self.core.shutdown_requested()
    }

    /// Runs a future until this context is cancelled. Returns its output, or [`Cancelled`], which a
    /// method may return by `?` as a clean end.
    ///
    /// Wrap each wait of a method that may never end: a query, a connect, a lock.
    ///
    /// * Cancellation comes first: it is seen at the next poll, even if the output is there too.
    /// * If the context is already cancelled, the future is not polled.
    /// * To limit the time as well, wrap the future in `tokio::time::timeout`.
    /// * In [`Runner::stop`](crate::Runner::stop) and [`Runner::reload`](crate::Runner::reload) the
    ///   context is a live one, which is cancelled when Stop's own limit is exceeded.
    ///
    /// # Errors
    ///
    /// If the context is cancelled. An error of the future is in its output: two `?` return either.
    ///
    /// # Cancel safety
    ///
    /// Cancellation drops the future at the `.await` where it waits; work that it has not done by
    /// then is not done. So pass futures that are cancel safe (a `recv`, an `accept`), or whose
    /// work may be lost (a ping). Put work that must be completed, such as a commit, into a task;
    /// see [`spawn`](Context::spawn).
    ///
    /// ```
    /// use rxd::{Context, Runner};
    /// use std::time::Duration;
    /// # struct Pool;
    /// # impl Pool { async fn ping(&self) -> std::io::Result<()> { Ok(()) } }
    ///
    /// struct DbHealth {
    ///     pool: Pool,
    /// }
    ///
    /// impl Runner for DbHealth {
    ///     async fn run(&mut self, cx: &Context) -> rxd::Result {
    ///         let mut every = cx.every(Duration::from_secs(1));
    ///         while every.tick().await {
    ///             let ping = tokio::time::timeout(Duration::from_secs(3), self.pool.ping());
    ///             // One `?` each for: cancelled, late, refused.
    ///             cx.or_cancelled(ping).await???;
    ///         }
    ///         Ok(())
    ///     }
    /// }
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> rxd::Result {
    /// # let daemon = rxd::Daemon::new("d").add(rxd::Service::new("db-health", DbHealth { pool: Pool }));
    /// # let handle = daemon.start().await?;
    /// # handle.wait_for("db-health", rxd::State::Run).await?;
    /// # tokio::time::sleep(Duration::from_secs(10)).await;
    /// # handle.shutdown();
    /// # Ok(handle.wait().await.into_result()?)
    /// # }
    /// ```
    pub async fn or_cancelled<F: IntoFuture>(&self, future: F) -> Result<F::Output, Cancelled> {
        match race(self.cancelled(), future.into_future()).await {
            Winner::First(()) => Err(Cancelled),
            Winner::Second(output) => Ok(output),
        }
    }

    /// Makes a ticker: its [`tick`](Ticker::tick) returns `true` once each period, and `false` once
    /// this context is cancelled.
    ///
    /// * The first tick comes at once, the others at whole periods after it.
    /// * If the loop is busy for longer than a period, the missed ticks are skipped: the next tick
    ///   comes at the next whole period.
    /// * The resolution is one millisecond, as for all of tokio's timers.
    /// * A period of zero is allowed: each tick but the first comes once the other tasks of the
    ///   runtime have had a turn.
    ///
    /// A ticker may be kept in a field or moved into a task.
    ///
    /// ```
    /// # use rxd::Context;
    /// # use std::time::Duration;
    /// # struct Cache;
    /// # impl Cache { fn sweep(&mut self) {} }
    /// async fn run(cache: &mut Cache, cx: &Context) -> rxd::Result {
    ///     let mut every = cx.every(Duration::from_secs(30));
    ///     while every.tick().await {
    ///         cache.sweep();
    ///     }
    ///     Ok(()) // cancelled
    /// }
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> rxd::Result {
    /// # let cx = Context::detached("a");
    /// # let token = cx.token();
    /// # tokio::spawn(async move { tokio::time::sleep(Duration::from_secs(100)).await; token.cancel() });
    /// # run(&mut Cache, &cx).await
    /// # }
    /// ```
    pub fn every(&self, period: Duration) -> Ticker {
        Ticker::new(self.token(), period)
    }

    /// The token behind [`cancelled`](Context::cancelled), to pass to other code.
    ///
    /// Cancelling it cancels this context, and nothing else of the daemon.
    #[must_use]
    pub fn token(&self) -> CancellationToken {
        match self.own_part() {
            Some(part) => part.hand_out_token(),
            None => token_of(&self.core.board, self.id, self.epoch),
        }
    }

    /// Makes a context for a part of the service, with its own name and a child token. Cancelling
    /// that token cancels this part alone.
    #[must_use]
    pub fn child(&self, name: &str) -> Context {
        let path = format!("{}/{name}", self.name());
        self.with_part(Part::child(self.own_token().child_token(), path, self.part.clone()))
    }

    /// The token, to use for as long as this context or one below it exists.
    pub(super) fn own_token(&self) -> CancellationToken {
        match self.own_part() {
            Some(part) => part.token().clone(),
            None => token_of(&self.core.board, self.id, self.epoch),
        }
    }

    pub(super) fn with_part(&self, part: Part) -> Context {
        Context { core: self.core.clone(), part: Some(Arc::new(part)), id: self.id, epoch: self.epoch }
    }

    /// Spawns a task of the service.
    ///
    /// * The task runs in its own span below the service's.
    /// * When `run` has ended, or when `init` or `idle` has failed or was cancelled, the service's
    ///   tasks are cancelled, by this context's token: let them wait for
    ///   [`cancelled`](Context::cancelled). They have Stop's limit to end, and are aborted after
    ///   it. None is alive when [`Runner::stop`](crate::Runner::stop) is called.
    /// * A task that a successful `init` or `idle` has spawned continues until then.
    /// * A panic in a task is a failure of the service.
    ///
    /// # Panics
    ///
    /// Outside a tokio runtime.
    pub fn spawn<F>(&self, name: &str, task: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        self.spawn_task(name, true, task)
    }

    /// As [`spawn`](Context::spawn), except that the task cannot fail the service:
    ///
    /// * A panic in it is logged, and the handle returns it.
    /// * If it has not ended within Stop's limit, it is aborted with a warning. The service is not
    ///   abandoned for that, and the exit status stays 0.
    ///
    /// # Panics
    ///
    /// Outside a tokio runtime.
    pub fn spawn_contained<F>(&self, name: &str, task: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        self.spawn_task(name, false, task)
    }

    /// Runs code that blocks its thread, as a task of the service, on a thread that tokio keeps for
    /// that.
    ///
    /// * It runs in its own span below the service's, and a panic in it is a failure of the
    ///   service, as in [`spawn`](Context::spawn).
    /// * Nothing can end it from outside. Let it look at [`is_cancelled`](Context::is_cancelled) of
    ///   a clone of this context, or give what it waits for a limit.
    /// * It is waited for before [`Runner::stop`](crate::Runner::stop) is called. If it has not
    ///   ended within Stop's limit, the log names it, and the service waits all the same: two
    ///   incarnations never overlap. At the shutdown's deadline the service is abandoned, and the
    ///   report names the task. See [when the process
    ///   ends](https://docs.rs/rxd/latest/rxd/docs/shutdown/index.html#when-the-process-ends).
    /// * Code for which no thread was free until the service's tasks are aborted does not run, nor
    ///   does code of a context that has [ended](crate::CancelCause::Ended).
    ///
    /// ```
    /// # use rxd::Context;
    /// async fn run(cx: &Context) -> rxd::Result {
    ///     let here = cx.clone();
    ///     let sum = cx.spawn_blocking("sum", move || {
    ///         (0..1_000_000_u64).take_while(|_| !here.is_cancelled()).sum::<u64>()
    ///     });
    ///     println!("{}", sum.await?);
    ///     Ok(())
    /// }
    /// # let _ = run;
    /// ```
    ///
    /// For a service all of whose work blocks, see [`BlockingRunner`](crate::BlockingRunner).
    ///
    /// # Panics
    ///
    /// Outside a tokio runtime.
    pub fn spawn_blocking<T, F>(&self, name: &str, work: F) -> JoinHandle<T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        let task = TaskOf { core: self.core.clone(), id: self.id, epoch: self.epoch, counts: true };
        task.spawn_blocking(name, self.task_span(name), work)
    }

    fn spawn_task<F>(&self, name: &str, counts: bool, task: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        let of = TaskOf { core: self.core.clone(), id: self.id, epoch: self.epoch, counts };
        of.spawn(name, self.task_span(name), task)
    }

    fn task_span(&self, name: &str) -> tracing::Span {
        span_of(&self.core, self.id, name)
    }

    /// Watches any of these services: yields an event if the condition holds now, and at every
    /// rising edge.
    ///
    /// The watch ends when this context is cancelled, so a loop over it need not check
    /// [`cancelled`](Context::cancelled). A watch that [`init`](crate::Runner::init) makes and
    /// keeps in a field continues in `idle` and `run`, until the incarnation ends or a reload
    /// begins. A watch that [`reload`](crate::Runner::reload) makes continues in the `run` that
    /// follows.
    ///
    /// # Errors
    ///
    /// If no service has one of the names; the error suggests the nearest.
    pub fn watch_any(&self, action: Action, state: State, services: impl ServiceSelector) -> Result<Watch, Error> {
        Ok(Watch::new(&self.core, Mode::Any, action, state, &services)?.ending_with(self.token()))
    }

    /// Watches all of these services: yields an event if the condition holds for all of them now,
    /// and at every rising edge.
    ///
    /// The watch ends when this context is cancelled: see [`watch_any`](Context::watch_any).
    ///
    /// # Errors
    ///
    /// If no service has one of the names; the error suggests the nearest.
    pub fn watch_all(&self, action: Action, state: State, services: impl ServiceSelector) -> Result<Watch, Error> {
        Ok(Watch::new(&self.core, Mode::All, action, state, &services)?.ending_with(self.token()))
    }

    /// Streams a snapshot, and then every transition of the services that the filter lets through.
    ///
    /// The stream ends when this context is cancelled: see [`watch_any`](Context::watch_any).
    ///
    /// # Errors
    ///
    /// If no service has one of the filter's names; the error suggests the nearest.
    pub fn watch_states(&self, filter: Filter) -> Result<StateStream, Error> {
        Ok(StateStream::new(&self.core, &filter)?.ending_with(self.token()))
    }

    /// A handle to the daemon, to stop it, to act on other services, or to ask why one is in its
    /// state.
    ///
    /// * The handle does not keep the daemon running.
    /// * [`shutdown`](DaemonHandle::shutdown) ends the daemon, with status 0 unless a service
    ///   failed.
    /// * [`stop`](DaemonHandle::stop), [`restart`](DaemonHandle::restart) and
    ///   [`reload`](DaemonHandle::reload) of the service itself return at once. The method is
    ///   cancelled, and the request is carried out once it has returned.
    /// * Do not [`wait`](DaemonHandle::wait) for the daemon in a service: the daemon waits for the
    ///   service.
    ///
    /// ```
    /// use rxd::{Context, Runner};
    ///
    /// struct Job;
    ///
    /// impl Runner for Job {
    ///     async fn run(&mut self, cx: &Context) -> rxd::Result {
    ///         // .. and when all is done:
    ///         cx.daemon().shutdown();
    ///         Ok(())
    ///     }
    /// }
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> rxd::Result {
    /// # rxd::Daemon::new("d").add(rxd::Service::new("job", Job)).run().await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn daemon(&self) -> DaemonHandle {
        DaemonHandle::of_service(self.core.clone(), self.id)
    }

    /// The states of all services at one instant.
    #[must_use]
    pub fn states(&self) -> States {
        self.core.states()
    }

    /// The topics of the daemon, to publish to and to subscribe to.
    ///
    /// A subscription that is made through this context ends with it, at the end of the
    /// incarnation.
    #[cfg(feature = "intracom")]
    #[must_use]
    pub fn intracom(&self) -> Intracom {
        self.core.intracom.scoped(self.token())
    }

    /// Reports that the service makes progress. See `heartbeat` of `#[rxd::service]`.
    pub fn heartbeat(&self) {
        if !self.is_of_incarnation() {
            return;
        }
        let now = self.core.uptime().as_millis() as u64;
        self.core.board.service(self.id).beat.store(now + 1, Ordering::Relaxed);
    }

    /// Sets a status text, such as "12 clients": `systemctl status` shows it after the states of
    /// the services. It stays until another text is set; an empty text removes it.
    pub fn status(&self, text: impl AsRef<str>) {
        if self.is_of_incarnation() {
            self.core.set_status(self.id, text.as_ref());
        }
    }

    /// Extends the limit of the running method: when the method reaches its limit, it gets this
    /// much longer.
    ///
    /// Only the last call before the limit counts; call it again for work that takes longer. The
    /// daemon's `shutdown_timeout` still applies. Resolution: one millisecond; at most 49 days at a
    /// time.
    pub fn extend(&self, by: Duration) {
        let millis = u32::try_from(by.as_millis()).unwrap_or(u32::MAX);
        if self.is_of_incarnation() {
            self.core.board.service(self.id).extension.store(millis, Ordering::Release);
        }
    }

    /// Whether the incarnation of this context is the current one of its service.
    fn is_of_incarnation(&self) -> bool {
        self.core.board.service(self.id).is_of_incarnation(self.epoch)
    }
}
