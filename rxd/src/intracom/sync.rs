//! What threads share in this room. Under `--cfg loom` it is the model checker's, so that every
//! order of these steps is tried; what the channel, the pointer swap and tokio do inside is theirs
//! to check, and a single step here.

#[cfg(not(loom))]
pub(super) use real::{Pointer, Snapshot};
#[cfg(not(loom))]
pub(super) use std::sync::Mutex;
#[cfg(not(loom))]
pub(super) use std::sync::atomic::{AtomicBool, AtomicU64};

#[cfg(loom)]
pub(super) use loom::sync::Mutex;
#[cfg(loom)]
pub(super) use loom::sync::atomic::{AtomicBool, AtomicU64};
#[cfg(loom)]
pub(super) use model::{Pointer, Snapshot};

/// Locks. No user code ever runs under one of our locks, so nobody panics under it and a poisoned
/// lock is still a sound one.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> Guard<'_, T> {
    let guard = mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    #[cfg(all(debug_assertions, not(loom)))]
    let guard = held::Guard::new(guard);
    guard
}

#[cfg(all(debug_assertions, not(loom)))]
pub(super) use held::{Guard, assert_no_lock};

#[cfg(all(not(debug_assertions), not(loom)))]
pub(super) type Guard<'a, T> = std::sync::MutexGuard<'a, T>;

#[cfg(loom)]
pub(super) type Guard<'a, T> = loom::sync::MutexGuard<'a, T>;

/// Called before each call into the user's code. See `held`.
#[cfg(any(not(debug_assertions), loom))]
#[inline]
pub(crate) fn assert_no_lock() {}

/// How many locks of this module the thread holds, where debug assertions are on.
#[cfg(all(debug_assertions, not(loom)))]
mod held {
    use std::cell::Cell;
    use std::ops::{Deref, DerefMut};
    use std::sync::MutexGuard;

    thread_local! {
        static HELD: Cell<u32> = const { Cell::new(0) };
    }

    /// A lock that is counted while it is held.
    pub(crate) struct Guard<'a, T>(MutexGuard<'a, T>);

    impl<'a, T> Guard<'a, T> {
        pub(super) fn new(guard: MutexGuard<'a, T>) -> Self {
            HELD.set(HELD.get() + 1);
            Guard(guard)
        }
    }

    impl<T> Drop for Guard<'_, T> {
        fn drop(&mut self) {
            HELD.set(HELD.get() - 1);
        }
    }

    impl<T> Deref for Guard<'_, T> {
        type Target = T;

        fn deref(&self) -> &T {
            &self.0
        }
    }

    impl<T> DerefMut for Guard<'_, T> {
        fn deref_mut(&mut self) -> &mut T {
            &mut self.0
        }
    }

    /// Panics if the thread holds one: the user's code is about to be called, and may ask for it.
    #[track_caller]
    pub(crate) fn assert_no_lock() {
        assert_eq!(HELD.get(), 0, "intracom calls the user's code under a lock of its own");
    }
}

/// One pointer to something immutable, replaced as a whole and read without a lock.
#[cfg(not(loom))]
mod real {
    use arc_swap::{ArcSwap, Guard};
    use std::sync::Arc;

    /// What it points to at one moment. Cheap to have, and not to be kept for long.
    pub(crate) type Snapshot<T> = Guard<Arc<T>>;

    pub(crate) struct Pointer<T>(ArcSwap<T>);

    impl<T> Pointer<T> {
        pub(crate) fn new(value: T) -> Self {
            Pointer(ArcSwap::from_pointee(value))
        }

        #[inline]
        pub(crate) fn load(&self) -> Snapshot<T> {
            self.0.load()
        }

        pub(crate) fn store(&self, value: T) {
            self.0.store(Arc::new(value));
        }

        /// A snapshot for keeping.
        pub(crate) fn keep(snapshot: &Snapshot<T>) -> Snapshot<T> {
            Guard::from_inner(Arc::clone(snapshot))
        }
    }
}

#[cfg(loom)]
mod model {
    use super::{Mutex, lock};
    use std::sync::Arc;

    pub(crate) type Snapshot<T> = Arc<T>;

    pub(crate) struct Pointer<T>(Mutex<Arc<T>>);

    impl<T> Pointer<T> {
        pub(crate) fn new(value: T) -> Self {
            Pointer(Mutex::new(Arc::new(value)))
        }

        pub(crate) fn load(&self) -> Snapshot<T> {
            lock(&self.0).clone()
        }

        pub(crate) fn store(&self, value: T) {
            let before = std::mem::replace(&mut *lock(&self.0), Arc::new(value));
            drop(before);
        }

        pub(crate) fn keep(snapshot: &Snapshot<T>) -> Snapshot<T> {
            snapshot.clone()
        }
    }
}
