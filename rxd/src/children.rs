//! The tasks a service has spawned: tracked, so that none outlives its round.

use crate::board::{Id, signal};
use crate::core::Core;
use crate::panic;
use crate::round::Round;
use crate::tracker::Tracker;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use tokio::runtime::Handle;
use tokio::task::{AbortHandle, JoinHandle};
use tracing::Instrument;

/// The tasks of one round of one service. Costs nothing until the first is spawned.
#[derive(Debug, Default)]
pub(crate) struct Children {
    group: OnceLock<Box<Group>>,
}

#[derive(Debug, Default)]
struct Group {
    tracker: Tracker,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    handles: Vec<AbortHandle>,
    panicked: Option<String>,
    /// The round is over: what is spawned by a context that outlived it does not begin.
    closed: bool,
}

impl Children {
    /// Spawns a task. A panic in it is told to the service's engine if `counts`.
    pub(crate) fn spawn<F>(
        round: &Arc<Round>,
        (core, id): (Arc<Core>, Id),
        name: &str,
        span: tracing::Span,
        counts: bool,
        task: F,
    ) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        let group = round.children.group.get_or_init(Box::default);
        let (this, name) = (round.clone(), name.to_owned());
        let body = async move {
            match core.stall.watched(Some(id), &name, panic::contain(task)).await {
                Ok(output) => output,
                Err(caught) => {
                    let text = format!("task `{name}` panicked: {caught}");
                    if !counts {
                        tracing::warn!(target: "rxd", "{text}");
                    } else if this.children.note_panic(text) {
                        core.board.raise(id, signal::CHILD);
                    }
                    caught.resume()
                }
            }
        };
        // Under the lock: either the round is over, or its end will find the task.
        let mut inner = group.lock();
        let task = group.tracker.spawn(&Handle::current(), body.instrument(span));
        if inner.closed {
            task.abort();
        } else {
            inner.remember(task.abort_handle());
        }
        task
    }

    /// Notes what a panic said; whether it is the first.
    fn note_panic(&self, text: String) -> bool {
        let Some(group) = self.group.get() else { return false };
        let mut inner = group.lock();
        let first = inner.panicked.is_none();
        inner.panicked.get_or_insert(text);
        first
    }

    /// What the first panic of a task said.
    pub(crate) fn panicked(&self) -> Option<String> {
        self.group.get()?.lock().panicked.take()
    }

    /// Whether any task was ever spawned.
    pub(crate) fn is_used(&self) -> bool {
        self.group.get().is_some()
    }

    /// The round is over: nothing is spawned any more.
    pub(crate) fn close(&self) {
        let group = self.group.get_or_init(Box::default);
        group.lock().closed = true;
    }

    /// Waits until every task has ended.
    pub(crate) async fn ended(&self) {
        if let Some(group) = self.group.get() {
            group.tracker.ended().await;
        }
    }

    /// Drops every task at its next `.await`.
    pub(crate) fn abort(&self) {
        if let Some(group) = self.group.get() {
            let handles = std::mem::take(&mut group.lock().handles);
            handles.iter().for_each(AbortHandle::abort);
        }
    }
}

impl Group {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn remember(&mut self, task: AbortHandle) {
        // Before growing, let go of those that have ended: the list stays within twice the live ones.
        if self.handles.len() == self.handles.capacity() {
            self.handles.retain(|task| !task.is_finished());
        }
        self.handles.push(task);
    }
}
