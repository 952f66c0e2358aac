//! The methods of a service: its author writes them, and the engine calls them.

use crate::error::Result;
use crate::service::context::Context;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context as TaskContext, Poll};

/// The methods of a service. Only [`run`](Runner::run) must be written.
///
/// The engine calls them one at a time, in the order of the lifecycle, on the same value: what
/// `init` stores in `self`, `run` can use and `stop` can take.
///
/// # Cancel safety
///
/// When a service is to leave a state, [`Context::cancelled`] completes, and the method has until
/// its limit to return. After that its future is dropped at the `.await` where it waits.
///
/// # Panics
///
/// A panic is contained: in a method, in a task that the service has spawned, or in the drop of
/// what a method leaves behind. It counts as a failure of this service, with its message and place,
/// and `stop` is called. Two things end the process without a stop of the services, as everywhere
/// in Rust: a second panic while the first unwinds, and any panic under `panic = "abort"`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is annotated as a service, but has no methods",
    label = "`Runner` is not implemented for it",
    note = "write `impl rxd::Runner for {Self} {{ async fn run(&mut self, cx: &rxd::Context) -> rxd::Result {{ .. }} }}`",
    note = "for an `impl rxd::LocalRunner` write `#[rxd::service(thread)]`, for an `impl rxd::BlockingRunner` `#[rxd::service(blocking)]`"
)]
pub trait Runner: Send + 'static {
    /// Acquires what the service needs. Default: nothing.
    fn init(&mut self, cx: &Context) -> impl Future<Output = Result> + Send {
        let _ = cx;
        DefaultMethod
    }

    /// Prepares to run. After it has returned, the service waits for its gates. Default: nothing.
    fn idle(&mut self, cx: &Context) -> impl Future<Output = Result> + Send {
        let _ = cx;
        DefaultMethod
    }

    /// Does the work. When it returns, the service leaves [`State::Run`](crate::State::Run).
    fn run(&mut self, cx: &Context) -> impl Future<Output = Result> + Send;

    /// Releases what `init` acquired. It is called if and only if `init` was, also after an error
    /// or a panic, with a context that is not cancelled. Default: nothing.
    fn stop(&mut self, cx: &Context) -> impl Future<Output = Result> + Send {
        let _ = cx;
        DefaultMethod
    }

    /// Applies a new configuration: called on SIGHUP, and when an operator asks for it.
    ///
    /// * A service in Run stays in Run: `run` is cancelled, `reload` is called, and then `run`
    ///   again, without a transition. Tasks that the service has spawned end before `reload`.
    /// * In Idle the same happens with `idle`. If that has returned already, only `reload` is
    ///   called, and the service's tasks continue.
    /// * A service that waits to be restarted after a failure, or for its first Init, reloads
    ///   there, before `init`; after a successful reload a failed service is restarted at once.
    ///   During `init` the reload waits until that has returned.
    /// * If it returns an error, the service continues as before. So check the new configuration
    ///   before storing it.
    /// * A one-shot (`until_success`) whose `run` returns `Ok` has completed, also if the reload
    ///   had cancelled it. Return [`Cancelled`](crate::Cancelled), as `cx.or_cancelled(..).await?`
    ///   does, to have `run` called again after the reload.
    /// * SIGHUP skips a service that does not override `reload`.
    /// * A service that takes the daemon's configuration implements [`Configure`](crate::Configure)
    ///   instead: services can then refuse a candidate before any of them is interrupted.
    ///
    /// Default: nothing.
    fn reload(&mut self, cx: &Context) -> impl Future<Output = Result> + Send {
        let _ = cx;
        DefaultMethod
    }
}

/// The future of a default method, by which the engine recognises that there is nothing to call.
pub(crate) struct DefaultMethod;

impl Future for DefaultMethod {
    type Output = Result;

    fn poll(self: Pin<&mut Self>, _: &mut TaskContext<'_>) -> Poll<Result> {
        Poll::Ready(Ok(()))
    }
}
