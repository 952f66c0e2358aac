//! Contains panics of user code, and finds out their message and location.
//!
//! rxd calls user code through [`catch`], [`contain`] or [`emit`]. Only `intracom` does not: a
//! panic of a message goes to the caller that cloned or dropped it.
//!
//! Only the panic hook knows where a panic happened. It notes the location for its thread, and
//! [`catch`] takes that note if it is about the panic that it caught. It may be about another one:
//! user code may have caught a panic itself, and a panic that `resume_unwind` begins calls no hook.

use std::any::{Any, TypeId};
use std::cell::{Cell, RefCell};
use std::fmt;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::pin;
use std::sync::{Arc, Once};
use std::task::{Context as TaskContext, Poll, Wake, Waker};

thread_local! {
    /// The last panic of this thread, as its hook saw it.
    static LAST_PANIC: RefCell<Option<PanicNote>> = const { RefCell::new(None) };

    /// Whether a panic of this thread is expected, and must not be printed.
    static SILENT: Cell<bool> = const { Cell::new(false) };
}

/// Where a panic was, and how to recognise its payload.
struct PanicNote {
    location: String,
    payload: PayloadId,
}

/// What identifies a payload. If it is not a text, that is only its type: it is moved after the
/// hook has seen it.
#[derive(PartialEq)]
struct PayloadId {
    type_id: TypeId,
    /// The text and its address: a `String` that is moved keeps its buffer. Another text may be at
    /// the same address later, so the text itself is compared too. Two equal texts, one after the
    /// other at the same address, are taken for one.
    text: Option<(usize, String)>,
}

impl PayloadId {
    fn of(payload: &(dyn Any + Send)) -> Self {
        let text = text_of(payload).map(|text| (text.as_ptr().addr(), text.to_owned()));
        PayloadId { type_id: payload.type_id(), text }
    }
}

/// The text of a payload, if it is one.
fn text_of(payload: &(dyn Any + Send)) -> Option<&str> {
    let text = payload.downcast_ref::<&str>().copied();
    text.or_else(|| payload.downcast_ref::<String>().map(String::as_str))
}

/// Installs the panic hook that notes locations, once per process. It calls the hook that was
/// there.
pub(crate) fn note_locations() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            let payload = PayloadId::of(info.payload());
            let note = info.location().map(|location| PanicNote { location: location.to_string(), payload });
            // While the thread's locals are destroyed there is no place for a note.
            let _ = LAST_PANIC.try_with(|slot| slot.replace(note));
            if !SILENT.try_with(Cell::get).unwrap_or_default() {
                before(info);
            }
        }));
    });
}

/// A panic that was caught.
pub(crate) struct CaughtPanic {
    /// `None` once `resume` or `drop` has taken it.
    payload: Option<Box<dyn Any + Send>>,
    location: Option<String>,
}

impl CaughtPanic {
    /// Continues the panic. The hook is not called again, so nothing is printed twice.
    pub(crate) fn resume(mut self) -> ! {
        resume_unwind(self.payload.take().unwrap_or_else(|| Box::new("panicked")))
    }
}

impl Drop for CaughtPanic {
    fn drop(&mut self) {
        // Dropping a payload is user code. It may panic with another payload, which is leaked:
        // dropping that one might panic as well, without end.
        let payload = self.payload.take();
        if let Err(second) = catch_unwind(AssertUnwindSafe(|| drop(payload))) {
            std::mem::forget(second);
        }
    }
}

impl fmt::Display for CaughtPanic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let message = self.payload.as_deref().and_then(|payload| text_of(payload));
        let message = message.unwrap_or("a panic payload that is not a text");
        match &self.location {
            Some(location) => write!(f, "{message} (at {location})"),
            None => f.write_str(message),
        }
    }
}

/// Calls user code, and catches its panic. In debug builds it panics if a lock of rxd is held.
pub(crate) fn catch<T>(f: impl FnOnce() -> T) -> Result<T, CaughtPanic> {
    crate::sync::assert_none_held();
    // Unwind safe: callers only drop what `f` may have left half done.
    catch_unwind(AssertUnwindSafe(f)).map_err(|payload| {
        let note = LAST_PANIC.try_with(|slot| slot.borrow_mut().take()).ok().flatten();
        let note = note.filter(|note| note.payload == PayloadId::of(&*payload));
        CaughtPanic { payload: Some(payload), location: note.map(|note| note.location) }
    })
}

/// As [`catch`], for a panic that is expected: it is not printed, if [`note_locations`] has been
/// called.
pub(crate) fn catch_silently<T>(f: impl FnOnce() -> T) -> Result<T, CaughtPanic> {
    // With `panic = "abort"` the message is all that is left of the process, so it is printed.
    SILENT.set(cfg!(panic = "unwind"));
    let caught = catch(f);
    SILENT.set(false);
    caught
}
/// Writes a log record of rxd. A panic in a layer of the user's subscriber is caught: it must end
/// neither a service nor rxd.
///
/// Apart from that, `emit!(ERROR, target: "rxd", service = name, "what happened")` is
/// `tracing::error!`.
macro_rules! emit {
    ($level:ident, target: $target:expr, $($record:tt)*) => {
        // The cheap check first: most of rxd's records are disabled.
        if ::tracing::Level::$level <= ::tracing::level_filters::LevelFilter::current() {
            let _ = $crate::panic::catch(|| {
                ::tracing::event!(target: $target, ::tracing::Level::$level, $($record)*)
            });
        }
    };
}
pub(crate) use emit;

/// Awaits a future of tokio with a waker that contains the panics of the caller's waker. tokio
/// wakes all waiters of a value in turn; a waker that panics would keep the others from being
/// woken.
pub(crate) async fn with_quiet_waker<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    std::future::poll_fn(|task| {
        let quiet = Waker::from(Arc::new(QuietWaker(task.waker().clone())));
        future.as_mut().poll(&mut TaskContext::from_waker(&quiet))
    })
    .await
}

/// Wakes another waker, and catches its panic.
struct QuietWaker(Waker);

impl Wake for QuietWaker {
    fn wake(self: Arc<Self>) {
        let _ = catch(|| self.0.wake_by_ref());
    }
}

/// Awaits a future of user code, and catches its panic.
pub(crate) async fn contain<F: Future>(future: F) -> Result<F::Output, CaughtPanic> {
    let mut future = pin!(future);
    std::future::poll_fn(|task| match catch(|| future.as_mut().poll(task)) {
        Ok(Poll::Pending) => Poll::Pending,
        Ok(Poll::Ready(output)) => Poll::Ready(Ok(output)),
        Err(caught) => Poll::Ready(Err(caught)),
    })
    .await
}
