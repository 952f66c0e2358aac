//! One pointer to a value that never changes: replaced as a whole, and read without a lock.
//!
//! It is an [`arc_swap::ArcSwap`]. Under `--cfg loom` a lock takes its place, so that the model
//! checker sees each load and store as one step. What `arc_swap` does inside a step is for its own
//! tests.

#[cfg(loom)]
pub(super) use model::{ArcCell, ArcSnapshot};
#[cfg(not(loom))]
pub(super) use real::{ArcCell, ArcSnapshot};

#[cfg(not(loom))]
mod real {
    use arc_swap::{ArcSwap, Guard};
    use std::sync::Arc;

    /// The value at one moment. It is cheap to take. It is not to be kept for long, since
    /// `arc_swap` has room for a few of them per thread and is slower beyond that.
    pub(crate) type ArcSnapshot<T> = Guard<Arc<T>>;

    pub(crate) struct ArcCell<T>(ArcSwap<T>);

    impl<T> ArcCell<T> {
        pub(crate) fn new(value: T) -> Self {
            ArcCell(ArcSwap::from_pointee(value))
        }

        #[inline]
        pub(crate) fn load(&self) -> ArcSnapshot<T> {
            self.0.load()
        }

        pub(crate) fn store(&self, value: T) {
            self.0.store(Arc::new(value));
        }

        /// A snapshot that may be kept for as long as needed.
        pub(crate) fn keep(snapshot: &ArcSnapshot<T>) -> ArcSnapshot<T> {
            Guard::from_inner(Arc::clone(snapshot))
        }
    }
}

#[cfg(loom)]
mod model {
    use crate::sync::Mutex;
    use std::sync::Arc;

    pub(crate) type ArcSnapshot<T> = Arc<T>;

    pub(crate) struct ArcCell<T>(Mutex<Arc<T>>);

    impl<T> ArcCell<T> {
        pub(crate) fn new(value: T) -> Self {
            ArcCell(Mutex::new(Arc::new(value)))
        }

        pub(crate) fn load(&self) -> ArcSnapshot<T> {
            self.0.lock().clone()
        }

        pub(crate) fn store(&self, value: T) {
            let before = std::mem::replace(&mut *self.0.lock(), Arc::new(value));
            drop(before);
        }

        pub(crate) fn keep(snapshot: &ArcSnapshot<T>) -> ArcSnapshot<T> {
            snapshot.clone()
        }
    }
}
