//! What threads share in this room. Under `--cfg loom` it is the model checker's, so that every
//! order of these steps is tried; what the channel, the pointer swap and tokio do inside is theirs
//! to check, and a single step here.

#[cfg(not(loom))]
pub(super) use real::{Pointer, Snapshot};
#[cfg(not(loom))]
pub(super) use std::sync::atomic::{AtomicBool, AtomicU64};
#[cfg(not(loom))]
pub(super) use std::sync::{Mutex, MutexGuard};

#[cfg(loom)]
pub(super) use loom::sync::atomic::{AtomicBool, AtomicU64};
#[cfg(loom)]
pub(super) use loom::sync::{Mutex, MutexGuard};
#[cfg(loom)]
pub(super) use model::{Pointer, Snapshot};

/// Locks. No user code ever runs under one of our locks, so nobody panics under it and a poisoned
/// lock is still a sound one.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
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
