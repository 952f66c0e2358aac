//! The service whose code runs on this thread.
//!
//! The engine sets it around each poll of a method, and so does each task that a service has
//! spawned. It recognises a request that a service makes about itself, which cannot be waited for.

use crate::board::Id;
use crate::core::Core;
use std::cell::Cell;

thread_local! {
    /// The address of the daemon's core, which is 0 if no service's code runs, and the service's
    /// index.
    static CURRENT: Cell<(usize, Id)> = const { Cell::new((0, 0)) };
}

fn key(core: &Core, id: Id) -> (usize, Id) {
    // The address identifies a daemon while it is alive, and a running service keeps its daemon
    // alive.
    (std::ptr::from_ref(core).addr(), id)
}

/// Runs code of this service.
#[inline]
pub(crate) fn during<T>(core: &Core, id: Id, code: impl FnOnce() -> T) -> T {
    /// Restores the value also after a panic, since the thread then runs other code.
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

/// The service of this daemon whose code runs on this thread.
pub(crate) fn service(core: &Core) -> Option<Id> {
    let (address, id) = CURRENT.try_with(Cell::get).unwrap_or_default();
    ((address, id) == key(core, id)).then_some(id)
}

/// Whether this thread runs code of this service.
pub(crate) fn is(core: &Core, id: Id) -> bool {
    CURRENT.try_with(|current| current.get() == key(core, id)).unwrap_or(false)
}
