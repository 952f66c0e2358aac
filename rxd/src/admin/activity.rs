//! What clients are doing: the requests in progress on each connection, and the totals for
//! `/metrics`.
//!
//! The accept loop in [`serve`](super::serve) and the event streams count here;
//! [`slots`](super::slots) asks which connection is idle. Nothing here waits or takes a lock. The
//! counters order nothing, so `Relaxed` suffices for all of them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

/// Totals over all connections.
#[derive(Debug, Default)]
pub(crate) struct AdminCounts {
    /// Connections that are open now.
    pub(crate) open: AtomicU64,
    pub(crate) accepted: AtomicU64,
    pub(crate) refused: AtomicU64,
    pub(crate) requests: AtomicU64,
    /// Event streams that are open now.
    pub(crate) streams: AtomicU64,
    /// Transitions that event streams were too slow for.
    pub(crate) lagged: AtomicU64,
}

/// How many requests are in progress on one connection. With none, the connection is idle.
///
/// It is among the extensions of each request, so that an answer with a long body can keep its
/// connection from counting as idle.
#[derive(Clone, Debug, Default)]
pub(crate) struct RequestCount(Arc<AtomicU32>);

impl RequestCount {
    /// A request is in progress until the returned guard is dropped.
    pub(crate) fn begin(&self) -> ActiveRequest {
        self.0.fetch_add(1, Ordering::Relaxed);
        ActiveRequest(self.0.clone())
    }

    pub(crate) fn is_idle(&self) -> bool {
        self.0.load(Ordering::Relaxed) == 0
    }
}

/// One request in progress.
#[derive(Debug)]
pub(crate) struct ActiveRequest(Arc<AtomicU32>);

impl Drop for ActiveRequest {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
