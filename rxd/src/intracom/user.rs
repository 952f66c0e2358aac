//! The user's code that this module calls: `Clone` and `Drop` of a message.
//!
//! Every clone of a message, and every drop that is not simply the end of a variable, goes through
//! here. Two things hold for each:
//!
//! 1. No lock of this module is held: the code may publish, subscribe, or close the topic it is in.
//!    Where debug assertions are on, that is asserted.
//! 2. The message is counted before: the code may panic. Where several messages are dropped, or more is
//!    to be done, the panic waits until that is over ([`Disposal`]).
//!
//! A function that returns a message, or what may hold one, drops others explicitly before it does: where a
//! variable's drop panics at the end of a function, Rust leaks what the function was to return.

use crate::sync::assert_none_held;
use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

/// A clone of a message.
#[inline]
pub(super) fn copy<T: Clone>(message: &T) -> T {
    assert_none_held();
    message.clone()
}

/// Drops what may hold a message.
#[inline]
pub(super) fn discard<T>(value: T) {
    assert_none_held();
    drop(value);
}

/// Drops one thing after the other, whatever their drops do: the first panic goes on at the end.
#[derive(Default)]
#[must_use = "a panic that it has caught is lost unless it is finished"]
pub(super) struct Disposal {
    panic: Option<Box<dyn Any + Send>>,
}

impl Disposal {
    pub(super) fn discard<T>(&mut self, value: T) {
        let Err(panic) = catch_unwind(AssertUnwindSafe(|| discard(value))) else { return };
        if self.panic.is_none() {
            self.panic = Some(panic);
        } else {
            forget(panic);
        }
    }

    /// Goes on with the first panic, if there was one. Not where the thread is panicking already, since a
    /// second one would end the process: the first is what the user hears of.
    pub(super) fn finish(self) {
        match self.panic {
            Some(panic) if std::thread::panicking() => forget(panic),
            Some(panic) => resume_unwind(panic),
            None => {}
        }
    }
}

/// Drops what a panic left, which may panic when it is dropped.
fn forget(panic: Box<dyn Any + Send>) {
    if let Err(second) = catch_unwind(AssertUnwindSafe(|| drop(panic))) {
        std::mem::forget(second);
    }
}
