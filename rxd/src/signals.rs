//! The signals of the operating system that a daemon reacts to.
//!
//! [`Reactions`] says which signals stop the daemon and whether SIGHUP reloads it: as declared, and
//! as the process was started (in a terminal, by `nohup`). The supervisor and the monitor each have
//! a [`SignalListener`] for them. [`StopRequests`] counts the signals that stop: the first begins
//! the shutdown, the second forces it, the third ends the process.
//!
//! A process inherits ignored and blocked signals from the one that started it:
//!
//! * An ignored one of [`FROM_TERMINAL`] is left ignored, as by every program that may be started
//!   in the background.
//! * A blocked one is delivered all the same: a thread of rxd's does not block it ([`deliver`]).

use crate::error::Error;
use crate::panic::emit;
use crate::sync::Mutex;
use nix::sys::signal::SigSet;
use signal_hook::low_level::signal_name;
use std::collections::BTreeSet;
use std::io::IsTerminal;
use std::sync::{LazyLock, OnceLock};
use std::task::{Context as TaskContext, Poll};
use std::time::Duration;
use tokio::signal::unix;
use tokio::time::Instant;

/// A signal of the operating system.
///
/// ```
/// use rxd::{Daemon, Signal};
///
/// let daemon = Daemon::new("agent").signals([Signal::TERMINATE, Signal::QUIT]);
/// # let _ = daemon;
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Signal(i32);

impl Signal {
    /// SIGHUP. Reloads the daemon, unless [`Daemon::signals`](crate::Daemon::signals) declares that
    /// it stops it.
    pub const HANGUP: Signal = Signal(1);
    /// SIGINT, which Ctrl-C sends.
    pub const INTERRUPT: Signal = Signal(2);
    /// SIGQUIT
    pub const QUIT: Signal = Signal(3);
    /// SIGUSR1
    pub const USER1: Signal = Signal(user_signal_number(10, 30));
    /// SIGUSR2
    pub const USER2: Signal = Signal(user_signal_number(12, 31));
    /// SIGTERM, which systemd and container engines send to stop.
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

/// The number of a user signal: BSD and macOS have other ones than Linux.
const fn user_signal_number(linux: i32, bsd: i32) -> i32 {
    if cfg!(target_os = "linux") { linux } else { bsd }
}

/// The signals that stop a daemon that declares none.
pub(crate) const DEFAULT_STOP_SIGNALS: &[Signal] = &[Signal::INTERRUPT, Signal::TERMINATE];

/// The signals that a terminal sends, and that `nohup`, or a script with `&`, has a program ignore.
///
/// No other is left ignored: a daemon that ignores SIGTERM could only be killed, and Rust itself
/// has every process ignore SIGPIPE.
const FROM_TERMINAL: [Signal; 3] = [Signal::HANGUP, Signal::INTERRUPT, Signal::QUIT];

/// What a daemon does at a signal.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Reactions {
    /// The signals that stop it.
    pub(crate) stop: Vec<Signal>,
    /// Whether SIGHUP reloads it.
    reload: bool,
}

impl Reactions {
    /// Of a daemon that these signals are declared to stop. Without one it handles no signals at
    /// all.
    pub(crate) fn new(declared: Option<Vec<Signal>>) -> Self {
        let declared = declared.unwrap_or_else(|| DEFAULT_STOP_SIGNALS.to_vec());
        if declared.is_empty() {
            return Reactions { stop: declared, reload: false };
        }
        static START: OnceLock<StartConditions> = OnceLock::new();
        let start = START.get_or_init(StartConditions::read);
        for signal in FROM_TERMINAL.into_iter().filter(|&signal| start.ignores(signal)) {
            let name = signal_name(signal.0).unwrap_or("a signal");
            emit!(
                INFO, target: "rxd", signal = signal.0,
                "{name} does nothing: it was ignored when the process started, as by `nohup` or `&` in a script"
            );
        }
        Reactions::at(declared, start)
    }

    fn at(declared: Vec<Signal>, start: &StartConditions) -> Self {
        let mut stop = declared;
        if start.terminal && !stop.contains(&Signal::HANGUP) {
            stop.push(Signal::HANGUP);
        }
        let reload = !stop.contains(&Signal::HANGUP) && !start.ignores(Signal::HANGUP);
        stop.retain(|&signal| !start.ignores(signal));
        Reactions { stop, reload }
    }

    /// Whether it reacts to any signal.
    pub(crate) fn any(&self) -> bool {
        self.reload || !self.stop.is_empty()
    }
}

