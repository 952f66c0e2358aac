//! The locks of rxd: the standard library's, or loom's where a model of the board (`rxd_loom`) or
//! of intracom (`loom`) is checked.
//!
//! # Invariants
//!
//! 1. A [`Mutex`] is held for a few instructions only.
//! 2. No user code runs under it: no method, `Drop`, `Clone`, `Display`, waker or `tracing` layer.
//!    In debug builds each thread counts the locks that it holds, and [`assert_none_held`] is
//!    called wherever rxd is about to run user code.
//! 3. So nothing panics under it, and what it guards is consistent even if it is poisoned.

#[cfg(not(any(loom, all(test, rxd_loom))))]
pub(crate) use std::sync::atomic;
#[cfg(not(any(loom, all(test, rxd_loom))))]
use std::sync::{Mutex as RawMutex, MutexGuard as RawGuard};

#[cfg(any(loom, all(test, rxd_loom)))]
pub(crate) use loom::sync::atomic;
#[cfg(any(loom, all(test, rxd_loom)))]
use loom::sync::{Mutex as RawMutex, MutexGuard as RawGuard};

use std::ops::{Deref, DerefMut};
use std::sync::PoisonError;
#[cfg(not(any(loom, all(test, rxd_loom))))]
use std::sync::TryLockError;

/// How often a lock is tried before its thread sleeps, and how many spins are between two tries.
#[cfg(not(any(loom, all(test, rxd_loom))))]
const SPIN_ATTEMPTS: u32 = 16;
#[cfg(not(any(loom, all(test, rxd_loom))))]
const SPIN_PAUSES: u32 = 24;

/// A lock that is held for less time than a thread takes to fall asleep. See the module's
/// invariants.
#[derive(Debug, Default)]
pub(crate) struct Mutex<T>(RawMutex<T>);

impl<T> Mutex<T> {
    pub(crate) fn new(value: T) -> Self {
        Mutex(RawMutex::new(value))
    }

    /// Takes the lock.
    ///
    /// The standard library spins for a shorter time, and not at all once another thread sleeps.
    /// Two threads that take turns would then sleep and wake each other at each turn. Spinning
    /// halves the cost of that (`cargo bench -p rxd --bench watch`).
    #[inline]
    pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
        MutexGuard { guard: self.take(), _held: HeldLock::new() }
    }

    #[cfg(not(any(loom, all(test, rxd_loom))))]
    #[inline]
    fn take(&self) -> RawGuard<'_, T> {
        match self.0.try_lock() {
            Ok(guard) => guard,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => self.contended(),
        }
    }

    #[cfg(not(any(loom, all(test, rxd_loom))))]
    #[cold]
    fn contended(&self) -> RawGuard<'_, T> {
        for _ in 0..SPIN_ATTEMPTS {
            pause();
            match self.0.try_lock() {
                Ok(guard) => return guard,
                Err(TryLockError::Poisoned(poisoned)) => return poisoned.into_inner(),
                Err(TryLockError::WouldBlock) => {}
            }
        }
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[cfg(any(loom, all(test, rxd_loom)))]
    fn take(&self) -> RawGuard<'_, T> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(not(any(loom, all(test, rxd_loom))))]
fn pause() {
    for _ in 0..SPIN_PAUSES {
        std::hint::spin_loop();
    }
}

/// Releases the lock when it is dropped.
pub(crate) struct MutexGuard<'a, T> {
    guard: RawGuard<'a, T>,
    // Fields are dropped in order, so the lock is counted until it has been released.
    _held: HeldLock,
}

impl<T> Deref for MutexGuard<'_, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        &self.guard
    }
}

impl<T> DerefMut for MutexGuard<'_, T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        &mut self.guard
    }
}

/// Panics in debug builds if this thread holds a lock of rxd. Called before user code runs.
#[inline]
#[track_caller]
pub(crate) fn assert_none_held() {
    #[cfg(all(debug_assertions, not(loom)))]
    assert_eq!(held::count(), 0, "user code is about to run under a lock of rxd");
}

/// Counts one lock that this thread holds, in debug builds.
struct HeldLock(());

impl HeldLock {
    #[inline]
    fn new() -> Self {
        #[cfg(all(debug_assertions, not(loom)))]
        held::add(1);
        HeldLock(())
    }
}

impl Drop for HeldLock {
    #[inline]
    fn drop(&mut self) {
        #[cfg(all(debug_assertions, not(loom)))]
        held::add(-1);
    }
}

// The models of loom run all their threads on one thread of the system, so there is nothing to
// count.
#[cfg(all(debug_assertions, not(loom)))]
mod held {
    use std::cell::Cell;

    thread_local! {
        static COUNT: Cell<i32> = const { Cell::new(0) };
    }

    pub(super) fn add(locks: i32) {
        // While the thread's locals are destroyed there is no counter left.
        let _ = COUNT.try_with(|count| count.set(count.get() + locks));
    }

    pub(super) fn count() -> i32 {
        COUNT.try_with(Cell::get).unwrap_or(0)
    }
}

#[cfg(all(test, not(any(loom, rxd_loom)), debug_assertions))]
mod tests {
    use super::*;

    #[test]
    #[should_panic(expected = "under a lock of rxd")]
    fn g54_user_code_under_a_lock_panics_in_debug_builds() {
        let lock = Mutex::new(());
        let _guard = lock.lock();
        crate::panic::ignore(|| ());
    }

    #[test]
    fn g54_lock_that_was_released_is_not_counted() {
        let (outer, inner) = (Mutex::new(()), Mutex::new(()));
        {
            let _outer = outer.lock();
            drop(inner.lock());
        }
        assert_none_held();
    }
}
