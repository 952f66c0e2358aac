//! A service that does what the test tells it.

use rxd::{Backoff, Context, Daemon, DaemonHandle, Error, Options, Runner, Service, State};
use tokio::sync::mpsc;

/// What the test may tell a puppet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tell {
    /// Return from the method you are in.
    Return,
    /// Fail in the method you are in.
    Fail,
}

/// Stays in each of its methods until it is told to leave it; before Run only if it is to.
pub(crate) struct Puppet {
    told: mpsc::UnboundedReceiver<Tell>,
    stays_in: &'static [State],
}

/// What moves a puppet.
#[derive(Clone, Debug)]
pub(crate) struct Strings(mpsc::UnboundedSender<Tell>);

impl Strings {
    pub(crate) fn tell(&self, tell: Tell) {
        self.0.send(tell).expect("the puppet is there");
    }
}

/// A puppet that stays in these states.
pub(crate) fn puppet(stays_in: &'static [State]) -> (Strings, Puppet) {
    let (sender, told) = mpsc::unbounded_channel();
    (Strings(sender), Puppet { told, stays_in })
}

impl Puppet {
    async fn be_in(&mut self, state: State, cx: &Context) -> rxd::Result {
        if !self.stays_in.contains(&state) {
            return Ok(());
        }
        tokio::select! {
            biased;
            () = cx.cancelled() => Ok(()),
            tell = self.told.recv() => match tell {
                Some(Tell::Return) => Ok(()),
                Some(Tell::Fail) => Err(Error::msg("told to fail")),
                None => {
                    cx.cancelled().await;
                    Ok(())
                }
            },
        }
    }
}

impl Runner for Puppet {
    async fn init(&mut self, cx: &Context) -> rxd::Result {
        self.be_in(State::Init, cx).await
    }
    async fn idle(&mut self, cx: &Context) -> rxd::Result {
        self.be_in(State::Idle, cx).await
    }
    async fn run(&mut self, cx: &Context) -> rxd::Result {
        self.be_in(State::Run, cx).await
    }
    async fn stop(&mut self, cx: &Context) -> rxd::Result {
        self.be_in(State::Stop, cx).await
    }
}

/// Comes round so many times at once, and then stays in Run.
pub(crate) struct Spinner(pub u32);

impl Runner for Spinner {
    async fn run(&mut self, cx: &Context) -> rxd::Result {
        match self.0.checked_sub(1) {
            Some(left) => self.0 = left,
            None => cx.cancelled().await,
        }
        Ok(())
    }
}

/// How many transitions a spinner has made when it stays in Run.
pub(crate) fn transitions(rounds: u32) -> u64 {
    u64::from(rounds) * 8 + 5
}

/// A service without any pauses.
pub(crate) fn brisk(name: &str, runner: impl Runner) -> Service {
    Service::new(name.to_owned(), runner).options(Options::DEFAULT.backoff(Backoff::NONE))
}

/// A daemon of these services, started.
pub(crate) async fn start(services: impl IntoIterator<Item = Service>) -> DaemonHandle {
    start_with(Daemon::new("d"), services).await
}

pub(crate) async fn start_with(daemon: Daemon, services: impl IntoIterator<Item = Service>) -> DaemonHandle {
    daemon.signals([]).add_all(services).start().await.unwrap()
}

pub(crate) async fn end(handle: &DaemonHandle) {
    handle.shutdown();
    assert!(handle.wait().await.is_ok());
}
