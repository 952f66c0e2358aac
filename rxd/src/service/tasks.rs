//! Spawns the tasks of a service through its contexts. No task outlives its epoch.
//!
//! The engine cancels and closes the epoch, and then waits until no task is left. The tasks in
//! which the engines themselves run are counted elsewhere, by `daemon::engine_tasks`.

use crate::board::{Epoch, Id, signal};
use crate::core::Core;
use crate::in_span::InSpan;
use crate::panic;
use crate::panic::emit;
use pin_project_lite::pin_project;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll, ready};
use tokio::task::JoinHandle;

/// The service and epoch of a task, and how its panic counts.
pub(crate) struct TaskOf {
    pub(crate) core: Arc<Core>,
    pub(crate) id: Id,
    pub(crate) epoch: Epoch,
    /// Whether a panic in the task is a failure of the service.
    pub(crate) counts: bool,
}

impl TaskOf {
    pub(crate) fn spawn<F>(self, name: &str, span: tracing::Span, task: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        let TaskOf { core, id, epoch, counts } = self;
        let name: Arc<str> = name.into();
        // Invariant 1 of `ServiceTasks`.
        let is_open = core.tasks(id).count_one(|| core.board.service(id).spawns(epoch));
        let counted = TaskGuard { core: core.clone(), id };
        let body = {
            let (core, name) = (core.clone(), name.clone());
            async move {
                match core.watched(Some(id), &name, panic::contain(task)).await {
                    Ok(output) => Ok(output),
                    Err(caught) => {
                        let text = format!("task `{name}` panicked: {caught}");
                        if !counts {
                            emit!(WARN, target: "rxd", "{text}");
                        } else if core.tasks(id).note_panic(text) {
                            core.board.raise(id, signal::CHILD);
                        }
                        Err(caught)
                    }
                }
            }
        };
        let tracked = TrackedTask { task: Some(InSpan::new(body, span)), counted };
        let task = core.subscriber.spawn(&tokio::runtime::Handle::current(), tracked);
        if !is_open || !core.tasks(id).remember(name, task.abort_handle()) {
            task.abort();
        }
        task
    }
}

/// Counts a task until it is dropped.
struct TaskGuard {
    core: Arc<Core>,
    id: Id,
}

impl Drop for TaskGuard {
    fn drop(&mut self) {
        if self.core.tasks(self.id).one_has_ended() {
            self.core.board.raise(self.id, 0);
        }
    }
}

pin_project! {
    /// The fields are dropped in order, so the task is counted until the user's future is gone.
    struct TrackedTask<F> {
        #[pin]
        task: Option<F>,
        counted: TaskGuard,
    }
}

impl<T, F: Future<Output = Result<T, panic::CaughtPanic>>> Future for TrackedTask<F> {
    type Output = T;

    fn poll(self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<T> {
        let mut this = self.project();
        let Some(task) = this.task.as_mut().as_pin_mut() else { unreachable!("it has returned") };
        match ready!(task.poll(cx)) {
            Ok(output) => Poll::Ready(output),
            Err(caught) => {
                // The span is dropped first: a tracing layer that panics while the task unwinds
                // would end the process.
                panic::ignore(|| this.task.set(None));
                caught.resume()
            }
        }
    }
}
