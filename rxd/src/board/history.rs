//! The last transitions.

use super::status::Event;

/// The largest capacity that is reserved from the start; a longer history grows to its length.
const RESERVED: usize = 1 << 16;

/// A ring of the last transitions: a contiguous tail of them (invariant 1).
#[derive(Debug)]
pub(super) struct History {
    events: Vec<Event>,
    capacity: usize,
    /// The index of the next transition, once the ring is full.
    next: usize,
    /// The number of the last transition.
    seq: u64,
    /// The first transitions, for the invariant checker. It never grows.
    #[cfg(any(test, feature = "test-util"))]
    pub(super) recorded: Vec<Event>,
}

impl History {
    pub(super) fn new(capacity: usize) -> Self {
        let capacity = capacity.max(1);
        History {
            events: Vec::with_capacity(capacity.min(RESERVED)),
            capacity,
            next: 0,
            seq: 0,
            #[cfg(any(test, feature = "test-util"))]
            recorded: Vec::new(),
        }
    }

    pub(super) fn push(&mut self, event: Event) {
        self.seq = event.seq;
        #[cfg(any(test, feature = "test-util"))]
        if self.recorded.len() < self.recorded.capacity() {
            self.recorded.push(event);
        }
        if self.events.len() < self.capacity {
            self.events.push(event);
        } else {
            self.events[self.next] = event;
            self.next = if self.next + 1 == self.capacity { 0 } else { self.next + 1 };
        }
    }

    /// The number of the oldest transition in the history; 1 if there is none.
    pub(super) fn first(&self) -> u64 {
        self.seq + 1 - self.events.len() as u64
    }

    /// The transitions from number `from` on, in order; from the oldest if `from` is no longer
    /// there.
    pub(super) fn since(&self, from: u64) -> impl Iterator<Item = &Event> {
        let skip = (from.saturating_sub(self.first()) as usize).min(self.events.len());
        let (newer, older) = self.events.split_at(self.next);
        let (older_skip, newer_skip) = (skip.min(older.len()), skip.saturating_sub(older.len()));
        older[older_skip..].iter().chain(&newer[newer_skip..])
    }
}

#[cfg(all(test, not(rxd_loom)))]
mod tests {
    use super::*;

    #[test]
    fn history_of_any_capacity_keeps_a_contiguous_tail() {
        for capacity in [1, 2, 3, 7] {
            let mut history = History::new(capacity);
            assert_eq!((history.first(), history.since(0).count()), (1, 0));
            for seq in 1..=20 {
                history.push(Event { seq, ..Event::default() });
                let first = (seq + 1).saturating_sub(capacity as u64).max(1);
                assert_eq!(history.first(), first);
                for from in 0..=seq + 2 {
                    let kept: Vec<u64> = history.since(from).map(|event| event.seq).collect();
                    let wanted: Vec<u64> = (from.max(first)..=seq).collect();
                    assert_eq!(kept, wanted, "capacity {capacity}, {seq} pushed, from {from}");
                }
            }
        }
    }

    #[test]
    fn full_history_never_allocates() {
        let mut history = History::new(5);
        let place = history.events.as_ptr();
        (1..100).for_each(|seq| history.push(Event { seq, ..Event::default() }));
        assert_eq!(history.events.as_ptr(), place);
        history.recorded = Vec::with_capacity(2);
        (1..9).for_each(|seq| history.push(Event { seq, ..Event::default() }));
        assert!(history.recorded.iter().map(|event| event.seq).eq(1..=2), "nor for the recorded ones");
    }
}