/// How the process was started. It is read before rxd changes anything about signals, and not again:
/// a later daemon of the process finds rxd's own handlers.
#[derive(Debug, Default)]
struct StartConditions {
    /// The ignored signals: the bit below a signal's number is its own.
    ignored: u64,
    /// Whether the process belongs to a terminal: by its standard input, or as the leader of the
    /// terminal's foreground. SIGHUP then says that the terminal is gone.
    terminal: bool,
}

impl StartConditions {
    /// Without `/proc`, no signal counts as ignored, and only standard input is looked at.
    fn read() -> Self {
        let file = |path| std::fs::read_to_string(path).unwrap_or_default();
        StartConditions {
            ignored: ignored_in(&file("/proc/self/status")).unwrap_or_default(),
            terminal: std::io::stdin().is_terminal() || leads_foreground(&file("/proc/self/stat")).unwrap_or(false),
        }
    }

    fn ignores(&self, signal: Signal) -> bool {
        FROM_TERMINAL.contains(&signal) && self.ignored & 1 << (signal.0 - 1) != 0
    }
}

/// The ignored signals in the text of `/proc/self/status`.
fn ignored_in(status: &str) -> Option<u64> {
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"))?;
    u64::from_str_radix(mask.trim(), 16).ok()
}

/// Whether the process leads the foreground of its terminal, by the text of `/proc/self/stat`.
fn leads_foreground(stat: &str) -> Option<bool> {
    let (pid, rest) = stat.split_once(' ')?;
    // The name of the program is in parentheses, and may have some itself, and spaces. After it:
    // state, parent, process group, session, terminal, the terminal's foreground group.
    let (_, rest) = rest.rsplit_once(") ")?;
    Some(rest.split(' ').nth(5)? == pid)
}

/// Receives signals until it is dropped.
pub(crate) struct SignalListener {
    stop: Vec<(i32, unix::Signal)>,
    /// SIGHUP, if it reloads the daemon.
    reload: Option<unix::Signal>,
}

/// What a signal asks for.
pub(crate) enum SignalEvent {
    Stop(i32),
    Reload,
}

impl SignalListener {
    pub(crate) fn new(reactions: &Reactions) -> Result<Self, Error> {
        let listen = |signal: Signal| {
            unix::signal(unix::SignalKind::from_raw(signal.0))
                .map_err(|error| Error::with_cause(format!("failed to listen to signal {}: {error}", signal.0), error))
        };
        let reload = reactions.reload.then(|| listen(Signal::HANGUP)).transpose()?;
        let stop =
            reactions.stop.iter().map(|&signal| Ok((signal.0, listen(signal)?))).collect::<Result<Vec<_>, Error>>()?;
        let listener = SignalListener { stop, reload };
        deliver(listener.numbers());
        Ok(listener)
    }

    /// Whether it listens to any signal.
    pub(crate) fn listens(&self) -> bool {
        self.numbers().next().is_some()
    }

    fn numbers(&self) -> impl Iterator<Item = i32> {
        self.stop.iter().map(|(number, _)| *number).chain(self.reload.iter().map(|_| Signal::HANGUP.0))
    }

    pub(crate) fn poll(&mut self, task: &mut TaskContext<'_>) -> Poll<SignalEvent> {
        for (number, signal) in &mut self.stop {
            if let Poll::Ready(Some(())) = signal.poll_recv(task) {
                return Poll::Ready(SignalEvent::Stop(*number));
            }
        }
        match self.reload.as_mut().map(|signal| signal.poll_recv(task)) {
            Some(Poll::Ready(Some(()))) => Poll::Ready(SignalEvent::Reload),
            _ => Poll::Pending,
        }
    }

    pub(crate) async fn next(&mut self) -> SignalEvent {
        std::future::poll_fn(|task| self.poll(task)).await
    }
}

/// Has the signals delivered that the calling thread blocks, and with it probably every other: a
/// process inherits what the one that started it has blocked, and a thread what the thread that
/// started it has.
///
/// A signal needs only one thread that does not block it. That thread lasts as long as the process:
/// a signal may also have to end the process after its last daemon. Called after the handlers are
/// installed, since a signal may be pending already.
fn deliver(numbers: impl Iterator<Item = i32>) {
    static DELIVERED: LazyLock<Mutex<BTreeSet<i32>>> = LazyLock::new(Mutex::default);
    let signals = numbers.filter_map(|number| nix::sys::signal::Signal::try_from(number).ok());
    let Ok(blocked) = SigSet::thread_get_mask() else { return };
    let mut unblocked = SigSet::empty();
    let mut delivered = DELIVERED.lock();
    for signal in signals.filter(|signal| blocked.contains(*signal)) {
        if delivered.insert(signal as i32) {
            unblocked.add(signal);
        }
    }
    drop(delivered);
    if unblocked.iter().next().is_none() {
        return;
    }
    let run = move || {
        let _ = unblocked.thread_unblock();
        loop {
            std::thread::park();
        }
    };
    if let Err(error) = std::thread::Builder::new().name("rxd-signals".into()).spawn(run) {
        emit!(WARN, target: "rxd", "signals may not be delivered: the process blocks them, and a thread for them did not start: {error}");
    }
}

