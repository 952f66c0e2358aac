//! The tasks that one service has spawned and that have not ended: how many there are, how to abort
//! them, and what the first panic among them said.
//!
//! The tasks themselves are spawned, and watched, by `service::tasks`.

use crate::sync::Mutex;
use std::sync::Arc;
use tokio::task::AbortHandle;

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

impl ServiceTasks {
    pub(crate) fn count_one(&self, is_open: impl FnOnce() -> bool) -> bool {
        let mut tasks = self.0.lock();
        let is_open = is_open();
        let group = tasks.get_or_insert_default();
        group.live += 1;
        is_open
    }

    /// Remembers how to abort a task; false if all that were left have been aborted meanwhile.
    pub(crate) fn remember(&self, name: Arc<str>, task: AbortHandle) -> bool {
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
    pub(crate) fn note_panic(&self, text: String) -> bool {
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

    pub(crate) fn one_has_ended(&self) -> bool {
        let mut tasks = self.0.lock();
        let Some(group) = &mut *tasks else { return false };
        group.live -= 1;
        group.live == 0
    }
}
