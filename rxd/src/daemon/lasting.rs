//! The timer of the watches that have to hold for a time: `lasts`, and the `grace` of a `needs`.
//!
//! One task for the whole daemon waits for the earliest of these times. A daemon without such a
//! watch has none. The [board](crate::board) decides which watch acts; nothing here does.

use crate::core::Core;
use crate::shutdown::SETTLE;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use tokio::runtime::Handle;
use tokio::task::JoinHandle;
use tokio::time::{Sleep, sleep_until, timeout};

/// The task. It is aborted when this is dropped.
#[derive(Debug)]
pub(super) struct LastingTask(JoinHandle<()>);

impl LastingTask {
    /// `None` if no watch has a time.
    pub(super) fn start(core: &Arc<Core>) -> Option<LastingTask> {
        core.board.has_lasting().then(|| LastingTask(crate::spawn::task(&Handle::current(), keep_time(core.clone()))))
    }
}

impl LastingTask {
    /// Ends the task, and waits until it is gone: no task is left once the daemon has ended.
    pub(super) async fn end(mut self) {
        self.0.abort();
        // The task only waits, so it is gone at the next turn of the runtime.
        let _ = timeout(SETTLE, &mut self.0).await;
    }
}

impl Drop for LastingTask {
    fn drop(&mut self) {
        self.0.abort();
    }
}

async fn keep_time(core: Arc<Core>) {
    let mut owners = Vec::new();
    let mut timer: Option<Pin<Box<Sleep>>> = None;
    poll_fn(|task| {
        loop {
            let Some(due) = core.board.poll_lasting(task, &mut owners) else {
                timer = None;
                return Poll::Pending;
            };
            let timer = timer.get_or_insert_with(|| Box::pin(sleep_until(due)));
            if timer.deadline() != due {
                timer.as_mut().reset(due);
            }
            if timer.as_mut().poll(task).is_pending() {
                return Poll::<()>::Pending;
            }
        }
    })
    .await;
}
