//! Services whose methods are async, on a thread of their own: nothing of them need be `Send`.

use super::{Call, Calls, ThreadEnd, ThreadKind, ThreadMethod, ThreadRunner, ThreadRuntime, ThreadScope};
use crate::error::{AnyError, Result};
use crate::in_span::InSpan;
use crate::panic::{self, emit};
use crate::service::context::Context;
use crate::service::runner::DefaultMethod;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;
use tokio::task::LocalSet;

/// The methods of a service on a thread of its own: those of [`Runner`](crate::Runner), with futures
/// that need not be `Send`. Only [`run`](LocalRunner::run) must be written.
///
/// For what has to stay on one thread, such as a graphical interface, a script engine or a client
/// with `Rc`s. Declare it with `#[rxd::service(thread)]`; a value that is not `Send` is made on the
/// thread, by [`Service::local`](crate::Service::local).
///
/// * The thread has the service's name. It is started for Init, and kept for all incarnations: they
///   share the value, as those of a `Runner` do. The value is dropped on it.
/// * The thread has a `current_thread` runtime of its own, so timers and sockets work, and so does
///   `tokio::task::spawn_local`. Such a task is not one of the service's: it continues until it ends,
///   or the value is dropped. Tasks of [`Context::spawn`] run on that runtime, too.
/// * Code that blocks the thread delays only this service. Limits, cancellation, the shutdown and its
///   report treat it as any other service.
/// * A method that exceeds its limit is dropped at its next `.await`. If it does not come to one, the
///   service stays where it is until the method returns, since two incarnations never overlap. At the
///   deadline of the shutdown it is abandoned, and the report says that it blocks.
/// * Sockets and other resources of tokio's belong to the runtime that they were made in. Make them
///   in a method.
/// * In a test with paused time, the thread's clock continues. To test what depends on the time, put a
///   [fake](https://docs.rs/rxd/latest/rxd/docs/testing/index.html) in place of such a service.
///
/// ```
/// use rxd::{Context, LocalRunner};
/// use std::cell::RefCell;
/// use std::rc::Rc;
/// use std::time::Duration;
///
/// #[rxd::service(thread)]
/// struct Scripts;
///
/// impl LocalRunner for Scripts {
///     async fn run(&mut self, cx: &Context) -> rxd::Result {
///         let counts = Rc::new(RefCell::new(0));
///         let mut every = cx.every(Duration::from_millis(1));
///         while every.tick().await {
///             let counts = counts.clone();
///             tokio::task::spawn_local(async move { *counts.borrow_mut() += 1 }).await?;
///             cx.daemon().shutdown();
///         }
///         Ok(())
///     }
/// }
///
/// #[rxd::daemon]
/// struct App {
///     scripts: Scripts,
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> rxd::Result {
/// App { scripts: Scripts }.run().await?;
/// # Ok(())
/// # }
/// ```
///
/// For cancel safety and panics, see [`Runner`](crate::Runner).
#[diagnostic::on_unimplemented(
    message = "`{Self}` is a service with a thread of its own, but has no methods for it",
    label = "`LocalRunner` is not implemented for it",
    note = "write `impl rxd::LocalRunner for {Self} {{ async fn run(&mut self, cx: &rxd::Context) -> rxd::Result {{ .. }} }}`",
    note = "an `impl rxd::Runner` is for a service without the key `thread`"
)]
pub trait LocalRunner: 'static {
    /// Acquires what the service needs. Default: nothing.
    fn init(&mut self, cx: &Context) -> impl Future<Output = Result> {
        let _ = cx;
        DefaultMethod
    }

    /// Prepares to run. After it has returned, the service waits for its gates. Default: nothing.
    fn idle(&mut self, cx: &Context) -> impl Future<Output = Result> {
        let _ = cx;
        DefaultMethod
    }

    /// Does the work. When it returns, the service leaves [`State::Run`](crate::State::Run).
    fn run(&mut self, cx: &Context) -> impl Future<Output = Result>;

    /// Releases what `init` acquired. See [`Runner::stop`](crate::Runner::stop). Default: nothing.
    fn stop(&mut self, cx: &Context) -> impl Future<Output = Result> {
        let _ = cx;
        DefaultMethod
    }

    /// Applies a new configuration. See [`Runner::reload`](crate::Runner::reload). Default: nothing.
    fn reload(&mut self, cx: &Context) -> impl Future<Output = Result> {
        let _ = cx;
        DefaultMethod
    }
}

