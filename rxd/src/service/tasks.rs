//! The tasks that a service has spawned through its contexts: none outlives the epoch it is of.
//!
//! The engine cancels and closes the epoch, and then waits here until no task is left. Not to be
//! confused with [`Tracker`](crate::service::tracker::Tracker), which counts the tasks of the services
//! themselves.

use crate::board::{Epoch, Id, signal};
use crate::core::Core;
use crate::in_span::InSpan;
use crate::panic;
use crate::panic::emit;
use crate::sync::Mutex;
use pin_project_lite::pin_project;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll, ready};
use tokio::task::{AbortHandle, JoinHandle};

/// The tasks of one service. Costs nothing until the first is spawned.
///
/// # Invariants
///
/// 1. Under the lock a task is counted and its epoch looked at. The engine closes the epoch and then takes
///    the lock, so it finds every task of an epoch that was open; any other is aborted at once.
/// 2. A task is counted until its future is dropped, and the last one wakes the engine.
/// 3. A task is spawned, aborted and dropped without the lock: each may drop the user's future.
#[derive(Debug, Default)]
pub(crate) struct ServiceTasks(Mutex<Option<Box<TaskGroup>>>);

#[derive(Debug, Default)]
struct TaskGroup {
    live: usize,
    handles: Vec<(Arc<str>, AbortHandle)>,
    /// Those that were left were aborted.
    aborted: bool,
    /// What the first panic said.
    panicked: Option<String>,
}

/// What a task is of, and how its panic counts.
pub(crate) struct TaskOf {
    pub(crate) core: Arc<Core>,
    pub(crate) id: Id,
    pub(crate) epoch: Epoch,
    /// Whether a panic in it is a failure of the service.
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
        // Invariant 1.
        let is_open = core.tasks(id).count_one(|| core.board.service(id).spawns(epoch));
        let counted = Counted { core: core.clone(), id };
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
        let task = tokio::spawn(Tracked { task: Some(InSpan::new(body, span)), counted });
        if !is_open || !core.tasks(id).remember(name, task.abort_handle()) {
            task.abort();
        }
        task
    }
}

impl ServiceTasks {
    fn count_one(&self, is_open: impl FnOnce() -> bool) -> bool {
        let mut tasks = self.0.lock();
        let is_open = is_open();
        let group = tasks.get_or_insert_default();
        group.live += 1;
        is_open
    }

    /// Remembers how to abort a task; false if all that were left have been aborted meanwhile.
    fn remember(&self, name: Arc<str>, task: AbortHandle) -> bool {
        let mut tasks = self.0.lock();
        let Some(group) = tasks.as_mut().filter(|group| !group.aborted) else { return false };
        // Before growing, forget those that have ended: the list stays within twice the live ones.
        if group.handles.len() == group.handles.capacity() {
            group.handles.retain(|(_, task)| !task.is_finished());
        }
        group.handles.push((name, task));
        true
    }

    /// Notes what a panic said; whether it is the first.
    fn note_panic(&self, text: String) -> bool {
        let mut tasks = self.0.lock();
        let Some(group) = &mut *tasks else { return false };
        let is_first = group.panicked.is_none();
        group.panicked.get_or_insert(text);
        is_first
    }

    /// What the first panic of a task said. The next tasks are those of another epoch.
    pub(crate) fn take_panic(&self) -> Option<String> {
        let mut tasks = self.0.lock();
        let group = tasks.as_mut()?;
        group.aborted = false;
        group.panicked.take()
    }

    /// Whether there is no task, and none has panicked.
    pub(crate) fn are_none(&self) -> bool {
        self.0.lock().as_ref().is_none_or(|group| group.live == 0 && group.panicked.is_none())
    }

    /// Whether every task has ended.
    pub(crate) fn have_ended(&self) -> bool {
        self.0.lock().as_ref().is_none_or(|group| group.live == 0)
    }

    /// Drops every task at its next `.await`; the names of those that were left.
    pub(crate) fn abort(&self) -> Vec<Arc<str>> {
        let abort = |group: &mut Box<TaskGroup>| {
            group.aborted = true;
            std::mem::take(&mut group.handles)
        };
        let handles = self.0.lock().as_mut().map(abort).unwrap_or_default();
        let mut names = Vec::new();
        for (name, task) in handles.into_iter().filter(|(_, task)| !task.is_finished()) {
            task.abort();
            names.push(name);
        }
        names
    }

    fn one_has_ended(&self) -> bool {
        let mut tasks = self.0.lock();
        let Some(group) = &mut *tasks else { return false };
        group.live -= 1;
        group.live == 0
    }
}

/// A task that is counted until it is dropped.
struct Counted {
    core: Arc<Core>,
    id: Id,
}

impl Drop for Counted {
    fn drop(&mut self) {
        if self.core.tasks(self.id).one_has_ended() {
            self.core.board.raise(self.id, 0);
        }
    }
}

pin_project! {
    /// Fields are dropped from the top: the user's future is gone before it is no longer counted.
    struct Tracked<F> {
        #[pin]
        task: Option<F>,
        counted: Counted,
    }
}

impl<T, F: Future<Output = Result<T, panic::Caught>>> Future for Tracked<F> {
    type Output = T;

    fn poll(self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<T> {
        let mut this = self.project();
        let Some(task) = this.task.as_mut().as_pin_mut() else { unreachable!("it has returned") };
        match ready!(task.poll(cx)) {
            Ok(output) => Poll::Ready(output),
            Err(caught) => {
                // The span goes first: a layer that panics while the task unwinds would end the process.
                let _ = panic::catch(|| this.task.set(None));
                caught.resume()
            }
        }
    }
}