/// Signals that follow each other faster than this count as one: a terminal and a wrapper may both
/// pass on the same Ctrl-C, which must not force the shutdown.
const DEBOUNCE_WINDOW: Duration = Duration::from_millis(20);

/// Counts the signals that ask to stop.
#[derive(Debug)]
pub(crate) struct StopRequests {
    times: u32,
    last: Option<Instant>,
}

impl StopRequests {
    /// Starts the count; `before` says whether one signal has been counted already, just now.
    pub(crate) fn new(before: bool) -> Self {
        StopRequests { times: u32::from(before), last: before.then(Instant::now) }
    }

    /// Counts a stop signal, and returns its ordinal; `None` if it repeats the previous one within
    /// the debounce window, or is a SIGHUP after another signal: when a terminal goes, its shell and
    /// the kernel each send one, and the shell may take its time.
    pub(crate) fn count(&mut self, number: i32) -> Option<u32> {
        if self.times > 0 && number == Signal::HANGUP.0 {
            return None;
        }
        let now = Instant::now();
        // Also moved on by a repeated signal: a burst is one, however long it lasts.
        let last = self.last.replace(now);
        if last.is_some_and(|last| now - last < DEBOUNCE_WINDOW) {
            return None;
        }
        self.times += 1;
        Some(self.times)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(declared: &[Signal], ignored: &[Signal], terminal: bool) -> Reactions {
        let ignored = ignored.iter().map(|signal| 1 << (signal.as_raw() - 1)).sum();
        Reactions::at(declared.to_vec(), &StartConditions { ignored, terminal })
    }

    #[test]
    fn o_hangup_in_a_terminal_stops_and_elsewhere_reloads() {
        let (hangup, term) = (Signal::HANGUP, Signal::TERMINATE);
        assert_eq!(at(&[term], &[], false), Reactions { stop: vec![term], reload: true });
        assert_eq!(at(&[term], &[], true), Reactions { stop: vec![term, hangup], reload: false });
        assert_eq!(at(&[hangup], &[], true), Reactions { stop: vec![hangup], reload: false });
    }

    #[test]
    fn o_signal_ignored_at_the_start_neither_stops_nor_reloads() {
        let (hangup, int, term) = (Signal::HANGUP, Signal::INTERRUPT, Signal::TERMINATE);
        for terminal in [false, true] {
            assert_eq!(at(&[int, term], &[hangup, int], terminal), Reactions { stop: vec![term], reload: false });
            assert_eq!(at(&[hangup, term], &[hangup], terminal), Reactions { stop: vec![term], reload: false });
        }
        assert_eq!(at(&[int], &[int], false), Reactions { stop: vec![], reload: true });
        assert_eq!(at(&[term], &[term], false).stop, [term], "or the daemon could only be killed");
    }

    #[test]
    fn o_start_conditions_are_read_from_the_texts_of_the_kernel() {
        assert_eq!(ignored_in("Name:\tx\nSigIgn:\t0000000000001007\nSigCgt:\t0\n"), Some(0x1007));
        assert_eq!(ignored_in(""), None);
        let stat = |foreground: i32| format!("42 (a) R (b) S 41 42 42 34816 {foreground} 4194304 1");
        assert_eq!(leads_foreground(&stat(42)), Some(true));
        assert_eq!(leads_foreground(&stat(-1)), Some(false), "without a terminal");
        assert_eq!(leads_foreground(""), None);
    }

    #[tokio::test(start_paused = true)]
    async fn stop_signals_in_a_burst_count_as_one() {
        let mut requests = StopRequests::new(false);
        assert_eq!(requests.count(15), Some(1));
        for _ in 0..100 {
            tokio::time::advance(DEBOUNCE_WINDOW - Duration::from_millis(1)).await;
            assert_eq!(requests.count(15), None, "however long the burst lasts");
        }
        tokio::time::advance(DEBOUNCE_WINDOW).await;
        assert_eq!(requests.count(15), Some(2));
        tokio::time::advance(DEBOUNCE_WINDOW).await;
        assert_eq!(requests.count(1), None, "a terminal that goes may send several");
        let mut requests = StopRequests::new(true);
        assert_eq!(requests.count(15), None);
        tokio::time::advance(DEBOUNCE_WINDOW).await;
        assert_eq!(requests.count(15), Some(2), "one was counted before");
    }
}
