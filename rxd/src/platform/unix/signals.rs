//! Signals: listening to them, what the process inherited of them, and ending the process by one.
//!
//! A process inherits ignored and blocked signals from the one that started it. The first are left
//! to the caller ([`ignored_signals`]); about the second see [`deliver_blocked`].

use crate::platform::Signal;
use signal_hook::SigId;
use signal_hook::consts::FORBIDDEN;
use signal_hook::flag::{register, register_conditional_shutdown};
use signal_hook::low_level::unregister;
use std::io::{self, IsTerminal};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use tokio::signal::unix::{SignalKind, signal};

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

/// Receives a signal until it is dropped.
pub(crate) struct SignalStream {
    stream: tokio::signal::unix::Signal,
    /// The signal has arrived before `stream` was there.
    is_early: bool,
}

impl SignalStream {
    pub(crate) fn poll_recv(&mut self, task: &mut Context<'_>) -> Poll<Option<()>> {
        match std::mem::take(&mut self.is_early) {
            true => Poll::Ready(Some(())),
            false => self.stream.poll_recv(task),
        }
    }
}

/// Receives a signal until it is dropped. tokio's handler for it stays installed after that.
///
/// tokio installs its handler first, and then makes the stream: a signal that arrives in between is
/// lost, and would not end the process either. So a second handler notes what arrives meanwhile.
///
/// For about a microsecond a signal is lost all the same: `signal-hook-registry` installs the handler
/// before its actions. To close that gap takes a handler of our own, which takes `unsafe`.
pub(crate) fn listen(to: Signal) -> io::Result<SignalStream> {
    listen_after(to, || {})
}

/// `before_stream` is called while the handler is installed and the stream is not made.
fn listen_after(to: Signal, before_stream: impl FnOnce()) -> io::Result<SignalStream> {
    let (number, early) = (to.as_raw(), Arc::new(AtomicBool::new(false)));
    // Of a forbidden signal `register` would panic; tokio returns an error.
    let noting = if FORBIDDEN.contains(&number) { None } else { Some(register(number, early.clone())?) };
    before_stream();
    let stream = signal(SignalKind::from_raw(number));
    // Returns once no handler runs that it has removed.
    noting.map(unregister);
    Ok(SignalStream { stream: stream?, is_early: early.load(Ordering::SeqCst) })
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
    use std::future::poll_fn;

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn g61_signal_during_the_start_is_not_lost() {
        let mut before = listen(Signal::USER2).unwrap();
        let raise = || {
            signal_hook::low_level::raise(Signal::USER2.as_raw()).unwrap();
            // tokio has handed out the signal before the second stream is made.
            let handed_out = poll_fn(|task| before.poll_recv(task));
            tokio::task::block_in_place(|| tokio::runtime::Handle::current().block_on(handed_out));
        };
        let mut stream = listen_after(Signal::USER2, raise).unwrap();
        let next = poll_fn(|task| Poll::Ready(stream.poll_recv(task)));
        assert_eq!(next.await, Poll::Ready(Some(())));
    }

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
