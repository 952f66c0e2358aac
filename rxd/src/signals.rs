//! The signals of the operating system that a daemon reacts to.
//!
//! The supervisor and the monitor each have a [`SignalListener`]. [`StopRequests`] counts the
//! signals that stop: the first begins the shutdown, the second forces it, the third ends the
//! process.

use crate::error::Error;
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

/// Receives signals until it is dropped.
pub(crate) struct SignalListener {
    stop: Vec<(i32, unix::Signal)>,
    /// SIGHUP, unless it stops the daemon.
    reload: Option<unix::Signal>,
}

/// What a signal asks for.
pub(crate) enum SignalEvent {
    Stop(i32),
    Reload,
}

impl SignalListener {
    /// Listens to these signals, and to SIGHUP. Without a stop signal it does not listen to SIGHUP
    /// either: the daemon then handles no signals at all.
    pub(crate) fn new(stop: &[Signal]) -> Result<Self, Error> {
        if stop.is_empty() {
            return Ok(SignalListener::none());
        }
        let listen = |signal: Signal| {
            unix::signal(unix::SignalKind::from_raw(signal.0))
                .map_err(|error| Error::with_cause(format!("failed to listen to signal {}: {error}", signal.0), error))
        };
        let reload = if stop.contains(&Signal::HANGUP) { None } else { Some(listen(Signal::HANGUP)?) };
        let stop = stop.iter().map(|&signal| Ok((signal.0, listen(signal)?))).collect::<Result<_, Error>>()?;
        Ok(SignalListener { stop, reload })
    }

    pub(crate) fn none() -> Self {
        SignalListener { stop: Vec::new(), reload: None }
    }

    /// Whether it listens to any signal.
    pub(crate) fn listens(&self) -> bool {
        !self.stop.is_empty()
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
    /// the debounce window.
    pub(crate) fn count(&mut self) -> Option<u32> {
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

    #[tokio::test(start_paused = true)]
    async fn stop_signals_in_a_burst_count_as_one() {
        let mut requests = StopRequests::new(false);
        assert_eq!(requests.count(), Some(1));
        for _ in 0..100 {
            tokio::time::advance(DEBOUNCE_WINDOW - Duration::from_millis(1)).await;
            assert_eq!(requests.count(), None, "however long the burst lasts");
        }
        tokio::time::advance(DEBOUNCE_WINDOW).await;
        assert_eq!(requests.count(), Some(2));
        let mut requests = StopRequests::new(true);
        assert_eq!(requests.count(), None);
        tokio::time::advance(DEBOUNCE_WINDOW).await;
        assert_eq!(requests.count(), Some(2), "one was counted before");
    }
}
