//! What a method of a fake does when the engine calls it.

use crate::error::{AnyError, Cancelled, LifecycleDone, Result};
use crate::service::context::Context;
use std::fmt;
use std::future::Future;
use std::panic::panic_any;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

/// What a [`FakeService`](super::FakeService) does when one of its methods is called.
#[derive(Clone)]
#[non_exhaustive]
pub enum Behavior {
    /// Returns `Ok` at once.
    Ok,
    /// Returns an error at once.
    Fail,
    /// Panics with a text.
    Panic,
    /// Panics with a payload that is not a text, and that panics again when it is dropped.
    PanicWithNonString,
    /// Never returns, and ignores cancellation.
    Hang,
    /// Never returns, ignores cancellation, and panics when its future is dropped.
    HangAndPanic,
    /// Returns `Ok` once it is cancelled.
    UntilCancelled,
    /// Returns an error once it is cancelled.
    FailOnCancel,
    /// Panics once it is cancelled.
    PanicOnCancel,
    /// Returns the error [`Cancelled`] at once, although the service was not cancelled.
    Cancelled,
    /// Returns [`LifecycleDone`] at once.
    Done,
    /// Waits for this long, ignores cancellation meanwhile, and then behaves as given.
    After(Duration, Box<Behavior>),
    /// Awaits the future that this function makes. See [`Behavior::call`].
    Call(MethodFn),
}

/// Makes a new future for each call.
type MethodFn = Arc<dyn Fn(Context) -> Pin<Box<dyn Future<Output = Result> + Send>> + Send + Sync>;

impl Behavior {
    /// The same behavior after a wait that cancellation does not end.
    #[must_use]
    pub fn after(self, wait: Duration) -> Self {
        Behavior::After(wait, Box::new(self))
    }

    /// Calls this function for each call of the method, and awaits the future that it returns.
    pub fn call<F, Fut>(method: F) -> Self
    where
        F: Fn(Context) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result> + Send + 'static,
    {
        Behavior::Call(Arc::new(move |cx| Box::pin(method(cx))))
    }

    pub(super) fn execute<'a>(&'a self, cx: &'a Context) -> Pin<Box<dyn Future<Output = Result> + Send + 'a>> {
        Box::pin(async move {
            match self {
                Behavior::Ok => Ok(()),
                Behavior::Fail => Err(AnyError::msg("scripted failure")),
                Behavior::Panic => panic!("scripted panic"),
                Behavior::PanicWithNonString => panic_any(PanicsOnDrop),
                Behavior::Hang => std::future::pending().await,
                Behavior::HangAndPanic => {
                    let _guard = PanicsOnDrop;
                    std::future::pending().await
                }
                Behavior::UntilCancelled => {
                    cx.cancelled().await;
                    Ok(())
                }
                Behavior::FailOnCancel => {
                    cx.cancelled().await;
                    Err(AnyError::msg("scripted failure after cancellation"))
                }
                Behavior::PanicOnCancel => {
                    cx.cancelled().await;
                    panic!("scripted panic after cancellation")
                }
                Behavior::Cancelled => Err(AnyError::from(Cancelled)),
                Behavior::Done => Err(AnyError::from(LifecycleDone)),
                Behavior::After(wait, behavior) => {
                    tokio::time::sleep(*wait).await;
                    behavior.execute(cx).await
                }
                Behavior::Call(method) => method(cx.clone()).await,
            }
        })
    }
}

impl fmt::Debug for Behavior {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Behavior::Ok => "Ok",
            Behavior::Fail => "Fail",
            Behavior::Panic => "Panic",
            Behavior::PanicWithNonString => "PanicWithNonString",
            Behavior::Hang => "Hang",
            Behavior::HangAndPanic => "HangAndPanic",
            Behavior::UntilCancelled => "UntilCancelled",
            Behavior::FailOnCancel => "FailOnCancel",
            Behavior::PanicOnCancel => "PanicOnCancel",
            Behavior::Cancelled => "Cancelled",
            Behavior::Done => "Done",
            Behavior::Call(_) => "Call",
            Behavior::After(wait, behavior) => return write!(f, "{behavior:?} after {wait:?}"),
        })
    }
}

/// Panics when it is dropped, unless its thread is panicking already: a second panic would abort.
struct PanicsOnDrop;

impl Drop for PanicsOnDrop {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            panic!("scripted panic on drop");
        }
    }
}
