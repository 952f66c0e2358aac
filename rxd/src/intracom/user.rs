//! The user code that intracom calls: `Clone` and `Drop` of a message.
//!
//! Every clone of a message, and every drop that is not simply the end of a variable, goes through
//! this file.
//!
//! # Invariants
//!
//! 1. No lock is held when a message is cloned or dropped, since that code may publish, subscribe,
//!    or close the topic it is in. In debug builds this is asserted.
//! 2. The message is counted before it is dropped, since the drop may panic. If several messages
//!    are dropped, or other work is left, the panic goes on after that ([`Disposal`]).
//! 3. A function that returns a message, or something that may hold one, drops other messages
//!    explicitly before it returns. If the drop of a variable panics at the end of a function, Rust
//!    leaks the returned value.

use crate::sync::assert_none_held;
use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

/// Clones a message.
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

/// Drops several values, also if their drops panic. The first panic goes on in
/// [`finish`](Disposal::finish).
#[derive(Default)]
#[must_use = "a panic that it has caught is lost without `finish`"]
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

    /// Goes on with the first panic, if there was one. If the thread is already panicking, the
    /// panic is forgotten instead, since a second panic would abort the process.
    pub(super) fn finish(self) {
        match self.panic {
            Some(panic) if std::thread::panicking() => forget(panic),
            Some(panic) => resume_unwind(panic),
            None => {}
        }
    }
}

/// Drops the payload of a panic, which may itself panic when it is dropped.
fn forget(panic: Box<dyn Any + Send>) {
    if let Err(second) = catch_unwind(AssertUnwindSafe(|| drop(panic))) {
        std::mem::forget(second);
    }
}
