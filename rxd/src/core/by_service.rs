//! A list of what few services have.

use crate::board::Id;
use crate::board::slots::slot_of;

/// A value for each service, in lists that are as long as the last service with one needs: empty in
/// most daemons.
///
/// An added service claims its place, and gives it back when it is removed. So code that still has
/// its number then finds nothing, and changes nothing of the next service in its slot.
#[derive(Debug)]
pub(crate) struct ByService<T> {
    /// How many services the daemon has started with.
    services: usize,
    declared: Vec<T>,
    /// Of the slots behind those.
    added: Vec<(Id, T)>,
}

impl<T: Default> ByService<T> {
    pub(crate) fn new(services: usize) -> Self {
        ByService { services, declared: Vec::new(), added: Vec::new() }
    }

    fn nth(&self, id: Id) -> usize {
        slot_of(id) - self.services
    }

    pub(crate) fn get(&self, id: Id) -> Option<&T> {
        if (id as usize) < self.services {
            return self.declared.get(id as usize);
        }
        self.added.get(self.nth(id)).filter(|(owner, _)| *owner == id).map(|(_, value)| value)
    }

    pub(crate) fn get_mut(&mut self, id: Id) -> Option<&mut T> {
        if (id as usize) < self.services {
            return self.declared.get_mut(id as usize);
        }
        let nth = self.nth(id);
        self.added.get_mut(nth).filter(|(owner, _)| *owner == id).map(|(_, value)| value)
    }

    /// The value of a service, made if there is none; `None` if the service was removed.
    pub(crate) fn entry(&mut self, id: Id) -> Option<&mut T> {
        let at = id as usize;
        if at < self.services && self.declared.len() <= at {
            self.declared.resize_with(at + 1, T::default);
        }
        self.get_mut(id)
    }

    /// Makes a place for a service that is added.
    pub(crate) fn claim(&mut self, id: Id) {
        let nth = self.nth(id);
        if self.added.len() <= nth {
            self.added.resize_with(nth + 1, || (Id::MAX, T::default()));
        }
        self.added[nth].0 = id;
    }

    /// Frees the place of an added service. Returns its value, to be dropped without a lock.
    pub(crate) fn release(&mut self, id: Id) -> Option<T> {
        let nth = self.nth(id);
        let place = self.added.get_mut(nth).filter(|(owner, _)| *owner == id)?;
        place.0 = Id::MAX;
        Some(std::mem::take(&mut place.1))
    }

    /// Each service with a place, and its value.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (Id, &T)> {
        let declared = self.declared.iter().enumerate().map(|(id, value)| (id as Id, value));
        let added = self.added.iter().filter(|(owner, _)| *owner != Id::MAX);
        declared.chain(added.map(|(id, value)| (*id, value)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::board::slots::{first_in_slot, next_in_slot};

    #[test]
    fn value_of_a_removed_service_is_not_that_of_the_next_in_its_slot() {
        let mut values = ByService::<u32>::new(2);
        *values.entry(1).unwrap() = 10;
        let first = first_in_slot(5);
        assert!(values.entry(first).is_none(), "it has not claimed a place");
        values.claim(first);
        *values.entry(first).unwrap() = 11;
        assert_eq!(values.iter().collect::<Vec<_>>(), [(0, &0), (1, &10), (first, &11)]);
        assert_eq!(values.release(first), Some(11));
        let second = next_in_slot(first).unwrap();
        values.claim(second);
        *values.entry(second).unwrap() = 12;
        assert!(values.get(first).is_none() && values.get_mut(first).is_none() && values.entry(first).is_none());
        assert_eq!((values.release(first), values.get(second)), (None, Some(&12)));
    }
}
