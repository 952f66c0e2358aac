//! The signals of the operating system that a daemon reacts to.
//!
//! [`Reactions`] says which signals stop the daemon and whether SIGHUP reloads it: as declared, and
//! as the process was started (in a terminal, by `nohup`). The supervisor and the monitor each have
//! a [`SignalListener`] for them. [`StopRequests`] counts the signals that stop: the first begins
//! the shutdown, the second forces it, the third ends the process.
//!
//! A process inherits ignored and blocked signals from the one that started it:
//!
//! * An ignored one of [`SENT_BY_TERMINAL`] is left ignored, as by every program that may be started
//!   in the background. No other is: a daemon that ignores SIGTERM could only be killed, and Rust
//!   itself has every process ignore SIGPIPE.
//! * About a blocked one see [`deliver_blocked`].

use crate::error::Error;
use crate::panic::emit;
use crate::platform::{
    HANGUP, SENT_BY_TERMINAL, Signal, SignalStream, deliver_blocked, has_terminal, ignored_signals, listen, signal_name,
};
use std::sync::OnceLock;
use std::task::{Context as TaskContext, Poll};
use std::time::Duration;
use tokio::time::Instant;

/// The signals that stop a daemon that declares none.
pub(crate) const DEFAULT_STOP_SIGNALS: &[Signal] = &[Signal::INTERRUPT, Signal::TERMINATE];

/// What a daemon does at a signal.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Reactions {
    /// The signals that stop it.
    pub(crate) stop: Vec<Signal>,
    /// The signal that reloads it: SIGHUP.
    reload: Option<Signal>,
}

impl Reactions {
    /// Of a daemon that these signals are declared to stop. Without one it handles no signals at
    /// all.
    pub(crate) fn new(declared: Option<Vec<Signal>>) -> Self {
        let declared = declared.unwrap_or_else(|| DEFAULT_STOP_SIGNALS.to_vec());
        if declared.is_empty() {
            return Reactions { stop: declared, reload: None };
        }
        static START: OnceLock<StartConditions> = OnceLock::new();
        let start = START.get_or_init(StartConditions::read);
        for &signal in SENT_BY_TERMINAL.iter().filter(|&&signal| start.ignores(signal)) {
            let name = signal_name(signal.as_raw()).unwrap_or("a signal");
            emit!(
                INFO, target: "rxd", signal = signal.as_raw(),
                "{name} does nothing: it was ignored when the process started, as by `nohup` or `&` in a script"
            );
        }
        Reactions::at(declared, start)
    }

    fn at(declared: Vec<Signal>, start: &StartConditions) -> Self {
        let mut stop = declared;
        let hangup = HANGUP.filter(|hangup| !stop.contains(hangup));
        let reload = hangup.filter(|&hangup| !start.terminal && !start.ignores(hangup));
        stop.extend(hangup.filter(|_| start.terminal));
        stop.retain(|&signal| !start.ignores(signal));
        Reactions { stop, reload }
    }

    /// Whether it reacts to any signal.
    pub(crate) fn any(&self) -> bool {
        self.reload.is_some() || !self.stop.is_empty()
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
    fn read() -> Self {
        StartConditions { ignored: ignored_signals(), terminal: has_terminal() }
    }

    fn ignores(&self, signal: Signal) -> bool {
        SENT_BY_TERMINAL.contains(&signal) && self.ignored & 1 << (signal.as_raw() - 1) != 0
    }
}

/// Receives signals until it is dropped.
pub(crate) struct SignalListener {
    stop: Vec<(Signal, SignalStream)>,
    /// The signal that reloads the daemon, if one does.
    reload: Option<(Signal, SignalStream)>,
}

/// What a signal asks for.
pub(crate) enum SignalEvent {
    Stop(i32),
    Reload,
}

impl SignalListener {
    pub(crate) fn new(reactions: &Reactions) -> Result<Self, Error> {
        let listen = |signal: Signal| match listen(signal) {
            Ok(stream) => Ok((signal, stream)),
            Err(error) => {
                let text = format!("failed to listen to signal {}: {error}", signal.as_raw());
                Err(Error::with_cause(text, error))
            }
        };
        let reload = reactions.reload.map(listen).transpose()?;
        let mut stop = Vec::with_capacity(reactions.stop.len());
        for &signal in &reactions.stop {
            stop.push(listen(signal)?);
        }
        let listener = SignalListener { stop, reload };
        let mut signals = reactions.stop.clone();
        signals.extend(reactions.reload);
        deliver_blocked(&signals);
        Ok(listener)
    }

    /// Whether it listens to any signal.
    pub(crate) fn listens(&self) -> bool {
        self.reload.is_some() || !self.stop.is_empty()
    }

    pub(crate) fn poll(&mut self, task: &mut TaskContext<'_>) -> Poll<SignalEvent> {
        for (signal, stream) in &mut self.stop {
            if let Poll::Ready(Some(())) = stream.poll_recv(task) {
                return Poll::Ready(SignalEvent::Stop(signal.as_raw()));
            }
        }
        match self.reload.as_mut().map(|(_, stream)| stream.poll_recv(task)) {
            Some(Poll::Ready(Some(()))) => Poll::Ready(SignalEvent::Reload),
            _ => Poll::Pending,
        }
    }

    pub(crate) async fn next(&mut self) -> SignalEvent {
        std::future::poll_fn(|task| self.poll(task)).await
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
        if self.times > 0 && HANGUP.is_some_and(|hangup| number == hangup.as_raw()) {
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

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    fn at(declared: &[Signal], ignored: &[Signal], terminal: bool) -> Reactions {
        let ignored = ignored.iter().map(|signal| 1 << (signal.as_raw() - 1)).sum();
        Reactions::at(declared.to_vec(), &StartConditions { ignored, terminal })
    }

    #[test]
    fn o_hangup_in_a_terminal_stops_and_elsewhere_reloads() {
        let (hangup, term) = (Signal::HANGUP, Signal::TERMINATE);
        assert_eq!(at(&[term], &[], false), Reactions { stop: vec![term], reload: Some(hangup) });
        assert_eq!(at(&[term], &[], true), Reactions { stop: vec![term, hangup], reload: None });
        assert_eq!(at(&[hangup], &[], true), Reactions { stop: vec![hangup], reload: None });
    }

    #[test]
    fn o_signal_ignored_at_the_start_neither_stops_nor_reloads() {
        let (hangup, int, term) = (Signal::HANGUP, Signal::INTERRUPT, Signal::TERMINATE);
        for terminal in [false, true] {
            assert_eq!(at(&[int, term], &[hangup, int], terminal), Reactions { stop: vec![term], reload: None });
            assert_eq!(at(&[hangup, term], &[hangup], terminal), Reactions { stop: vec![term], reload: None });
        }
        assert_eq!(at(&[int], &[int], false), Reactions { stop: vec![], reload: Some(hangup) });
        assert_eq!(at(&[term], &[term], false).stop, [term], "or the daemon could only be killed");
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
