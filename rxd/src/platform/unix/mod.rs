//! Linux, macOS, and every other Unix.

#[cfg(feature = "process")]
mod child;
#[cfg(feature = "log")]
mod files;
#[cfg(feature = "axum")]
mod local;
#[cfg(feature = "process")]
mod notify_socket;
#[cfg(all(feature = "process", target_os = "linux"))]
mod orphans;
#[cfg(feature = "process")]
mod proc;
#[cfg(feature = "probe")]
mod process;
mod signals;
#[cfg(feature = "unblock-signals")]
mod unblock;

#[cfg(feature = "process")]
pub(crate) use child::ChildProcess;
#[cfg(feature = "journald")]
pub(crate) use files::JournalSocket;
#[cfg(feature = "admin")]
pub(crate) use files::open_file_limit;
#[cfg(feature = "log")]
pub(crate) use files::{CAN_TELL_FILES, leads_to, stderr, stderr_is_journal, stdout};
#[cfg(feature = "axum")]
pub(crate) use local::LocalListener;
#[cfg(all(feature = "axum", feature = "systemd"))]
pub(crate) use local::PassedLocal;
#[cfg(feature = "process")]
pub(crate) use notify_socket::ChildNotifySocket;
#[cfg(all(feature = "process", target_os = "linux"))]
pub(crate) use orphans::reap_orphans;
#[cfg(feature = "probe")]
pub(crate) use process::ChildGroup;
pub(crate) use signal_hook::low_level::{exit, signal_name};
#[cfg(not(feature = "unblock-signals"))]
pub(crate) use signals::deliver_blocked;
pub(crate) use signals::{
    ExitAtSignal, HANGUP, SENT_BY_TERMINAL, SIGNAL_KEYS, SignalStream, call_io_driver, has_terminal, ignored_signals,
    listen,
};
#[cfg(feature = "axum")]
pub(crate) use tokio::net::UnixStream as LocalStream;
#[cfg(feature = "unblock-signals")]
pub(crate) use unblock::deliver_blocked;

/// Why there are no Unix sockets here; `None`: there are.
#[cfg(feature = "admin")]
pub(crate) const NO_UNIX_SOCKETS: Option<&str> = None;

/// Orphans are waited for on Linux only.
#[cfg(all(feature = "process", not(target_os = "linux")))]
pub(crate) async fn reap_orphans() {}
