//! The signals a daemon heeds.

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
    /// SIGHUP: reload, unless it is declared to stop the daemon.
    pub const HANGUP: Signal = Signal(1);
    /// SIGINT: Ctrl-C.
    pub const INTERRUPT: Signal = Signal(2);
    /// SIGQUIT
    pub const QUIT: Signal = Signal(3);
    /// SIGUSR1
    pub const USER1: Signal = Signal(libc_number(10, 30));
    /// SIGUSR2
    pub const USER2: Signal = Signal(libc_number(12, 31));
    /// SIGTERM: what systemd and container engines send.
    pub const TERMINATE: Signal = Signal(15);

    /// The signal of this number.
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

/// The user signals have other numbers on BSD and macOS.
const fn libc_number(linux: i32, bsd: i32) -> i32 {
    if cfg!(target_os = "linux") { linux } else { bsd }
}

/// The signals that stop a daemon where nothing else is declared.
pub(crate) const DEFAULT_STOP_SIGNALS: &[Signal] = &[Signal::INTERRUPT, Signal::TERMINATE];

/// Listens to signals until it is dropped.
pub(crate) struct SignalListener {
    stop: Vec<(i32, unix::Signal)>,
    reload: Option<unix::Signal>,
}

/// What a signal asks for.
pub(crate) enum SignalEvent {
    Stop(i32),
    Reload,
}

impl SignalListener {
    /// With none to stop at it leaves SIGHUP alone as well.
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

    /// Whether there is any signal that it can hear.
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

/// Signals that follow each other faster than this are one: a terminal and a wrapper that both
/// pass on the same Ctrl-C do not ask twice.
const DEBOUNCE_WINDOW: Duration = Duration::from_millis(20);

/// Counts the signals that ask to stop.
#[derive(Debug)]
pub(crate) struct StopRequests {
    times: u32,
    last: Option<Instant>,
}

impl StopRequests {
    /// With or without one that came before.
    pub(crate) fn new(before: bool) -> Self {
        StopRequests { times: u32::from(before), last: before.then(Instant::now) }
    }

    /// Ordinal of this stop signal; `None` if it repeats the previous one within the debounce window.
    pub(crate) fn count(&mut self) -> Option<u32> {
        let now = Instant::now();
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
    async fn signals_that_follow_each_other_at_once_are_one() {
        let mut asked = StopRequests::new(false);
        assert_eq!(asked.count(), Some(1));
        for _ in 0..100 {
            tokio::time::advance(DEBOUNCE_WINDOW - Duration::from_millis(1)).await;
            assert_eq!(asked.count(), None, "however long it goes on");
        }
        tokio::time::advance(DEBOUNCE_WINDOW).await;
        assert_eq!(asked.count(), Some(2));
        let mut asked = StopRequests::new(true);
        assert_eq!(asked.count(), None);
        tokio::time::advance(DEBOUNCE_WINDOW).await;
        assert_eq!(asked.count(), Some(2), "one was heard before");
    }
}
