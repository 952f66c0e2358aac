//! Services that have a thread of their own.
//!
//! The engine of such a service stays in its task on the daemon's runtime. The service's value lives
//! on a thread, and [`ThreadRunner`] stands for it in the engine: it hands each call to the thread,
//! and waits for the answer. So code that blocks the thread delays neither its engine nor any other
//! service.
//!
//! * `local`: a service whose methods are async, and whose futures and value need not be `Send`.
//! * `blocking`: a service whose methods block.
//!
//! # Invariants
//!
//! 1. The thread runs one call at a time. The value is made, used and dropped on it.
//! 2. A call counts as a task of the service until the thread has left it: the engine drops the
//!    future of a call at its limit, and then waits for the thread before it goes on.
//! 3. A call is not counted any more when its answer is sent.
//! 4. The service has ended once the thread has dropped the value.

pub(crate) mod blocking;
pub(crate) mod blocking_context;
#[cfg(any(test, feature = "test-util"))]
pub(crate) mod clock;
pub(crate) mod local;

use crate::board::Id;
use crate::core::poll_marks::ThreadMark;
use crate::core::tasks::TaskGuard;
use crate::core::{Core, current};
use crate::error::{AnyError, Result};
use crate::in_span::span;
use crate::panic::{self, CaughtPanic, emit};
use crate::service::context::Context;
use crate::service::runner::Runner;
use std::convert::Infallible;
#[cfg(any(test, feature = "test-util"))]
use std::future::{Future, poll_fn};
#[cfg(any(test, feature = "test-util"))]
use std::pin::pin;
use std::sync::Arc;
use tokio::runtime::{Builder, Handle, Runtime};
#[cfg(any(test, feature = "test-util"))]
use tokio::sync::oneshot::error::RecvError;
use tokio::sync::{mpsc, oneshot};
use tracing::Span;

/// A method to call on the thread.
#[derive(Clone, Copy, Debug)]
enum ThreadMethod {
    Init,
    Idle,
    Run,
    Stop,
    Reload,
}

/// One call, on its way to the thread.
struct Call {
    method: ThreadMethod,
    cx: Context,
    /// Closed once the engine has dropped the future of the call.
    reply: oneshot::Sender<ThreadAnswer>,
    /// Invariant 2.
    counted: TaskGuard,
}

/// What a method returned, or its panic.
type ThreadAnswer = std::result::Result<Result, CaughtPanic>;

type Calls = mpsc::UnboundedReceiver<Call>;

/// What the thread runs, from its first call to the drop of the value.
type ThreadMain = Box<dyn FnOnce(ThreadScope, ThreadRuntime, Calls) + Send>;

/// What the thread has of the daemon.
struct ThreadScope {
    core: Arc<Core>,
    id: Id,
    mark: ThreadMark,
    /// The service's span.
    span: Span,
    #[expect(dead_code, reason = "its receiver waits for its drop")]
    ended: oneshot::Sender<Infallible>,
}

/// The tokio runtime that is current on the thread.
enum ThreadRuntime {
    /// The thread drives one of its own.
    Own(Runtime),
    /// The daemon's, which runs elsewhere.
    OfDaemon(Handle),
}

impl ThreadScope {
    /// Runs code of the user's. A panic is caught.
    fn guarded<T>(&self, code: impl FnOnce() -> T) -> std::result::Result<T, CaughtPanic> {
        self.mark.during(&self.core.poll_marks, || current::during(&self.core, self.id, || panic::catch(code)))
    }

    /// Ends a call, with its answer if the engine still waits for one.
    fn answer(&self, reply: oneshot::Sender<ThreadAnswer>, counted: TaskGuard, answer: ThreadAnswer) {
        drop(counted); // invariant 3
        if let Err(unsent) = reply.send(answer) {
            // The engine has counted it as timed out, or as cancelled.
            let _ = self.guarded(|| drop(unsent));
        }
    }

    /// Drops the service's value, or what is left of its tasks.
    fn drop_on_thread<T>(&self, value: T) {
        if let Err(caught) = self.guarded(|| drop(value)) {
            emit!(ERROR, target: "rxd", "panicked while it was dropped: {caught}");
        }
    }
}

/// The kind of a thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ThreadKind {
    Local,
    Blocking,
}

/// Stands in the engine for a service on a thread of its own.
pub(crate) struct ThreadRunner {
    kind: ThreadKind,
    /// What the thread will run, until it has started.
    main: Option<(ThreadMain, oneshot::Sender<Infallible>)>,
    calls: Option<mpsc::UnboundedSender<Call>>,
}

