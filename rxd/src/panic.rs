//! Contains panics of user code, and finds out their message and location.
//!
//! rxd calls user code through [`catch`], [`contain`], [`ignore`] or [`emit`]. Only `intracom` does not: a
//! panic of a message goes to the caller that cloned or dropped it.
//!
//! Only the panic hook knows where a panic happened. It notes the location for its thread, and
//! [`catch`] takes that note if it is about the panic that it caught. It may be about another one:
//! user code may have caught a panic itself, and a panic that `resume_unwind` begins calls no hook.
//!
//! While no log is set up, the hook that was there before prints every panic. Once one is, each
//! panic is reported once: by the code that catches it, in a record about the service; if that does
//! not use its text, when the [`CaughtPanic`] is dropped; and by the hook, if rxd does not catch it.

use crate::escape;
use std::any::{Any, TypeId};
use std::backtrace::{Backtrace, BacktraceStatus};
use std::cell::{Cell, RefCell};
use std::fmt;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::pin;
use std::sync::{Arc, Once};
use std::task::{Context as TaskContext, Poll, Wake, Waker};
use std::time::Duration;

thread_local! {
    /// The last panic of this thread, as its hook saw it.
    static LAST_PANIC: RefCell<Option<PanicNote>> = const { RefCell::new(None) };

    /// Whether a panic of this thread is expected, and must not be printed.
    static SILENT: Cell<bool> = const { Cell::new(false) };

    /// Whether this thread is in [`catch`].
    static CATCHING: Cell<Catching> = const { Cell::new(Catching::No) };
}

/// Whether a panic of this thread would be caught by rxd, which then reports it.
#[derive(Clone, Copy, PartialEq)]
enum Catching {
    No,
    Yes,
    /// Yes, and there has been a panic.
    Panicked,
}

/// Where a panic was, and how to recognise its payload.
struct PanicNote {
    location: String,
    payload: PayloadId,
    /// What the log would write, if one is set up.
    text: Option<String>,
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
/// there, except for the default one once a log is set up.
pub(crate) fn note_locations() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = std::panic::take_hook();
        // Taking the hook has set the default one. They are of one type, without a value, if and
        // only if the first was the default one, too.
        let is_default = std::ptr::eq(&*before, &*std::panic::take_hook());
        std::panic::set_hook(Box::new(move |info| {
            let message = text_of(info.payload()).unwrap_or(NOT_A_TEXT);
            let payload = PayloadId::of(info.payload());
            let location = info.location().map(ToString::to_string).unwrap_or_default();
            let log = crate::output::log().filter(|_| !SILENT.get());
            // The code that catches the panic reports it.
            let is_caught = CATCHING.get() != Catching::No && cfg!(panic = "unwind");
            if let Some(log) = log {
                // User code has caught the panic before this one. Or it is still unwinding, and
                // this one ends the process.
                let is_second = CATCHING.get() == Catching::Panicked;
                if is_second {
                    report_last();
                }
                if !is_caught {
                    let thread = std::thread::current();
                    let name = thread.name().unwrap_or("unnamed");
                    (log.write)(vec![format!("thread `{name}` panicked: {}", located(message, &location))]);
                }
                let backtrace = Backtrace::capture();
                if backtrace.status() == BacktraceStatus::Captured {
                    (log.write)(vec![format!("backtrace of the panic at {location}:\n{backtrace}")]);
                }
                if is_second || !is_caught {
                    // The process may end right after this.
                    (log.flush)(LAST_PANIC_TIMEOUT);
                }
            }
            let text = log.filter(|_| is_caught).map(|_| located(message, &location));
            let note = PanicNote { location, payload, text };
            // While the thread's locals are destroyed there is no place for a note.
            let _ = LAST_PANIC.try_with(|slot| slot.replace(Some(note)));
            if CATCHING.get() == Catching::Yes {
                CATCHING.set(Catching::Panicked);
            }
            let goes_to_log = is_default && log.is_some();
            if !SILENT.get() && !goes_to_log {
                before(info);
            }
        }));
    });
}

/// Reports the panic that user code has caught before it calls this. The process may end before
/// rxd gets its thread back.
#[cfg(feature = "log")]
pub(crate) fn report_swallowed() {
    if CATCHING.get() == Catching::Panicked && !std::thread::panicking() {
        CATCHING.set(Catching::Yes);
        report_last();
    }
}

/// Reports the panic that this thread has noted, if it was not reported by whatever caught it.
#[cold]
fn report_last() {
    let note = LAST_PANIC.try_with(|slot| slot.borrow_mut().take()).ok().flatten();
    if let (Some(log), Some(text)) = (crate::output::log(), note.and_then(|note| note.text)) {
        (log.write)(vec![format!("panicked: {text}")]);
    }
}

fn located(message: &str, location: &str) -> String {
    let mut text = message.to_owned();
    escape::cut(&mut text, MAX_MESSAGE_BYTES);
    match location {
        "" => text,
        location => format!("{text} (at {location})"),
    }
}

/// A longer message of a panic is cut.
const MAX_MESSAGE_BYTES: usize = 8 << 10;

/// How long a panic that ends its thread, or the process, waits until it is written.
const LAST_PANIC_TIMEOUT: Duration = Duration::from_millis(50);

const NOT_A_TEXT: &str = "a panic payload that is not a text";

/// A panic that was caught. Behind a pointer, so that a result without a panic is small.
pub(crate) struct CaughtPanic(Box<Caught>);

