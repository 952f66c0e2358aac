//! The primitives under the board: the standard library's, or loom's where its model is checked.

#[cfg(not(all(test, rxd_loom)))]
pub(crate) use std::sync::{Mutex, MutexGuard, atomic};

#[cfg(all(test, rxd_loom))]
pub(crate) use loom::sync::{Mutex, MutexGuard, atomic};

use std::sync::PoisonError;
#[cfg(not(all(test, rxd_loom)))]
use std::sync::TryLockError;

/// How often a lock is tried before its thread sleeps, and how long it waits between two tries.
#[cfg(not(all(test, rxd_loom)))]
const TRIES: u32 = 16;
#[cfg(not(all(test, rxd_loom)))]
const PAUSE: u32 = 24;

/// Takes a lock that is held for less time than a thread takes to fall asleep, and under which no code
/// of a user runs: a poisoned one is whole.
///
/// The standard library's own does not wait this long, and no more at all once somebody sleeps, so that
/// two threads that take turns soon go to sleep and wake each other for each turn. This makes that half
/// as dear (`cargo bench -p rxd --bench watch`).
#[cfg(not(all(test, rxd_loom)))]
#[inline]
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    match mutex.try_lock() {
        Ok(guard) => guard,
        Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
        Err(TryLockError::WouldBlock) => contended(mutex),
    }
}

#[cfg(not(all(test, rxd_loom)))]
#[cold]
fn contended<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    for _ in 0..TRIES {
        (0..PAUSE).for_each(|_| std::hint::spin_loop());
        match mutex.try_lock() {
            Ok(guard) => return guard,
            Err(TryLockError::Poisoned(poisoned)) => return poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => {}
        }
    }
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(all(test, rxd_loom))]
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
