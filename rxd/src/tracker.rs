//! Tasks that can be waited for.

use pin_project_lite::pin_project;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// Spawns tasks, and knows when the last of them is gone: each holds a receiver of a channel that nothing is sent on.
#[derive(Debug, Default)]
pub(crate) struct Tracker(watch::Sender<()>);

pin_project! {
    /// Fields are dropped from the top: a task is gone before it is said to be.
    struct Tracked<F> {
        #[pin]
        task: F,
        alive: watch::Receiver<()>,
    }
}

impl<F: Future> Future for Tracked<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        self.project().task.poll(cx)
    }
}

impl Tracker {
    pub(crate) fn spawn<F>(&self, task: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        tokio::spawn(Tracked { task, alive: self.0.subscribe() })
    }

    /// Waits until there is no task.
    pub(crate) async fn ended(&self) {
        self.0.closed().await;
    }
}

#[cfg(all(test, not(rxd_loom)))]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::task::Waker;

    struct Gone(Arc<AtomicBool>);

    impl Drop for Gone {
        fn drop(&mut self) {
            self.0.store(true, Ordering::Release);
        }
    }

    fn has_ended(tracker: &Tracker) -> bool {
        std::pin::pin!(tracker.ended()).poll(&mut Context::from_waker(Waker::noop())).is_ready()
    }

    #[tokio::test]
    async fn ends_with_the_last_task_and_not_before_it_is_dropped() {
        let tracker = Tracker::default();
        assert!(has_ended(&tracker));
        let gone = Arc::<AtomicBool>::default();
        // One that ends, one that is dropped where it waits, one that is dropped before it has begun.
        let done = tracker.spawn(async {});
        done.await.expect("it does nothing");
        assert!(has_ended(&tracker));
        let waits = Gone(gone.clone());
        let waiting = tracker.spawn(async move {
            let _waits = waits;
            std::future::pending::<()>().await;
        });
        tokio::task::yield_now().await;
        assert!(!has_ended(&tracker));
        waiting.abort();
        let before = Gone(gone.clone());
        tracker.spawn(async move { drop(before) }).abort();
        tracker.ended().await;
        assert!(gone.load(Ordering::Acquire));
    }
}
