//! Which service's code runs on this thread.
//!
//! The engine says so around each poll of a method, and so does each task that a service has spawned.
//! A request that a service makes of itself is recognised by it: it cannot be waited for.

use crate::board::Id;
use crate::core::Core;
use std::cell::Cell;

thread_local! {
    /// The address of the daemon's core, and the place of the service; 0 if no service's code runs.
    static CURRENT: Cell<(usize, Id)> = const { Cell::new((0, 0)) };
}

fn key(core: &Core, id: Id) -> (usize, Id) {
    // An address tells daemons apart for as long as both are alive, and a service that runs keeps its own alive.
    (std::ptr::from_ref(core).addr(), id)
}

/// Runs code of this service.
pub(crate) fn during<T>(core: &Core, id: Id, code: impl FnOnce() -> T) -> T {
    /// Also after a panic: the thread goes on to run the code of others.
    struct Restore((usize, Id));

    impl Drop for Restore {
        fn drop(&mut self) {
            let _ = CURRENT.try_with(|current| current.set(self.0));
        }
    }

    let before = CURRENT.try_with(|current| current.replace(key(core, id))).unwrap_or_default();
    let _restore = Restore(before);
    code()
}

/// Whether this thread runs code of this service.
pub(crate) fn is(core: &Core, id: Id) -> bool {
    CURRENT.try_with(|current| current.get() == key(core, id)).unwrap_or(false)
}
