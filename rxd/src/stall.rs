//! Code that blocks: found by a thread of its own, which only reports.
//!
//! A service that does not return from a poll holds a thread of the runtime. Nothing can be done
//! about it from outside, but it can be named. The engine marks each poll of a method with the
//! number of the watcher's last look, so that a poll costs no clock reading: two relaxed stores
//! and a load. A mark that is still there after [`LOOKS`] looks has been for the whole limit.

use crate::board::Id;
use crate::core::Core;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Weak};
use std::thread::JoinHandle;
use std::time::Duration;

/// How often within the limit the watcher looks: a report comes at most this share of it too late.
const LOOKS: u32 = 4;

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
        // Relaxed: the marks order nothing, and a watcher that sees one late reports late.
        since.store(self.look.load(Ordering::Relaxed).wrapping_add(1), Ordering::Relaxed);
        let polled = poll();
        since.store(0, Ordering::Relaxed);
        polled
    }
}

/// The thread that looks. It ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Watcher {
    end: Option<mpsc::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Watcher {
    /// Starts to look for polls that last longer than `limit`.
    pub(crate) fn start(core: &Arc<Core>, limit: Duration) -> Self {
        let (end, ended) = mpsc::channel();
        let core = Arc::downgrade(core);
        let dispatch = tracing::dispatcher::get_default(Clone::clone);
        let watch = move || tracing::dispatcher::with_default(&dispatch, || watch(&core, limit, &ended));
        let thread = std::thread::Builder::new().name("rxd-stall".into()).spawn(watch);
        let thread = thread
            .inspect_err(|error| {
                tracing::warn!(target: "rxd", "failed to start the thread that finds blocking code: {error}");
            })
            .ok();
        Watcher { end: Some(end), thread }
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        drop(self.end.take());
        if let Some(thread) = self.thread.take() {
            // It waits for nothing but this.
            let _ = thread.join();
        }
    }
}

fn watch(core: &Weak<Core>, limit: Duration, ended: &mpsc::Receiver<()>) {
    let mut reported: Vec<u32> = Vec::new();
    let tick = (limit / LOOKS).max(Duration::from_millis(1));
    while ended.recv_timeout(tick) == Err(RecvTimeoutError::Timeout) {
        let Some(core) = core.upgrade() else { return };
        let now = core.stall.look.fetch_add(1, Ordering::Relaxed).wrapping_add(2);
        reported.resize(core.stall.since.len(), 0);
        for (id, since) in core.stall.since.iter().enumerate() {
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
