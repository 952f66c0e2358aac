//! What a method of a puppet does.

use crate::error::{AnyError, Cancelled, LifecycleDone, Result};
use crate::service::context::Context;
use std::fmt;
use std::future::Future;
use std::panic::panic_any;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

/// What a [`Puppet`](super::Puppet) does when one of its methods is called.
#[derive(Clone)]
#[non_exhaustive]
pub enum Act {
    /// Returns `Ok` at once.
    Ok,
    /// Returns an error at once.
    Fail,
    /// Panics with a text.
    Panic,
    /// Panics with something that is no text, and panics again when it is dropped.
    PanicOddly,
    /// Never returns, whatever it is told.
    Hang,
    /// Never returns, and panics when it is dropped.
    HangAndPanic,
    /// Returns `Ok` when it is told to.
    UntilTold,
    /// Returns an error when it is told to.
    FailWhenTold,
    /// Panics when it is told to return.
    PanicWhenTold,
    /// Returns [`Cancelled`], though nobody asked.
    Cancelled,
    /// Returns [`LifecycleDone`].
    Done,
    /// Waits, whatever it is told, and then does something else.
    After(Duration, Box<Act>),
    /// Calls this.
    Call(Script),
}

/// A future made anew for each call.
type Script = Arc<dyn Fn(Context) -> Pin<Box<dyn Future<Output = Result> + Send>> + Send + Sync>;

impl Act {
    /// The same after a wait that nothing interrupts.
    #[must_use]
    pub fn after(self, wait: Duration) -> Self {
        Act::After(wait, Box::new(self))
    }

    /// What this function's future does.
    pub fn call<F, Fut>(script: F) -> Self
    where
        F: Fn(Context) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result> + Send + 'static,
    {
        Act::Call(Arc::new(move |cx| Box::pin(script(cx))))
    }

    pub(super) fn play<'a>(&'a self, cx: &'a Context) -> Pin<Box<dyn Future<Output = Result> + Send + 'a>> {
        Box::pin(async move {
            match self {
                Act::Ok => Ok(()),
                Act::Fail => Err(AnyError::msg("told to fail")),
                Act::Panic => panic!("told to panic"),
                Act::PanicOddly => panic_any(Odd),
                Act::Hang => std::future::pending().await,
                Act::HangAndPanic => {
                    let _odd = Odd;
                    std::future::pending().await
                }
                Act::UntilTold => {
                    cx.cancelled().await;
                    Ok(())
                }
                Act::FailWhenTold => {
                    cx.cancelled().await;
                    Err(AnyError::msg("told to fail when told to return"))
                }
                Act::PanicWhenTold => {
                    cx.cancelled().await;
                    panic!("told to panic when told to return")
                }
                Act::Cancelled => Err(AnyError::from(Cancelled)),
                Act::Done => Err(AnyError::from(LifecycleDone)),
                Act::After(wait, act) => {
                    tokio::time::sleep(*wait).await;
                    act.play(cx).await
                }
                Act::Call(script) => script(cx.clone()).await,
            }
        })
    }
}

impl fmt::Debug for Act {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Act::Ok => "Ok",
            Act::Fail => "Fail",
            Act::Panic => "Panic",
            Act::PanicOddly => "PanicOddly",
            Act::Hang => "Hang",
            Act::HangAndPanic => "HangAndPanic",
            Act::UntilTold => "UntilTold",
            Act::FailWhenTold => "FailWhenTold",
            Act::PanicWhenTold => "PanicWhenTold",
            Act::Cancelled => "Cancelled",
            Act::Done => "Done",
            Act::Call(_) => "Call",
            Act::After(wait, act) => return write!(f, "{act:?} after {wait:?}"),
        })
    }
}

/// Panics when it is dropped, unless that would be the second at once.
struct Odd;

impl Drop for Odd {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            panic!("told to panic when dropped");
        }
    }
}
