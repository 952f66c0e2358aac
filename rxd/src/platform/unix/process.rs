//! Processes that rxd starts.

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::process::{Child, Command};

/// A child process with all that it has started: its process group, which is killed when this is
/// dropped before the child has ended.
#[derive(Debug)]
pub(crate) struct ChildGroup(Option<Pid>);

impl ChildGroup {
    /// Has the child lead a group of its own.
    pub(crate) fn prepare(command: &mut Command) {
        command.process_group(0);
    }

    pub(crate) fn of(child: &Child) -> Self {
        // It has no number any more once it was waited for.
        ChildGroup(child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw))
    }

    /// The number of the child and of its group.
    #[cfg(feature = "process")]
    pub(super) fn leader(&self) -> Option<Pid> {
        self.0
    }

    /// The child has ended, and was waited for: its number may be that of another process.
    pub(crate) fn has_ended(&mut self) {
        self.0 = None;
    }
}

impl Drop for ChildGroup {
    fn drop(&mut self) {
        if let Some(group) = self.0 {
            // If nothing of it is left, there is nothing to kill.
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
}
