//! What clients are doing, in numbers for `/metrics`.
//!
//! [`serve`](super::serve) and the event streams count here. Nothing here waits or takes a lock. The
//! counters order nothing, so `Relaxed` suffices for all of them.

use std::sync::atomic::AtomicU64;

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
