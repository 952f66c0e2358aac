//! Code that blocks: found by the [`Sentinel`](crate::sentinel::Sentinel), which only reports.
//!
//! A service that does not return from a poll holds a thread of the runtime. Nothing can be done
//! about it from outside, but it can be named. The engine marks each poll of a method with the
//! number of its last look, so that a poll costs no clock reading: two relaxed stores
//! and a load. A mark that is still there after [`LOOKS`] looks has been for the whole limit.

use crate::board::Id;
use crate::core::Core;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// How often within the limit the watcher looks: a report comes at most this share of it too late.
pub(crate) const LOOKS: u32 = 2;

/// Which services are being polled, and since which look.
#[derive(Debug)]
pub(crate) struct Stall {
    look: AtomicU32,
    /// For each service the look during which its poll began, plus one; 0 between polls.
    since: Box<[AtomicU32]>,
}

impl Stall {
    pub(crate) fn new(services: usize) -> Self {
        Stall { look: AtomicU32::new(0), since: (0..services).map(|_| AtomicU32::new(0)).collect() }
    }

    /// Marks the service as being polled while `poll` runs.
    pub(crate) fn during<T>(&self, id: Id, poll: impl FnOnce() -> T) -> T {
        let since = &self.since[id as usize];
        // Relaxed: the marks order nothing, and who sees one late reports late.
        since.store(self.look.load(Ordering::Relaxed).wrapping_add(1), Ordering::Relaxed);
        let polled = poll();
        since.store(0, Ordering::Relaxed);
        polled
    }
}

impl Stall {
    /// The services that are being polled at this moment. Two answers that differ mean that the
    /// runtime goes on, however long its queue is.
    #[cfg_attr(not(feature = "systemd"), allow(dead_code, reason = "nobody feeds a watchdog"))]
    pub(crate) fn polled(&self) -> Vec<Id> {
        let polled = |(id, since): (usize, &AtomicU32)| (since.load(Ordering::Relaxed) != 0).then_some(id as Id);
        self.since.iter().enumerate().filter_map(polled).collect()
    }

    /// Looks at all services once; `reported` remembers who was named for which poll.
    pub(crate) fn look(&self, core: &Core, limit: Duration, reported: &mut Vec<u32>) {
        let now = self.look.fetch_add(1, Ordering::Relaxed).wrapping_add(2);
        reported.resize(self.since.len(), 0);
        for (id, since) in self.since.iter().enumerate() {
            let since = since.load(Ordering::Relaxed);
            let service = &**core.name(id as Id);
            if reported[id] != 0 && reported[id] != since {
                reported[id] = 0;
                tracing::warn!(target: "rxd", service, "goes on after it blocked its thread");
            }
            if since != 0 && reported[id] == 0 && now.wrapping_sub(since) > LOOKS {
                reported[id] = since;
                let state = core.board.word(id as Id).state.as_str();
                tracing::error!(
                    target: "rxd", service, state,
                    "blocks its thread: it has not come to an .await for {limit:?}; \
                     use tokio::task::spawn_blocking, or await"
                );
            }
        }
    }
}
