//! Panics of users' code: contained, with what they said and where.
//!
//! Only the panic hook knows where a panic is. It notes the place for its thread, and [`catch`] takes
//! the note, if it is about the panic that was caught. It need not be: code of the user's may have
//! caught the panic of the note itself, and a panic that `resume_unwind` begins has no note.

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

    /// A panic of this thread is an answer that is expected, and not to be printed.
    static SILENT: Cell<bool> = const { Cell::new(false) };
}

/// Where a panic was, and how to recognise its payload.
struct PanicNote {
    location: String,
    payload: PayloadId,
}

/// What identifies a payload. Of one that is no text only the type is known, since it is moved after
/// the hook has seen it.
#[derive(PartialEq)]
struct PayloadId {
    kind: TypeId,
    /// A text, and where it is: a `String` that is moved keeps its buffer. Another text may be in
    /// the same place later, so the text itself counts too. Two equal texts, one after the other in one
    /// place, are taken for one.
    text: Option<(usize, String)>,
}

impl PayloadId {
    fn of(payload: &(dyn Any + Send)) -> Self {
        let text = text_of(payload).map(|text| (text.as_ptr().addr(), text.to_owned()));
        PayloadId { kind: payload.type_id(), text }
    }
}

/// What a payload says, if it is a text.
fn text_of(payload: &(dyn Any + Send)) -> Option<&str> {
    let text = payload.downcast_ref::<&str>().copied();
    text.or_else(|| payload.downcast_ref::<String>().map(String::as_str))
}

/// Has the location of every panic noted from here on. The hook that was there is still called.
pub(crate) fn note_locations() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            let payload = PayloadId::of(info.payload());
            let note = info.location().map(|location| PanicNote { location: location.to_string(), payload });
            // A panic while the thread's locals are being destroyed has no place to be noted.
            let _ = LAST_PANIC.try_with(|slot| slot.replace(note));
            if !SILENT.try_with(Cell::get).unwrap_or_default() {
                before(info);
            }
        }));
    });
}

/// A panic that was caught.
pub(crate) struct CaughtPanic {
    /// None once it was taken to go on.
    payload: Option<Box<dyn Any + Send>>,
    location: Option<String>,
}

impl CaughtPanic {
    /// Goes on panicking with it, without another message.
    pub(crate) fn resume(mut self) -> ! {
        resume_unwind(self.payload.take().unwrap_or_else(|| Box::new("panicked")))
    }
}

impl Drop for CaughtPanic {
    fn drop(&mut self) {
        // A payload may panic when it is dropped, and what that leaves behind may do so again.
        let payload = self.payload.take();
        if let Err(second) = catch_unwind(AssertUnwindSafe(|| drop(payload))) {
            std::mem::forget(second);
        }
    }
}

impl fmt::Display for CaughtPanic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let message = self.payload.as_deref().and_then(|payload| text_of(payload));
        let message = message.unwrap_or("a payload that is no text");
        match &self.location {
            Some(location) => write!(f, "{message} (at {location})"),
            None => f.write_str(message),
        }
    }
}

/// Calls `f`, and catches its panic.
pub(crate) fn catch<T>(f: impl FnOnce() -> T) -> Result<T, CaughtPanic> {
    crate::sync::assert_none_held();
    // What `f` leaves half done is not used again by those who call this, except to be dropped.
    catch_unwind(AssertUnwindSafe(f)).map_err(|payload| {
        let note = LAST_PANIC.try_with(|slot| slot.borrow_mut().take()).ok().flatten();
        let note = note.filter(|note| note.payload == PayloadId::of(&*payload));
        CaughtPanic { payload: Some(payload), location: note.map(|note| note.location) }
    })
}

/// As [`catch`], for a panic that is expected: no hook prints it, once there is [`note_locations`].
pub(crate) fn catch_silently<T>(f: impl FnOnce() -> T) -> Result<T, CaughtPanic> {
    // Where a panic ends the process its message is all that is left.
    SILENT.set(cfg!(panic = "unwind"));
    let caught = catch(f);
    SILENT.set(false);
    caught
}
/// Writes a log record of rxd's. A layer of the user's subscriber that panics is caught: it is no
/// reason for a service, or for rxd, not to go on.
///
/// `emit!(ERROR, target: "rxd", service = name, "what happened")` is `tracing::error!` otherwise.
macro_rules! emit {
    ($level:ident, target: $target:expr, $($record:tt)*) => {
        // The cheap question first: most records of rxd's are wanted by nobody.
        if ::tracing::Level::$level <= ::tracing::level_filters::LevelFilter::current() {
            let _ = $crate::panic::catch(|| {
                ::tracing::event!(target: $target, ::tracing::Level::$level, $($record)*)
            });
        }
    };
}
pub(crate) use emit;

/// Polls a future of tokio's with a waker that contains the panics of the user's: tokio wakes all that wait for
/// a value in turn, and one that panics would keep the others from being woken.
pub(crate) async fn with_quiet_waker<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    std::future::poll_fn(|task| {
        let quiet = Waker::from(Arc::new(QuietWaker(task.waker().clone())));
        future.as_mut().poll(&mut TaskContext::from_waker(&quiet))
    })
    .await
}

struct QuietWaker(Waker);

impl Wake for QuietWaker {
    fn wake(self: Arc<Self>) {
        let _ = catch(|| self.0.wake_by_ref());
    }
}

/// Runs a future, and catches its panic.
pub(crate) async fn contain<F: Future>(future: F) -> Result<F::Output, CaughtPanic> {
    let mut future = pin!(future);
    std::future::poll_fn(|task| match catch(|| future.as_mut().poll(task)) {
        Ok(Poll::Pending) => Poll::Pending,
        Ok(Poll::Ready(output)) => Poll::Ready(Ok(output)),
        Err(caught) => Poll::Ready(Err(caught)),
    })
    .await
}
