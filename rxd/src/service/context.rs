//! What a service's methods are handed.

use crate::board::{Epoch, Id};
use crate::core::names::ServiceNames;
use crate::core::stop_order::StopOrder;
use crate::core::{Core, States};
use crate::error::{Cancelled, Error};
use crate::graph::Mode;
use crate::handle::DaemonHandle;
use crate::in_span::span;
use crate::intracom::Intracom;
use crate::lifecycle::state::{Action, Filter, State};
use crate::panic;
use crate::service::cancelled::{WaitCancelled, token_of};
use crate::service::tasks::TaskOf;
use crate::service::ticker::Ticker;
use crate::watch::{ServiceSelector, StateStream, Watch};
use std::borrow::Cow;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// A service's view of its daemon: handed to each of its methods.
///
/// A clone stays valid after the method has returned; its token is then cancelled, and what it
/// spawns is cancelled at once.
///
/// ```
/// use rxd::{Context, Runner, State};
/// use std::time::Duration;
///
/// struct Mill;
///
/// impl Runner for Mill {
///     async fn run(&mut self, cx: &Context) -> rxd::Result {
///         // A task of the service: told when the service is, and gone before `stop` is called.
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
    core: Arc<Core>,
    /// Where it is not the service's own.
    part: Option<Arc<Part>>,
    id: Id,
    /// The contexts that are cancelled with it.
    epoch: Epoch,
}

/// A part of a service, which may be cancelled before the rest is.
#[derive(Debug)]
struct Part {
    token: CancellationToken,
    /// `api/worker`, for a child; otherwise it has the service's own name.
    path: Option<Box<str>>,
}

impl Context {
    pub(crate) fn new(core: Arc<Core>, id: Id, epoch: Epoch, own: Option<CancellationToken>) -> Self {
        let part = own.map(|token| Arc::new(Part { token, path: None }));
        Context { core, id, epoch, part }
    }

    /// Has [`cancelled`](Context::cancelled) complete: by the service's engine.
    pub(crate) fn cancel(&self) {
        match &self.part {
            Some(part) => drop(panic::catch(|| part.token.cancel())),
            None => self.core.board.service(self.id).cancel(),
        }
    }

    /// A context of no daemon: for trying a service's methods by hand.
    ///
    /// It has one service of this name, which is in no state, and is cancelled by whoever holds
    /// its [`token`](Context::token).
    #[must_use]
    pub fn detached(name: impl Into<Cow<'static, str>>) -> Self {
        let board = crate::board::Board::new(vec![Vec::new()], 1);
        let core =
            Core::new(Cow::Borrowed("detached"), ServiceNames::of_names([name]), board, StopOrder::new(&[Vec::new()]));
        let epoch = core.board.service(0).epoch();
        Context::new(Arc::new(core), 0, epoch, None)
    }

    pub(crate) fn core(&self) -> &Arc<Core> {
        &self.core
    }

    /// The service's name; for a [`child`](Context::child) the path to it: `api/worker`.
    #[must_use]
    pub fn name(&self) -> &str {
        match self.part.as_ref().and_then(|part| part.path.as_deref()) {
            Some(path) => path,
            None => self.core.name(self.id),
        }
    }

    /// Completes when the method is to return: the daemon is stopping, a reaction fired, somebody
    /// asked, or a reload is to be taken up.
    ///
    /// In [`Runner::stop`](crate::Runner::stop) it completes when Stop's own limit is over.
    ///
    /// # Cancel safety
    ///
    /// This method is cancel safe.
    pub fn cancelled(&self) -> impl Future<Output = ()> + Send {
        let wait = WaitCancelled::of_epoch(&self.core.board, self.id, self.epoch);
        match &self.part {
            Some(part) => wait.of_token(&part.token),
            None => wait,
        }
    }

