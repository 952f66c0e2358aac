//! The tasks that one service has spawned and that have not ended: their number, their abort
//! handles, and the message of the first panic among them.
//!
//! `service::tasks` spawns and watches the tasks themselves.

use super::Core;
use crate::board::{Epoch, Id};
use crate::sync::Mutex;
use std::sync::Arc;
use tokio::task::AbortHandle;

/// The tasks of one service. It allocates when the first is spawned.
///
/// # Invariants
///
/// 1. A task is counted, and the state of its epoch read, under one lock. The engine closes the
///    epoch and then takes the lock. So it finds every task of an open epoch; a task of a closed
///    one is aborted at once.
/// 2. A task counts until its future is dropped. The last one wakes the engine.
/// 3. Tasks are spawned, aborted and dropped without the lock, since each may drop a future of the
///    user's.
#[derive(Debug, Default)]
pub(crate) struct ServiceTasks(Mutex<Option<Box<TaskGroup>>>);

#[derive(Debug, Default)]
struct TaskGroup {
    live: usize,
    handles: Vec<TaskHandle>,
    /// The remaining tasks were aborted.
    aborted: bool,
    /// The message of the first panic.
    panicked: Option<String>,
}

#[derive(Debug)]
struct TaskHandle {
    name: Arc<str>,
    abort: AbortHandle,
    /// Whether a failure of the task is one of the service.
    counts: bool,
}

/// The names of the tasks that were aborted.
#[derive(Debug, Default)]
pub(crate) struct AbortedTasks {
    pub(crate) all: Vec<Arc<str>>,
    /// Those whose failure is one of the service: all but contained ones.
    pub(crate) counted: Vec<Arc<str>>,
}

impl AbortedTasks {
    /// Whether there are some, and all are contained.
    pub(crate) fn are_contained(&self) -> bool {
        self.counted.is_empty() && !self.all.is_empty()
    }
}

impl ServiceTasks {
    /// Counts a task. Returns whether its epoch is open, which is read under the same lock.
    pub(crate) fn count_one(&self, is_open: impl FnOnce() -> bool) -> bool {
        let mut tasks = self.0.lock();
        let is_open = is_open();
        let group = tasks.get_or_insert_default();
        group.live += 1;
        is_open
    }

    /// Keeps the abort handle of a task. Returns false if the tasks have been aborted meanwhile.
    pub(crate) fn remember(&self, name: Arc<str>, abort: AbortHandle, counts: bool) -> bool {
        let mut tasks = self.0.lock();
        let Some(group) = tasks.as_mut().filter(|group| !group.aborted) else { return false };
        // Before growing, remove the tasks that have ended: the list stays within twice the live
        // ones.
        if group.handles.len() == group.handles.capacity() {
            group.handles.retain(|task| !task.abort.is_finished());
        }
        group.handles.push(TaskHandle { name, abort, counts });
        true
    }

    /// Notes the message of a panic. Returns whether it is the first.
    pub(crate) fn note_panic(&self, text: String) -> bool {
        let mut tasks = self.0.lock();
        let Some(group) = &mut *tasks else { return false };
        let is_first = group.panicked.is_none();
        group.panicked.get_or_insert(text);
        is_first
    }

    /// Takes the message of the first panic. Later tasks belong to another epoch.
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

    /// Aborts every task at its next `.await`. Returns the names of those that had not ended.
    pub(crate) fn abort(&self) -> AbortedTasks {
        let abort = |group: &mut Box<TaskGroup>| {
            group.aborted = true;
            std::mem::take(&mut group.handles)
        };
        let handles = self.0.lock().as_mut().map(abort).unwrap_or_default();
        let mut aborted = AbortedTasks::default();
        for task in handles.into_iter().filter(|task| !task.abort.is_finished()) {
            task.abort.abort();
            if task.counts {
                aborted.counted.push(task.name.clone());
            }
            aborted.all.push(task.name);
        }
        aborted
    }

    /// Counts the end of a task. Returns whether it was the last one.
    pub(crate) fn one_has_ended(&self) -> bool {
        let mut tasks = self.0.lock();
        let Some(group) = &mut *tasks else { return false };
        group.live -= 1;
        group.live == 0
    }
}

/// Counts a task until it is dropped.
pub(crate) struct TaskGuard {
    core: Arc<Core>,
    id: Id,
}

impl TaskGuard {
    /// Of a task that was counted.
    pub(crate) fn of_counted(core: Arc<Core>, id: Id) -> Self {
        TaskGuard { core, id }
    }

    /// Counts what a method does elsewhere, for which the service waits as for a task.
    pub(crate) fn new(core: &Arc<Core>, id: Id, epoch: Epoch) -> Self {
        core.tasks(id).count_one(|| core.board.service(id).spawns(epoch));
        TaskGuard { core: core.clone(), id }
    }

    /// As [`new`](TaskGuard::new), if the epoch is open.
    pub(crate) fn of_open(core: &Arc<Core>, id: Id, epoch: Epoch) -> Option<Self> {
        let is_open = core.tasks(id).count_one(|| core.board.service(id).spawns(epoch));
        let counted = TaskGuard { core: core.clone(), id };
        is_open.then_some(counted)
    }

    /// The service that waits.
    pub(crate) fn service(&self) -> Id {
        self.id
    }
}

impl std::fmt::Debug for TaskGuard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("TaskGuard").field(&self.id).finish()
    }
}

impl Drop for TaskGuard {
    fn drop(&mut self) {
        if self.core.tasks(self.id).one_has_ended() {
            self.core.board.raise(self.id, 0);
        }
    }
}
