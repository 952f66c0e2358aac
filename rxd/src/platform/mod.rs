//! Everything of rxd that depends on the operating system: signals, the end of the process, standard
//! streams, files, and sockets that are not TCP.
//!
//! `unix` and `windows` have the same functions and types, and one of them is compiled. The rest of
//! rxd uses them by the names that this file exports, and has no `cfg` for a system; a test keeps it
//! so (`rxd/tests/layers.rs`). The room `systemd` is the exception: most of it is about Unix alone.

#[cfg(unix)]
mod unix;
#[cfg(windows)]
mod windows;

#[cfg(unix)]
use unix as system;
#[cfg(windows)]
use windows as system;

#[cfg(feature = "probe")]
pub(crate) use system::ChildGroup;
#[cfg(feature = "journald")]
pub(crate) use system::JournalSocket;
#[cfg(all(feature = "axum", feature = "systemd"))]
pub(crate) use system::PassedLocal;
#[cfg(feature = "log")]
pub(crate) use system::{CAN_TELL_FILES, leads_to, stderr, stderr_is_journal, stdout};
#[cfg(feature = "process")]
pub(crate) use system::{ChildNotifySocket, ChildProcess, reap_orphans};
pub(crate) use system::{
    ExitAtSignal, HANGUP, SENT_BY_TERMINAL, SIGNAL_KEYS, SignalStream, call_io_driver, deliver_blocked, exit,
    has_terminal, ignored_signals, listen, signal_name,
};
#[cfg(feature = "axum")]
pub(crate) use system::{LocalListener, LocalStream};
#[cfg(feature = "admin")]
pub(crate) use system::{NO_UNIX_SOCKETS, open_file_limit};

/// A signal of the operating system.
///
/// ```
/// use rxd::{Daemon, Signal};
///
/// let daemon = Daemon::new("agent").signals([Signal::INTERRUPT, Signal::TERMINATE]);
/// # let _ = daemon;
/// ```
///
/// Windows has no signals. There `INTERRUPT` stands for Ctrl-C, `TERMINATE` for Ctrl-Break and for
/// the events by which Windows ends a program: its console is closed, its user logs off, the machine
/// shuts down. The other constants exist on Unix only, and listening to another number is an error
/// when the daemon starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Signal(i32);

impl Signal {
    /// SIGINT, which Ctrl-C sends. On Windows, Ctrl-C.
    pub const INTERRUPT: Signal = Signal(2);
    /// SIGTERM, which systemd and container engines send to stop. On Windows, Ctrl-Break, and the
    /// end of the console, of the user's session, or of the system.
    pub const TERMINATE: Signal = Signal(15);

    /// The signal with this number.
    #[must_use]
    pub const fn from_raw(number: i32) -> Self {
        Signal(number)
    }

    /// The signal's number.
    #[must_use]
    pub const fn as_raw(self) -> i32 {
        self.0
    }
}

/// How a child process has ended.
#[cfg(feature = "process")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ChildExit {
    Status(i32),
    /// By a signal with this number.
    #[cfg_attr(windows, expect(dead_code, reason = "Windows has no signals"))]
    Signal(i32),
    /// Other code of this process has waited for it.
    Unknown,
}

#[cfg(feature = "process")]
impl std::fmt::Display for ChildExit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match *self {
            ChildExit::Status(status) => write!(f, "exited with status {status}"),
            ChildExit::Signal(number) => match signal_name(number) {
                Some(name) => write!(f, "was killed by signal {number} ({name})"),
                None => write!(f, "was killed by signal {number}"),
            },
            ChildExit::Unknown => f.write_str("has ended, and other code of this process has taken its exit status"),
        }
    }
}
