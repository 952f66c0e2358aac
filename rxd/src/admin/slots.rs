//! Which connections of the admin route there are, and which one goes when there are too many.
//!
//! The accept loop in [`serve`](super::serve) asks for a slot for each connection that it has accepted.
//! This is bookkeeping only: it holds no socket, and a connection that is to go is asked to end.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use tokio_util::sync::CancellationToken;

/// How many connections are kept for probes, where there are enough of them.
const RESERVE: usize = 4;

/// One connection, as the others' limit sees it.
#[derive(Clone, Debug)]
pub(crate) struct Slot {
    /// How many requests are being answered on it.
    pub(crate) busy: Arc<AtomicU32>,
    /// Asks it to end; cancelled as well once it has ended by itself.
    pub(crate) end: CancellationToken,
    /// All others were busy: only probes are answered on it.
    pub(crate) reserved: bool,
}

impl Slot {
    fn is_idle(&self) -> bool {
        self.busy.load(Ordering::Relaxed) == 0
    }
}

/// All slots, the oldest first.
#[derive(Debug)]
pub(crate) struct Slots {
    taken: VecDeque<Slot>,
    /// How many there may be for all requests, and how many more for probes.
    limits: [usize; 2],
}

impl Slots {
    /// For this many connections, a few of which are kept for probes.
    pub(crate) fn new(connections: usize) -> Slots {
        let reserve = RESERVE.min(connections / 8);
        Slots { taken: VecDeque::new(), limits: [connections - reserve, reserve] }
    }

    /// A slot for one more connection; none if all are taken.
    ///
    /// Where none is free, the connection that has been idle for longest is asked to end. One for probes is
    /// not: it has only just come, and is over soon.
    pub(crate) fn take(&mut self) -> Option<Slot> {
        self.taken.retain(|slot| !slot.end.is_cancelled());
        let reserved = !self.has_room(false) && !self.end_idle();
        if reserved && !self.has_room(true) {
            return None;
        }
        let slot = Slot { busy: Arc::default(), end: CancellationToken::new(), reserved };
        self.taken.push_back(slot.clone());
        Some(slot)
    }

    fn has_room(&self, reserved: bool) -> bool {
        self.taken.iter().filter(|slot| slot.reserved == reserved).count() < self.limits[usize::from(reserved)]
    }

    fn end_idle(&mut self) -> bool {
        let idle = self.taken.iter().position(|slot| !slot.reserved && slot.is_idle());
        let slot = idle.and_then(|at| self.taken.remove(at));
        slot.inspect(|slot| slot.end.cancel()).is_some()
    }

    /// Whether a slot is free soon, should there be none now.
    pub(crate) fn has_reserve(&self) -> bool {
        self.limits[1] > 0
    }

    /// Asks all idle ones to end: the process needs their descriptors.
    pub(crate) fn end_all_idle(&mut self) {
        self.taken.iter().filter(|slot| slot.is_idle()).for_each(|slot| slot.end.cancel());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn busy(slot: &Slot) {
        slot.busy.fetch_add(1, Ordering::Relaxed);
    }

    #[test]
    fn f99_slots_that_are_all_taken_end_the_one_that_is_idle_for_longest() {
        let mut slots = Slots::new(3);
        let taken: Vec<Slot> = (0..3).map(|_| slots.take().unwrap()).collect();
        busy(&taken[0]);
        let fourth = slots.take().unwrap();
        let ended: Vec<bool> = taken.iter().map(|slot| slot.end.is_cancelled()).collect();
        assert_eq!((ended, fourth.reserved), (vec![false, true, false], false));
        [&taken[2], &fourth].into_iter().for_each(busy);
        assert!(slots.take().is_none(), "few connections have none to spare for probes");
    }

    #[test]
    fn x17_slots_that_are_all_busy_leave_some_for_probes() {
        let mut slots = Slots::new(32);
        let mut all = Vec::new();
        while let Some(slot) = slots.take().filter(|slot| !slot.reserved) {
            busy(&slot);
            all.push(slot);
        }
        assert_eq!(all.len(), 28);
        // The first of them was taken to find that the others are busy.
        let reserved: Vec<Slot> = std::iter::from_fn(|| slots.take()).collect();
        assert!(reserved.iter().all(|slot| slot.reserved));
        assert_eq!(reserved.len(), 3);
        assert!(!reserved.iter().any(|slot| slot.end.is_cancelled()), "a probe is not ended for the next one");
        reserved[1].end.cancel();
        assert!(slots.take().is_some_and(|slot| slot.reserved), "as soon as one has ended");
        all[7].end.cancel();
        assert!(slots.take().is_some_and(|slot| !slot.reserved), "as soon as one has ended");
    }

    #[test]
    fn x7_slots_that_are_idle_all_end_when_the_process_needs_their_files() {
        let mut slots = Slots::new(8);
        let taken: Vec<Slot> = (0..5).map(|_| slots.take().unwrap()).collect();
        busy(&taken[3]);
        slots.end_all_idle();
        let ended: Vec<bool> = taken.iter().map(|slot| slot.end.is_cancelled()).collect();
        assert_eq!(ended, [true, true, true, false, true]);
    }
}
