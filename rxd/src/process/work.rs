//! ChildWork beside a child that continues over a reload: reading its outputs, writing its input.
//!
//! The tasks of a service end before `reload` and before `stop`. So the task of such a work returns
//! it when it is cancelled, and the next method continues it in a new task.

use crate::service::context::Context;
use std::future::Future;
use std::time::Duration;
use tokio::task::JoinHandle;

/// ChildWork that can be continued.
pub(super) trait ChildWork: Send + Sized + 'static {
    /// Works until it is done, which is `None`, or the context is cancelled.
    fn work(self, cx: Context) -> impl Future<Output = Option<Self>> + Send;
}

/// ChildWork that is under way, or was interrupted; none once it is done.
pub(super) struct Continued<W> {
    name: &'static str,
    task: Option<ContinuedTask<W>>,
}

/// The task, and the context that cancels it.
struct ContinuedTask<W> {
    cx: Context,
    task: JoinHandle<Option<W>>,
}

impl<W: ChildWork> Continued<W> {
    pub(super) fn start(cx: &Context, name: &'static str, work: Option<W>) -> Self {
        let task = work.map(|work| spawn(cx, name, work));
        Continued { name, task }
    }

    /// Continues the work if its task was cancelled.
    pub(super) async fn resume(&mut self, cx: &Context) {
        // Not if it has finished: the service counts a task as ended an instant before that.
        let Some(last) = self.task.take_if(|last| last.cx.is_cancelled()) else { return };
        // An aborted task has lost its work.
        let work = last.task.await.ok().flatten();
        self.task = work.map(|work| spawn(cx, self.name, work));
    }

    /// Waits until the work is done, or for this long.
    pub(super) async fn done_within(&mut self, limit: Duration) {
        let Some(last) = &mut self.task else { return };
        // If it was cancelled and is not done, nothing continues it.
        if tokio::time::timeout(limit, &mut last.task).await.is_ok() {
            self.task = None;
        }
    }
}

fn spawn<W: ChildWork>(cx: &Context, name: &'static str, work: W) -> ContinuedTask<W> {
    ContinuedTask { cx: cx.clone(), task: cx.spawn(name, work.work(cx.clone())) }
}
