//! The methods of a service, which its author writes and the engine calls.

use crate::error::Result;
use crate::service::context::Context;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context as TaskContext, Poll};

/// The methods of a service. Only [`run`](Runner::run) must be written.
///
/// The engine calls them one at a time, in the order of the lifecycle, on one and the same value:
/// what `init` puts into `self` is there in `run` and can be taken out in `stop`.
///
/// # Cancel safety
///
/// When a service is to leave a state, [`Context::cancelled`] completes and the method is given
/// its time to return; past its limit its future is dropped at whatever `.await` it is at.
///
/// # Panics
///
/// A panic in a method, in a task it has spawned, or in the drop of what it leaves behind is
/// contained: it counts as a failure of this service, with its message and place, and `stop` is
/// called. A second panic while the first unwinds ends the process, as everywhere in Rust, and so
/// does the first under `panic = "abort"`; no service is stopped then.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is annotated as a service, but has no methods",
    label = "`Runner` is not implemented for it",
    note = "write `impl rxd::Runner for {Self} {{ async fn run(&mut self, cx: &rxd::Context) -> rxd::Result {{ .. }} }}`"
)]
pub trait Runner: Send + 'static {
    /// Acquires what the service needs. Default: nothing.
    fn init(&mut self, cx: &Context) -> impl Future<Output = Result> + Send {
        let _ = cx;
        DefaultMethod
    }

    /// Prepares to run; the gates of the service are waited for after it has returned. Default: nothing.
    fn idle(&mut self, cx: &Context) -> impl Future<Output = Result> + Send {
        let _ = cx;
        DefaultMethod
    }

    /// Does the work. To leave it is to leave [`State::Run`].
    fn run(&mut self, cx: &Context) -> impl Future<Output = Result> + Send;

    /// Releases what `init` acquired. Called if and only if `init` was, also after an error or a
    /// panic, and with a context that is not cancelled. Default: nothing.
    fn stop(&mut self, cx: &Context) -> impl Future<Output = Result> + Send {
        let _ = cx;
        DefaultMethod
    }

    /// Takes up a new configuration: called on SIGHUP, and when an operator asks.
    ///
    /// A service in Run stays in it: `run` is told to return, `reload` is called, and then `run`
    /// again, without a transition; tasks the service spawned end first. In Idle likewise, with
    /// `idle`, unless that has returned. An error leaves things as they were, so check the new
    /// configuration before you put it in place. A service without a `reload` of its own is left
    /// alone by SIGHUP. Default: nothing.
    fn reload(&mut self, cx: &Context) -> impl Future<Output = Result> + Send {
        let _ = cx;
        DefaultMethod
    }
}

/// What a default method returns: how the engine knows that there is nothing to call.
pub(crate) struct DefaultMethod;

impl Future for DefaultMethod {
    type Output = Result;

    fn poll(self: Pin<&mut Self>, _: &mut TaskContext<'_>) -> Poll<Result> {
        Poll::Ready(Ok(()))
    }
}
