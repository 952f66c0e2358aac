//! The tasks in which the engines of a daemon run: spawning them, and waiting for their end.

use crate::in_span::ScopedSubscriber;
use pin_project_lite::pin_project;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use tokio::runtime::Handle;
use tokio::sync::Notify;
use tokio::task::JoinHandle;

/// Spawns tasks and counts those that have not ended.
#[derive(Clone, Debug, Default)]
pub(crate) struct EngineTasks(Arc<TaskCount>);

#[derive(Debug, Default)]
struct TaskCount {
    tasks: AtomicUsize,
    none: Notify,
}

/// Counts a task until it is dropped.
struct CountedTask(Arc<TaskCount>);

impl Drop for CountedTask {
    /// Release, and Acquire in [`EngineTasks::ended`]: a thread that sees zero sees what the tasks
    /// did.
    fn drop(&mut self) {
        if self.0.tasks.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.0.none.notify_waiters();
        }
    }
}

pin_project! {
    /// The fields are dropped in order, so the task is counted until its future is gone.
    struct EngineTask<F> {
        #[pin]
        task: F,
        counted: CountedTask,
    }
}

impl<F: Future> Future for EngineTask<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        self.project().task.poll(cx)
    }
}

impl EngineTasks {
    /// Spawns by a handle: `tokio::spawn` would look up the runtime each time, and move the task
    /// twice more.
    pub(crate) fn spawn<F>(&self, (subscriber, runtime): (&ScopedSubscriber, &Handle), task: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        self.0.tasks.fetch_add(1, Ordering::Relaxed);
        subscriber.spawn(runtime, EngineTask { task, counted: CountedTask(self.0.clone()) })
    }

    /// Waits until no task is left.
    pub(crate) async fn ended(&self) {
        loop {
            // Made before the count is read: an end that comes after the read wakes it.
            let none = self.0.none.notified();
            if self.0.tasks.load(Ordering::Acquire) == 0 {
                return;
            }
            none.await;
        }
    }
}

#[cfg(all(test, not(rxd_loom)))]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicBool;
    use std::task::Waker;

    struct Gone(Arc<AtomicBool>);

    impl Drop for Gone {
        fn drop(&mut self) {
            self.0.store(true, Ordering::Release);
        }
    }

    fn has_ended(tasks: &EngineTasks) -> bool {
        std::pin::pin!(tasks.ended()).poll(&mut Context::from_waker(Waker::noop())).is_ready()
    }

    #[tokio::test]
    async fn engine_tasks_have_ended_once_the_last_is_dropped() {
        let (tasks, runtime) = (EngineTasks::default(), Handle::current());
        assert!(has_ended(&tasks));
        let gone = Arc::<AtomicBool>::default();
        // One task ends, one is dropped where it waits, one is dropped before it has begun.
        let done = tasks.spawn((&ScopedSubscriber::default(), &runtime), async {});
        done.await.expect("it does nothing");
        assert!(has_ended(&tasks));
        let waits = Gone(gone.clone());
        let waiting = tasks.spawn((&ScopedSubscriber::default(), &runtime), async move {
            let _waits = waits;
            std::future::pending::<()>().await;
        });
        tokio::task::yield_now().await;
        assert!(!has_ended(&tasks));
        waiting.abort();
        let before = Gone(gone.clone());
        tasks.spawn((&ScopedSubscriber::default(), &runtime), async move { drop(before) }).abort();
        tasks.ended().await;
        assert!(gone.load(Ordering::Acquire));
    }
}
