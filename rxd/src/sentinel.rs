//! The thread beside the runtime: it sees what the runtime cannot say when its threads are blocked.
//!
//! It names the services that block their thread, and ends the process at the third signal even
//! where the supervisor gets no turn: since all threads are blocked, since a prestart stage blocks
//! the one it is to be started from, or since the daemon is over, but a blocked thread keeps the
//! runtime, and with it the process, from ending.

use crate::core::Core;
use crate::panic::emit;
use crate::signals::{Asked, Heard, Listener, die};
use crate::stall::{Finding, LOOKS};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::runtime::Builder;
use tokio::sync::oneshot;
use tokio::time::{MissedTickBehavior, interval};

/// How long what was found is being told when all is over.
const LAST: Duration = Duration::from_millis(100);

/// Ends its thread when it is dropped, and waits for it only while that is telling what it has found.
#[derive(Debug)]
pub(crate) struct Sentinel {
    end: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
    telling: Arc<Telling>,
}

/// How much of what was found is not yet told.
type Telling = AtomicUsize;

impl Sentinel {
    /// Starts to look for polls that last longer than `limit`, and to count signals.
    pub(crate) fn start(core: &Arc<Core>, limit: Duration, mut listener: Listener) -> Self {
        let (end, mut ended) = oneshot::channel();
        let weak = Arc::downgrade(core);
        let mut builder = Builder::new_current_thread();
        builder.enable_time().max_blocking_threads(1);
        if listener.listens() {
            builder.enable_io();
        }
        let dispatch = tracing::dispatcher::get_default(Clone::clone);
        let teller = dispatch.clone();
        let telling = Arc::<Telling>::default();
        let untold = telling.clone();
        let say = move |found: Vec<Finding>| {
            let (teller, untold) = (teller.clone(), untold.clone());
            untold.fetch_add(1, Ordering::Relaxed);
            move || {
                tracing::dispatcher::with_default(&teller, || found.iter().for_each(|one| one.say(limit)));
                untold.fetch_sub(1, Ordering::Release);
            }
        };
        let watch = async move {
            let mut asked = Asked::new(false);
            let every = (limit / LOOKS).max(Duration::from_millis(1));
            let mut tick = interval(every);
            tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
            loop {
                tokio::select! {
                    biased;
                    _ = &mut ended => return,
                    heard = listener.next() => match heard {
                        Heard::Stop(number) if asked.heard() == Some(3) => die(number),
                        Heard::Stop(_) | Heard::Reload => {}
                    },
                    due = tick.tick() => {
                        let late = due.elapsed() > every;
                        let found = weak.upgrade().map(|core| core.stall.look(&core, late)).unwrap_or_default();
                        if !found.is_empty() {
                            // Not here: a log that makes its writers wait must not keep the signals from being heard.
                            tokio::task::spawn_blocking(say(found));
                        }
                    }
                }
            }
        };
        let run = move || match builder.build() {
            Ok(runtime) => {
                tracing::dispatcher::with_default(&dispatch, || runtime.block_on(watch));
                runtime.shutdown_timeout(LAST);
            }
            Err(error) => emit!(WARN, target: "rxd", "failed to look for blocking code: {error}"),
        };
        let thread = std::thread::Builder::new().name("rxd-sentinel".into()).spawn(run);
        let thread =
            thread.inspect_err(|error| emit!(WARN, target: "rxd", "failed to look for blocking code: {error}")).ok();
        Sentinel { end: Some(end), thread, telling }
    }

    /// Whether something that it has found is not told yet.
    pub(crate) fn is_telling(&self) -> bool {
        self.telling.load(Ordering::Acquire) > 0
    }

    /// Lets it go on: a thread is blocked for good, and the process may have to be ended by a signal.
    pub(crate) fn stay(mut self) {
        std::mem::forget(self.end.take());
        drop(self.thread.take());
    }
}

impl Drop for Sentinel {
    fn drop(&mut self) {
        drop(self.end.take());
        // A thread takes longer to end than many a daemon to stop, and this one holds nothing of the daemon's.
        let thread = self.thread.take().filter(|_| self.is_telling());
        if let Some(thread) = thread {
            // It waits for nothing but what it tells, and for that no longer than `LAST`.
            let _ = thread.join();
        }
    }
}

#[cfg(all(test, not(rxd_loom)))]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicBool;
    use std::sync::mpsc;

    #[test]
    fn it_is_waited_for_while_it_tells_and_only_then() {
        for tells in [true, false] {
            let (let_go, held) = mpsc::channel::<()>();
            let (end, ended) = oneshot::channel::<()>();
            let done = Arc::<AtomicBool>::default();
            let over = done.clone();
            let thread = std::thread::spawn(move || {
                assert!(ended.blocking_recv().is_err(), "it is told to end");
                if !tells {
                    held.recv().unwrap();
                }
                over.store(true, Ordering::Release);
            });
            let telling = Arc::new(Telling::new(usize::from(tells)));
            drop(Sentinel { end: Some(end), thread: Some(thread), telling });
            assert_eq!(done.load(Ordering::Acquire), tells);
            let _ = let_go.send(());
        }
    }
}
