//! The places for connections: how many there may be, and which one closes when all are taken.
//!
//! The accept loop in [`serve`](super::serve) takes a slot for each connection that it accepts.
//! This is bookkeeping only: it holds no socket and no task. To close a connection it cancels the
//! slot's token, which the connection's task awaits.
//!
//! # Invariants
//!
//! 1. At most `limits[0]` slots are for all requests and `limits[1]` for probes of the admin route.
//! 2. A slot is free once its token is cancelled: by its own task when the connection has ended, or
//!    here when it is asked to close.
//! 3. A connection with a request in progress is never asked to close.
//! 4. A slot for probes is handed out only while all others have a request in progress.
//!
//! A client may begin a request at the instant in which its connection is asked to close. The
//! request then gets no answer, as if it had come an instant later.

use super::activity::ConnectionState;
use std::collections::VecDeque;
use tokio_util::sync::CancellationToken;

/// The shortest list from which the slots that are free again are removed.
const PRUNED_LENGTH: usize = 64;

/// The place of one connection.
#[derive(Clone, Debug)]
pub(crate) struct ConnectionSlot {
    pub(crate) requests: ConnectionState,
    /// Asks the connection to close. It is also cancelled once the connection has ended by itself.
    pub(crate) close: CancellationToken,
    /// All others were busy: only probes are answered on this connection.
    pub(crate) reserved: bool,
}

/// All slots that are taken, the oldest first.
#[derive(Debug)]
pub(crate) struct ConnectionSlots {
    /// Some of them may be free again.
    taken: VecDeque<ConnectionSlot>,
    /// How long `taken` may become before those are removed: twice what was left the last time, so
    /// that a slot costs the same however many there are.
    prune_at: usize,
    /// How many there may be for all requests, and how many more for probes.
    limits: [usize; 2],
}

impl ConnectionSlots {
    /// For this many connections, of which so many are reserved for probes.
    pub(crate) fn new(connections: usize, reserve: usize) -> ConnectionSlots {
        let limits = [connections.saturating_sub(reserve), reserve];
        ConnectionSlots { taken: VecDeque::new(), prune_at: PRUNED_LENGTH, limits }
    }

    /// How many there may be in all.
    pub(crate) fn limit(&self) -> usize {
        self.limits[0].saturating_add(self.limits[1])
    }

    /// A slot for one more connection; `None` if all are taken.
    ///
    /// If none is free, the connection that has been idle longest is asked to close. A connection
    /// for probes is not: it is new, and its idle timeout is short.
    pub(crate) fn take(&mut self) -> Option<ConnectionSlot> {
        if self.taken.len() >= self.prune_at.min(self.limits[0]) {
            self.taken.retain(|slot| !slot.close.is_cancelled());
            self.prune_at = PRUNED_LENGTH.max(2 * self.taken.len());
        }
        let is_full = self.taken.len() >= self.limits[0] && !self.has_room(false);
        let reserved = is_full && !self.close_idle();
        if reserved && !self.has_room(true) {
            return None;
        }
        let slot = ConnectionSlot { requests: ConnectionState::new(), close: CancellationToken::new(), reserved };
        self.taken.push_back(slot.clone());
        Some(slot)
    }

    fn has_room(&self, reserved: bool) -> bool {
        self.taken.iter().filter(|slot| slot.reserved == reserved).count() < self.limits[usize::from(reserved)]
    }

    fn close_idle(&mut self) -> bool {
        let idle = self.taken.iter().position(|slot| !slot.reserved && slot.requests.is_idle());
        let slot = idle.and_then(|at| self.taken.remove(at));
        slot.inspect(|slot| slot.close.cancel()).is_some()
    }

    /// Asks all idle connections to close: the process needs their file descriptors.
    pub(crate) fn close_all_idle(&mut self) {
        self.taken.iter().filter(|slot| slot.requests.is_idle()).for_each(|slot| slot.close.cancel());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f99_slots_that_are_all_taken_close_the_longest_idle_connection() {
        let mut slots = ConnectionSlots::new(3, 0);
        let taken: Vec<ConnectionSlot> = (0..3).map(|_| slots.take().unwrap()).collect();
        let _first = taken[0].requests.begin();
        let fourth = slots.take().unwrap();
        let closed: Vec<bool> = taken.iter().map(|slot| slot.close.is_cancelled()).collect();
        assert_eq!((closed, fourth.reserved), (vec![false, true, false], false));
        let _others = [&taken[2], &fourth].map(|slot| slot.requests.begin());
        assert!(slots.take().is_none(), "none is reserved for probes");
    }

    #[test]
    fn x17_slots_that_are_all_busy_leave_some_for_probes() {
        let mut slots = ConnectionSlots::new(32, 4);
        let (mut all, mut requests) = (Vec::new(), Vec::new());
        while let Some(slot) = slots.take().filter(|slot| !slot.reserved) {
            requests.push(slot.requests.begin());
            all.push(slot);
        }
        assert_eq!(all.len(), 28);
        // The loop above has taken the first of the four.
        let reserved: Vec<ConnectionSlot> = std::iter::from_fn(|| slots.take()).collect();
        assert!(reserved.iter().all(|slot| slot.reserved));
        assert_eq!(reserved.len(), 3);
        assert!(!reserved.iter().any(|slot| slot.close.is_cancelled()), "a probe is not closed for the next one");
        reserved[1].close.cancel();
        assert!(slots.take().is_some_and(|slot| slot.reserved), "as soon as one has ended");
        all[7].close.cancel();
        assert!(slots.take().is_some_and(|slot| !slot.reserved), "as soon as one has ended");
    }

    #[test]
    fn x7_slots_that_are_idle_all_close_when_the_process_needs_their_files() {
        let mut slots = ConnectionSlots::new(8, 1);
        let taken: Vec<ConnectionSlot> = (0..5).map(|_| slots.take().unwrap()).collect();
        let _request = taken[3].requests.begin();
        slots.close_all_idle();
        let closed: Vec<bool> = taken.iter().map(|slot| slot.close.is_cancelled()).collect();
        assert_eq!(closed, [true, true, true, false, true]);
    }
}
