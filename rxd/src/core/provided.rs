//! The values that services provide to those that need them.

use super::by_service::ByService;
use crate::board::Id;
use crate::sync::Mutex;
use std::any::Any;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// A provided value.
pub(crate) type Value = Arc<dyn Any + Send + Sync>;

/// See the [module](self).
pub(crate) struct ProvidedValues {
    /// The value of each service, up to the last that has provided one.
    values: Mutex<ByService<Option<Value>>>,
    is_used: AtomicBool,
}

impl ProvidedValues {
    pub(crate) fn new(services: usize) -> Self {
        ProvidedValues { values: Mutex::new(ByService::new(services)), is_used: AtomicBool::new(false) }
    }

    pub(super) fn claim(&self, id: Id) {
        self.values.lock().claim(id);
    }

    pub(super) fn release(&self, id: Id) -> Option<Value> {
        self.values.lock().release(id).flatten()
    }

    /// Keeps the value of a service, and returns the one before. To drop that runs code of the
    /// user's.
    pub(crate) fn put(&self, id: Id, value: Value) -> Option<Value> {
        self.is_used.store(true, Ordering::Relaxed);
        match self.values.lock().entry(id) {
            Some(slot) => slot.replace(value),
            // The service was removed.
            None => Some(value),
        }
    }

    pub(crate) fn get(&self, id: Id) -> Option<Value> {
        self.values.lock().get(id).cloned().flatten()
    }

    /// Whether a service has ever provided one.
    ///
    /// Relaxed: a service takes back what it has provided itself, after its method and its tasks
    /// have ended.
    pub(crate) fn is_used(&self) -> bool {
        self.is_used.load(Ordering::Relaxed)
    }

    pub(crate) fn take(&self, id: Id) -> Option<Value> {
        self.values.lock().get_mut(id).and_then(Option::take)
    }
}

impl fmt::Debug for ProvidedValues {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProvidedValues").finish_non_exhaustive()
    }
}
