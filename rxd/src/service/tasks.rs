//! Spawns the tasks of a service through its contexts. No task outlives its epoch.
//!
//! The engine cancels and closes the epoch, and then waits until no task is left. The tasks in
//! which the engines themselves run are counted elsewhere, by `daemon::engine_tasks`.

use crate::board::{Epoch, Id, signal};
use crate::core::Core;
use crate::core::current;
use crate::core::tasks::TaskGuard;
use crate::in_span::{InSpan, in_span, span};
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
        let counted = TaskGuard::of_counted(core.clone(), id);
        let body = {
            let (core, name) = (core.clone(), name.clone());
            async move {
                let output = core.watched(Some(id), &name, panic::contain(task)).await;
                output.inspect_err(|caught| note_panic(&core, id, counts, &name, caught))
            }
        };
        let tracked = TrackedTask { task: Some(InSpan::new(body, span)), counted };
        let task = core.subscriber.spawn(&tokio::runtime::Handle::current(), tracked);
        if !is_open || !core.tasks(id).remember(name, task.abort_handle(), counts) {
            task.abort();
        }
        task
    }
}

impl TaskOf {
    /// Spawns code that blocks, in tokio's pool of threads for that.
    pub(crate) fn spawn_blocking<T, F>(self, name: &str, span: tracing::Span, work: F) -> JoinHandle<T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        let TaskOf { core, id, epoch, counts } = self;
        let runtime = tokio::runtime::Handle::current();
        let name: Arc<str> = name.into();
        let is_open = core.tasks(id).count_one(|| core.board.service(id).spawns(epoch));
        let tracked = TrackedWork { work: Some(work), counted: TaskGuard::of_counted(core.clone(), id) };
        if !is_open {
            drop(tracked);
            // Such code cannot be aborted once it has begun. So a task that never runs stands for it.
            let task = runtime.spawn(std::future::pending());
            task.abort();
            return task;
        }
        let (this, task_name) = (core.clone(), name.clone());
        let task = runtime.spawn_blocking(move || {
            let mut tracked = tracked;
            let Some(work) = tracked.work.take() else { unreachable!("it runs once") };
            let run = || {
                let output = panic::catch(|| current::during(&this, id, work));
                output.inspect_err(|caught| note_panic(&this, id, counts, &task_name, caught))
            };
            // The span is dropped before the panic continues, as in `TrackedTask`.
            let output = this.subscriber.in_scope(|| in_span(span, run));
            drop(tracked);
            output.unwrap_or_else(|caught| caught.resume())
        });
        if !core.tasks(id).remember(name, task.abort_handle(), counts) {
            task.abort();
        }
        task
    }
}

/// The span of a task. It names the service, since the task may be spawned where the service's span
/// is not current.
pub(crate) fn span_of(core: &Core, id: Id, name: &str) -> tracing::Span {
    let (service, daemon) = (core.name(id), &core.daemon);
    span(|| tracing::error_span!(target: "rxd", "task", service = %service, daemon = %daemon, task = %name))
}

/// A future that runs as a task of the service does: in its span, with its name where it blocks, and
/// with a panic in it contained and logged. It belongs to no epoch: the caller spawns and ends it.
#[cfg(feature = "axum")]
pub(crate) fn contained<F>(core: &Arc<Core>, id: Id, name: &str, task: F) -> Pin<Box<dyn Future<Output = ()> + Send>>
where
    F: Future<Output = ()> + Send + 'static,
{
    let span = span_of(core, id, name);
    let (core, name) = (core.clone(), Arc::<str>::from(name));
    let subscriber = core.subscriber.clone();
    let body = async move {
        let output = core.watched(Some(id), &name, panic::contain(task)).await;
        let _ = output.inspect_err(|caught| note_panic(&core, id, false, &name, caught));
    };
    subscriber.attach(Box::pin(InSpan::new(body, span)))
}

/// Handles the panic of a task.
fn note_panic(core: &Core, id: Id, counts: bool, name: &str, caught: &panic::CaughtPanic) {
    let text = format!("task `{name}` panicked: {caught}");
    if !counts {
        emit!(WARN, target: "rxd", "{text}");
    } else if core.tasks(id).note_panic(text) {
        core.board.raise(id, signal::CHILD);
    }
}

/// The fields are dropped in order, so it is counted until the user's code is gone.
struct TrackedWork<F> {
    work: Option<F>,
    #[expect(dead_code, reason = "it counts until it is dropped")]
    counted: TaskGuard,
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
