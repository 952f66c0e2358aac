//! A child process that is kept: with its process group, and with its exit status, until all of it
//! has ended.
//!
//! # Invariants
//!
//! 1. A signal to the group reaches no other process. The number of a group is in use for as long as
//!    its leader was not waited for, or a member is left. So an exit is noticed without waiting
//!    for the child (`WNOWAIT`), and [`ChildProcess::reap`] comes only when the group is to end.
//!    After it each signal follows a look at the group that found a member just before.
//! 2. A child that is dropped is killed with its group, unless the group was seen to be empty.

use super::process::ChildGroup;
use crate::platform::{ChildExit, Signal};
use crate::sync::Mutex;
use rustix::io::Errno;
use rustix::process::{
    Pid, WaitId, WaitIdOptions, WaitOptions, kill_process, kill_process_group, test_kill_process_group, waitid,
    waitpgid,
};
use std::collections::BTreeSet;
use std::io;
use std::sync::LazyLock;
use std::time::Duration;
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command};
use tokio::signal::unix::{Signal as SignalStream, SignalKind, signal};

/// The children that have not been waited for, and whose exit status is still needed.
static KEPT: LazyLock<Mutex<BTreeSet<i32>>> = LazyLock::new(Mutex::default);

/// Whether the exit status of this child is still needed.
#[cfg(target_os = "linux")]
pub(super) fn is_kept(pid: i32) -> bool {
    KEPT.lock().contains(&pid)
}

/// How often a group is looked at that is to end: at first, and at most.
const POLL: (Duration, Duration) = (Duration::from_millis(1), Duration::from_millis(50));

/// See the module.
#[derive(Debug)]
pub(crate) struct ChildProcess {
    pid: Pid,
    child: Child,
    /// SIGCHLD.
    ended: SignalStream,
    exit: Option<ChildExit>,
    stage: GroupStage,
    /// Dropped before the child, and before [`Kept`].
    group: ChildGroup,
    _kept: Kept,
}

/// How far the end of a group is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum GroupStage {
    /// Its leader was not waited for.
    HasLeader,
    /// Its leader was waited for; others may be left.
    Reaped,
    Empty,
}

/// A child that is in [`KEPT`] until this is dropped.
#[derive(Debug)]
struct Kept(i32);

impl Drop for Kept {
    fn drop(&mut self) {
        KEPT.lock().remove(&self.0);
    }
}

impl ChildProcess {
    /// Has the child run as another user. The supplementary groups are given up.
    #[expect(clippy::unnecessary_wraps, reason = "there are systems without such numbers")]
    pub(crate) fn set_user(command: &mut Command, uid: u32, gid: u32) -> io::Result<()> {
        command.uid(uid).gid(gid);
        Ok(())
    }

    /// Starts the child as the leader of a group of its own.
    pub(crate) fn spawn(command: &mut Command) -> io::Result<Self> {
        // Before the child, so that no exit is missed.
        let ended = signal(SignalKind::child())?;
        super::deliver_blocked(&[Signal::from_raw(SignalKind::child().as_raw_value())]);
        ChildGroup::prepare(command);
        let child = command.kill_on_drop(true).spawn()?;
        let group = ChildGroup::of(&child);
        let Some(pid) = group.leader() else {
            return Err(io::Error::other("the child has no number"));
        };
        KEPT.lock().insert(pid.as_raw_pid());
        let _kept = Kept(pid.as_raw_pid());
        Ok(ChildProcess { pid, child, ended, exit: None, stage: GroupStage::HasLeader, group, _kept })
    }

    pub(crate) fn id(&self) -> i32 {
        self.pid.as_raw_pid()
    }

    pub(crate) fn take_stdin(&mut self) -> Option<ChildStdin> {
        self.child.stdin.take()
    }

    pub(crate) fn take_stdout(&mut self) -> Option<ChildStdout> {
        self.child.stdout.take()
    }

    pub(crate) fn take_stderr(&mut self) -> Option<ChildStderr> {
        self.child.stderr.take()
    }

    /// Waits until the child has exited. It stays a zombie until [`reap`](ChildProcess::reap).
    ///
    /// # Cancel safety
    ///
    /// This method is cancel safe.
    pub(crate) async fn exited(&mut self) -> ChildExit {
        loop {
            if let Some(exit) = self.look() {
                return exit;
            }
            if self.ended.recv().await.is_none() {
                // The runtime ends.
                std::future::pending::<()>().await;
            }
        }
    }

