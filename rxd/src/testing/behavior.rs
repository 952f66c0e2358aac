//! What a method of a fake does.

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
    /// Panics with something that is no text, and panics again when it is dropped.
    PanicWithNonString,
    /// Never returns, whatever it is told.
    Hang,
    /// Never returns, and panics when it is dropped.
    HangAndPanic,
    /// Returns `Ok` when it is told to.
    UntilCancelled,
    /// Returns an error when it is told to.
    FailOnCancel,
    /// Panics when it is told to return.
    PanicOnCancel,
    /// Returns [`Cancelled`], though nobody asked.
    Cancelled,
    /// Returns [`LifecycleDone`].
    Done,
    /// Waits, whatever it is told, and then does something else.
    After(Duration, Box<Behavior>),
    /// Calls this.
    Call(Script),
}

/// A future made anew for each call.
type Script = Arc<dyn Fn(Context) -> Pin<Box<dyn Future<Output = Result> + Send>> + Send + Sync>;

impl Behavior {
    /// The same after a wait that nothing interrupts.
    #[must_use]
    pub fn after(self, wait: Duration) -> Self {
        Behavior::After(wait, Box::new(self))
    }

    /// What this function's future does.
    pub fn call<F, Fut>(script: F) -> Self
    where
        F: Fn(Context) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result> + Send + 'static,
    {
        Behavior::Call(Arc::new(move |cx| Box::pin(script(cx))))
    }

    pub(super) fn play<'a>(&'a self, cx: &'a Context) -> Pin<Box<dyn Future<Output = Result> + Send + 'a>> {
        Box::pin(async move {
            match self {
                Behavior::Ok => Ok(()),
                Behavior::Fail => Err(AnyError::msg("told to fail")),
                Behavior::Panic => panic!("told to panic"),
                Behavior::PanicWithNonString => panic_any(PanicsOnDrop),
                Behavior::Hang => std::future::pending().await,
                Behavior::HangAndPanic => {
                    let _odd = PanicsOnDrop;
                    std::future::pending().await
                }
                Behavior::UntilCancelled => {
                    cx.cancelled().await;
                    Ok(())
                }
                Behavior::FailOnCancel => {
                    cx.cancelled().await;
                    Err(AnyError::msg("told to fail when told to return"))
                }
                Behavior::PanicOnCancel => {
                    cx.cancelled().await;
                    panic!("told to panic when told to return")
                }
                Behavior::Cancelled => Err(AnyError::from(Cancelled)),
                Behavior::Done => Err(AnyError::from(LifecycleDone)),
                Behavior::After(wait, act) => {
                    tokio::time::sleep(*wait).await;
                    act.play(cx).await
                }
                Behavior::Call(script) => script(cx.clone()).await,
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
            Behavior::After(wait, act) => return write!(f, "{act:?} after {wait:?}"),
        })
    }
}

/// Panics when it is dropped, unless that would be the second at once.
struct PanicsOnDrop;

impl Drop for PanicsOnDrop {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            panic!("told to panic when dropped");
        }
    }
}