    /// Whether [`cancelled`](Context::cancelled) has completed.
    ///
    /// True from the instant the service is cancelled, on every thread, also while a method blocks its thread.
    /// So is every clone of the [`token`](Context::token).
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        match &self.part {
            Some(part) => part.token.is_cancelled(),
            None => self.core.board.service(self.id).is_cancelled(self.epoch),
        }
    }

    /// Runs a future until this context is cancelled: its output, or [`Cancelled`], which `?` carries out
    /// of a method as a clean end.
    ///
    /// Wrap whatever a method waits for and that may never answer: a query, a connect, a lock. Cancellation
    /// comes first: it is seen at the next poll, also where the output is there too, and in a context that is
    /// cancelled already the future is not begun.
    ///
    /// To bound the time as well, wrap it in `tokio::time::timeout`. In
    /// [`Runner::stop`](crate::Runner::stop) the context is a live one, which is cancelled when Stop's own
    /// limit is over; so is that of [`Runner::reload`](crate::Runner::reload).
    ///
    /// # Errors
    ///
    /// The context is cancelled. An error of the future is in its output: two `?` return either.
    ///
    /// # Cancel safety
    ///
    /// On cancellation the future is dropped where it waits: what it has done stays done, the rest is not
    /// done. So pass futures that are cancel safe (a `recv`, an `accept`), or whose work may be
    /// lost (a ping). Put what has to be done to its end, a commit say, into a task ([`spawn`](Context::spawn)).
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
    ///             // Cancelled, late, refused: three ways not to go on, and three `?`.
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
        tokio::select! {
            biased;
            () = self.cancelled() => Err(Cancelled),
            output = future.into_future() => Ok(output),
        }
    }

    /// A ticker of this period: its [`tick`](Ticker::tick) returns `true` once each period, and `false`
    /// once this context is cancelled.
    ///
    /// * The first tick comes at once, the others at whole periods after it.
    /// * Ticks that are missed, since the loop was busy for longer than a period, are skipped: the next
    ///   comes at the next whole period, and never several at once.
    /// * Times have a resolution of one millisecond, as all of tokio's.
    /// * A period of zero is allowed: each tick but the first comes when the other tasks of the
    ///   runtime have had a turn.
    ///
    /// The ticker belongs to nobody: it can be kept in a field or moved into a task.
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

    /// The token behind [`cancelled`](Context::cancelled), to hand to others.
    ///
    /// Cancelling it cancels this context, and nothing else of the daemon.
    #[must_use]
    pub fn token(&self) -> CancellationToken {
        match &self.part {
            Some(part) => part.token.clone(),
            None => token_of(&self.core.board, self.id, self.epoch),
        }
    }

    /// A context for a part of the service: its own name in logs, its own token below this one's.
    #[must_use]
    pub fn child(&self, name: &str) -> Context {
        let path = Some(format!("{}/{name}", self.name()).into());
        let part = Some(Arc::new(Part { token: self.token().child_token(), path }));
        Context { core: self.core.clone(), part, id: self.id, epoch: self.epoch }
    }

    /// Spawns a task of the service.
    ///
    /// It runs in a span of its own below the service's. When Init, Idle or Run ends the service's
    /// round, its tasks are cancelled (by this context's token, so have them wait for
    /// [`cancelled`](Context::cancelled)), waited for within Stop's limit, and then dropped: none
    /// is alive when [`Runner::stop`](crate::Runner::stop) is called. A panic in one is the
    /// service's failure.
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

    /// As [`spawn`](Context::spawn), but a panic in it is not the service's failure: it is logged,
    /// and whoever awaits the handle is told.
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

    fn spawn_task<F>(&self, name: &str, counts: bool, task: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        // With the service in it: this context may have been handed to where its span is not known.
        let service = self.core.name(self.id);
        let span = span(|| tracing::error_span!(target: "rxd", "task", service = %service, task = %name));
        TaskOf { core: self.core.clone(), id: self.id, epoch: self.epoch, counts }.spawn(name, span, task)
    }

    /// Watches any of these services: level on creation, then every rising edge.
    ///
    /// The watch ends when this context is cancelled, so a loop over it needs no look at
    /// [`cancelled`](Context::cancelled). Taken in [`init`](crate::Runner::init) and kept in a field,
    /// it lives on into `idle` and `run`, until the incarnation ends or is reloaded. A watch that
    /// [`reload`](crate::Runner::reload) takes lives on into the `run` that follows it.
    ///
    /// # Errors
    ///
    /// If no service has one of the names; the nearest is suggested.
    pub fn watch_any(&self, action: Action, state: State, services: impl ServiceSelector) -> Result<Watch, Error> {
        Ok(Watch::new(&self.core, Mode::Any, action, state, &services)?.ending_with(self.token()))
    }

    /// Watches all of these services at once: level on creation, then every rising edge.
    ///
    /// The watch ends when this context is cancelled: see [`watch_any`](Context::watch_any).
    ///
    /// # Errors
    ///
    /// If no service has one of the names; the nearest is suggested.
    pub fn watch_all(&self, action: Action, state: State, services: impl ServiceSelector) -> Result<Watch, Error> {
        Ok(Watch::new(&self.core, Mode::All, action, state, &services)?.ending_with(self.token()))
    }

    /// Every transition of the services that the filter lets through, after a snapshot of them.
    ///
    /// The stream ends when this context is cancelled: see [`watch_any`](Context::watch_any).
    ///
    /// # Errors
    ///
    /// If no service has one of the filter's names; the nearest is suggested.
    pub fn watch_states(&self, filter: Filter) -> Result<StateStream, Error> {
        Ok(StateStream::new(&self.core, &filter)?.ending_with(self.token()))
    }

    /// The daemon, from inside one of its services: to stop it, to act on other services, to ask why one is
    /// where it is.
    ///
    /// The handle does not keep the daemon running. [`shutdown`](DaemonHandle::shutdown) ends it with status 0
    /// unless a service failed. Asked for the service itself, [`stop`](DaemonHandle::stop),
    /// [`restart`](DaemonHandle::restart) and [`reload`](DaemonHandle::reload) return at once: the method is
    /// cancelled, and what was asked for happens when it has returned. Do not
    /// [`wait`](DaemonHandle::wait) for the daemon in a service: it waits for the service.
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

    /// Where every service is, at one instant.
    #[must_use]
    pub fn states(&self) -> States {
        self.core.states()
    }

    /// What the daemon's services tell one another: topics to publish to and to subscribe to.
    ///
    /// A subscription that is taken through it ends with this context: when the service's round does.
    #[must_use]
    pub fn intracom(&self) -> Intracom {
        self.core.intracom.scoped(self.token())
    }

    /// Says that the service is alive and getting somewhere. See `heartbeat` of `#[rxd::service]`.
    pub fn heartbeat(&self) {
        let now = self.core.uptime().as_millis() as u64;
        self.core.board.service(self.id).beat.store(now + 1, Ordering::Relaxed);
    }

    /// Says in a few words what the service is doing: `systemctl status` shows it, after where the
    /// services are. It stands until something else is said; the empty text takes it back.
    pub fn status(&self, text: impl AsRef<str>) {
        self.core.set_status(self.id, text.as_ref());
    }

    /// Asks for more time: when the running method reaches its limit, it gets this much longer.
    ///
    /// Call it again for honest long work; the last call before the limit counts. The daemon's
    /// overall `shutdown_timeout` stands. Precision: milliseconds; at most 49 days at a time.
    pub fn extend(&self, by: Duration) {
        let millis = u32::try_from(by.as_millis()).unwrap_or(u32::MAX);
        self.core.board.service(self.id).extension.store(millis, Ordering::Release);
    }
}
