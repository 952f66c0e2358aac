//! The context of a service that blocks.

use crate::core::States;
use crate::error::Cancelled;
use crate::handle::DaemonHandle;
use crate::lifecycle::cancel_cause::CancelCause;
use crate::service::context::Context;
use std::borrow::Cow;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context as TaskContext, Poll, Wake, Waker};
use std::thread::Thread;
use std::time::{Duration, Instant};

/// The view that a service which blocks has of its daemon, given to each method of a
/// [`BlockingRunner`](crate::BlockingRunner).
///
/// It waits by blocking its thread. For everything else, and for a clone to hand to another thread,
/// there is the [`Context`] that it stands for.
///
/// ```
/// use rxd::BlockingContext;
/// use std::time::Duration;
///
/// let cx = BlockingContext::detached("poller");
/// cx.sleep(Duration::from_millis(1))?;
/// cx.context().token().cancel(); // in a service, the daemon does
/// assert!(cx.is_cancelled());
/// assert_eq!(cx.sleep(Duration::from_secs(3600)), Err(rxd::Cancelled));
/// # Ok::<_, rxd::Cancelled>(())
/// ```
#[derive(Debug)]
pub struct BlockingContext {
    cx: Context,
    has_default_reload: AtomicBool,
}

impl BlockingContext {
    pub(super) fn new(cx: Context) -> Self {
        BlockingContext { cx, has_default_reload: AtomicBool::new(false) }
    }

    /// Makes a context without a daemon, to call a service's methods by hand in a test. See
    /// [`Context::detached`].
    #[must_use]
    pub fn detached(name: impl Into<Cow<'static, str>>) -> Self {
        BlockingContext::new(Context::detached(name))
    }

    pub(super) fn note_default_reload(&self) {
        self.has_default_reload.store(true, Ordering::Relaxed);
    }

    pub(super) fn has_default_reload(&self) -> bool {
        self.has_default_reload.load(Ordering::Relaxed)
    }

    /// The context that this one stands for. Its clones may go to other threads, to tasks, and to
    /// [`Context::spawn`].
    #[must_use]
    pub fn context(&self) -> &Context {
        &self.cx
    }

    /// The service's name.
    #[must_use]
    pub fn name(&self) -> &str {
        self.cx.name()
    }

    /// Whether the method is to return. See [`Context::cancelled`] for when that is.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.cx.is_cancelled()
    }

    /// Why the method is to return; `None` while it is not. See [`Context::cause`].
    #[must_use]
    pub fn cause(&self) -> Option<CancelCause> {
        self.cx.cause()
    }

    /// How long the running method has until its limit. See [`Context::time_left`].
    #[must_use]
    pub fn time_left(&self) -> Option<Duration> {
        self.cx.time_left()
    }

    /// Blocks for this long, or until the method is cancelled.
    ///
    /// # Errors
    ///
    /// [`Cancelled`] if it is cancelled first. A method may return that by `?` as a clean end.
    pub fn sleep(&self, duration: Duration) -> Result<(), Cancelled> {
        match block_until(self.cx.cancelled(), Instant::now().checked_add(duration)) {
            Some(()) => Err(Cancelled),
            None => Ok(()),
        }
    }

    /// Blocks until the future is ready, or until the method is cancelled: for a message of a topic,
    /// an event of a watch, an answer through a channel.
    ///
    /// The future runs on this thread. Its timers and sockets are those of the daemon's runtime.
    ///
    /// # Errors
    ///
    /// [`Cancelled`] if the method is cancelled first. The future is dropped then. See
    /// [`Context::or_cancelled`].
    pub fn or_cancelled<F: IntoFuture>(&self, future: F) -> Result<F::Output, Cancelled> {
        self.block_on(self.cx.or_cancelled(future))
    }

    /// Blocks until the future is ready, whether or not the method is cancelled meanwhile.
    ///
    /// For what must be done in any case, and for futures that end with the context, such as a watch
    /// that is taken through it. For others, call [`or_cancelled`](BlockingContext::or_cancelled).
    pub fn block_on<F: IntoFuture>(&self, future: F) -> F::Output {
        match block_until(future.into_future(), None) {
            Some(output) => output,
            None => unreachable!("the wait has no end but the output"),
        }
    }

    /// Reports that the service makes progress. See `heartbeat` of `#[rxd::service]`.
    pub fn heartbeat(&self) {
        self.cx.heartbeat();
    }

    /// Sets a status text. See [`Context::status`].
    pub fn status(&self, text: impl AsRef<str>) {
        self.cx.status(text);
    }

    /// Extends the limit of the running method. See [`Context::extend`].
    pub fn extend(&self, by: Duration) {
        self.cx.extend(by);
    }

    /// A handle to the daemon. See [`Context::daemon`].
    pub fn daemon(&self) -> DaemonHandle {
        self.cx.daemon()
    }

    /// The states of all services at one instant.
    #[must_use]
    pub fn states(&self) -> States {
        self.cx.states()
    }
}

/// Unparks the thread that waits.
struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Blocks this thread until the future is ready. Returns `None` if it is not by then.
fn block_until<F: Future>(future: F, until: Option<Instant>) -> Option<F::Output> {
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut TaskContext::from_waker(&waker)) {
            return Some(output);
        }
        // A wake-up before this is not lost: the thread then does not park.
        match until.map(|until| until.saturating_duration_since(Instant::now())) {
            None => std::thread::park(),
            Some(Duration::ZERO) => return None,
            Some(left) => std::thread::park_timeout(left),
        }
    }
}
