//! Signals: listening to them, what the process inherited of them, and ending the process by one.
//!
//! A process inherits ignored and blocked signals from the one that started it. The first are left
//! to the caller ([`ignored_signals`]); about the second see [`deliver_blocked`].

use crate::platform::Signal;
use signal_hook::SigId;
use signal_hook::flag::register_conditional_shutdown;
use signal_hook::low_level::unregister;
use std::io::{self, IsTerminal};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use tokio::signal::unix::{SignalKind, signal};

pub(crate) use tokio::signal::unix::Signal as SignalStream;

impl Signal {
    /// SIGHUP. Reloads the daemon, unless [`Daemon::signals`](crate::Daemon::signals) declares that
    /// it stops it. Unix only.
    pub const HANGUP: Signal = Signal(1);
    /// SIGQUIT. Unix only.
    pub const QUIT: Signal = Signal(3);
    /// SIGUSR1. Unix only.
    pub const USER1: Signal = Signal(user_signal_number(10, 30));
    /// SIGUSR2. Unix only.
    pub const USER2: Signal = Signal(user_signal_number(12, 31));
}

/// The number of a user signal: BSD and macOS have other ones than Linux.
const fn user_signal_number(linux: i32, bsd: i32) -> i32 {
    if cfg!(any(target_os = "linux", target_os = "android")) { linux } else { bsd }
}

/// The signal by which an operator asks for a reload, and by which a terminal says that it is gone.
pub(crate) const HANGUP: Option<Signal> = Some(Signal::HANGUP);

/// The signals that a terminal sends, and that `nohup`, or a script with `&`, has a program ignore.
pub(crate) const SENT_BY_TERMINAL: &[Signal] = &[Signal::HANGUP, Signal::INTERRUPT, Signal::QUIT];

/// The signals with the words of `signals(..)`.
pub(crate) const SIGNAL_KEYS: &[(Signal, &str)] = &[
    (Signal::HANGUP, "hangup"),
    (Signal::INTERRUPT, "interrupt"),
    (Signal::QUIT, "quit"),
    (Signal::USER1, "user1"),
    (Signal::USER2, "user2"),
    (Signal::TERMINATE, "terminate"),
];

/// Receives a signal until it is dropped. tokio's handler for it stays installed after that.
pub(crate) fn listen(to: Signal) -> io::Result<SignalStream> {
    signal(SignalKind::from_raw(to.as_raw()))
}

/// A call that does nothing, and panics if the tokio runtime has no IO driver. Signals need one.
pub(crate) fn call_io_driver() {
    // SIGKILL cannot be listened to. With an IO driver that is an error, and installs no handler.
    drop(signal(SignalKind::from_raw(9)));
}

/// The ignored signals of this process: the bit below a signal's number is its own. Without `/proc`,
/// none.
pub(crate) fn ignored_signals() -> u64 {
    mask_in(&std::fs::read_to_string("/proc/self/status").unwrap_or_default(), "SigIgn:").unwrap_or_default()
}

/// Whether the process belongs to a terminal: by its standard input, or as the leader of the
/// terminal's foreground. Without `/proc`, only standard input is looked at.
pub(crate) fn has_terminal() -> bool {
    let stat = || std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    io::stdin().is_terminal() || leads_foreground(&stat()).unwrap_or(false)
}

/// A set of signals in the text of `/proc/self/status`.
fn mask_in(status: &str, key: &str) -> Option<u64> {
    let mask = status.lines().find_map(|line| line.strip_prefix(key))?;
    u64::from_str_radix(mask.trim(), 16).ok()
}

/// Whether the process leads the foreground of its terminal, by the text of `/proc/self/stat`.
fn leads_foreground(stat: &str) -> Option<bool> {
    let (pid, rest) = stat.split_once(' ')?;
    // The name of the program is in parentheses, and may have some itself, and spaces. After it and a
    // space: state, parent, process group, session, terminal, the terminal's foreground group.
    let (_, rest) = rest.rsplit_once(')')?;
    Some(rest.split(' ').nth(6)? == pid)
}

/// Says which of these signals the process has blocked: they do not arrive. To unblock them takes
/// the feature `unblock-signals`.
#[cfg(not(feature = "unblock-signals"))]
pub(crate) fn deliver_blocked(signals: &[Signal]) {
    let status = std::fs::read_to_string("/proc/thread-self/status").unwrap_or_default();
    let blocked = mask_in(&status, "SigBlk:").unwrap_or_default();
    for signal in signals.iter().filter(|signal| blocked >> (signal.as_raw() - 1) & 1 != 0) {
        let name = super::signal_name(signal.as_raw()).unwrap_or("a signal");
        crate::panic::emit!(WARN, target: "rxd", "{name} does not reach this daemon: the process that started it has blocked it. Unblock it there, or enable the feature `unblock-signals` of rxd");
    }
}

/// While it lives, a signal ends the process with a status, whatever its threads do: a handler of
/// `signal_hook` ends it, on whatever thread.
#[derive(Debug)]
pub(crate) struct ExitAtSignal(SigId);

impl ExitAtSignal {
    /// `None` for a signal that cannot be handled.
    pub(crate) fn new(signal: Signal, status: i32) -> Option<Self> {
        let always = Arc::new(AtomicBool::new(true));
        register_conditional_shutdown(signal.as_raw(), status, always).ok().map(ExitAtSignal)
    }
}

impl Drop for ExitAtSignal {
    fn drop(&mut self) {
        unregister(self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn o_start_conditions_are_read_from_the_texts_of_the_kernel() {
        assert_eq!(mask_in("Name:\tx\nSigIgn:\t0000000000001007\nSigCgt:\t0\n", "SigIgn:"), Some(0x1007));
        assert_eq!(mask_in("", "SigIgn:"), None);
        let stat = |foreground: i32| format!("42 (a) R (b) S 41 42 42 34816 {foreground} 4194304 1");
        assert_eq!(leads_foreground(&stat(42)), Some(true));
        assert_eq!(leads_foreground(&stat(-1)), Some(false), "without a terminal");
        assert_eq!(leads_foreground(""), None);
    }
}
