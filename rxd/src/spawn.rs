//! Starts the threads and the tasks of rxd itself, and has one thread wait for what another does.
//!
//! The standard library and tokio compile the code of a thread or a task for each type of closure or
//! future. Behind a pointer they are of one type.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::task::JoinHandle;

/// Starts a thread with a name.
///
/// # Errors
///
/// If the system has no thread left.
pub(crate) fn thread(
    name: impl Into<String>,
    run: impl FnOnce() + Send + 'static,
) -> io::Result<thread::JoinHandle<()>> {
    boxed_thread(name.into(), Box::new(run))
}

fn boxed_thread(name: String, run: Box<dyn FnOnce() + Send>) -> io::Result<thread::JoinHandle<()>> {
    thread::Builder::new().name(name).spawn(run)
}

/// Spawns a task.
pub(crate) fn task(runtime: &Handle, future: impl Future<Output = ()> + Send + 'static) -> JoinHandle<()> {
    boxed_task(runtime, Box::pin(future))
}

fn boxed_task(runtime: &Handle, future: Pin<Box<dyn Future<Output = ()> + Send>>) -> JoinHandle<()> {
    runtime.spawn(future)
}

/// Work of another thread: the other side of a [`Completer`].
pub(crate) struct Completion(Arc<Work>);

/// Completes its work, or gives it up when it is dropped.
pub(crate) struct Completer(Arc<Work>);

/// A channel of the standard library would be a hundred times the code.
#[derive(Default)]
struct Work {
    /// Whether it is complete; `None` while it is under way.
    is_complete: Mutex<Option<bool>>,
    has_ended: Condvar,
}

pub(crate) fn completion() -> (Completer, Completion) {
    let work = Arc::<Work>::default();
    (Completer(work.clone()), Completion(work))
}

impl Completer {
    pub(crate) fn complete(self) {
        self.end(true);
    }

    fn end(&self, is_complete: bool) {
        self.0.is_complete.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(is_complete);
        self.0.has_ended.notify_one();
    }
}

impl Drop for Completer {
    fn drop(&mut self) {
        self.end(false);
    }
}

impl Completion {
    /// Waits until the work has ended, for at most `limit`. Returns whether it is complete. Blocks
    /// the thread.
    pub(crate) fn wait(&self, limit: Duration) -> bool {
        let state = self.0.is_complete.lock().unwrap_or_else(PoisonError::into_inner);
        let ended = self.0.has_ended.wait_timeout_while(state, limit, |state| state.is_none());
        let (state, _) = ended.unwrap_or_else(PoisonError::into_inner);
        *state == Some(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_that_was_given_up_has_ended_and_is_not_complete() {
        let (given_up, first) = completion();
        let (done, second) = completion();
        let (_under_way, third) = completion();
        let other = thread("other", move || {
            drop(given_up);
            done.complete();
        });
        assert!(!first.wait(Duration::MAX) && second.wait(Duration::MAX));
        assert!(!third.wait(Duration::ZERO));
        other.unwrap().join().unwrap();
    }
}
