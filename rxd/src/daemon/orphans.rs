//! Waiting for orphans, as the first process of a container is to do.

use super::Daemon;
use tokio::runtime::Handle;
use tokio::task::JoinHandle;

impl Daemon {
    /// Waits for orphans, so that none remains as a zombie: processes that this one has not started
    /// itself, and that it gets when their parent ends. Linux only; elsewhere it does nothing.
    ///
    /// Only the first process of a container, and one that is a subreaper, get any. A container
    /// engine does the same by an option, such as `docker run --init`, without what it costs here:
    ///
    /// * Every zombie that is 5 s old is waited for, also a child of other code in this process. If
    ///   that code waits later, it finds that there is no such child, and never learns its status.
    ///   A child of [`rxd::process`](crate::process) or of tokio is waited for at once, and is not
    ///   concerned.
    /// * While children end, `/proc` is read once a second.
    pub fn reap_orphans(mut self) -> Self {
        self.reap_orphans = true;
        self
    }
}

/// Waits for orphans until it is dropped.
#[derive(Debug)]
pub(crate) struct OrphanTask(JoinHandle<()>);

impl OrphanTask {
    pub(super) fn start(runtime: &Handle) -> Self {
        OrphanTask(crate::spawn::task(runtime, crate::platform::reap_orphans()))
    }
}

impl Drop for OrphanTask {
    fn drop(&mut self) {
        self.0.abort();
    }
}