struct Caught {
    /// `None` once `resume` or `drop` has taken it.
    payload: Option<Box<dyn Any + Send>>,
    location: Option<String>,
    /// Whether its text has been used, or it was expected.
    is_reported: Cell<bool>,
}

impl CaughtPanic {
    #[cold]
    fn new(payload: Box<dyn Any + Send>) -> Self {
        let note = LAST_PANIC.try_with(|slot| slot.borrow_mut().take()).ok().flatten();
        let note = note.filter(|note| note.payload == PayloadId::of(&*payload));
        let location = note.map(|note| note.location).filter(|location| !location.is_empty());
        CaughtPanic(Box::new(Caught { payload: Some(payload), location, is_reported: Cell::new(false) }))
    }

    /// Continues the panic. The hook is not called again, so nothing is printed twice.
    pub(crate) fn resume(mut self) -> ! {
        // Nothing of rxd will catch it.
        if CATCHING.get() == Catching::No {
            self.report();
        }
        self.0.is_reported.set(true);
        let payload = self.0.payload.take().unwrap_or_else(|| Box::new("panicked"));
        // It may have been caught in another thread, whose hook has seen the place.
        if let Some(location) = self.0.location.take() {
            let note = PanicNote { location, payload: PayloadId::of(&*payload), text: None };
            let _ = LAST_PANIC.try_with(|slot| slot.replace(Some(note)));
        }
        resume_unwind(payload)
    }

    /// Reports it, if that was not done yet.
    fn report(&self) {
        if let (false, Some(log)) = (self.0.is_reported.get(), crate::output::log()) {
            (log.write)(vec![format!("panicked: {self}")]);
        }
    }
}

impl Drop for CaughtPanic {
    fn drop(&mut self) {
        self.report();
        // Dropping a payload is user code. It may panic with another payload, which is leaked:
        // dropping that one might panic as well, without end.
        let payload = self.0.payload.take();
        if let Err(second) = catch_unwind(AssertUnwindSafe(|| drop(payload))) {
            std::mem::forget(second);
        }
    }
}

impl fmt::Display for CaughtPanic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.is_reported.set(true);
        let message = self.0.payload.as_deref().and_then(|payload| text_of(payload)).unwrap_or(NOT_A_TEXT);
        f.write_str(&located(message, self.0.location.as_deref().unwrap_or_default()))
    }
}

/// Calls user code, and catches its panic. In debug builds it panics if a lock of rxd is held.
pub(crate) fn catch<T>(f: impl FnOnce() -> T) -> Result<T, CaughtPanic> {
    crate::sync::assert_none_held();
    let outer = begin_catching();
    // Unwind safe: callers only drop what `f` may have left half done.
    let result = catch_unwind(AssertUnwindSafe(f));
    end_catching(outer, result.is_ok());
    result.map_err(CaughtPanic::new)
}

#[inline]
fn begin_catching() -> Catching {
    CATCHING.replace(Catching::Yes)
}

#[inline]
fn end_catching(outer: Catching, is_ok: bool) {
    // User code may have caught a panic itself.
    if CATCHING.replace(outer) == Catching::Panicked && is_ok {
        report_last();
    }
}

/// Calls user code, and ignores its panic, which is only reported. In debug builds it panics if
/// a lock of rxd is held.
pub(crate) fn ignore<T>(f: impl FnOnce() -> T) -> Option<T> {
    crate::sync::assert_none_held();
    catch_unwind(AssertUnwindSafe(f)).map_err(report_ignored).ok()
}

#[cold]
fn report_ignored(payload: Box<dyn Any + Send>) {
    let caught = CaughtPanic::new(payload);
    match CATCHING.get() {
        Catching::No => caught.0.is_reported.set(true),
        // In an outer `catch` the hook has left the report to this one, which makes it when
        // `caught` is dropped.
        Catching::Yes | Catching::Panicked => CATCHING.set(Catching::Yes),
    }
}

/// As [`catch`], for a panic that is expected: it is not printed, if [`note_locations`] has been
/// called.
pub(crate) fn catch_silently<T>(f: impl FnOnce() -> T) -> Result<T, CaughtPanic> {
    // With `panic = "abort"` the message is all that is left of the process, so it is printed.
    SILENT.set(cfg!(panic = "unwind"));
    let caught = catch(f);
    SILENT.set(false);
    caught.inspect_err(|caught| caught.0.is_reported.set(true))
}

/// Writes a log record of rxd. A panic in a layer of the user's subscriber is caught: it must end
/// neither a service nor rxd.
///
/// Apart from that, `emit!(ERROR, target: "rxd", service = name, "what happened")` is
/// `tracing::error!`.
macro_rules! emit {
    ($level:ident, target: $target:expr, $($record:tt)*) => {
        // The cheap check first: most of rxd's records are disabled.
        if $crate::panic::is_logged(::tracing::Level::$level) {
            $crate::panic::write_record(&|| {
                ::tracing::event!(target: $target, ::tracing::Level::$level, $($record)*);
            });
        }
    };
}
pub(crate) use emit;

/// Whether any subscriber wants records of this level.
#[inline]
pub(crate) fn is_logged(level: tracing::Level) -> bool {
    level <= tracing::level_filters::LevelFilter::current()
}

/// Makes the record of an [`emit!`]. One function for all of them: catching a panic is a lot of code
/// to have at each.
pub(crate) fn write_record(make: &dyn Fn()) {
    ignore(make);
}

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
        ignore(|| self.0.wake_by_ref());
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