impl ThreadRunner {
    /// Of a service that `make` makes on its thread.
    pub(crate) fn local<T: LocalRunner>(make: impl FnOnce() -> T + Send + 'static) -> (Self, ThreadEnd) {
        ThreadRunner::new(ThreadKind::Local, Box::new(move |scope, runtime, calls| serve(&scope, runtime, calls, make)))
    }
}

/// The value of a service, which its first call makes.
enum LocalValue<T, M> {
    Unmade(M),
    Made(T),
    /// Its constructor panicked with this message.
    Failed(String),
}

impl<T, M: FnOnce() -> T> LocalValue<T, M> {
    /// Makes the value if it is not made yet. A constructor that has panicked is not called again.
    fn get(&mut self) -> Result<&mut T> {
        if let LocalValue::Unmade(_) = self {
            let LocalValue::Unmade(make) = std::mem::replace(self, LocalValue::Failed(String::new())) else {
                unreachable!()
            };
            *self = match panic::catch(make) {
                Ok(value) => LocalValue::Made(value),
                Err(caught) => {
                    *self = LocalValue::Failed(caught.to_string());
                    caught.resume()
                }
            };
        }
        match self {
            LocalValue::Made(value) => Ok(value),
            LocalValue::Failed(text) => {
                Err(AnyError::msg(format_args!("its constructor has panicked, and is not called again: {text}")))
            }
            LocalValue::Unmade(_) => unreachable!("it is made above"),
        }
    }
}

/// The thread of a service.
fn serve<T: LocalRunner>(scope: &ThreadScope, runtime: ThreadRuntime, mut calls: Calls, make: impl FnOnce() -> T) {
    let ThreadRuntime::Own(runtime) = runtime else { unreachable!("it is made for this kind") };
    let local = LocalSet::new();
    let calls = async {
        let mut value = LocalValue::Unmade(make);
        while let Some(call) = calls.recv().await {
            carry_out(scope, call, &mut value).await;
        }
        scope.drop_on_thread(value);
    };
    local.block_on(&runtime, InSpan::new(calls, scope.span.clone()));
    scope.drop_on_thread(local);
    // Not a drop, which would wait for code that tokio runs elsewhere.
    let _ = scope.guarded(|| runtime.shutdown_background());
}

async fn carry_out<T: LocalRunner>(scope: &ThreadScope, call: Call, value: &mut LocalValue<T, impl FnOnce() -> T>) {
    let Call { method, cx, mut reply, counted } = call;
    let answer = {
        let invoked = async {
            let service = value.get()?;
            match method {
                ThreadMethod::Init => service.init(&cx).await,
                ThreadMethod::Idle => service.idle(&cx).await,
                ThreadMethod::Run => service.run(&cx).await,
                ThreadMethod::Stop => service.stop(&cx).await,
                ThreadMethod::Reload => service.reload(&cx).await,
            }
        };
        let mut invoked = pin!(Some(invoked));
        // `None`: the engine has dropped the call at its limit.
        let answer = poll_fn(|task| {
            if reply.poll_closed(task).is_ready() {
                return Poll::Ready(None);
            }
            let Some(method) = invoked.as_mut().as_pin_mut() else { unreachable!("it is dropped below") };
            match scope.guarded(|| method.poll(task)) {
                Ok(Poll::Pending) => Poll::Pending,
                Ok(Poll::Ready(result)) => Poll::Ready(Some(Ok(result))),
                Err(caught) => Poll::Ready(Some(Err(caught))),
            }
        });
        let answer = answer.await;
        match (scope.guarded(|| invoked.set(None)), answer) {
            (Ok(()), answer) => answer,
            (Err(caught), Some(Ok(_))) => Some(Err(caught)),
            (Err(caught), answer) => {
                emit!(ERROR, target: "rxd", "panicked while its future was dropped: {caught}");
                answer
            }
        }
    };
    drop(cx);
    match answer {
        Some(answer) => scope.answer(reply, counted, answer),
        None => drop(counted),
    }
}
