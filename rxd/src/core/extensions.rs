//! The values that higher rooms keep for the life of a daemon, one of each type: the server of the
//! admin route, for example. The core does not know the types.

use crate::sync::Mutex;
use std::any::Any;
use std::fmt;
use std::sync::Arc;

/// See the [module](self).
#[derive(Default)]
pub(crate) struct Extensions(Mutex<Vec<Arc<dyn Any + Send + Sync>>>);

impl Extensions {
    /// Keeps a value. If there is one of this type already, that one stays.
    pub(crate) fn insert<T: Send + Sync + 'static>(&self, value: T) -> Arc<T> {
        let value = Arc::new(value);
        let mut values = self.0.lock();
        if let Some(first) = find(&values) {
            // `value` is dropped after the lock is released.
            return first;
        }
        values.push(value.clone());
        value
    }

    /// The value of this type.
    pub(crate) fn get<T: Send + Sync + 'static>(&self) -> Option<Arc<T>> {
        find(&self.0.lock())
    }
}

fn find<T: Send + Sync + 'static>(values: &[Arc<dyn Any + Send + Sync>]) -> Option<Arc<T>> {
    values.iter().find_map(|value| value.clone().downcast().ok())
}

impl fmt::Debug for Extensions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Extensions").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_value_of_a_type_stays() {
        let extensions = Extensions::default();
        assert_eq!(extensions.get::<u8>(), None);
        assert_eq!(*extensions.insert(1_u8), 1);
        assert_eq!(*extensions.insert(2_u8), 1);
        extensions.insert("text");
        assert_eq!(extensions.get::<u8>().as_deref(), Some(&1));
        assert_eq!(extensions.get::<&str>().as_deref(), Some(&"text"));
    }
}
