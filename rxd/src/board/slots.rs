//! What is kept for each service, in storage that grows while it is read without a lock.
//!
//! The services that a daemon starts with are in one slice, as long as it runs. Those that are
//! added later are in chunks of doubling size behind it, each of which is made once and stays. So a
//! reader of a declared service does what it did for a plain slice: the chunks are on the path
//! where an index is out of bounds.
//!
//! # Numbers
//!
//! The number of a service that the daemon starts with is its index. That of an added one is the
//! index of its *slot*, and above [`SLOT_BITS`] how many services had the slot before it. Slots are
//! reused, and numbers are not. So code that keeps the number of a removed service finds no other
//! service by it. A slot whose numbers are used up stays empty.
//!
//! A family has a number that no service ever has: as if its slot had been used more often than a
//! slot may be.

use super::Id;
use std::ops::{Index, IndexMut};
use std::sync::OnceLock;

/// How many bits of a number are the slot's.
const SLOT_BITS: u32 = 20;

/// How many services a daemon may have at a time, if it adds services.
pub(crate) const MAX_SLOTS: usize = (1 << SLOT_BITS) - 1;

/// How often a slot may be used. The number of all ones is that of no service.
const MAX_USES: u32 = u32::MAX >> SLOT_BITS;

/// The number of a family, of which there are fewer than [`MAX_SLOTS`].
pub(crate) fn family_id(family: usize) -> Id {
    MAX_USES << SLOT_BITS | family as Id
}

/// The family that has this number.
pub(crate) fn family_of(id: Id) -> Option<usize> {
    (id >> SLOT_BITS == MAX_USES && id != Id::MAX).then(|| slot_of(id))
}

/// The length of the first chunk, as a power of two.
const FIRST: u32 = 5;

/// As many as [`MAX_SLOTS`] need.
const CHUNKS: usize = (SLOT_BITS - FIRST + 1) as usize;

/// The slot of a service that was added.
pub(crate) fn slot_of(id: Id) -> usize {
    (id & ((1 << SLOT_BITS) - 1)) as usize
}

/// The number of the next service in the slot of this one; none if they are used up.
pub(crate) fn next_in_slot(id: Id) -> Option<Id> {
    let uses = (id >> SLOT_BITS) + 1;
    (uses < MAX_USES).then_some(uses << SLOT_BITS | slot_of(id) as Id)
}

/// The number of the first service in this slot.
pub(crate) fn first_in_slot(slot: usize) -> Id {
    1 << SLOT_BITS | slot as Id
}

/// See the [module](self).
#[derive(Debug)]
pub(crate) struct Slots<T> {
    declared: Box<[T]>,
    chunks: [OnceLock<Box<[T]>>; CHUNKS],
}

impl<T: Default> Slots<T> {
    /// Those of the services that the daemon starts with.
    pub(crate) fn new(declared: usize) -> Self {
        let mut all = Vec::new();
        all.resize_with(declared, T::default);
        Slots { declared: all.into(), chunks: [const { OnceLock::new() }; CHUNKS] }
    }

    /// Whether there is room for this service.
    pub(crate) fn has(&self, slot: usize) -> bool {
        slot < self.declared.len() || self.chunks[place_of(slot - self.declared.len()).0].get().is_some()
    }

    /// Makes room for a service. It allocates, for as many as there are already.
    pub(crate) fn make_room(&self, slot: usize) {
        if !self.has(slot) {
            self.put_chunk(slot, Self::chunk_of(self.declared.len(), slot));
        }
    }

    /// The chunk for this slot, behind so many declared services.
    pub(crate) fn chunk_of(declared: usize, slot: usize) -> Box<[T]> {
        let mut all = Vec::new();
        all.resize_with(1 << (FIRST as usize + place_of(slot - declared).0), T::default);
        all.into()
    }

    /// Puts a chunk at its place; returns it if there is one already.
    pub(crate) fn put_chunk(&self, slot: usize, chunk: Box<[T]>) -> Option<Box<[T]>> {
        self.chunks[place_of(slot - self.declared.len()).0].set(chunk).err()
    }
}

impl<T> Slots<T> {
    #[inline]
    pub(crate) fn declared(&self) -> &[T] {
        &self.declared
    }

    /// All of the chunks, each with its slot, whether a service has it or not.
    pub(crate) fn added(&self) -> impl Iterator<Item = (usize, &T)> {
        let added = self.chunks.iter().map_while(OnceLock::get).flat_map(|chunk| chunk.iter());
        (self.declared.len()..).zip(added)
    }

    #[cold]
    #[inline(never)]
    fn get_added(&self, id: Id) -> &T {
        let (chunk, at) = place_of(slot_of(id) - self.declared.len());
        let chunk = self.chunks[chunk].get();
        &chunk.expect("there is room for each service that was added")[at]
    }

    #[cold]
    #[inline(never)]
    fn get_added_mut(&mut self, id: Id) -> &mut T {
        let (chunk, at) = place_of(slot_of(id) - self.declared.len());
        let chunk = self.chunks[chunk].get_mut();
        &mut chunk.expect("there is room for each service that was added")[at]
    }
}

/// The chunk of the n-th slot of those that are added, and the place in it.
fn place_of(nth: usize) -> (usize, usize) {
    let at = nth + (1 << FIRST);
    let power = at.ilog2();
    ((power - FIRST) as usize, at - (1 << power))
}

impl<T> Index<Id> for Slots<T> {
    type Output = T;

    #[inline(always)]
    fn index(&self, id: Id) -> &T {
        match self.declared.get(id as usize) {
            Some(value) => value,
            None => self.get_added(id),
        }
    }
}

impl<T> IndexMut<Id> for Slots<T> {
    #[inline(always)]
    fn index_mut(&mut self, id: Id) -> &mut T {
        // The borrow checker does not see that a `get_mut` which finds nothing borrows nothing.
        if (id as usize) < self.declared.len() {
            return &mut self.declared[id as usize];
        }
        self.get_added_mut(id)
    }
}

#[cfg(all(test, not(rxd_loom)))]
mod tests {
    use super::*;

    #[test]
    fn slots_of_any_number_of_services_have_one_place_each() {
        let mut slots = Slots::<u32>::new(3);
        for slot in 3..2000 {
            slots.make_room(slot);
            slots[first_in_slot(slot)] = slot as u32;
        }
        slots[1] = 1;
        assert!((3..2000).all(|slot| slots[first_in_slot(slot)] == slot as u32));
        assert_eq!((slots[0], slots[1], slots[2]), (0, 1, 0));
        let all: Vec<(usize, u32)> = slots.added().map(|(slot, &value)| (slot, value)).take(1997).collect();
        assert!(all.iter().all(|&(slot, value)| slot == value as usize), "they are listed with their slots");
        assert!(slots.has(1999) && !slots.has(1 << 12));
    }

    #[test]
    fn last_slot_has_a_place() {
        assert_eq!(place_of(MAX_SLOTS).0, CHUNKS - 1);
    }

    #[test]
    fn number_of_a_slot_is_never_that_of_an_earlier_service() {
        let mut id = first_in_slot(7);
        let mut uses = 1;
        while let Some(next) = next_in_slot(id) {
            assert!(next > id && slot_of(next) == 7 && next != Id::MAX);
            (id, uses) = (next, uses + 1);
        }
        assert_eq!(uses, MAX_USES - 1);
        assert!(family_of(id).is_none() && id < family_id(0), "nor that of a family");
        assert_eq!((family_of(family_id(3)), family_of(7), family_of(Id::MAX)), (Some(3), None, None));
        assert_ne!(first_in_slot(MAX_SLOTS), Id::MAX);
    }
}