/// Completes once the thread has dropped the service's value, or was never started.
pub(crate) struct ThreadEnd(oneshot::Receiver<Infallible>);

impl ThreadEnd {
    pub(crate) async fn wait(self) {
        #[cfg(any(test, feature = "test-util"))]
        let _clock = clock::HeldClock::new();
        let _ = self.0.await;
    }
}

impl ThreadRunner {
    fn new(kind: ThreadKind, main: ThreadMain) -> (Self, ThreadEnd) {
        let (ended, end) = oneshot::channel();
        (ThreadRunner { kind, main: Some((main, ended)), calls: None }, ThreadEnd(end))
    }

    /// Starts the thread, unless it runs.
    fn start(&mut self, cx: &Context) -> std::io::Result<&mpsc::UnboundedSender<Call>> {
        if self.calls.is_none() {
            let runtime = match self.kind {
                ThreadKind::Local => ThreadRuntime::Own(Builder::new_current_thread().enable_all().build()?),
                ThreadKind::Blocking => ThreadRuntime::OfDaemon(Handle::current()),
            };
            // Handed over once the thread runs: if it cannot be started, the value is kept.
            let (hand_over, received) = oneshot::channel::<Box<dyn FnOnce() + Send>>();
            let run = move || {
                if let Ok(run) = received.blocking_recv() {
                    run();
                }
            };
            crate::spawn::thread(cx.core().name(cx.id()).to_string(), run)?;
            let Some((main, ended)) = self.main.take() else { return Err(std::io::ErrorKind::Other.into()) };
            let core = cx.core().clone();
            let (calls, receiver) = mpsc::unbounded_channel();
            let mark = core.poll_marks.of_thread(cx.id());
            let scope = ThreadScope { id: cx.id(), mark, span: span(Span::current), ended, core };
            let subscriber = scope.core.subscriber.clone();
            let _ = hand_over.send(Box::new(move || subscriber.in_scope(|| main(scope, runtime, receiver))));
            self.calls = Some(calls);
        }
        self.calls.as_ref().ok_or_else(|| std::io::ErrorKind::Other.into())
    }

    async fn call(&mut self, method: ThreadMethod, cx: &Context) -> Result {
        let calls = match self.start(cx) {
            Ok(calls) => calls,
            Err(error) => {
                return Err(AnyError::msg(format_args!("cannot start the thread of service `{}`: {error}", cx.name())));
            }
        };
        let (reply, answer) = oneshot::channel();
        let call = Call { method, cx: cx.clone(), reply, counted: cx.count_task() };
        let _ = calls.send(call);
        #[cfg(any(test, feature = "test-util"))]
        let answer = held(method, cx, answer);
        match answer.await {
            Ok(Ok(result)) => result,
            Ok(Err(caught)) => caught.resume(),
            Err(_) => Err(AnyError::msg(format_args!("the thread of service `{}` has ended", cx.name()))),
        }
    }
}

/// Waits for the answer. In a test with paused time, the thread gets some real time for a method that
/// is to end soon.
#[cfg(any(test, feature = "test-util"))]
async fn held<T>(
    method: ThreadMethod,
    cx: &Context,
    answer: oneshot::Receiver<T>,
) -> std::result::Result<T, RecvError> {
    use clock::HeldClock;
    let (mut answer, mut is_new) = (pin!(answer), true);
    let mut clock = if matches!(method, ThreadMethod::Run) { None } else { HeldClock::new() };
    let answer = poll_fn(|task| {
        if cx.is_cancelled() && std::mem::take(&mut is_new) {
            clock = HeldClock::new();
        }
        answer.as_mut().poll(task)
    });
    answer.await
}

impl Runner for ThreadRunner {
    async fn init(&mut self, cx: &Context) -> Result {
        self.call(ThreadMethod::Init, cx).await
    }

    async fn idle(&mut self, cx: &Context) -> Result {
        self.call(ThreadMethod::Idle, cx).await
    }

    async fn run(&mut self, cx: &Context) -> Result {
        self.call(ThreadMethod::Run, cx).await
    }

    async fn stop(&mut self, cx: &Context) -> Result {
        self.call(ThreadMethod::Stop, cx).await
    }

    async fn reload(&mut self, cx: &Context) -> Result {
        self.call(ThreadMethod::Reload, cx).await
    }
}
