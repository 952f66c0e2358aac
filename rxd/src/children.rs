//! The tasks a service has spawned: tracked, so that none outlives its round.

use crate::board::{Id, signal};
use crate::core::Core;
use crate::panic;
use std::future::Future;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use tokio::task::{AbortHandle, JoinHandle};
use tokio_util::task::TaskTracker;
use tracing::Instrument;

/// The tasks of one round of one service. Costs nothing until the first is spawned.
#[derive(Debug, Default)]
pub(crate) struct Children {
    group: OnceLock<Group>,
}

#[derive(Debug, Default)]
struct Group {
    tracker: TaskTracker,
    handles: Mutex<Vec<AbortHandle>>,
    panicked: Mutex<Option<String>>,
}

impl Children {
    pub(crate) fn spawn<F>(
        self: &Arc<Self>,
        core: Arc<Core>,
        id: Id,
        name: &str,
        span: tracing::Span,
        task: F,
    ) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        let group = self.group.get_or_init(Group::default);
        let (this, name) = (self.clone(), name.to_owned());
        let body = async move {
            match panic::contain(task).await {
                Ok(output) => output,
                Err(caught) => {
                    this.note_panic(format!("task `{name}` panicked: {caught}"));
                    core.board.raise(id, signal::CHILD);
                    caught.resume()
                }
            }
        };
        let task = group.tracker.spawn(body.instrument(span));
        group.remember(task.abort_handle());
        task
    }

    fn note_panic(&self, text: String) {
        if let Some(group) = self.group.get() {
            group.panicked.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(text);
        }
    }

    /// What the first panic of a task said.
    pub(crate) fn panicked(&self) -> Option<String> {
        self.group.get()?.panicked.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Whether there is anything to wait for.
    pub(crate) fn is_empty(&self) -> bool {
        self.group.get().is_none_or(|group| group.tracker.is_empty())
    }

    /// Waits until every task has ended.
    pub(crate) async fn ended(&self) {
        if let Some(group) = self.group.get() {
            group.tracker.close();
            group.tracker.wait().await;
        }
    }

    /// Drops every task at its next `.await`.
    pub(crate) fn abort(&self) {
        if let Some(group) = self.group.get() {
            let handles = std::mem::take(&mut *group.handles.lock().unwrap_or_else(PoisonError::into_inner));
            handles.iter().for_each(AbortHandle::abort);
        }
    }
}

impl Group {
    fn remember(&self, task: AbortHandle) {
        let mut handles = self.handles.lock().unwrap_or_else(PoisonError::into_inner);
        // Before growing, let go of those that have ended: the list stays within twice the live ones.
        if handles.len() == handles.capacity() {
            handles.retain(|task| !task.is_finished());
        }
        handles.push(task);
    }
}