    /// How the child has exited, if it has.
    fn look(&mut self) -> Option<ChildExit> {
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        while self.exit.is_none() {
            match waitid(WaitId::Pid(self.pid), options) {
                Ok(None) => break,
                Ok(Some(status)) => {
                    let signal = status.terminating_signal().map(ChildExit::Signal);
                    self.exit = Some(signal.unwrap_or(ChildExit::Status(status.exit_status().unwrap_or_default())));
                }
                Err(Errno::INTR) => {}
                // Other code has waited for it.
                Err(_) => {
                    self.exit = Some(ChildExit::Unknown);
                    self.stage = GroupStage::Reaped;
                }
            }
        }
        self.exit
    }

    /// Sends a signal to the child alone.
    ///
    /// # Errors
    ///
    /// If the system refuses it. A child that has exited is none.
    pub(crate) fn signal(&mut self, signal: Signal) -> io::Result<()> {
        let signal = named(signal)?;
        match self.look() {
            Some(_) => Ok(()),
            None => sent(kill_process(self.pid, signal)),
        }
    }

    /// Sends a signal to all of the group.
    ///
    /// # Errors
    ///
    /// If the system refuses it. An empty group is none.
    pub(crate) fn signal_group(&mut self, signal: Signal) -> io::Result<()> {
        let signal = named(signal)?;
        if self.is_over() {
            return Ok(());
        }
        sent(kill_process_group(self.pid, signal))?;
        // One that is stopped gets the signal once it continues.
        sent(kill_process_group(self.pid, rustix::process::Signal::CONT))
    }

    /// Kills all of the group.
    ///
    /// # Errors
    ///
    /// If the system refuses it.
    pub(crate) fn kill_group(&mut self) -> io::Result<()> {
        if self.is_over() {
            return Ok(());
        }
        sent(kill_process_group(self.pid, rustix::process::Signal::KILL))
    }

    /// Whether nothing is left of the group, for all that is known without waiting for the child.
    fn is_over(&mut self) -> bool {
        self.stage != GroupStage::HasLeader && !self.has_others()
    }

    /// Waits for the child, which has exited.
    fn reap(&mut self) {
        if self.stage == GroupStage::HasLeader {
            // It has exited, so this does wait for it.
            let _ = self.child.try_wait();
            self.stage = GroupStage::Reaped;
        }
    }

    /// Whether the child, which has exited, has left others in its group.
    pub(crate) fn has_others(&mut self) -> bool {
        self.reap();
        if self.stage == GroupStage::Reaped && !self.has_members() {
            self.stage = GroupStage::Empty;
            self.group.has_ended();
        }
        self.stage != GroupStage::Empty
    }

    fn has_members(&self) -> bool {
        // Without permission to send a signal it is a group all the same.
        let exists = !matches!(test_kill_process_group(self.pid), Err(Errno::SRCH));
        let is_live = exists && has_live_member(self.pid);
        // The orphans among its zombies are children of this process if it is the first of its
        // system.
        while exists && matches!(waitpgid(self.pid, WaitOptions::NOHANG), Ok(Some(_))) {}
        is_live
    }

    /// Waits until the child has exited, and nothing of its group is left. Waits for the child, so
    /// that it is no zombie.
    ///
    /// # Cancel safety
    ///
    /// This method is cancel safe.
    pub(crate) async fn group_ended(&mut self) {
        self.exited().await;
        let mut pause = POLL.0;
        while self.has_others() {
            tokio::time::sleep(pause).await;
            pause = (2 * pause).min(POLL.1);
        }
    }
}

impl Drop for ChildProcess {
    fn drop(&mut self) {
        if self.stage == GroupStage::Reaped {
            // Invariant 1: dropping the group kills it.
            let _ = self.has_others();
        }
    }
}

/// The signal as rustix has it.
fn named(signal: Signal) -> io::Result<rustix::process::Signal> {
    rustix::process::Signal::from_named_raw(signal.as_raw()).ok_or_else(|| {
        let text = format!("there is no signal {}; real-time signals cannot be sent", signal.as_raw());
        io::Error::new(io::ErrorKind::InvalidInput, text)
    })
}

/// A signal to a process that has ended is no error.
fn sent(result: Result<(), Errno>) -> io::Result<()> {
    match result {
        Err(Errno::SRCH) => Ok(()),
        result => result.map_err(Into::into),
    }
}

/// Whether the group, which has members, has one that is not a zombie: an orphan of it remains one
/// for as long as the first process of the system waits for none. Where none can be seen, true.
fn has_live_member(group: Pid) -> bool {
    let Some(processes) = super::proc::processes() else { return true };
    let mut members = processes.filter(|process| process.group == group.as_raw_pid()).peekable();
    // Those of another user may be hidden.
    members.peek().is_none() || members.any(|process| !process.is_zombie)
}
