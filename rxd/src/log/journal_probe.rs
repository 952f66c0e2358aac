//! Finds out whether the journal is there, for the layer that writes to it and for the console that
//! stands in for it until then.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Instant;

/// Whether the journal's socket has been seen. Clones share it.
#[derive(Clone, Debug)]
pub(crate) struct JournalProbe(Arc<ProbeState>);

#[derive(Debug)]
struct ProbeState {
    path: PathBuf,
    is_up: AtomicBool,
    begun: Instant,
    /// When to look again, in milliseconds since `begun`.
    next_look: AtomicU64,
}

impl JournalProbe {
    pub(crate) fn new(path: PathBuf) -> Self {
        let is_up = AtomicBool::new(path.exists());
        JournalProbe(Arc::new(ProbeState { path, is_up, begun: Instant::now(), next_look: AtomicU64::new(1000) }))
    }

    /// Once the socket has been seen it counts as there. While journald restarts, systemd keeps
    /// the socket.
    pub(crate) fn is_up(&self) -> bool {
        let state = &*self.0;
        if state.is_up.load(Ordering::Relaxed) {
            return true;
        }
        let now = state.begun.elapsed().as_millis() as u64;
        if now < state.next_look.load(Ordering::Relaxed) {
            return false;
        }
        state.next_look.store(now + 1000, Ordering::Relaxed);
        let is_up = state.path.exists();
        state.is_up.fetch_or(is_up, Ordering::Relaxed);
        is_up
    }
}
